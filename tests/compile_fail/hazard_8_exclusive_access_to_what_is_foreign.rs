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
            RcuFreeKBox,
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
/// Callers must ensure that `ptr` is from `into_foreign` of such a box, and that no other code
/// borrows the box.
pub unsafe fn hop(ptr: *mut c_void) {
    // SAFETY: By the safety requirements, `ptr` is that of a box that only this function borrows.
    let mut route = unsafe { <RcuFreeKBox<Route> as ForeignOwnable>::borrow_mut(ptr) };
    #[cfg(right)]
    route.hops.add(1, Relaxed);
    #[cfg(not(right))]
    {
        route.hops += 1;
    }
}
