// SPDX-License-Identifier: GPL-2.0

//! The commands that a timeline takes while it is held.

use super::{duration, FenceRef, WaitArgs};
use clap::{Parser, Subcommand, ValueHint};
use fence_exporter::Status;
use std::{path::PathBuf, time::Duration};

/// A command to a timeline that is held.
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

/// The commands.
#[derive(Subcommand, Debug, Clone)]
pub enum Request {
    /// Create fences with the next sequence numbers
    Create {
        /// How many
        #[arg(default_value_t = 1)]
        count: u32,
    },
    /// Signal everything up to a fence
    Signal {
        /// The last one: a sequence number, `next` or `all`
        #[arg(default_value = "next")]
        upto: Upto,
        /// What they complete with: ok, or an errno as EIO
        #[arg(long, default_value = "ok", allow_hyphen_values = true)]
        status: Status,
    },
    /// Do that at a time from now
    At {
        /// How long from now
        #[arg(value_parser = duration)]
        time: Duration,
        /// The last one: a sequence number, `next` or `all`
        #[arg(default_value = "next")]
        upto: Upto,
        /// What they complete with
        #[arg(long, default_value = "ok", allow_hyphen_values = true)]
        status: Status,
    },
    /// Queue a job on the engine
    Submit {
        /// How long it takes
        #[arg(value_parser = duration)]
        duration: Duration,
        /// A fence that it waits for
        #[arg(long = "in", value_name = "FENCE")]
        in_fence: Option<FenceRef>,
        /// What it ends with
        #[arg(long, default_value = "ok", allow_hyphen_values = true)]
        status: Status,
    },
    /// Tell what the timeline is and has done
    Info,
    /// List the fences that this session holds
    Fences,
    /// Tell what has happened since it was last asked (--events)
    Events,
    /// Wait for a fence
    Wait(WaitArgs),
    /// Tell a fence's issuer that it is wanted by a time from now
    Deadline {
        /// FD or PID:FD
        fence: FenceRef,
        /// How long from now
        #[arg(value_parser = duration)]
        time: Duration,
    },
    /// Make one fence of two
    Merge {
        /// FD or PID:FD
        first: FenceRef,
        /// FD or PID:FD
        second: FenceRef,
    },
    /// Close a fence of this session
    Close {
        /// Its descriptor
        fd: i32,
    },
    /// Wait for a while
    Sleep {
        /// How long
        #[arg(value_parser = duration)]
        time: Duration,
    },
    /// Take commands from a file
    Run {
        /// A command a line; # begins a comment
        #[arg(value_hint = ValueHint::FilePath)]
        script: PathBuf,
    },
    /// End; fences that are pending complete with -ECANCELED
    #[command(alias = "exit")]
    Quit,
}

/// Up to which fence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Upto {
    /// The first one that is pending.
    Next,
    /// All of them.
    All,
    /// That one.
    Seqno(u64),
}

impl std::str::FromStr for Upto {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "next" => Ok(Self::Next),
            "all" => Ok(Self::All),
            _ => text
                .parse()
                .map(Self::Seqno)
                .map_err(|_| "a sequence number, `next` or `all`".to_owned()),
        }
    }
}
