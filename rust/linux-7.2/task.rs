// SPDX-License-Identifier: GPL-2.0

//! Tasks.

#[doc(no_inline)]
pub use ::kernel::task::*;

/// Methods that [`Task`] has in Linux 7.3 only.
pub trait TaskExt {
    /// Returns the TGID (Thread Group ID / Process ID) of the given task.
    fn tgid(&self) -> Pid;
}

impl TaskExt for Task {
    fn tgid(&self) -> Pid {
        // SAFETY: The pointer is that of a task, which is valid while `self` is. Its TGID does not
        // change after initialization, so that reading it is not a data race.
        unsafe { (*self.as_ptr()).tgid }
    }
}
