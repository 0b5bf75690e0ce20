// SPDX-License-Identifier: GPL-2.0
// error: cannot move out of `rcu` because it is borrowed

//! Hazard 24: what a box gives may outlive the box, but not the critical section.

use kernel::{
    prelude::*,
    sync::rcu::{
        self,
        RcuKBox, //
    },
};

pub fn look(boxed: RcuKBox<u32>) -> u32 {
    let rcu = rcu::read_lock();
    let found = boxed.with_rcu(&rcu);
    drop(boxed);
    #[cfg(not(right))]
    drop(rcu);
    *found
}
