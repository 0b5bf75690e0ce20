// SPDX-License-Identifier: GPL-2.0

//! The lock of a context.

use crate::{
    bindings, ffi,
    sync::lock::{
        spinlock::SpinLockBackend,
        Backend,
        Guard,
        Lock, //
    },
};

/// A spinlock that disables interrupts when it is taken, and restores their state when it is
/// dropped.
///
/// It wraps `spin_lock_irqsave()`. [`SpinLockIrq`](crate::sync::SpinLockIrq) is not used, because
/// it counts how often interrupts were disabled on a CPU, which costs about ten instructions more.
///
/// Guards must be dropped in the reverse order in which they were taken; otherwise interrupts are
/// enabled too early. Therefore no guard leaves the module `dma_buf`, and no function holds two
/// guards.
pub(super) type IrqSaveLock<T> = Lock<T, IrqSave>;

/// A guard of an [`IrqSaveLock`].
pub(super) type IrqSaveGuard<'a, T> = Guard<'a, T, IrqSave>;

/// The backend of an [`IrqSaveLock`].
pub(super) struct IrqSave;

// SAFETY: A `spinlock_t` ensures mutual exclusion. `relock` is the default implementation, which
// calls `lock`.
unsafe impl Backend for IrqSave {
    type State = bindings::spinlock_t;
    /// The interrupt flags of the CPU from before the lock was taken.
    type GuardState = ffi::c_ulong;

    unsafe fn init(
        ptr: *mut Self::State,
        name: *const ffi::c_char,
        key: *mut bindings::lock_class_key,
    ) {
        // SAFETY: By the safety requirements `ptr` is valid for writes, and `name` and `key` stay
        // valid.
        unsafe { SpinLockBackend::init(ptr, name, key) }
    }

    #[inline]
    unsafe fn lock(ptr: *mut Self::State) -> ffi::c_ulong {
        // SAFETY: By the safety requirements the lock at `ptr` is initialized.
        unsafe { bindings::spin_lock_irqsave(ptr) }
    }

    unsafe fn try_lock(_ptr: *mut Self::State) -> Option<ffi::c_ulong> {
        // Not implemented: no code calls `try_lock()` for the lock of a context.
        None
    }

    #[inline]
    unsafe fn unlock(ptr: *mut Self::State, flags: &ffi::c_ulong) {
        // SAFETY: By the safety requirements the caller holds the lock at `ptr`. `flags` are those
        // that `lock` returned.
        unsafe { bindings::spin_unlock_irqrestore(ptr, *flags) }
    }

    #[inline]
    unsafe fn assert_is_held(ptr: *mut Self::State) {
        // SAFETY: By the safety requirements the lock at `ptr` is initialized.
        unsafe { SpinLockBackend::assert_is_held(ptr) }
    }
}
