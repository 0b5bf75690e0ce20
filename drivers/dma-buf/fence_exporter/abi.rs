// SPDX-License-Identifier: GPL-2.0

//! Structures of the ioctls, from and to user space.

use kernel::{
    ioctl::_IOC_SIZE,
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    },
};

/// Room for the largest structure of the ABI.
const MAX_SIZE: usize = 128;

/// Where the bits of the size stand in an ioctl number.
const SIZE_MASK: u32 = 0x3fff << 16;

/// An ioctl number without its size, which is that of the structure the caller was compiled with.
pub(crate) const fn call(cmd: u32) -> u32 {
    cmd & !SIZE_MASK
}

/// The argument of an ioctl: a structure that may be shorter or longer than ours.
#[derive(Clone, Copy)]
pub(crate) struct Arg {
    ptr: UserPtr,
    size: usize,
}

impl Arg {
    pub(crate) fn new(cmd: u32, arg: usize) -> Self {
        Self {
            ptr: UserPtr::from_addr(arg),
            size: _IOC_SIZE(cmd),
        }
    }

    /// Reads the structure. A tail that the caller lacks reads as zero.
    ///
    /// `E2BIG` if a tail that we lack isn't zero; `EFAULT`; `EINVAL` without a structure.
    pub(crate) fn read<T: FromBytes>(self) -> Result<T> {
        const { assert!(size_of::<T>() <= MAX_SIZE) };
        if self.size == 0 {
            return Err(EINVAL);
        }
        let mut reader = UserSlice::new(self.ptr, self.size).reader();
        let mut bytes = [0; MAX_SIZE];
        let known = bytes
            .get_mut(..self.size.min(size_of::<T>()))
            .ok_or(EINVAL)?;
        reader.read_slice(known)?;
        while !reader.is_empty() {
            let mut tail = [0; MAX_SIZE];
            let tail = tail.get_mut(..reader.len().min(MAX_SIZE)).ok_or(EINVAL)?;
            reader.read_slice(tail)?;
            if tail.iter().any(|&byte| byte != 0) {
                return Err(E2BIG);
            }
        }
        T::read_from_prefix(&bytes)
            .map(|(value, _)| value)
            .map_err(|_| EINVAL)
    }

    /// Writes the structure, as much of it as the caller has, and zeroes what the caller has more.
    ///
    /// `EFAULT`; `EINVAL` without a structure.
    pub(crate) fn write<T: FromBytes + IntoBytes>(self, value: &mut T) -> Result {
        if self.size == 0 {
            return Err(EINVAL);
        }
        let bytes = value.as_mut_bytes();
        let mut writer = UserSlice::new(self.ptr, self.size).writer();
        writer.write_slice(bytes.get(..self.size.min(bytes.len())).ok_or(EINVAL)?)?;
        while !writer.is_empty() {
            let zero = [0; MAX_SIZE];
            writer.write_slice(zero.get(..writer.len().min(MAX_SIZE)).ok_or(EINVAL)?)?;
        }
        Ok(())
    }
}

/// Checks a status that user space gives: 0, or a negative errno.
pub(crate) fn status(status: i32) -> Result<Result> {
    match status {
        0 => Ok(Ok(())),
        -4095..=-1 => Ok(Err(Error::from_errno(status))),
        _ => Err(EINVAL),
    }
}
