// SPDX-License-Identifier: GPL-2.0

//! A timeline of `/dev/sw_sync`.

use crate::{ioctl, Error, Node, Result, SyncFile};
use rustix::{fd::OwnedFd, io::Errno};

/// An open timeline of `/dev/sw_sync`. It has a value, from 0, and a fence of it has signalled when the
/// value has reached its own. Fences that are pending when it is dropped complete with `-ENOENT`.
#[derive(Debug)]
pub struct SwSync(OwnedFd);

impl SwSync {
    /// Opens a new one.
    pub fn open() -> Result<Self> {
        Node::SwSync.open().map(Self)
    }

    /// Creates the fence `value`.
    pub fn create(&self, value: u32) -> Result<SyncFile> {
        ioctl::sw_sync_create(&self.0, value)
            .map(SyncFile::from)
            .map_err(|errno| {
                let error = Error::refused(format!("cannot create the fence {value}"), errno);
                match errno {
                    Errno::AGAIN => error
                        .because("as many are pending as the parameter max_pending allows")
                        .remedy("signal some first, or load the module with a higher max_pending"),
                    _ => error,
                }
            })
    }

    /// Adds to the timeline's value, and so signals what it reaches.
    pub fn increment(&self, by: u32) -> Result<()> {
        ioctl::sw_sync_inc(&self.0, &mut { by })
            .map_err(|errno| Error::refused(format!("cannot add {by} to the timeline"), errno))
    }
}
