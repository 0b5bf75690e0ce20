// SPDX-License-Identifier: GPL-2.0
// error: cannot move out of type `Whole`, which implements the `Drop` trait

//! Hazard 9: nobody would run the destructor of a composition.

use kernel::{
    prelude::*,
    rcu_view,
    sync::rcu::Published, //
};

#[cfg_attr(right, pin_data)]
#[cfg_attr(not(right), pin_data(PinnedDrop))]
pub struct Whole {
    #[pin]
    part: Published<u32>,
}

#[cfg(not(right))]
#[pinned_drop]
impl PinnedDrop for Whole {
    fn drop(self: Pin<&mut Self>) {}
}

rcu_view! {
    pub struct WholeView of Whole {
        part: Published<u32>,
    }
}
