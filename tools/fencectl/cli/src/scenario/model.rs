// SPDX-License-Identifier: GPL-2.0

//! What the interface says must come of a job.
//!
//! It starts when its in-fence has signalled and the job before it has finished, and takes its time. Its
//! timeout runs from the start, or from the submission while the in-fence has not signalled.

use fence_exporter::Status;

/// What is known of a job when it ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given {
    /// When it was submitted (ns).
    pub submitted: u64,
    /// When the job before it finished; 0: there is none.
    pub engine_free: u64,
    /// When what it waits for had signalled; `None`: it waits for nothing.
    pub ready: Option<u64>,
    /// How long it takes (ns).
    pub duration: u64,
    /// Its timeout (ns).
    pub timeout: u64,
}

/// What must come of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// When it ends (ns).
    pub end: u64,
    /// Whether by its timeout.
    pub timed_out: bool,
}

/// What must come of a job.
pub fn outcome(given: Given) -> Outcome {
    let wait_ends = given.submitted.saturating_add(given.timeout);
    let ready = given.ready.unwrap_or(given.submitted);
    if ready > wait_ends {
        return Outcome {
            end: wait_ends,
            timed_out: true,
        };
    }
    let start = given.submitted.max(given.engine_free).max(ready);
    let timed_out = given.duration > given.timeout;
    Outcome {
        end: start.saturating_add(given.duration.min(given.timeout)),
        timed_out,
    }
}

/// Whether a job may end with `status`, by its own status and what those that it waits for ended with.
///
/// An error of the in-fence takes the place of the job's own. Merging drops fences that have signalled, and
/// their errors: of several, any may be the one, and if all have errors the job's own may remain as well.
pub fn status_allowed(status: Status, timed_out: bool, own: Status, waited_for: &[Status]) -> bool {
    if timed_out {
        return status == Status::TIMED_OUT;
    }
    let own = if own.is_error() {
        own
    } else {
        Status::SIGNALLED
    };
    let mut errors = waited_for
        .iter()
        .copied()
        .filter(|status| status.is_error())
        .peekable();
    match waited_for {
        _ if errors.peek().is_none() => status == own,
        [error] => status == *error,
        _ => status == own || errors.any(|error| error == status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: Given = Given {
        submitted: 100,
        engine_free: 0,
        ready: None,
        duration: 10,
        timeout: 50,
    };

    #[test]
    fn ends() {
        for (given, end, timed_out) in [
            (GIVEN, 110, false),
            (
                Given {
                    engine_free: 130,
                    ..GIVEN
                },
                140,
                false,
            ),
            (
                Given {
                    ready: Some(120),
                    engine_free: 105,
                    ..GIVEN
                },
                130,
                false,
            ),
            (
                Given {
                    ready: Some(90),
                    ..GIVEN
                },
                110,
                false,
            ),
            (
                Given {
                    ready: Some(150),
                    ..GIVEN
                },
                160,
                false,
            ),
            (
                Given {
                    ready: Some(151),
                    ..GIVEN
                },
                150,
                true,
            ),
            (
                Given {
                    duration: 50,
                    ..GIVEN
                },
                150,
                false,
            ),
            (
                Given {
                    duration: 51,
                    ..GIVEN
                },
                150,
                true,
            ),
            (
                Given {
                    duration: u64::MAX,
                    timeout: u64::MAX,
                    ..GIVEN
                },
                u64::MAX,
                false,
            ),
        ] {
            assert_eq!(outcome(given), Outcome { end, timed_out }, "{given:?}");
        }
    }

    #[test]
    fn statuses() {
        let (ok, eio) = (Status::SIGNALLED, Status(-5));
        assert!(status_allowed(ok, false, Status::OK, &[]));
        assert!(!status_allowed(ok, false, eio, &[]));
        assert!(status_allowed(eio, false, eio, &[ok]));
        assert!(status_allowed(eio, false, Status::OK, &[eio]));
        assert!(!status_allowed(ok, false, Status::OK, &[eio]));
        assert!(status_allowed(ok, false, Status::OK, &[eio, ok]));
        assert!(!status_allowed(Status(-6), false, Status::OK, &[eio, ok]));
        assert!(!status_allowed(ok, true, Status::OK, &[]));
        assert!(status_allowed(Status::TIMED_OUT, true, eio, &[]));
    }
}
