// SPDX-License-Identifier: GPL-2.0

//! Man pages and shell completions, from the definition of the command line.

use crate::cli::Cli;
use clap::CommandFactory;
use clap_complete::{generate_to, Shell};
use fence_exporter::{Error, Result};
use std::{fs, io, path::Path, process::ExitCode};

/// Writes them below `dir`.
pub fn run(dir: &Path) -> Result<ExitCode> {
    write(dir).map_err(|error| {
        Error::usage(
            format!("cannot write to {}", dir.display()),
            error.to_string(),
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

fn write(dir: &Path) -> io::Result<()> {
    let (man, completions) = (dir.join("man"), dir.join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    let mut command = Cli::command();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut command, "fencectl", &completions)?;
    }
    // A page for each thing that help has a page for is one too many.
    clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), &man)
}
