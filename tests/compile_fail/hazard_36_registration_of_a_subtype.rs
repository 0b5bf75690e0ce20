// SPDX-License-Identifier: GPL-2.0
// error: mismatched types

//! Hazard 36: a registration is not one of a device whose data is of another type.

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

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Arc<u32>> {
        Err(ENODEV)
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

#[cfg(not(right))]
pub fn as_another<M: ModuleMetadata>(
    device: &PollDeviceRegistration<Device<Sub, M>>,
) -> &PollDeviceRegistration<Device<Super, M>> {
    device
}
