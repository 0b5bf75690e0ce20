// SPDX-License-Identifier: GPL-2.0

//! Tasks.
//!
//! C header: [`include/linux/sched.h`](srctree/include/linux/sched.h)

use crate::bindings;

#[doc(no_inline)]
pub use ::kernel::task::*;

/// Size of a task's name in bytes, including the NUL.
pub const TASK_COMM_LEN: usize = bindings::TASK_COMM_LEN as usize;

/// Returns the name of the current task, NUL-terminated.
///
/// A task may rename itself at any time. So the name may have any byte, printable or not.
///
/// Any context; in an interrupt, the current task is the one that was interrupted. Reads
/// `current->comm`.
pub fn current_comm() -> [u8; TASK_COMM_LEN] {
    let mut comm = [0; TASK_COMM_LEN];
    // SAFETY: The shim writes `TASK_COMM_LEN` bytes, which is the size of `comm`.
    unsafe { bindings::get_current_comm(comm.as_mut_ptr()) };
    comm
}

/// Returns the number of the current process in its own pid namespace: what `getpid()` returns.
///
/// Any context; in an interrupt, the current process is the one that was interrupted. Does what
/// `task_tgid_vnr()` does.
pub fn current_tgid_vnr() -> Pid {
    // SAFETY: `current` is always valid, and a task that runs has a pid.
    unsafe { bindings::current_tgid_vnr() }
}
