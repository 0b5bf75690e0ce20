// SPDX-License-Identifier: GPL-2.0

//! Ctrl-C at the prompt: it ends the command that runs, and the timeline stays held.

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

/// Whether somebody has pressed Ctrl-C. A byte in a pipe tells: one that comes just before a wait
/// is not lost.
#[derive(Default)]
pub struct Interrupt(Option<UnixStream>);

impl Interrupt {
    /// From now on Ctrl-C is no end of the program. (Without this it is, and nothing is ever interrupted.)
    pub fn listen(&mut self) -> io::Result<()> {
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        pipe::register(SIGINT, write)?;
        self.0 = Some(read);
        Ok(())
    }

    /// Forgets what came before the command that begins now.
    pub fn forget(&mut self) {
        if let Some(pipe) = &mut self.0 {
            while pipe.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
        }
    }

    /// An error if the command has been interrupted.
    pub fn check(&self) -> Result<()> {
        self.sleep(Duration::ZERO)
    }

    /// Sleeps, unless interrupted.
    pub fn sleep(&self, time: Duration) -> Result<()> {
        self.until(None, Some(time))
    }

    /// [`SyncFile::wait`], unless interrupted.
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
        // A signal that is not for us; it is seldom, and then the time begins anew.
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
