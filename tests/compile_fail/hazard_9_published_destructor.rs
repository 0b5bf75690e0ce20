// SPDX-License-Identifier: GPL-2.0
// error: destructor would never run

//! Hazard 9: nobody would drop what is published.

use kernel::{
    prelude::*,
    sync::rcu::{
        Published,
        RcuFreeKBox, //
    },
};

#[cfg(right)]
type Value = u32;
#[cfg(not(right))]
type Value = KVec<u32>;

pub fn make() -> Result<RcuFreeKBox<Published<Value>>> {
    Ok(RcuFreeKBox::new(
        Published::new(Value::default()),
        GFP_KERNEL,
    )?)
}
