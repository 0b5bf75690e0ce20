// SPDX-License-Identifier: GPL-2.0

//! Tasks.
//!
//! C header: [`include/linux/sched.h`](srctree/include/linux/sched.h)

use crate::bindings;

#[doc(no_inline)]
pub use ::kernel::task::*;

/// Bytes of a task's name with its NUL.
pub const TASK_COMM_LEN: usize = bindings::TASK_COMM_LEN as usize;

/// Returns the name of the current task: NUL-terminated, of whatever bytes it gave itself.
///
/// Any context; in an interrupt it is the task that was interrupted.
pub fn current_comm() -> [u8; TASK_COMM_LEN] {
    let mut comm = [0; TASK_COMM_LEN];
    // SAFETY: The array has the room that the shim fills.
    unsafe { bindings::get_current_comm(comm.as_mut_ptr()) };
    comm
}
