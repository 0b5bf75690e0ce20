// SPDX-License-Identifier: GPL-2.0

//! `fencectl wait`, and the parts that the command `wait` of a session shares with it.

use crate::{
    cli::{Expected, FenceRef, WaitArgs},
    output::{exit_status, time_text, Output},
};
use fence_exporter::{clock, process, Error, Kind, Result, Status, SyncFile};
use serde::Serialize;
use std::{
    fmt,
    process::{id, ExitCode},
    time::Duration,
};

/// The result of a wait.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Waited {
    /// The fence's status.
    pub status: Status,
    /// The number of the errno, if the fence ended with an error.
    pub errno: Option<i32>,
    /// When the fence signaled (ns); `None` if it is pending.
    pub timestamp_ns: Option<u64>,
    /// How long the wait took.
    pub waited_ns: u64,
    /// When the wait began (ns).
    #[serde(skip)]
    begin: u64,
}

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.timestamp_ns.and_then(|at| self.begin.checked_sub(at)) {
            // The fence had signaled before the wait began.
            Some(ago @ 1..) if self.status.is_error() => {
                write!(f, "had ended with {} {} ago", self.status, time_text(ago))
            }
            Some(ago @ 1..) => write!(f, "had signaled {} ago", time_text(ago)),
            _ => write!(f, "{} after {}", self.status, time_text(self.waited_ns)),
        }
    }
}

/// Returns a new descriptor of the fence that `which` names.
pub fn fence(which: FenceRef) -> Result<SyncFile> {
    match which {
        FenceRef::Own(fd) => process::fence_of(id(), fd),
        FenceRef::Of { pid, fd } => process::fence_of(pid, fd),
        FenceRef::Number(_) => Err(Error::usage(
            format!("cannot find fence {which}"),
            "only a session knows its fences by number",
        )
        .remedy("name it as PID:FD; fencectl list shows who holds the timeline")),
    }
}

/// Waits for a fence by calling `wait`, and returns the result with its times.
pub fn wait(
    fence: &SyncFile,
    timeout: Option<Duration>,
    wait: impl FnOnce(&SyncFile, Option<Duration>) -> Result<Status>,
) -> Result<Waited> {
    let begin = clock::now();
    let status = wait(fence, timeout)?;
    let waited_ns = clock::now() - begin;
    Ok(Waited {
        status,
        errno: status.errno(),
        timestamp_ns: match status {
            Status::PENDING => None,
            _ => fence.signaled_at()?,
        },
        waited_ns,
        begin,
    })
}

/// Returns the error if the result of a wait, `came_to`, is not the expected one.
pub fn failure(args: WaitArgs, came_to: Status) -> Option<Error> {
    let Expected(expected) = args.expect;
    if came_to == expected {
        return None;
    }
    let which = args.fence;
    Some(match came_to {
        Status::PENDING => Error {
            kind: Kind::TimeOver,
            ..Error::usage(
                format!("fence {which} is still pending"),
                "the time of the wait was over before it signaled",
            )
        }
        .remedy("wait for longer; --expect pending says that this is right"),
        status => Error {
            kind: Kind::Unexpected,
            ..Error::usage(
                format!("fence {which} ended with {status}"),
                format!("{expected} was expected"),
            )
        }
        .remedy(format!("--expect {status} says that this is right")),
    })
}

/// `fencectl wait`.
pub fn run(args: WaitArgs, output: Output) -> Result<ExitCode> {
    let waited = wait(&fence(args.fence)?, args.timeout, SyncFile::wait)?;
    output.say(&waited);
    // The answer already says how the wait ended. So no error is printed.
    let failure = failure(args, waited.status);
    Ok(failure.map_or(ExitCode::SUCCESS, |error| exit_status(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_had_signaled_before_is_told_so() {
        let waited = |status, timestamp_ns| Waited {
            status,
            errno: None,
            timestamp_ns,
            waited_ns: 2_000,
            begin: 5_000_000,
        };
        for (status, timestamp_ns, told) in [
            (Status::SIGNALED, Some(1_000_000), "had signaled 4.0 ms ago"),
            (
                Status(-5),
                Some(4_999_000),
                "had ended with -EIO 1.0 us ago",
            ),
            (Status::SIGNALED, Some(5_001_000), "signaled after 2.0 us"),
            (Status(-5), Some(5_001_000), "-EIO after 2.0 us"),
            (Status::PENDING, None, "pending after 2.0 us"),
        ] {
            assert_eq!(waited(status, timestamp_ns).to_string(), told);
        }
    }

    #[test]
    fn a_wait_fails_unless_it_comes_to_what_was_expected() {
        let kind = |expected: &str, came_to| {
            let args = WaitArgs {
                fence: "4".parse().unwrap(),
                timeout: None,
                expect: expected.parse().unwrap(),
            };
            failure(args, came_to).map(|error| error.kind)
        };
        let eio = Status(-5);
        for (expected, came_to, failed) in [
            ("signaled", Status::SIGNALED, None),
            ("signaled", Status::PENDING, Some(Kind::TimeOver)),
            ("signaled", eio, Some(Kind::Unexpected)),
            ("pending", Status::PENDING, None),
            ("pending", Status::SIGNALED, Some(Kind::Unexpected)),
            ("EIO", eio, None),
            ("EIO", Status::SIGNALED, Some(Kind::Unexpected)),
            ("-ENODEV", eio, Some(Kind::Unexpected)),
            ("EIO", Status::PENDING, Some(Kind::TimeOver)),
        ] {
            assert_eq!(kind(expected, came_to), failed, "{expected}, {came_to}");
        }
    }
}
