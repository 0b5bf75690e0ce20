// SPDX-License-Identifier: GPL-2.0

//! The two kinds of timelines that a session can hold.

use crate::{
    cli::{TimelineArgs, Upto},
    marker::{Marker, Note},
};
use fence_exporter::{clock, Error, Result, Setup, State, Status, SwSync, SyncFile, Timeline};
use rustix::fd::BorrowedFd;
use std::time::Duration;

/// A timeline, with what is known of it.
pub enum Device {
    /// Of `/dev/fence_exporter`.
    Native {
        /// It.
        timeline: Timeline,
        /// Its context.
        context: u32,
        /// Where its statuses are noted.
        marker: Marker,
    },
    /// Of `/dev/sw_sync`, where fence N is the one of value N.
    SwSync {
        /// It.
        timeline: SwSync,
        /// Its value.
        value: u32,
        /// The highest fence.
        last: u32,
    },
}

impl Device {
    /// Opens one.
    pub fn open(args: &TimelineArgs) -> Result<Self> {
        if args.sw_sync {
            return Ok(Self::SwSync {
                timeline: SwSync::open()?,
                value: 0,
                last: 0,
            });
        }
        let timeline = Timeline::open()?;
        timeline.setup(&Setup {
            name: args.name.as_deref(),
            timeout: args.timeout,
            events: args.events,
            engine: args.engine,
        })?;
        let context = timeline.info()?.context as u32;
        Ok(Self::Native {
            timeline,
            context,
            marker: Marker::from_environment(),
        })
    }

    /// The native timeline, which `what` needs.
    pub fn native(&self, what: &str) -> Result<&Timeline> {
        match self {
            Self::Native { timeline, .. } => Ok(timeline),
            Self::SwSync { .. } => Err(Error::usage(
                format!("cannot {what}"),
                "/dev/sw_sync has no such call",
            )
            .remedy("hold a timeline without --sw-sync")),
        }
    }

    /// Creates fences.
    pub fn create(&mut self, count: u32) -> Result<Vec<(u64, SyncFile)>> {
        match self {
            Self::Native { timeline, .. } => {
                let created = timeline.create(count)?;
                Ok((created.first..).zip(created.fences).collect())
            }
            Self::SwSync { timeline, last, .. } => {
                if !(1..=Timeline::MAX_FENCES).contains(&count) {
                    let what = format!("cannot create {count} fences");
                    return Err(Error::usage(
                        what,
                        format!("1 to {} at once", Timeline::MAX_FENCES),
                    ));
                }
                let mut fences = Vec::new();
                for _ in 0..count {
                    let value = last.checked_add(1).ok_or_else(|| {
                        Error::usage("cannot create a fence", "values are 32 bits wide")
                    })?;
                    fences.push((u64::from(value), timeline.create(value)?));
                    *last = value;
                }
                Ok(fences)
            }
        }
    }

    /// Signals; answers how many.
    pub fn signal(&mut self, upto: Upto, status: Status) -> Result<u64> {
        let seqno = self.resolve(upto)?;
        match self {
            Self::Native { timeline, .. } => timeline.signal(seqno, status),
            Self::SwSync {
                timeline,
                value,
                last,
            } => {
                if status != Status::OK {
                    return Err(Error::usage(
                        "cannot signal with an error",
                        "/dev/sw_sync has no such call",
                    ));
                }
                let target = u32::try_from(seqno)
                    .ok()
                    .filter(|target| target <= last)
                    .ok_or_else(|| {
                        Error::usage(
                            format!("cannot signal up to {seqno}"),
                            format!("the last fence created is {last}"),
                        )
                    })?;
                let by = target.saturating_sub(*value);
                timeline.increment(by)?;
                *value += by;
                Ok(u64::from(by))
            }
        }
    }

    /// Signals at a time from now; answers up to which, and when.
    pub fn signal_at(&self, time: Duration, upto: Upto, status: Status) -> Result<(u64, u64)> {
        let native = self.native("signal at a time")?;
        let seqno = self.resolve(upto)?;
        let time_ns =
            clock::now().saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        native.signal_at(seqno, time_ns, status)?;
        Ok((seqno, time_ns))
    }

    /// Queues a job.
    pub fn submit(
        &self,
        duration: Duration,
        in_fence: Option<BorrowedFd<'_>>,
        status: Status,
    ) -> Result<(u64, SyncFile)> {
        let submission = self
            .native("submit a job")?
            .submit(duration, in_fence, status)?;
        Ok((submission.seqno, submission.fence))
    }

    /// Notes what a fence has come to, if that is an error and this is recorded.
    pub fn note_status(&self, seqno: u64, fence: &SyncFile) {
        let Self::Native {
            context, marker, ..
        } = self
        else {
            return;
        };
        if !marker.is_recording() {
            return;
        }
        if let Ok(status) = fence.status() {
            if status.is_error() {
                marker.note(Note::Status {
                    context: *context,
                    first: seqno as u32,
                    last: seqno as u32,
                    status,
                });
            }
        }
    }

    /// Notes when a fence is wanted.
    pub fn note_deadline(&self, seqno: u64, time_ns: u64) {
        if let Self::Native {
            context, marker, ..
        } = self
        {
            marker.note(Note::Deadline {
                context: *context,
                seqno: seqno as u32,
                time_ns,
            });
        }
    }

    fn resolve(&self, upto: Upto) -> Result<u64> {
        let (signalled, last) = match self {
            Self::Native { timeline, .. } => {
                let State {
                    signalled_seqno,
                    last_seqno,
                    ..
                } = timeline.info()?;
                (signalled_seqno, last_seqno)
            }
            Self::SwSync { value, last, .. } => (u64::from(*value), u64::from(*last)),
        };
        Ok(match upto {
            Upto::Seqno(seqno) => seqno,
            Upto::All => last,
            Upto::Next if signalled == last => {
                return Err(
                    Error::usage("cannot signal the next fence", "none is pending")
                        .remedy("create some first"),
                )
            }
            Upto::Next => signalled + 1,
        })
    }
}

impl Drop for Device {
    /// What is pending now will be cancelled.
    fn drop(&mut self) {
        if let Self::Native {
            timeline,
            context,
            marker,
        } = self
        {
            if let Ok(state) = timeline.info() {
                if state.pending > 0 {
                    marker.note(Note::Status {
                        context: *context,
                        first: state.signalled_seqno as u32 + 1,
                        last: state.last_seqno as u32,
                        status: Status::CANCELED,
                    });
                }
            }
        }
    }
}
