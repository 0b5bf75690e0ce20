// SPDX-License-Identifier: GPL-2.0

//! Ctrl-C at the prompt: it ends the running command, and the session continues.

use fence_exporter::{Error, Result, Status, SyncFile};
use rustix::{
    event::{poll, PollFd, PollFlags, Timespec},
    fd::{AsFd, BorrowedFd},
    io::retry_on_intr,
};
use signal_hook::{consts::SIGINT, low_level::pipe};
use std::{
    io::{self, Read},
    os::unix::net::UnixStream,
    time::Duration,
};

/// Notices Ctrl-C.
///
/// The signal handler writes a byte into a socket, which all waits poll. So a Ctrl-C that arrives
/// just before a wait begins is not lost.
#[derive(Default)]
pub struct Interrupt(Option<UnixStream>);

impl Interrupt {
    /// Begins to catch Ctrl-C. Without this call, Ctrl-C ends the program, and no command is ever
    /// interrupted.
    pub fn listen(&mut self) -> io::Result<()> {
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        pipe::register(SIGINT, write)?;
        self.0 = Some(read);
        Ok(())
    }

    /// Returns whether [`listen`](Self::listen) was called, which means that a person types the
    /// commands.
    pub fn listens(&self) -> bool {
        self.0.is_some()
    }

    /// Forgets each earlier Ctrl-C. Called before a command begins.
    pub fn forget(&mut self) {
        if let Some(pipe) = &mut self.0 {
            while pipe.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
        }
    }

    /// Returns an error if Ctrl-C was pressed since the command began.
    pub fn check(&self) -> Result<()> {
        self.sleep(Duration::ZERO)
    }

    /// Sleeps. Ctrl-C ends the sleep with an error.
    pub fn sleep(&self, time: Duration) -> Result<()> {
        self.until(None, Some(time))
    }

    /// Waits for a fence as [`SyncFile::wait`] does. Ctrl-C ends the wait with an error.
    pub fn wait(&self, fence: &SyncFile, timeout: Option<Duration>) -> Result<Status> {
        fence.status()?;
        self.until(Some(fence.as_fd()), timeout)?;
        fence.status()
    }

    fn until(&self, ready: Option<BorrowedFd<'_>>, timeout: Option<Duration>) -> Result<()> {
        let timeout = timeout.map(|time| Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(time.subsec_nanos()),
        });
        let pipe = self.0.as_ref().map(UnixStream::as_fd);
        let mut waited: Vec<_> = (pipe.iter().chain(&ready))
            .map(|fd| PollFd::new(fd, PollFlags::IN))
            .collect();
        // If another signal interrupts the poll, the time begins again. This is rare.
        retry_on_intr(|| poll(&mut waited, timeout.as_ref()))
            .map_err(|errno| Error::refused("cannot wait", errno))?;
        match waited.first() {
            Some(first) if pipe.is_some() && !first.revents().is_empty() => {
                Err(Error::usage("interrupted", ""))
            }
            _ => Ok(()),
        }
    }
}
