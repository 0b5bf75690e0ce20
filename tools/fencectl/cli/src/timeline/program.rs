// SPDX-License-Identifier: GPL-2.0

//! Programs that a session runs. They inherit the session's fences as descriptors.

use fence_exporter::{Error, Kind, Result, SyncFile};
use rustix::{
    fd::AsFd,
    io::{fcntl_setfd, FdFlags},
};
use serde::Serialize;
use std::{
    fmt,
    os::{fd::AsRawFd, unix::process::ExitStatusExt},
    process::{Child, Command, ExitStatus, Stdio},
};

/// The environment variable that names the descriptors of the fences, with spaces between the
/// numbers.
const VARIABLE: &str = "FENCECTL_FDS";

/// A running program.
pub struct Program {
    name: String,
    child: Child,
}

/// The result of a program that has ended.
#[derive(Debug, Serialize)]
pub struct Ended {
    program: String,
    /// The exit status, as a shell reports it: 128 + N after signal N.
    status: i32,
}

impl Program {
    /// Starts a program, which inherits the fences under the same descriptors. `person` says that a
    /// person types the commands.
    pub fn start(words: &[String], fences: &[&SyncFile], person: bool) -> Result<Self> {
        let Some((name, arguments)) = words.split_first() else {
            return Err(Error::usage("cannot run a program", "none is named"));
        };
        let fds: Vec<_> = fences
            .iter()
            .map(|fence| fence.as_fd().as_raw_fd().to_string())
            .collect();
        let mut command = Command::new(name);
        command.args(arguments).env(VARIABLE, fds.join(" "));
        if !person {
            // The standard input has the further commands of the session, which the program must
            // not read.
            command.stdin(Stdio::null());
        }
        // The fences lose CLOEXEC only for this spawn. This is the only thread that starts
        // programs, so no other program inherits them.
        let child = inherit(fences, FdFlags::empty()).and_then(|()| {
            command
                .spawn()
                .map_err(|error| Error::io(format!("cannot run {name}"), &error))
        });
        inherit(fences, FdFlags::CLOEXEC)?;
        Ok(Self {
            name: name.clone(),
            child: child?,
        })
    }

    /// Returns the process ID.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the program ends.
    pub fn wait(mut self) -> Result<Ended> {
        let status = self
            .child
            .wait()
            .map_err(|error| Error::io(format!("cannot wait for {}", self.name), &error))?;
        Ok(Ended {
            program: self.name,
            status: shell_status(status),
        })
    }
}

fn inherit(fences: &[&SyncFile], flags: FdFlags) -> Result<()> {
    fences.iter().try_for_each(|fence| {
        fcntl_setfd(fence.as_fd(), flags)
            .map_err(|errno| Error::refused("cannot hand on a fence", errno))
    })
}

fn shell_status(status: ExitStatus) -> i32 {
    let by_signal = || status.signal().map_or(-1, |signal| 128 + signal);
    status.code().unwrap_or_else(by_signal)
}

impl Ended {
    /// Returns the error if the exit status is not 0.
    pub fn failure(&self) -> Option<Error> {
        let what = || format!("{} ended with {}", self.program, self.status);
        (self.status != 0).then(|| Error {
            kind: Kind::Unexpected,
            ..Error::usage(what(), "0 was expected")
        })
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ended with {}", self.program, self.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs::File, os::fd::OwnedFd};

    fn run(script: &str, fences: &[&SyncFile]) -> i32 {
        let words = ["sh", "-c", script].map(str::to_owned);
        let program = Program::start(&words, fences, false).unwrap();
        program.wait().unwrap().status
    }

    #[test]
    fn a_program_has_the_descriptors_that_are_handed_on_and_no_others() {
        let file = || SyncFile::from(OwnedFd::from(File::open("/dev/zero").unwrap()));
        let (handed, kept) = (file(), file());
        let number = handed.as_fd().as_raw_fd();
        let script = format!("test \"${VARIABLE}\" = {number} && test -e /proc/self/fd/{number}");
        assert_eq!(run(&script, &[&handed]), 0);
        let number = kept.as_fd().as_raw_fd();
        assert_eq!(
            run(&format!("test ! -e /proc/self/fd/{number}"), &[&handed]),
            0
        );
        // Programs that are started later do not inherit the fence.
        let number = handed.as_fd().as_raw_fd();
        assert_eq!(run(&format!("test ! -e /proc/self/fd/{number}"), &[]), 0);
    }

    #[test]
    fn how_a_program_ends_is_told_as_a_shell_does() {
        assert_eq!(run("exit 7", &[]), 7);
        assert_eq!(run("kill -KILL $$", &[]), 137);
        let words = ["no-such-program".to_owned()];
        let error = Program::start(&words, &[], false).err().unwrap();
        assert_eq!(error.what, "cannot run no-such-program");
    }
}
