// SPDX-License-Identifier: GPL-2.0

//! Runs a command while its fences are recorded.
//!
//! No kernel event tells of deadlines and timeouts. Commands of fencectl note their own; of others, what
//! fdinfo says now and then is noted here.

use super::{parse, tracefs::Instance};
use crate::{
    cli::TraceArgs,
    marker::{Note, VARIABLE},
};
use fence_exporter::{process, Error, Result};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use std::{
    collections::HashMap,
    fs::File,
    io::Write,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, ExitStatus},
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc,
    },
    thread::sleep,
    time::Duration,
};

/// How often the command is asked whether it has ended.
const TICK: Duration = Duration::from_millis(10);
/// Every so many ticks, timelines are looked at.
const LOOK: u32 = 5;

/// A recording.
pub struct Recorded {
    /// The text of the trace, with its title.
    pub text: String,
    /// The exit status of the command, as a shell would tell it.
    pub status: u8,
}

/// Runs the command and records.
pub fn record(args: &TraceArgs) -> Result<Recorded> {
    let instance = Instance::begin(args.buffer)?;
    let [program, arguments @ ..] = args.command.as_slice() else {
        return Err(Error::usage("cannot trace", "there is no command"));
    };
    let child = Command::new(program)
        .args(arguments)
        .env(VARIABLE, instance.marker())
        .spawn()
        .map_err(|error| {
            Error::usage(format!("cannot run {program}"), error.to_string())
                .remedy("fencectl trace -- COMMAND: is it there, and can it be executed?")
        })?;
    let status = attend(child, &instance.marker())?;
    let title = args.title.clone().unwrap_or_else(|| args.command.join(" "));
    Ok(Recorded {
        text: parse::title_line(&title) + &instance.end()?,
        status: shell_status(status),
    })
}

/// Attends to the command until it ends. A Ctrl-C is for it: what was recorded until then is kept.
fn attend(mut child: Child, marker: &Path) -> Result<ExitStatus> {
    let failed =
        |error: std::io::Error| Error::usage("cannot wait for the command", error.to_string());
    let (interrupted, ended) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    flag::register(SIGINT, interrupted).map_err(failed)?;
    flag::register(SIGTERM, Arc::clone(&ended)).map_err(failed)?;
    let mut observer = Observer {
        marker: File::options().append(true).open(marker).ok(),
        seen: HashMap::new(),
    };
    for tick in 0u32.. {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(status);
        }
        if ended.swap(false, Ordering::Relaxed) {
            child.kill().map_err(failed)?;
        }
        if tick % LOOK == 0 {
            observer.look();
        }
        sleep(TICK);
    }
    child.wait().map_err(failed)
}

fn shell_status(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(u8::MAX)
}

/// Notes what fdinfo tells.
struct Observer {
    marker: Option<File>,
    /// Timeouts and deadlines that were noted, by context.
    seen: HashMap<u64, (u64, Option<u64>)>,
}

impl Observer {
    fn look(&mut self) {
        let Some(marker) = &mut self.marker else {
            return;
        };
        for held in process::scan().unwrap_or_default().timelines {
            let state = held.state;
            let context = state.context as u32;
            let (timed_out, deadline) = self.seen.entry(state.context).or_default();
            let mut notes = Vec::new();
            // For jobs it runs from when they start, which no event tells.
            if state.timed_out > *timed_out && !state.engine {
                notes.push(Note::Timeout {
                    context,
                    timeout_ns: state.timeout_ns,
                });
            }
            if let Some(time_ns) = state.deadline_ns.filter(|_| state.deadline_ns != *deadline) {
                notes.push(Note::Deadline {
                    context,
                    seqno: 0,
                    time_ns,
                });
            }
            (*timed_out, *deadline) = (state.timed_out, state.deadline_ns);
            for note in notes {
                let _ = marker.write_all(note.to_string().as_bytes());
            }
        }
    }
}
