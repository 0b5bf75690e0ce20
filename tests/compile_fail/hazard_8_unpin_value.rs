// SPDX-License-Identifier: GPL-2.0
// error: type annotations needed

//! Hazard 8: a `&mut` of a value that is `Unpin` claims what readers read.

use kernel::{
    prelude::*,
    rcu_view,
    sync::rcu::{
        Guard,
        RcuFreeSafe, //
    },
};

#[cfg(right)]
type Marker = core::marker::PhantomPinned;
#[cfg(not(right))]
type Marker = ();

pub struct Part(u32, Marker);

// SAFETY: It isn't, without the marker: that is the broken rule.
unsafe impl RcuFreeSafe for Part {
    type RcuView<'a> = &'a u32;

    fn rcu_view<'a>(self: Pin<&'a Self>, _rcu: &'a Guard) -> &'a u32 {
        &self.get_ref().0
    }

    unsafe fn drop_before_gp(self: Pin<&mut Self>) {}
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
