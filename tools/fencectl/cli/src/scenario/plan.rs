// SPDX-License-Identifier: GPL-2.0

//! A scenario laid out in time: which job is submitted when, and what it waits for.

use super::file::{Job, Scenario};
use fence_exporter::{Error, Result, Status};
use std::{collections::HashMap, time::Duration};

/// Most submissions of a scenario: each holds a descriptor.
const MOST: usize = 100_000;

/// A job of a frame.
#[derive(Debug)]
pub struct Submission {
    /// Its place in the scenario's list of jobs.
    pub job: usize,
    /// Its frame.
    pub frame: u32,
    /// Its place in [`Plan::engines`].
    pub engine: usize,
    /// When it is submitted (ns from the beginning).
    pub at: u64,
    /// How long it takes (ns).
    pub duration: u64,
    /// Places in [`Plan::submissions`] of what it waits for; all stand before it.
    pub after: Vec<usize>,
    /// What it ends with if all goes well.
    pub status: Status,
    /// When it is wanted (ns from the beginning).
    pub deadline: Option<u64>,
}

/// What is going to be played.
#[derive(Debug)]
pub struct Plan {
    /// The file.
    pub scenario: Scenario,
    /// Names and timeouts (ns) of the engines.
    pub engines: Vec<(String, u64)>,
    /// The submissions, in the order in which they are made.
    pub submissions: Vec<Submission>,
}

/// A duration in nanoseconds; one of centuries is as good as the longest.
pub fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos())
        .unwrap_or(u64::MAX)
        .min(u64::MAX / 4)
}

impl Plan {
    /// Lays it out, or says what makes no sense.
    pub fn new(scenario: Scenario) -> Result<Self> {
        check(&scenario)?;
        let engines: Vec<_> = scenario
            .engine
            .iter()
            .map(|(name, engine)| (name.clone(), ns(engine.timeout)))
            .collect();
        let mut order: Vec<(u64, u32, usize)> = Vec::new();
        for frame in 0..scenario.frames {
            for (place, job) in scenario.job.iter().enumerate() {
                order.push((
                    begin(&scenario, frame).saturating_add(ns(job.at)),
                    frame,
                    place,
                ));
            }
        }
        // Of one time: in the order of the file.
        order.sort();
        let mut made = HashMap::new();
        let mut submissions = Vec::new();
        for (at, frame, place) in order {
            let job = &scenario.job[place];
            let after = job
                .after
                .iter()
                .filter_map(|name| dependency(&scenario, job, frame, name, &made).transpose());
            let turn = frame as usize;
            submissions.push(Submission {
                job: place,
                frame,
                engine: engines
                    .iter()
                    .position(|(name, _)| *name == job.engine)
                    .unwrap_or(0),
                at,
                duration: ns(job.duration[turn % job.duration.len()]),
                after: after.collect::<Result<_>>()?,
                status: job.status[turn % job.status.len()],
                deadline: job
                    .deadline
                    .map(|deadline| begin(&scenario, frame).saturating_add(ns(deadline))),
            });
            made.insert((place, frame), submissions.len() - 1);
        }
        Ok(Self {
            scenario,
            engines,
            submissions,
        })
    }
}

fn begin(scenario: &Scenario, frame: u32) -> u64 {
    ns(scenario.period).saturating_mul(frame.into())
}

/// The submission that a name in `after` means; `None` if it would be of a frame before the first.
fn dependency(
    scenario: &Scenario,
    job: &Job,
    frame: u32,
    name: &str,
    made: &HashMap<(usize, u32), usize>,
) -> Result<Option<usize>> {
    let bad = |cause: String| {
        Error::usage(
            format!("job \"{}\" cannot wait for \"{name}\"", job.name),
            cause,
        )
    };
    let (name, back) = match name.split_once("@-") {
        Some((name, back)) => (
            name,
            back.parse()
                .map_err(|_| bad("after @- stands a number of frames".to_owned()))?,
        ),
        None => (name, 0u32),
    };
    let place = scenario
        .job
        .iter()
        .position(|other| other.name == name)
        .ok_or_else(|| bad("there is no such job".to_owned()))?;
    let Some(frame) = frame.checked_sub(back) else {
        return Ok(None);
    };
    made.get(&(place, frame))
        .map(|place| Some(*place))
        .ok_or_else(|| {
            bad(
                "that one is submitted later: a fence can be waited for only when it is there"
                    .to_owned(),
            )
        })
}

fn check(scenario: &Scenario) -> Result<()> {
    let what = format!("\"{}\" makes no sense", scenario.title);
    let bad = |cause: String| Err(Error::usage(what.clone(), cause));
    if scenario.frames == 0 || scenario.job.is_empty() {
        return bad("there is nothing to play".to_owned());
    }
    if scenario.frames as usize * scenario.job.len() > MOST {
        return bad(format!("more than {MOST} submissions"));
    }
    if scenario.frames > 1 && scenario.period.is_zero() {
        return bad("several frames need a period".to_owned());
    }
    for (place, job) in scenario.job.iter().enumerate() {
        if !scenario.engine.contains_key(&job.engine) {
            return bad(format!(
                "job \"{}\" is for the engine \"{}\", which is not there",
                job.name, job.engine
            ));
        }
        if scenario
            .job
            .iter()
            .take(place)
            .any(|other| other.name == job.name)
        {
            return bad(format!("two jobs are called \"{}\"", job.name));
        }
        if job.expect.missed.is_some() && job.deadline.is_none() {
            return bad(format!(
                "job \"{}\" has no deadline that it could miss",
                job.name
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Result<Plan> {
        Plan::new(toml::from_str(text).expect("the form is right"))
    }

    const TWO: &str = "title='t'\nframes=3\nperiod='10ms'\n[engine.a]\n[[job]]\nname='x'\nengine='a'\n\
        duration=['1ms','2ms']\nafter=['y@-1']\n[[job]]\nname='y'\nengine='a'\nat='1ms'\nduration='1ms'\nafter=['x']\n";

    #[test]
    fn frames_in_order_with_what_they_wait_for() {
        let plan = plan(TWO).unwrap();
        let after: Vec<_> = plan.submissions.iter().map(|s| s.after.clone()).collect();
        assert_eq!(after, [vec![], vec![0], vec![1], vec![2], vec![3], vec![4]]);
        assert_eq!(plan.submissions[3].at, 11_000_000);
        let durations: Vec<_> = plan
            .submissions
            .iter()
            .step_by(2)
            .map(|s| s.duration)
            .collect();
        assert_eq!(durations, [1_000_000, 2_000_000, 1_000_000]);
    }

    #[test]
    fn slow_motion_stretches_each_time() {
        let text = "title='t'\nframes=2\nperiod='10ms'\n[engine.a]\ntimeout='9ms'\n\
            [[job]]\nname='x'\nengine='a'\nat='1ms'\nduration='2ms'\ndeadline='5ms'\n";
        let scenario: Scenario = toml::from_str(text).expect("the form is right");
        let plan = Plan::new(scenario.slower(3)).unwrap();
        let last = &plan.submissions[1];
        assert_eq!((last.at, last.duration), (33_000_000, 6_000_000));
        assert_eq!(last.deadline, Some(45_000_000));
        assert_eq!(plan.engines[0].1, 27_000_000);
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (from, to, told) in [
            ("after=['x']", "after=['z']", "no such job"),
            ("y@-1", "y", "submitted later"),
            ("y@-1", "y@-z", "number of frames"),
            ("engine='a'", "engine='b'", "not there"),
            ("name='y'", "name='x'", "two jobs"),
            ("frames=3", "frames=0", "nothing to play"),
            ("period='10ms'", "", "period"),
            ("at='1ms'", "expect.missed=1", "no deadline"),
        ] {
            let error = plan(&TWO.replacen(from, to, 1)).unwrap_err();
            assert!(error.cause.contains(told), "{to}: {}", error.cause);
        }
    }
}
