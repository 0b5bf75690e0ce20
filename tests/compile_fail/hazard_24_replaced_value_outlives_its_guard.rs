// SPDX-License-Identifier: GPL-2.0
// error: does not live long enough|cannot return value referencing|borrowed value

//! Hazard 24: what a pointer had is good for the critical section that it was looked at in.

use kernel::sync::rcu::{
    self,
    Published,
    Rcu,
    RcuFreeKBox, //
};

pub fn look(place: &Rcu<RcuFreeKBox<Published<u32>>>) -> u32 {
    let found;
    #[cfg(right)]
    let guard = rcu::read_lock();
    {
        #[cfg(not(right))]
        let guard = rcu::read_lock();
        found = place.dereference(&guard);
    }
    *found
}
