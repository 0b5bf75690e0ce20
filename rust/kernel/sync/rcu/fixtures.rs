// SPDX-License-Identifier: GPL-2.0

//! Values, readers and a module for the KUnit tests of the boxes.

use super::{
    Guard,
    RcuFreeSafe, //
};
use crate::{
    module::ModuleMetadata,
    prelude::*,
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        Arc,
        Completion, //
    },
    workqueue,
};

/// The module that contains the tests.
pub(super) struct Here;

impl ModuleMetadata for Here {
    const NAME: &'static CStr = c"kunit";

    #[cfg(MODULE)]
    const THIS_MODULE: ThisModule = {
        // Only the address is used.
        #[allow(improper_ctypes)]
        extern "C" {
            static __this_module: crate::types::Opaque<crate::bindings::module>;
        }

        // SAFETY: `__this_module` is the `THIS_MODULE` of this code.
        unsafe { ThisModule::from_ptr(__this_module.get()) }
    };

    #[cfg(not(MODULE))]
    // SAFETY: This code is built in, and the `THIS_MODULE` of such code is null.
    const THIS_MODULE: ThisModule = unsafe { ThisModule::from_ptr(core::ptr::null_mut()) };
}

/// A value that counts how often it was unshared, in a counter that outlives it.
pub(super) struct Probe {
    value: u64,
    unshared: &'static Atomic<u32>,
}

impl Probe {
    pub(super) fn new(value: u64, unshared: &'static Atomic<u32>) -> impl Init<Self> {
        init!(Self { value, unshared })
    }

    /// Returns an initializer that fails with `EBUSY` after it has initialized the first field.
    pub(super) fn failing() -> impl Init<Self, Error> {
        try_init!(Self {
            value: 0,
            unshared: Err::<&'static Atomic<u32>, Error>(EBUSY)?,
        })
    }
}

// SAFETY: Readers reach a probe by a pointer that a test passes to them, in a critical section that
// begins before the drop, or through a table or a pointer from which the probe is removed before
// the drop. The value is never written. There is no destructor.
unsafe impl RcuFreeSafe for Probe {
    type RcuView<'a> = &'a u64;

    unsafe fn rcu_view<'a>(self: Pin<&'a Self>, _rcu: &'a Guard) -> &'a u64 {
        &self.get_ref().value
    }

    unsafe fn drop_before_gp(self: Pin<&Self>) {
        self.unshared.add(1, Relaxed);
    }
}

/// A value that counts how often it was dropped, in a counter that outlives it.
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

/// A number whose destructor adds 1 to it.
pub(super) struct Number(pub(super) Atomic<u64>);

impl Drop for Number {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// A thread that calls a function again and again, and counts what the function has found.
#[pin_data]
pub(super) struct Reader {
    stop: Atomic<u32>,
    found: Atomic<u32>,
    wrong: Atomic<u32>,
    #[pin]
    done: Completion,
}

impl Reader {
    /// Starts the thread.
    ///
    /// `look` returns whether the value that it has found is right, or `None` if it has found none.
    pub(super) fn start(
        mut look: impl FnMut() -> Option<bool> + Send + 'static,
    ) -> Result<Arc<Self>> {
        let init = pin_init!(Self {
            stop: Atomic::new(0),
            found: Atomic::new(0),
            wrong: Atomic::new(0),
            done <- Completion::new(),
        });
        let reader = Arc::pin_init(init, GFP_KERNEL)?;
        let theirs = reader.clone();
        workqueue::system_unbound().try_spawn(GFP_KERNEL, move || {
            while theirs.stop.load(Relaxed) == 0 {
                if let Some(right) = look() {
                    theirs.found.add(1, Relaxed);
                    theirs.wrong.add(u32::from(!right), Relaxed);
                }
            }
            theirs.done.complete_all();
        })?;
        Ok(reader)
    }

    /// Returns how often the thread has found a value.
    pub(super) fn found(&self) -> u32 {
        self.found.load(Relaxed)
    }

    /// Stops the thread, and returns whether all values that it has found were right.
    pub(super) fn stop(&self) -> bool {
        self.stop.store(1, Relaxed);
        self.done.wait_for_completion();
        self.wrong.load(Relaxed) == 0
    }
}
