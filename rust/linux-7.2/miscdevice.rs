// SPDX-License-Identifier: GPL-2.0

//! Misc devices.

use crate::{
    bindings,
    module::LINKED_INTO,
    prelude::*, //
};
#[doc(no_inline)]
pub use ::kernel::miscdevice::*;
use core::marker::PhantomData;

/// Options for creating a misc device.
#[derive(Clone, Copy)]
pub struct MiscDeviceOptions {
    /// The name of the misc device.
    pub name: &'static CStr,
}

impl MiscDeviceOptions {
    /// Creates a raw `struct miscdevice` that is ready for registration.
    ///
    /// Open files of the device hold a reference to the module. With the function of Linux 7.2,
    /// they hold none.
    pub const fn into_raw<T: MiscDevice>(self) -> bindings::miscdevice {
        let mut raw = in_kernel_crate::<T>(self.name);
        raw.fops = &Operations::<T>::OWNED;
        raw
    }
}

const fn in_kernel_crate<T: MiscDevice>(name: &'static CStr) -> bindings::miscdevice {
    ::kernel::miscdevice::MiscDeviceOptions { name }.into_raw::<T>()
}

struct Operations<T>(PhantomData<T>);

impl<T: MiscDevice> Operations<T> {
    const OWNED: bindings::file_operations = {
        // SAFETY: `into_raw` sets `fops` to the address of a constant table, which is valid for
        // reads.
        let fops = unsafe { *in_kernel_crate::<T>(c"").fops };
        bindings::file_operations {
            owner: LINKED_INTO.as_ptr(),
            ..fops
        }
    };
}
