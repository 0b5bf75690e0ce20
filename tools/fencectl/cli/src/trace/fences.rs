// SPDX-License-Identifier: GPL-2.0

//! Timelines and fences, from the events of a recording.

mod builder;

use super::parse::{Events, Fact};
use builder::Builder;
use fence_exporter::Status;

/// What came of a fence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It had not signalled when the recording ended.
    Pending,
    /// It signalled; as far as is known, without an error.
    Signalled,
    /// It signalled with an error.
    Failed(Status),
}

/// A fence. Times are in nanoseconds of the recording's clock.
#[derive(Clone, Debug)]
pub struct Fence {
    /// Its sequence number, cut to 32 bits.
    pub seqno: u32,
    /// When it was made.
    pub begin: u64,
    /// When it signalled, or the recording ended.
    pub end: u64,
    /// What came of it.
    pub outcome: Outcome,
    /// When somebody began to wait for it.
    pub waited_from: Option<u64>,
    /// Threads that slept for it in the kernel: from, to, and who.
    pub sleeps: Vec<(u64, u64, String)>,
    /// When it was wanted.
    pub deadline: Option<u64>,
}

impl Fence {
    /// Whether it was late.
    pub fn missed(&self) -> bool {
        self.deadline.is_some_and(|deadline| self.end > deadline)
    }
}

/// A timeline.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Its name.
    pub name: String,
    /// Its driver.
    pub driver: String,
    /// Number of its context, cut to 32 bits.
    pub context: u32,
    /// Its fences, by when they were made.
    pub fences: Vec<Fence>,
    /// Deadlines of fences that are not known.
    pub deadlines: Vec<u64>,
}

/// A recording, as it is drawn.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// What it is called.
    pub title: String,
    /// The first event.
    pub begin: u64,
    /// The last one.
    pub end: u64,
    /// The timelines, by when they were first seen.
    pub timelines: Vec<Timeline>,
}

impl Recording {
    /// From the events of a recording.
    pub fn new(events: &Events) -> Self {
        let mut fences = events
            .events
            .iter()
            .filter(|event| matches!(event.fact, Fact::Fence { .. }));
        let begin = fences.next().map_or(0, |event| event.time);
        let mut builder = Builder::new(Self {
            title: events.title.clone(),
            begin,
            end: fences.next_back().map_or(begin, |event| event.time),
            timelines: Vec::new(),
        });
        for event in &events.events {
            builder.take(event);
        }
        builder.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::parse::parse;

    fn recording(lines: &[(&str, &str)]) -> Recording {
        let text: String = lines
            .iter()
            .map(|(time, text)| format!("p-1 [000] ..... {time}: {text}\n"))
            .collect();
        Recording::new(&parse(&text))
    }

    const INIT: &str = "dma_fence_init: driver=fence_exporter timeline=gpu context=7 seqno=1";
    const SIGNALED: &str =
        "dma_fence_signaled: driver=fence_exporter timeline=gpu context=7 seqno=1";

    #[test]
    fn a_fence_from_init_to_signaled() {
        let recording = recording(&[
            ("1.0", INIT),
            ("1.1", "dma_fence_enable_signal: driver=fence_exporter timeline=gpu context=7 seqno=1"),
            ("1.2", "dma_fence_wait_start: driver=fence_exporter timeline=gpu context=7 seqno=1"),
            ("1.5", SIGNALED),
            ("1.6", "dma_fence_wait_end: driver=detached-driver timeline=signaled-timeline context=7 seqno=1"),
        ]);
        let timeline = &recording.timelines[0];
        assert_eq!((timeline.name.as_str(), timeline.fences.len()), ("gpu", 1));
        let fence = &timeline.fences[0];
        assert_eq!(
            (fence.begin, fence.end, fence.outcome),
            (1_000_000_000, 1_500_000_000, Outcome::Signalled)
        );
        assert_eq!(fence.waited_from, Some(1_100_000_000));
        assert_eq!(
            fence.sleeps,
            [(1_200_000_000, 1_600_000_000, "p".to_owned())]
        );
    }

    #[test]
    fn notes_make_outcomes_and_deadlines() {
        let note = |text: String| format!("tracing_mark_write: fencectl: {text}");
        let (status, late) = (
            note("status context=7 first=1 last=1 status=-5".to_owned()),
            note("deadline context=7 seqno=1 time_ns=1200000000".to_owned()),
        );
        let failed = recording(&[
            ("1.0", INIT),
            ("1.1", &late),
            ("1.5", SIGNALED),
            ("1.6", &status),
        ]);
        let fence = &failed.timelines[0].fences[0];
        assert_eq!(fence.outcome, Outcome::Failed(Status(-5)));
        assert!(fence.missed());
        for (timeout, outcome) in [
            (500_000_000u64, Outcome::Failed(Status::TIMED_OUT)),
            (600_000_000, Outcome::Signalled),
        ] {
            let timeout = note(format!("timeout context=7 timeout_ns={timeout}"));
            let timed = recording(&[("1.0", INIT), ("1.5", SIGNALED), ("1.6", &timeout)]);
            assert_eq!(timed.timelines[0].fences[0].outcome, outcome);
        }
    }

    #[test]
    fn numbers_that_were_given_back() {
        let recording = recording(&[
            ("1.0", INIT),
            ("1.1", SIGNALED),
            ("2.0", INIT),
            ("2.5", SIGNALED),
        ]);
        assert_eq!(recording.timelines[0].fences.len(), 1);
        assert_eq!(recording.timelines[0].fences[0].begin, 2_000_000_000);
    }

    #[test]
    fn pending_until_the_end() {
        let other = "dma_fence_init: driver=d timeline=o context=8 seqno=1";
        let recording = recording(&[("1.0", INIT), ("3.0", other)]);
        let fence = &recording.timelines[0].fences[0];
        assert_eq!(
            (fence.end, fence.outcome),
            (3_000_000_000, Outcome::Pending)
        );
    }
}
