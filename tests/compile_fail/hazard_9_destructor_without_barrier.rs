// SPDX-License-Identifier: GPL-2.0
// error: wants a barrier

//! Hazard 9: the destructor would run in text that may be gone.

use kernel::{
    prelude::*,
    sync::rcu::{
        BarrierToken,
        RcuKBox, //
    },
};

pub fn make(barrier: &BarrierToken) -> Result<RcuKBox<KVec<u32>>> {
    #[cfg(right)]
    return RcuKBox::pin_init_with_barrier(KVec::new(), barrier, GFP_KERNEL);
    #[cfg(not(right))]
    RcuKBox::pin_init(KVec::new(), GFP_KERNEL)
}
