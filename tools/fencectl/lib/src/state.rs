// SPDX-License-Identifier: GPL-2.0

//! What a timeline is and has done.

use crate::uapi::{
    fence_exporter_info, FENCE_EXPORTER_INFO_DEADLINE, FENCE_EXPORTER_INFO_ENGINE,
    FENCE_EXPORTER_INFO_EVENTS,
};
use serde::Serialize;
use std::{collections::HashMap, ffi::c_char};

/// What FENCE_EXPORTER_IOC_INFO and `/proc/<pid>/fdinfo/<fd>` say of a timeline.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct State {
    /// Its name.
    pub name: String,
    /// Number of the dma-fence context.
    pub context: u64,
    /// The last sequence number created, 0: none.
    pub last_seqno: u64,
    /// Everything up to it has signalled.
    pub signalled_seqno: u64,
    /// Fences that have not signalled.
    pub pending: u64,
    /// Fences that completed by SIGNAL, SIGNAL_AT or SUBMIT.
    pub signalled: u64,
    /// Fences that completed because a timeout ended.
    pub timed_out: u64,
    /// Fences that completed because a job they needed was cancelled.
    pub cancelled: u64,
    /// Earliest deadline of a pending fence (ns), which may be 0.
    pub deadline_ns: Option<u64>,
    /// The timeout of each fence (ns).
    pub timeout_ns: u64,
    /// Whether it keeps a queue of events.
    pub events: bool,
    /// Whether it is driven by SUBMIT.
    pub engine: bool,
}

impl State {
    /// From the text of an fdinfo file; `None` if that is of no timeline.
    ///
    /// ```
    /// use fence_exporter::State;
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
    /// ```
    pub fn from_fdinfo(text: &str) -> Option<Self> {
        let fields: HashMap<_, _> = text
            .lines()
            .filter_map(|line| line.split_once(":\t"))
            .collect();
        let parsed = |key| fields.get(key).and_then(|text| text.parse().ok());
        let number = |key| parsed(key).unwrap_or(0);
        let flags = fields
            .get("timeline-flags")
            .and_then(|text| u32::from_str_radix(text.trim_start_matches("0x"), 16).ok())
            .unwrap_or(0);
        Some(Self {
            name: fields.get("timeline-name")?.to_string(),
            context: number("context"),
            last_seqno: number("last-seqno"),
            signalled_seqno: number("signalled-seqno"),
            pending: number("pending"),
            signalled: number("signalled"),
            timed_out: number("timed-out"),
            cancelled: number("cancelled"),
            // "none" is no number.
            deadline_ns: parsed("deadline-ns"),
            timeout_ns: number("timeout-ns"),
            events: flags & FENCE_EXPORTER_INFO_EVENTS != 0,
            engine: flags & FENCE_EXPORTER_INFO_ENGINE != 0,
        })
    }
}

impl From<fence_exporter_info> for State {
    fn from(info: fence_exporter_info) -> Self {
        Self {
            name: text(&info.name),
            context: info.context,
            last_seqno: info.last_seqno,
            signalled_seqno: info.signalled_seqno,
            pending: info.pending,
            signalled: info.signalled,
            timed_out: info.timed_out,
            cancelled: info.cancelled,
            deadline_ns: (info.flags & FENCE_EXPORTER_INFO_DEADLINE != 0)
                .then_some(info.deadline_ns),
            timeout_ns: info.timeout_ns,
            events: info.flags & FENCE_EXPORTER_INFO_EVENTS != 0,
            engine: info.flags & FENCE_EXPORTER_INFO_ENGINE != 0,
        }
    }
}

/// The text of a C array, up to its terminator.
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
            let state = State::from(fence_exporter_info {
                flags,
                ..Default::default()
            });
            assert_eq!(state.deadline_ns, deadline);
            assert!(!state.events && !state.engine);
        }
    }
}
