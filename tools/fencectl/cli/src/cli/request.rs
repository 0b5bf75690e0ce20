// SPDX-License-Identifier: GPL-2.0

//! The commands that a session takes while it holds a timeline.

use super::{duration, FenceRef, WaitArgs};
use clap::{Parser, Subcommand, ValueHint};
use fence_exporter::Status;
use std::{path::PathBuf, time::Duration};

/// A command of a session.
#[derive(Parser, Debug)]
#[command(name = "timeline", no_binary_name = true, disable_version_flag = true)]
#[command(
    disable_help_flag = true,
    override_usage = "COMMAND [ARGUMENTS]",
    help_template = "{subcommands}"
)]
pub struct RequestLine {
    /// The command.
    #[command(subcommand)]
    pub request: Request,
}

/// The commands of a session.
#[derive(Subcommand, Debug, Clone)]
pub enum Request {
    /// Create fences with the next sequence numbers
    Create {
        /// How many
        #[arg(default_value_t = 1)]
        count: u32,
    },
    /// Signal all pending fences up to a fence
    Signal {
        /// The last fence to signal: a sequence number, `next` or `all`
        #[arg(default_value = "next")]
        upto: Upto,
        /// Status that the fences complete with: ok, or an errno such as EIO
        #[arg(long, default_value = "ok", allow_hyphen_values = true)]
        status: Status,
    },
    /// Plan a signal: signal all pending fences up to a fence, after some time
    At {
        /// Time from now until the signal
        #[arg(value_parser = duration)]
        time: Duration,
        /// The last fence to signal: a sequence number, `next` or `all`
        #[arg(default_value = "next")]
        upto: Upto,
        /// Status that the fences complete with: ok, or an errno such as EIO
        #[arg(long, default_value = "ok", allow_hyphen_values = true)]
        status: Status,
    },
    /// Cancel signals that `at` has planned and whose time has not come
    Cancel {
        /// The sequence number that `at` was called for [default: cancel all that this session has
        /// planned]
        #[arg(value_parser = seqno)]
        seqno: Option<u64>,
    },
    /// Queue a job on the engine
    Submit {
        /// How long the job takes
        #[arg(value_parser = duration)]
        duration: Duration,
        /// Up to 16 fences that the job waits for: FD, #SEQNO or PID:FD
        #[arg(long = "in", value_name = "FENCE,...", value_delimiter = ',')]
        in_fences: Vec<FenceRef>,
        /// Status that the job ends with: ok, or an errno such as EIO
        #[arg(long, default_value = "ok", allow_hyphen_values = true)]
        status: Status,
    },
    /// Make another descriptor of a pending fence
    Export {
        /// The fence's sequence number, such as 3 or #3
        #[arg(value_parser = seqno)]
        seqno: u64,
    },
    /// Show the state of the timeline
    Info,
    /// Show the module's limits
    Limits,
    /// List the fences that this session holds
    Fences,
    /// List the events since the last `events` (needs --events)
    Events,
    /// Wait for a fence
    Wait(WaitArgs),
    /// Show the fences in a sync_file, and which other processes have it open
    Show {
        /// The sync_file: FD, #SEQNO or PID:FD
        fence: FenceRef,
    },
    /// Set a deadline on a fence: tell its driver by when the fence is needed
    Deadline {
        /// The fence: FD, #SEQNO or PID:FD
        fence: FenceRef,
        /// Time from now until the deadline
        #[arg(value_parser = duration)]
        time: Duration,
    },
    /// Merge two fences into one, which signals when both have signaled
    Merge {
        /// One fence: FD, #SEQNO or PID:FD
        first: FenceRef,
        /// The other fence: FD, #SEQNO or PID:FD
        second: FenceRef,
    },
    /// Close the descriptor of a fence that this session holds
    Close {
        /// The descriptor, or #SEQNO
        fence: FenceRef,
    },
    /// Do nothing for some time
    Sleep {
        /// How long to sleep
        #[arg(value_parser = duration)]
        time: Duration,
    },
    /// Run a program that inherits the fences of this session
    ///
    /// The program has the fences under the same descriptors, and $FENCECTL_FDS lists these
    /// descriptors. If the exit status of the program is not 0, a script ends with status 1.
    Exec {
        /// Don't wait until the program ends; `join` waits for it
        #[arg(short, long)]
        background: bool,
        /// The program and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true,
            value_hint = ValueHint::CommandWithArguments)]
        command: Vec<String>,
    },
    /// Wait until the programs in the background have ended
    Join,
    /// Take commands from a file
    Run {
        /// The file: one command a line; # begins a comment
        #[arg(value_hint = ValueHint::FilePath)]
        script: PathBuf,
    },
    /// End the session; pending fences complete with -ECANCELED
    #[command(alias = "exit")]
    Quit,
}

/// Parses a sequence number, which may begin with `#`.
fn seqno(text: &str) -> Result<u64, String> {
    let number = text.strip_prefix('#').unwrap_or(text);
    number
        .parse()
        .map_err(|_| "a sequence number, as 3 or #3".to_owned())
}

/// The last fence to signal. All pending fences before it signal as well.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Upto {
    /// The first pending fence.
    Next,
    /// The last fence that was created, so all fences signal.
    All,
    /// The fence with this sequence number.
    Seqno(u64),
}

impl std::str::FromStr for Upto {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "next" => Ok(Self::Next),
            "all" => Ok(Self::All),
            _ => seqno(text)
                .map(Self::Seqno)
                .map_err(|_| "a sequence number, `next` or `all`".to_owned()),
        }
    }
}
