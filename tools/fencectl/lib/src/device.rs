// SPDX-License-Identifier: GPL-2.0

//! The device nodes, and the diagnosis of why a node cannot be opened.

use crate::{Error, Kind, Result};
use rustix::{
    fd::OwnedFd,
    fs::{open, stat, Mode, OFlags},
    io::Errno,
    process::geteuid,
};
use std::{fs, path::Path};

const MODULE: &str = "/sys/module/fence_exporter";
const MISC: &str = "/proc/misc";

/// A device node of the module.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Node {
    /// `/dev/fence_exporter`.
    FenceExporter,
    /// `/dev/sw_sync`, which exists if the module's parameter `sw_sync` is set.
    SwSync,
}

impl Node {
    /// Returns the path of the node.
    pub fn path(self) -> &'static str {
        match self {
            Self::FenceExporter => "/dev/fence_exporter",
            Self::SwSync => "/dev/sw_sync",
        }
    }

    /// Checks that the module is loaded and provides this node, without opening a timeline. If it
    /// does not, the error says why.
    ///
    /// The check looks into `/proc/misc`, where the kernel lists its misc devices and which every
    /// user may read. If `/proc/misc` cannot be read, the check succeeds.
    pub fn check(self) -> Result<()> {
        let Ok(misc) = fs::read_to_string(MISC) else {
            return Ok(());
        };
        if self.is_listed(&misc) {
            return Ok(());
        }
        let what = format!("there is no {}", self.path());
        Err(self.not_there(Error {
            kind: Kind::Device,
            ..Error::usage(what, "")
        }))
    }

    fn name(self) -> &'static str {
        self.path().trim_start_matches("/dev/")
    }

    fn is_listed(self, misc: &str) -> bool {
        let names = misc
            .lines()
            .filter_map(|line| line.split_whitespace().nth(1));
        names.into_iter().any(|name| name == self.name())
    }

    /// Opens the node, which creates a new timeline.
    pub(crate) fn open(self) -> Result<OwnedFd> {
        open(self.path(), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| self.diagnose(errno))
    }

    /// Finds out from `/sys` and from the node itself why the node cannot be opened.
    fn diagnose(self, errno: Errno) -> Error {
        let path = self.path();
        let error = Error {
            kind: Kind::Device,
            ..Error::refused(format!("cannot open {path}"), errno)
        };
        match errno {
            Errno::NOENT | Errno::NXIO | Errno::NODEV => self.not_there(error),
            Errno::ACCESS | Errno::PERM => self.not_allowed(error),
            // EMFILE also means that this process is out of descriptors. Opening another file tells
            // the two apart.
            Errno::MFILE if fs::File::open("/dev/null").is_ok() => error
                .because("this user has as many timelines open as the module parameter max_timelines allows")
                .remedy("close some (fencectl list shows who has them), or load the module with a higher max_timelines"),
            _ => error,
        }
    }

    fn not_there(self, error: Error) -> Error {
        let name = self.name();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_found_by_its_whole_name() {
        let misc = "126 fence_exporter\n 10 sw_sync_other\n183 hw_random\n";
        assert!(Node::FenceExporter.is_listed(misc));
        assert!(!Node::SwSync.is_listed(misc));
        assert!(!Node::FenceExporter.is_listed(""));
    }
}
