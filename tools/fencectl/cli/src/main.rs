// SPDX-License-Identifier: GPL-2.0

//! fencectl: make, wait for, play and draw fences.

mod cli;
mod generate;
mod list;
mod marker;
mod output;
mod scenario;
mod timeline;
mod trace;
mod wait;
mod watch;

use clap::Parser;
use cli::{Cli, Command};
use output::{exit_status, Output};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Cli { json, command } = Cli::parse();
    let output = Output { json };
    let result = match command {
        Command::Timeline(args) => timeline::run(&args, output),
        Command::List => list::run(output),
        Command::Watch(args) => watch::run(&args, output),
        Command::Wait(args) => wait::run(args, output),
        Command::Scenario(args) => scenario::run(&args, output),
        Command::Trace(args) => trace::run(&args, output),
        Command::Draw(args) => trace::draw(&args, output),
        Command::Generate { dir } => generate::run(&dir),
    };
    result.unwrap_or_else(|error| {
        output.complain(&error);
        exit_status(&error)
    })
}
