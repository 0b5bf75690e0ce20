// SPDX-License-Identifier: GPL-2.0

//! Taints: flags that the kernel prints with its reports, to warn the readers of a log.
//!
//! C header: [`include/linux/panic.h`](srctree/include/linux/panic.h)

use crate::bindings;

/// A taint of the kernel: one of the `TAINT_…` flags.
#[derive(Clone, Copy)]
pub struct Taint(u32);

impl Taint {
    /// Tasks may wait for so long that the kernel looks hung (`TAINT_SOFTLOCKUP`).
    pub const SOFTLOCKUP: Self = Self(bindings::TAINT_SOFTLOCKUP);
}

/// Taints the kernel until the next boot. Returns whether the kernel was tainted.
///
/// Lockdep stays enabled. If the kernel is trimmed to symbol lists (`CONFIG_TRIM_UNUSED_KSYMS`),
/// the function does nothing and returns `false`: no symbol list of GKI has `add_taint()`.
///
/// Any context. Wraps `add_taint()`.
///
/// # Examples
///
/// ```
/// use kernel::taint::{add_taint, Taint};
///
/// fn allow_long_waits() {
///     if !add_taint(Taint::SOFTLOCKUP) {
///         pr_warn!("tasks may look hung\n");
///     }
/// }
/// ```
pub fn add_taint(taint: Taint) -> bool {
    // SAFETY: `taint` is a flag that the kernel defines. It may be added at any time.
    unsafe { bindings::add_taint_if_exported(taint.0) }
}
