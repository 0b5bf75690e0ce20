// SPDX-License-Identifier: GPL-2.0

//! A timeline of `/dev/fence_exporter`.

use crate::{
    ioctl,
    uapi::{
        fence_exporter_event, fence_exporter_info, fence_exporter_setup, fence_exporter_signal,
        fence_exporter_signal_at, fence_exporter_submit, FENCE_EXPORTER_EVENT_DEADLINE,
        FENCE_EXPORTER_EVENT_OVERFLOW, FENCE_EXPORTER_EVENT_TIMEOUT, FENCE_EXPORTER_EVENT_WAIT,
        FENCE_EXPORTER_MAX_FENCES, FENCE_EXPORTER_NAME_LEN, FENCE_EXPORTER_SETUP_ENGINE,
        FENCE_EXPORTER_SETUP_EVENTS,
    },
    Error, Node, Result, State, Status, SyncFile,
};
use rustix::{
    event::{poll, PollFd, PollFlags, Timespec},
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    io::{read, Errno},
};
use serde::Serialize;
use std::{ffi::c_char, time::Duration};
use zerocopy::{FromZeros, IntoBytes};

/// How a timeline is set up: once, before its first fence.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup<'a> {
    /// Its name: 1 to 31 printable ASCII characters; `None`: `<comm>-<pid>`.
    pub name: Option<&'a str>,
    /// After how long a fence completes with `-ETIMEDOUT`; `None`: the module's default.
    pub timeout: Option<Duration>,
    /// Keep a queue of events for [`Timeline::events`].
    pub events: bool,
    /// It is driven by [`Timeline::submit`], not by [`Timeline::signal`].
    pub engine: bool,
}

/// What [`Timeline::create`] has made.
#[derive(Debug)]
pub struct Created {
    /// Sequence number of the first fence; the others follow it.
    pub first: u64,
    /// The fences.
    pub fences: Vec<SyncFile>,
}

/// What [`Timeline::submit`] has made.
#[derive(Debug)]
pub struct Submission {
    /// Sequence number of the fence that the job signals.
    pub seqno: u64,
    /// That fence.
    pub fence: SyncFile,
}

/// What has happened to a fence of a timeline.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// Somebody began to wait for it.
    Wait,
    /// Somebody wants it by [`Event::value`].
    Deadline,
    /// It completed with `-ETIMEDOUT`, and everything before it.
    Timeout,
    /// [`Event::value`] events were lost.
    Overflow,
    /// A kind that this program doesn't know.
    Unknown,
}

/// An event of a timeline.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Event {
    /// What has happened.
    pub kind: EventKind,
    /// When (ns).
    pub time_ns: u64,
    /// To which fence.
    pub seqno: u64,
    /// See the kinds.
    pub value: u64,
}

/// An open timeline. Fences that are pending when it is dropped complete with `-ECANCELED`.
#[derive(Debug)]
pub struct Timeline(OwnedFd);

impl Timeline {
    /// Most fences that one [`create`](Self::create) makes.
    pub const MAX_FENCES: u32 = FENCE_EXPORTER_MAX_FENCES;

    /// Opens a new one.
    pub fn open() -> Result<Self> {
        Node::FenceExporter.open().map(Self)
    }

    /// Sets it up.
    pub fn setup(&self, setup: &Setup<'_>) -> Result<()> {
        let state;
        let name = match setup.name {
            Some(name) => name,
            // SETUP wants one: keep the one that it has.
            None => {
                state = self.info()?;
                &state.name
            }
        };
        let timeout = setup.timeout.unwrap_or_default();
        let mut argument = fence_exporter_setup {
            name: name_field(name)?,
            timeout_ns: u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX),
            flags: if setup.events {
                FENCE_EXPORTER_SETUP_EVENTS
            } else {
                0
            } | if setup.engine {
                FENCE_EXPORTER_SETUP_ENGINE
            } else {
                0
            },
            pad: 0,
        };
        ioctl::setup(&self.0, &mut argument).map_err(|errno| {
            let error = Error::refused(format!("cannot set up the timeline \"{name}\""), errno);
            match errno {
                Errno::INVAL if name == "unbound" => {
                    error.because("\"unbound\" is a name that Perfetto leaves out")
                }
                Errno::INVAL => error
                    .because(format!(
                        "a timeout of {timeout:?} is above the parameter max_timeout_ms"
                    ))
                    .remedy(
                        "ask for a shorter one, or load the module with a higher max_timeout_ms",
                    ),
                Errno::BUSY => error.because("it was set up already, or has had a fence"),
                _ => error,
            }
        })
    }

    /// Creates 1 to [`MAX_FENCES`](Self::MAX_FENCES) fences with the next sequence numbers.
    pub fn create(&self, count: u32) -> Result<Created> {
        let what = || {
            format!(
                "cannot create {count} fence{}",
                if count == 1 { "" } else { "s" }
            )
        };
        if !(1..=Self::MAX_FENCES).contains(&count) {
            return Err(Error::usage(
                what(),
                format!("1 to {} at once", Self::MAX_FENCES),
            ));
        }
        let (first, fences) =
            ioctl::create(&self.0, count).map_err(|errno| refused(what(), errno))?;
        let fences = fences.into_iter().map(SyncFile::from).collect();
        Ok(Created { first, fences })
    }

    /// Signals everything up to `seqno` with `status`; answers how many that were.
    pub fn signal(&self, seqno: u64, status: Status) -> Result<u64> {
        let mut argument = fence_exporter_signal {
            seqno,
            status: status.0,
            ..Default::default()
        };
        ioctl::signal(&self.0, &mut argument).map_err(|errno| self.not_signalled(seqno, errno))?;
        Ok(argument.signalled)
    }

    /// Does that at a time.
    pub fn signal_at(&self, seqno: u64, time_ns: u64, status: Status) -> Result<()> {
        let mut argument = fence_exporter_signal_at {
            seqno,
            time_ns,
            status: status.0,
            flags: 0,
        };
        ioctl::signal_at(&self.0, &mut argument).map_err(|errno| self.not_signalled(seqno, errno))
    }

    /// Queues a job that begins when `in_fence` has signalled and the job before it has finished, and takes
    /// `duration`.
    pub fn submit(
        &self,
        duration: Duration,
        in_fence: Option<BorrowedFd<'_>>,
        status: Status,
    ) -> Result<Submission> {
        let mut argument = fence_exporter_submit {
            duration_ns: u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX),
            in_fence: in_fence.map_or(-1, |fd| fd.as_raw_fd()),
            status: status.0,
            ..Default::default()
        };
        let fence = ioctl::submit(&self.0, &mut argument)
            .map_err(|errno| refused(format!("cannot submit a job of {duration:?}"), errno))?;
        Ok(Submission {
            seqno: argument.seqno,
            fence: fence.into(),
        })
    }

    /// What it is and has done.
    pub fn info(&self) -> Result<State> {
        let mut argument = fence_exporter_info::default();
        ioctl::info(&self.0, &mut argument)
            .map_err(|errno| Error::refused("cannot ask the timeline what it is", errno))?;
        Ok(argument.into())
    }

    /// The events that have come since it was last asked, without waiting for any.
    pub fn events(&self) -> Result<Vec<Event>> {
        let what = "cannot read the timeline's events";
        let mut events = Vec::new();
        let mut ready = [PollFd::new(&self.0, PollFlags::IN)];
        while poll(&mut ready, Some(&Timespec::default())).is_ok_and(|count| count > 0) {
            let mut buffer = <[fence_exporter_event; 64]>::new_zeroed();
            let bytes = read(&self.0, buffer.as_mut_bytes())
                .map_err(|errno| Error::refused(what, errno))?;
            let count = bytes / size_of::<fence_exporter_event>();
            events.extend(buffer.iter().take(count).map(Event::from));
            if count == 0 {
                break;
            }
        }
        Ok(events)
    }

    fn not_signalled(&self, seqno: u64, errno: Errno) -> Error {
        let error = refused(format!("cannot signal up to {seqno}"), errno);
        match (errno, self.info()) {
            (Errno::INVAL, Ok(state)) if seqno > state.last_seqno => {
                error.because(match state.last_seqno {
                    0 => "the timeline has had no fence yet".to_owned(),
                    last => format!("the last fence created is {last}"),
                })
            }
            _ => error,
        }
    }
}

impl AsFd for Timeline {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<&fence_exporter_event> for Event {
    fn from(event: &fence_exporter_event) -> Self {
        Self {
            kind: match event.type_ {
                FENCE_EXPORTER_EVENT_WAIT => EventKind::Wait,
                FENCE_EXPORTER_EVENT_DEADLINE => EventKind::Deadline,
                FENCE_EXPORTER_EVENT_TIMEOUT => EventKind::Timeout,
                FENCE_EXPORTER_EVENT_OVERFLOW => EventKind::Overflow,
                _ => EventKind::Unknown,
            },
            time_ns: event.time_ns,
            seqno: event.seqno,
            value: event.value,
        }
    }
}

/// The name as SETUP wants it.
fn name_field(name: &str) -> Result<[c_char; FENCE_EXPORTER_NAME_LEN as usize]> {
    let bad = |cause: &str| {
        Error::usage(
            format!("\"{}\" is no name for a timeline", name.escape_debug()),
            cause,
        )
    };
    if name.is_empty() {
        return Err(bad("it is empty"));
    }
    if name.len() >= FENCE_EXPORTER_NAME_LEN as usize {
        return Err(bad("it is longer than 31 characters"));
    }
    if !name.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(bad("it has a character that is not printable ASCII"));
    }
    let mut field = [0; FENCE_EXPORTER_NAME_LEN as usize];
    for (to, from) in field.iter_mut().zip(name.bytes()) {
        *to = from as c_char;
    }
    Ok(field)
}

/// A refusal of a call that makes or signals fences.
fn refused(what: String, errno: Errno) -> Error {
    let error = Error::refused(what, errno);
    match errno {
        Errno::BUSY => error
            .because("a timeline is driven by create and signal, or by submit, and this one is driven by the other")
            .remedy("open another timeline, with or without --engine"),
        Errno::AGAIN => error
            .because("as many are pending as the parameter max_pending allows")
            .remedy("signal some first, or load the module with a higher max_pending"),
        Errno::BADF => error
            .because("the in-fence is no sync_file")
            .remedy("ls -l /proc/PID/fd shows sync_files as anon_inode:sync_file"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_setup_would_refuse() {
        for name in ["", "a\nb", "ä", "0123456789012345678901234567890x"] {
            assert!(name_field(name).is_err(), "{name:?}");
        }
        assert!(name_field("0123456789012345678901234567890").is_ok());
    }
}
