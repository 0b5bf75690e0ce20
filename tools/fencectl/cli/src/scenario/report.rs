// SPDX-License-Identifier: GPL-2.0

//! What came of a scenario.

use super::{file::Job, plan::Plan, play::Run};
use crate::output::time_text;
use fence_exporter::Status;
use serde::Serialize;
use std::fmt;

/// Problems that are told one by one; of more, how many.
const TOLD: usize = 10;

/// What came of a job over all frames.
#[derive(Debug, Serialize)]
struct Summary {
    job: String,
    engine: String,
    frames: u32,
    shortest_ns: u64,
    average_ns: u64,
    longest_ns: u64,
    missed: Option<u32>,
    failed: u32,
    statuses: Vec<String>,
    unexpected: Vec<String>,
}

/// What came of a scenario.
#[derive(Debug, Serialize)]
pub struct Report {
    title: String,
    passed: bool,
    jobs: Vec<Summary>,
    runs: Vec<Run>,
}

impl Report {
    /// Sums it up.
    pub fn new(plan: &Plan, runs: &[Run]) -> Self {
        let jobs: Vec<_> = plan
            .scenario
            .job
            .iter()
            .map(|job| summary(job, runs))
            .collect();
        let passed = jobs.iter().all(|job| job.unexpected.is_empty())
            && runs.iter().all(|run| run.problem.is_empty());
        Self {
            title: plan.scenario.title.clone(),
            passed,
            jobs,
            runs: runs.to_vec(),
        }
    }

    /// Whether all was as expected.
    pub fn passed(&self) -> bool {
        self.passed
    }
}

fn summary(job: &Job, runs: &[Run]) -> Summary {
    let runs: Vec<_> = runs.iter().filter(|run| run.job == job.name).collect();
    let times: Vec<_> = runs
        .iter()
        .map(|run| run.signalled_ns.saturating_sub(run.submitted_ns))
        .collect();
    let failed: Vec<_> = runs
        .iter()
        .map(|run| run.status)
        .filter(|status| status.is_error())
        .collect();
    let late = |run: &&&Run| {
        run.deadline_ns
            .is_some_and(|deadline| run.signalled_ns > deadline)
    };
    let missed = runs.iter().filter(late).count() as u32;
    let mut statuses: Vec<_> = failed.iter().map(Status::to_string).collect();
    statuses.sort();
    statuses.dedup();
    let mut unexpected = Vec::new();
    for (what, expected, count) in [
        ("missed", job.expect.missed, missed),
        ("failed", job.expect.failed, failed.len() as u32),
    ] {
        if let Some(expected) = expected.filter(|expected| !expected.allows(count)) {
            unexpected.push(format!("{count} {what}, expected {expected:?}"));
        }
    }
    Summary {
        job: job.name.clone(),
        engine: job.engine.clone(),
        frames: runs.len() as u32,
        shortest_ns: times.iter().copied().min().unwrap_or(0),
        average_ns: times.iter().sum::<u64>() / times.len().max(1) as u64,
        longest_ns: times.iter().copied().max().unwrap_or(0),
        missed: job.deadline.map(|_| missed),
        failed: failed.len() as u32,
        statuses,
        unexpected,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.title)?;
        writeln!(
            f,
            "{:12} {:12} {:>6}  {:>10} {:>10} {:>10}  {:>6}  {:>6}",
            "JOB", "ENGINE", "FRAMES", "SHORTEST", "AVERAGE", "LONGEST", "MISSED", "FAILED"
        )?;
        for job in &self.jobs {
            let times = [job.shortest_ns, job.average_ns, job.longest_ns].map(time_text);
            let missed = job
                .missed
                .map_or("-".to_owned(), |missed| missed.to_string());
            writeln!(
                f,
                "{:12} {:12} {:>6}  {:>10} {:>10} {:>10}  {:>6}  {:>6} {}",
                job.job,
                job.engine,
                job.frames,
                times[0],
                times[1],
                times[2],
                missed,
                job.failed,
                job.statuses.join(" ")
            )?;
        }
        writeln!(f)?;
        for job in &self.jobs {
            for unexpected in &job.unexpected {
                writeln!(f, "UNEXPECTED {}: {unexpected}", job.job)?;
            }
        }
        let wrong: Vec<_> = self
            .runs
            .iter()
            .filter(|run| !run.problem.is_empty())
            .collect();
        for run in wrong.iter().take(TOLD) {
            writeln!(f, "WRONG frame {}, {}: {}", run.frame, run.job, run.problem)?;
        }
        if wrong.len() > TOLD {
            writeln!(f, "and {} more", wrong.len() - TOLD)?;
        }
        let verdict = if self.passed {
            "as it should be"
        } else {
            "NOT as it should be"
        };
        write!(f, "{} fences, timing and status {verdict}", self.runs.len())
    }
}
