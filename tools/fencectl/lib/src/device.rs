// SPDX-License-Identifier: GPL-2.0

//! The device nodes, and why one can't be opened.

use crate::{Error, Kind, Result};
use rustix::{
    fd::OwnedFd,
    fs::{open, stat, Mode, OFlags},
    io::Errno,
    process::geteuid,
};
use std::{fs, path::Path};

const MODULE: &str = "/sys/module/fence_exporter";

/// A device node of the module.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Node {
    /// `/dev/fence_exporter`.
    FenceExporter,
    /// `/dev/sw_sync`, there if the module's parameter `sw_sync` is set.
    SwSync,
}

impl Node {
    /// Its path.
    pub fn path(self) -> &'static str {
        match self {
            Self::FenceExporter => "/dev/fence_exporter",
            Self::SwSync => "/dev/sw_sync",
        }
    }

    /// Opens it: a new timeline.
    pub(crate) fn open(self) -> Result<OwnedFd> {
        open(self.path(), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| self.diagnose(errno))
    }

    /// Why it can't be opened, from what `/sys` and the node itself say.
    fn diagnose(self, errno: Errno) -> Error {
        let path = self.path();
        let error = Error {
            kind: Kind::Device,
            ..Error::refused(format!("cannot open {path}"), errno)
        };
        match errno {
            Errno::NOENT | Errno::NXIO | Errno::NODEV => self.not_there(error),
            Errno::ACCESS | Errno::PERM => self.not_allowed(error),
            Errno::MFILE if Path::new(MODULE).exists() => error
                .because(
                    "this user has as many timelines open as the parameter max_timelines allows, \
                     or this process has no descriptors left",
                )
                .remedy("close some (fencectl list shows who has them), or load the module with a higher max_timelines"),
            _ => error,
        }
    }

    fn not_there(self, error: Error) -> Error {
        let name = self.path().trim_start_matches("/dev/");
        if !Path::new(MODULE).exists() {
            return error
                .because("the module fence_exporter is not loaded")
                .remedy("as root: modprobe fence_exporter, or insmod fence_exporter.ko");
        }
        let class = format!("/sys/class/misc/{name}");
        if self == Self::SwSync && !Path::new(&class).exists() {
            return error
                .because("the module is loaded with its parameter sw_sync off")
                .remedy("as root: rmmod fence_exporter, then load it with sw_sync=1");
        }
        match fs::read_to_string(format!("{class}/dev")) {
            Ok(number) => error
                .because("the module is loaded, but nobody has made the node")
                .remedy(format!(
                    "as root: mknod {} c {}",
                    self.path(),
                    number.trim().replace(':', " ")
                )),
            Err(_) => error
                .because("the module is being loaded or removed")
                .remedy("try again"),
        }
    }

    fn not_allowed(self, error: Error) -> Error {
        let path = self.path();
        let Ok(stat) = stat(path) else { return error };
        let error = error.because(format!(
            "{path} belongs to user {}, group {}, with mode {:04o}; this is user {}",
            stat.st_uid,
            stat.st_gid,
            stat.st_mode & 0o7777,
            geteuid().as_raw()
        ));
        if geteuid().is_root() {
            return error
                .remedy("a security module (SELinux?) refuses it: see its log for the denial");
        }
        error.remedy(if stat.st_mode & 0o060 == 0o060 {
            format!("run it as root, or join group {}", stat.st_gid)
        } else {
            format!("run it as root, or as root: chgrp GROUP {path} && chmod 0660 {path}")
        })
    }
}
