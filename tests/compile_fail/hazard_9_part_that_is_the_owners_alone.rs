// SPDX-License-Identifier: GPL-2.0
// error: a field of the owner's has a destructor

//! Hazard 9: a part that must be unshared is not hidden among what is the owner's.

use kernel::{
    prelude::*,
    rcu_view,
    sync::rcu::{
        Published,
        RcuFreeKBox,
        RcuOnce, //
    },
};

#[pin_data]
pub struct Whole {
    #[pin]
    part: Published<u32>,
    #[pin]
    late: RcuOnce<Published<u32>>,
}

#[cfg(right)]
rcu_view! {
    pub struct WholeView of Whole {
        part: Published<u32>,
        late: RcuOnce<Published<u32>>,
    }
}

#[cfg(not(right))]
rcu_view! {
    pub struct WholeView of Whole {
        part: Published<u32>,
        ..late
    }
}

pub fn make() -> Result<RcuFreeKBox<Whole>> {
    let init = try_pin_init!(Whole {
        part <- Published::new(1),
        late <- RcuOnce::new(),
    }? Error);
    RcuFreeKBox::pin_init(init, GFP_KERNEL)
}
