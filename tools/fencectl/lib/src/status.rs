// SPDX-License-Identifier: GPL-2.0

//! The status of a fence.

use nix::errno::Errno;
use serde::{Serialize, Serializer};
use std::{fmt, str::FromStr};

/// The highest number of an errno.
const MAX_ERRNO: i32 = 4095;

/// The status of a fence, as the kernel returns it: 0 if the fence is pending, 1 if it has
/// signaled, or a negative errno if it has signaled with an error.
///
/// ```
/// use fence_exporter::Status;
/// assert_eq!("EIO".parse(), Ok(Status(-5)));
/// assert_eq!(Status(-5).to_string(), "-EIO");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Status(pub i32);

impl Status {
    /// The status with which a caller signals a fence without an error.
    pub const OK: Self = Self(0);
    /// The fence has not signaled.
    pub const PENDING: Self = Self(0);
    /// The fence has signaled without an error.
    pub const SIGNALED: Self = Self(1);
    /// The fence timed out.
    pub const TIMED_OUT: Self = Self(-(Errno::ETIMEDOUT as i32));
    /// The timeline of the fence was closed.
    pub const CANCELED: Self = Self(-(Errno::ECANCELED as i32));

    /// Returns the number of the errno, or `None` if the status is not an error.
    pub fn errno(self) -> Option<i32> {
        self.is_error().then_some(-self.0)
    }

    /// Returns the names of all errors, as [`FromStr`] reads them.
    pub fn error_names() -> impl Iterator<Item = String> {
        let names = (1..=MAX_ERRNO).map(errno_name);
        names.filter(|name| name.starts_with('E'))
    }

    /// Returns whether the status is an error.
    pub fn is_error(self) -> bool {
        self.0 < 0
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.pad("pending"),
            1.. => f.pad("signaled"),
            errno => f.pad(&format!("-{}", errno_name(-errno))),
        }
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Parses a status that a fence can be signaled with: the name of an errno, the number of an errno,
/// or `ok`.
impl FromStr for Status {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.trim_start_matches('-').to_ascii_uppercase();
        if matches!(name.as_str(), "OK" | "0") {
            return Ok(Self::OK);
        }
        let number = match name.parse() {
            Ok(number) => Some(number),
            Err(_) => (1..=MAX_ERRNO).find(|&number| errno_name(number) == name),
        };
        match number {
            Some(number @ 1..=MAX_ERRNO) => Ok(Self(-number)),
            _ => Err(format!(
                "{text} is no errno: ok, a name as EIO, or a number up to {MAX_ERRNO}"
            )),
        }
    }
}

/// Returns the name of an errno, such as `EIO`, or its number if it has no name.
pub(crate) fn errno_name(number: i32) -> String {
    match Errno::from_raw(number) {
        Errno::UnknownErrno => number.to_string(),
        errno => format!("{errno:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_of_each_spelling() {
        for text in ["EIO", "-EIO", "eio", "5", "-5"] {
            assert_eq!(text.parse(), Ok(Status(-5)), "{text}");
        }
        assert_eq!("ok".parse(), Ok(Status::OK));
        for text in ["", "EFOO", "4096", "-", "1.5"] {
            assert!(text.parse::<Status>().is_err(), "{text}");
        }
    }

    #[test]
    fn status_without_a_name_is_a_number() {
        assert_eq!(Status(-4095).to_string(), "-4095");
        assert_eq!(Status::TIMED_OUT.to_string(), "-ETIMEDOUT");
    }
}
