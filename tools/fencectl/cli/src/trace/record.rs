// SPDX-License-Identifier: GPL-2.0

//! Runs a command while fences are recorded.

use super::{parse, tracefs::Instance};
use crate::cli::TraceArgs;
use fence_exporter::{Error, Result};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use std::{
    os::unix::process::ExitStatusExt,
    process::{Child, Command, ExitStatus},
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc,
    },
    thread::sleep,
    time::Duration,
};

/// How often fencectl checks whether the command has ended.
const TICK: Duration = Duration::from_millis(10);

/// A recording.
pub struct Recorded {
    /// The text of the recording, with two lines before it: the title, and whether it has statuses.
    pub text: String,
    /// The exit status of the command, as a shell would report it: 128 + N after signal N.
    pub status: u8,
}

/// Runs the command, and records fences until it ends.
pub fn record(args: &TraceArgs) -> Result<Recorded> {
    let instance = Instance::begin(args.buffer)?;
    let [program, arguments @ ..] = args.command.as_slice() else {
        return Err(Error::usage("cannot trace", "there is no command"));
    };
    // A recording that cannot be written would be lost. So this is checked before the command runs.
    super::check_output(&args.output)?;
    let child = Command::new(program)
        .args(arguments)
        .spawn()
        .map_err(|error| {
            Error::io(format!("cannot run {program}"), &error)
                .remedy("fencectl trace -- COMMAND: is it there, and can it be executed?")
        })?;
    let status = attend(child)?;
    let title = args.title.clone().unwrap_or_else(|| args.command.join(" "));
    let (statuses, text) = instance.end()?;
    Ok(Recorded {
        text: parse::title_line(&title) + &parse::statuses_line(statuses) + &text,
        status: shell_status(status),
    })
}

/// Waits until the command ends. fencectl ignores a Ctrl-C, which the terminal also sends to the
/// command. So fencectl can still write what was recorded. SIGTERM kills the command.
fn attend(mut child: Child) -> Result<ExitStatus> {
    let failed = |error: std::io::Error| Error::io("cannot wait for the command", &error);
    let (interrupted, ended) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    flag::register(SIGINT, interrupted).map_err(failed)?;
    flag::register(SIGTERM, Arc::clone(&ended)).map_err(failed)?;
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(status);
        }
        if ended.swap(false, Ordering::Relaxed) {
            child.kill().map_err(failed)?;
        }
        sleep(TICK);
    }
}

fn shell_status(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(u8::MAX)
}
