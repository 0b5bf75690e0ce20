// SPDX-License-Identifier: GPL-2.0
// error: destructor would never run

//! Hazard 24: readers could put a part into a place that is published, which is never unshared.

use kernel::{
    prelude::*,
    sync::rcu::{
        Published,
        RcuFreeBox,
        RcuOnce, //
    },
};

type Place = RcuOnce<Published<u32>>;

#[cfg(right)]
pub fn make() -> Result<RcuFreeBox<Place>> {
    RcuFreeBox::pin_init(RcuOnce::new(), GFP_KERNEL)
}

#[cfg(not(right))]
pub fn make() -> Result<RcuFreeBox<Published<Place>>> {
    RcuFreeBox::pin_init(Published::pin_new(RcuOnce::new()), GFP_KERNEL)
}
