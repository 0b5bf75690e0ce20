// SPDX-License-Identifier: GPL-2.0

//! What the commands of a session answer.

use crate::{
    output::{deadline_text, time_text},
    wait::Waited,
};
use fence_exporter::{clock, Event, EventKind, State, Status};
use serde::Serialize;
use std::fmt;

/// A fence that the session holds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct HeldFence {
    /// Its sequence number; `None` for a merged one.
    pub seqno: Option<u64>,
    /// Its descriptor.
    pub fd: i32,
    /// Its status.
    pub status: Status,
}

/// An answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// New fences.
    Created(Vec<HeldFence>),
    /// How many were signalled.
    Signalled(u64),
    /// Fences will be signalled.
    Planned {
        /// Up to which.
        seqno: u64,
        /// When (ns).
        time_ns: u64,
    },
    /// What the timeline is and has done.
    Info(State),
    /// The value of a timeline of sw_sync, and the highest fence.
    Value {
        /// Its value.
        value: u64,
        /// The highest fence that was created.
        last: u64,
    },
    /// The session's fences.
    Fences(Vec<HeldFence>),
    /// What has happened.
    Events(Vec<Event>),
    /// A wait is over.
    Waited(Waited),
    /// A deadline was told.
    Deadline {
        /// It (ns).
        time_ns: u64,
    },
    /// A fence was closed.
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
            Self::Signalled(count) => write!(f, "{count} signalled"),
            Self::Planned { seqno, time_ns } => {
                write!(
                    f,
                    "up to {seqno} in {}",
                    time_text(time_ns.saturating_sub(clock::now()))
                )
            }
            Self::Info(state) => info(f, state),
            Self::Value { value, last } => write!(f, "value {value}, last fence {last}"),
            Self::Events(events) if events.is_empty() => write!(f, "no events"),
            Self::Events(events) => events.iter().try_for_each(|event| event_line(f, event)),
            Self::Waited(waited) => waited.fmt(f),
            Self::Deadline { time_ns } => {
                write!(
                    f,
                    "wanted in {}",
                    time_text(time_ns.saturating_sub(clock::now()))
                )
            }
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
        "{} created, {} signalled, {} pending, {} timed out, {} cancelled",
        state.last_seqno, state.signalled, state.pending, state.timed_out, state.cancelled
    )?;
    write!(f, "timeout {}", time_text(state.timeout_ns))?;
    match state.deadline_ns {
        None => Ok(()),
        Some(deadline) => write!(f, ", deadline {}", deadline_text(deadline, clock::now())),
    }
}

fn event_line(f: &mut fmt::Formatter<'_>, event: &Event) -> fmt::Result {
    let Event {
        kind,
        time_ns,
        seqno,
        value,
    } = event;
    let ago = time_text(clock::now().saturating_sub(*time_ns));
    match kind {
        EventKind::Wait => writeln!(f, "{ago} ago: somebody began to wait for {seqno}"),
        EventKind::Deadline => {
            writeln!(
                f,
                "{ago} ago: {seqno} is wanted {} later",
                time_text(value.saturating_sub(*time_ns))
            )
        }
        EventKind::Timeout => writeln!(f, "{ago} ago: up to {seqno} timed out"),
        EventKind::Overflow => writeln!(f, "{value} events were lost"),
        EventKind::Unknown => writeln!(f, "{ago} ago: an event that is not known here"),
    }
}
