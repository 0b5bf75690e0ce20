// SPDX-License-Identifier: GPL-2.0

//! The definition of the command line. The help, the man pages and the completions are generated
//! from it.

mod request;
mod unclear;

pub use request::{Request, RequestLine, Upto};
pub use unclear::unclear;

use crate::watch::Sort;
use clap::{Args, Parser, Subcommand, ValueHint};
use fence_exporter::{EventKind, Status};
use std::{path::PathBuf, time::Duration};

const EXIT_STATUS: &str = "\
Exit status:
  0    all went well
  1    a fence had a wrong status or time (scenario), or ended with an error (wait, also in a script);
       or a program of a session failed (exec)
  2    the command line, a script or a file makes no sense
  3    the device can't be used: no node, no permission, no module
  4    the kernel refused a call, or the answer could not be written
  124  the fence was still pending when the time to wait was over (wait, also in a script)
  141  the program that reads the answers has exited, as head does after ten lines

`trace` ends with the status of its command.";

/// Make, wait for, play and draw fences
///
/// A timeline is an open file of /dev/fence_exporter: it creates fences, as sync_file descriptors,
/// and signals them. A duration is a number with a unit: 500us, 16.667ms, 2s. A number without a
/// unit is in seconds.
#[derive(Parser, Debug)]
#[command(name = "fencectl", version, after_long_help = EXIT_STATUS, max_term_width = 100)]
pub struct Cli {
    /// Answer in JSON, a line for each result
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of fencectl.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Hold a timeline and take commands: from a person, or from a pipe
    ///
    /// At a terminal, there are completion (Tab) and a history. From a pipe, the first command that
    /// fails ends the session. When the session ends, pending fences complete with -ECANCELED.
    /// `help` lists the commands of a session.
    #[command(after_long_help = REQUESTS)]
    Timeline(TimelineArgs),
    /// List the timelines of every process that you may see
    List,
    /// Show the timelines live in the terminal
    ///
    /// The arrows, PageUp, PageDown, Home and End scroll. s changes the order. / begins a filter,
    /// and Enter ends it. q leaves the view.
    Watch(WatchArgs),
    /// Show the module's limits, and which module parameters set them
    Limits,
    /// Wait for a fence, and print its status
    Wait(WaitArgs),
    /// Show the fences in a sync_file of any driver, and which other processes have it open
    Show {
        /// The sync_file: a descriptor of this process (FD), or of another process (PID:FD)
        fence: FenceRef,
    },
    /// Play a scenario against the device, and verify its timing
    ///
    /// The file defines engines, the jobs that are submitted to the engines in each frame, what
    /// each job waits for, and which results are expected. At the end, a table shows the results.
    /// Ctrl-C ends the scenario early, and the table shows what was done until then. With --json,
    /// there is a line for each fence that ends, and one for the table. All times in the results are
    /// those of the clock, also with --slower and --faster.
    #[command(after_long_help = crate::scenario::help_on_keys())]
    Scenario(ScenarioArgs),
    /// Record the fences of a command, for Perfetto and as a picture
    ///
    /// While the command runs, records all dma_fence events of the kernel. Also records the
    /// module's own events, which have the statuses and deadlines of the module's fences. Then
    /// writes PREFIX.ftrace (text), PREFIX.pftrace (for ui.perfetto.dev) and PREFIX.svg.
    Trace(TraceArgs),
    /// Draw a recording: from PREFIX.ftrace, make PREFIX.svg and PREFIX.pftrace
    Draw(DrawArgs),
    /// Write the man pages and shell completions
    Generate {
        /// The directory in which man/ and completions/ are written
        #[arg(value_hint = ValueHint::DirPath)]
        dir: PathBuf,
    },
}

const REQUESTS: &str = "Commands: create [COUNT], signal [SEQNO|all] [--status ERRNO], \
at TIME [SEQNO|all] [--status ERRNO], cancel [SEQNO], submit DURATION [--in FENCE,...] [--status ERRNO], \
export SEQNO, info, limits, fences, events, wait FENCE [TIMEOUT] [--expect STATUS], show FENCE, deadline FENCE TIME, merge FENCE FENCE, close FENCE, \
exec [--background] COMMAND, join, sleep TIME, run SCRIPT, quit. A FENCE is a descriptor (6), a fence of this \
timeline by its number (#2), or a descriptor of another process (1234:6).";

/// The timeline to hold.
#[derive(Args, Debug, Default)]
pub struct TimelineArgs {
    /// Name of the timeline: up to 31 printable ASCII characters [default: <comm>-<pid>]
    #[arg(long)]
    pub name: Option<String>,
    /// Time after which the fences time out [default: the module's]
    #[arg(long, value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Make the timeline an engine, which is driven by submit, not by signal
    #[arg(long)]
    pub engine: bool,
    /// Keep a queue of events: of all kinds, or of the named kinds (wait,deadline,timeout,signaled)
    #[arg(long, value_name = "KIND,...", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    pub events: Option<EventChoice>,
    /// Hold a timeline of /dev/sw_sync instead; without at, cancel, submit, export, limits and
    /// events
    #[arg(long, conflicts_with_all = ["name", "timeout", "engine", "events"])]
    pub sw_sync: bool,
}

/// How to show the live view.
#[derive(Args, Debug)]
pub struct WatchArgs {
    /// Time between two updates
    #[arg(long, value_parser = duration, default_value = "500ms")]
    pub interval: Duration,
    /// End after this many updates
    #[arg(long)]
    pub count: Option<u64>,
    /// Order of the timelines; the key s changes it
    #[arg(long, value_enum, default_value_t)]
    pub sort: Sort,
    /// Show only timelines whose name or holder contains this text; the key / changes it
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub filter: String,
}

/// What to wait for.
#[derive(Args, Clone, Copy, Debug)]
pub struct WaitArgs {
    /// The fence: a descriptor of this process (FD) or of another one (PID:FD); in a session also
    /// #SEQNO
    pub fence: FenceRef,
    /// How long to wait at most [default: until the fence signals]
    #[arg(value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Expected result: signaled, pending, or an errno such as EIO. Any other result is a failure
    #[arg(
        long,
        value_name = "STATUS",
        default_value = "signaled",
        allow_hyphen_values = true
    )]
    pub expect: Expected,
}

/// The expected result of a wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Expected(pub Status);

impl std::str::FromStr for Expected {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match text {
            "pending" => Status::PENDING,
            "signaled" | "ok" => Status::SIGNALED,
            errno => errno
                .parse()
                .ok()
                .filter(|status: &Status| status.is_error())
                .ok_or_else(|| {
                    format!("{text} is neither signaled, pending nor an errno as EIO")
                })?,
        }))
    }
}

/// What to play.
#[derive(Args, Debug)]
pub struct ScenarioArgs {
    /// The file of the scenario (TOML)
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// How late a fence may be (--slower multiplies this time). No fence may be early
    #[arg(long, value_parser = duration, default_value = "5ms")]
    pub slack: Duration,
    /// Play in slow motion: multiply each time of the file, and the slack, by this number
    #[arg(long, value_name = "TIMES", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub slower: u32,
    /// Play in time-lapse: divide each time of the file, but not the slack, by this number
    #[arg(long, value_name = "TIMES", default_value_t = 1, conflicts_with = "slower",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub faster: u32,
    /// Only compute the results of a machine without delays; use no device
    #[arg(long)]
    pub dry_run: bool,
}

/// What to record.
#[derive(Args, Debug)]
pub struct TraceArgs {
    /// Names of the files that are written, without the extension
    #[arg(short, long, default_value = "fences", value_name = "PREFIX")]
    pub output: PathBuf,
    /// Size of the buffer for events, for each processor
    #[arg(long, default_value_t = 4096, value_name = "KB")]
    pub buffer: u32,
    /// Title of the picture [default: the command]
    #[arg(long)]
    pub title: Option<String>,
    /// The command to run
    #[arg(required = true, trailing_var_arg = true, value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<String>,
}

/// What to draw.
#[derive(Args, Debug)]
pub struct DrawArgs {
    /// The text of a recording (PREFIX.ftrace, or the file trace of a tracefs)
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Names of the files that are written, without the extension [default: as FILE]
    #[arg(short, long, value_name = "PREFIX")]
    pub output: Option<PathBuf>,
    /// Title of the picture [default: the title in the recording]
    #[arg(long)]
    pub title: Option<String>,
}

/// How the user names a fence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FenceRef {
    /// A descriptor of this process.
    Own(u32),
    /// A descriptor of another process.
    Of {
        /// The process ID.
        pid: u32,
        /// The descriptor.
        fd: u32,
    },
    /// A fence of the session's timeline, by its sequence number.
    Number(u64),
}

impl std::fmt::Display for FenceRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Own(fd) => write!(f, "{fd}"),
            Self::Of { pid, fd } => write!(f, "{pid}:{fd}"),
            Self::Number(seqno) => write!(f, "#{seqno}"),
        }
    }
}

impl std::str::FromStr for FenceRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unclear = |_| "a descriptor, PID:FD, or in a session #SEQNO".to_owned();
        if let Some(seqno) = text.strip_prefix('#') {
            return seqno.parse().map(Self::Number).map_err(unclear);
        }
        let number = |text: &str| text.parse::<u32>().map_err(unclear);
        Ok(match text.split_once(':') {
            Some((pid, fd)) => Self::Of {
                pid: number(pid)?,
                fd: number(fd)?,
            },
            None => Self::Own(number(text)?),
        })
    }
}

/// The kinds of events that the user wants to queue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EventChoice {
    /// All kinds.
    All,
    /// These kinds.
    Only(Vec<EventKind>),
}

impl std::str::FromStr for EventChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        let kinds = text.split(',').map(str::parse);
        kinds.collect::<Result<_, _>>().map(Self::Only)
    }
}

/// Parses a duration: a number with a unit, or a number of seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    // The parser spells microseconds `Ms`.
    let micros = text.strip_suffix("us").or(text.strip_suffix("µs"));
    let spelled = micros.map_or(text.to_owned(), |number| format!("{number}Ms"));
    let unclear = || format!("\"{text}\" is no duration as 500us, 16.667ms, 2s or 1m");
    let duration = fundu::DurationParser::new()
        .parse(&spelled)
        .map_err(|_| unclear())?;
    Duration::try_from(duration).map_err(|_| unclear())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn definitions_hold() {
        Cli::command().debug_assert();
        RequestLine::command().debug_assert();
    }

    #[test]
    fn durations() {
        assert_eq!(duration("16.667ms"), Ok(Duration::from_micros(16667)));
        assert_eq!(duration("2"), Ok(Duration::from_secs(2)));
        // The units that the help, the documentation and messages name.
        for text in ["500us", "500µs", "500000ns", "0.5ms"] {
            assert_eq!(duration(text), Ok(Duration::from_micros(500)), "{text}");
        }
        assert_eq!(duration("1m"), Ok(Duration::from_secs(60)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for text in ["", "-1s", "fast", "1 fortnight", "us", "1usus"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn references_to_fences() {
        for (text, fence) in [
            ("5", FenceRef::Own(5)),
            ("12:5", FenceRef::Of { pid: 12, fd: 5 }),
            ("#5", FenceRef::Number(5)),
        ] {
            assert_eq!(text.parse(), Ok(fence));
            assert_eq!(fence.to_string(), text);
        }
        for text in [
            "", ":", "5:", "-1", "a:b", "1:2:3", "#", "#a", "##5", "1:#5",
        ] {
            assert!(text.parse::<FenceRef>().is_err(), "{text}");
        }
    }

    #[test]
    fn kinds_of_events() {
        let events = |argument: &str| {
            let line = ["fencectl", "timeline", argument];
            Cli::try_parse_from(line).map(|cli| match cli.command {
                Command::Timeline(args) => args.events,
                _ => None,
            })
        };
        assert_eq!(events("--events").unwrap(), Some(EventChoice::All));
        assert_eq!(
            events("--events=wait,signaled").unwrap(),
            Some(EventChoice::Only(vec![
                EventKind::Wait,
                EventKind::Signaled
            ]))
        );
        for bad in ["--events=", "--events=wait,", "--events=waits"] {
            assert!(events(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn requests_as_a_person_types_them() {
        for line in [
            "create",
            "create 3",
            "signal",
            "signal all --status -EIO",
            "at 20ms 3",
            "submit 5ms --in 7",
            "submit 5ms --in 7,8 --in 12:5",
            "cancel",
            "cancel 3",
            "export 3",
            "wait 12:5 1s",
            "wait 12:5 1s --expect pending",
            "wait #5",
            "signal #2",
            "export #2",
            "close #2",
            "submit 5ms --in #2,12:5",
            "exec ls -l --color",
            "exec --background sleep 5",
            "join",
            "wait 5 --expect -EIO",
            "exit",
        ] {
            assert!(
                RequestLine::try_parse_from(line.split(' ')).is_ok(),
                "{line}"
            );
        }
        for line in [
            "",
            "create x",
            "signal 1 2",
            "at",
            "submit 5ms --in x",
            "submit 5ms --in 7,",
            "cancel all",
            "export",
            "no-such",
            "wait 5 --expect 0",
            "wait 5 --expect soon",
        ] {
            assert!(
                RequestLine::try_parse_from(line.split(' ')).is_err(),
                "{line}"
            );
        }
    }
}
