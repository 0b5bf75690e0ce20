// SPDX-License-Identifier: GPL-2.0

//! A session: a timeline, the fences that it created, and the commands.

use super::{
    answer::{Answer, HeldFence},
    complete::Known,
    device::Device,
    interrupt::Interrupt,
    program::{Ended, Program},
};
use crate::{
    cli::{unclear, FenceRef, Request, RequestLine, TimelineArgs},
    limits::Table,
    output::Output,
    show::Shown,
    wait::{failure, fence, wait},
};
use clap::{CommandFactory, Parser};
use fence_exporter::{clock, process, Error, Result, SyncFile};
use rustix::fd::{AsFd, AsRawFd};
use std::{fs, io, path::Path, process::id};

/// How deeply scripts may be nested.
const DEPTH: u32 = 16;

/// Whether a session continues after a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flow {
    /// The session continues.
    Continue,
    /// The command was `quit`.
    Quit,
}

/// A session: a timeline that is held, and takes commands.
pub struct Session {
    // Must stay above `device`: fields are dropped in their order, so the fences are closed before
    // the timeline.
    fences: Vec<(Option<u64>, SyncFile)>,
    device: Device,
    output: Output,
    interrupt: Interrupt,
    /// The programs in the background.
    programs: Vec<Program>,
    depth: u32,
}

impl Session {
    /// Begins a session, and opens its timeline.
    pub fn open(args: &TimelineArgs, output: Output) -> Result<Self> {
        process::raise_descriptor_limit();
        Ok(Self {
            fences: Vec::new(),
            device: Device::open(args)?,
            output,
            interrupt: Interrupt::default(),
            programs: Vec::new(),
            depth: 0,
        })
    }

    /// Begins to catch Ctrl-C, which then ends a command and not the session.
    pub fn listen(&mut self) -> io::Result<()> {
        self.interrupt.listen()
    }

    /// Prints the greeting, which tells a person how to begin.
    pub fn greet(&self) {
        if !self.output.json {
            self.output
                .line("help lists the commands, Tab completes, Ctrl-D ends");
        }
    }

    /// Returns the prompt: the timeline's name, and how many fences are pending.
    pub fn prompt(&self) -> String {
        match &self.device {
            Device::Native { timeline, .. } => match timeline.info() {
                Ok(state) => format!("{} [{}]> ", state.name, state.pending),
                Err(_) => "> ".to_owned(),
            },
            Device::SwSync { value, last, .. } => format!("sw_sync [{}]> ", last - value),
        }
    }

    /// Returns the state on which completion depends.
    pub fn known(&self) -> Known {
        let name = |(seqno, fence): &(Option<u64>, SyncFile)| match seqno {
            Some(seqno) => format!("#{seqno}"),
            None => fence.as_fd().as_raw_fd().to_string(),
        };
        Known {
            refused: self.device.refused(),
            fences: self.fences.iter().map(name).collect(),
        }
    }

    /// Runs a line that a person has typed.
    pub fn begin(&mut self, line: &str) -> Result<Flow> {
        self.interrupt.forget();
        self.take(line)
    }

    /// Runs a line with a command.
    pub fn take(&mut self, line: &str) -> Result<Flow> {
        let words = shlex::split(&numbers_kept(line)).ok_or_else(|| {
            Error::usage(
                format!("cannot understand \"{}\"", line.trim()),
                "a quote is not closed",
            )
        })?;
        match words.first().map(String::as_str) {
            None => return Ok(Flow::Continue),
            Some("help" | "?") => {
                self.help(words.get(1).map(String::as_str));
                return Ok(Flow::Continue);
            }
            Some(_) => {}
        }
        let RequestLine { request } = RequestLine::try_parse_from(words).map_err(|error| {
            unclear(
                line,
                &error,
                "help lists the commands, help COMMAND tells one",
            )
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
            Request::Signal { upto, status } => Answer::Signaled(self.device.signal(upto, status)?),
            Request::At { time, upto, status } => {
                let (seqno, time_ns) = self.device.signal_at(time, upto, status)?;
                Answer::Planned { seqno, time_ns }
            }
            Request::Submit {
                duration,
                in_fences,
                status,
            } => {
                let in_fences = in_fences.into_iter().map(|which| self.fence(which));
                let in_fences = in_fences.collect::<Result<Vec<_>>>()?;
                let in_fences: Vec<_> = in_fences.iter().map(SyncFile::as_fd).collect();
                let (seqno, fence) = self.device.submit(duration, &in_fences, status)?;
                Answer::Created(vec![self.hold(Some(seqno), fence)?])
            }
            Request::Cancel { seqno } => Answer::Cancelled(self.device.cancel(seqno)?),
            Request::Export { seqno } => {
                let fence = self.device.native("export a fence")?.export(seqno)?;
                Answer::Exported(self.hold(Some(seqno), fence)?)
            }
            Request::Limits => {
                let native = self.device.native("tell the limits")?;
                Answer::Limits(Table(native.limits()?))
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
            Request::Wait(args) => {
                let fence = self.fence(args.fence)?;
                let waited = wait(&fence, args.timeout, |fence, timeout| {
                    self.interrupt.wait(fence, timeout)
                })?;
                self.output.say(&Answer::Waited(waited));
                // Only a script fails. A person sees the result, and the session continues.
                return match failure(args, waited.status).filter(|_| self.is_script()) {
                    Some(failure) => Err(failure),
                    None => Ok(Flow::Continue),
                };
            }
            Request::Show { fence: which } => Answer::Shown(Shown::new(&self.fence(which)?)?),
            Request::Deadline { fence: which, time } => {
                let time_ns =
                    clock::now().saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
                self.fence(which)?.set_deadline(time_ns)?;
                Answer::Deadline { time_ns }
            }
            Request::Merge { first, second } => {
                let merged = self.fence(first)?.merge(&self.fence(second)?)?;
                Answer::Created(vec![self.hold(None, merged)?])
            }
            Request::Close { fence } => self.close(fence)?,
            Request::Exec {
                background,
                command,
            } => return self.exec(background, &command),
            Request::Join => {
                // The session waits for all programs, even if one fails.
                let ended: Vec<_> = self.programs.drain(..).map(Program::wait).collect();
                let mut flow = Ok(Flow::Continue);
                for ended in ended {
                    flow = flow.and(self.told(ended?));
                }
                return flow;
            }
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

    /// Returns whether the commands come from a pipe or a file.
    fn is_script(&self) -> bool {
        self.depth > 0 || !self.interrupt.listens()
    }

    fn hold(&mut self, seqno: Option<u64>, fence: SyncFile) -> Result<HeldFence> {
        let held = describe(seqno, &fence)?;
        self.fences.push((seqno, fence));
        Ok(held)
    }

    fn close(&mut self, which: FenceRef) -> Result<Answer> {
        let place = self.place(which).ok_or_else(|| {
            Error::usage(
                format!("cannot close {which}"),
                "it is no fence of this session",
            )
            .remedy("fences lists them")
        })?;
        let (_, fence) = self.fences.remove(place);
        Ok(Answer::Closed(fence.as_fd().as_raw_fd()))
    }

    /// Returns the index of a fence in `fences`, or `None` if the session does not hold it.
    fn place(&self, which: FenceRef) -> Option<usize> {
        let fd = match which {
            FenceRef::Own(fd) => fd,
            FenceRef::Of { pid, fd } if pid == id() => fd,
            FenceRef::Of { .. } => return None,
            FenceRef::Number(number) => {
                let mut seqnos = self.fences.iter().map(|(seqno, _)| *seqno);
                return seqnos.position(|seqno| seqno == Some(number));
            }
        };
        let mut fds = self.fences.iter().map(|(_, fence)| fence.as_fd());
        fds.position(|own| u32::try_from(own.as_raw_fd()) == Ok(fd))
    }

    /// Returns a new descriptor of the fence that `which` names.
    fn fence(&self, which: FenceRef) -> Result<SyncFile> {
        let FenceRef::Number(seqno) = which else {
            return fence(which);
        };
        match self.place(which) {
            Some(place) => self.fences[place].1.try_clone(),
            None => Err(Error::usage(
                format!("cannot find fence {which}"),
                "this session holds no descriptor of it",
            )
            .remedy(format!(
                "fences lists those that it holds; export {seqno} makes one while it is pending"
            ))),
        }
    }

    fn exec(&mut self, background: bool, command: &[String]) -> Result<Flow> {
        let fences: Vec<_> = self.fences.iter().map(|(_, fence)| fence).collect();
        let program = Program::start(command, &fences, !self.is_script())?;
        if background {
            self.output.say(&Answer::Started { pid: program.pid() });
            self.programs.push(program);
            return Ok(Flow::Continue);
        }
        let ended = program.wait()?;
        self.told(ended)
    }

    /// Prints the result of a program. In a script, a program that failed is an error.
    fn told(&self, ended: Ended) -> Result<Flow> {
        let failure = ended.failure().filter(|_| self.is_script());
        self.output.say(&Answer::Ended(ended));
        failure.map_or(Ok(Flow::Continue), Err)
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
        let text = fs::read_to_string(script).map_err(|error| Error::io(what(), &error))?;
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

/// Escapes the `#` of each fence number, such as `#2`, because the parser of words takes `#` for
/// the beginning of a comment. A `#` at the beginning of the line is not escaped: the whole line is
/// a comment.
fn numbers_kept(line: &str) -> String {
    let mut kept = String::new();
    let mut chars = line.trim_start().chars().peekable();
    let mut before = '#';
    while let Some(char) = chars.next() {
        let is_number = chars.peek().is_some_and(char::is_ascii_digit);
        if char == '#' && is_number && before.is_whitespace() {
            kept.push('\\');
        }
        kept.push(char);
        before = char;
    }
    kept
}

fn describe(seqno: Option<u64>, fence: &SyncFile) -> Result<HeldFence> {
    Ok(HeldFence {
        seqno,
        fd: fence.as_fd().as_raw_fd(),
        status: fence.status()?,
    })
}

#[cfg(test)]
mod tests {
    use super::numbers_kept;

    #[test]
    fn numbers_of_fences_are_no_comments() {
        for (line, words) in [
            ("wait #2 5s", &["wait", "#2", "5s"] as &[_]),
            ("merge #2 #3", &["merge", "#2", "#3"]),
            ("submit 1ms --in 4,#3", &["submit", "1ms", "--in", "4,#3"]),
            ("create   # 2 of them", &["create"]),
            ("create # two of them", &["create"]),
            ("  #2 fences are made", &[]),
            ("# 2", &[]),
            ("create 2#3", &["create", "2#3"]),
        ] {
            assert_eq!(shlex::split(&numbers_kept(line)).unwrap(), words, "{line}");
        }
    }
}
