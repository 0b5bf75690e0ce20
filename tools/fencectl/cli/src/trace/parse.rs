// SPDX-License-Identifier: GPL-2.0

//! The text of a recording, in the format of the file `trace` of tracefs.

use super::tracefs::Statuses;

const TITLE: &str = "# fencectl: title: ";
const STATUSES: &str = "# fencectl: statuses: ";

/// What has happened to a fence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// The fence was initialized.
    Init,
    /// The driver emitted the fence: the event `dma_fence_emit`.
    Emit,
    /// The first waiter enabled signaling.
    EnableSignal,
    /// The fence signaled.
    Signaled,
    /// A thread in the kernel began to sleep until the fence signals.
    WaitStart,
    /// The thread woke up.
    WaitEnd,
    /// The fence is about to signal. This is an event of the module.
    Status {
        /// 0, or a negative errno.
        status: i32,
        /// Why the fence signals, in the words of docs/uapi.md.
        cause: String,
        /// The timestamp of the fence: `CLOCK_MONOTONIC`, in ns.
        timestamp: i64,
    },
    /// A deadline was set on the fence. This is an event of the module.
    Deadline {
        /// The deadline: `CLOCK_MONOTONIC`, in ns.
        deadline: i64,
    },
}

/// An event of a fence: one line of the text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// When the event happened (ns).
    pub time: u64,
    /// The processor on which the event happened.
    pub cpu: u32,
    /// The thread that was running.
    pub pid: u32,
    /// The name of the thread.
    pub comm: String,
    /// What has happened.
    pub action: Action,
    /// The fence's driver. Once the fence has signaled, the core reports `detached-driver`.
    pub driver: String,
    /// The fence's timeline. Once the fence has signaled, the core reports `signaled-timeline`.
    pub timeline: String,
    /// The lower 32 bits of the number of the context: the core's events have no more.
    pub context: u32,
    /// The lower 32 bits of the sequence number.
    pub seqno: u32,
}

/// A recording.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// The title.
    pub title: String,
    /// How many events were lost because the buffer was full.
    pub lost: u64,
    /// Whether statuses were recorded. `None` if fencectl did not make the recording. The clock of
    /// fencectl's own recordings is `mono`.
    pub statuses: Option<Statuses>,
    /// The events, sorted by time.
    pub events: Vec<Event>,
}

/// Returns the line that stores the title in the text of a recording.
pub fn title_line(title: &str) -> String {
    format!("{TITLE}{}\n", title.replace('\n', " "))
}

/// Returns the line that stores in the text of a recording whether statuses were recorded.
pub fn statuses_line(statuses: Statuses) -> String {
    format!("{STATUSES}{}\n", statuses.name())
}

/// Parses the text of a recording. Ignores lines that are not about fences.
pub fn parse(text: &str) -> Events {
    let mut recording = Events::default();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix(TITLE) {
            if recording.title.is_empty() {
                title.clone_into(&mut recording.title);
            }
        } else if let Some(statuses) = line.strip_prefix(STATUSES) {
            recording.statuses = Statuses::from_name(statuses);
        } else if let Some(counts) = line.strip_prefix("# entries-in-buffer/entries-written: ") {
            recording.lost += lost(counts).unwrap_or(0);
        } else {
            recording.events.extend(event(line));
        }
    }
    recording.events.sort_by_key(|event| event.time);
    recording
}

/// Parses "IN-BUFFER/WRITTEN   #P:CPUS", and returns how many events were lost.
fn lost(counts: &str) -> Option<u64> {
    let (kept, written) = counts.split_whitespace().next()?.split_once('/')?;
    Some(
        written
            .parse::<u64>()
            .ok()?
            .saturating_sub(kept.parse().ok()?),
    )
}

/// Parses `COMM-PID [CPU] FLAGS SECONDS.FRACTION: EVENT: TEXT`. COMM may contain any characters.
fn event(line: &str) -> Option<Event> {
    let (task, cpu, rest) = line.match_indices(" [").find_map(|(at, _)| {
        let (cpu, rest) = line[at + 2..].split_once("] ")?;
        Some((&line[..at], cpu.parse().ok()?, rest))
    })?;
    let (comm, pid) = task.trim().rsplit_once('-')?;
    let (time, text) = rest.split_once(": ")?;
    let (name, text) = text.split_once(':')?;
    let Fields {
        driver,
        timeline,
        context,
        seqno,
        rest,
    } = fields(text.trim())?;
    Some(Event {
        time: time_ns(time.rsplit(' ').next()?)?,
        cpu,
        pid: pid.trim().parse().ok()?,
        comm: comm.to_owned(),
        action: action(name.trim(), rest)?,
        driver: driver.to_owned(),
        timeline: timeline.to_owned(),
        context: context as u32,
        seqno: seqno as u32,
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

/// The fields with which the text of each event begins, and the rest of the text.
struct Fields<'a> {
    driver: &'a str,
    timeline: &'a str,
    context: u64,
    seqno: u64,
    rest: &'a str,
}

/// Parses the fields. A name may contain spaces and equals signs, even ` context=`. So the last
/// ` context=` is the field, because no other field after the names is called so.
fn fields(text: &str) -> Option<Fields<'_>> {
    let (names, numbers) = text.rsplit_once(" context=")?;
    let (driver, timeline) = names.strip_prefix("driver=")?.split_once(" timeline=")?;
    let (context, numbers) = numbers.split_once(" seqno=")?;
    let (seqno, rest) = numbers.split_once(' ').unwrap_or((numbers, ""));
    Some(Fields {
        driver,
        timeline,
        context: context.parse().ok()?,
        seqno: seqno.parse().ok()?,
        rest,
    })
}

fn action(name: &str, rest: &str) -> Option<Action> {
    // A later version of the module may have new fields between the known ones.
    let field = |wanted| {
        let mut fields = rest.split(' ').filter_map(|field| field.split_once('='));
        fields.find_map(|(key, value)| (key == wanted).then_some(value))
    };
    Some(match name {
        "dma_fence_init" => Action::Init,
        "dma_fence_emit" => Action::Emit,
        "dma_fence_enable_signal" => Action::EnableSignal,
        "dma_fence_signaled" => Action::Signaled,
        "dma_fence_wait_start" => Action::WaitStart,
        "dma_fence_wait_end" => Action::WaitEnd,
        "fence_signaled" => Action::Status {
            status: field("status")?.parse().ok()?,
            cause: field("cause")?.to_owned(),
            timestamp: field("timestamp")?.parse().ok()?,
        },
        "fence_deadline" => Action::Deadline {
            deadline: field("deadline")?.parse().ok()?,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_trace() {
        let text = "\
# fencectl: title: a test
# fencectl: statuses: recorded
# entries-in-buffer/entries-written: 3/5   #P:2
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
 my -[1] prog-1977    [001] d..2.    12.000345: dma_fence_init: driver=fence_exporter timeline=a context=1 b context=7 seqno=3
          <idle>-0       [000] d.h1.    12.5: dma_fence_signaled: driver=d timeline=t context=7 seqno=3
       fencectl-12      [000] .....    13.000001: tracing_mark_write: driver=d timeline=t context=7 seqno=3
       other-12      [000] .....    13.000001: sched_switch: x
nonsense [x] : :
";
        let recording = parse(text);
        assert_eq!(
            (
                recording.title.as_str(),
                recording.statuses,
                recording.lost,
                recording.events.len()
            ),
            ("a test", Some(Statuses::Recorded), 2, 2)
        );
        let first = &recording.events[0];
        assert_eq!(
            (first.comm.as_str(), first.pid, first.cpu, first.time),
            ("my -[1] prog", 1977, 1, 12_000_345_000)
        );
        assert_eq!(
            (
                &first.action,
                first.timeline.as_str(),
                first.context,
                first.seqno
            ),
            (&Action::Init, "a context=1 b", 7, 3)
        );
        assert_eq!(recording.events[1].time, 12_500_000_000);
    }

    #[test]
    fn events_of_the_module() {
        let event = |text: &str| event(&format!("p-1 [000] ..... 1.0: {text}"));
        let status = |status, cause: &str| Action::Status {
            status,
            cause: cause.to_owned(),
            timestamp: 999_999_123,
        };
        // The names are chosen by the user, and the numbers in the module's events have all 64
        // bits.
        let names =
            "driver=fence_exporter timeline=a context=1 seqno=2 status=3 cause=x deadline=4";
        for (rest, expected) in [
            ("status=0 cause=done timestamp=999999123", status(0, "done")),
            (
                "status=-110 cause=timed_out timestamp=999999123",
                status(-110, "timed_out"),
            ),
            (
                "new=1 timestamp=999999123 status=-5 cause=later",
                status(-5, "later"),
            ),
        ] {
            let text =
                format!("fence_signaled: {names} context=4294967303 seqno=4294967299 {rest}");
            let event = event(&text).expect(rest);
            assert_eq!(event.action, expected);
            assert_eq!(
                event.timeline,
                &names["driver=fence_exporter timeline=".len()..]
            );
            assert_eq!((event.context, event.seqno), (7, 3));
        }
        let deadline = event(&format!(
            "fence_deadline: {names} context=7 seqno=3 deadline=0"
        ));
        let Action::Deadline { deadline } = deadline.expect("it is one").action else {
            panic!()
        };
        assert_eq!(deadline, 0);
        for text in [
            "fence_signaled: driver=d timeline=t context=7 seqno=3",
            "fence_signaled: driver=d timeline=t context=7 seqno=3 status=x cause=done timestamp=1",
            "fence_deadline: driver=d timeline=deadline=1 context=7 seqno=3",
        ] {
            assert_eq!(event(text), None, "{text}");
        }
    }
}
