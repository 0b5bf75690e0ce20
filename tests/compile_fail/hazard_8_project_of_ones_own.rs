// SPDX-License-Identifier: GPL-2.0
// error: HasPinData

//! Hazard 8: a `project()` of another making could name the parts of another value.

use kernel::{
    prelude::*,
    rcu_view,
    sync::rcu::Published, //
};

#[cfg(right)]
#[pin_data]
pub struct Whole {
    #[pin]
    part: Published<u32>,
}

#[cfg(not(right))]
pub struct Whole {
    part: Published<u32>,
}

#[cfg(not(right))]
pub struct Parts<'a> {
    part: Pin<&'a mut Published<u32>>,
}

#[cfg(not(right))]
impl Whole {
    fn project<'a>(self: Pin<&'a mut Self>) -> Parts<'a> {
        loop {
            let Ok(another) = KBox::pin_init(Published::new(1), GFP_KERNEL) else {
                continue;
            };
            if let Ok(leaked) = KBox::new(another, GFP_KERNEL) {
                break Parts {
                    part: KBox::leak(leaked).as_mut(),
                };
            }
        }
    }
}

rcu_view! {
    pub struct WholeView of Whole {
        part: Published<u32>,
    }
}
