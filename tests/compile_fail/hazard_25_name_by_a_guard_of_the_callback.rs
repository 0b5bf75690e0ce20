// SPDX-License-Identifier: GPL-2.0
// error: cannot return value referencing local variable

//! Hazard 25: a guard that a callback takes ends with it, so what it protects can't be returned.

use core::marker::PhantomData;
use kernel::{
    dma_buf::{
        EmissionOrder,
        Fence,
        FenceOps,
        View, //
    },
    prelude::*,
    sync::rcu::{
        self,
        Published, //
    },
    ModuleMetadata, //
};

struct Issuer<M>(PhantomData<M>);

fn another() -> &'static Fence {
    loop {}
}

impl<M: ModuleMetadata + Send + Sync + 'static> FenceOps for Issuer<M> {
    type OwnerModule = M;
    type Shared = Published<[u8; 16]>;
    const DRIVER_NAME: &'static CStr = c"issuer";
    type Order = EmissionOrder;
    const CLOSED: Error = ECANCELED;

    fn timeline_name(name: View<'_, Self>) -> &CStr {
        #[cfg(not(right))]
        {
            let guard = rcu::read_lock();
            return another().timeline_name(&guard);
        }
        #[cfg(right)]
        CStr::from_bytes_until_nul(name).unwrap_or(c"?")
    }
}
