// SPDX-License-Identifier: GPL-2.0

//! The contract of values that RCU frees without running a destructor.

use super::Guard;
use crate::prelude::*;
use core::{
    mem::needs_drop,
    ops::Deref, //
};

/// Values that can be unshared, and freed one grace period later without a destructor.
///
/// Such a value is in an [`RcuFreeBox`], or is a part of a value that is. Readers get a view of the
/// value. The owner gets a shared reference to the value.
///
/// # What a view may contain
///
/// A view may contain only what stays valid until the end of the critical section in which the view
/// was made. It must not have a method that makes the value reachable for readers anew (that
/// registers a waiter, or links a child). It must not give out `&Self`: the view borrows from the
/// guard, and the owner may drop the value before the guard is dropped.
///
/// # Why there is no `&mut`
///
/// A reader may be making a view of the value, or have one, at any time. So nobody gets a `&mut` to
/// the value or to a part of it while the value is in a box: neither the owner nor
/// [`drop_before_gp`](Self::drop_before_gp). The value changes through interior mutability only
/// ([`Atomic`], [`SetOnce`], a lock). Then a reader may create a `&Self`, which claims only that
/// memory outside of an [`UnsafeCell`] does not change. The value can't be moved or overwritten
/// either: each of its parts is pinned, however the part was declared.
///
/// # What happens to destructors
///
/// An [`RcuFreeBox`] never runs a destructor, and does not compile for a type that has one. If a
/// destructor is needed, there are three ways:
///
/// - Readers do not see the part that has the destructor. Then
///   [`drop_before_gp`](Self::drop_before_gp) drops that part, before the grace period. The
///   implementer sets [`DROPPED_BEFORE_GP`](Self::DROPPED_BEFORE_GP).
/// - Readers see the part. Then the part is in a box of its own.
/// - The whole value is in an [`RcuBox`], which runs the destructor after the grace period.
///
/// A value that is not in an [`RcuFreeBox`] is dropped by its destructor, like any other value.
/// Nothing calls its [`drop_before_gp`](Self::drop_before_gp) then.
///
/// # Examples
///
/// [`Published`] is the simplest implementer. This one is written by hand. Its log is dropped when
/// the route is unshared:
///
/// ```
/// use core::{cell::UnsafeCell, mem::ManuallyDrop};
/// use kernel::sync::rcu::{self, RcuFreeKBox, RcuFreeSafe};
///
/// struct Route {
///     /// The part that readers see.
///     metric: u32,
///     /// Only the owner accesses the log.
///     log: UnsafeCell<ManuallyDrop<KVec<u32>>>,
/// }
///
/// // SAFETY: Through a `&Route` only `metric` can be accessed, which is a number. The log is in a
/// // private field, and only `drop_before_gp` accesses it.
/// unsafe impl Sync for Route {}
///
/// // SAFETY: Readers reach a route through its box only. A view has the metric only, which nobody
/// // writes. `drop_before_gp` doesn't sleep.
/// unsafe impl RcuFreeSafe for Route {
///     type RcuView<'a> = &'a u32;
///
///     unsafe fn rcu_view<'a>(self: Pin<&'a Self>, _rcu: &'a rcu::Guard) -> &'a u32 {
///         &self.get_ref().metric
///     }
///
///     unsafe fn drop_before_gp(self: Pin<&Self>) {
///         // SAFETY: `drop_before_gp` is called once. No view has the log, and the owner no longer
///         // accesses it.
///         unsafe { ManuallyDrop::drop(&mut *self.log.get()) };
///     }
/// }
///
/// let route = Route {
///     metric: 3,
///     log: UnsafeCell::new(ManuallyDrop::new(KVec::new())),
/// };
/// let route = RcuFreeKBox::new(route, GFP_KERNEL)?;
/// assert_eq!(*route.with_rcu(&rcu::read_lock()), 3);
/// # Ok::<(), Error>(())
/// ```
///
/// # Safety
///
/// Implementers must ensure:
///
/// - *Readers.* Some stores keep new readers out: setting a flag that readers test, or unlinking an
///   element. [`drop_before_gp`](Self::drop_before_gp) makes every such store that the caller has
///   not made before the call. So after its return, no reader whose critical section begins later
///   reaches the value.
/// - *Validity.* What a view reaches stays valid until the end of the critical section in which the
///   view was made, if that section began before the *call* of
///   [`drop_before_gp`](Self::drop_before_gp). If [`drop_before_gp`](Self::drop_before_gp) makes
///   some of the stores above, the same holds for a section that began before its *return*. In
///   particular, [`drop_before_gp`](Self::drop_before_gp) does not free at once what views reach.
///   (A part that is replaced may be freed while the rest stays.)
/// - *No exclusive access.* Neither method creates a `&mut` to memory that a view or a `&Self`
///   covers. An exception is memory inside an [`UnsafeCell`] that no view reaches.
/// - *Nothing anew.* A view has no method that makes the value, or a part of it, reachable for
///   readers whose critical sections begin later.
/// - *Parts.* If the value is composed of parts, new readers are kept out of the whole before
///   [`drop_before_gp`](Self::drop_before_gp) of the first part is called: that call may queue the
///   memory of the part to be freed. [`drop_before_gp`](Self::drop_before_gp) is called once for
///   each part that is an [`RcuFreeSafe`] with [`DROPPED_BEFORE_GP`](Self::DROPPED_BEFORE_GP).
/// - *Destructors.* If [`DROPPED_BEFORE_GP`](Self::DROPPED_BEFORE_GP) is true, then
///   [`drop_before_gp`](Self::drop_before_gp) releases everything that the destructor of `Self`
///   would release. Soundness must not depend on this call, because a value may be leaked.
/// - *Context.* [`drop_before_gp`](Self::drop_before_gp) does not sleep, unless the implementer's
///   documentation says so: the owner may be dropped in atomic context.
///
/// [`Atomic`]: crate::sync::atomic::Atomic
/// [`SetOnce`]: crate::sync::SetOnce
/// [`UnsafeCell`]: core::cell::UnsafeCell
/// [`RcuFreeBox`]: super::RcuFreeBox
/// [`RcuBox`]: super::RcuBox
pub unsafe trait RcuFreeSafe {
    /// The view: what a reader gets of the value.
    type RcuView<'a>
    where
        Self: 'a;

    /// Whether [`drop_before_gp`](Self::drop_before_gp) does what the destructor would do.
    ///
    /// If this is false, a type that has a destructor, or a field with a destructor, can't be in an
    /// [`RcuFreeBox`](super::RcuFreeBox).
    const DROPPED_BEFORE_GP: bool = false;

    /// Returns a view of the value, for as long as the caller stays in the critical section of
    /// `rcu`.
    ///
    /// Safe code calls [`RcuBox::with_rcu`](super::RcuBox::with_rcu).
    ///
    /// # Safety
    ///
    /// Callers must ensure:
    ///
    /// - The value is in a box, or is a part of a value that is. Nobody has a `&mut` to the value,
    ///   now or later.
    /// - If [`drop_before_gp`](Self::drop_before_gp) may be called before the critical section of
    ///   `rcu` ends, then that section began before the call, or the caller reached the value in
    ///   that section by a way that `drop_before_gp` of this type closes.
    unsafe fn rcu_view<'a>(self: Pin<&'a Self>, rcu: &'a Guard) -> Self::RcuView<'a>;

    /// Unshares the value: makes it unreachable for readers that begin after the return.
    ///
    /// A reader may reach the value in two ways: through the structure that contains it, or by a
    /// pointer that the type itself has stored elsewhere, such as an entry of a wait queue. The
    /// caller closes ways of the first kind before the call. This method closes ways of the second
    /// kind.
    ///
    /// # Safety
    ///
    /// Callers must ensure:
    ///
    /// - This method is called once. From then on, only readers use the value, through views.
    /// - A reader whose critical section begins after the *call* does not reach the value, except
    ///   by a way that this method of this type closes.
    /// - The memory stays valid until the end of a grace period that begins after the return.
    /// - No destructor of the value runs.
    unsafe fn drop_before_gp(self: Pin<&Self>);
}

/// Returns whether a box or a composition need not run the destructor of `T`.
#[doc(hidden)]
pub const fn is_dropped_before_gp<T: RcuFreeSafe>() -> bool {
    T::DROPPED_BEFORE_GP || !needs_drop::<T>()
}

/// A value without a destructor, to which readers get a shared reference.
///
/// The value may change through interior mutability ([`Atomic`], [`SetOnce`], a spin lock).
///
/// Readers get a reference to the value itself. So the value must not be, or contain, a value that
/// must be unshared, such as a [`PollCondVar`]. Such a value has a destructor, and a value with a
/// destructor does not compile here.
///
/// [`Atomic`]: crate::sync::atomic::Atomic
/// [`PollCondVar`]: crate::sync::poll::PollCondVar
/// [`SetOnce`]: crate::sync::SetOnce
///
/// # Examples
///
/// ```
/// use kernel::sync::rcu::{self, Published, RcuFreeKBox};
///
/// let answer = RcuFreeKBox::new(Published::new(42), GFP_KERNEL)?;
/// assert_eq!(*answer.with_rcu(&rcu::read_lock()), 42);
/// # Ok::<(), Error>(())
/// ```
#[pin_data]
pub struct Published<T> {
    #[pin]
    value: T,
}

impl<T: Sync> Published<T> {
    const NO_DESTRUCTOR: () = assert!(
        !needs_drop::<T>(),
        "a published value's destructor would never run: use `RcuBox`"
    );

    /// Publishes `value`.
    pub const fn new(value: T) -> Self {
        const { Self::NO_DESTRUCTOR };
        Self { value }
    }

    /// Returns an initializer that publishes a value and initializes it in place, by `init`.
    pub fn pin_new<E>(init: impl PinInit<T, E>) -> impl PinInit<Self, E> {
        const { Self::NO_DESTRUCTOR };
        pin_init!(Self {
            value <- init,
        }? E)
    }
}

impl<T> Deref for Published<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

// SAFETY:
// - Readers: they reach the value through the value that contains it. The caller of
//   `drop_before_gp` keeps new readers out of that.
// - Validity: a view is a reference to the value, which is pinned. The value has no destructor, as
//   the constructors assert, so nothing in it must be unshared.
// - No exclusive access, parts, destructors, context: `drop_before_gp` does nothing.
// - Nothing anew: nothing in the value is an `RcuFreeSafe` that must be unshared.
unsafe impl<T: Sync> RcuFreeSafe for Published<T> {
    type RcuView<'a>
        = &'a T
    where
        T: 'a;

    unsafe fn rcu_view<'a>(self: Pin<&'a Self>, _rcu: &'a Guard) -> &'a T {
        &self.get_ref().value
    }

    unsafe fn drop_before_gp(self: Pin<&Self>) {}
}
