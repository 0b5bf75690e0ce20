// SPDX-License-Identifier: GPL-2.0

//! What the module parameters allow.

use crate::module_parameters as parameters;
use kernel::dma_buf::Ktime;

/// Nanoseconds in a millisecond.
const NSEC_PER_MSEC: Ktime = 1_000_000;

/// A day, in milliseconds: no fence needs to stay pending for longer.
const DAY_MS: u32 = 86_400_000;

/// Most that a quota may be set to.
const MAX_QUOTA: u32 = 1 << 20;

/// The module parameters, each brought into its range.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Default timeout of a fence, ns.
    pub(crate) timeout: Ktime,
    /// Longest timeout of a fence, ns.
    pub(crate) max_timeout: Ktime,
    /// Fences pending in a timeline.
    pub(crate) max_pending: u32,
    /// Timelines open by a user.
    pub(crate) max_timelines: u32,
    /// Timeout of a fence of the compatible node, ns.
    pub(crate) sw_sync_timeout: Ktime,
}

impl Limits {
    pub(crate) fn from_parameters() -> Self {
        let max_timeout = parameters::max_timeout_ms.value().clamp(1, DAY_MS);
        let timeout = parameters::timeout_ms.value().clamp(1, max_timeout);
        let sw_sync_timeout = parameters::sw_sync_timeout_ms.value().clamp(1, DAY_MS);
        Self {
            timeout: Ktime::from(timeout) * NSEC_PER_MSEC,
            max_timeout: Ktime::from(max_timeout) * NSEC_PER_MSEC,
            max_pending: parameters::max_pending.value().clamp(64, MAX_QUOTA),
            max_timelines: parameters::max_timelines.value().clamp(1, MAX_QUOTA),
            sw_sync_timeout: Ktime::from(sw_sync_timeout) * NSEC_PER_MSEC,
        }
    }
}
