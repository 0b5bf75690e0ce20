// SPDX-License-Identifier: GPL-2.0

//! `fencectl scenario`: a file of engines and jobs, played against the device.
//!
//! - [`file`] reads the file.
//! - [`plan`] computes when each job is submitted, and what it waits for.
//! - [`model`] computes when each job must end, and with which status.
//! - [`play`] plays the plan, and compares each fence with the model.
//! - [`follow`] signals the fences that the device cannot signal by itself.
//! - [`report`] sums up the results.
//! - [`window`] keeps data of earlier jobs only while later jobs need it, so that a long scenario
//!   takes no more memory than a short one.

mod file;
mod follow;
mod keys;
mod model;
mod plan;
mod play;
mod progress;
mod report;
mod stop;
mod window;

use crate::{
    cli::ScenarioArgs,
    output::{Output, UNEXPECTED},
};
use fence_exporter::Result;
use plan::Plan;
use play::Run;
use progress::Progress;
use report::Report;
use serde_json::json;
use std::process::ExitCode;
use stop::Stop;

pub use keys::{help as help_on_keys, man as man_page_of_keys};

/// `fencectl scenario`.
pub fn run(args: &ScenarioArgs, output: Output) -> Result<ExitCode> {
    let plan = Plan::new(file::read(&args.file)?.slower(args.slower))?;
    let stop = Stop::listen()?;
    let mut report = Report::new(&plan);
    let mut progress = (!output.json).then(|| Progress::new(plan.scenario.frames));
    let mut tell = |run: Run| {
        report.take(&run);
        match &mut progress {
            Some(progress) => progress.at(run.frame, report.wrong()),
            None => output.line(&json!({ "run": run }).to_string()),
        }
    };
    let result = if args.dry_run {
        play::rehearse(&plan, &stop, &mut tell);
        Ok(())
    } else {
        let slack = args.slack.saturating_mul(args.slower);
        play::play(&plan, slack, &stop, &mut tell)
    };
    drop(progress);
    // The report is printed even if playing failed before the end.
    report.finish(stop.is_asked() || result.is_err());
    if result.is_ok() || !report.is_empty() {
        output.say(&report);
    }
    result?;
    Ok(match stop.exit_status() {
        Some(status) => ExitCode::from(status),
        None if report.passed() => ExitCode::SUCCESS,
        None => ExitCode::from(UNEXPECTED),
    })
}
