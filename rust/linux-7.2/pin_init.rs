// SPDX-License-Identifier: GPL-2.0

//! The `pin_init` crate of Linux 7.2, with items that only the crate of Linux 7.3 has.

#![crate_name = "pin_init_7_2"]

#[doc(no_inline)]
pub use ::pin_init::*;

/// Fallibly initializes `slot` with an initializer.
///
/// # Safety
///
/// Callers must ensure that:
///
/// - `slot` is a valid pointer to uninitialized memory.
/// - If an error is returned, `slot` is not touched except to deallocate it.
/// - `slot` is not moved until it is dropped, that is, it is pinned.
#[inline(always)]
pub unsafe fn raw_try_init<T, E>(slot: *mut T, init: impl PinInit<T, E>) -> Result<(), E> {
    // SAFETY: By the safety requirements of this function, `slot` is what `__pinned_init` requires.
    unsafe { init.__pinned_init(slot) }
}
