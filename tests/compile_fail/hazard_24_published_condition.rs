// SPDX-License-Identifier: GPL-2.0
// error: destructor would never run

//! Hazard 24: readers get what is published as it is, so it is nothing that must be unshared. They
//! could wait for such a condition, or register with it.

use kernel::{
    new_poll_condvar,
    prelude::*,
    sync::{
        poll::PollCondVar,
        rcu::{
            Published,
            RcuFreeKBox, //
        },
    },
};

#[cfg(right)]
pub fn make() -> Result<RcuFreeKBox<PollCondVar>> {
    RcuFreeKBox::pin_init(new_poll_condvar!("published"), GFP_KERNEL)
}

#[cfg(not(right))]
pub fn make() -> Result<RcuFreeKBox<Published<PollCondVar>>> {
    let init = Published::pin_new(new_poll_condvar!("published"));
    RcuFreeKBox::pin_init(init, GFP_KERNEL)
}
