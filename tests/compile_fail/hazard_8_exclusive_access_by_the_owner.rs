// SPDX-License-Identifier: GPL-2.0
// error: no method named `as_pin_mut`

//! Hazard 8: an owner that writes to a field races with readers who make a view of the whole.

use kernel::{
    prelude::*,
    rcu_view,
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        rcu::{
            Published,
            RcuFreeKBox, //
        },
    },
};

#[pin_data]
pub struct Device {
    #[pin]
    id: Published<u32>,
    #[cfg(right)]
    opened: Atomic<u32>,
    #[cfg(not(right))]
    opened: u32,
}

rcu_view! {
    pub struct DeviceView of Device {
        id: Published<u32>,
        ..opened
    }
}

pub fn open(mut device: RcuFreeKBox<Device>) {
    #[cfg(right)]
    device.opened.add(1, Relaxed);
    #[cfg(not(right))]
    {
        *device.as_pin_mut().project().opened += 1;
    }
}
