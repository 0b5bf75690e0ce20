// SPDX-License-Identifier: GPL-2.0

//! A session: a timeline, the fences that were made of it, and the commands.

use super::{
    answer::{Answer, HeldFence},
    device::Device,
    interrupt::Interrupt,
};
use crate::{
    cli::{FenceRef, Request, RequestLine, TimelineArgs},
    output::Output,
    wait::{fence, wait},
};
use clap::{CommandFactory, Parser};
use fence_exporter::{clock, process, Error, Result, SyncFile};
use rustix::fd::{AsFd, AsRawFd};
use std::{fs, io, path::Path, process::id};

/// How deep scripts may run scripts.
const DEPTH: u32 = 16;

/// Whether a session goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flow {
    /// It does.
    Continue,
    /// Somebody has asked to end it.
    Quit,
}

/// A timeline that takes commands.
pub struct Session {
    // Before the timeline: no fence of ours is left when that goes.
    fences: Vec<(Option<u64>, SyncFile)>,
    device: Device,
    output: Output,
    interrupt: Interrupt,
    depth: u32,
}

impl Session {
    /// Opens the timeline.
    pub fn open(args: &TimelineArgs, output: Output) -> Result<Self> {
        process::raise_descriptor_limit();
        Ok(Self {
            fences: Vec::new(),
            device: Device::open(args)?,
            output,
            interrupt: Interrupt::default(),
            depth: 0,
        })
    }

    /// From now on Ctrl-C ends a command, and not the session.
    pub fn listen(&mut self) -> io::Result<()> {
        self.interrupt.listen()
    }

    /// Tells a person how to begin.
    pub fn greet(&self) {
        if !self.output.json {
            self.output
                .line("help lists the commands, Tab completes, Ctrl-D ends");
        }
    }

    /// The prompt: the timeline's name, and how many fences are pending.
    pub fn prompt(&self) -> String {
        match &self.device {
            Device::Native { timeline, .. } => match timeline.info() {
                Ok(state) => format!("{} [{}]> ", state.name, state.pending),
                Err(_) => "> ".to_owned(),
            },
            Device::SwSync { value, last, .. } => format!("sw_sync [{}]> ", last - value),
        }
    }

    /// Takes a line from a person.
    pub fn begin(&mut self, line: &str) -> Result<Flow> {
        self.interrupt.forget();
        self.take(line)
    }

    /// Takes a line.
    pub fn take(&mut self, line: &str) -> Result<Flow> {
        let unclear = || {
            Error::usage(
                format!("cannot understand \"{}\"", line.trim()),
                "a quote is not closed",
            )
        };
        let words = shlex::split(line).ok_or_else(unclear)?;
        match words.first().map(String::as_str) {
            None => return Ok(Flow::Continue),
            Some("help" | "?") => {
                self.help(words.get(1).map(String::as_str));
                return Ok(Flow::Continue);
            }
            Some(_) => {}
        }
        let RequestLine { request } = RequestLine::try_parse_from(words).map_err(|error| {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            Error::usage(
                format!("cannot understand \"{}\"", line.trim()),
                first.trim_start_matches("error: "),
            )
            .remedy("help lists the commands, help COMMAND tells one")
        })?;
        self.request(request)
    }

    fn help(&self, name: Option<&str>) {
        let mut definition = RequestLine::command();
        let text = match name.and_then(|name| definition.find_subcommand_mut(name)) {
            Some(command) => command.render_help(),
            None => definition.render_help(),
        };
        self.output.line(&text.to_string());
    }

    fn request(&mut self, request: Request) -> Result<Flow> {
        let answer = match request {
            Request::Create { count } => {
                let created = self.device.create(count)?;
                Answer::Created(
                    created
                        .into_iter()
                        .map(|(seqno, fence)| self.hold(Some(seqno), fence))
                        .collect::<Result<_>>()?,
                )
            }
            Request::Signal { upto, status } => {
                Answer::Signalled(self.device.signal(upto, status)?)
            }
            Request::At { time, upto, status } => {
                let (seqno, time_ns) = self.device.signal_at(time, upto, status)?;
                Answer::Planned { seqno, time_ns }
            }
            Request::Submit {
                duration,
                in_fence,
                status,
            } => {
                let in_fence = in_fence.map(fence).transpose()?;
                let in_fence = in_fence.as_ref().map(SyncFile::as_fd);
                let (seqno, fence) = self.device.submit(duration, in_fence, status)?;
                Answer::Created(vec![self.hold(Some(seqno), fence)?])
            }
            Request::Info => match &self.device {
                Device::Native { timeline, .. } => Answer::Info(timeline.info()?),
                Device::SwSync { value, last, .. } => Answer::Value {
                    value: (*value).into(),
                    last: (*last).into(),
                },
            },
            Request::Fences => Answer::Fences(
                self.fences
                    .iter()
                    .map(|(seqno, fence)| describe(*seqno, fence))
                    .collect::<Result<_>>()?,
            ),
            Request::Events => Answer::Events(self.events()?),
            Request::Wait(args) => Answer::Waited(wait(args, |fence, timeout| {
                self.interrupt.wait(fence, timeout)
            })?),
            Request::Deadline { fence: which, time } => {
                let time_ns =
                    clock::now().saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
                fence(which)?.set_deadline(time_ns)?;
                if let Some(seqno) = self.own(which) {
                    self.device.note_deadline(seqno, time_ns);
                }
                Answer::Deadline { time_ns }
            }
            Request::Merge { first, second } => {
                let merged = fence(first)?.merge(&fence(second)?)?;
                Answer::Created(vec![self.hold(None, merged)?])
            }
            Request::Close { fd } => self.close(fd)?,
            Request::Sleep { time } => {
                self.interrupt.sleep(time)?;
                return Ok(Flow::Continue);
            }
            Request::Run { script } => return self.run(&script),
            Request::Quit => return Ok(Flow::Quit),
        };
        self.output.say(&answer);
        Ok(Flow::Continue)
    }

    fn hold(&mut self, seqno: Option<u64>, fence: SyncFile) -> Result<HeldFence> {
        let held = describe(seqno, &fence)?;
        self.fences.push((seqno, fence));
        Ok(held)
    }

    fn close(&mut self, fd: i32) -> Result<Answer> {
        let place = self
            .fences
            .iter()
            .position(|(_, fence)| fence.as_fd().as_raw_fd() == fd)
            .ok_or_else(|| {
                Error::usage(
                    format!("cannot close descriptor {fd}"),
                    "it is no fence of this session",
                )
                .remedy("fences lists them")
            })?;
        let (seqno, fence) = self.fences.remove(place);
        self.note(seqno, &fence);
        Ok(Answer::Closed(fd))
    }

    /// The number of a fence, if it is one that the session has made and holds.
    fn own(&self, which: FenceRef) -> Option<u64> {
        let is_it = |fence: &SyncFile| u32::try_from(fence.as_fd().as_raw_fd()) == Ok(which.fd);
        let (seqno, _) = self.fences.iter().find(|(_, fence)| is_it(fence))?;
        seqno.filter(|_| which.pid.is_none_or(|pid| pid == id()))
    }

    /// Notes what a fence has come to that the session lets go of. What the fence was asked to end with, and
    /// when, doesn't tell: its time may have been over, or another one quicker.
    fn note(&self, seqno: Option<u64>, fence: &SyncFile) {
        if let Some(seqno) = seqno {
            self.device.note_status(seqno, fence);
        }
    }

    fn events(&self) -> Result<Vec<fence_exporter::Event>> {
        let native = self.device.native("read events")?;
        if !native.info()?.events {
            return Err(
                Error::usage("cannot read events", "the timeline keeps none")
                    .remedy("hold one with --events"),
            );
        }
        native.events()
    }

    fn run(&mut self, script: &Path) -> Result<Flow> {
        let what = || format!("cannot run {}", script.display());
        let text =
            fs::read_to_string(script).map_err(|error| Error::usage(what(), error.to_string()))?;
        if self.depth == DEPTH {
            return Err(Error::usage(
                what(),
                format!("scripts run scripts {DEPTH} deep: does one run itself?"),
            ));
        }
        self.depth += 1;
        let result = self.lines(&text, script);
        self.depth -= 1;
        result
    }

    fn lines(&mut self, text: &str, script: &Path) -> Result<Flow> {
        for (number, line) in text.lines().enumerate() {
            let flow = self.interrupt.check().and_then(|()| self.take(line));
            let flow = flow.map_err(|mut error| {
                error.what = format!("{}:{}: {}", script.display(), number + 1, error.what);
                error
            })?;
            if flow == Flow::Quit {
                return Ok(flow);
            }
        }
        Ok(Flow::Continue)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for (seqno, fence) in &self.fences {
            self.note(*seqno, fence);
        }
    }
}

fn describe(seqno: Option<u64>, fence: &SyncFile) -> Result<HeldFence> {
    Ok(HeldFence {
        seqno,
        fd: fence.as_fd().as_raw_fd(),
        status: fence.status()?,
    })
}
