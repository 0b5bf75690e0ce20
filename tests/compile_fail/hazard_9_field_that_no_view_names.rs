// SPDX-License-Identifier: GPL-2.0
// error: pattern does not mention field|pattern requires `..` due to inaccessible fields

//! Hazard 9: a part that the composition doesn't know would never be unshared.

use kernel::{
    prelude::*,
    rcu_view,
    sync::rcu::{
        Published,
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

rcu_view! {
    pub struct WholeView of Whole {
        part: Published<u32>,
        #[cfg(right)]
        late: RcuOnce<Published<u32>>,
    }
}
