// SPDX-License-Identifier: GPL-2.0
// error: the trait bound `Part: .*RcuFreeSafe` is not satisfied

//! Hazard 8: a method of the field's type that has the name of the trait's is not taken for it.

use kernel::{
    prelude::*,
    rcu_view,
    sync::rcu::{
        Guard,
        RcuFreeSafe, //
    },
};

pub struct Part(u32);

impl Part {
    pub fn rcu_view<'a>(self: Pin<&'a Self>, _rcu: &'a Guard) -> &'a u32 {
        &self.get_ref().0
    }

    pub fn drop_before_gp(self: Pin<&Self>) {}
}

// SAFETY: There is no way to it but by the whole, and it is never written.
#[cfg(right)]
unsafe impl RcuFreeSafe for Part {
    type RcuView<'a> = &'a u32;

    unsafe fn rcu_view<'a>(self: Pin<&'a Self>, _rcu: &'a Guard) -> &'a u32 {
        &self.get_ref().0
    }

    unsafe fn drop_before_gp(self: Pin<&Self>) {}
}

#[pin_data]
pub struct Whole {
    #[pin]
    part: Part,
}

rcu_view! {
    pub struct WholeView of Whole {
        part: Part,
    }
}
