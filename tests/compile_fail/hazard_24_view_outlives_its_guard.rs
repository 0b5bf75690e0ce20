// SPDX-License-Identifier: GPL-2.0
// error: does not live long enough|cannot return value referencing|borrowed value

//! Hazard 24: a view is good for the critical section that it was made in.

use kernel::{
    prelude::*,
    sync::rcu::{
        self,
        Published,
        RcuFreeKBox,
        RcuTable, //
    },
};

pub fn find(table: &RcuTable<RcuFreeKBox<Published<u32>>>) -> u32 {
    let found;
    #[cfg(right)]
    let guard = rcu::read_lock();
    {
        #[cfg(not(right))]
        let guard = rcu::read_lock();
        found = table.load_rcu(1, &guard);
    }
    found.copied().unwrap_or(0)
}
