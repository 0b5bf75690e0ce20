// SPDX-License-Identifier: GPL-2.0

//! RCU support.

use crate::bindings;
#[doc(no_inline)]
pub use ::kernel::sync::rcu::*;

/// Waits until all in-flight `call_rcu()` callbacks complete.
///
/// May sleep. It does not necessarily wait for a grace period.
#[inline]
pub fn rcu_barrier() {
    // SAFETY: `rcu_barrier()` has no requirement but that the caller may sleep.
    unsafe { bindings::rcu_barrier() };
}
