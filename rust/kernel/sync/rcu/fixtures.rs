// SPDX-License-Identifier: GPL-2.0

//! What the KUnit tests of the boxes put into them.

use super::{
    Guard,
    RcuFreeSafe, //
};
use crate::{
    module::ModuleMetadata,
    prelude::*,
    sync::atomic::{
        ordering::Relaxed,
        Atomic, //
    },
};

/// The module that the tests are in.
pub(super) struct Here;

impl ModuleMetadata for Here {
    const NAME: &'static CStr = c"kunit";

    #[cfg(MODULE)]
    const THIS_MODULE: ThisModule = {
        // What is in it is not looked at.
        #[allow(improper_ctypes)]
        extern "C" {
            static __this_module: crate::types::Opaque<crate::bindings::module>;
        }

        // SAFETY: It is the `THIS_MODULE` of this code.
        unsafe { ThisModule::from_ptr(__this_module.get()) }
    };

    #[cfg(not(MODULE))]
    // SAFETY: This code is built in.
    const THIS_MODULE: ThisModule = unsafe { ThisModule::from_ptr(core::ptr::null_mut()) };
}

/// Counts how often it was unshared, in a counter that outlives it.
pub(super) struct Probe {
    value: u64,
    unshared: &'static Atomic<u32>,
}

impl Probe {
    pub(super) fn new(value: u64, unshared: &'static Atomic<u32>) -> impl Init<Self> {
        init!(Self { value, unshared })
    }

    /// Fails when a part is initialised already.
    pub(super) fn failing() -> impl Init<Self, Error> {
        try_init!(Self {
            value: 0,
            unshared: Err::<&'static Atomic<u32>, Error>(EBUSY)?,
        })
    }
}

// SAFETY: Readers come to it by the pointer that the tests pass by hand, in a critical section that
// they begin before the drop, or through a table that it is taken out of before. The value is never
// written. There is no destructor.
unsafe impl RcuFreeSafe for Probe {
    type RcuView<'a> = &'a u64;

    unsafe fn rcu_view<'a>(self: Pin<&'a Self>, _rcu: &'a Guard) -> &'a u64 {
        &self.get_ref().value
    }

    unsafe fn drop_before_gp(self: Pin<&Self>) {
        self.unshared.add(1, Relaxed);
    }
}

/// Counts how often it was dropped, in a counter that outlives it.
pub(super) struct Noisy<T = ()> {
    pub(super) value: T,
    pub(super) dropped: &'static Atomic<u32>,
}

impl<T> Noisy<T> {
    pub(super) fn new(value: impl Init<T>, dropped: &'static Atomic<u32>) -> impl Init<Self> {
        init!(Self {
            value <- value,
            dropped,
        })
    }
}

impl<T> Drop for Noisy<T> {
    fn drop(&mut self) {
        self.dropped.add(1, Relaxed);
    }
}
