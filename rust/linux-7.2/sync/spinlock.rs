// SPDX-License-Identifier: GPL-2.0

//! A kernel spinlock.

use crate::{
    bindings,
    prelude::*, //
};
use ::kernel::sync::lock::{
    Backend,
    Guard,
    Lock, //
};

/// Creates a [`SpinLockIrq`] initializer with the given name and a newly-created lock class.
///
/// It uses the name if one is given, otherwise it generates one based on the file name and line
/// number.
#[macro_export]
macro_rules! new_spinlock_irq {
    ($inner:expr $(, $name:literal)? $(,)?) => {
        $crate::sync::SpinLockIrq::new(
            $inner, $crate::optional_name!($($name)?), $crate::static_lock_class!())
    };
}

/// A variant of `SpinLock` that ensures interrupts are disabled in the critical section.
pub type SpinLockIrq<T> = Lock<T, SpinLockIrqBackend>;

/// A [`Guard`] acquired from locking a [`SpinLockIrq`].
pub type SpinLockIrqGuard<'a, T> = Guard<'a, T, SpinLockIrqBackend>;

/// A kernel `spinlock_t` lock backend that disables interrupts while the lock is held.
pub struct SpinLockIrqBackend;

// SAFETY: The underlying kernel `spinlock_t` object ensures mutual exclusion. `relock` uses the
// default implementation that always calls the same locking method.
unsafe impl Backend for SpinLockIrqBackend {
    type State = bindings::spinlock_t;
    type GuardState = ();

    #[inline]
    unsafe fn init(ptr: *mut Self::State, name: *const c_char, key: *mut bindings::lock_class_key) {
        // SAFETY: By the safety requirements, `ptr` is valid for writes, and `name` and `key` are
        // valid for reads indefinitely.
        unsafe { bindings::__spin_lock_init(ptr, name, key) }
    }

    #[inline]
    unsafe fn lock(ptr: *mut Self::State) -> Self::GuardState {
        // SAFETY: By the safety requirements, `ptr` points to an initialized lock.
        unsafe { bindings::spin_lock_irq_disable(ptr) }
    }

    #[inline]
    unsafe fn unlock(ptr: *mut Self::State, _guard_state: &Self::GuardState) {
        // SAFETY: By the safety requirements, the caller owns the lock that `ptr` points to.
        unsafe { bindings::spin_unlock_irq_enable(ptr) }
    }

    #[inline]
    unsafe fn try_lock(ptr: *mut Self::State) -> Option<Self::GuardState> {
        // SAFETY: By the safety requirements, `ptr` points to an initialized lock.
        let taken = unsafe { bindings::spin_trylock_irq_disable(ptr) };
        (taken != 0).then_some(())
    }

    #[inline]
    unsafe fn assert_is_held(ptr: *mut Self::State) {
        // SAFETY: By the safety requirements, `ptr` points to an initialized lock.
        unsafe { bindings::spin_assert_is_held(ptr) }
    }
}
