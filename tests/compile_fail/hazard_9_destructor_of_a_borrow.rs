// SPDX-License-Identifier: GPL-2.0
// error: lifetime may not live long enough|must outlive 'static|borrowed data escapes

//! Hazard 9: the destructor runs when what the value borrows from has gone.

use kernel::{
    prelude::*,
    sync::rcu::{
        BarrierToken,
        RcuKBox, //
    },
};

pub struct Last<'a>(&'a u32);

impl Drop for Last<'_> {
    fn drop(&mut self) {
        core::hint::black_box(*self.0);
    }
}

#[cfg(right)]
pub fn make(number: &'static u32, barrier: &BarrierToken) -> Result {
    drop(RcuKBox::<Last<'_>>::pin_init_with_barrier(
        Last(number),
        barrier,
        GFP_KERNEL,
    )?);
    Ok(())
}

#[cfg(not(right))]
pub fn make(number: &u32, barrier: &BarrierToken) -> Result {
    drop(RcuKBox::<Last<'_>>::pin_init_with_barrier(
        Last(number),
        barrier,
        GFP_KERNEL,
    )?);
    Ok(())
}
