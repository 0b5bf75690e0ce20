// SPDX-License-Identifier: GPL-2.0

//! Exports fences as descriptors, which are reserved first and installed last.

use fence_uapi::FENCE_EXPORTER_MAX_FENCES;
use kernel::{
    dma_buf::{
        Fence,
        SyncFile, //
    },
    fs::file::{
        flags::O_CLOEXEC,
        FileDescriptorReservation, //
    },
    prelude::*,
    uaccess::UserSliceWriter, //
};

/// A reserved descriptor that is not installed yet, and the file for it.
pub(crate) struct Descriptor {
    fd: FileDescriptorReservation,
    file: Option<SyncFile>,
}

impl Descriptor {
    /// Reserves a descriptor. Fails with `EMFILE` or `ENOMEM`.
    #[inline]
    pub(crate) fn reserve() -> Result<Self> {
        Ok(Self {
            fd: FileDescriptorReservation::get_unused_fd_flags(O_CLOEXEC)?,
            file: None,
        })
    }

    /// Returns the number of the descriptor.
    #[inline]
    pub(crate) fn number(&self) -> i32 {
        self.fd.reserved_fd() as i32
    }

    /// Makes the file for a fence. Fails with `ENOMEM`.
    #[inline]
    pub(crate) fn attach(&mut self, fence: &Fence) -> Result {
        self.file = Some(SyncFile::new(fence)?);
        Ok(())
    }

    /// Installs the descriptor, which can't be undone.
    #[inline]
    pub(crate) fn install(self) {
        if let Some(file) = self.file {
            self.fd.fd_install(file.into_file());
        }
    }
}

/// The descriptors of one call. Most often there is one, which needs no allocation.
pub(crate) enum Descriptors {
    One(Descriptor),
    Many(KVec<Descriptor>),
}

impl Descriptors {
    /// Reserves `count` descriptors. Fails with `EMFILE` or `ENOMEM`.
    pub(crate) fn reserve(count: usize) -> Result<Self> {
        if count == 1 {
            return Ok(Self::One(Descriptor::reserve()?));
        }
        let mut many = KVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            many.push_within_capacity(Descriptor::reserve()?)?;
        }
        Ok(Self::Many(many))
    }

    /// Writes the numbers of the descriptors to user space. Fails with `EFAULT`.
    pub(crate) fn write_numbers(&self, to: &mut UserSliceWriter) -> Result {
        match self {
            Self::One(one) => to.write(&one.number()),
            Self::Many(many) => {
                let mut numbers = [0; FENCE_EXPORTER_MAX_FENCES as usize];
                for (to, descriptor) in numbers.iter_mut().zip(many) {
                    *to = descriptor.number();
                }
                let numbers = numbers.get(..many.len()).ok_or(EINVAL)?;
                to.write_slice(numbers.as_bytes())
            }
        }
    }

    /// Makes the files for `fences`, one for each descriptor. Fails with `ENOMEM`.
    #[inline(always)]
    pub(crate) fn attach<'a>(&mut self, fences: impl Iterator<Item = &'a Fence>) -> Result {
        let descriptors = match self {
            Self::One(one) => core::slice::from_mut(one),
            Self::Many(many) => many,
        };
        for (descriptor, fence) in descriptors.iter_mut().zip(fences) {
            descriptor.attach(fence)?;
        }
        Ok(())
    }

    /// Installs all descriptors, which can't be undone.
    pub(crate) fn install(self) {
        match self {
            Self::One(one) => one.install(),
            Self::Many(many) => many.into_iter().for_each(Descriptor::install),
        }
    }
}
