// SPDX-License-Identifier: GPL-2.0

//! A timeline of `/dev/fence_exporter`.

use crate::{
    event::walk,
    ioctl,
    uapi::{
        fence_exporter_info, fence_exporter_query, fence_exporter_setup, fence_exporter_signal,
        fence_exporter_signal_at, fence_exporter_submit, FENCE_EXPORTER_MAX_FENCES,
        FENCE_EXPORTER_MAX_IN_FENCES, FENCE_EXPORTER_NAME_LEN, FENCE_EXPORTER_SETUP_ENGINE,
        FENCE_EXPORTER_SETUP_EVENTS, FENCE_EXPORTER_SIGNAL_AT_CANCEL,
    },
    Error, Event, Events, Limits, Node, Result, State, Status, SyncFile,
};
use rustix::{
    event::{poll, PollFd, PollFlags, Timespec},
    fd::{AsFd, BorrowedFd, OwnedFd},
    io::read,
};
use std::{ffi::c_char, time::Duration};

/// The size of the buffer for events: room for many events, and for a single one of a later module
/// that may be longer than today's.
const EVENTS_BYTES: usize = 4096;

/// How a timeline is set up. A timeline is set up at most once, before its first fence.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup<'a> {
    /// The name of the timeline: 1 to 31 printable ASCII characters. `None` keeps the default,
    /// `<comm>-<pid>`.
    pub name: Option<&'a str>,
    /// The time after which a fence completes with `-ETIMEDOUT`. `None` means the module's default.
    pub timeout: Option<Duration>,
    /// Which events are queued for [`Timeline::events`].
    pub events: Events<'a>,
    /// Whether the timeline is an engine: driven by [`Timeline::submit`] instead of
    /// [`Timeline::signal`].
    pub engine: bool,
}

/// The result of [`Timeline::create`].
#[derive(Debug)]
pub struct Created {
    /// The sequence number of the first fence. The other fences have the numbers that follow.
    pub first: u64,
    /// The fences, in the order of their sequence numbers.
    pub fences: Vec<SyncFile>,
}

/// The result of [`Timeline::submit`].
#[derive(Debug)]
pub struct Submission {
    /// The sequence number of the fence that the job signals.
    pub seqno: u64,
    /// The fence that the job signals.
    pub fence: SyncFile,
}

/// An open timeline. Fences that are pending when the timeline is dropped complete with
/// `-ECANCELED`.
#[derive(Debug)]
pub struct Timeline(OwnedFd);

impl Timeline {
    /// How many fences one [`create`](Self::create) may create at most.
    pub const MAX_FENCES: u32 = FENCE_EXPORTER_MAX_FENCES;
    /// How many fences one [`submit`](Self::submit) may wait for at most.
    pub const MAX_IN_FENCES: u32 = FENCE_EXPORTER_MAX_IN_FENCES;

    /// Opens a new timeline.
    pub fn open() -> Result<Self> {
        Node::FenceExporter.open().map(Self)
    }

    /// Returns what the module can do, and its limits.
    pub fn limits(&self) -> Result<Limits> {
        self.query().map(Limits::from)
    }

    fn query(&self) -> Result<fence_exporter_query> {
        let mut argument = fence_exporter_query::default();
        ioctl::query(&self.0, &mut argument)
            .map_err(|errno| Error::refused("cannot ask the module for its limits", errno))?;
        Ok(argument)
    }

    /// Checks that a timeline can have the name `name`. If it cannot, the error says why.
    pub fn check_name(name: &str) -> Result<()> {
        name_field(name).map(|_| ())
    }

    /// Sets up the timeline.
    pub fn setup(&self, setup: &Setup<'_>) -> Result<()> {
        let timeout = setup.timeout.unwrap_or_default();
        let events = if setup.events == Events::None {
            0
        } else {
            FENCE_EXPORTER_SETUP_EVENTS
        };
        let engine = if setup.engine {
            FENCE_EXPORTER_SETUP_ENGINE
        } else {
            0
        };
        let mut argument = fence_exporter_setup {
            // An empty name keeps the name that the timeline has.
            name: setup.name.map_or(Ok(Default::default()), name_field)?,
            timeout_ns: u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX),
            flags: events | engine,
            event_mask: setup.events.mask().ok_or_else(|| {
                Error::usage(
                    "cannot set up the timeline",
                    "no module has an event kind of that number",
                )
            })?,
        };
        ioctl::setup(&self.0, &mut argument).map_err(|errno| self.not_set_up(setup, errno))
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
            ioctl::create(&self.0, count).map_err(|errno| self.not_created(what(), errno))?;
        let fences = fences.into_iter().map(SyncFile::from).collect();
        Ok(Created { first, fences })
    }

    /// Makes another descriptor of a pending fence. The descriptor is a new sync_file.
    pub fn export(&self, seqno: u64) -> Result<SyncFile> {
        ioctl::export(&self.0, seqno)
            .map(SyncFile::from)
            .map_err(|errno| self.not_exported(seqno, errno))
    }

    /// Signals all pending fences up to `seqno` with `status`. Returns how many fences that were.
    pub fn signal(&self, seqno: u64, status: Status) -> Result<u64> {
        let mut argument = fence_exporter_signal {
            seqno,
            status: status.0,
            ..Default::default()
        };
        ioctl::signal(&self.0, &mut argument)
            .map_err(|errno| self.not_signaled(seqno, None, status, errno))?;
        Ok(argument.signaled)
    }

    /// Signals all pending fences up to `seqno` with `status`, but at the time `time_ns`.
    pub fn signal_at(&self, seqno: u64, time_ns: u64, status: Status) -> Result<()> {
        let mut argument = fence_exporter_signal_at {
            seqno,
            time_ns,
            status: status.0,
            ..Default::default()
        };
        ioctl::signal_at(&self.0, &mut argument)
            .map_err(|errno| self.not_signaled(seqno, Some(time_ns), status, errno))
    }

    /// Cancels each [`signal_at`](Self::signal_at) for exactly `seqno` whose time has not come.
    /// Returns how many were cancelled.
    pub fn cancel_signal_at(&self, seqno: u64) -> Result<u64> {
        let mut argument = fence_exporter_signal_at {
            seqno,
            flags: FENCE_EXPORTER_SIGNAL_AT_CANCEL,
            ..Default::default()
        };
        ioctl::signal_at(&self.0, &mut argument)
            .map_err(|errno| self.not_cancelled(seqno, errno))?;
        Ok(argument.cancelled)
    }

    /// Queues a job on an engine.
    ///
    /// The job begins when all of `in_fences` have signaled and the previous job has finished. It
    /// takes `duration`. The job ends with `status`. If some of `in_fences` have failed, the job
    /// ends with the error of the first of these, in the order of the list.
    pub fn submit(
        &self,
        duration: Duration,
        in_fences: &[BorrowedFd<'_>],
        status: Status,
    ) -> Result<Submission> {
        let mut argument = fence_exporter_submit {
            duration_ns: u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX),
            status: status.0,
            ..Default::default()
        };
        let fence = ioctl::submit(&self.0, &mut argument, in_fences)
            .map_err(|errno| self.not_submitted(duration, in_fences, status, errno))?;
        Ok(Submission {
            seqno: argument.seqno,
            fence: fence.into(),
        })
    }

    /// Returns the state of the timeline.
    pub fn info(&self) -> Result<State> {
        let mut argument = fence_exporter_info::default();
        ioctl::info(&self.0, &mut argument)
            .map_err(|errno| Error::refused("cannot ask the timeline what it is", errno))?;
        Ok(State::from_info(&argument, self.query()?.features))
    }

    /// Returns the events that were queued since the last call. Does not wait for events.
    pub fn events(&self) -> Result<Vec<Event>> {
        let what = "cannot read the timeline's events";
        let mut events = Vec::new();
        let mut ready = [PollFd::new(&self.0, PollFlags::IN)];
        while poll(&mut ready, Some(&Timespec::default())).is_ok_and(|count| count > 0) {
            let mut buffer = [0; EVENTS_BYTES];
            let count = read(&self.0, &mut buffer).map_err(|errno| Error::refused(what, errno))?;
            events.extend(walk(&buffer[..count]));
            if count == 0 {
                break;
            }
        }
        Ok(events)
    }
}

impl AsFd for Timeline {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Converts a name into the field of the argument of SETUP. Fails if SETUP would refuse the name.
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
