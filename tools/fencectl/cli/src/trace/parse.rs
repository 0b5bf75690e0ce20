// SPDX-License-Identifier: GPL-2.0

//! The text of a recording: what tracefs has in its file `trace`.

use crate::marker::Note;

const TITLE: &str = "# fencectl: title: ";

/// What has happened to a fence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// It was made.
    Init,
    /// It was handed out.
    Emit,
    /// Somebody began to wait for it.
    EnableSignal,
    /// It signalled.
    Signaled,
    /// A thread went to sleep for it, in the kernel.
    WaitStart,
    /// And woke up.
    WaitEnd,
}

/// What a line tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fact {
    /// An event of a fence.
    Fence {
        /// What has happened.
        action: Action,
        /// The fence's driver; the core's `detached-driver` once it has signalled.
        driver: String,
        /// The fence's timeline; the core's `signaled-timeline` once it has signalled.
        timeline: String,
        /// Number of the context, cut to 32 bits.
        context: u32,
        /// The sequence number, cut to 32 bits.
        seqno: u32,
    },
    /// A note of fencectl's.
    Note(Note),
}

/// A line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// When (ns).
    pub time: u64,
    /// On which processor.
    pub cpu: u32,
    /// The thread that was running.
    pub pid: u32,
    /// Its name.
    pub comm: String,
    /// What it tells.
    pub fact: Fact,
}

/// A recording.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// What it is called.
    pub title: String,
    /// How many events found no room.
    pub lost: u64,
    /// The events, in the order of time.
    pub events: Vec<Event>,
}

/// The line that gives a recording its title.
pub fn title_line(title: &str) -> String {
    format!("{TITLE}{}\n", title.replace('\n', " "))
}

/// Reads it. Lines that tell nothing of fences are passed over.
pub fn parse(text: &str) -> Events {
    let mut recording = Events::default();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix(TITLE) {
            if recording.title.is_empty() {
                title.clone_into(&mut recording.title);
            }
        } else if let Some(counts) = line.strip_prefix("# entries-in-buffer/entries-written: ") {
            recording.lost += lost(counts).unwrap_or(0);
        } else {
            recording.events.extend(event(line));
        }
    }
    recording.events.sort_by_key(|event| event.time);
    recording
}

/// From "IN-BUFFER/WRITTEN   #P:CPUS".
fn lost(counts: &str) -> Option<u64> {
    let (kept, written) = counts.split_whitespace().next()?.split_once('/')?;
    Some(
        written
            .parse::<u64>()
            .ok()?
            .saturating_sub(kept.parse().ok()?),
    )
}

/// From `COMM-PID [CPU] FLAGS SECONDS.FRACTION: EVENT: TEXT`; the comm may have anything in it.
fn event(line: &str) -> Option<Event> {
    let (task, cpu, rest) = line.match_indices(" [").find_map(|(at, _)| {
        let (cpu, rest) = line[at + 2..].split_once("] ")?;
        Some((&line[..at], cpu.parse().ok()?, rest))
    })?;
    let (comm, pid) = task.trim().rsplit_once('-')?;
    let (time, text) = rest.split_once(": ")?;
    let (name, text) = text.split_once(':')?;
    Some(Event {
        time: time_ns(time.rsplit(' ').next()?)?,
        cpu,
        pid: pid.trim().parse().ok()?,
        comm: comm.to_owned(),
        fact: fact(name.trim(), text.trim_start())?,
    })
}

fn time_ns(text: &str) -> Option<u64> {
    let (seconds, fraction) = text.split_once('.')?;
    let digits = u32::try_from(fraction.len())
        .ok()
        .filter(|digits| (1..=9).contains(digits))?;
    let fraction = fraction.parse::<u64>().ok()? * 10u64.pow(9 - digits);
    seconds
        .parse::<u64>()
        .ok()?
        .checked_mul(1_000_000_000)?
        .checked_add(fraction)
}

fn fact(name: &str, text: &str) -> Option<Fact> {
    let action = match name {
        "dma_fence_init" => Action::Init,
        "dma_fence_emit" => Action::Emit,
        "dma_fence_enable_signal" => Action::EnableSignal,
        "dma_fence_signaled" => Action::Signaled,
        "dma_fence_wait_start" => Action::WaitStart,
        "dma_fence_wait_end" => Action::WaitEnd,
        "tracing_mark_write" => return Note::parse(text).map(Fact::Note),
        _ => return None,
    };
    // A timeline's name may have spaces and equals signs in it.
    let (rest, seqno) = text.rsplit_once(" seqno=")?;
    let (rest, context) = rest.rsplit_once(" context=")?;
    let (driver, timeline) = rest.strip_prefix("driver=")?.split_once(" timeline=")?;
    Some(Fact::Fence {
        action,
        driver: driver.to_owned(),
        timeline: timeline.to_owned(),
        context: context.parse().ok()?,
        seqno: seqno.trim_end().parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_trace() {
        let text = "\
# fencectl: title: a test
# entries-in-buffer/entries-written: 3/5   #P:2
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
 my -[1] prog-1977    [001] d..2.    12.000345: dma_fence_init: driver=fence_exporter timeline=a context=1 b context=7 seqno=3
          <idle>-0       [000] d.h1.    12.5: dma_fence_signaled: driver=d timeline=t context=7 seqno=3
       fencectl-12      [000] .....    13.000001: tracing_mark_write: fencectl: timeout context=7 timeout_ns=5
       other-12      [000] .....    13.000001: sched_switch: x
nonsense [x] : :
";
        let recording = parse(text);
        assert_eq!(
            (
                recording.title.as_str(),
                recording.lost,
                recording.events.len()
            ),
            ("a test", 2, 3)
        );
        let first = &recording.events[0];
        assert_eq!(
            (first.comm.as_str(), first.pid, first.cpu, first.time),
            ("my -[1] prog", 1977, 1, 12_000_345_000)
        );
        let Fact::Fence {
            action,
            timeline,
            context,
            seqno,
            ..
        } = &first.fact
        else {
            panic!()
        };
        assert_eq!(
            (*action, timeline.as_str(), *context, *seqno),
            (Action::Init, "a context=1 b", 7, 3)
        );
        assert_eq!(recording.events[1].time, 12_500_000_000);
        assert_eq!(
            recording.events[2].fact,
            Fact::Note(Note::Timeout {
                context: 7,
                timeout_ns: 5
            })
        );
    }
}
