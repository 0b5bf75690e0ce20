// SPDX-License-Identifier: GPL-2.0

//! `fencectl scenario`: a file of engines and jobs, played against the device.
//!
//! [`file`] reads it, [`plan`] lays it out in time, [`model`] says what must come of each job, [`play`] plays
//! it, and [`report`] tells.

mod file;
mod model;
mod plan;
mod play;
mod report;

use crate::{
    cli::ScenarioArgs,
    output::{Output, UNEXPECTED},
};
use fence_exporter::Result;
use std::process::ExitCode;

/// `fencectl scenario`.
pub fn run(args: &ScenarioArgs, output: Output) -> Result<ExitCode> {
    let plan = plan::Plan::new(file::read(&args.file)?.slower(args.slower))?;
    let runs = if args.dry_run {
        play::rehearse(&plan)
    } else {
        play::play(&plan, args.slack)?
    };
    let report = report::Report::new(&plan, &runs);
    output.say(&report);
    Ok(if report.passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(UNEXPECTED)
    })
}
