// SPDX-License-Identifier: GPL-2.0

//! The name of a timeline.

use core::mem::ManuallyDrop;
use fence_uapi::FENCE_EXPORTER_NAME_LEN;
use kernel::{
    fmt::Write,
    prelude::*,
    str::{
        BStr,
        CStrArray,
        NullTerminatedFormatter, //
    },
    sync::SetOnce,
    task::current_comm, //
};

/// Bytes of a name with its NUL.
pub(crate) const LEN: usize = FENCE_EXPORTER_NAME_LEN as usize;

/// A name: what it is until it is set, and what it was set to.
///
/// Readers of fences may be looking at it at any time: neither is changed once it is there.
pub(crate) struct Name {
    default: CStrArray<LEN>,
    // Bytes have no destructor; without this the type would.
    set: ManuallyDrop<SetOnce<CStrArray<LEN>>>,
}

impl Name {
    /// The name that tells who opened the timeline: `<comm>-<pid>`.
    ///
    /// Of two timelines of one process it is the context's number that tells them apart.
    ///
    /// `EINVAL` if it didn't fit, which it does.
    pub(crate) fn of_current() -> Result<Self> {
        let comm = current_comm().map(|byte| {
            if byte == 0 || is_printable(byte) {
                byte
            } else {
                b'_'
            }
        });
        let comm = comm.split(|&byte| byte == 0).next().unwrap_or_default();
        let mut default = [0; LEN];
        if let Some(mut buffer) = NullTerminatedFormatter::new(&mut default) {
            // It fits: a comm has at most 15 bytes and a number 11.
            let pid = kernel::current!().tgid();
            let _ = buffer.write_fmt(fmt!("{}-{}", BStr::from_bytes(comm), pid));
        }
        Ok(Self {
            default: CStrArray::new(default).ok_or(EINVAL)?,
            set: ManuallyDrop::new(SetOnce::new()),
        })
    }

    /// Checks a name that user space wants, and returns it with what follows the NUL zeroed.
    ///
    /// `EINVAL` if it isn't terminated, is empty, has a byte that isn't printable, or is `unbound`,
    /// which is what Perfetto leaves out.
    pub(crate) fn check(raw: &[u8; LEN]) -> Result<CStrArray<LEN>> {
        let (name, _) = raw
            .iter()
            .position(|&byte| byte == 0)
            .and_then(|len| raw.split_at_checked(len))
            .ok_or(EINVAL)?;
        if name.is_empty() || name == b"unbound" || !name.iter().all(|&byte| is_printable(byte)) {
            return Err(EINVAL);
        }
        let mut checked = [0; LEN];
        checked
            .iter_mut()
            .zip(name)
            .for_each(|(to, from)| *to = *from);
        CStrArray::new(checked).ok_or(EINVAL)
    }

    /// Sets the name, once, before there is a fence.
    pub(crate) fn set(&self, name: CStrArray<LEN>) -> bool {
        self.set.populate(name)
    }

    #[inline]
    fn get(&self) -> &CStrArray<LEN> {
        self.set.as_ref().unwrap_or(&self.default)
    }

    /// Returns the bytes, with what follows the NUL zeroed.
    pub(crate) fn bytes(&self) -> &[u8; LEN] {
        self.get().bytes()
    }

    /// Returns the name.
    #[inline]
    pub(crate) fn as_c_str(&self) -> &CStr {
        self.get().as_c_str()
    }
}

/// ASCII, from the space to the tilde.
fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e)
}
