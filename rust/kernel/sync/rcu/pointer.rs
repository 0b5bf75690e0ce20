// SPDX-License-Identifier: GPL-2.0

//! An RCU-protected pointer to a value that may be replaced while RCU readers use it.

use super::{
    ForeignOwnableRcu,
    Guard,
    RcuAllocator,
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

/// An RCU-protected pointer: it owns a value that may be replaced while RCU readers use it.
///
/// This is the usual way to keep a configuration. Readers take no lock and write nothing. Each
/// reader sees one whole value, the old one or the new one. What a reader has found stays valid
/// until the end of its critical section, even if a writer replaces and drops the value meanwhile:
/// [`ForeignOwnableRcu`] guarantees that.
///
/// Writers need no lock for soundness: [`replace`](Self::replace) is one atomic exchange, and
/// returns each old value to one writer. A writer that makes the new value *from the old one* must
/// hold a lock of its own from reading the old value until the new value is in place. Otherwise the
/// writer may undo the change of another writer.
///
/// # Invariants
///
/// `ptr` was returned by [`ForeignOwnable::into_foreign`] of a `P`, and the `Rcu` owns that value.
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
///         rcu::{self, Published, Rcu, RcuFreeKBox},
///         Mutex,
///     },
/// };
///
/// #[pin_data]
/// struct Device {
///     limit: Rcu<RcuFreeKBox<Published<u32>>>,
///     /// Held while the limit is changed.
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
///         let limit = RcuFreeKBox::new(Published::new(limit), GFP_KERNEL)?;
///         drop(self.limit.replace(limit));
///         Ok(())
///     }
/// }
///
/// let limit = RcuFreeKBox::new(Published::new(4), GFP_KERNEL)?;
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
    // Makes the type invariant in `P`, because `replace` stores a `P` by a shared reference: a
    // value of a shorter lifetime must not be stored.
    _value: PhantomData<UnsafeCell<P>>,
}

// SAFETY: Sending the pointer sends the value that it owns, which is `Send`.
unsafe impl<P: ForeignOwnableRcu + Send> Send for Rcu<P> {}
// SAFETY: A shared pointer moves values in and out, which are `Send`, and lends them to readers on
// any CPU, which share them: they are `Sync`.
unsafe impl<P: ForeignOwnableRcu + Send + Sync> Sync for Rcu<P> {}

impl<P: ForeignOwnableRcu> Rcu<P> {
    /// Makes a pointer that owns `value`.
    pub fn new(value: P) -> Self {
        // INVARIANT: `ptr` is from `into_foreign` of `value`, which this pointer owns now.
        Self {
            ptr: Atomic::new(value.into_foreign()),
            _value: PhantomData,
        }
    }

    /// Returns what a reader sees of the value: a view or a shared reference.
    ///
    /// Any context. Does what `rcu_dereference()` does.
    pub fn dereference<'a>(&self, rcu: &'a Guard) -> P::RcuBorrowed<'a>
    where
        P: 'a,
    {
        // Pairs with the exchange in `replace`: the reader sees the value as it was when it was
        // stored.
        let ptr = self.ptr.load(Acquire);
        // SAFETY: By the type invariant, `ptr` is from `into_foreign`. It was stored here in the
        // critical section of `rcu`. Its value is dropped only after `ptr` was removed from here:
        // after `replace`, or by the destructor, which does not run while `self` is borrowed.
        unsafe { P::rcu_borrow(ptr, rcu) }
    }

    /// Stores a new value, and returns the old one.
    ///
    /// Readers that began before may use the old value until their critical sections end. The
    /// caller may nevertheless drop it at once, in any context in which a `P` may be dropped.
    ///
    /// Any context. Does what `rcu_replace_pointer()` does, by an atomic exchange.
    pub fn replace(&self, value: P) -> P {
        // INVARIANT: The new pointer is from `into_foreign` of `value`, which this owns from now
        // on. This no longer owns the old value.
        let old = self.ptr.xchg(value.into_foreign(), Full);
        // SAFETY: By the type invariant, `old` is from `into_foreign`, and its value was owned
        // here. The exchange returns `old` to no other caller.
        unsafe { P::from_foreign(old) }
    }
}

impl<P: ForeignOwnableRcu> Drop for Rcu<P> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant, `ptr` is from `into_foreign`, and its value is owned here.
        // Nobody else loads `ptr` any more.
        drop(unsafe { P::from_foreign(self.ptr.load(Relaxed)) });
    }
}

// SAFETY:
// - Readers: they reach the value through the structure that this pointer is a part of. The caller
//   of `drop_before_gp` keeps new readers out of that structure. So a reader that finds a box here
//   began before the box was dropped, be it by a caller of `replace` or by `drop_before_gp`.
// - Validity: the value keeps the promises for itself. Its box is freed one grace period after the
//   box was dropped.
// - No exclusive access: the pointer is only loaded, and `RcuFreeBox` gives nobody a `&mut`.
// - Nothing anew: a view can't replace the value.
// - Parts, destructors: `drop_before_gp` drops the box once, as the destructor would.
// - Context: `drop_before_gp` sleeps only if `drop_before_gp` of the value does.
unsafe impl<T: RcuFreeSafe + Sync, A: RcuAllocator> RcuFreeSafe for Rcu<RcuFreeBox<T, A>> {
    type RcuView<'a>
        = T::RcuView<'a>
    where
        Self: 'a;

    const DROPPED_BEFORE_GP: bool = true;

    unsafe fn rcu_view<'a>(self: Pin<&'a Self>, rcu: &'a Guard) -> T::RcuView<'a> {
        // SAFETY: By the type invariant, the pointer is from `into_foreign`. Its box is dropped
        // either after `replace` has removed it, so after this load in the critical section of
        // `rcu`, or by `drop_before_gp` below. For that, the caller promises that the section began
        // before the call.
        unsafe { <RcuFreeBox<T, A> as ForeignOwnableRcu>::rcu_borrow(self.ptr.load(Acquire), rcu) }
    }

    unsafe fn drop_before_gp(self: Pin<&Self>) {
        // SAFETY: By the type invariant, `ptr` is from `into_foreign`, and its box is owned here.
        // By the safety requirements, this method is called once and the destructor doesn't run, so
        // `from_foreign` is called once for the box.
        drop(unsafe { RcuFreeBox::<T, A>::from_foreign(self.ptr.load(Relaxed)) });
    }
}
