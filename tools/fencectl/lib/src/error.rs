// SPDX-License-Identifier: GPL-2.0

//! Errors: what went wrong, why, and what to do about it.

use crate::status::errno_name;
use rustix::io::Errno;
use std::fmt;

/// The result of a call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of an error, from which a program derives its exit status.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// What the caller asked for makes no sense.
    Usage,
    /// The device can't be used: there is no node, no permission, no module.
    Device,
    /// The kernel refused a call.
    Refused,
    /// A fence ended with another status than the caller expected.
    Unexpected,
    /// A fence was still pending when the time to wait for it had passed.
    TimeOver,
}

/// An error: what was tried, why it failed, and the remedy.
#[derive(Clone, Debug)]
pub struct Error {
    /// The kind of the error.
    pub kind: Kind,
    /// What was tried, as in "cannot open /dev/fence_exporter".
    pub what: String,
    /// The errno that the kernel returned; `None` if no call of the kernel failed.
    pub errno: Option<Errno>,
    /// Why it failed; empty if nothing is known.
    pub cause: String,
    /// What the user can do about it; empty if nothing is known.
    pub remedy: String,
}

impl Error {
    /// Returns an error that the caller made: `what` was tried, and `cause` is wrong with it.
    pub fn usage(what: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            kind: Kind::Usage,
            what: what.into(),
            errno: None,
            cause: cause.into(),
            remedy: String::new(),
        }
    }

    /// Returns the error for a call that the kernel refused with `errno`.
    ///
    /// The cause and the remedy are filled in for the values of errno that mean the same for every
    /// system call.
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

    /// Returns an error of a file, a program or a terminal that the caller named.
    pub fn io(what: impl Into<String>, error: &std::io::Error) -> Self {
        let text = error.to_string();
        // The message names the errno (`ENOENT`), so its number is left out of the text.
        let cause = text.split(" (os error").next().unwrap_or_default();
        Self {
            errno: Errno::from_io_error(error),
            ..Self::usage(what, cause)
        }
    }

    /// Sets the cause.
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = cause.into();
        self
    }

    /// Sets the remedy.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// Returns the name of the errno, such as `EAGAIN`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_files_have_no_number_in_their_text() {
        let error = std::fs::File::open("/nowhere").unwrap_err();
        assert_eq!(
            Error::io("cannot read /nowhere", &error).to_string(),
            "cannot read /nowhere: ENOENT\n  cause:  No such file or directory"
        );
        let error = std::io::Error::new(std::io::ErrorKind::InvalidData, "not text");
        assert_eq!(
            Error::io("cannot read it", &error).to_string(),
            "cannot read it\n  cause:  not text"
        );
    }
}
