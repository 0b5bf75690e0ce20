// SPDX-License-Identifier: GPL-2.0
// error: does not fulfill the required lifetime

//! Hazard 36: a registration may be leaked, and its data is used when a borrow has ended.

use core::marker::PhantomData;
use kernel::{
    fs::File,
    miscdevice::{
        MiscDevice,
        MiscDeviceRegistration,
        PollDevice,
        PollDeviceRegistration,
        Ready, //
    },
    prelude::*,
    sync::{
        poll::PollTable,
        Arc, //
    },
    ModuleMetadata, //
};

pub struct Device<'x, M>(PhantomData<(&'x u32, M)>);

#[vtable]
impl<M: ModuleMetadata> MiscDevice for Device<'_, M> {
    type OwnerModule = M;
    type Ptr = Arc<u32>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Arc<u32>> {
        Err(ENODEV)
    }
}

impl<'x, M: ModuleMetadata> PollDevice for Device<'x, M> {
    #[cfg(right)]
    type Data = &'static u32;
    #[cfg(not(right))]
    type Data = &'x u32;
    type Private = u32;

    fn open(_file: &File, device: &PollDeviceRegistration<Self>) -> Result<Arc<u32>> {
        Ok(Arc::new(**device.data(), GFP_KERNEL)?)
    }

    fn poll<'a>(_private: &'a u32, _table: &PollTable<'a>) -> Ready {
        Ready::NOTHING
    }
}
