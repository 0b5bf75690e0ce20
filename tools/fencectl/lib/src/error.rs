// SPDX-License-Identifier: GPL-2.0

//! What went wrong, why, and what to do about it.

use crate::status::errno_name;
use rustix::io::Errno;
use std::fmt;

/// The result of a call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Which kind of thing went wrong; programs make their exit status of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// What the caller asked for makes no sense.
    Usage,
    /// The device can't be used: there is no node, no permission, no module.
    Device,
    /// The kernel refused a call.
    Refused,
}

/// An error: what was tried, why it failed, and the remedy.
#[derive(Clone, Debug)]
pub struct Error {
    /// Its kind.
    pub kind: Kind,
    /// What was tried, as in "cannot open /dev/fence_exporter".
    pub what: String,
    /// The errno that the kernel answered.
    pub errno: Option<Errno>,
    /// Why it failed.
    pub cause: String,
    /// What to do about it; empty if nothing is known.
    pub remedy: String,
}

impl Error {
    /// An error of the caller's.
    pub fn usage(what: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            kind: Kind::Usage,
            what: what.into(),
            errno: None,
            cause: cause.into(),
            remedy: String::new(),
        }
    }

    /// A call that the kernel refused, for a reason that isn't special to fences.
    pub fn refused(what: impl Into<String>, errno: Errno) -> Self {
        let (cause, remedy) = match errno {
            Errno::MFILE => (
                "this process has no descriptors left",
                "close some fences, or raise the limit: ulimit -n",
            ),
            Errno::NFILE => ("the system has no open files left", "raise fs.file-max"),
            Errno::NOMEM => ("the kernel has no memory left for it", ""),
            Errno::ACCESS | Errno::PERM => ("there is no permission", "run it as root"),
            _ => ("", ""),
        };
        Self {
            kind: Kind::Refused,
            what: what.into(),
            errno: Some(errno),
            cause: cause.into(),
            remedy: remedy.into(),
        }
    }

    /// Says why.
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = cause.into();
        self
    }

    /// Says what to do.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// The name of its errno, such as `EAGAIN`.
    pub fn errno_name(&self) -> Option<String> {
        self.errno.map(|errno| errno_name(errno.raw_os_error()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if let Some(name) = self.errno_name() {
            write!(f, ": {name}")?;
        }
        if !self.cause.is_empty() {
            write!(f, "\n  cause:  {}", self.cause)?;
        }
        if !self.remedy.is_empty() {
            write!(f, "\n  remedy: {}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
