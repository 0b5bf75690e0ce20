// SPDX-License-Identifier: GPL-2.0

//! Timelines and fences of other processes.

use crate::{Error, Kind, Result, State, SyncFile};
use rustix::{
    io::Errno,
    process::{
        getrlimit, pidfd_getfd, pidfd_open, setrlimit, ForeignRawFd, Pid, PidfdFlags,
        PidfdGetfdFlags, Resource, Rlimit,
    },
};
use serde::Serialize;
use std::{collections::BTreeMap, fs, io::ErrorKind, process::id};

/// A process that has a timeline open.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub comm: String,
    /// Its descriptors of the timeline.
    pub fds: Vec<u32>,
}

/// A timeline, and who has it open.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Held {
    /// What the timeline is and has done.
    #[serde(flatten)]
    pub state: State,
    /// Who has it open.
    pub holders: Vec<Holder>,
}

/// What [`scan`] has found.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Scan {
    /// The timelines, by number of their contexts.
    pub timelines: Vec<Held>,
    /// How many processes the caller may not look into.
    pub unseen: u32,
}

/// Looks for the timelines of `/dev/fence_exporter` in all processes that the caller may look into.
pub fn scan() -> Result<Scan> {
    let refused = |error: std::io::Error| {
        let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
        Error::refused("cannot read /proc", errno)
            .because("fdinfo of processes is read there")
            .remedy("as root: mount -t proc proc /proc")
    };
    let mut found = BTreeMap::new();
    let mut unseen = 0;
    for entry in fs::read_dir("/proc").map_err(refused)? {
        let name = entry.map_err(refused)?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        match descriptors(pid) {
            Ok(fds) => take(pid, &fds, &mut found),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => unseen += 1,
            // It has ended.
            Err(_) => {}
        }
    }
    Ok(Scan {
        timelines: found.into_values().collect(),
        unseen,
    })
}

/// The descriptors of a process that may be timelines, with what fdinfo says of each.
fn descriptors(pid: u32) -> std::io::Result<Vec<(u32, State)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(fd) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // Only devices: there may be many descriptors.
        if !fs::read_link(entry.path()).is_ok_and(|link| link.starts_with("/dev")) {
            continue;
        }
        let text = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).unwrap_or_default();
        found.extend(State::from_fdinfo(&text).map(|state| (fd, state)));
    }
    found.sort_by_key(|(fd, _)| *fd);
    Ok(found)
}

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

fn comm(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .map_or_else(|_| "?".to_owned(), |comm| comm.trim_end().to_owned())
}

/// A descriptor of the fence that is `fd` in the process `pid`.
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
    // What is opened below may become that one.
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

/// Lets this process have as many descriptors as it may: each fence is one.
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
