// SPDX-License-Identifier: GPL-2.0
// error: call to unsafe function

//! Hazard 32: safe code can't unshare a value that is in a box.

use kernel::{
    prelude::*,
    sync::rcu::{
        Published,
        RcuFreeKBox,
        RcuFreeSafe, //
    },
};

pub fn unshare(boxed: RcuFreeKBox<Published<u32>>) {
    #[cfg(not(right))]
    boxed.as_pin().drop_before_gp();
    drop(boxed);
}
