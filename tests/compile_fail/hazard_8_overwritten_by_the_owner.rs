// SPDX-License-Identifier: GPL-2.0
// error: expected `Published<u32>`, found

//! Hazard 8: there is no `Published` that could be put over one that readers read.

use kernel::{
    prelude::*,
    sync::rcu::{
        Published,
        RcuFreeBox, //
    },
};

pub fn overwrite(mut boxed: RcuFreeBox<Published<u32>>) -> Result {
    #[cfg(right)]
    let _ = boxed.as_pin_mut();
    #[cfg(not(right))]
    boxed.as_pin_mut().set(Published::new(2));
    Ok(())
}
