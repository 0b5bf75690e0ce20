// SPDX-License-Identifier: GPL-2.0

//! All unsafe code of this crate: the ioctls, the ownership of the descriptors that they return,
//! and kcmp(2), a system call that `rustix` does not have.

use crate::uapi::{
    fence_exporter_create, fence_exporter_export, fence_exporter_info, fence_exporter_query,
    fence_exporter_setup, fence_exporter_signal, fence_exporter_signal_at, fence_exporter_submit,
    sw_sync_create_fence_data, sync_fence_info, sync_file_info, sync_merge_data, sync_set_deadline,
    CREATE, EXPORT, FENCE_EXPORTER_MAX_FENCES, INFO, QUERY, SETUP, SIGNAL, SIGNAL_AT, SUBMIT,
    SW_SYNC_CREATE_FENCE, SW_SYNC_INC, SYNC_FILE_INFO, SYNC_MERGE, SYNC_SET_DEADLINE,
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
/// Implementers must ensure that `OPCODE` is an ioctl whose argument is this structure, and that
/// any bytes are a valid value of the structure.
unsafe trait Argument: Sized {
    const OPCODE: Opcode;

    /// `OPCODE`, checked at compile time. The number of an ioctl contains the size of its argument,
    /// so the build fails if the number and the structure do not belong together.
    const CHECKED: Opcode = {
        assert!((Self::OPCODE >> 16 & 0x3fff) as usize == size_of::<Self>());
        Self::OPCODE
    };
}

macro_rules! argument {
    ($($opcode:ident: $type:ty,)*) => {$(
        // SAFETY: The header defines this number with this structure. All fields of the structure
        // are integers, so any bytes are valid.
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
    QUERY: fence_exporter_query,
    EXPORT: fence_exporter_export,
    SW_SYNC_CREATE_FENCE: sw_sync_create_fence_data,
    SW_SYNC_INC: u32,
    SYNC_FILE_INFO: sync_file_info,
    SYNC_MERGE: sync_merge_data,
    SYNC_SET_DEADLINE: sync_set_deadline,
}

/// An ioctl with its argument, for `rustix::ioctl::ioctl`.
struct Call<'a, T: Argument>(&'a mut T);

// SAFETY: The kernel reads and writes as many bytes as the number of the ioctl says. That is the
// size of `T` (`CHECKED`), and any bytes are a valid `T`. If `fd` is a file of another driver,
// which gives the number a meaning of its own, the size in the number is still the same.
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

/// Calls an ioctl, and calls it again if a signal interrupts it.
///
/// # Safety
///
/// Callers must ensure that each address in `argument` is 0, or points to memory that the kernel
/// may access in the way that this ioctl does.
unsafe fn call<T: Argument>(fd: impl AsFd, argument: &mut T) -> Result<()> {
    retry_on_intr(|| {
        // SAFETY: `Call` passes the opcode of its argument. By the safety requirements, the kernel
        // may write to the addresses in `argument`.
        unsafe { ioctl(fd.as_fd(), Call(argument)) }
    })
}

/// Takes ownership of a descriptor that the kernel has just returned.
fn own(fd: i32) -> Result<OwnedFd> {
    // A file of another driver may return any number.
    if fd < 0 {
        return Err(Errno::BADF);
    }
    // SAFETY: The ioctl has succeeded and installed `fd`, and only its caller knows the descriptor.
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
    /// FENCE_EXPORTER_IOC_QUERY.
    query(fence_exporter_query);
    /// SW_SYNC_IOC_INC.
    sw_sync_inc(u32);
    /// SYNC_IOC_SET_DEADLINE.
    set_deadline(sync_set_deadline);
}

/// FENCE_EXPORTER_IOC_CREATE, for at most [`FENCE_EXPORTER_MAX_FENCES`] fences. Returns the first
/// sequence number, and the descriptors.
pub(crate) fn create(fd: impl AsFd, count: u32) -> Result<(u64, Vec<OwnedFd>)> {
    let mut fds = [-1i32; FENCE_EXPORTER_MAX_FENCES as usize];
    let mut argument = fence_exporter_create {
        fds: fds.as_mut_ptr().expose_provenance() as u64,
        count,
        ..Default::default()
    };
    // SAFETY: The kernel writes `count` numbers to `fds`. It refuses a count above
    // FENCE_EXPORTER_MAX_FENCES, which is the length of `fds`.
    unsafe { call(fd, &mut argument) }?;
    let fences = fds.iter().take(count as usize).map(|&fd| own(fd));
    Ok((argument.first_seqno, fences.collect::<Result<_>>()?))
}

/// FENCE_EXPORTER_IOC_SUBMIT of a job that waits for `in_fences`. This function sets the address
/// and the number of in-fences in `argument`.
///
/// The returned descriptor is also in `argument.out_fence`. Callers must not use it from there,
/// because the returned value owns it.
pub(crate) fn submit(
    fd: impl AsFd,
    argument: &mut fence_exporter_submit,
    in_fences: &[BorrowedFd<'_>],
) -> Result<OwnedFd> {
    let in_fences: Vec<i32> = in_fences.iter().map(AsRawFd::as_raw_fd).collect();
    argument.in_fences = in_fences.as_ptr().expose_provenance() as u64;
    argument.in_count = u32::try_from(in_fences.len()).map_err(|_| Errno::INVAL)?;
    // SAFETY: The kernel only reads `in_count` numbers at `in_fences`, and the vector has that
    // many.
    unsafe { call(fd, argument) }?;
    own(argument.out_fence)
}

/// FENCE_EXPORTER_IOC_EXPORT.
pub(crate) fn export(fd: impl AsFd, seqno: u64) -> Result<OwnedFd> {
    let mut argument = fence_exporter_export {
        seqno,
        ..Default::default()
    };
    // SAFETY: The structure has no address in it.
    unsafe { call(fd, &mut argument) }?;
    own(argument.fd)
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

/// SYNC_IOC_FILE_INFO. Returns what the kernel says of the sync_file, and of each of its fences.
pub(crate) fn file_info(fd: impl AsFd) -> Result<(sync_file_info, Vec<sync_fence_info>)> {
    let mut argument = sync_file_info::default();
    // SAFETY: The address in `argument` is 0, so the kernel only counts the fences.
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

/// Compares two descriptors, each given as the number of a process and a descriptor of that
/// process. Returns whether both refer to the same open file, or `None` if the kernel does not say.
pub(crate) fn is_same_file(one: (u32, u32), other: (u32, u32)) -> Option<bool> {
    /// `KCMP_FILE` of linux/kcmp.h.
    const FILE: libc::c_int = 0;
    let long = |number: u32| libc::c_ulong::from(number);
    let (first, second) = (long(one.0), long(other.0));
    // SAFETY: For `KCMP_FILE`, kcmp(2) takes five numbers and no address. It only compares.
    let order = unsafe {
        libc::syscall(
            libc::SYS_kcmp,
            first,
            second,
            FILE,
            long(one.1),
            long(other.1),
        )
    };
    // 0 means that the files are equal. 1 to 3 mean that they differ: they give the order of the
    // files, or say that the files have no order.
    (0..=3).contains(&order).then_some(order == 0)
}
