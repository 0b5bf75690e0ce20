// SPDX-License-Identifier: GPL-2.0

//! Timelines and fences, made from the events of a recording.

mod builder;

use super::parse::{Action, Event, Events};
use builder::Builder;
use fence_exporter::Status;
use std::fmt;

/// The name that the dma-fence core gives to the timeline of an array or a chain of fences.
/// Perfetto's own `fence-...` tracks leave out timelines with this name.
pub const UNBOUND: &str = "unbound";

/// How a fence ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The fence had not signaled when the recording ended.
    Pending,
    /// The fence signaled, and no event says with which status.
    Unknown,
    /// The fence signaled without an error.
    Signaled,
    /// The fence signaled with an error.
    Failed(Status),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("pending"),
            Self::Unknown => f.write_str("unknown"),
            Self::Signaled => f.write_str("signaled"),
            Self::Failed(status) => status.fmt(f),
        }
    }
}

/// The cause of a fence that was signaled in the normal way.
const DONE: &str = "done";
/// If a recording's clock differs from `CLOCK_MONOTONIC` by this much or more, it is another clock
/// (ns).
const OTHER_CLOCK: u64 = 1_000_000;

/// A fence. Times are in nanoseconds of the recording's clock.
#[derive(Clone, Debug)]
pub struct Fence {
    /// The lower 32 bits of the sequence number.
    pub seqno: u32,
    /// When the fence was initialized, or when the recording began if that was later.
    pub begin: u64,
    /// When the fence signaled: its own timestamp if that is known, otherwise the time of the
    /// event. For a pending fence, the end of the recording.
    pub end: u64,
    /// How the fence ended.
    pub outcome: Outcome,
    /// Why the fence signaled, in the words of docs/uapi.md, if that is known.
    pub cause: Option<String>,
    /// When the first waiter enabled signaling, which means that it began to wait.
    pub waited_from: Option<u64>,
    /// The threads that slept in the kernel until the fence signaled: from, to, and the thread's
    /// name.
    pub sleeps: Vec<(u64, u64, String)>,
    /// The deadlines, without duplicates, the earliest first.
    pub deadlines: Vec<u64>,
}

impl Fence {
    /// Returns whether the fence signaled after any of its deadlines.
    pub fn missed(&self) -> bool {
        self.deadlines
            .first()
            .is_some_and(|deadline| self.end > *deadline)
    }

    /// Returns a text that says how the fence ended, and why.
    pub fn told(&self) -> String {
        match self.cause.as_deref() {
            Some(cause) if cause != DONE => format!("{} ({cause})", self.outcome),
            _ => self.outcome.to_string(),
        }
    }
}

/// A timeline.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// The name of the timeline.
    pub name: String,
    /// The name of the driver.
    pub driver: String,
    /// The lower 32 bits of the number of the context.
    pub context: u32,
    /// The fences, sorted by their beginning.
    pub fences: Vec<Fence>,
}

impl Timeline {
    /// Returns for how many fences `is_so` is true.
    pub fn count(&self, is_so: impl Fn(&Fence) -> bool) -> usize {
        self.fences.iter().filter(|fence| is_so(fence)).count()
    }
}

/// A recording, in the form from which it is drawn.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The title.
    pub title: String,
    /// The time of the first event.
    pub begin: u64,
    /// The time of the last event.
    pub end: u64,
    /// The timelines, in the order of their first events.
    pub timelines: Vec<Timeline>,
}

impl Recording {
    /// Makes timelines and fences from the events of a recording.
    pub fn new(events: &Events) -> Self {
        let time = |event: Option<&Event>| event.map_or(0, |event| event.time);
        let recording = Self {
            title: events.title.clone(),
            begin: time(events.events.first()),
            end: time(events.events.last()),
            timelines: Vec::new(),
        };
        let mut builder = Builder::new(recording, ahead(events));
        for event in &events.events {
            builder.take(event);
        }
        builder.finish()
    }
}

/// Returns how far the clock of a recording is ahead of `CLOCK_MONOTONIC`, the clock of timestamps
/// and deadlines (ns).
///
/// fencectl itself records with `CLOCK_MONOTONIC`. A recording of another program may have another
/// clock. Then the module's `fence_signaled` events tell the difference: each has a fence's
/// timestamp, which is never later than the event. Most fences signal right at their timestamp. So
/// the smallest difference between an event and its timestamp is the difference between the clocks.
fn ahead(events: &Events) -> i64 {
    if events.statuses.is_some() {
        return 0;
    }
    let by = |event: &Event| match event.action {
        Action::Status { timestamp, .. } => {
            Some(i64::try_from(event.time).ok()?.saturating_sub(timestamp))
        }
        _ => None,
    };
    let least = events.events.iter().filter_map(by).min();
    least
        .filter(|by| by.unsigned_abs() >= OTHER_CLOCK)
        .unwrap_or(0)
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
            (1_000_000_000, 1_500_000_000, Outcome::Unknown)
        );
        assert_eq!(fence.waited_from, Some(1_100_000_000));
        assert_eq!(
            fence.sleeps,
            [(1_200_000_000, 1_600_000_000, "p".to_owned())]
        );
    }

    /// Returns the text of the module's event for the signal of fence 1.
    fn status(status: i32, cause: &str, timestamp: u64) -> String {
        format!("fence_signaled: driver=fence_exporter timeline=gpu context=7 seqno=1 status={status} cause={cause} timestamp={timestamp}")
    }

    fn deadline(deadline: i64) -> String {
        format!("fence_deadline: driver=fence_exporter timeline=gpu context=7 seqno=1 deadline={deadline}")
    }

    fn only(recording: &Recording) -> &Fence {
        let [Timeline { fences, .. }] = recording.timelines.as_slice() else {
            panic!("{recording:?}")
        };
        let [fence] = fences.as_slice() else {
            panic!("{fences:?}")
        };
        fence
    }

    #[test]
    fn outcome_and_cause_are_those_of_the_event() {
        for (number, cause, outcome, told) in [
            (0, "done", Outcome::Signaled, "signaled"),
            (-5, "done", Outcome::Failed(Status(-5)), "-EIO"),
            // The owner of a timeline may also signal with -ETIMEDOUT. Only the cause says whether
            // the fence timed out.
            (
                -110,
                "done",
                Outcome::Failed(Status::TIMED_OUT),
                "-ETIMEDOUT",
            ),
            (
                -110,
                "timed_out",
                Outcome::Failed(Status::TIMED_OUT),
                "-ETIMEDOUT (timed_out)",
            ),
            (
                -5,
                "cancelled",
                Outcome::Failed(Status(-5)),
                "-EIO (cancelled)",
            ),
            (
                -125,
                "closed",
                Outcome::Failed(Status::CANCELED),
                "-ECANCELED (closed)",
            ),
            // A cause of a later version of the module, and a number that is not a status.
            (0, "new", Outcome::Signaled, "signaled (new)"),
            (1, "done", Outcome::Unknown, "unknown"),
        ] {
            let recording = recording(&[
                ("1.0", INIT),
                ("1.5", &status(number, cause, 1_499_999_123)),
                ("1.5", SIGNALED),
            ]);
            let fence = only(&recording);
            assert_eq!(
                (fence.outcome, fence.cause.as_deref()),
                (outcome, Some(cause))
            );
            assert_eq!((fence.told().as_str(), fence.end), (told, 1_499_999_123));
        }
    }

    #[test]
    fn a_fence_without_the_events_is_unknown() {
        let recording = recording(&[("1.0", INIT), ("1.5", SIGNALED)]);
        let fence = only(&recording);
        assert_eq!(
            (fence.outcome, fence.cause.as_deref()),
            (Outcome::Unknown, None)
        );
        assert_eq!(
            (fence.told().as_str(), fence.end),
            ("unknown", 1_500_000_000)
        );
    }

    #[test]
    fn each_deadline_is_its_fences() {
        let late = recording(&[
            ("1.0", INIT),
            ("1.1", &deadline(2_000_000_000)),
            ("1.2", &deadline(1_400_000_000)),
            ("1.3", &deadline(2_000_000_000)),
            ("1.3", &deadline(i64::MIN)),
            ("1.5", &status(0, "done", 1_500_000_000)),
            ("1.5", SIGNALED),
        ]);
        assert_eq!(only(&late).deadlines, [0, 1_400_000_000, 2_000_000_000]);
        assert!(only(&late).missed());
        // The fence's timestamp decides whether it is late, and not the time of the event.
        for (timestamp, missed) in [(1_400_000_000, false), (1_400_000_001, true)] {
            let recording = recording(&[
                ("1.0", INIT),
                ("1.2", &deadline(1_400_000_000)),
                ("1.5", &status(0, "done", timestamp)),
                ("1.5", SIGNALED),
            ]);
            assert_eq!(only(&recording).missed(), missed);
        }
    }

    #[test]
    fn fences_that_were_made_before_the_recording() {
        let other = "dma_fence_init: driver=d timeline=o context=8 seqno=1";
        let recording = recording(&[
            ("1.0", other),
            ("1.1", &deadline(1_200_000_000)),
            ("1.5", &status(-5, "done", 1_499_999_999)),
            ("1.5", SIGNALED),
        ]);
        let timeline = &recording.timelines[1];
        assert_eq!(
            (timeline.name.as_str(), timeline.driver.as_str()),
            ("gpu", "fence_exporter")
        );
        let [fence] = timeline.fences.as_slice() else {
            panic!("{timeline:?}")
        };
        assert_eq!((fence.begin, fence.end), (1_000_000_000, 1_499_999_999));
        assert_eq!(fence.outcome, Outcome::Failed(Status(-5)));
        assert_eq!(fence.deadlines, [1_200_000_000]);
    }

    #[test]
    fn recordings_of_another_clock() {
        // The clock is 100 s ahead. The event of the second fence is 2 ms after the fence's
        // timestamp.
        let text = format!(
            "p-1 [0] . 101.0: {INIT}\np-1 [0] . 101.2: {}\np-1 [0] . 101.5: {}\n\
             p-1 [0] . 101.502: fence_signaled: driver=d timeline=t context=8 seqno=1 status=0 cause=done timestamp=1500000000\n",
            deadline(1_300_000_000),
            status(0, "done", 1_500_000_000)
        );
        let fences = |text: &str| {
            let recording = Recording::new(&parse(text));
            let fence = |timeline: &Timeline| {
                (timeline.fences[0].end, timeline.fences[0].deadlines.clone())
            };
            recording.timelines.iter().map(fence).collect::<Vec<_>>()
        };
        assert_eq!(
            fences(&text),
            [
                (101_500_000_000, vec![101_300_000_000]),
                (101_500_000_000, vec![])
            ]
        );
        // The clock of fencectl's own recordings is known, so a late timer does not look like
        // another clock.
        let own = text.replace(" 101.", " 1.");
        for own in [
            &own,
            &format!(
                "# fencectl: statuses: recorded\n{}",
                own.replace("1.5:", "1.504:")
            ),
        ] {
            assert_eq!(fences(own)[0], (1_500_000_000, vec![1_300_000_000]));
        }
    }

    #[test]
    fn numbers_that_were_given_back() {
        let recording = recording(&[
            ("1.0", INIT),
            ("1.1", &status(-125, "unwound", 1_100_000_000)),
            ("1.1", SIGNALED),
            ("2.0", INIT),
            ("2.5", SIGNALED),
        ]);
        assert_eq!(only(&recording).begin, 2_000_000_000);
    }

    #[test]
    fn a_number_that_sw_sync_had_before() {
        // On /dev/sw_sync, fences of a value that was reached already signal at once, and all have
        // the same number.
        let again = recording(&[
            ("1.0", INIT),
            ("1.5", SIGNALED),
            ("2.0", INIT),
            ("2.0", &status(0, "done", 2_000_000_000)),
            ("2.0", SIGNALED),
        ]);
        let outcomes: Vec<_> = again.timelines[0]
            .fences
            .iter()
            .map(|fence| fence.outcome)
            .collect();
        assert_eq!(outcomes, [Outcome::Unknown, Outcome::Signaled]);
        // The kernel's sw_sync initializes a fence before it finds that there is one of that value
        // already.
        let twice = recording(&[("1.0", INIT), ("1.1", INIT), ("1.5", SIGNALED)]);
        assert_eq!(
            (only(&twice).begin, only(&twice).outcome),
            (1_000_000_000, Outcome::Unknown)
        );
    }

    #[test]
    fn a_timeline_that_is_called_as_merged_fences_are() {
        let recording = recording(&[
            (
                "1.0",
                "dma_fence_init: driver=dma_fence_array timeline=unbound context=8 seqno=1",
            ),
            (
                "1.1",
                "dma_fence_init: driver=fence_exporter timeline=unbound context=7 seqno=1",
            ),
            (
                "1.2",
                "dma_fence_init: driver=dma_fence_array timeline=unbound context=9 seqno=1",
            ),
        ]);
        let timelines: Vec<_> = recording
            .timelines
            .iter()
            .map(|timeline| (timeline.name.as_str(), timeline.fences.len()))
            .collect();
        assert_eq!(timelines, [("merged", 2), ("unbound", 1)]);
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
