// SPDX-License-Identifier: GPL-2.0
// error: mismatched types

//! Hazard 36: a device is a subtype of another one, whose data is of another type.

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

/// A function for any lifetime is a subtype of one for a certain lifetime.
type Sub = for<'a> fn(&'a ());
type Super = fn(&'static ());

pub struct Device<T, M>(PhantomData<(T, M)>);

#[vtable]
impl<M: ModuleMetadata> MiscDevice for Device<Sub, M> {
    type OwnerModule = M;
    type Ptr = Arc<u32>;

    #[cfg(right)]
    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Arc<u32>> {
        Err(ENODEV)
    }

    #[cfg(not(right))]
    fn open(_file: &File, misc: &MiscDeviceRegistration<Self>) -> Result<Arc<u32>> {
        let misc: &MiscDeviceRegistration<Device<Super, M>> = misc;
        let text: &&'static [u8] = PollDeviceRegistration::<Device<Super, M>>::data(misc);
        Ok(Arc::new(text.len() as u32, GFP_KERNEL)?)
    }
}

#[vtable]
impl<M: ModuleMetadata> MiscDevice for Device<Super, M> {
    type OwnerModule = M;
    type Ptr = Arc<u32>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Arc<u32>> {
        Err(ENODEV)
    }
}

impl<M: ModuleMetadata> PollDevice for Device<Sub, M> {
    type Data = [usize; 2];
    type Private = u32;

    fn open(_file: &File, device: &PollDeviceRegistration<Self>) -> Result<Arc<u32>> {
        Ok(Arc::new(device.data()[0] as u32, GFP_KERNEL)?)
    }

    fn poll<'a>(_private: &'a u32, _table: &PollTable<'a>) -> Ready {
        Ready::NOTHING
    }
}

impl<M: ModuleMetadata> PollDevice for Device<Super, M> {
    type Data = &'static [u8];
    type Private = u32;

    fn open(_file: &File, device: &PollDeviceRegistration<Self>) -> Result<Arc<u32>> {
        Ok(Arc::new(device.data().len() as u32, GFP_KERNEL)?)
    }

    fn poll<'a>(_private: &'a u32, _table: &PollTable<'a>) -> Ready {
        Ready::NOTHING
    }
}
