// SPDX-License-Identifier: GPL-2.0
// error: destructor would never run

//! Hazard 24: readers could put a part into a place that is published, which is never unshared.

use kernel::{
    prelude::*,
    sync::rcu::{
        Published,
        RcuFreeKBox,
        RcuOnce, //
    },
};

type Place = RcuOnce<Published<u32>>;

#[cfg(right)]
pub fn make() -> Result<RcuFreeKBox<Place>> {
    Ok(RcuFreeKBox::new(RcuOnce::new(), GFP_KERNEL)?)
}

#[cfg(not(right))]
pub fn make() -> Result<RcuFreeKBox<Published<Place>>> {
    Ok(RcuFreeKBox::new(
        Published::new(RcuOnce::new()),
        GFP_KERNEL,
    )?)
}
