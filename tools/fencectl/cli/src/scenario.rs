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
use file::Pace;
use plan::Plan;
use play::Run;
use progress::Progress;
use report::Report;
use serde_json::json;
use std::{process::ExitCode, time::Duration};
use stop::Stop;

pub use keys::{help as help_on_keys, man as man_page_of_keys};

/// Returns how late a fence may be. A machine's delays do not become shorter if the scenario does,
/// so `--faster` does not change this time.
fn slack(args: &ScenarioArgs) -> Duration {
    args.slack.saturating_mul(args.slower)
}

/// `fencectl scenario`.
pub fn run(args: &ScenarioArgs, output: Output) -> Result<ExitCode> {
    let pace = Pace {
        slower: args.slower,
        faster: args.faster,
    };
    let plan = Plan::new(file::read(&args.file)?.at(pace))?;
    let slack = slack(args);
    let stop = Stop::listen()?;
    let mut report = Report::new(&plan, pace, slack);
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
        play::play(&plan, slack, &stop, &mut tell)
    };
    drop(progress);
    // The report is printed even if playing failed before the end.
    report.finish(stop.is_asked() || result.is_err());
    report.color = output.has_color();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    #[test]
    fn slow_motion_stretches_the_slack_too() {
        let slack = |pace: &[&str]| -> Result<u128, clap::error::ErrorKind> {
            let line = ["fencectl", "scenario", "f", "--slack", "7ms"];
            let cli = Cli::try_parse_from(line.iter().chain(pace)).map_err(|error| error.kind())?;
            match cli.command {
                Command::Scenario(args) => Ok(slack(&args).as_millis()),
                command => panic!("{command:?}"),
            }
        };
        assert_eq!(slack(&[]), Ok(7));
        assert_eq!(slack(&["--slower", "10"]), Ok(70));
        assert_eq!(slack(&["--faster", "10"]), Ok(7));
        // A scenario has one pace.
        assert!(slack(&["--slower", "10", "--faster", "10"]).is_err());
        assert!(slack(&["--faster", "0"]).is_err());
    }
}
