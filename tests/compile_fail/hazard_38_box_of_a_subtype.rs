// SPDX-License-Identifier: GPL-2.0
// error: mismatched types

//! Hazard 38: a box is not one of a type that unshares other fields.

use core::marker::PhantomData;
use kernel::{
    prelude::*,
    rcu_view,
    sync::{
        poll::PollCondVar,
        rcu::{
            Published,
            RcuFreeKBox, //
        },
    },
};

/// A function for any lifetime is a subtype of one for a certain lifetime.
type Sub = for<'a> fn(&'a ());
type Super = fn(&'static ());

#[pin_data]
pub struct Device<F> {
    #[pin]
    number: Published<u32>,
    #[pin]
    ready: PollCondVar,
    kind: PhantomData<F>,
}

rcu_view! {
    /// A view whose box unshares `ready`.
    pub struct SubView of Device<Sub> {
        /// The number.
        number: Published<u32>,
        /// The condition.
        ready: PollCondVar,
        ..kind
    }
}

/// Without `ready`, a box would have to run its destructor, and does not compile.
#[cfg(not(right))]
mod of_super {
    use super::*;

    rcu_view! {
        /// A view whose box does not unshare `ready`.
        pub struct SuperView of Device<Super> {
            /// The number.
            number: Published<u32>,
            ..ready,
            ..kind
        }
    }

    pub fn as_another(device: RcuFreeKBox<Device<Sub>>) -> RcuFreeKBox<Device<Super>> {
        device
    }
}

pub fn close(device: RcuFreeKBox<Device<Sub>>) {
    #[cfg(right)]
    drop(device);
    #[cfg(not(right))]
    drop(of_super::as_another(device));
}
