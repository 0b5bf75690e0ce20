// SPDX-License-Identifier: GPL-2.0

//! `fencectl wait`, and what the prompt's `wait` shares with it.

use crate::{
    cli::{FenceRef, WaitArgs},
    output::{time_text, Output, TIME_OVER, UNEXPECTED},
};
use fence_exporter::{clock, process, Result, Status, SyncFile};
use serde::Serialize;
use std::{
    fmt,
    process::{id, ExitCode},
    time::Duration,
};

/// What a wait came to.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Waited {
    /// The fence's status.
    pub status: Status,
    /// How long it took.
    pub waited_ns: u64,
}

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {}", self.status, time_text(self.waited_ns))
    }
}

/// A descriptor of the fence that is meant.
pub fn fence(which: FenceRef) -> Result<SyncFile> {
    process::fence_of(which.pid.unwrap_or_else(id), which.fd)
}

/// Waits, by a way to do so.
pub fn wait(
    args: WaitArgs,
    wait: impl FnOnce(&SyncFile, Option<Duration>) -> Result<Status>,
) -> Result<Waited> {
    let begin = clock::now();
    let status = wait(&fence(args.fence)?, args.timeout)?;
    Ok(Waited {
        status,
        waited_ns: clock::now() - begin,
    })
}

/// `fencectl wait`.
pub fn run(args: WaitArgs, output: Output) -> Result<ExitCode> {
    let waited = wait(args, SyncFile::wait)?;
    output.say(&waited);
    Ok(match waited.status {
        Status::PENDING => ExitCode::from(TIME_OVER),
        status if status.is_error() => ExitCode::from(UNEXPECTED),
        _ => ExitCode::SUCCESS,
    })
}
