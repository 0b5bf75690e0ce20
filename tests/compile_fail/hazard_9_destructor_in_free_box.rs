// SPDX-License-Identifier: GPL-2.0
// error: a destructor

//! Hazard 9: an `RcuFreeBox` would never run the destructor.

use kernel::{
    prelude::*,
    rcu_view,
    sync::rcu::{
        Published,
        RcuFreeKBox, //
    },
};

#[cfg(right)]
type Own = u32;
#[cfg(not(right))]
type Own = KVec<u32>;

#[pin_data]
pub struct Whole {
    #[pin]
    part: Published<u32>,
    own: Own,
}

rcu_view! {
    pub struct WholeView of Whole {
        part: Published<u32>,
        ..own
    }
}

pub fn make() -> Result<RcuFreeKBox<Whole>> {
    let init = pin_init!(Whole {
        part <- Published::new(1),
        own: Own::default(),
    });
    RcuFreeKBox::pin_init(init, GFP_KERNEL)
}
