// SPDX-License-Identifier: GPL-2.0

//! The model of a job: when it must end, and with which status, according to docs/uapi.md.
//!
//! A job starts when its in-fences have signaled and the previous job has finished. From then on it
//! takes its duration. While an in-fence is pending, the timeout runs from the submission. Once all
//! in-fences have signaled, the timeout runs from the start of the job. A job of a display ends at
//! a vblank instead, and its timeout always runs from the submission.

use fence_exporter::Status;

/// What the end of a job depends on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given {
    /// When the job was submitted (ns).
    pub submitted: u64,
    /// When the previous job of the engine finished (ns); 0 if there is none.
    pub engine_free: u64,
    /// When the last fence that the job waits for signaled (ns); `None` if it waits for nothing.
    pub ready: Option<u64>,
    /// How long the job takes (ns).
    pub duration: u64,
    /// The timeout of the job (ns).
    pub timeout: u64,
    /// The vblank of the engine, if the engine is a display.
    pub vblank: Option<Vblank>,
}

/// The times at which a display can show a job.
#[derive(Clone, Copy, Debug)]
pub struct Vblank {
    /// When the scenario began (ns). The first vblank is one period later.
    pub begin: u64,
    /// The time between two vblanks (ns).
    pub period: u64,
}

impl Vblank {
    /// Returns the vblank at which a job is shown: the first one at or after `ready`, when the job
    /// can be shown, that is also later than the vblank of the previous job, which ended at
    /// `before`.
    pub fn shows(self, ready: u64, before: u64) -> u64 {
        let first = ready.saturating_sub(self.begin).div_ceil(self.period);
        // The first vblank is one period after the beginning.
        let next = before.saturating_sub(self.begin) / self.period + 1;
        let count = first.max(next);
        self.begin.saturating_add(count.saturating_mul(self.period))
    }
}

/// How a job must end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// When the job ends (ns).
    pub end: u64,
    /// Whether the job ends by its timeout.
    pub timed_out: bool,
}

/// Computes how a job must end.
pub fn outcome(given: Given) -> Outcome {
    let wait_ends = given.submitted.saturating_add(given.timeout);
    let ready = given.ready.unwrap_or(given.submitted);
    if ready > wait_ends {
        return Outcome {
            end: wait_ends,
            timed_out: true,
        };
    }
    if let Some(vblank) = given.vblank {
        let shown = vblank.shows(ready.max(given.submitted), given.engine_free);
        return Outcome {
            end: shown.min(wait_ends),
            timed_out: shown > wait_ends,
        };
    }
    let start = given.submitted.max(given.engine_free).max(ready);
    let timed_out = given.duration > given.timeout;
    Outcome {
        end: start.saturating_add(given.duration.min(given.timeout)),
        timed_out,
    }
}

/// Computes the status that a job must end with. `own` is the job's own status, and `waited_for`
/// are the statuses of the fences that the job waits for. If some of these are errors, the first
/// error replaces the job's own status. A timeout replaces both.
pub fn status(timed_out: bool, own: Status, waited_for: &[Status]) -> Status {
    if timed_out {
        return Status::TIMED_OUT;
    }
    let own = if own.is_error() {
        own
    } else {
        Status::SIGNALED
    };
    let mut errors = waited_for.iter().filter(|status| status.is_error());
    errors.next().copied().unwrap_or(own)
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
        vblank: None,
    };

    #[test]
    fn a_display_shows_one_at_a_vblank() {
        let vblank = Vblank {
            begin: 1000,
            period: 100,
        };
        for (ready, before, shown) in [
            (1000, 0, 1100),
            (1001, 0, 1100),
            (1100, 0, 1100),
            (1101, 0, 1200),
            // The previous job was shown at the vblank of 1100, exactly or a little late.
            (1050, 1100, 1200),
            (1050, 1103, 1200),
            (1250, 1100, 1300),
        ] {
            assert_eq!(vblank.shows(ready, before), shown, "{ready}, {before}");
            let given = Given {
                submitted: 1000,
                engine_free: before,
                ready: Some(ready),
                duration: 0,
                timeout: 250,
                vblank: Some(vblank),
            };
            let timed_out = shown > 1250;
            let end = shown.min(1250);
            assert_eq!(outcome(given), Outcome { end, timed_out });
        }
    }

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
        let (ok, eio, enxio) = (Status::SIGNALED, Status(-5), Status(-6));
        for (own, waited_for, ended) in [
            (Status::OK, &[] as &[_], ok),
            (eio, &[], eio),
            (eio, &[ok], eio),
            (Status::OK, &[eio], eio),
            (eio, &[ok, enxio], enxio),
            (Status::OK, &[ok, enxio, eio], enxio),
        ] {
            assert_eq!(status(false, own, waited_for), ended, "{waited_for:?}");
            assert_eq!(status(true, own, waited_for), Status::TIMED_OUT);
        }
    }
}
