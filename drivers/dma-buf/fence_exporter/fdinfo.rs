// SPDX-License-Identifier: GPL-2.0

//! `/proc/<pid>/fdinfo/<fd>` of a timeline: what INFO returns, as text.

use fence_uapi::{
    fence_exporter_info,
    FENCE_EXPORTER_INFO_DEADLINE, //
};
use kernel::{
    seq_file::{
        seq_print,
        SeqFile, //
    },
    str::CStr,
};

/// Prints `info`, one field a line.
pub(crate) fn show(m: &SeqFile, info: &fence_exporter_info) {
    let name = CStr::from_bytes_until_nul(&info.name).unwrap_or(c"?");
    seq_print!(m, "timeline-name:\t{}\n", name.to_str().unwrap_or("?"));
    seq_print!(m, "context:\t{}\n", info.context);
    seq_print!(m, "last-seqno:\t{}\n", info.last_seqno);
    seq_print!(m, "signaled-seqno:\t{}\n", info.signaled_seqno);
    seq_print!(m, "pending:\t{}\n", info.pending);
    seq_print!(m, "signaled:\t{}\n", info.signaled);
    seq_print!(m, "timed-out:\t{}\n", info.timed_out);
    seq_print!(m, "cancelled:\t{}\n", info.cancelled);
    if info.flags & FENCE_EXPORTER_INFO_DEADLINE != 0 {
        seq_print!(m, "deadline-ns:\t{}\n", info.deadline_ns);
    } else {
        seq_print!(m, "deadline-ns:\tnone\n");
    }
    seq_print!(m, "timeout-ns:\t{}\n", info.timeout_ns);
    seq_print!(m, "timeline-flags:\t0x{:x}\n", info.flags);
    seq_print!(m, "event-mask:\t0x{:x}\n", info.event_mask);
    seq_print!(m, "failed:\t{}\n", info.failed);
    seq_print!(m, "failed-seqno:\t{}\n", info.failed_seqno);
    seq_print!(m, "failed-status:\t{}\n", info.failed_status);
}
