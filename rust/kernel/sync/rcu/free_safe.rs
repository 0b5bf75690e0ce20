// SPDX-License-Identifier: GPL-2.0

//! What a value promises to be freed by RCU without a destructor.

use super::Guard;
use crate::prelude::*;
use core::{
    mem::needs_drop,
    ops::Deref, //
};

/// Values that can be unshared, and freed one grace period later without a destructor.
///
/// Such a value is in an [`RcuFreeBox`], or is a part of one that is. Readers see a view of it;
/// the owner sees the value, by a shared reference.
///
/// # What a view may contain
///
/// Only what stays valid until the end of the critical section in which the view was made. A view
/// has no method that would make the value reachable for readers anew (register a waiter, link a
/// child), and it does not hand out `&Self`: its borrow is that of the guard, and the owner may be
/// gone before the guard is.
///
/// # Why there is no `&mut`
///
/// A reader may be making a view of the value, or have one, at any time. So nobody gets a `&mut` to
/// the value or to a part of it while it is in a box: neither the owner nor
/// [`drop_before_gp`](Self::drop_before_gp). What changes does so through interior mutability
/// ([`Atomic`], [`SetOnce`], a lock). A `&Self` that a reader's path creates is then sound, since
/// it claims only that what is not in an [`UnsafeCell`] does not change. Nor can a value be moved
/// or overwritten: each of its parts is pinned, however the part was declared.
///
/// # What happens to destructors
///
/// None runs in an [`RcuFreeBox`], which does not compile for a type that has one. If the value has
/// something that must be given up, [`drop_before_gp`](Self::drop_before_gp) does that, before the
/// grace period; the implementer says so by [`DROPPED_BEFORE_GP`](Self::DROPPED_BEFORE_GP). If
/// readers see what must be given up, it is in a box of its own ([`RcuOnce`]), or the whole is in
/// an [`RcuBox`], which runs the destructor after the grace period.
///
/// Elsewhere than in an [`RcuFreeBox`] a value is dropped by its destructor, like any other, and
/// nothing calls [`drop_before_gp`](Self::drop_before_gp).
///
/// # Examples
///
/// [`Published`] is the simplest implementer. A larger one is composed of others by
/// [`rcu_view!`](crate::rcu_view). By hand, with a part that is dropped when the whole is unshared:
///
/// ```
/// use core::{cell::UnsafeCell, mem::ManuallyDrop};
/// use kernel::sync::rcu::{self, RcuFreeBox, RcuFreeSafe};
///
/// struct Route {
///     /// What readers see.
///     metric: u32,
///     /// The owner's alone.
///     log: UnsafeCell<ManuallyDrop<KVec<u32>>>,
/// }
///
/// // SAFETY: There is no way to a route but the box. A view has the metric only, which is never
/// // written. `drop_before_gp` doesn't sleep.
/// unsafe impl RcuFreeSafe for Route {
///     type RcuView<'a> = &'a u32;
///
///     unsafe fn rcu_view<'a>(self: Pin<&'a Self>, _rcu: &'a rcu::Guard) -> &'a u32 {
///         &self.get_ref().metric
///     }
///
///     unsafe fn drop_before_gp(self: Pin<&Self>) {
///         // SAFETY: This is called once, no view has the log, and nobody else accesses it.
///         unsafe { ManuallyDrop::drop(&mut *self.log.get()) };
///     }
/// }
///
/// let route: RcuFreeBox<Route> = RcuFreeBox::pin_init(
///     init!(Route {
///         metric: 3,
///         log: UnsafeCell::new(ManuallyDrop::new(KVec::new())),
///     }),
///     GFP_KERNEL,
/// )?;
/// assert_eq!(*route.rcu_view(&rcu::read_lock()), 3);
/// # Ok::<(), Error>(())
/// ```
///
/// # Safety
///
/// Implementers must ensure:
///
/// - *Readers.* [`drop_before_gp`](Self::drop_before_gp) makes every store that keeps new readers
///   out which is not made by the caller before the call (a flag that readers test, an element that
///   is unlinked). So, when it has returned, nobody reaches the value whose critical section begins
///   after that.
/// - *Validity.* What a view reaches stays valid until the end of the critical section in which the
///   view was made, if that section began before the *call* of
///   [`drop_before_gp`](Self::drop_before_gp); if some of the stores above are made by it, also if
///   the section began before its return. In particular, it does not free at once what views reach.
///   (A part that is replaced may go while the rest stays: see [`Rcu`](super::Rcu).)
/// - *No exclusive access.* Neither of the methods creates a `&mut` to anything that a view or a
///   `&Self` covers, except inside an [`UnsafeCell`], to what no view reaches.
/// - *Nothing anew.* A view has no method that makes the value, or a part of it, reachable for
///   readers whose critical sections begin later.
/// - *Parts.* If the value is composed of others, new readers are kept out of the whole before
///   [`drop_before_gp`](Self::drop_before_gp) of the first part is called: the memory of a part may
///   be queued to be freed by that call. It is called once for each part that is an [`RcuFreeSafe`]
///   with [`DROPPED_BEFORE_GP`](Self::DROPPED_BEFORE_GP).
/// - *Destructors.* If [`DROPPED_BEFORE_GP`](Self::DROPPED_BEFORE_GP) is true, then
///   [`drop_before_gp`](Self::drop_before_gp) gives up all that the destructor of `Self` would.
///   Soundness does not depend on its being called, though: a value may be leaked.
/// - *Context.* [`drop_before_gp`](Self::drop_before_gp) does not sleep, unless the implementer's
///   documentation says so: the owner may be dropped in atomic context.
///
/// [`Atomic`]: crate::sync::atomic::Atomic
/// [`SetOnce`]: crate::sync::SetOnce
/// [`UnsafeCell`]: core::cell::UnsafeCell
/// [`RcuFreeBox`]: super::RcuFreeBox
/// [`RcuBox`]: super::RcuBox
/// [`RcuOnce`]: super::RcuOnce
pub unsafe trait RcuFreeSafe {
    /// What a reader sees of the value.
    type RcuView<'a>
    where
        Self: 'a;

    /// Whether [`drop_before_gp`](Self::drop_before_gp) does what the destructor would.
    ///
    /// A type that has a destructor, or a field with one, and does not set this, can't be in an
    /// [`RcuFreeBox`](super::RcuFreeBox).
    const DROPPED_BEFORE_GP: bool = false;

    /// Returns what readers see, for as long as they stay in the critical section of `rcu`.
    ///
    /// Safe code calls [`RcuFreeBox::rcu_view`](super::RcuFreeBox::rcu_view).
    ///
    /// # Safety
    ///
    /// Callers must ensure:
    ///
    /// - The value is in a box, or is a part of one that is, and nobody has a `&mut` to it, now or
    ///   later.
    /// - If [`drop_before_gp`](Self::drop_before_gp) may be called before the critical section of
    ///   `rcu` ends, then that section began before the call, or the caller came to the value in it
    ///   by a way that `drop_before_gp` of this type closes.
    unsafe fn rcu_view<'a>(self: Pin<&'a Self>, rcu: &'a Guard) -> Self::RcuView<'a>;

    /// Unshares the value.
    ///
    /// # Safety
    ///
    /// Callers must ensure:
    ///
    /// - It is called once. From then on only readers use the value, through views.
    /// - No reader reaches the value whose critical section begins after the *call*, except by a
    ///   way that this method of this type closes.
    /// - The memory stays valid until the end of a grace period that begins after the return.
    /// - No destructor of the value runs.
    unsafe fn drop_before_gp(self: Pin<&Self>);
}

/// Whether a box or a composition may leave out the destructor of `T`.
#[doc(hidden)]
pub const fn is_dropped_before_gp<T: RcuFreeSafe>() -> bool {
    T::DROPPED_BEFORE_GP || !needs_drop::<T>()
}

/// A value without a destructor that readers share as it is.
///
/// If the value changes, it does so through interior mutability ([`Atomic`], [`SetOnce`], a spin
/// lock).
///
/// Readers get a reference to the value itself. So it can't be, or contain, one that must be
/// unshared, as a [`PollCondVar`] or an [`RcuOnce`]: these have a destructor, and a value with a
/// destructor does not compile.
///
/// [`Atomic`]: crate::sync::atomic::Atomic
/// [`PollCondVar`]: crate::sync::poll::PollCondVar
/// [`RcuOnce`]: super::RcuOnce
/// [`SetOnce`]: crate::sync::SetOnce
///
/// # Examples
///
/// ```
/// use kernel::sync::rcu::{self, Published, RcuFreeBox};
///
/// let answer: RcuFreeBox<_> = RcuFreeBox::pin_init(Published::new(42), GFP_KERNEL)?;
/// assert_eq!(*answer.rcu_view(&rcu::read_lock()), 42);
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
    pub fn new(value: T) -> impl PinInit<Self> {
        Self::pin_new(value)
    }

    /// Publishes a value that is initialised in place.
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
// - Readers: the value itself is no way for them; they come by what contains it.
// - Validity: a view is a reference to the value, which stays where it is. It has no destructor, as
//   the constructors assert, so neither has anything in it that would have to be unshared.
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
