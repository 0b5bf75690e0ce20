// SPDX-License-Identifier: GPL-2.0
// error: `Cell<u32>` cannot be shared between threads

//! Hazard 8: a thread that has sent a box may still read its value.

#[cfg(not(right))]
use core::cell::Cell as Value;
#[cfg(right)]
use kernel::sync::atomic::Atomic as Value;
use kernel::{
    prelude::*,
    sync::rcu::RcuKBox, //
};

fn send<T: Send>(sent: T) {
    drop(sent);
}

pub fn give_away(boxed: RcuKBox<Value<u32>>) {
    send(boxed);
}
