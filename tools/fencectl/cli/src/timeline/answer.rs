// SPDX-License-Identifier: GPL-2.0

//! The answers of the commands of a session.

use super::program::Ended;
use crate::{
    limits::Table,
    output::{deadline_text, time_text},
    show::Shown,
    wait::Waited,
};
use fence_exporter::{clock, Event, EventKind, State, Status};
use serde::Serialize;
use std::fmt;

/// A fence that the session holds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct HeldFence {
    /// The sequence number; `None` for a merged fence.
    pub seqno: Option<u64>,
    /// The descriptor.
    pub fd: i32,
    /// The status.
    pub status: Status,
}

/// The answer of a command.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Fences were created.
    Created(Vec<HeldFence>),
    /// This many fences were signaled.
    Signaled(u64),
    /// A signal was planned.
    Planned {
        /// The last fence that will be signaled.
        seqno: u64,
        /// When the fences will be signaled (ns).
        time_ns: u64,
    },
    /// This many planned signals were cancelled.
    Cancelled(u64),
    /// Another descriptor of a fence was made.
    Exported(HeldFence),
    /// The state of the timeline.
    Info(State),
    /// The limits of the module.
    Limits(Table),
    /// The state of a timeline of sw_sync.
    Value {
        /// The value of the timeline.
        value: u64,
        /// The highest value of a fence that was created.
        last: u64,
    },
    /// The session's fences.
    Fences(Vec<HeldFence>),
    /// The events since the last answer.
    Events(Vec<Event>),
    /// A wait has ended.
    Waited(Waited),
    /// A sync_file was examined.
    Shown(Shown),
    /// A deadline was set.
    Deadline {
        /// The deadline (ns).
        time_ns: u64,
    },
    /// A program was started in the background.
    Started {
        /// The process ID of the program.
        pid: u32,
    },
    /// A program has ended.
    Ended(Ended),
    /// The descriptor of a fence was closed.
    Closed(i32),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created(fences) => fences
                .iter()
                .try_for_each(|fence| fence_line(f, fence, false)),
            Self::Fences(fences) if fences.is_empty() => write!(f, "no fences"),
            Self::Fences(fences) => fences
                .iter()
                .try_for_each(|fence| fence_line(f, fence, true)),
            Self::Signaled(count) => write!(f, "{count} signaled"),
            Self::Planned { seqno, time_ns } => {
                write!(
                    f,
                    "up to {seqno} in {}",
                    time_text(time_ns.saturating_sub(clock::now()))
                )
            }
            Self::Cancelled(count) => write!(f, "{count} taken back"),
            Self::Exported(fence) => fence_line(f, fence, false),
            Self::Info(state) => info(f, state),
            Self::Limits(limits) => limits.fmt(f),
            Self::Value { value, last } => write!(f, "value {value}, last fence {last}"),
            Self::Events(events) if events.is_empty() => write!(f, "no events"),
            Self::Events(events) => events.iter().try_for_each(|event| event_line(f, event)),
            Self::Waited(waited) => waited.fmt(f),
            Self::Shown(shown) => shown.fmt(f),
            Self::Deadline { time_ns } => {
                write!(
                    f,
                    "wanted in {}",
                    time_text(time_ns.saturating_sub(clock::now()))
                )
            }
            Self::Started { pid } => write!(f, "process {pid}; join waits for it"),
            Self::Ended(ended) => ended.fmt(f),
            Self::Closed(fd) => write!(f, "descriptor {fd} closed"),
        }
    }
}

fn fence_line(f: &mut fmt::Formatter<'_>, fence: &HeldFence, status: bool) -> fmt::Result {
    match fence.seqno {
        Some(seqno) => write!(f, "fence {seqno}: descriptor {}", fence.fd)?,
        None => write!(f, "merged: descriptor {}", fence.fd)?,
    }
    if status {
        write!(f, ", {}", fence.status)?;
    }
    writeln!(f)
}

fn info(f: &mut fmt::Formatter<'_>, state: &State) -> fmt::Result {
    let driven = if state.engine { "submit" } else { "signal" };
    writeln!(
        f,
        "{} (context {}), driven by {driven}",
        state.name, state.context
    )?;
    writeln!(
        f,
        "{} created, {} signaled, {} pending, {} timed out, {} cancelled",
        state.last_seqno, state.signaled, state.pending, state.timed_out, state.cancelled
    )?;
    if let (Some(failed), Some(last)) = (state.failed, state.last_failed) {
        writeln!(
            f,
            "{failed} failed, the last one is {}: {}",
            last.seqno, last.status
        )?;
    }
    write!(f, "timeout {}", time_text(state.timeout_ns))?;
    if let Some(deadline) = state.deadline_ns {
        write!(f, ", deadline {}", deadline_text(deadline, clock::now()))?;
    }
    if state.events {
        let kinds: Vec<_> = state.event_kinds.iter().map(EventKind::to_string).collect();
        write!(f, ", events {}", kinds.join(" "))?;
    }
    Ok(())
}

fn event_line(f: &mut fmt::Formatter<'_>, event: &Event) -> fmt::Result {
    let Event {
        kind,
        time_ns,
        seqno,
        value,
    } = *event;
    let ago = time_text(clock::now().saturating_sub(time_ns));
    match kind {
        EventKind::Wait => writeln!(f, "{ago} ago: somebody began to wait for {seqno}"),
        EventKind::Deadline => {
            let value = u64::try_from(value).unwrap_or(0);
            writeln!(
                f,
                "{ago} ago: {seqno} is wanted {} later",
                time_text(value.saturating_sub(time_ns))
            )
        }
        EventKind::Timeout => writeln!(f, "{ago} ago: up to {seqno} timed out"),
        EventKind::Overflow => writeln!(f, "{value} events were lost"),
        EventKind::Signaled => match event.status() {
            Some(status) if status.is_error() => {
                writeln!(f, "{ago} ago: up to {seqno} signaled with {status}")
            }
            _ => writeln!(f, "{ago} ago: up to {seqno} signaled"),
        },
        EventKind::Unknown(number) => {
            writeln!(
                f,
                "{ago} ago: an event of type {number}, which fencectl doesn't know"
            )
        }
    }
}
