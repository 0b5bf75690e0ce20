// SPDX-License-Identifier: GPL-2.0

//! Man pages and shell completions, generated from the definition of the command line.

use crate::cli::Cli;
use clap::CommandFactory;
use clap_complete::{generate_to, Shell};
use fence_exporter::{Error, Result};
use std::{fs, io, path::Path, process::ExitCode};

/// `fencectl generate`: writes the man pages and the completions into directories in `dir`.
pub fn run(dir: &Path) -> Result<ExitCode> {
    write(dir).map_err(|error| Error::io(format!("cannot write to {}", dir.display()), &error))?;
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
    fs::write(
        man.join("fencectl-scenario.5"),
        crate::scenario::man_page_of_keys(),
    )?;
    // Without this, there would also be a man page for each of `fencectl help COMMAND`.
    clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), &man)
}
