// SPDX-License-Identifier: GPL-2.0

//! The plan of a scenario: when each job is submitted, and what it waits for.

use super::file::{Job, Scenario, TIMEOUT};
use fence_exporter::{Error, Result, Status, Timeline};
use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};
use toml::Spanned;

/// A job of a frame. Jobs that are submitted at the same time are submitted in the order of this
/// type.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Turn {
    /// The frame, from 0.
    pub frame: u32,
    /// The job's index in the scenario's list of jobs.
    pub job: usize,
}

/// A submission of a job.
#[derive(Debug)]
pub struct Submission {
    /// The job and the frame.
    pub turn: Turn,
    /// The index of the engine in [`Plan::engines`].
    pub engine: usize,
    /// When the job is submitted (ns from the beginning).
    pub at: u64,
    /// How long the job takes (ns).
    pub duration: u64,
    /// The jobs that this job waits for. All of them are submitted before it.
    pub after: Vec<Turn>,
    /// More jobs that this job waits for, without taking over their errors. All of them are
    /// submitted before it.
    pub after_ended: Vec<Turn>,
    /// The status that the job ends with if nothing goes wrong.
    pub status: Status,
    /// The deadline (ns from the beginning).
    pub deadline: Option<u64>,
}

/// What is the same for a job in all frames.
#[derive(Debug, Default)]
struct Layout {
    engine: usize,
    /// The jobs that it waits for, and how many frames back each of them is.
    after: Vec<(usize, u32)>,
    after_ended: Vec<(usize, u32)>,
    /// For each job that waits for this one: how many frames later that job is.
    users: Vec<u32>,
}

/// An engine.
#[derive(Debug)]
pub struct Engine {
    /// The name of the engine.
    pub name: String,
    /// The timeout of its jobs (ns).
    pub timeout: u64,
    /// The period of its vblank (ns), if it is a display.
    pub vblank: Option<u64>,
}

/// A scenario that is ready to be played.
#[derive(Debug)]
pub struct Plan {
    /// The scenario, as the file has it.
    pub scenario: Scenario,
    /// The engines.
    pub engines: Vec<Engine>,
    layouts: Vec<Layout>,
}

/// Converts a duration into nanoseconds. A duration of centuries, which does not fit, becomes the
/// longest one.
pub fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos())
        .unwrap_or(u64::MAX)
        .min(u64::MAX / 4)
}

impl Plan {
    /// Makes the plan. Fails if the scenario makes no sense, and the error names the place in the
    /// file.
    pub fn new(scenario: Scenario) -> Result<Self> {
        check(&scenario)?;
        let engines: Vec<_> = scenario
            .engine
            .iter()
            .map(|(name, engine)| Engine {
                name: name.get_ref().clone(),
                timeout: ns(engine.timeout.unwrap_or(TIMEOUT)),
                vblank: engine.vblank.map(ns),
            })
            .collect();
        let mut layouts: Vec<Layout> = Vec::new();
        layouts.resize_with(scenario.job.len(), Layout::default);
        for (place, job) in scenario.job.iter().enumerate() {
            layouts[place].engine = engines
                .iter()
                .position(|engine| engine.name == *job.engine.get_ref())
                .unwrap_or(0);
            for name in &job.after {
                let (other, back) = dependency(&scenario, place, name)?;
                layouts[place].after.push((other, back));
                layouts[other].users.push(back);
            }
            for name in &job.after_ended {
                let (other, back) = dependency(&scenario, place, name)?;
                layouts[place].after_ended.push((other, back));
                layouts[other].users.push(back);
            }
        }
        Ok(Self {
            scenario,
            engines,
            layouts,
        })
    }

    /// Returns the submissions in the order of their times. There may be millions of submissions,
    /// so each is computed when the iterator gets to it.
    pub fn submissions(&self) -> impl Iterator<Item = Submission> + '_ {
        let frames = self.scenario.frames;
        let next = move |turn: Turn| Reverse((at(&self.scenario, turn), turn));
        let jobs = 0..self.scenario.job.len();
        let mut queue: BinaryHeap<_> = jobs.map(|job| next(Turn { frame: 0, job })).collect();
        std::iter::from_fn(move || {
            let Reverse((_, turn)) = queue.pop()?;
            if turn.frame + 1 < frames {
                queue.push(next(Turn {
                    frame: turn.frame + 1,
                    ..turn
                }));
            }
            Some(self.submission(turn))
        })
    }

    fn submission(&self, turn: Turn) -> Submission {
        let job = &self.scenario.job[turn.job];
        let layout = &self.layouts[turn.job];
        let count = turn.frame as usize;
        let turns = |jobs: &[(usize, u32)]| {
            let turns = jobs.iter().filter_map(|(job, back)| {
                // A job of a frame before the first one does not exist, and is not waited for.
                let frame = turn.frame.checked_sub(*back)?;
                Some(Turn { frame, job: *job })
            });
            turns.collect()
        };
        Submission {
            turn,
            engine: layout.engine,
            at: at(&self.scenario, turn),
            duration: match job.duration.len() {
                0 => 0,
                many => ns(job.duration[count % many]),
            },
            after: turns(&layout.after),
            after_ended: turns(&layout.after_ended),
            status: job.status[count % job.status.len()],
            deadline: job
                .deadline
                .map(|deadline| begin(&self.scenario, turn.frame).saturating_add(ns(deadline))),
        }
    }

    /// Returns whether the engine of a submission is a display.
    pub fn is_shown(&self, submission: &Submission) -> bool {
        self.engines[submission.engine].vblank.is_some()
    }

    /// Returns how many submissions wait for the job `turn`.
    pub fn users(&self, turn: Turn) -> usize {
        let ahead = self.scenario.frames - turn.frame;
        let users = &self.layouts[turn.job].users;
        users.iter().filter(|later| **later < ahead).count()
    }
}

fn begin(scenario: &Scenario, frame: u32) -> u64 {
    ns(scenario.period).saturating_mul(frame.into())
}

fn at(scenario: &Scenario, turn: Turn) -> u64 {
    begin(scenario, turn.frame).saturating_add(ns(scenario.job[turn.job].at))
}

/// Returns the job that a name in `after` refers to, and how many frames back it is.
fn dependency(scenario: &Scenario, place: usize, name: &Spanned<String>) -> Result<(usize, u32)> {
    let job: &Job = &scenario.job[place];
    let bad = |cause: String| {
        Error::usage(
            format!(
                "{}: job \"{}\" cannot wait for \"{}\"",
                scenario.source.place(name.span()),
                job.name.get_ref(),
                name.get_ref()
            ),
            cause,
        )
    };
    let name = name.get_ref().as_str();
    let (name, back) = match name.split_once("@-") {
        Some((name, back)) => (
            name,
            back.parse()
                .map_err(|_| bad("after @- stands a number of frames".to_owned()))?,
        ),
        None => (name, 0u32),
    };
    let other = scenario
        .job
        .iter()
        .position(|other| other.name.get_ref() == name)
        .ok_or_else(|| bad("there is no such job".to_owned()))?;
    let [own, awaited] = [(back, place), (0, other)].map(|(frame, job)| {
        let turn = Turn { frame, job };
        (at(scenario, turn), turn)
    });
    if awaited >= own {
        return Err(bad(
            "that one is submitted later: a fence can be waited for only when it is there"
                .to_owned(),
        ));
    }
    Ok((other, back))
}

fn check(scenario: &Scenario) -> Result<()> {
    let source = &scenario.source;
    let bad = |place: &str, cause: String| Err(Error::usage(format!("cannot play {place}"), cause));
    if scenario.frames == 0 || scenario.job.is_empty() {
        return bad(source.path(), "there is nothing to play".to_owned());
    }
    if scenario.frames > 1 && scenario.period.is_zero() {
        return bad(source.path(), "several frames need a period".to_owned());
    }
    for name in scenario.engine.keys() {
        // The engine's timeline gets the engine's name.
        if let Err(error) = Timeline::check_name(name.get_ref()) {
            let cause = format!("{}: {}", error.what, error.cause);
            return bad(&source.place(name.span()), cause);
        }
    }
    for (place, job) in scenario.job.iter().enumerate() {
        let name = job.name.get_ref();
        let bad = |cause| bad(&source.place(job.name.span()), cause);
        let Some(engine) = scenario.engine.get(job.engine.get_ref().as_str()) else {
            return bad(format!(
                "job \"{name}\" is for the engine \"{}\", which is not there",
                job.engine.get_ref()
            ));
        };
        if engine.vblank.is_none() && job.duration.is_empty() {
            return bad(format!("job \"{name}\" has no duration"));
        }
        if engine.vblank.is_some() && !job.duration.is_empty() {
            return bad(format!(
                "job \"{name}\" has a duration, but a display shows it at a vblank"
            ));
        }
        let frames = job.expect.missed_in.iter().chain(&job.expect.failed_in);
        if let Some(frame) = frames
            .into_iter()
            .find(|frame| !(1..=scenario.frames).contains(frame))
        {
            return bad(format!(
                "job \"{name}\" expects something of frame {frame}, and the frames are 1 to {}",
                scenario.frames
            ));
        }
        if scenario.job[..place]
            .iter()
            .any(|other| other.name.get_ref() == name)
        {
            return bad(format!("two jobs are called \"{name}\""));
        }
        if job.after.len() + job.after_ended.len() > Timeline::MAX_IN_FENCES as usize {
            return bad(format!(
                "job \"{name}\" waits for more than {}",
                Timeline::MAX_IN_FENCES
            ));
        }
        let expects = job.expect.missed.is_some() || !job.expect.missed_in.is_empty();
        if expects && job.deadline.is_none() {
            return bad(format!("job \"{name}\" has no deadline that it could miss"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::file::{parse, Pace};
    use super::*;

    fn plan(text: &str) -> Result<Plan> {
        Plan::new(parse("f", text.to_owned())?)
    }

    const TWO: &str = "title='t'\nframes=3\nperiod='10ms'\n[engine.a]\n[[job]]\nname='x'\nengine='a'\n\
        duration=['1ms','2ms']\nafter=['y@-1']\n[[job]]\nname='y'\nengine='a'\nat='1ms'\nduration='1ms'\nafter=['x']\n";

    #[test]
    fn frames_in_order_with_what_they_wait_for() {
        let plan = plan(TWO).unwrap();
        let submissions: Vec<_> = plan.submissions().collect();
        let turn = |frame, job| Turn { frame, job };
        let after: Vec<_> = submissions.iter().map(|s| s.after.clone()).collect();
        assert_eq!(
            after,
            [
                vec![],
                vec![turn(0, 0)],
                vec![turn(0, 1)],
                vec![turn(1, 0)],
                vec![turn(1, 1)],
                vec![turn(2, 0)]
            ]
        );
        assert_eq!(submissions[3].at, 11_000_000);
        let durations: Vec<_> = submissions.iter().step_by(2).map(|s| s.duration).collect();
        assert_eq!(durations, [1_000_000, 2_000_000, 1_000_000]);
        let users: Vec<_> = submissions.iter().map(|s| plan.users(s.turn)).collect();
        // No job waits for the last one.
        assert_eq!(users, [1, 1, 1, 1, 1, 0]);
    }

    #[test]
    fn jobs_that_come_frames_later_stand_in_the_order_of_time() {
        let text = TWO
            .replacen("at='1ms'", "at='25ms'", 1)
            .replacen("after=['y@-1']", "", 1);
        let plan = plan(&text).unwrap();
        let order: Vec<_> = plan
            .submissions()
            .map(|s| (s.turn.frame, s.turn.job))
            .collect();
        assert_eq!(order, [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]);
        // Now the other job would wait for a job that is submitted after it.
        let text = TWO.replacen("at='1ms'", "at='25ms'", 1);
        assert!(super::Plan::new(parse("f", text).unwrap()).is_err());
    }

    #[test]
    fn the_pace_changes_each_time() {
        let text = "title='t'\nframes=2\nperiod='10ms'\n[engine.a]\ntimeout='9ms'\n[engine.b]\n\
            [[job]]\nname='x'\nengine='a'\nat='1ms'\nduration='2ms'\ndeadline='5ms'\n";
        let plan = |slower, faster| {
            let scenario = parse("f", text.to_owned()).unwrap();
            Plan::new(scenario.at(Pace { slower, faster })).unwrap()
        };
        for (slower, faster, times) in [
            (3, 1, [33_000_000, 6_000_000, 45_000_000, 27_000_000]),
            (1, 10, [1_100_000, 200_000, 1_500_000, 900_000]),
            // No time becomes 0: a period or a timeout of 0 makes no sense.
            (1, 1_000_000_000, [2, 1, 2, 1]),
        ] {
            let plan = plan(slower, faster);
            let last = plan.submissions().last().unwrap();
            let deadline = last.deadline.unwrap();
            let timeout = plan.engines[0].timeout;
            assert_eq!([last.at, last.duration, deadline, timeout], times);
            // A timeout that the file does not have is not shortened.
            assert_eq!(plan.engines[1].timeout, 1_000_000_000 * u64::from(slower));
        }
    }

    #[test]
    fn what_makes_no_sense_is_told_with_its_line() {
        for (from, to, line) in [
            ("after=['x']", "after=['z']", 15),
            ("engine='a'", "engine='b'", 6),
            ("[engine.a]", "[engine.a]\n[engine.'\u{e4}']", 5),
        ] {
            let what = plan(&TWO.replacen(from, to, 1)).unwrap_err().what;
            assert!(what.contains(&format!("f:{line}")), "{to}: {what}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        let many = format!("after=[{}]", "'x',".repeat(17));
        for (from, to, told) in [
            ("after=['x']", "after=['z']", "no such job"),
            ("after=['x']", &many, "waits for more than 16"),
            ("y@-1", "y", "submitted later"),
            ("y@-1", "y@-z", "number of frames"),
            ("engine='a'", "engine='b'", "not there"),
            ("name='y'", "name='x'", "two jobs"),
            ("frames=3", "frames=0", "nothing to play"),
            ("period='10ms'", "", "period"),
            ("at='1ms'", "expect.missed=1", "no deadline"),
            ("at='1ms'", "expect.missed_in=[1]", "no deadline"),
            ("at='1ms'", "expect.failed_in=[0]", "the frames are 1 to 3"),
            (
                "at='1ms'",
                "expect.failed_in=[2,4]",
                "frame 4, and the frames are 1 to 3",
            ),
            ("after=['x']", "after_ended=['z']", "no such job"),
            ("[engine.a]", "[engine.a]\nvblank='1ms'", "has a duration"),
            ("duration=['1ms','2ms']", "", "has no duration"),
            (
                "[engine.a]",
                "[engine.a]\n[engine.'0123456789012345678901234567890x']",
                "longer than 31 characters",
            ),
            (
                "[engine.a]",
                "[engine.a]\n[engine.'\u{e4}']",
                "printable ASCII",
            ),
        ] {
            let error = plan(&TWO.replacen(from, to, 1)).unwrap_err();
            assert!(error.cause.contains(told), "{to}: {}", error.cause);
        }
    }
}
