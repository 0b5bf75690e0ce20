// SPDX-License-Identifier: GPL-2.0
// error: lifetime may not live long enough|borrowed data escapes

//! Hazard 24: a table of values that borrow for long takes none that borrow for a moment.

use kernel::{
    prelude::*,
    sync::rcu::{
        RcuKBox,
        RcuTable, //
    },
};

#[cfg(right)]
pub fn put(table: &RcuTable<RcuKBox<&'static u32>>, number: RcuKBox<&'static u32>) -> Result {
    table.store(1, number).map(|_| ())
}

#[cfg(not(right))]
pub fn put<'a>(table: &RcuTable<RcuKBox<&'static u32>>, number: RcuKBox<&'a u32>) -> Result {
    let table: &RcuTable<RcuKBox<&'a u32>> = table;
    table.store(1, number).map(|_| ())
}
