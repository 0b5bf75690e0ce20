// SPDX-License-Identifier: GPL-2.0
// error: call to unsafe function

//! Hazard 32: a view is made of what is in a box. What is elsewhere may be moved or dropped.

use kernel::{
    prelude::*,
    sync::rcu::{
        Guard,
        Published,
        RcuFreeKBox,
        RcuFreeSafe, //
    },
};

pub fn look(boxed: &RcuFreeKBox<Published<u32>>, rcu: &Guard) -> u32 {
    #[cfg(right)]
    return *boxed.with_rcu(rcu);
    #[cfg(not(right))]
    *RcuFreeSafe::rcu_view(boxed.as_pin(), rcu)
}
