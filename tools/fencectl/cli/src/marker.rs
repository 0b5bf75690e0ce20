// SPDX-License-Identifier: GPL-2.0

//! Notes of what no kernel event tells, deadlines and statuses, in the recording of `fencectl trace`.
//!
//! `trace` gives its command the path of the recording's `trace_marker` in the environment. What is written
//! there is read back by `trace::record`.

use fence_exporter::Status;
use std::{env, fmt, fs::File, io::Write, sync::Mutex};

/// The variable of the environment.
pub const VARIABLE: &str = "FENCECTL_TRACE_MARKER";

/// A note about fences of a timeline.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Note {
    /// A fence is wanted by a time (ns).
    Deadline {
        /// The timeline's context.
        context: u32,
        /// The fence.
        seqno: u32,
        /// The deadline.
        time_ns: u64,
    },
    /// What fences complete with, from the first to the last.
    Status {
        /// The timeline's context.
        context: u32,
        /// The first fence.
        first: u32,
        /// The last one.
        last: u32,
        /// What with.
        status: Status,
    },
    /// The timeout of each fence of a timeline (ns), which some have run into.
    Timeout {
        /// The timeline's context.
        context: u32,
        /// The timeout.
        timeout_ns: u64,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline {
                context,
                seqno,
                time_ns,
            } => {
                write!(
                    f,
                    "fencectl: deadline context={context} seqno={seqno} time_ns={time_ns}"
                )
            }
            Self::Status {
                context,
                first,
                last,
                status,
            } => {
                write!(
                    f,
                    "fencectl: status context={context} first={first} last={last} status={}",
                    status.0
                )
            }
            Self::Timeout {
                context,
                timeout_ns,
            } => {
                write!(
                    f,
                    "fencectl: timeout context={context} timeout_ns={timeout_ns}"
                )
            }
        }
    }
}

impl Note {
    /// From a line of a recording.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_once("fencectl: ")?.1.split_whitespace();
        let kind = words.next()?;
        let fields: Vec<_> = words.filter_map(|word| word.split_once('=')).collect();
        let field = |key| {
            fields
                .iter()
                .find(|(name, _)| *name == key)
                .map(|(_, value)| *value)
        };
        let context = field("context")?.parse().ok()?;
        Some(match kind {
            "deadline" => Self::Deadline {
                context,
                seqno: field("seqno")?.parse().ok()?,
                time_ns: field("time_ns")?.parse().ok()?,
            },
            "status" => Self::Status {
                context,
                first: field("first")?.parse().ok()?,
                last: field("last")?.parse().ok()?,
                status: Status(field("status")?.parse().ok()?),
            },
            "timeout" => Self::Timeout {
                context,
                timeout_ns: field("timeout_ns")?.parse().ok()?,
            },
            _ => return None,
        })
    }
}

/// Where notes go: nowhere, unless this runs under `fencectl trace`.
#[derive(Debug, Default)]
pub struct Marker(Option<Mutex<File>>);

impl Marker {
    /// The one of the environment.
    pub fn from_environment() -> Self {
        let file =
            env::var_os(VARIABLE).and_then(|path| File::options().append(true).open(path).ok());
        Self(file.map(Mutex::new))
    }

    /// Tells whether notes are read.
    pub fn is_recording(&self) -> bool {
        self.0.is_some()
    }

    /// Makes a note. That it can't be is no reason to stop what it is about.
    pub fn note(&self, note: Note) {
        if let Some(mut file) = self.0.as_ref().and_then(|file| file.lock().ok()) {
            let _ = file.write_all(note.to_string().as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_read_as_written() {
        for note in [
            Note::Deadline {
                context: 7,
                seqno: 3,
                time_ns: u64::MAX,
            },
            Note::Status {
                context: 7,
                first: 1,
                last: 9,
                status: Status(-5),
            },
            Note::Timeout {
                context: 7,
                timeout_ns: 10,
            },
        ] {
            assert_eq!(
                Note::parse(&format!("tracing_mark_write: {note}")),
                Some(note)
            );
        }
        for text in [
            "",
            "fencectl: ",
            "fencectl: status context=1",
            "fencectl: other context=1",
        ] {
            assert_eq!(Note::parse(text), None, "{text}");
        }
    }
}
