// SPDX-License-Identifier: GPL-2.0

//! A timeline of `/dev/sw_sync`.

use crate::{ioctl, Error, Node, Result, SyncFile};
use rustix::{fd::OwnedFd, io::Errno};

/// An open timeline of `/dev/sw_sync`.
///
/// The timeline has a value, which begins at 0. Each fence has a value as well. A fence signals
/// when the value of the timeline reaches the value of the fence. Fences that are pending when the
/// timeline is dropped complete with `-ENOENT`.
#[derive(Debug)]
pub struct SwSync(OwnedFd);

impl SwSync {
    /// Opens a new timeline.
    pub fn open() -> Result<Self> {
        Node::SwSync.open().map(Self)
    }

    /// Creates the fence with the value `value`.
    pub fn create(&self, value: u32) -> Result<SyncFile> {
        ioctl::sw_sync_create(&self.0, value)
            .map(SyncFile::from)
            .map_err(|errno| {
                let error = Error::refused(format!("cannot create the fence {value}"), errno);
                match errno {
                    Errno::NOSPC => error
                        .because("as many are pending as the parameter max_pending allows")
                        .remedy("signal some first, or load the module with a higher max_pending"),
                    _ => error,
                }
            })
    }

    /// Adds `by` to the value of the timeline, which signals all fences whose value is reached.
    pub fn increment(&self, by: u32) -> Result<()> {
        ioctl::sw_sync_inc(&self.0, &mut { by })
            .map_err(|errno| Error::refused(format!("cannot add {by} to the timeline"), errno))
    }
}
