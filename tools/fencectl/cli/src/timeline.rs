// SPDX-License-Identifier: GPL-2.0

//! `fencectl timeline`: a timeline that takes commands.

mod answer;
mod complete;
mod device;
mod interrupt;
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

/// Holds a timeline until the commands end.
pub fn run(args: &TimelineArgs, output: Output) -> Result<ExitCode> {
    let mut session = Session::open(args, output)?;
    if stdin().is_terminal() && stdout().is_terminal() {
        return converse(&mut session, output);
    }
    for (number, line) in stdin().lock().lines().enumerate() {
        let line = line.map_err(|error| Error::usage("cannot read commands", error.to_string()))?;
        match session.take(&line) {
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

/// Takes commands from a person, to whom an error is no end.
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
        .map_err(|error| Error::usage("cannot take Ctrl-C", error.to_string()))?;
    session.greet();
    loop {
        let prompt = session.prompt();
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
        // A history that can't be kept is no reason to complain.
        let _ = path.parent().map(std::fs::create_dir_all);
        let _ = editor.save_history(&path);
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the history is kept, by the XDG base directories.
fn history_file() -> Option<PathBuf> {
    let state = env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    Some(state.or_else(home)?.join("fencectl/history"))
}
