// SPDX-License-Identifier: GPL-2.0

//! The command line: the one definition, of which help, man pages and completions are made.

mod request;

pub use request::{Request, RequestLine, Upto};

use clap::{Args, Parser, Subcommand, ValueHint};
use std::{path::PathBuf, time::Duration};

const EXIT_STATUS: &str = "\
Exit status:
  0    all went well
  1    a fence did not come out as it should (scenario), or ended with an error (wait)
  2    the command line, a script or a file makes no sense
  3    the device can't be used: no node, no permission, no module
  4    the kernel refused a call
  124  the time was over (wait)

`trace` ends with the status of its command.";

/// Make, wait for, play and draw fences
///
/// A timeline is an open file of /dev/fence_exporter: it creates fences, as sync_file descriptors, and
/// signals them. Durations are numbers with a unit: 500us, 16.667ms, 2s; without one they are seconds.
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

/// What there is to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Hold a timeline and take commands: from a person, or from a pipe
    ///
    /// At a terminal there are completion (Tab) and history. From a pipe, the first command that fails ends
    /// it. When it ends, fences that are pending complete with -ECANCELED. `help` lists the commands.
    #[command(after_long_help = REQUESTS)]
    Timeline(TimelineArgs),
    /// List the timelines of every process that you may see
    List,
    /// Show them live in the terminal
    Watch(WatchArgs),
    /// Wait for a fence, and tell its status
    Wait(WaitArgs),
    /// Play a scenario against the device, and verify its timing
    ///
    /// The file tells engines, the jobs that are submitted to them in each frame, what they wait for, and
    /// what must come of them.
    Scenario(ScenarioArgs),
    /// Record the fences of a command, for Perfetto and as a picture
    ///
    /// Records all dma_fence events of the kernel while the command runs, and writes PREFIX.ftrace (text),
    /// PREFIX.pftrace (for ui.perfetto.dev) and PREFIX.svg.
    Trace(TraceArgs),
    /// Draw a recording: from PREFIX.ftrace, make PREFIX.svg and PREFIX.pftrace
    Draw(DrawArgs),
    /// Write the man pages and shell completions
    Generate {
        /// Where to: its man/ and completions/
        #[arg(value_hint = ValueHint::DirPath)]
        dir: PathBuf,
    },
}

const REQUESTS: &str = "Commands: create [COUNT], signal [SEQNO|all] [--status ERRNO], \
at TIME [SEQNO|all] [--status ERRNO], submit DURATION [--in FENCE] [--status ERRNO], info, fences, events, \
wait FENCE [TIMEOUT], deadline FENCE TIME, merge FENCE FENCE, close FD, sleep TIME, run SCRIPT, quit.";

/// Which timeline to hold.
#[derive(Args, Debug, Default)]
pub struct TimelineArgs {
    /// Its name: up to 31 printable characters [default: <comm>-<pid>]
    #[arg(long)]
    pub name: Option<String>,
    /// After how long its fences time out [default: the module's]
    #[arg(long, value_parser = duration)]
    pub timeout: Option<Duration>,
    /// It is an engine: driven by submit, not by signal
    #[arg(long)]
    pub engine: bool,
    /// Keep a queue of events
    #[arg(long)]
    pub events: bool,
    /// A timeline of /dev/sw_sync instead: create, signal, wait, merge and close
    #[arg(long, conflicts_with_all = ["name", "timeout", "engine", "events"])]
    pub sw_sync: bool,
}

/// How to watch.
#[derive(Args, Debug)]
pub struct WatchArgs {
    /// How often to look
    #[arg(long, value_parser = duration, default_value = "500ms")]
    pub interval: Duration,
    /// End after so many looks
    #[arg(long)]
    pub count: Option<u64>,
}

/// What to wait for.
#[derive(Args, Clone, Copy, Debug)]
pub struct WaitArgs {
    /// A descriptor of this process, or of another: FD or PID:FD
    pub fence: FenceRef,
    /// For how long [default: until it signals]
    #[arg(value_parser = duration)]
    pub timeout: Option<Duration>,
}

/// What to play.
#[derive(Args, Debug)]
pub struct ScenarioArgs {
    /// The scenario (TOML)
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// How late a fence may be; none may be early
    #[arg(long, value_parser = duration, default_value = "5ms")]
    pub slack: Duration,
    /// Slow motion: each time of the file is so many times as long
    #[arg(long, value_name = "TIMES", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub slower: u32,
    /// Only say what would come of it on a machine without delays
    #[arg(long)]
    pub dry_run: bool,
}

/// What to record.
#[derive(Args, Debug)]
pub struct TraceArgs {
    /// What the files are called, before the dot
    #[arg(short, long, default_value = "fences", value_name = "PREFIX")]
    pub output: PathBuf,
    /// Room for events, for each processor
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
    /// The text of a recording
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// What the files are called, before the dot [default: as FILE]
    #[arg(short, long, value_name = "PREFIX")]
    pub output: Option<PathBuf>,
    /// Title of the picture [default: what the recording says]
    #[arg(long)]
    pub title: Option<String>,
}

/// A fence: a descriptor of this process, or of another one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FenceRef {
    /// The process; `None`: this one.
    pub pid: Option<u32>,
    /// The descriptor.
    pub fd: u32,
}

impl std::str::FromStr for FenceRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (pid, fd) = match text.split_once(':') {
            Some((pid, fd)) => (Some(pid), fd),
            None => (None, text),
        };
        let number = |text: &str| {
            text.parse::<u32>()
                .map_err(|_| "a descriptor, or PID:FD".to_owned())
        };
        Ok(Self {
            pid: pid.map(number).transpose()?,
            fd: number(fd)?,
        })
    }
}

/// A duration with a unit, or in seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let duration = fundu::DurationParser::new()
        .parse(text)
        .map_err(|error| error.to_string())?;
    Duration::try_from(duration).map_err(|error| error.to_string())
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
        for text in ["", "-1s", "fast", "1 fortnight"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn references_to_fences() {
        assert_eq!("5".parse(), Ok(FenceRef { pid: None, fd: 5 }));
        assert_eq!(
            "12:5".parse(),
            Ok(FenceRef {
                pid: Some(12),
                fd: 5
            })
        );
        for text in ["", ":", "5:", "-1", "a:b", "1:2:3"] {
            assert!(text.parse::<FenceRef>().is_err(), "{text}");
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
            "wait 12:5 1s",
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
            "no-such",
        ] {
            assert!(
                RequestLine::try_parse_from(line.split(' ')).is_err(),
                "{line}"
            );
        }
    }
}
