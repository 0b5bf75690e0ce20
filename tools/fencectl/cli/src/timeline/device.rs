// SPDX-License-Identifier: GPL-2.0

//! The two kinds of timelines that a session can hold.

use crate::cli::{EventChoice, TimelineArgs, Upto};
use fence_exporter::{
    clock, Error, Events, Result, Setup, State, Status, SwSync, SyncFile, Timeline,
};
use rustix::fd::BorrowedFd;
use std::{collections::BTreeSet, time::Duration};

/// A timeline, and what the session knows about it.
pub enum Device {
    /// A timeline of `/dev/fence_exporter`.
    Native {
        /// The timeline.
        timeline: Timeline,
        /// Whether the timeline is an engine, which is driven by jobs.
        engine: bool,
        /// The sequence numbers that [`Device::signal_at`] was called for.
        planned: BTreeSet<u64>,
    },
    /// A timeline of `/dev/sw_sync`. Fence N is the fence with the value N.
    SwSync {
        /// The timeline.
        timeline: SwSync,
        /// The value of the timeline.
        value: u32,
        /// The highest value of a fence that was created.
        last: u32,
    },
}

impl Device {
    /// Opens the timeline that the arguments ask for.
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
            events: match &args.events {
                None => Events::None,
                Some(EventChoice::All) => Events::All,
                Some(EventChoice::Only(kinds)) => Events::Only(kinds),
            },
            engine: args.engine,
        })?;
        Ok(Self::Native {
            timeline,
            engine: args.engine,
            planned: BTreeSet::new(),
        })
    }

    /// Returns the timeline of `/dev/fence_exporter`, without which `what` is impossible. Fails for
    /// a timeline of sw_sync.
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

    /// Returns the commands that the timeline does not take.
    pub fn refused(&self) -> &'static [&'static str] {
        match self {
            Self::Native { engine: true, .. } => &["create", "signal", "at", "cancel"],
            Self::Native { .. } => &["submit"],
            Self::SwSync { .. } => &["at", "cancel", "submit", "export", "limits", "events"],
        }
    }

    /// Creates fences, and returns their numbers and descriptors.
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

    /// Signals all pending fences up to `upto`. Returns how many fences that were.
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

    /// Plans a signal after `time`. Returns the last fence that it will signal, and the time of the
    /// signal (ns).
    pub fn signal_at(&mut self, time: Duration, upto: Upto, status: Status) -> Result<(u64, u64)> {
        let native = self.native("signal at a time")?;
        let seqno = self.resolve(upto)?;
        let time_ns =
            clock::now().saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        native.signal_at(seqno, time_ns, status)?;
        if let Self::Native { planned, .. } = self {
            planned.insert(seqno);
        }
        Ok((seqno, time_ns))
    }

    /// Cancels the signals that [`Device::signal_at`] planned for `seqno`, or all of them if
    /// `seqno` is `None`. Returns how many were cancelled.
    pub fn cancel(&mut self, seqno: Option<u64>) -> Result<u64> {
        let native = self.native("cancel a signal")?;
        if let Some(seqno) = seqno {
            return native.cancel_signal_at(seqno);
        }
        let Self::Native {
            timeline, planned, ..
        } = self
        else {
            return Ok(0);
        };
        let counts = planned
            .iter()
            .map(|seqno| timeline.cancel_signal_at(*seqno));
        let count = counts.sum::<Result<u64>>()?;
        planned.clear();
        Ok(count)
    }

    /// Queues a job. Returns the number and the descriptor of its fence.
    pub fn submit(
        &self,
        duration: Duration,
        in_fences: &[BorrowedFd<'_>],
        status: Status,
    ) -> Result<(u64, SyncFile)> {
        let submission = self
            .native("submit a job")?
            .submit(duration, in_fences, status)?;
        Ok((submission.seqno, submission.fence))
    }

    fn resolve(&self, upto: Upto) -> Result<u64> {
        let (signaled, last) = match self {
            Self::Native { timeline, .. } => {
                let State {
                    signaled_seqno,
                    last_seqno,
                    ..
                } = timeline.info()?;
                (signaled_seqno, last_seqno)
            }
            Self::SwSync { value, last, .. } => (u64::from(*value), u64::from(*last)),
        };
        Ok(match upto {
            Upto::Seqno(seqno) => seqno,
            Upto::All => last,
            Upto::Next if signaled == last => {
                return Err(
                    Error::usage("cannot signal the next fence", "none is pending")
                        .remedy("create some first"),
                )
            }
            Upto::Next => signaled + 1,
        })
    }
}
