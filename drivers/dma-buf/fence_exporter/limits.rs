// SPDX-License-Identifier: GPL-2.0

//! The limits that the module parameters set.

use crate::module_parameters as parameters;
use kernel::{
    dma_buf::Ktime,
    prelude::*,
    taint::{
        add_taint,
        Taint, //
    },
};

/// The nanoseconds of a millisecond.
const NSEC_PER_MSEC: Ktime = 1_000_000;

/// A day, in milliseconds: the longest timeout that a parameter can set. No fence needs to stay
/// pending for longer.
const DAY_MS: u32 = 86_400_000;

/// The longest timeout without a taint, in ns. If a fence is pending for longer, tasks that wait
/// for it may be reported as hung.
///
/// A fence of vgem stays pending for up to this time, and the kernel allows that without a taint.
const SAFE_TIMEOUT: Ktime = 10_000 * NSEC_PER_MSEC;

/// The most that a quota may be set to.
const MAX_QUOTA: u32 = 1 << 20;

/// The module parameters, each clamped to its range.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// The default timeout of a fence, in ns.
    pub(crate) timeout: Ktime,
    /// The longest timeout of a fence, in ns.
    pub(crate) max_timeout: Ktime,
    /// The most fences that may be pending in a timeline.
    pub(crate) max_pending: u32,
    /// The most timelines that a user may have open.
    pub(crate) max_timelines: u32,
    /// Whether the module provides `/dev/sw_sync`.
    pub(crate) sw_sync: bool,
    /// The timeout of a fence of `/dev/sw_sync`, in ns.
    pub(crate) sw_sync_timeout: Ktime,
}

impl Limits {
    /// Reads the module parameters.
    pub(crate) fn from_parameters() -> Self {
        let max_timeout = parameters::max_timeout_ms.value().clamp(1, DAY_MS);
        let timeout = parameters::timeout_ms.value().clamp(1, max_timeout);
        let sw_sync_timeout = parameters::sw_sync_timeout_ms.value().clamp(1, DAY_MS);
        Self {
            timeout: Ktime::from(timeout) * NSEC_PER_MSEC,
            max_timeout: Ktime::from(max_timeout) * NSEC_PER_MSEC,
            max_pending: parameters::max_pending.value().clamp(64, MAX_QUOTA),
            max_timelines: parameters::max_timelines.value().clamp(1, MAX_QUOTA),
            sw_sync: parameters::sw_sync.value(),
            sw_sync_timeout: Ktime::from(sw_sync_timeout) * NSEC_PER_MSEC,
        }
    }

    /// Taints the kernel if a fence may be pending for longer than [`SAFE_TIMEOUT`], and logs a
    /// warning.
    pub(crate) fn taint_if_unsafe(&self) {
        let longest = if self.sw_sync {
            self.max_timeout.max(self.sw_sync_timeout)
        } else {
            self.max_timeout
        };
        if longest > SAFE_TIMEOUT {
            let taints = if add_taint(Taint::SOFTLOCKUP) {
                "taints"
            } else {
                "would taint"
            };
            pr_warn!(
                "fences may be pending for {} ms: more than {} ms {taints} the kernel\n",
                longest / NSEC_PER_MSEC,
                SAFE_TIMEOUT / NSEC_PER_MSEC
            );
        }
    }
}
