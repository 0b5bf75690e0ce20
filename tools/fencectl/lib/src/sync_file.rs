// SPDX-License-Identifier: GPL-2.0

//! `sync_file`: a descriptor that stands for one fence or several.

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
    /// The name of the fence's timeline. Once the fence has signaled, the kernel reports
    /// `signaled-timeline` instead.
    pub timeline: String,
    /// The name of the fence's driver. Once the fence has signaled, the kernel reports
    /// `detached-driver` instead.
    pub driver: String,
    /// The status of the fence.
    pub status: Status,
    /// When the fence signaled (ns); 0 while it is pending.
    pub timestamp_ns: u64,
}

/// What the kernel says of a sync_file.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Contents {
    /// The name of the sync_file: the name of its fence, or the name that a merge gave it. At most
    /// 31 characters.
    pub name: String,
    /// The status of the sync_file: 1 if all of its fences have signaled, or the error of one of
    /// them.
    pub status: Status,
    /// The fences of the sync_file. A sync_file that was never merged has one fence.
    pub fences: Vec<Fence>,
}

/// A descriptor of a sync_file.
///
/// Any descriptor can be converted into a `SyncFile`. If it is not a sync_file, the methods that
/// use its fences return an error that says so.
#[derive(Debug)]
pub struct SyncFile(OwnedFd);

impl SyncFile {
    /// Returns all that the kernel says of the sync_file, from one ioctl.
    pub fn contents(&self) -> Result<Contents> {
        let (file, fences) = ioctl::file_info(&self.0)
            .map_err(|errno| self.refused("cannot ask what the fence is", errno))?;
        Ok(Contents {
            name: text(&file.name),
            status: Status(file.status),
            fences: fences.iter().map(Fence::from).collect(),
        })
    }

    /// Returns the fences of the sync_file. A sync_file that was never merged has one fence.
    pub fn fences(&self) -> Result<Vec<Fence>> {
        let (_, fences) = ioctl::file_info(&self.0)
            .map_err(|errno| self.refused("cannot ask what the fence is", errno))?;
        Ok(fences.iter().map(Fence::from).collect())
    }

    /// Returns the status: 1 if all fences of the sync_file have signaled, or the error of one of
    /// them.
    pub fn status(&self) -> Result<Status> {
        let (file, _) = ioctl::file_info(&self.0)
            .map_err(|errno| self.refused("cannot ask for the fence's status", errno))?;
        Ok(Status(file.status))
    }

    /// Returns when the last fence of the sync_file signaled (ns), or `None` while a fence is
    /// pending.
    pub fn signaled_at(&self) -> Result<Option<u64>> {
        let fences = self.fences()?;
        let pending = fences.iter().any(|fence| fence.status == Status::PENDING);
        let last = fences.iter().map(|fence| fence.timestamp_ns).max();
        Ok(last.filter(|_| !pending))
    }

    /// Waits until all fences of the sync_file have signaled, and returns the status.
    ///
    /// If `timeout` passes before, the status is [`Status::PENDING`]. If `timeout` is `None`, the
    /// wait has no limit.
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

    /// Makes a new sync_file with the fences of both.
    pub fn merge(&self, other: &Self) -> Result<Self> {
        ioctl::merge(&self.0, other.0.as_fd())
            .map(Self)
            .map_err(|errno| self.refused("cannot merge the fences", errno))
    }

    /// Sets a deadline: tells the driver of the fence that a waiter needs the fence by `time_ns`.
    pub fn set_deadline(&self, time_ns: u64) -> Result<()> {
        let mut argument = sync_set_deadline {
            deadline_ns: time_ns,
            pad: 0,
        };
        ioctl::set_deadline(&self.0, &mut argument)
            .map_err(|errno| self.refused("cannot set a deadline", errno))
    }

    /// Makes another descriptor of the same sync_file.
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
