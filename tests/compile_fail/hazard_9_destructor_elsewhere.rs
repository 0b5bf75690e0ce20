// SPDX-License-Identifier: GPL-2.0
// error: cannot be sent between threads

//! Hazard 9: the destructor runs on another processor.

use kernel::{
    prelude::*,
    sync::rcu::RcuKBox, //
};

#[cfg(right)]
type Value = usize;
#[cfg(not(right))]
type Value = *const u8;

pub type Boxed = RcuKBox<Value>;

pub fn give_back(boxed: Boxed) {
    drop(boxed);
}
