// SPDX-License-Identifier: GPL-2.0

//! Makes timelines and fences from events.

use super::{Fence, Outcome, Recording, Timeline, UNBOUND};
use crate::trace::parse::{Action, Event};
use fence_exporter::Status;
use std::collections::HashMap;

/// The beginning of the driver names `dma_fence_array` and `dma_fence_chain`: the core's fences
/// that are made of several fences.
const SEVERAL: &str = "dma_fence_";
/// The module's cause for a fence that was created and discarded before any process saw it.
const UNWOUND: &str = "unwound";
/// How much earlier than its real time an event can seem to be (ns): the text of a recording has
/// microseconds, and cuts off the rest.
const CUT: u64 = 999;

/// Makes a recording from its events, one after the other.
pub struct Builder {
    recording: Recording,
    /// How far the recording's clock is ahead of `CLOCK_MONOTONIC`, the clock of timestamps and
    /// deadlines (ns).
    ahead: i64,
    /// The index of each timeline, by its context.
    timelines: HashMap<u32, usize>,
    /// The index of the one timeline for all merged fences.
    merged: Option<usize>,
    /// The index of the last fence in its timeline, by context and sequence number.
    fences: HashMap<(u32, u32), usize>,
    /// Since when threads sleep, by context, sequence number and thread.
    asleep: HashMap<(u32, u32, u32), u64>,
}

impl Builder {
    /// Begins with `recording`, which has no timelines yet.
    pub fn new(recording: Recording, ahead: i64) -> Self {
        Self {
            recording,
            ahead,
            timelines: HashMap::new(),
            merged: None,
            fences: HashMap::new(),
            asleep: HashMap::new(),
        }
    }

    /// Processes the next event.
    pub fn take(&mut self, event: &Event) {
        let place = self.timeline(event.context, &event.driver, &event.timeline);
        if event.action == Action::Init {
            self.renew(place, event, event.time);
        } else {
            self.happen(place, event);
        }
    }

    /// Converts a time of `CLOCK_MONOTONIC` to the recording's clock.
    fn time(&self, time: i64) -> u64 {
        u64::try_from(time.saturating_add(self.ahead)).unwrap_or(0)
    }

    /// Returns the index of a timeline, and adds the timeline if it is new. Once a fence has
    /// signaled, its events have the core's generic names, which must not replace the real ones.
    fn timeline(&mut self, context: u32, driver: &str, name: &str) -> usize {
        let detached = name == "signaled-timeline";
        let timelines = &mut self.recording.timelines;
        // Each merged sync_file has a context of its own. They all go into one timeline. The driver
        // is checked as well, because another driver's timeline may also have the name `unbound`.
        let merged = name == UNBOUND && driver.starts_with(SEVERAL);
        let shared = merged.then_some(self.merged).flatten();
        let place = *self.timelines.entry(context).or_insert_with(|| {
            if let Some(place) = shared {
                return place;
            }
            timelines.push(Timeline {
                name: String::new(),
                driver: String::new(),
                context,
                fences: Vec::new(),
            });
            timelines.len() - 1
        });
        if merged {
            self.merged = Some(place);
        }
        let timeline = &mut timelines[place];
        if timeline.name.is_empty() && !detached {
            timeline.name = if merged { "merged" } else { name }.to_owned();
            timeline.driver = driver.to_owned();
        }
        place
    }

    fn renew(&mut self, place: usize, event: &Event, begin: u64) {
        let fence = Fence {
            seqno: event.seqno,
            begin,
            end: self.recording.end,
            outcome: Outcome::Pending,
            cause: None,
            waited_from: None,
            sleeps: Vec::new(),
            deadlines: Vec::new(),
        };
        let fences = &mut self.recording.timelines[place].fences;
        let known = self.fences.get(&(event.context, event.seqno));
        match known.map(|place| &mut fences[*place]) {
            // A CREATE that failed has released its sequence numbers, and they are used again. No
            // process has seen the discarded fence.
            Some(known) if known.cause.as_deref() == Some(UNWOUND) => *known = fence,
            // The kernel's sw_sync initializes a new fence, and discards it if a fence of the same
            // value is pending.
            Some(known) if known.outcome == Outcome::Pending => {}
            // On /dev/sw_sync, all fences of a value that was reached already have the same number.
            _ => {
                fences.push(fence);
                self.fences
                    .insert((event.context, event.seqno), fences.len() - 1);
            }
        }
    }

    fn happen(&mut self, place: usize, event: &Event) {
        let key = (event.context, event.seqno);
        if !self.fences.contains_key(&key) {
            // The fence was created before the recording began.
            self.renew(place, event, self.recording.begin);
        }
        let sleep = (event.context, event.seqno, event.pid);
        let at = match event.action {
            Action::Status { timestamp, .. } => self.time(timestamp).min(event.time + CUT),
            Action::Deadline { deadline } => self.time(deadline),
            _ => event.time,
        };
        let fence = &mut self.recording.timelines[place].fences[self.fences[&key]];
        match &event.action {
            Action::EnableSignal => fence.waited_from = fence.waited_from.or(Some(at)),
            Action::Status { status, cause, .. } => {
                // The end of a job may be earlier than the time at which its fence was initialized.
                fence.end = at.max(fence.begin);
                fence.outcome = match status {
                    0 => Outcome::Signaled,
                    ..0 => Outcome::Failed(Status(*status)),
                    1.. => Outcome::Unknown,
                };
                fence.cause = Some(cause.clone());
            }
            Action::Deadline { .. } => fence.deadlines.push(at),
            // If the module has an event for this fence, it came just before this one, and has the
            // status. Then the fence is not pending any more.
            Action::Signaled if fence.outcome == Outcome::Pending => {
                fence.end = at;
                fence.outcome = Outcome::Unknown;
            }
            Action::WaitStart => {
                self.asleep.insert(sleep, at);
            }
            Action::WaitEnd => {
                let from = self.asleep.remove(&sleep).unwrap_or(fence.begin);
                fence.sleeps.push((from, at, event.comm.clone()));
            }
            Action::Signaled | Action::Init | Action::Emit => {}
        }
    }

    /// Completes what is known only after the last event, and returns the recording.
    pub fn finish(mut self) -> Recording {
        for timeline in &mut self.recording.timelines {
            if timeline.name.is_empty() {
                timeline.name = "(signaled before)".to_owned();
            }
            // If a CREATE failed and its numbers were used again, the new fence has replaced the
            // old one here. So it may be later than the fences after it.
            timeline.fences.sort_by_key(|fence| fence.begin);
            for fence in &mut timeline.fences {
                fence.deadlines.sort_unstable();
                fence.deadlines.dedup();
            }
        }
        self.recording
    }
}
