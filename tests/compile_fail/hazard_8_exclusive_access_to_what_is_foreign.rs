// SPDX-License-Identifier: GPL-2.0
// error: cannot assign to data in dereference of `.*Pin<&Route>`

//! Hazard 8: what is in a data structure that readers search is not lent exclusively.

use core::ffi::c_void;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        rcu::{
            Guard,
            RcuFreeBox,
            RcuFreeSafe, //
        },
    },
    types::ForeignOwnable,
};

pub struct Route {
    #[cfg(right)]
    hops: Atomic<u32>,
    #[cfg(not(right))]
    hops: u32,
}

// SAFETY: There is no way to a route but the box; a view has nothing.
unsafe impl RcuFreeSafe for Route {
    type RcuView<'a> = ();

    unsafe fn rcu_view<'a>(self: Pin<&'a Self>, _rcu: &'a Guard) {}

    unsafe fn drop_before_gp(self: Pin<&Self>) {}
}

/// # Safety
///
/// Callers must ensure that `ptr` is that of such a box, which nobody else borrows.
pub unsafe fn hop(ptr: *mut c_void) {
    // SAFETY: As the caller promises.
    let mut route = unsafe { <RcuFreeBox<Route> as ForeignOwnable>::borrow_mut(ptr) };
    #[cfg(right)]
    route.hops.add(1, Relaxed);
    #[cfg(not(right))]
    {
        route.hops += 1;
    }
}
