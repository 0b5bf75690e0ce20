// SPDX-License-Identifier: GPL-2.0

//! Timelines and fences of other processes.

use crate::{ioctl, Error, Kind, Result, State, SyncFile};
use rustix::{
    fd::{AsFd, AsRawFd},
    io::Errno,
    process::{
        getrlimit, pidfd_getfd, pidfd_open, setrlimit, ForeignRawFd, Pid, PidfdFlags,
        PidfdGetfdFlags, Resource, Rlimit,
    },
};
use serde::Serialize;
use std::{collections::BTreeMap, fs, io::ErrorKind, path::Path, process::id};

/// The target of the link `/proc/PID/fd/FD` if the descriptor is a sync_file.
const SYNC_FILE: &str = "anon_inode:sync_file";

/// A process that has a timeline or a sync_file open.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Holder {
    /// The process ID.
    pub pid: u32,
    /// The name of the process.
    pub comm: String,
    /// The descriptors of the process for that file.
    pub fds: Vec<u32>,
}

/// A timeline, and the processes that have it open.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Held {
    /// What the timeline is and has done.
    #[serde(flatten)]
    pub state: State,
    /// The processes that have it open.
    pub holders: Vec<Holder>,
}

/// The result of [`scan`].
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Scan {
    /// The timelines, sorted by the numbers of their contexts.
    pub timelines: Vec<Held>,
    /// How many processes could not be examined, because the caller lacks the permission.
    pub unseen: u32,
}

/// The processes that have a sync_file open: the result of [`users`].
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Users {
    /// The processes, without the calling process.
    pub holders: Vec<Holder>,
    /// How many processes could not be examined, because the caller lacks the permission.
    pub unseen: u32,
    /// Whether the kernel can compare open files, which needs kcmp(2). If it cannot, `holders` is
    /// empty.
    pub known: bool,
}

/// Finds the other processes that have the same sync_file open.
///
/// A fence may be in several sync_files. This function finds the users of this sync_file only.
pub fn users(file: &SyncFile) -> Result<Users> {
    let own = (id(), file.as_fd().as_raw_fd() as u32);
    let mut users = Users {
        known: ioctl::is_same_file(own, own) == Some(true),
        ..Users::default()
    };
    for pid in pids()? {
        if pid == own.0 {
            continue;
        }
        match links(pid, |link| link == Path::new(SYNC_FILE)) {
            Ok(fds) => {
                let is_it = |fd: &u32| ioctl::is_same_file(own, (pid, *fd)) == Some(true);
                let fds: Vec<_> = fds.into_iter().filter(is_it).collect();
                if !fds.is_empty() {
                    users.holders.push(Holder {
                        pid,
                        comm: comm(pid),
                        fds,
                    });
                }
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => users.unseen += 1,
            // The process has ended.
            Err(_) => {}
        }
    }
    Ok(users)
}

/// Finds the timelines of `/dev/fence_exporter` in all processes that the caller may examine.
pub fn scan() -> Result<Scan> {
    let mut found = BTreeMap::new();
    let mut unseen = 0;
    for pid in pids()? {
        match descriptors(pid) {
            Ok(fds) => take(pid, &fds, &mut found),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => unseen += 1,
            // The process has ended.
            Err(_) => {}
        }
    }
    Ok(Scan {
        timelines: found.into_values().collect(),
        unseen,
    })
}

/// Returns the IDs of all processes, in ascending order.
fn pids() -> Result<Vec<u32>> {
    let refused = |error: std::io::Error| {
        let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
        Error::refused("cannot read /proc", errno)
            .because("what other processes have open is read there")
            .remedy("as root: mount -t proc proc /proc")
    };
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc").map_err(refused)? {
        let name = entry.map_err(refused)?.file_name();
        pids.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    pids.sort_unstable();
    Ok(pids)
}

/// Returns the descriptors of a process whose link in `/proc` has a target that `is_it` accepts.
fn links(pid: u32, is_it: impl Fn(&Path) -> bool) -> std::io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let entry = entry?;
        let fd: Option<u32> = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        // Only matching descriptors are kept, because a process may have many descriptors.
        if fs::read_link(entry.path()).is_ok_and(|link| is_it(&link)) {
            found.extend(fd);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Returns the descriptors of a process that are timelines, with what `fdinfo` says of each.
fn descriptors(pid: u32) -> std::io::Result<Vec<(u32, State)>> {
    let fds = links(pid, |link| link.starts_with("/dev"))?;
    let state = |fd: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).ok()?;
        State::from_fdinfo(&text).map(|state| (fd, state))
    };
    Ok(fds.into_iter().filter_map(state).collect())
}

/// Adds the timelines of the process `pid` to `found`, whose key is the number of the context.
fn take(pid: u32, fds: &[(u32, State)], found: &mut BTreeMap<u64, Held>) {
    for (fd, state) in fds {
        let held = found.entry(state.context).or_insert_with(|| Held {
            state: state.clone(),
            holders: Vec::new(),
        });
        match held.holders.iter_mut().find(|holder| holder.pid == pid) {
            Some(holder) => holder.fds.push(*fd),
            None => held.holders.push(Holder {
                pid,
                comm: comm(pid),
                fds: vec![*fd],
            }),
        }
    }
}

/// Returns the name of a process, or `?` if it cannot be read.
fn comm(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .map_or_else(|_| "?".to_owned(), |comm| comm.trim_end().to_owned())
}

/// Returns a new descriptor of the fence that is the descriptor `fd` in the process `pid`.
///
/// Taking a descriptor of another process needs the right to trace that process.
pub fn fence_of(pid: u32, fd: u32) -> Result<SyncFile> {
    let what = format!("cannot get descriptor {fd} of process {pid}");
    let no_process = || {
        Error::usage(&what, "there is no such process")
            .remedy("fencectl list shows who has timelines")
    };
    let (Ok(number), Ok(foreign)) = (i32::try_from(pid), i32::try_from(fd)) else {
        return Err(no_process());
    };
    let number = Pid::from_raw(number).ok_or_else(no_process)?;
    let no_descriptor = || {
        Error::usage(&what, format!("the process has no descriptor {fd}"))
            .remedy(format!("ls -l /proc/{pid}/fd shows those that it has"))
    };
    // In this process, the pidfd that is opened below might get the number `fd`. So check first.
    if pid == id() && fs::symlink_metadata(format!("/proc/self/fd/{fd}")).is_err() {
        return Err(no_descriptor());
    }
    let process = pidfd_open(number, PidfdFlags::empty()).map_err(|errno| match errno {
        Errno::SRCH => no_process(),
        _ => Error::refused(&what, errno),
    })?;
    let fd = pidfd_getfd(process, foreign as ForeignRawFd, PidfdGetfdFlags::empty()).map_err(
        |errno| match errno {
            Errno::BADF => no_descriptor(),
            Errno::PERM | Errno::ACCESS => Error {
                kind: Kind::Device,
                ..Error::refused(&what, errno)
            }
            .because("taking a descriptor needs the right to trace that process")
            .remedy("run it as root"),
            _ => Error::refused(&what, errno),
        },
    )?;
    Ok(fd.into())
}

/// Raises the soft limit of open descriptors to the hard limit, because each fence takes a
/// descriptor.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn one_open_file_has_several_descriptors() {
        let [first, second] = [(); 2].map(|()| File::open("/dev/null").unwrap());
        let copy = first.try_clone().unwrap();
        let [first, second, copy] =
            [&first, &second, &copy].map(|file| (id(), file.as_raw_fd() as u32));
        // Not every kernel has kcmp(2).
        if ioctl::is_same_file(first, first).is_some() {
            assert_eq!(ioctl::is_same_file(first, copy), Some(true));
            assert_eq!(ioctl::is_same_file(first, second), Some(false));
        }
        assert_eq!(ioctl::is_same_file(first, (id(), u32::MAX)), None);
    }

    #[test]
    fn descriptors_are_found_by_what_they_are() {
        let null = File::open("/dev/null").unwrap();
        let fd = null.as_raw_fd() as u32;
        let found = |path: &str| links(id(), |link| link == Path::new(path)).unwrap();
        assert!(found("/dev/null").contains(&fd));
        assert!(!found(SYNC_FILE).contains(&fd));
        assert!(pids().unwrap().contains(&id()));
    }
}
