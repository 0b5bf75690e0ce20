// SPDX-License-Identifier: GPL-2.0

//! Copies the structures of the ioctls from and to user space.

use kernel::{
    ioctl::_IOC_SIZE,
    prelude::*,
    transmute::AsBytes,
    uaccess::{
        UserPtr,
        UserSlice,
        UserSliceReader,
        UserSliceWriter, //
    },
};

/// How many bytes after the structure that the driver knows are read or written at a time.
const CHUNK: usize = 128;

/// Returns the part of an ioctl number that identifies the call: type and number, without direction
/// and size.
///
/// The size is that of the structure that the caller was compiled with. The direction changes when
/// a structure without an answer gains one.
pub(crate) const fn call(cmd: u32) -> u32 {
    cmd & 0xffff
}

/// The argument of an ioctl: a structure that may be shorter or longer than the driver's.
#[derive(Clone, Copy)]
pub(crate) struct Arg {
    ptr: UserPtr,
    size: usize,
}

impl Arg {
    /// Returns the argument `arg` of the ioctl `cmd`.
    pub(crate) fn new(cmd: u32, arg: usize) -> Self {
        Self {
            ptr: UserPtr::from_addr(arg),
            size: _IOC_SIZE(cmd),
        }
    }

    /// Reads the structure. If the caller's structure is shorter than the driver's, the missing
    /// fields read as zero.
    ///
    /// # Errors
    ///
    /// - `E2BIG` if the caller's structure is longer, and the part that the driver does not know is
    ///   not zero.
    /// - `EFAULT` if the caller's memory can't be read.
    /// - `EINVAL` if the ioctl number says that there is no structure.
    #[inline]
    pub(crate) fn read<T: FromBytes + IntoBytes>(self) -> Result<T> {
        let mut value = T::new_zeroed();
        let bytes = value.as_mut_bytes();
        let mut reader = UserSlice::new(self.ptr, self.size).reader();
        if self.size == bytes.len() {
            reader.read_slice(bytes)?;
        } else {
            Self::read_other_size(reader, bytes)?;
        }
        Ok(value)
    }

    #[cold]
    fn read_other_size(mut reader: UserSliceReader, bytes: &mut [u8]) -> Result {
        let size = reader.len();
        if size == 0 {
            return Err(EINVAL);
        }
        let known = size.min(bytes.len());
        reader.read_slice(bytes.get_mut(..known).ok_or(EINVAL)?)?;
        while !reader.is_empty() {
            let mut tail = [0; CHUNK];
            let tail = tail.get_mut(..reader.len().min(CHUNK)).ok_or(EINVAL)?;
            reader.read_slice(tail)?;
            if tail.iter().any(|&byte| byte != 0) {
                return Err(E2BIG);
            }
        }
        Ok(())
    }

    /// Writes the structure. If the caller's structure is shorter, the fields that it lacks are
    /// left out; if it is longer, the rest is set to zero.
    ///
    /// # Errors
    ///
    /// - `EFAULT` if the caller's memory can't be written.
    /// - `EINVAL` if the ioctl number says that there is no structure.
    #[inline]
    pub(crate) fn write<T: FromBytes + IntoBytes>(self, value: &mut T) -> Result {
        let bytes = value.as_mut_bytes();
        let mut writer = UserSlice::new(self.ptr, self.size).writer();
        if self.size == bytes.len() {
            writer.write_slice(bytes)
        } else {
            Self::write_other_size(writer, bytes)
        }
    }

    #[cold]
    fn write_other_size(mut writer: UserSliceWriter, bytes: &[u8]) -> Result {
        let size = writer.len();
        if size == 0 {
            return Err(EINVAL);
        }
        writer.write_slice(bytes.get(..size.min(bytes.len())).ok_or(EINVAL)?)?;
        while !writer.is_empty() {
            let zero = [0; CHUNK];
            writer.write_slice(zero.get(..writer.len().min(CHUNK)).ok_or(EINVAL)?)?;
        }
        Ok(())
    }

    /// Writes the field at `offset` of a structure that was read, as far as the caller's structure
    /// has it. Fails with `EFAULT` if the caller's memory can't be written.
    ///
    /// It is for answers in which no other field changes.
    #[inline]
    pub(crate) fn write_field<T: AsBytes>(self, offset: usize, value: T) -> Result {
        let room = self.size.saturating_sub(offset);
        let ptr = self.ptr.wrapping_byte_add(offset);
        let mut writer = UserSlice::new(ptr, room).writer();
        if room >= size_of::<T>() {
            writer.write(&value)
        } else {
            writer.write_slice(AsBytes::as_bytes(&value).get(..room).ok_or(EINVAL)?)
        }
    }
}

/// Checks a status from user space, which must be 0 or a negative errno. Fails with `EINVAL`
/// otherwise.
pub(crate) fn status(status: i32) -> Result<Result> {
    match status {
        0 => Ok(Ok(())),
        -4095..=-1 => Ok(Err(Error::from_errno(status))),
        _ => Err(EINVAL),
    }
}
