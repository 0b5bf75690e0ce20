// SPDX-License-Identifier: GPL-2.0

//! Fences that fencectl signals itself when other fences have signaled.
//!
//! The device has no call for two things that a scenario can have: a display that shows a job at a
//! vblank, and a job that waits for a fence without taking over its error. For both, fencectl
//! creates fences and signals them by SIGNAL or SIGNAL_AT.

use super::model::Vblank;
use fence_exporter::{Result, Setup, Status, SyncFile, Timeline};
use rustix::fd::{AsFd, BorrowedFd};
use std::{collections::VecDeque, rc::Rc, time::Duration};

/// A fence that fencectl signals after the fences in `on` have signaled.
struct Follower {
    seqno: u64,
    fence: Rc<SyncFile>,
    /// When the fence was created (ns).
    made: u64,
    /// The fences that it waits for.
    on: Vec<Rc<SyncFile>>,
    /// How many fences at the beginning of `on` pass on their errors to this fence.
    handing_on: usize,
    /// The status to signal with if no error is passed on.
    status: Status,
    /// Whether SIGNAL or SIGNAL_AT was called for the fence.
    signaled: bool,
}

impl Follower {
    /// Returns the first fence in `on` that is pending.
    fn pending(&self) -> Result<Option<&Rc<SyncFile>>> {
        for fence in &self.on {
            if fence.status()? == Status::PENDING {
                return Ok(Some(fence));
            }
        }
        Ok(None)
    }

    /// Returns from when on the fence may signal, and the status to signal with. The time is when
    /// the last fence in `on` signaled, or when this fence was created if that was later.
    fn ready(&self) -> Result<(u64, Status)> {
        let mut ready = self.made;
        let mut status = self.status;
        for (place, fence) in self.on.iter().enumerate().rev() {
            ready = ready.max(fence.signaled_at()?.unwrap_or(u64::MAX));
            let handed_on = fence.status()?;
            if place < self.handing_on && handed_on.is_error() {
                status = handed_on;
            }
        }
        Ok((ready, status))
    }
}

/// The followers on one timeline. They are signaled in their order.
pub struct Line {
    vblank: Option<Vblank>,
    queue: VecDeque<Follower>,
    /// When the last follower that has ended signaled (ns).
    before: u64,
}

impl Line {
    /// Makes an empty line. With a vblank, each fence is signaled at a vblank. Without one, each
    /// fence is signaled as soon as the fences that it waits for have signaled.
    pub fn new(vblank: Option<Vblank>) -> Self {
        Self {
            vblank,
            queue: VecDeque::new(),
            before: 0,
        }
    }

    /// Creates a fence that is signaled after the fences in `on`. The first `handing_on` of these
    /// pass on their errors. Returns the sequence number and the fence.
    pub fn add(
        &mut self,
        timeline: &Timeline,
        on: Vec<Rc<SyncFile>>,
        handing_on: usize,
        status: Status,
    ) -> Result<(u64, Rc<SyncFile>)> {
        let created = timeline.create(1)?;
        let fences = created.fences.into_iter().map(Rc::new);
        let mut made = Vec::new();
        for fence in fences {
            self.queue.push_back(Follower {
                seqno: created.first,
                fence: fence.clone(),
                made: fence_exporter::clock::now(),
                on: on.clone(),
                handing_on,
                status,
                signaled: false,
            });
            made.push(fence);
        }
        self.follow(timeline)?;
        // One fence was created, so `made` has one element.
        Ok((created.first, made.remove(0)))
    }

    /// Signals the fences whose turn has come.
    pub fn follow(&mut self, timeline: &Timeline) -> Result<()> {
        while let Some(first) = self.queue.front_mut() {
            // The first follower has ended: by its signal, or by its timeout.
            if let Some(end) = first.fence.signaled_at()? {
                self.before = end;
                self.queue.pop_front();
                continue;
            }
            if first.signaled || first.pending()?.is_some() {
                return Ok(());
            }
            let (ready, status) = first.ready()?;
            match self.vblank {
                Some(vblank) => {
                    let time_ns = vblank.shows(ready, self.before);
                    timeline.signal_at(first.seqno, time_ns, status)?;
                }
                None => {
                    timeline.signal(first.seqno, status)?;
                }
            }
            first.signaled = true;
        }
        Ok(())
    }

    /// Returns the fence that must signal before [`follow`](Self::follow) has anything to do.
    pub fn awaited(&self) -> Result<Option<BorrowedFd<'_>>> {
        let Some(first) = self.queue.front() else {
            return Ok(None);
        };
        Ok(Some(match first.pending()? {
            Some(fence) if !first.signaled => fence.as_fd(),
            _ => first.fence.as_fd(),
        }))
    }
}

/// A timeline of stand-ins. A stand-in is a fence that signals without an error when the fence that
/// it stands for has ended.
pub struct Relay {
    timeline: Timeline,
    line: Line,
}

impl Relay {
    /// Opens a timeline with the name `ended-NUMBER`.
    pub fn open(number: usize) -> Result<Self> {
        let timeline = Timeline::open()?;
        timeline.setup(&Setup {
            name: Some(&format!("ended-{number}")),
            // The fences that stand-ins wait for have timeouts of their own. So this one is as long
            // as the module allows.
            timeout: Some(Duration::from_nanos(timeline.limits()?.max_timeout_ns)),
            ..Setup::default()
        })?;
        Ok(Self {
            timeline,
            line: Line::new(None),
        })
    }

    /// Creates a stand-in for `fence`.
    pub fn of(&mut self, fence: Rc<SyncFile>) -> Result<Rc<SyncFile>> {
        let (_, relayed) = self.line.add(&self.timeline, vec![fence], 0, Status::OK)?;
        Ok(relayed)
    }

    /// Signals the stand-ins whose fences have ended.
    pub fn follow(&mut self) -> Result<()> {
        self.line.follow(&self.timeline)
    }

    /// Returns the fence that must signal before [`follow`](Self::follow) has anything to do.
    pub fn awaited(&self) -> Result<Option<BorrowedFd<'_>>> {
        self.line.awaited()
    }
}
