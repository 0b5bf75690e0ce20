// SPDX-License-Identifier: GPL-2.0

//! fencectl: make, wait for, play and draw fences.

mod cli;
mod generate;
mod limits;
mod list;
mod output;
mod scenario;
mod show;
mod timeline;
mod trace;
mod wait;
mod watch;

use clap::Parser;
use cli::{unclear, Cli, Command};
use output::{exit_status, Output};
use std::{
    env,
    ffi::{OsStr, OsString},
    io::{stdout, Write},
    process::ExitCode,
};

fn main() -> ExitCode {
    let words: Vec<_> = env::args_os().collect();
    match Cli::try_parse_from(&words) {
        Ok(cli) => run(cli),
        Err(error) => explain(&words, &error),
    }
}

/// Reports what is wrong with the command line, or prints the help that was requested.
fn explain(words: &[OsString], error: &clap::Error) -> ExitCode {
    // The words after `--` are the options of the command that fencectl runs.
    let mut ours = words.iter().take_while(|word| *word != "--");
    let output = Output {
        json: ours.any(|word| word == "--json"),
    };
    if !error.use_stderr() {
        output.take(error.print().and_then(|()| stdout().flush()));
        return output.finish(ExitCode::SUCCESS);
    }
    let line = words.join(OsStr::new(" "));
    let error_of_ours = unclear(
        &line.to_string_lossy(),
        error,
        "fencectl help lists the commands, fencectl help COMMAND tells one",
    );
    if output.json {
        output.complain(&error_of_ours);
    } else {
        // clap's own text also shows the usage.
        let _ = error.print();
    }
    exit_status(&error_of_ours)
}

fn run(Cli { json, command }: Cli) -> ExitCode {
    let output = Output { json };
    let result = match command {
        Command::Timeline(args) => timeline::run(&args, output),
        Command::List => list::run(output),
        Command::Limits => limits::run(output),
        Command::Watch(args) => watch::run(&args, output),
        Command::Wait(args) => wait::run(args, output),
        Command::Show { fence } => wait::fence(fence).and_then(|file| show::run(&file, output)),
        Command::Scenario(args) => scenario::run(&args, output),
        Command::Trace(args) => trace::run(&args, output),
        Command::Draw(args) => trace::draw(&args, output),
        Command::Generate { dir } => generate::run(&dir),
    };
    output.finish(result.unwrap_or_else(|error| {
        output.complain(&error);
        exit_status(&error)
    }))
}
