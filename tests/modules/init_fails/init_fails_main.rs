// SPDX-License-Identifier: GPL-2.0

//! A module whose init fails after it has tried to give away what calls the text of the module.
//!
//! `do_init_module()` frees the text then, whatever references there are. Safe code must not be
//! able to have the text called after that, neither by a timeline that it leaks, nor by a file that
//! is opened on a device that it has registered.

#![crate_name = "init_fails"]
#![forbid(unsafe_code)]

use kernel::{
    dma_buf::{
        ktime_get,
        EmissionOrder,
        FenceOps,
        NewFences,
        Timeline,
        View, //
    },
    fs::File,
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration,
        PollDevice,
        PollDeviceRegistration,
        Ready, //
    },
    prelude::*,
    sync::{
        poll::PollTable,
        rcu::Published,
        Arc, //
    },
    time::{
        delay::fsleep,
        Delta, //
    },
};

module! {
    type: InitFails,
    name: "init_fails",
    authors: ["The authors of fence_exporter"],
    description: "Fails to load",
    license: "GPL",
}

struct Queue;

impl FenceOps for Queue {
    type OwnerModule = crate::LocalModule;
    type Shared = Published<&'static CStr>;
    type Order = EmissionOrder;
    const DRIVER_NAME: &'static CStr = c"init_fails";
    const CLOSED: Error = ECANCELED;

    fn timeline_name(name: View<'_, Self>) -> &CStr {
        name
    }
}

/// Leaks a timeline with a fence that times out after the init has failed.
fn leak_a_timeline() -> Result {
    let shared = Published::new(c"queue");
    let queue = KBox::try_pin_init(Timeline::new(shared, Ok(Queue)), GFP_KERNEL)?;
    let memory = NewFences::alloc(1, GFP_KERNEL)?;
    let until = ktime_get() + 3_000_000_000;
    queue.emission()?.emit(memory, until).commit();
    core::mem::forget(queue);
    Ok(())
}

struct Device;

#[vtable]
impl MiscDevice for Device {
    type Ptr = Arc<u32>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Arc<u32>> {
        Err(ENODEV)
    }
}

impl PollDevice for Device {
    type Data = ();
    type Private = u32;

    fn open(_file: &File, _device: &PollDeviceRegistration<Self>) -> Result<Arc<u32>> {
        Ok(Arc::new(0, GFP_KERNEL)?)
    }

    fn poll<'a>(_private: &'a u32, _table: &PollTable<'a>) -> Ready {
        Ready::ALWAYS
    }
}

struct InitFails;

impl kernel::Module for InitFails {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        match leak_a_timeline() {
            Ok(()) => pr_info!("leaked a timeline\n"),
            Err(error) => pr_info!("no timeline: {}\n", error.to_errno()),
        }
        let options = MiscDeviceOptions {
            name: c"init_fails",
        };
        let init = PollDeviceRegistration::<Device>::register(options, ());
        let _device = KBox::try_pin_init(init, GFP_KERNEL)?;
        // For so long the test tries to open the device.
        fsleep(Delta::from_secs(2));
        Err(EIO)
    }
}
