// SPDX-License-Identifier: GPL-2.0
// error: mismatched types

//! Hazard 8: a field that is viewed is of the type that it is said to be, and not what that points
//! to.

use kernel::{
    prelude::*,
    rcu_view,
    sync::rcu::{
        Published,
        RcuFreeKBox, //
    },
};

#[cfg(right)]
type Part = Published<u32>;
#[cfg(not(right))]
type Part = RcuFreeKBox<Published<u32>>;

#[pin_data]
pub struct Whole {
    #[pin]
    part: Part,
}

rcu_view! {
    pub struct WholeView of Whole {
        part: Published<u32>,
    }
}
