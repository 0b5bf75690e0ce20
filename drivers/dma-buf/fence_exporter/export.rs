// SPDX-License-Identifier: GPL-2.0

//! Fences as descriptors: reserved first, installed last.

use kernel::{
    dma_buf::{
        Emitted,
        FenceOps,
        NewFence,
        SyncFile, //
    },
    fs::{
        file::{
            flags::O_CLOEXEC,
            FileDescriptorReservation, //
        },
        File, //
    },
    prelude::*,
    sync::aref::ARef, //
};

/// All that is allocated for a fence before it is emitted.
pub(crate) struct Reserved {
    fd: FileDescriptorReservation,
    fence: NewFence,
}

impl Reserved {
    /// Reserves a descriptor and memory. `EMFILE`, `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            fd: FileDescriptorReservation::get_unused_fd_flags(O_CLOEXEC)?,
            fence: NewFence::alloc(GFP_KERNEL_ACCOUNT)?,
        })
    }

    /// The number of the descriptor, which is nobody's until it is installed.
    pub(crate) fn fd(&self) -> i32 {
        self.fd.reserved_fd() as i32
    }

    /// Takes out the memory.
    pub(crate) fn split(self) -> (FileDescriptorReservation, NewFence) {
        (self.fd, self.fence)
    }
}

/// A fence that was emitted, with its file, and the descriptor it will have.
///
/// Dropped, it takes all of it back.
pub(crate) struct Export<'a, O: FenceOps> {
    emitted: Emitted<'a, O>,
    file: ARef<File>,
    fd: FileDescriptorReservation,
}

impl<'a, O: FenceOps> Export<'a, O> {
    /// Makes the file. `ENOMEM`; the fence is unwound then.
    pub(crate) fn new(emitted: Emitted<'a, O>, fd: FileDescriptorReservation) -> Result<Self> {
        let file = SyncFile::new(emitted.fence())?.into_file();
        Ok(Self { emitted, file, fd })
    }

    /// The number of the descriptor, which is nobody's until it is installed.
    pub(crate) fn fd(&self) -> i32 {
        self.fd.reserved_fd() as i32
    }

    /// The number that the fence has in its context.
    pub(crate) fn seqno(&self) -> u64 {
        self.emitted.fence().seqno()
    }

    /// Lets the fence stand and installs its descriptor. There is no way back.
    pub(crate) fn install(self) {
        self.install_after(|| {});
    }

    /// As [`install`](Self::install), with something that must be done before anybody has it.
    pub(crate) fn install_after(self, f: impl FnOnce()) {
        self.emitted.commit();
        f();
        self.fd.fd_install(self.file);
    }

    /// As [`install`](Self::install), for a fence that has nothing to wait for.
    pub(crate) fn install_done(self) {
        self.emitted.commit_done();
        self.fd.fd_install(self.file);
    }
}
