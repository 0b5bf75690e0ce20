// SPDX-License-Identifier: GPL-2.0
// error: wants a barrier

//! Hazard 24: an `RcuBox` doesn't unshare a condition. It drops it, so the module waits for that.

use kernel::{
    new_poll_condvar,
    prelude::*,
    sync::{
        poll::PollCondVar,
        rcu::{
            BarrierToken,
            RcuKBox, //
        },
    },
};

pub fn make(barrier: &BarrierToken) -> Result<RcuKBox<PollCondVar>> {
    let init = new_poll_condvar!("boxed");
    #[cfg(right)]
    return RcuKBox::pin_init_with_barrier(init, barrier, GFP_KERNEL);
    #[cfg(not(right))]
    RcuKBox::pin_init(init, GFP_KERNEL)
}
