// SPDX-License-Identifier: GPL-2.0

//! `sync_file`: a descriptor that stands for a fence, or for several.

use crate::{
    ioctl,
    state::text,
    uapi::{sync_fence_info, sync_set_deadline},
    Error, Result, Status,
};
use rustix::{
    event::{poll, PollFd, PollFlags, Timespec},
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    io::{fcntl_dupfd_cloexec, retry_on_intr, Errno},
};
use serde::Serialize;
use std::{fs, time::Duration};

/// A fence of a sync_file.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Fence {
    /// Its timeline. The core's `signaled-timeline` once it has signalled.
    pub timeline: String,
    /// Its driver. The core's `detached-driver` once it has signalled.
    pub driver: String,
    /// Its status.
    pub status: Status,
    /// When it signalled (ns).
    pub timestamp_ns: u64,
}

/// A sync_file. Nothing is said yet of what the descriptor really is: the calls find out.
#[derive(Debug)]
pub struct SyncFile(OwnedFd);

impl SyncFile {
    /// Its fences. One that was never merged has one.
    pub fn fences(&self) -> Result<Vec<Fence>> {
        let (_, fences) = ioctl::file_info(&self.0)
            .map_err(|errno| self.refused("cannot ask what the fence is", errno))?;
        Ok(fences.iter().map(Fence::from).collect())
    }

    /// Its status: 1 when all of its fences have signalled, or the error of one of them.
    pub fn status(&self) -> Result<Status> {
        let (file, _) = ioctl::file_info(&self.0)
            .map_err(|errno| self.refused("cannot ask for the fence's status", errno))?;
        Ok(Status(file.status))
    }

    /// When the last of its fences signalled (ns); `None` while one is pending.
    pub fn signalled_at(&self) -> Result<Option<u64>> {
        let fences = self.fences()?;
        let pending = fences.iter().any(|fence| fence.status == Status::PENDING);
        let last = fences.iter().map(|fence| fence.timestamp_ns).max();
        Ok(last.filter(|_| !pending))
    }

    /// Waits until it has signalled, for at most `timeout` (`None`: for ever), and answers its status, which
    /// is [`Status::PENDING`] if the time was over.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<Status> {
        self.status()?;
        let timeout = timeout.map(|time| Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(time.subsec_nanos()),
        });
        let mut ready = [PollFd::new(&self.0, PollFlags::IN)];
        retry_on_intr(|| poll(&mut ready, timeout.as_ref()))
            .map_err(|errno| self.refused("cannot wait for the fence", errno))?;
        self.status()
    }

    /// A sync_file of the fences of both.
    pub fn merge(&self, other: &Self) -> Result<Self> {
        ioctl::merge(&self.0, other.0.as_fd())
            .map(Self)
            .map_err(|errno| self.refused("cannot merge the fences", errno))
    }

    /// Tells the fence's issuer that it is wanted by `time_ns`.
    pub fn set_deadline(&self, time_ns: u64) -> Result<()> {
        let mut argument = sync_set_deadline {
            deadline_ns: time_ns,
            pad: 0,
        };
        ioctl::set_deadline(&self.0, &mut argument)
            .map_err(|errno| self.refused("cannot set a deadline", errno))
    }

    /// Another descriptor of the same sync_file.
    pub fn try_clone(&self) -> Result<Self> {
        fcntl_dupfd_cloexec(&self.0, 0)
            .map(Self)
            .map_err(|errno| Error::refused("cannot duplicate the descriptor", errno))
    }

    fn refused(&self, what: &str, errno: Errno) -> Error {
        let error = Error::refused(what, errno);
        let link = fs::read_link(format!("/proc/self/fd/{}", self.0.as_raw_fd()));
        let link = link.map_or_else(|_| "unknown".to_owned(), |link| link.display().to_string());
        match errno {
            Errno::NOTTY | Errno::INVAL | Errno::BADF if link != "anon_inode:sync_file" => error
                .because(format!("the descriptor is no fence, but {link}"))
                .remedy("ls -l /proc/PID/fd shows fences as anon_inode:sync_file"),
            Errno::NOTTY => error
                .because("the kernel doesn't know the call")
                .remedy("deadlines need Linux 6.5 or newer"),
            _ => error,
        }
    }
}

impl AsFd for SyncFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for SyncFile {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl From<&sync_fence_info> for Fence {
    fn from(info: &sync_fence_info) -> Self {
        Self {
            timeline: text(&info.obj_name),
            driver: text(&info.driver_name),
            status: Status(info.status),
            timestamp_ns: info.timestamp_ns,
        }
    }
}
