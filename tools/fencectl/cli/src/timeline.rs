// SPDX-License-Identifier: GPL-2.0

//! `fencectl timeline`: a session, which holds a timeline and takes commands.

mod answer;
mod complete;
mod device;
mod interrupt;
mod program;
mod session;

use crate::{
    cli::TimelineArgs,
    output::{exit_status, Output},
};
use complete::Assistant;
use fence_exporter::{Error, Result};
use rustyline::{config::Configurer, error::ReadlineError, history::FileHistory, Editor};
use session::{Flow, Session};
use std::{
    env,
    io::{stdin, stdout, BufRead, IsTerminal},
    path::PathBuf,
    process::ExitCode,
};

const HISTORY_LINES: usize = 1000;

/// `fencectl timeline`: holds a timeline until there are no more commands.
pub fn run(args: &TimelineArgs, output: Output) -> Result<ExitCode> {
    let mut session = Session::open(args, output)?;
    if stdin().is_terminal() && stdout().is_terminal() {
        return converse(&mut session, output);
    }
    for (number, line) in stdin().lock().lines().enumerate() {
        let line = line.map_err(|error| Error::io("cannot read commands", &error))?;
        match session.take(&line) {
            Ok(Flow::Continue) if output.is_broken() => break,
            Ok(Flow::Continue) => {}
            Ok(Flow::Quit) => break,
            Err(mut error) => {
                error.what = format!("line {}: {}", number + 1, error.what);
                output.complain(&error);
                return Ok(exit_status(&error));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes commands from a person. A command that fails does not end the session.
fn converse(session: &mut Session, output: Output) -> Result<ExitCode> {
    let failed = |error: ReadlineError| {
        Error::usage("cannot take commands from the terminal", error.to_string())
    };
    let mut editor = Editor::<Assistant, FileHistory>::new().map_err(failed)?;
    editor.set_auto_add_history(true);
    let _ = editor.set_max_history_size(HISTORY_LINES);
    editor.set_helper(Some(Assistant::default()));
    let history = history_file();
    if let Some(path) = &history {
        let _ = editor.load_history(path);
    }
    session
        .listen()
        .map_err(|error| Error::io("cannot take Ctrl-C", &error))?;
    session.greet();
    loop {
        let prompt = session.prompt();
        if let Some(assistant) = editor.helper_mut() {
            assistant.tell(session.known());
        }
        match editor.readline(&prompt) {
            Ok(line) => match session.begin(&line) {
                Ok(Flow::Continue) => {}
                Ok(Flow::Quit) => break,
                Err(error) => output.complain(&error),
            },
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(failed(error)),
        }
    }
    if let Some(path) = history {
        // Errors of saving the history are ignored, because the session itself was fine.
        let _ = path.parent().map(std::fs::create_dir_all);
        let _ = editor.save_history(&path);
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the path of the history, according to the XDG Base Directory Specification.
fn history_file() -> Option<PathBuf> {
    let state = env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    Some(state.or_else(home)?.join("fencectl/history"))
}
