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
    task::{
        current_comm,
        current_tgid_vnr, //
    },
};

/// The size of a name with its terminating NUL, in bytes.
pub(crate) const LEN: usize = FENCE_EXPORTER_NAME_LEN as usize;

/// The size of a default name, in bytes: a comm has at most 15, a pid has at most 7 digits, and
/// there are a hyphen and a NUL.
const DEFAULT_LEN: usize = 24;

/// The name of a timeline: a default, and the name that was set, if any.
///
/// Readers of fences may use either name at any time, so neither is changed once it exists.
pub(crate) struct Name {
    default: CStrArray<DEFAULT_LEN>,
    // Bytes need no destructor, but `SetOnce` has one.
    set: ManuallyDrop<SetOnce<CStrArray<LEN>>>,
}

impl Name {
    /// Returns the default name: `<comm>-<pid>` of the process that opens the timeline.
    ///
    /// The pid is that of the process in its own pid namespace: any process with a descriptor of a
    /// fence can read the name, and it should not learn pids of the initial namespace.
    ///
    /// Two timelines of one process have the same name. The number of the context tells them apart.
    ///
    /// Fails with `EINVAL` if the name does not fit, which does not happen.
    pub(crate) fn of_current() -> Result<Self> {
        let comm = current_comm().map(|byte| {
            if byte == 0 || is_printable(byte) {
                byte
            } else {
                b'_'
            }
        });
        let comm = comm.split(|&byte| byte == 0).next().unwrap_or_default();
        let mut default = [0; DEFAULT_LEN];
        if let Some(mut buffer) = NullTerminatedFormatter::new(&mut default) {
            // This fits: see `DEFAULT_LEN`.
            let pid = current_tgid_vnr();
            let _ = buffer.write_fmt(fmt!("{}-{}", BStr::from_bytes(comm), pid));
        }
        Ok(Self {
            default: CStrArray::new(default).ok_or(EINVAL)?,
            set: ManuallyDrop::new(SetOnce::new()),
        })
    }

    /// Checks a name from user space, and returns it with all bytes after its end set to zero.
    ///
    /// Returns `None` if the name is empty. Fails with `EINVAL` if the name is not NUL-terminated
    /// or has a byte that is not printable.
    pub(crate) fn check(raw: &[u8; LEN]) -> Result<Option<CStrArray<LEN>>> {
        let (name, _) = raw
            .iter()
            .position(|&byte| byte == 0)
            .and_then(|len| raw.split_at_checked(len))
            .ok_or(EINVAL)?;
        if name.is_empty() {
            return Ok(None);
        }
        if !name.iter().all(|&byte| is_printable(byte)) {
            return Err(EINVAL);
        }
        let mut checked = [0; LEN];
        checked
            .iter_mut()
            .zip(name)
            .for_each(|(to, from)| *to = *from);
        CStrArray::new(checked).ok_or(EINVAL).map(Some)
    }

    /// Sets the name, unless it was set before, and returns whether it did. The caller ensures that
    /// no fence was emitted yet.
    pub(crate) fn set(&self, name: CStrArray<LEN>) -> bool {
        self.set.populate(name)
    }

    /// Returns the bytes of the name. All bytes after its end are zero.
    pub(crate) fn bytes(&self) -> [u8; LEN] {
        if let Some(name) = self.set.as_ref() {
            return name.bytes();
        }
        let mut bytes = [0; LEN];
        bytes
            .iter_mut()
            .zip(self.default.bytes())
            .for_each(|(to, from)| *to = from);
        bytes
    }

    /// Returns the name that was set, or else the default.
    #[inline]
    pub(crate) fn as_c_str(&self) -> &CStr {
        match self.set.as_ref() {
            Some(name) => name.as_c_str(),
            None => self.default.as_c_str(),
        }
    }
}

/// Returns whether a byte is printable ASCII, from the space to the tilde.
fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e)
}
