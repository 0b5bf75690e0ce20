// SPDX-License-Identifier: GPL-2.0

//! Plays a plan against the device, and holds what came of it against the model.

use super::{
    model::{outcome, status_allowed, Given},
    plan::{ns, Plan, Submission},
};
use crate::{
    marker::{Marker, Note},
    output::time_text,
};
use fence_exporter::{clock, process, EventKind, Result, Setup, Status, SyncFile, Timeline};
use rustix::fd::AsFd;
use serde::Serialize;
use std::{collections::HashSet, time::Duration};

/// How long after now the first frame begins.
const LEAD_NS: u64 = 20_000_000;

/// What came of a submission. Times are in nanoseconds from the beginning.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// The job's name.
    pub job: String,
    /// Its frame.
    pub frame: u32,
    /// When it was submitted.
    pub submitted_ns: u64,
    /// When its fence signalled.
    pub signalled_ns: u64,
    /// What with.
    pub status: Status,
    /// When it was wanted.
    pub deadline_ns: Option<u64>,
    /// What is wrong with that; empty: nothing.
    pub problem: String,
}

/// An engine's timeline.
struct Engine {
    timeline: Timeline,
    context: u32,
    /// Fences that the driver was told a deadline for, by its own events.
    wanted: HashSet<u64>,
}

/// A fence that was submitted.
struct Fence {
    fence: SyncFile,
    seqno: u64,
    /// Before and after the call (ns).
    called: [u64; 2],
    /// After its deadline was told (ns).
    wanted: Option<u64>,
}

/// Plays it.
pub fn play(plan: &Plan, slack: Duration) -> Result<Vec<Run>> {
    process::raise_descriptor_limit();
    let marker = Marker::from_environment();
    let mut engines = plan
        .engines
        .iter()
        .map(|(name, timeout)| open(name, *timeout))
        .collect::<Result<Vec<_>>>()?;
    let begin = clock::now() + LEAD_NS;
    let mut fences: Vec<Fence> = Vec::new();
    for submission in &plan.submissions {
        clock::sleep_until(begin + submission.at);
        let mut fence = submit(submission, &engines[submission.engine], &fences)?;
        if let Some(deadline) = submission.deadline {
            let engine = &mut engines[submission.engine];
            fence.fence.set_deadline(begin + deadline)?;
            fence.wanted = Some(clock::now());
            marker.note(Note::Deadline {
                context: engine.context,
                seqno: fence.seqno as u32,
                time_ns: begin + deadline,
            });
            engine.take_events()?;
        }
        fences.push(fence);
    }
    let mut runs: Vec<Run> = Vec::new();
    let mut ends = vec![0; engines.len()];
    for (submission, fence) in plan.submissions.iter().zip(&fences) {
        let engine = &engines[submission.engine];
        let status = fence.fence.wait(None)?;
        let end = fence.fence.signalled_at()?.unwrap_or(u64::MAX);
        let waited_for: Vec<_> = submission
            .after
            .iter()
            .map(|place| (runs[*place].signalled_ns + begin, runs[*place].status))
            .collect();
        let problem = judge(
            plan,
            submission,
            fence,
            &waited_for,
            ends[submission.engine],
            end,
            status,
            ns(slack),
        )
        .or_else(|| engine.not_told(fence, end))
        .unwrap_or_default();
        if status.is_error() {
            let seqno = fence.seqno as u32;
            marker.note(Note::Status {
                context: engine.context,
                first: seqno,
                last: seqno,
                status,
            });
        }
        ends[submission.engine] = end;
        runs.push(Run {
            job: plan.scenario.job[submission.job].name.clone(),
            frame: submission.frame,
            submitted_ns: fence.called[0].saturating_sub(begin),
            signalled_ns: end.saturating_sub(begin),
            status,
            deadline_ns: submission.deadline,
            problem,
        });
    }
    Ok(runs)
}

/// What would come of it on a machine without delays.
pub fn rehearse(plan: &Plan) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut ends = vec![0; plan.engines.len()];
    for submission in &plan.submissions {
        let waited_for = submission.after.iter().map(|place| &runs[*place]);
        let outcome = outcome(Given {
            submitted: submission.at,
            engine_free: ends[submission.engine],
            ready: waited_for.clone().map(|run| run.signalled_ns).max(),
            duration: submission.duration,
            timeout: plan.engines[submission.engine].1,
        });
        let handed_on = waited_for
            .map(|run| run.status)
            .find(|status| status.is_error());
        let own = if submission.status.is_error() {
            submission.status
        } else {
            Status::SIGNALLED
        };
        ends[submission.engine] = outcome.end;
        runs.push(Run {
            job: plan.scenario.job[submission.job].name.clone(),
            frame: submission.frame,
            submitted_ns: submission.at,
            signalled_ns: outcome.end,
            status: if outcome.timed_out {
                Status::TIMED_OUT
            } else {
                handed_on.unwrap_or(own)
            },
            deadline_ns: submission.deadline,
            problem: String::new(),
        });
    }
    runs
}

fn open(name: &str, timeout: u64) -> Result<Engine> {
    let timeline = Timeline::open()?;
    timeline.setup(&Setup {
        name: Some(name),
        timeout: Some(Duration::from_nanos(timeout)),
        events: true,
        engine: true,
    })?;
    let context = timeline.info()?.context as u32;
    Ok(Engine {
        timeline,
        context,
        wanted: HashSet::new(),
    })
}

fn submit(submission: &Submission, engine: &Engine, fences: &[Fence]) -> Result<Fence> {
    let mut merged: Option<SyncFile> = None;
    for place in &submission.after {
        merged = Some(match merged {
            None => fences[*place].fence.try_clone()?,
            Some(merged) => merged.merge(&fences[*place].fence)?,
        });
    }
    let before = clock::now();
    let made = engine.timeline.submit(
        Duration::from_nanos(submission.duration),
        merged.as_ref().map(SyncFile::as_fd),
        submission.status,
    )?;
    Ok(Fence {
        fence: made.fence,
        seqno: made.seqno,
        called: [before, clock::now()],
        wanted: None,
    })
}

/// What is wrong with how a fence came out, if anything is.
#[allow(clippy::too_many_arguments)]
fn judge(
    plan: &Plan,
    submission: &Submission,
    fence: &Fence,
    waited_for: &[(u64, Status)],
    engine_free: u64,
    end: u64,
    status: Status,
    slack: u64,
) -> Option<String> {
    // What it waits for and the engine are taken as they really were: only this job's own time is judged.
    let given = |submitted| Given {
        submitted,
        engine_free,
        ready: waited_for.iter().map(|(end, _)| *end).max(),
        duration: submission.duration,
        timeout: plan.engines[submission.engine].1,
    };
    let [first, last] = fence.called.map(|called| outcome(given(called)));
    let statuses: Vec<_> = waited_for.iter().map(|(_, status)| *status).collect();
    let allowed = |timed_out| status_allowed(status, timed_out, submission.status, &statuses);
    if !allowed(first.timed_out) && !allowed(last.timed_out) {
        return Some(format!("ended with {status}"));
    }
    if end < first.end {
        return Some(format!("{} early", time_text(first.end - end)));
    }
    let late = end.saturating_sub(last.end);
    (late > slack).then(|| format!("{} late", time_text(late)))
}

impl Engine {
    /// Takes the events out of the timeline's queue before that is full.
    fn take_events(&mut self) -> Result<()> {
        let events = self.timeline.events()?;
        let wanted = events
            .iter()
            .filter(|event| event.kind == EventKind::Deadline);
        self.wanted.extend(wanted.map(|event| event.seqno));
        Ok(())
    }

    /// Whether the driver has not told of a deadline that was set before the fence signalled.
    fn not_told(&self, fence: &Fence, end: u64) -> Option<String> {
        let told = self.wanted.contains(&fence.seqno);
        let wanted = fence.wanted.is_some_and(|wanted| wanted < end);
        (wanted && !told).then(|| "its deadline made no event".to_owned())
    }
}
