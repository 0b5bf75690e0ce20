// SPDX-License-Identifier: GPL-2.0
// error: lifetime may not live long enough|borrowed data escapes

//! Hazard 24: a pointer to a value that borrows for long takes none that borrows for a moment.

use kernel::sync::rcu::{
    Published,
    Rcu,
    RcuFreeKBox, //
};

type Place<'a> = Rcu<RcuFreeKBox<Published<&'a u32>>>;

#[cfg(right)]
pub fn put(place: &Place<'static>, number: RcuFreeKBox<Published<&'static u32>>) {
    drop(place.replace(number));
}

#[cfg(not(right))]
pub fn put<'a>(place: &Place<'static>, number: RcuFreeKBox<Published<&'a u32>>) {
    let place: &Place<'a> = place;
    drop(place.replace(number));
}
