// SPDX-License-Identifier: GPL-2.0

//! Plays a plan on the device, and compares each fence with the model.

use super::{
    follow::{Line, Relay},
    model::{outcome, status, Given, Vblank},
    plan::{self, ns, Plan, Submission},
    stop::Stop,
    window::Window,
};
use crate::output::time_text;
use fence_exporter::{
    clock, process, Error, EventKind, Events, Result, Setup, Status, SyncFile, Timeline,
};
use rustix::{
    event::{poll, PollFd, PollFlags, Timespec},
    fd::AsFd,
    io::Errno,
};
use serde::Serialize;
use std::{
    collections::{btree_map::Entry, BTreeMap, HashSet, VecDeque},
    rc::Rc,
    time::Duration,
};

/// The time from the start of playing to the first frame.
const LEAD_NS: u64 = 20_000_000;

/// How long to wait at a time for a device that is late.
const CROWDED_NS: u64 = 1_000_000;

/// The result of a submission. Times are in nanoseconds from the beginning of the scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// The job's name.
    pub job: String,
    /// The job's index in the scenario's list of jobs.
    #[serde(skip)]
    pub place: usize,
    /// The frame, counted from 1.
    pub frame: u32,
    /// When the job was submitted.
    pub submitted_ns: u64,
    /// How long after its time the job was submitted.
    pub behind_ns: u64,
    /// When the fence of the job signaled.
    pub signaled_ns: u64,
    /// The status that the fence signaled with.
    pub status: Status,
    /// The deadline of the fence.
    pub deadline_ns: Option<u64>,
    /// What is wrong with the time or the status; empty if nothing is.
    pub problem: String,
}

/// An engine's timeline.
struct Engine {
    timeline: Timeline,
    /// The fences whose deadline the driver has reported by an event.
    wanted: HashSet<u64>,
    /// The fences that fencectl signals itself, if the engine is a display.
    line: Option<Line>,
}

/// A fence that was submitted.
struct Fence {
    // Jobs that wait for this fence share it.
    fence: Rc<SyncFile>,
    /// The stand-ins that the job waits for ([`Relay`]).
    relayed: Vec<Rc<SyncFile>>,
    seqno: u64,
    /// The times right before and right after the call that submitted the job (ns).
    called: [u64; 2],
    /// The time right after the call that set the deadline (ns).
    wanted: Option<u64>,
}

/// What later jobs need to know of a fence that has ended: when it signaled (ns), and its status.
type Ended = (u64, Status);

/// A scenario that is being played. The player keeps each fence open until the fence was judged and
/// all jobs that wait for it were submitted.
struct Player<'a> {
    plan: &'a Plan,
    slack: u64,
    engines: Vec<Engine>,
    begin: u64,
    /// How much later than in the plan jobs are submitted, because this machine could not keep up
    /// (ns).
    slip: u64,
    /// The submissions that have not been judged, in the order in which they were made.
    pending: VecDeque<(Submission, Fence)>,
    /// The fences of submitted jobs, for later jobs that wait for them.
    fences: Window<Rc<SyncFile>>,
    /// The ends of judged fences, for judging the jobs that waited for them.
    ended: Window<Ended>,
    /// When each engine finished its last judged job (ns).
    free: Vec<u64>,
    /// The timelines of stand-ins, by the index of the job and the index in its `after_ended`.
    relays: BTreeMap<(usize, usize), Relay>,
}

/// Plays the plan until it is over, or until `stop` asks for an end. Passes the result of each
/// fence to `tell`.
pub fn play(plan: &Plan, slack: Duration, stop: &Stop, tell: &mut dyn FnMut(Run)) -> Result<()> {
    process::raise_descriptor_limit();
    let begin = clock::now() + LEAD_NS;
    let engines = plan.engines.iter();
    let mut player = Player {
        plan,
        slack: ns(slack),
        engines: engines
            .map(|engine| open(engine, begin))
            .collect::<Result<_>>()?,
        begin,
        slip: 0,
        pending: VecDeque::new(),
        fences: Window::default(),
        ended: Window::default(),
        free: vec![0; plan.engines.len()],
        relays: BTreeMap::new(),
    };
    for mut submission in plan.submissions() {
        let at = begin.saturating_add(submission.at + player.slip);
        if !player.go_on_until(at, stop, tell)? {
            return Ok(());
        }
        // The device may be late, too. Then more fences are pending than the scenario means to have.
        while player.is_crowded() {
            let soon = clock::now() + CROWDED_NS;
            if !player.go_on_until(soon, stop, tell)? {
                return Ok(());
            }
        }
        player.slip += slip(plan, clock::now().saturating_sub(at));
        let deadline = submission.deadline;
        submission.deadline = deadline.map(|deadline| deadline.saturating_add(player.slip));
        player.submit(submission)?;
    }
    while !player.pending.is_empty() {
        let soon = clock::now() + stop.patience().as_nanos() as u64;
        if !player.go_on_until(soon, stop, tell)? {
            break;
        }
    }
    Ok(())
}

/// How many frames of fences are kept pending by a machine that is behind.
const PENDING_FRAMES: usize = 4;

/// Returns by how much the rest of the scenario is put off if a job is submitted `late` ns after its
/// time.
///
/// A machine makes up for a delay of up to a frame. If it made up for any delay, it would submit the
/// jobs of many frames at once, and need a descriptor for each.
fn slip(plan: &Plan, late: u64) -> u64 {
    match plan.scenario.frames {
        1 => 0,
        _ => late.saturating_sub(ns(plan.scenario.period)),
    }
}

/// Computes the results that a machine without delays would have, and passes each of them to
/// `tell`.
pub fn rehearse(plan: &Plan, stop: &Stop, tell: &mut dyn FnMut(Run)) {
    let mut ended: Window<Ended> = Window::default();
    let mut free = vec![0; plan.engines.len()];
    for submission in plan.submissions() {
        if stop.is_asked() {
            return;
        }
        let waited_for = ended.take(&submission.after);
        let waited_too = ended.take(&submission.after_ended);
        let all = waited_for.iter().chain(&waited_too);
        let engine = &plan.engines[submission.engine];
        let outcome = outcome(Given {
            submitted: submission.at,
            engine_free: free[submission.engine],
            ready: all.map(|(end, _)| *end).max(),
            duration: submission.duration,
            timeout: engine.timeout,
            vblank: vblank(engine, 0),
        });
        let statuses: Vec<_> = waited_for.iter().map(|(_, status)| *status).collect();
        let status = status(outcome.timed_out, submission.status, &statuses);
        free[submission.engine] = outcome.end;
        ended.keep(plan, submission.turn, (outcome.end, status));
        tell(run(
            plan,
            &submission,
            [submission.at, outcome.end],
            status,
            String::new(),
        ));
    }
}

fn run(
    plan: &Plan,
    submission: &Submission,
    [submitted_ns, signaled_ns]: [u64; 2],
    status: Status,
    problem: String,
) -> Run {
    Run {
        job: plan.scenario.job[submission.turn.job]
            .name
            .get_ref()
            .clone(),
        place: submission.turn.job,
        frame: submission.turn.frame + 1,
        submitted_ns,
        behind_ns: submitted_ns.saturating_sub(submission.at),
        signaled_ns,
        status,
        deadline_ns: submission.deadline,
        problem,
    }
}

impl Player<'_> {
    /// Returns whether the oldest pending fence is late, and several frames of fences are pending. A
    /// job is late if its time has passed since all jobs before it have ended.
    fn is_crowded(&self) -> bool {
        let most = PENDING_FRAMES * self.plan.scenario.job.len();
        let Some((submission, fence)) = self.pending.front().filter(|_| self.pending.len() > most)
        else {
            return false;
        };
        // All fences that the oldest one may wait for have ended, except stand-ins, which follow at
        // once.
        let free = self.free.iter().copied().max().unwrap_or(0);
        let vblank = self.plan.engines[submission.engine].vblank.unwrap_or(0);
        let start = fence.called[1].max(free);
        clock::now()
            > start
                .saturating_add(submission.duration)
                .saturating_add(2 * vblank)
    }

    /// Signals and judges fences until `time_ns`. Returns `false` if `stop` asked for an end.
    fn go_on_until(
        &mut self,
        time_ns: u64,
        stop: &Stop,
        tell: &mut dyn FnMut(Run),
    ) -> Result<bool> {
        loop {
            self.follow()?;
            // Judging fences that have ended, while there is time, closes their descriptors early.
            self.judge_ended(tell)?;
            let now = clock::now();
            if stop.is_asked() || now >= time_ns {
                return Ok(!stop.is_asked());
            }
            let patience = stop.patience().min(Duration::from_nanos(time_ns - now));
            self.wait(patience)?;
        }
    }

    /// Waits for `time`, or until a fence signals after which [`follow`](Self::follow) has work.
    fn wait(&self, time: Duration) -> Result<()> {
        let displays = self
            .engines
            .iter()
            .filter_map(|engine| engine.line.as_ref());
        let displays = displays.map(Line::awaited);
        let relays = self.relays.values().map(Relay::awaited);
        let mut awaited = Vec::new();
        for fd in displays.chain(relays) {
            awaited.extend(fd?.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        }
        let timeout = Timespec {
            tv_sec: time.as_secs() as i64,
            tv_nsec: i64::from(time.subsec_nanos()),
        };
        match poll(&mut awaited, Some(&timeout)) {
            // A signal ends the wait early, because it may be Ctrl-C.
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(Error::refused("cannot wait for fences", errno)),
        }
    }

    /// Signals those fences of displays and of stand-ins whose turn has come.
    fn follow(&mut self) -> Result<()> {
        for engine in &mut self.engines {
            if let Some(line) = &mut engine.line {
                line.follow(&engine.timeline)?;
            }
        }
        self.relays.values_mut().try_for_each(Relay::follow)
    }

    /// Creates stand-ins for `fences`, whose errors must not be passed on to `job`.
    fn relay(&mut self, job: usize, fences: Vec<Rc<SyncFile>>) -> Result<Vec<Rc<SyncFile>>> {
        let mut relayed = Vec::new();
        for (place, fence) in fences.into_iter().enumerate() {
            let number = self.relays.len() + 1;
            let relay = match self.relays.entry((job, place)) {
                Entry::Occupied(relay) => relay.into_mut(),
                Entry::Vacant(place) => place.insert(Relay::open(number)?),
            };
            relayed.push(relay.of(fence)?);
        }
        Ok(relayed)
    }

    fn submit(&mut self, submission: Submission) -> Result<()> {
        let mut in_fences = self.fences.take(&submission.after);
        let mut relayed = self.fences.take(&submission.after_ended);
        let handing_on = in_fences.len();
        if !self.plan.is_shown(&submission) {
            relayed = self.relay(submission.turn.job, relayed)?;
        }
        in_fences.extend(relayed.iter().cloned());
        let engine = &mut self.engines[submission.engine];
        let before = clock::now();
        let (seqno, made) = match &mut engine.line {
            Some(line) => line.add(&engine.timeline, in_fences, handing_on, submission.status)?,
            None => {
                let in_fences: Vec<_> = in_fences.iter().map(|fence| fence.as_fd()).collect();
                let made = engine.timeline.submit(
                    Duration::from_nanos(submission.duration),
                    &in_fences,
                    submission.status,
                )?;
                (made.seqno, Rc::new(made.fence))
            }
        };
        let mut fence = Fence {
            fence: made,
            relayed,
            seqno,
            called: [before, clock::now()],
            wanted: None,
        };
        if let Some(deadline) = submission.deadline {
            fence.fence.set_deadline(self.begin + deadline)?;
            fence.wanted = Some(clock::now());
            engine.take_events()?;
        }
        self.fences
            .keep(self.plan, submission.turn, fence.fence.clone());
        self.pending.push_back((submission, fence));
        Ok(())
    }

    /// Judges fences that have ended, in the order of their submission. So the fences that a job
    /// waited for were judged before the job.
    fn judge_ended(&mut self, tell: &mut dyn FnMut(Run)) -> Result<()> {
        while let Some((_, fence)) = self.pending.front() {
            let ended = fence.fence.status()?;
            if ended == Status::PENDING {
                break;
            }
            let end = fence.fence.signaled_at()?.unwrap_or(u64::MAX);
            if let Some((submission, fence)) = self.pending.pop_front() {
                tell(self.judge(&submission, &fence, end, ended)?);
            }
        }
        Ok(())
    }

    fn judge(
        &mut self,
        submission: &Submission,
        fence: &Fence,
        end: u64,
        ended: Status,
    ) -> Result<Run> {
        let engine = &mut self.engines[submission.engine];
        let waited_for = self.ended.take(&submission.after);
        let mut waited_too = self.ended.take(&submission.after_ended);
        if engine.line.is_none() {
            // The job waited for stand-ins, so the times at which these signaled count.
            for ((end, _), fence) in waited_too.iter_mut().zip(&fence.relayed) {
                *end = fence.signaled_at()?.unwrap_or(u64::MAX);
            }
        }
        let not_told = engine.not_told(fence, end);
        let problem = judge(
            self.plan,
            submission,
            fence,
            [&waited_for, &waited_too],
            [self.begin, self.free[submission.engine]],
            end,
            ended,
            self.slack,
        )
        .or(not_told)
        .unwrap_or_default();
        self.free[submission.engine] = end;
        self.ended.keep(self.plan, submission.turn, (end, ended));
        let times = [fence.called[0], end].map(|time| time.saturating_sub(self.begin));
        Ok(run(self.plan, submission, times, ended, problem))
    }
}

fn vblank(engine: &plan::Engine, begin: u64) -> Option<Vblank> {
    engine.vblank.map(|period| Vblank { begin, period })
}

fn open(engine: &plan::Engine, begin: u64) -> Result<Engine> {
    let timeline = Timeline::open()?;
    timeline.setup(&Setup {
        name: Some(&engine.name),
        timeout: Some(Duration::from_nanos(engine.timeout)),
        events: Events::Only(&[EventKind::Deadline]),
        engine: engine.vblank.is_none(),
    })?;
    let vblank = vblank(engine, begin);
    Ok(Engine {
        timeline,
        wanted: HashSet::new(),
        line: vblank.map(|vblank| Line::new(Some(vblank))),
    })
}

/// Compares a fence that has ended with the model. Returns what is wrong, or `None`.
#[allow(clippy::too_many_arguments)]
fn judge(
    plan: &Plan,
    submission: &Submission,
    fence: &Fence,
    [waited_for, waited_too]: [&[Ended]; 2],
    [begin, engine_free]: [u64; 2],
    end: u64,
    ended: Status,
    slack: u64,
) -> Option<String> {
    // The model gets the times at which the in-fences really signaled and the engine was really
    // free. So only the delay of this job itself is judged.
    let engine = &plan.engines[submission.engine];
    let all = waited_for.iter().chain(waited_too);
    let given = |submitted| Given {
        submitted,
        engine_free,
        ready: all.clone().map(|(end, _)| *end).max(),
        duration: submission.duration,
        timeout: engine.timeout,
        vblank: vblank(engine, begin),
    };
    let [first, last] = fence.called.map(|called| outcome(given(called)));
    let statuses: Vec<_> = waited_for.iter().map(|(_, status)| *status).collect();
    let is_right = |timed_out| ended == status(timed_out, submission.status, &statuses);
    if !is_right(first.timed_out) && !is_right(last.timed_out) {
        return Some(format!("ended with {ended}"));
    }
    if end < first.end {
        return Some(format!("{} early", time_text(first.end - end)));
    }
    let late = end.saturating_sub(last.end);
    (late > slack).then(|| format!("{} late", time_text(late)))
}

impl Engine {
    /// Reads the timeline's events, so that the queue does not get full.
    fn take_events(&mut self) -> Result<()> {
        let events = self.timeline.events()?;
        let wanted = events
            .iter()
            .filter(|event| event.kind == EventKind::Deadline);
        self.wanted.extend(wanted.map(|event| event.seqno));
        Ok(())
    }

    /// Returns a problem if the deadline was set before the fence signaled, and yet the driver has
    /// not reported it by an event.
    fn not_told(&mut self, fence: &Fence, end: u64) -> Option<String> {
        let told = self.wanted.remove(&fence.seqno);
        let wanted = fence.wanted.is_some_and(|wanted| wanted < end);
        (wanted && !told).then(|| "its deadline made no event".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::parse;
    use super::*;
    use std::{fs::File, os::fd::OwnedFd};

    const TEXT: &str = "title='t'\n[engine.a]\n[[job]]\nname='x'\nengine='a'\nduration='10ms'\n";

    #[test]
    fn only_a_delay_of_a_frame_is_made_up_for() {
        let plan = |frames| {
            let frames = format!("title='t'\nframes={frames}\nperiod='10ms'\n");
            Plan::new(parse("f", TEXT.replacen("title='t'\n", &frames, 1)).unwrap()).unwrap()
        };
        for (frames, late, put_off) in [
            (2, 0, 0),
            (2, 10_000_000, 0),
            (2, 10_000_007, 7),
            // The only frame has no next one that could come at the same time.
            (1, 10_000_007, 0),
        ] {
            assert_eq!(slip(&plan(frames), late), put_off, "{frames}, {late}");
        }
    }

    #[test]
    fn early_late_and_wrong_are_told() {
        let plan = Plan::new(parse("f", TEXT.to_owned()).unwrap()).unwrap();
        let fence = Fence {
            fence: Rc::new(OwnedFd::from(File::open("/dev/null").unwrap()).into()),
            relayed: Vec::new(),
            seqno: 1,
            called: [1_000, 3_000],
            wanted: None,
        };
        let judged = |end, ended| {
            let submission = plan.submissions().next().unwrap();
            let none: [&[Ended]; 2] = [&[], &[]];
            judge(&plan, &submission, &fence, none, [0, 0], end, ended, 5_000).unwrap_or_default()
        };
        for (end, problem) in [
            (10_000_999, "1 ns early"),
            // The job was submitted at some time during the call, so any of these times is right.
            (10_001_000, ""),
            (10_003_000, ""),
            (10_008_000, ""),
            (10_008_001, "5.0 us late"),
        ] {
            assert_eq!(judged(end, Status::SIGNALED), problem, "{end}");
        }
        assert_eq!(judged(10_001_000, Status(-5)), "ended with -EIO");
    }
}
