// SPDX-License-Identifier: GPL-2.0

//! The state of a timeline: its properties, and what it has done so far.

use crate::{
    uapi::{
        fence_exporter_info, FENCE_EXPORTER_FEATURE_FAILED, FENCE_EXPORTER_INFO_DEADLINE,
        FENCE_EXPORTER_INFO_ENGINE, FENCE_EXPORTER_INFO_EVENTS,
    },
    EventKind, Status,
};
use serde::Serialize;
use std::{collections::HashMap, ffi::c_char};

/// The last fence of a timeline that completed with an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct LastFailed {
    /// The sequence number of the fence. No later fence of the timeline has failed.
    pub seqno: u64,
    /// The error.
    pub status: Status,
}

/// The state of a timeline, from FENCE_EXPORTER_IOC_INFO or from `/proc/<pid>/fdinfo/<fd>`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct State {
    /// The name of the timeline.
    pub name: String,
    /// The number of the timeline's dma-fence context.
    pub context: u64,
    /// The sequence number of the last fence created; 0 if there is none.
    pub last_seqno: u64,
    /// All fences up to this sequence number have signaled.
    pub signaled_seqno: u64,
    /// How many fences have not signaled.
    pub pending: u64,
    /// How many fences completed by SIGNAL, SIGNAL_AT or SUBMIT.
    pub signaled: u64,
    /// How many fences completed because of a timeout.
    pub timed_out: u64,
    /// How many fences completed because a job that they needed was cancelled.
    pub cancelled: u64,
    /// How many fences completed with an error, for whatever reason. `None` if the module does not
    /// tell.
    pub failed: Option<u64>,
    /// The last fence that completed with an error. `None` if there is none, or if the module does
    /// not tell.
    pub last_failed: Option<LastFailed>,
    /// The earliest deadline of a pending fence (ns), which may be 0. `None` if no pending fence
    /// has a deadline.
    pub deadline_ns: Option<u64>,
    /// The timeout of each fence (ns).
    pub timeout_ns: u64,
    /// Whether the timeline keeps a queue of events.
    pub events: bool,
    /// The kinds of events that are queued.
    pub event_kinds: Vec<EventKind>,
    /// Whether the timeline is an engine, which is driven by SUBMIT.
    pub engine: bool,
}

impl State {
    /// Parses the text of an fdinfo file. Returns `None` if the file is not a timeline.
    ///
    /// ```
    /// use fence_exporter::{EventKind, State};
    /// let state = State::from_fdinfo("pos:\t0\ntimeline-name:\tgpu\ncontext:\t7\npending:\t2\n");
    /// assert_eq!(state.unwrap().pending, 2);
    /// assert_eq!(State::from_fdinfo("pos:\t0\n"), None);
    /// let deadline = |text| {
    ///     let text = format!("timeline-name:\tgpu\ndeadline-ns:\t{text}\n");
    ///     State::from_fdinfo(&text).unwrap().deadline_ns
    /// };
    /// assert_eq!(deadline("none"), None);
    /// assert_eq!(deadline("0"), Some(0));
    /// assert_eq!(deadline("300"), Some(300));
    /// let state = State::from_fdinfo("timeline-name:\tgpu\nevent-mask:\t0x12\n").unwrap();
    /// assert_eq!(state.event_kinds, [EventKind::Wait, EventKind::Overflow]);
    /// assert_eq!(state.failed, None);
    /// let text = "timeline-name:\tgpu\nfailed:\t3\nfailed-seqno:\t8\nfailed-status:\t-5\n";
    /// let state = State::from_fdinfo(text).unwrap();
    /// let last = state.last_failed.unwrap();
    /// assert_eq!((state.failed, last.seqno), (Some(3), 8));
    /// assert_eq!(last.status.to_string(), "-EIO");
    /// ```
    pub fn from_fdinfo(text: &str) -> Option<Self> {
        let fields: HashMap<_, _> = text
            .lines()
            .filter_map(|line| line.split_once(":\t"))
            .collect();
        let parsed = |key| fields.get(key).and_then(|text| text.parse::<u64>().ok());
        let number = |key| parsed(key).unwrap_or(0);
        let bits = |key| {
            let text = fields.get(key)?;
            u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()
        };
        let flags = bits("timeline-flags").unwrap_or(0);
        let status = fields
            .get("failed-status")
            .and_then(|text| text.parse().ok());
        Some(Self {
            name: fields.get("timeline-name")?.to_string(),
            context: number("context"),
            last_seqno: number("last-seqno"),
            signaled_seqno: number("signaled-seqno"),
            pending: number("pending"),
            signaled: number("signaled"),
            timed_out: number("timed-out"),
            cancelled: number("cancelled"),
            failed: parsed("failed"),
            last_failed: last_failed(number("failed-seqno"), status.unwrap_or(0)),
            // The text "none" is not a number and becomes `None`.
            deadline_ns: parsed("deadline-ns"),
            timeout_ns: number("timeout-ns"),
            events: flags & FENCE_EXPORTER_INFO_EVENTS != 0,
            event_kinds: EventKind::of_mask(bits("event-mask").unwrap_or(0)),
            engine: flags & FENCE_EXPORTER_INFO_ENGINE != 0,
        })
    }
}

impl State {
    /// Returns the state that INFO has returned. `features` are those of QUERY: they tell which
    /// fields of `info` the module fills in.
    pub(crate) fn from_info(info: &fence_exporter_info, features: u64) -> Self {
        let tells_failed = features & u64::from(FENCE_EXPORTER_FEATURE_FAILED) != 0;
        Self {
            name: text(&info.name),
            context: info.context,
            last_seqno: info.last_seqno,
            signaled_seqno: info.signaled_seqno,
            pending: info.pending,
            signaled: info.signaled,
            timed_out: info.timed_out,
            cancelled: info.cancelled,
            failed: tells_failed.then_some(info.failed),
            last_failed: last_failed(info.failed_seqno, info.failed_status),
            deadline_ns: (info.flags & FENCE_EXPORTER_INFO_DEADLINE != 0)
                .then_some(info.deadline_ns),
            timeout_ns: info.timeout_ns,
            events: info.flags & FENCE_EXPORTER_INFO_EVENTS != 0,
            event_kinds: EventKind::of_mask(info.event_mask),
            engine: info.flags & FENCE_EXPORTER_INFO_ENGINE != 0,
        }
    }
}

/// Returns the last fence that failed. Sequence numbers begin with 1, so 0 means that there is none.
fn last_failed(seqno: u64, status: i32) -> Option<LastFailed> {
    (seqno > 0).then_some(LastFailed {
        seqno,
        status: Status(status),
    })
}

/// Returns the text of a C array, up to its terminator.
pub(crate) fn text(chars: &[c_char]) -> String {
    let bytes: Vec<u8> = chars
        .iter()
        .map(|&c| c as u8)
        .take_while(|&c| c != 0)
        .collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_of_0_is_one() {
        for (flags, deadline) in [(0, None), (FENCE_EXPORTER_INFO_DEADLINE, Some(0))] {
            let info = fence_exporter_info {
                flags,
                ..Default::default()
            };
            let state = State::from_info(&info, 0);
            assert_eq!(state.deadline_ns, deadline);
            assert!(!state.events && !state.engine);
        }
    }

    #[test]
    fn an_older_module_does_not_tell_failures() {
        let mut info = fence_exporter_info::default();
        let feature = u64::from(FENCE_EXPORTER_FEATURE_FAILED);
        for (features, failed) in [(0, None), (feature, Some(0))] {
            let state = State::from_info(&info, features);
            assert_eq!((state.failed, state.last_failed), (failed, None));
        }
        (info.failed, info.failed_seqno, info.failed_status) = (3, 8, -5);
        let state = State::from_info(&info, feature);
        let last = LastFailed {
            seqno: 8,
            status: Status(-5),
        };
        assert_eq!((state.failed, state.last_failed), (Some(3), Some(last)));
    }
}
