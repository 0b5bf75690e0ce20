// SPDX-License-Identifier: GPL-2.0

//! Makes timelines and fences of events.

use super::{Fence, Outcome, Recording, Timeline};
use crate::{
    marker::Note,
    trace::parse::{Action, Event, Fact},
};
use fence_exporter::Status;
use std::collections::HashMap;

/// What the core calls the timeline of a fence of several.
const UNBOUND: &str = "unbound";

/// How much sooner than the timeout, by the recording's clock, a fence may time out.
const EARLY_NS: u64 = 1_000_000;

/// Makes a recording of its events.
pub struct Builder {
    recording: Recording,
    /// Places of timelines by context, and of fences by context and number.
    timelines: HashMap<u32, usize>,
    /// The place of the one for fences of several.
    merged: Option<usize>,
    fences: HashMap<(u32, u32), usize>,
    /// Threads that sleep: since when.
    asleep: HashMap<(u32, u32, u32), u64>,
    timeouts: HashMap<u32, u64>,
    statuses: Vec<(u32, u32, u32, Status)>,
    deadlines: Vec<(u32, u32, u64)>,
}

impl Builder {
    /// Begins with a recording that has no timelines.
    pub fn new(recording: Recording) -> Self {
        Self {
            recording,
            timelines: HashMap::new(),
            merged: None,
            fences: HashMap::new(),
            asleep: HashMap::new(),
            timeouts: HashMap::new(),
            statuses: Vec::new(),
            deadlines: Vec::new(),
        }
    }

    /// Takes the next event.
    pub fn take(&mut self, event: &Event) {
        match &event.fact {
            Fact::Fence {
                action,
                driver,
                timeline,
                context,
                seqno,
            } => {
                let place = self.timeline(*context, driver, timeline);
                if *action == Action::Init {
                    self.renew(place, *context, *seqno, event.time);
                } else {
                    self.happen(place, *context, *seqno, *action, event);
                }
            }
            Fact::Note(Note::Deadline {
                context,
                seqno,
                time_ns,
            }) => self.deadlines.push((*context, *seqno, *time_ns)),
            Fact::Note(Note::Status {
                context,
                first,
                last,
                status,
            }) => {
                self.statuses.push((*context, *first, *last, *status));
            }
            Fact::Note(Note::Timeout {
                context,
                timeout_ns,
            }) => {
                self.timeouts.insert(*context, *timeout_ns);
            }
        }
    }

    /// The place of a timeline, whose names are the core's once its fence has signalled.
    fn timeline(&mut self, context: u32, driver: &str, name: &str) -> usize {
        let detached = name == "signaled-timeline";
        let timelines = &mut self.recording.timelines;
        // Merged sync_files have a context each: one timeline is enough for all of them.
        let shared = (name == UNBOUND).then_some(self.merged).flatten();
        let place = *self.timelines.entry(context).or_insert_with(|| {
            if let Some(place) = shared {
                return place;
            }
            timelines.push(Timeline {
                name: String::new(),
                driver: String::new(),
                context,
                fences: Vec::new(),
                deadlines: Vec::new(),
            });
            timelines.len() - 1
        });
        if name == UNBOUND {
            self.merged = Some(place);
        }
        let timeline = &mut timelines[place];
        if timeline.name.is_empty() && !detached {
            timeline.name = if name == UNBOUND { "merged" } else { name }.to_owned();
            timeline.driver = driver.to_owned();
        }
        place
    }

    fn renew(&mut self, place: usize, context: u32, seqno: u32, begin: u64) {
        let fence = Fence {
            seqno,
            begin,
            end: self.recording.end,
            outcome: Outcome::Pending,
            waited_from: None,
            sleeps: Vec::new(),
            deadline: None,
        };
        let fences = &mut self.recording.timelines[place].fences;
        // A CREATE that failed has given its numbers back: nobody has seen that fence.
        match self.fences.get(&(context, seqno)) {
            Some(place) => fences[*place] = fence,
            None => {
                fences.push(fence);
                self.fences.insert((context, seqno), fences.len() - 1);
            }
        }
    }

    fn happen(&mut self, place: usize, context: u32, seqno: u32, action: Action, event: &Event) {
        if !self.fences.contains_key(&(context, seqno)) {
            // It was made before the recording began.
            self.renew(place, context, seqno, self.recording.begin);
        }
        let fence = &mut self.recording.timelines[place].fences[self.fences[&(context, seqno)]];
        match action {
            Action::EnableSignal => fence.waited_from = fence.waited_from.or(Some(event.time)),
            Action::Signaled => {
                fence.end = event.time;
                fence.outcome = Outcome::Signalled;
            }
            Action::WaitStart => {
                self.asleep.insert((context, seqno, event.pid), event.time);
            }
            Action::WaitEnd => {
                let from = self
                    .asleep
                    .remove(&(context, seqno, event.pid))
                    .unwrap_or(fence.begin);
                fence.sleeps.push((from, event.time, event.comm.clone()));
            }
            Action::Init | Action::Emit => {}
        }
    }

    /// Puts in what is known only at the end.
    pub fn finish(mut self) -> Recording {
        for timeline in &mut self.recording.timelines {
            if timeline.name.is_empty() {
                timeline.name = "(signalled before)".to_owned();
            }
            if let Some(timeout) = self.timeouts.get(&timeline.context) {
                for fence in timeline
                    .fences
                    .iter_mut()
                    .filter(|fence| fence.outcome == Outcome::Signalled)
                {
                    // It is counted from a little before the event.
                    if fence.end - fence.begin + EARLY_NS >= *timeout {
                        fence.outcome = Outcome::Failed(Status::TIMED_OUT);
                    }
                }
            }
        }
        for (context, first, last, status) in self.statuses {
            let Some(place) = self.timelines.get(&context) else {
                continue;
            };
            for fence in &mut self.recording.timelines[*place].fences {
                if (first..=last).contains(&fence.seqno) && fence.outcome == Outcome::Signalled {
                    fence.outcome = Outcome::Failed(status);
                }
            }
        }
        for (context, seqno, deadline) in self.deadlines {
            let Some(place) = self.timelines.get(&context) else {
                continue;
            };
            let timeline = &mut self.recording.timelines[*place];
            match self.fences.get(&(context, seqno)) {
                Some(place) => {
                    let fence = &mut timeline.fences[*place];
                    fence.deadline =
                        Some(fence.deadline.map_or(deadline, |other| other.min(deadline)));
                }
                None => timeline.deadlines.push(deadline),
            }
        }
        for timeline in &mut self.recording.timelines {
            let known: Vec<_> = timeline
                .fences
                .iter()
                .filter_map(|fence| fence.deadline)
                .collect();
            timeline
                .deadlines
                .retain(|deadline| !known.contains(deadline));
        }
        self.recording
    }
}
