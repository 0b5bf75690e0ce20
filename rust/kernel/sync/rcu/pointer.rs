// SPDX-License-Identifier: GPL-2.0

//! A value that is replaced while RCU readers look at it.

use super::{
    ForeignOwnableRcu,
    Guard,
    KvfreeAllocator,
    RcuFreeBox,
    RcuFreeSafe, //
};
use crate::{
    prelude::*,
    sync::atomic::{
        ordering::{
            Acquire,
            Full,
            Relaxed, //
        },
        Atomic, //
    },
    types::ForeignOwnable, //
};
use core::{
    cell::UnsafeCell,
    marker::PhantomData, //
};

/// An RCU-protected pointer: it owns a value that may be replaced while RCU readers look at it.
///
/// This is the usual way to keep a configuration: readers take no lock and write nothing, and each
/// sees one whole value, the old one or the new one. What a reader has found stays until the end of
/// its critical section, also if the value is replaced and dropped meanwhile: that is what
/// [`ForeignOwnableRcu`] is for.
///
/// Writers need no lock to be safe: [`replace`](Self::replace) is one atomic exchange, and each
/// value comes back to one of them. A writer that makes the new value *from the old one* must hold
/// a lock of its own from looking at the old one until the new one is in place, or it undoes what
/// another one did in between.
///
/// # Invariants
///
/// `ptr` was returned by [`ForeignOwnable::into_foreign`] of `P`, and the value that it stands for
/// is owned by this.
///
/// C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)
/// (`rcu_dereference()`, `rcu_replace_pointer()`)
///
/// [`ForeignOwnable::into_foreign`]: crate::types::ForeignOwnable::into_foreign
///
/// # Examples
///
/// ```
/// use kernel::{
///     new_mutex,
///     sync::{
///         rcu::{self, Published, Rcu, RcuFreeBox},
///         Mutex,
///     },
/// };
///
/// #[pin_data]
/// struct Device {
///     limit: Rcu<RcuFreeBox<Published<u32>>>,
///     /// Held by who changes the limit.
///     #[pin]
///     change: Mutex<()>,
/// }
///
/// impl Device {
///     fn limit(&self) -> u32 {
///         *self.limit.dereference(&rcu::read_lock())
///     }
///
///     fn double(&self) -> Result {
///         let _change = self.change.lock();
///         let limit = self.limit() * 2;
///         let limit = RcuFreeBox::pin_init(Published::new(limit), GFP_KERNEL)?;
///         drop(self.limit.replace(limit));
///         Ok(())
///     }
/// }
///
/// let limit = RcuFreeBox::pin_init(Published::new(4), GFP_KERNEL)?;
/// let device = KBox::pin_init(
///     pin_init!(Device { limit: Rcu::new(limit), change <- new_mutex!(()) }),
///     GFP_KERNEL,
/// )?;
///
/// assert_eq!(device.limit(), 4);
/// device.double()?;
/// assert_eq!(device.limit(), 8);
/// # Ok::<(), Error>(())
/// ```
pub struct Rcu<P: ForeignOwnableRcu> {
    ptr: Atomic<*mut c_void>,
    // Invariant in `P`, like anything into which a shared reference puts values: one that lives
    // for a shorter time must not get in.
    _value: PhantomData<UnsafeCell<P>>,
}

// SAFETY: Sending the pointer sends the value that it owns.
unsafe impl<P: ForeignOwnableRcu + Send> Send for Rcu<P> {}
// SAFETY: A shared pointer takes and gives values, and lends them to readers on any CPU.
unsafe impl<P: ForeignOwnableRcu + Send + Sync> Sync for Rcu<P> {}

impl<P: ForeignOwnableRcu> Rcu<P> {
    /// Makes a pointer to a value.
    pub fn new(value: P) -> Self {
        // INVARIANT: The pointer comes from `into_foreign`, and `value` is given up.
        Self {
            ptr: Atomic::new(value.into_foreign()),
            _value: PhantomData,
        }
    }

    /// Returns what a reader sees of the value (`rcu_dereference()`). Any context.
    pub fn dereference<'a>(&self, rcu: &'a Guard) -> P::RcuBorrowed<'a>
    where
        P: 'a,
    {
        // Pairs with `replace`: the value is seen as it was when it was put here.
        let ptr = self.ptr.load(Acquire);
        // SAFETY: By the type invariant `ptr` came from `into_foreign`. It was here in the critical
        // section of `rcu`, and its value is dropped only after it was taken out: by `replace`, or
        // by the destructor, which does not run while `self` is borrowed.
        unsafe { P::rcu_borrow(ptr, rcu) }
    }

    /// Puts a value here, and returns the one that was here. Any context.
    ///
    /// Readers that began before may have the old one until their critical sections end. It may be
    /// dropped at once nevertheless, where `P` may be dropped.
    pub fn replace(&self, value: P) -> P {
        // INVARIANT: The pointer comes from `into_foreign`, and `value` is given up. The old value
        // is no longer owned by this.
        let old = self.ptr.xchg(value.into_foreign(), Full);
        // SAFETY: By the type invariant `old` came from `into_foreign`, and this owned the value;
        // the exchange gives it to nobody else.
        unsafe { P::from_foreign(old) }
    }
}

impl<P: ForeignOwnableRcu> Drop for Rcu<P> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the pointer came from `into_foreign`, and this owns the
        // value. Nobody comes to it by this any more.
        drop(unsafe { P::from_foreign(self.ptr.load(Relaxed)) });
    }
}

// SAFETY:
// - Readers come to the value through what this is a part of, of which new ones are kept out by the
//   caller of `drop_before_gp`. So a reader that finds a value here began before its box is
//   dropped: by who has replaced it, or by `drop_before_gp`.
// - Validity: the value keeps the promises for itself, and its box is freed one grace period after
//   it was dropped.
// - No exclusive access: the pointer is only loaded, and `RcuFreeBox` gives nobody a `&mut`.
// - Nothing anew: a view can't replace the value.
// - Parts, destructors: the box is dropped, once, by `drop_before_gp`, as the destructor would.
// - Context: `drop_before_gp` sleeps if that of the value does.
unsafe impl<T: RcuFreeSafe + Sync, A: KvfreeAllocator> RcuFreeSafe for Rcu<RcuFreeBox<T, A>> {
    type RcuView<'a>
        = T::RcuView<'a>
    where
        Self: 'a;

    const DROPPED_BEFORE_GP: bool = true;

    unsafe fn rcu_view<'a>(self: Pin<&'a Self>, rcu: &'a Guard) -> T::RcuView<'a> {
        // SAFETY: By the type invariant the pointer came from `into_foreign`. Its box is dropped
        // either by who has replaced it, after this load in the critical section of `rcu`, or by
        // `drop_before_gp` below, for which the caller's promise about the section holds.
        unsafe { <RcuFreeBox<T, A> as ForeignOwnableRcu>::rcu_borrow(self.ptr.load(Acquire), rcu) }
    }

    unsafe fn drop_before_gp(self: Pin<&Self>) {
        // SAFETY: By the safety requirements this is called once, and the destructor doesn't run:
        // this gives the box away once. By the type invariant it owned it.
        drop(unsafe { RcuFreeBox::<T, A>::from_foreign(self.ptr.load(Relaxed)) });
    }
}
