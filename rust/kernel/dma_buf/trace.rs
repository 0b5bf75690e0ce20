// SPDX-License-Identifier: GPL-2.0

//! Trace events of the fences of a driver.
//!
//! The events are defined in `rust/helpers/timeline_trace.h`. A C file of the driver creates them,
//! under a trace system of the driver's own. The driver's implementation of [`FenceOps`] calls
//! these functions:
//!
//! ```ignore
//! fn trace_signaled(fence: TracedFence<'_, Self>, status: Result, reason: Reason, time: Ktime) {
//!     trace::fence_signaled(fence, status, reason, time);
//! }
//!
//! fn trace_deadline(fence: TracedFence<'_, Self>, deadline: Ktime) {
//!     trace::fence_deadline(fence, deadline);
//! }
//! ```
//!
//! If a driver calls these functions and has no such C file, linking fails. An event that is off
//! costs a static branch.

#[cfg(CONFIG_TRACEPOINTS)]
use super::Cause;
use super::{
    FenceOps,
    Ktime,
    Reason,
    TracedFence, //
};
use crate::prelude::*;
#[cfg(CONFIG_TRACEPOINTS)]
use crate::{
    bindings,
    jump_label::static_branch_unlikely, //
};

/// Traces that a fence is about to signal, as the event `fence_signaled`.
///
/// `status`, `reason` and `time` are those of [`FenceOps::trace_signaled`].
#[inline(always)]
pub fn fence_signaled<O: FenceOps>(
    fence: TracedFence<'_, O>,
    status: Result,
    reason: Reason,
    time: Ktime,
) {
    #[cfg(CONFIG_TRACEPOINTS)]
    {
        // SAFETY: The key is a static variable of the C part of this module, and is not freed
        // before this code.
        let on = unsafe {
            static_branch_unlikely!(
                bindings::__tracepoint_fence_signaled,
                bindings::tracepoint,
                key
            )
        };
        if on {
            do_fence_signaled(fence, status, reason, time);
        }
    }
    #[cfg(not(CONFIG_TRACEPOINTS))]
    let _ = (fence, status, reason, time);
}

/// Traces that a waiter wants a fence to have signaled by `deadline`, as the event
/// `fence_deadline`.
#[inline(always)]
pub fn fence_deadline<O: FenceOps>(fence: TracedFence<'_, O>, deadline: Ktime) {
    #[cfg(CONFIG_TRACEPOINTS)]
    {
        // SAFETY: The key is a static variable of the C part of this module, and is not freed
        // before this code.
        let on = unsafe {
            static_branch_unlikely!(
                bindings::__tracepoint_fence_deadline,
                bindings::tracepoint,
                key
            )
        };
        if on {
            do_fence_deadline(fence, deadline);
        }
    }
    #[cfg(not(CONFIG_TRACEPOINTS))]
    let _ = (fence, deadline);
}

// The arguments of an event are prepared in a separate function. So an event that is off does not
// make the code around it larger, and does not keep that code from being inlined.

#[cfg(CONFIG_TRACEPOINTS)]
#[cold]
#[inline(never)]
fn do_fence_signaled<O: FenceOps>(
    fence: TracedFence<'_, O>,
    status: Result,
    reason: Reason,
    time: Ktime,
) {
    let status = status.map_or_else(|error| error.to_errno(), |()| 0);
    // SAFETY: By the invariant of `TracedFence` the fence and the strings are valid during the
    // call.
    unsafe {
        bindings::rust_do_trace_fence_signaled(
            fence.as_raw(),
            O::DRIVER_NAME.as_char_ptr(),
            fence.timeline_name().as_char_ptr(),
            status,
            name_of(reason).as_char_ptr(),
            time,
        )
    };
}

#[cfg(CONFIG_TRACEPOINTS)]
#[cold]
#[inline(never)]
fn do_fence_deadline<O: FenceOps>(fence: TracedFence<'_, O>, deadline: Ktime) {
    // SAFETY: By the invariant of `TracedFence` the fence and the strings are valid during the
    // call.
    unsafe {
        bindings::rust_do_trace_fence_deadline(
            fence.as_raw(),
            O::DRIVER_NAME.as_char_ptr(),
            fence.timeline_name().as_char_ptr(),
            deadline,
        )
    };
}

/// Returns the name of a reason in events.
#[cfg(CONFIG_TRACEPOINTS)]
fn name_of(reason: Reason) -> &'static CStr {
    match reason {
        Reason::Caused(Cause::Done) => c"done",
        Reason::Caused(Cause::TimedOut) => c"timed_out",
        Reason::Caused(Cause::Cancelled) => c"cancelled",
        Reason::Closed => c"closed",
        Reason::Unwound => c"unwound",
    }
}
