// SPDX-License-Identifier: GPL-2.0

//! The report: the results of a scenario.

use super::{
    file::{Expect, Job, Pace},
    plan::{ns, Plan},
    play::Run,
};
use crate::output::{counted, time_text};
use serde::Serialize;
use std::{collections::BTreeSet, fmt, time::Duration};

/// How many problems are listed. Of the others, the report only says how many there are.
const TOLD: usize = 10;

/// The results of a job over all frames.
#[derive(Debug, Default, Serialize)]
struct Summary {
    job: String,
    engine: String,
    frames: u32,
    shortest_ns: u64,
    average_ns: u64,
    longest_ns: u64,
    missed: Option<u32>,
    failed: u32,
    statuses: BTreeSet<String>,
    unexpected: Vec<String>,
    #[serde(skip)]
    sum_ns: u64,
    #[serde(skip)]
    expect: Expect,
    /// In how many frames the job took longer than `expect.latency`.
    #[serde(skip)]
    slow: u32,
}

/// The results of a scenario. The size of the report does not grow with the number of frames.
#[derive(Debug, Serialize)]
pub struct Report {
    title: String,
    pace: Pace,
    passed: bool,
    /// Whether the scenario was ended before it was over.
    interrupted: bool,
    /// How many fences have ended.
    fences: u64,
    /// How many of these fences had a wrong time or status.
    wrong: u64,
    /// How long after its time a job was submitted at most.
    behind_ns: u64,
    /// Jobs that are submitted later than this after their time are mentioned in the text (ns).
    #[serde(skip)]
    slack: u64,
    /// Whether the text has color.
    #[serde(skip)]
    pub color: bool,
    /// The first [`TOLD`] of the wrong fences.
    problems: Vec<Run>,
    jobs: Vec<Summary>,
}

impl Report {
    /// Makes a report without results.
    pub fn new(plan: &Plan, pace: Pace, slack: Duration) -> Self {
        let job = |job: &Job| Summary {
            job: job.name.get_ref().clone(),
            engine: job.engine.get_ref().clone(),
            missed: job.deadline.map(|_| 0),
            expect: job.expect.clone(),
            ..Summary::default()
        };
        Self {
            title: plan.scenario.title.clone(),
            pace,
            passed: false,
            interrupted: false,
            fences: 0,
            wrong: 0,
            behind_ns: 0,
            slack: ns(slack),
            color: false,
            problems: Vec::new(),
            jobs: plan.scenario.job.iter().map(job).collect(),
        }
    }

    /// Adds the result of a fence that has ended.
    pub fn take(&mut self, run: &Run) {
        self.fences += 1;
        self.behind_ns = self.behind_ns.max(run.behind_ns);
        if !run.problem.is_empty() {
            self.wrong += 1;
            if self.problems.len() < TOLD {
                self.problems.push(run.clone());
            }
        }
        self.jobs[run.place].take(run);
    }

    /// Returns how many fences had a wrong time or status.
    pub fn wrong(&self) -> u64 {
        self.wrong
    }

    /// Returns whether the report has no results.
    pub fn is_empty(&self) -> bool {
        self.fences == 0
    }

    /// Closes the report after the last result. If the scenario was interrupted, the numbers that
    /// are expected over all frames are not checked, because frames are missing.
    pub fn finish(&mut self, interrupted: bool) {
        self.interrupted = interrupted;
        if !interrupted {
            self.jobs.iter_mut().for_each(Summary::finish);
        }
        self.passed = self.wrong == 0 && self.jobs.iter().all(|job| job.unexpected.is_empty());
    }

    /// Returns a word that must not be overlooked, in bold red if the text has color.
    fn flag(&self, word: &str) -> String {
        match self.color {
            true => format!("\x1b[1;31m{word}\x1b[0m"),
            false => word.to_owned(),
        }
    }

    /// Returns whether all results were as expected.
    pub fn passed(&self) -> bool {
        self.passed
    }
}

impl Summary {
    fn take(&mut self, run: &Run) {
        let time = run.signaled_ns.saturating_sub(run.submitted_ns);
        self.shortest_ns = match self.frames {
            0 => time,
            _ => self.shortest_ns.min(time),
        };
        self.longest_ns = self.longest_ns.max(time);
        self.sum_ns = self.sum_ns.saturating_add(time);
        self.frames += 1;
        self.average_ns = self.sum_ns / u64::from(self.frames);
        if run.status.is_error() {
            self.failed += 1;
            self.statuses.insert(run.status.to_string());
        }
        let late = run
            .deadline_ns
            .is_some_and(|deadline| run.signaled_ns > deadline);
        self.missed = self.missed.map(|missed| missed + u32::from(late));
        let expect = &self.expect;
        if expect.missed_in.contains(&run.frame) && !late {
            let unexpected = format!("frame {} was to miss its deadline", run.frame);
            self.unexpected.push(unexpected);
        }
        if expect.failed_in.contains(&run.frame) && !run.status.is_error() {
            let unexpected = format!("frame {} was to end with an error", run.frame);
            self.unexpected.push(unexpected);
        }
        self.slow += u32::from(expect.latency.is_some_and(|longest| time > ns(longest)));
    }

    /// Checks the numbers that are expected over all frames.
    fn finish(&mut self) {
        if let Some(latency) = self.expect.latency.filter(|_| self.slow > 0) {
            self.unexpected.push(format!(
                "{} took longer than {}, and the longest {}",
                counted(self.slow as usize, "frame"),
                time_text(ns(latency)),
                time_text(self.longest_ns)
            ));
        }
        for (what, expected, count) in [
            ("missed", self.expect.missed, self.missed.unwrap_or(0)),
            ("failed", self.expect.failed, self.failed),
        ] {
            if let Some(expected) = expected.filter(|expected| !expected.allows(count)) {
                let unexpected = format!("{count} {what}, expected {expected}");
                self.unexpected.push(unexpected);
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        if (self.pace.slower, self.pace.faster) != (1, 1) {
            writeln!(f, "{}; the times are those of the clock", self.pace)?;
        }
        writeln!(f)?;
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
                job.statuses
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(" ")
            )?;
        }
        writeln!(f)?;
        for job in &self.jobs {
            for unexpected in &job.unexpected {
                let flag = self.flag("UNEXPECTED");
                writeln!(f, "{flag} {}: {unexpected}", job.job)?;
            }
        }
        for run in &self.problems {
            let flag = self.flag("WRONG");
            writeln!(
                f,
                "{flag} frame {}, {}: {}",
                run.frame, run.job, run.problem
            )?;
        }
        let more = self.wrong - self.problems.len() as u64;
        if more > 0 {
            writeln!(f, "and {more} more")?;
        }
        if self.behind_ns > self.slack {
            writeln!(
                f,
                "BEHIND: a job was submitted {} after its time; this machine is too slow for this pace",
                time_text(self.behind_ns)
            )?;
        }
        if self.interrupted {
            writeln!(f, "INTERRUPTED: this is what was done until then")?;
        }
        let verdict = if self.passed {
            "as it should be".to_owned()
        } else {
            format!("{} as it should be", self.flag("NOT"))
        };
        write!(f, "{} fences, timing and status {verdict}", self.fences)
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::parse;
    use super::*;
    use fence_exporter::Status;

    const TEXT: &str =
        "title='t'\nframes=40\nperiod='10ms'\n[engine.a]\n[[job]]\nname='x'\nengine='a'\n\
        duration='10ms'\ndeadline='5ms'\nexpect.missed=[2, 4]\nexpect.failed=0\nexpect.latency='7ns'\n\
        expect.missed_in=[1, 3]\n";

    fn new(plan: &Plan) -> Report {
        let pace = Pace {
            slower: 1,
            faster: 1,
        };
        Report::new(plan, pace, Duration::from_nanos(39))
    }

    fn report(end: u64, status: Status, problem: &str, interrupted: bool) -> Report {
        let plan = Plan::new(parse("f", TEXT.to_owned()).unwrap()).unwrap();
        let mut report = self::new(&plan);
        for frame in 1..=40u64 {
            report.take(&Run {
                job: "x".to_owned(),
                place: 0,
                frame: frame as u32,
                submitted_ns: frame,
                behind_ns: frame,
                signaled_ns: frame + end + frame % 2 * 2,
                status,
                deadline_ns: (frame <= 3).then_some(frame + 1),
                problem: problem.to_owned(),
            });
        }
        report.finish(interrupted);
        report
    }

    #[test]
    fn sums() {
        let report = report(5, Status::SIGNALED, "", false);
        assert!(report.passed(), "{report}");
        let job = &report.jobs[0];
        assert_eq!([job.shortest_ns, job.average_ns, job.longest_ns], [5, 6, 7]);
        assert_eq!((job.frames, job.missed, job.failed), (40, Some(3), 0));
    }

    #[test]
    fn the_pace_is_told_and_whether_it_was_kept() {
        let mut report = report(5, Status::SIGNALED, "", false);
        let text = report.to_string();
        assert!(!text.contains("file says"), "{text}");
        let told = "BEHIND: a job was submitted 40 ns after its time";
        assert!(text.contains(told), "{text}");
        assert!(report.passed(), "that is no error of the device: {text}");
        report.slack = 40;
        report.pace.faster = 60;
        let text = report.to_string();
        assert!(!text.contains("BEHIND"), "{text}");
        let told = "t\n60 times faster than the file says; the times are those of the clock\n\n";
        assert!(text.starts_with(told), "{text}");
        report.pace = Pace {
            slower: 10,
            faster: 1,
        };
        assert!(report.to_string().contains("10 times slower than"));
    }

    #[test]
    fn what_is_wrong_is_red_at_a_terminal() {
        let mut report = report(0, Status(-5), "early", false);
        assert!(!report.to_string().contains('\x1b'));
        report.color = true;
        let text = report.to_string();
        for flag in ["UNEXPECTED", "WRONG", "NOT"] {
            let red = format!("\x1b[1;31m{flag}\x1b[0m ");
            assert!(text.contains(&red), "{flag}: {text}");
        }
    }

    #[test]
    fn single_frames_and_latency_are_held_against_what_is_expected() {
        // Each deadline is 1 ns after the submission.
        let text = report(0, Status::SIGNALED, "", false).to_string();
        assert!(!text.contains("was to miss"), "{text}");
        let text = report(6, Status::SIGNALED, "", false).to_string();
        let told = "UNEXPECTED x: 20 frames took longer than 7 ns, and the longest 8 ns";
        assert!(text.contains(told), "{text}");
        let plan =
            Plan::new(parse("f", TEXT.replace("missed_in=[1, 3]", "failed_in=[2]")).unwrap())
                .unwrap();
        let mut report = self::new(&plan);
        let run = |frame, status| Run {
            job: "x".to_owned(),
            place: 0,
            frame,
            submitted_ns: 0,
            behind_ns: 0,
            signaled_ns: 1,
            status,
            deadline_ns: None,
            problem: String::new(),
        };
        report.take(&run(1, Status::SIGNALED));
        assert_eq!(report.jobs[0].unexpected, [""; 0]);
        report.take(&run(2, Status(-5)));
        assert_eq!(report.jobs[0].unexpected, [""; 0]);
        report.take(&run(2, Status::SIGNALED));
        assert_eq!(
            report.jobs[0].unexpected,
            ["frame 2 was to end with an error"]
        );
    }

    #[test]
    fn what_was_not_expected_is_told_without_the_programs_insides() {
        let report = report(0, Status(-5), "early", false);
        assert!(!report.passed());
        let text = report.to_string();
        for told in [
            // Frames 1 and 3 took 2 ns and missed their deadlines, as expected.
            "UNEXPECTED x: 40 failed, expected 0",
            "WRONG frame 1, x: early",
            "and 30 more",
            "-EIO",
            "40 fences, timing and status NOT as it should be",
        ] {
            assert!(text.contains(told), "{told}: {text}");
        }
        let report = self::report(5, Status(-5), "", true).to_string();
        assert!(report.contains("INTERRUPTED"), "{report}");
        // The frames that are missing may have been as expected.
        assert!(!report.contains("UNEXPECTED"), "{report}");
    }
}
