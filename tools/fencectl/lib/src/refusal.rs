// SPDX-License-Identifier: GPL-2.0

//! Why the kernel refused a call on a timeline.
//!
//! An errno can have several reasons. The functions here ask the module for its limits and for the
//! state of the timeline, to find out which reason it was. If they cannot find out, the error has
//! no cause.

use crate::{event::names, Error, Events, Limits, Setup, Status, Timeline};
use rustix::{
    fd::{AsRawFd, BorrowedFd},
    io::Errno,
};
use std::{fs, time::Duration};

/// The statuses that fences can be signaled with.
const STATUSES: std::ops::RangeInclusive<i32> = -4095..=0;
/// The latest time that SIGNAL_AT accepts.
const LAST_TIME_NS: u64 = i64::MAX as u64;

impl Timeline {
    /// Returns the error for a SETUP that the kernel refused.
    pub(crate) fn not_set_up(&self, setup: &Setup<'_>, errno: Errno) -> Error {
        let error = match setup.name {
            Some(name) => refused(format!("cannot set up the timeline \"{name}\""), errno),
            None => refused("cannot set up the timeline".to_owned(), errno),
        };
        match (errno, self.limits()) {
            (Errno::BUSY, _) => error.because("it was set up already, or has had a fence"),
            (Errno::INVAL, Ok(limits)) => beyond(error, setup, &limits),
            _ => error,
        }
    }

    /// Returns the error for a CREATE that the kernel refused.
    pub(crate) fn not_created(&self, what: String, errno: Errno) -> Error {
        let error = driven(what, errno);
        if errno != Errno::NOSPC {
            return error;
        }
        self.full(error, "fences may be pending")
            .remedy("signal some first, or load the module with a higher max_pending")
    }

    /// Returns the error for a SIGNAL, or for a SIGNAL_AT at `time_ns`, that the kernel refused.
    pub(crate) fn not_signaled(
        &self,
        seqno: u64,
        time_ns: Option<u64>,
        status: Status,
        errno: Errno,
    ) -> Error {
        let error = driven(format!("cannot signal up to {seqno}"), errno);
        let late = time_ns.filter(|time| *time > LAST_TIME_NS);
        match errno {
            Errno::INVAL if !STATUSES.contains(&status.0) => error.because(no_status(status)),
            Errno::INVAL if late.is_some() => {
                error.because(format!("the clock has no time after {LAST_TIME_NS} ns"))
            }
            Errno::INVAL => self.no_fence(error, seqno),
            Errno::NOSPC => self
                .full(error, "signals may wait for their time")
                .remedy("cancel some, or load the module with a higher max_pending"),
            _ => error,
        }
    }

    /// Returns the error for a SIGNAL_AT with the flag CANCEL that the kernel refused.
    pub(crate) fn not_cancelled(&self, seqno: u64, errno: Errno) -> Error {
        let error = driven(format!("cannot cancel what signals up to {seqno}"), errno);
        match errno {
            Errno::INVAL => self.no_fence(error, seqno),
            _ => error,
        }
    }

    /// Returns the error for an EXPORT that the kernel refused.
    pub(crate) fn not_exported(&self, seqno: u64, errno: Errno) -> Error {
        let error = refused(format!("cannot export fence {seqno}"), errno);
        match errno {
            Errno::INVAL if seqno == 0 => error.because("the first fence is 1"),
            Errno::INVAL => self.no_fence(error, seqno),
            Errno::NOENT => {
                error.because("it is not pending any more, and a timeline keeps only what is")
            }
            _ => error,
        }
    }

    /// Returns the error for a SUBMIT that the kernel refused.
    pub(crate) fn not_submitted(
        &self,
        duration: Duration,
        in_fences: &[BorrowedFd<'_>],
        status: Status,
        errno: Errno,
    ) -> Error {
        let error = driven(format!("cannot submit a job of {duration:?}"), errno);
        match errno {
            Errno::INVAL if !STATUSES.contains(&status.0) => error.because(no_status(status)),
            Errno::INVAL => match self.limits() {
                Ok(limits) => too_many(error, in_fences.len(), &limits),
                Err(_) => error,
            },
            Errno::NOSPC => self
                .full(error, "jobs may be queued")
                .remedy("wait for some first, or load the module with a higher max_pending"),
            Errno::BADF => match no_sync_file(in_fences) {
                Some(cause) => error
                    .because(cause)
                    .remedy("ls -l /proc/PID/fd shows sync_files as anon_inode:sync_file"),
                None => error,
            },
            _ => error,
        }
    }

    /// Adds the cause: no fence has the number `seqno`.
    fn no_fence(&self, error: Error, seqno: u64) -> Error {
        match self.info() {
            Ok(state) if state.last_seqno == 0 => {
                error.because("the timeline has had no fence yet")
            }
            Ok(state) if seqno > state.last_seqno => {
                error.because(format!("the last fence created is {}", state.last_seqno))
            }
            _ => error,
        }
    }

    /// Adds the cause: the limit `max_pending` is reached. `what` says what is limited.
    fn full(&self, error: Error, what: &str) -> Error {
        match self.limits() {
            Ok(limits) => error.because(format!(
                "at most {} {what} in a timeline (module parameter max_pending)",
                limits.max_pending
            )),
            Err(_) => error,
        }
    }
}

/// Returns the error for a refused call whose reason is known without asking the module.
fn refused(what: String, errno: Errno) -> Error {
    let error = Error::refused(what, errno);
    match errno {
        Errno::AGAIN => error
            .because("another thread is creating fences, and the timeline's file is O_NONBLOCK")
            .remedy("try again"),
        _ => error,
    }
}

/// Returns the error for a refused call that works only on engines, or only on timelines that are
/// no engines.
fn driven(what: String, errno: Errno) -> Error {
    let error = refused(what, errno);
    match errno {
        Errno::BUSY => error
            .because("a timeline is driven by create and signal, or by submit, and this one is driven by the other")
            .remedy("open another timeline, with or without --engine"),
        _ => error,
    }
}

/// Adds the cause: which value of a setup is beyond the limits.
fn beyond(error: Error, setup: &Setup<'_>, limits: &Limits) -> Error {
    let longest = Duration::from_nanos(limits.max_timeout_ns);
    if let Some(timeout) = setup.timeout.filter(|timeout| *timeout > longest) {
        return error
            .because(format!(
                "a timeout of {timeout:?} is above the longest one, {longest:?} (module parameter \
                 max_timeout_ms)"
            ))
            .remedy("ask for a shorter one, or load the module with a higher max_timeout_ms");
    }
    let Events::Only(kinds) = setup.events else {
        return error;
    };
    let missing = |kind: &&_| !limits.event_kinds.contains(kind);
    match kinds.iter().find(missing) {
        Some(kind) => error.because(format!(
            "the module has no events of the kind {kind}; it has {}",
            names(&limits.event_kinds)
        )),
        None => error,
    }
}

/// Adds the cause if `count` is more in-fences than a job can have.
fn too_many(error: Error, count: usize, limits: &Limits) -> Error {
    let most = limits.max_in_fences;
    if u32::try_from(count).is_ok_and(|count| count <= most) {
        return error;
    }
    error
        .because(format!(
            "a job waits for {most} fences at most, and these are {count}"
        ))
        .remedy("merge some of them into one")
}

fn no_status(status: Status) -> String {
    format!("{} is neither 0 nor a negative errno", status.0)
}

/// Returns the cause: which of `fds` is not a sync_file, and what it is instead.
fn no_sync_file(fds: &[BorrowedFd<'_>]) -> Option<String> {
    fds.iter().enumerate().find_map(|(place, fd)| {
        let link = fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).ok()?;
        let link = link.display().to_string();
        let which = match fds {
            [_] => "the in-fence".to_owned(),
            _ => format!("in-fence {} of {}", place + 1, fds.len()),
        };
        (link != "anon_inode:sync_file").then(|| format!("{which} is no sync_file, but {link}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventKind;
    use std::{fs::File, os::fd::AsFd};

    fn error() -> Error {
        Error::refused("cannot", Errno::INVAL)
    }

    #[test]
    fn what_is_beyond_the_limits_is_told() {
        let limits = Limits {
            max_timeout_ns: 10_000_000_000,
            event_kinds: vec![EventKind::Wait, EventKind::Overflow],
            ..Default::default()
        };
        let cause = |setup: Setup<'_>| beyond(error(), &setup, &limits).cause;
        let seconds = |seconds| Setup {
            timeout: Some(Duration::from_secs(seconds)),
            ..Default::default()
        };
        assert_eq!(
            cause(seconds(20)),
            "a timeout of 20s is above the longest one, 10s (module parameter max_timeout_ms)"
        );
        assert_eq!(
            cause(Setup {
                events: Events::Only(&[EventKind::Wait, EventKind::Timeout]),
                ..Default::default()
            }),
            "the module has no events of the kind timeout; it has wait, overflow"
        );
        // This timeout is within the limits. So the reason is another one, and no cause is named.
        assert_eq!(cause(seconds(10)), "");
    }

    #[test]
    fn in_fences_that_are_too_many() {
        let limits = Limits {
            max_in_fences: 16,
            ..Default::default()
        };
        assert_eq!(too_many(error(), 16, &limits).cause, "");
        assert_eq!(
            too_many(error(), 17, &limits).cause,
            "a job waits for 16 fences at most, and these are 17"
        );
    }

    #[test]
    fn what_is_no_sync_file_is_told() {
        let null = File::open("/dev/null").unwrap();
        assert_eq!(
            no_sync_file(&[null.as_fd()]).unwrap(),
            "the in-fence is no sync_file, but /dev/null"
        );
        assert_eq!(
            no_sync_file(&[null.as_fd(), null.as_fd()]).unwrap(),
            "in-fence 1 of 2 is no sync_file, but /dev/null"
        );
        assert_eq!(no_sync_file(&[]), None);
    }
}
