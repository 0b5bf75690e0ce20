// SPDX-License-Identifier: GPL-2.0

//! The one place where ioctls are made, and where descriptors come from: all unsafe code of this crate.

use crate::uapi::{
    fence_exporter_create, fence_exporter_info, fence_exporter_setup, fence_exporter_signal,
    fence_exporter_signal_at, fence_exporter_submit, sw_sync_create_fence_data, sync_fence_info,
    sync_file_info, sync_merge_data, sync_set_deadline, CREATE, FENCE_EXPORTER_MAX_FENCES, INFO,
    SETUP, SIGNAL, SIGNAL_AT, SUBMIT, SW_SYNC_CREATE_FENCE, SW_SYNC_INC, SYNC_FILE_INFO,
    SYNC_MERGE, SYNC_SET_DEADLINE,
};
use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    io::{retry_on_intr, Errno, Result},
    ioctl::{ioctl, Ioctl, IoctlOutput, Opcode},
};
use std::{ffi::c_void, ptr::from_mut};

/// The argument of an ioctl.
///
/// # Safety
///
/// `OPCODE` is the ioctl whose argument this structure is. Any bytes are a valid value of it.
unsafe trait Argument: Sized {
    const OPCODE: Opcode;

    /// The size in an ioctl's number is that of its argument: a wrong pair doesn't compile.
    const CHECKED: Opcode = {
        assert!((Self::OPCODE >> 16 & 0x3fff) as usize == size_of::<Self>());
        Self::OPCODE
    };
}

macro_rules! argument {
    ($($opcode:ident: $type:ty,)*) => {$(
        // SAFETY: The header makes this number with this structure, whose fields are integers.
        unsafe impl Argument for $type {
            const OPCODE: Opcode = $opcode;
        }
    )*};
}

argument! {
    SETUP: fence_exporter_setup,
    CREATE: fence_exporter_create,
    SIGNAL: fence_exporter_signal,
    SIGNAL_AT: fence_exporter_signal_at,
    SUBMIT: fence_exporter_submit,
    INFO: fence_exporter_info,
    SW_SYNC_CREATE_FENCE: sw_sync_create_fence_data,
    SW_SYNC_INC: u32,
    SYNC_FILE_INFO: sync_file_info,
    SYNC_MERGE: sync_merge_data,
    SYNC_SET_DEADLINE: sync_set_deadline,
}

/// An ioctl that is about to be made.
struct Call<'a, T: Argument>(&'a mut T);

// SAFETY: The kernel reads and writes as many bytes as the number says, which is the size of `T`, and any
// bytes are a `T`. The file may be of another kind, and take the number for one of its own: that has the
// same size in it.
unsafe impl<T: Argument> Ioctl for Call<'_, T> {
    type Output = ();
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        T::CHECKED
    }

    fn as_ptr(&mut self) -> *mut c_void {
        from_mut(self.0).cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut c_void) -> Result<()> {
        Ok(())
    }
}

/// Makes an ioctl.
///
/// # Safety
///
/// What is an address in `argument` is 0, or that of memory that the kernel may write what it is said to.
unsafe fn call<T: Argument>(fd: impl AsFd, argument: &mut T) -> Result<()> {
    retry_on_intr(|| {
        // SAFETY: By the implementation of `Ioctl`, and what the caller says of the addresses.
        unsafe { ioctl(fd.as_fd(), Call(argument)) }
    })
}

/// Makes an owner of a descriptor that the kernel has just answered.
fn own(fd: i32) -> Result<OwnedFd> {
    // A file of another kind may answer anything.
    if fd < 0 {
        return Err(Errno::BADF);
    }
    // SAFETY: A call that has succeeded has installed the descriptor, and told nobody but its caller.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

macro_rules! plain {
    ($($(#[$doc:meta])* $name:ident($type:ty);)*) => {$(
        $(#[$doc])*
        pub(crate) fn $name(fd: impl AsFd, argument: &mut $type) -> Result<()> {
            // SAFETY: The structure has no address in it.
            unsafe { call(fd, argument) }
        }
    )*};
}

plain! {
    /// FENCE_EXPORTER_IOC_SETUP.
    setup(fence_exporter_setup);
    /// FENCE_EXPORTER_IOC_SIGNAL.
    signal(fence_exporter_signal);
    /// FENCE_EXPORTER_IOC_SIGNAL_AT.
    signal_at(fence_exporter_signal_at);
    /// FENCE_EXPORTER_IOC_INFO.
    info(fence_exporter_info);
    /// SW_SYNC_IOC_INC.
    sw_sync_inc(u32);
    /// SYNC_IOC_SET_DEADLINE.
    set_deadline(sync_set_deadline);
}

/// FENCE_EXPORTER_IOC_CREATE, for at most 64 fences: the first sequence number, and the descriptors.
pub(crate) fn create(fd: impl AsFd, count: u32) -> Result<(u64, Vec<OwnedFd>)> {
    let mut fds = [-1i32; FENCE_EXPORTER_MAX_FENCES as usize];
    let mut argument = fence_exporter_create {
        fds: fds.as_mut_ptr().expose_provenance() as u64,
        count,
        ..Default::default()
    };
    // SAFETY: The kernel writes `count` numbers at `fds`, and refuses a count above the length of that.
    unsafe { call(fd, &mut argument) }?;
    let fences = fds.iter().take(count as usize).map(|&fd| own(fd));
    Ok((argument.first_seqno, fences.collect::<Result<_>>()?))
}

/// FENCE_EXPORTER_IOC_SUBMIT. The descriptor is also in `argument`, and not to be used from there.
pub(crate) fn submit(fd: impl AsFd, argument: &mut fence_exporter_submit) -> Result<OwnedFd> {
    // SAFETY: The structure has no address in it.
    unsafe { call(fd, argument) }?;
    own(argument.out_fence)
}

/// SW_SYNC_IOC_CREATE_FENCE.
pub(crate) fn sw_sync_create(fd: impl AsFd, value: u32) -> Result<OwnedFd> {
    let mut argument = sw_sync_create_fence_data {
        value,
        ..Default::default()
    };
    // SAFETY: The structure has no address in it.
    unsafe { call(fd, &mut argument) }?;
    own(argument.fence)
}

/// SYNC_IOC_MERGE.
pub(crate) fn merge(fd: impl AsFd, other: BorrowedFd<'_>) -> Result<OwnedFd> {
    let mut argument = sync_merge_data {
        fd2: other.as_raw_fd(),
        ..Default::default()
    };
    // SAFETY: The structure has no address in it.
    unsafe { call(fd, &mut argument) }?;
    own(argument.fence)
}

/// SYNC_IOC_FILE_INFO: what it says of the file, and of each of its fences.
pub(crate) fn file_info(fd: impl AsFd) -> Result<(sync_file_info, Vec<sync_fence_info>)> {
    let mut argument = sync_file_info::default();
    // SAFETY: The address is 0: the kernel only counts.
    unsafe { call(&fd, &mut argument) }?;
    let mut fences = vec![sync_fence_info::default(); argument.num_fences as usize];
    argument = sync_file_info {
        num_fences: argument.num_fences,
        sync_fence_info: fences.as_mut_ptr().expose_provenance() as u64,
        ..Default::default()
    };
    // SAFETY: The kernel writes at most `num_fences` structures, which is the length of `fences`.
    unsafe { call(fd, &mut argument) }?;
    fences.truncate(argument.num_fences as usize);
    Ok((argument, fences))
}
