// SPDX-License-Identifier: GPL-2.0

//! What tests of several subjects issue fences with.

use super::*;
use crate::{
    module::ModuleMetadata,
    prelude::*,
    sync::{
        aref::ARef,
        rcu::Published,
        Arc, //
    },
};

/// Tests run while their module is being loaded: it can't go meanwhile, and isn't counted.
pub(super) struct Uncounted;

impl ModuleMetadata for Uncounted {
    const NAME: &'static CStr = c"kunit";
    // SAFETY: A null pointer is that of code that is built in, which needs no reference.
    const THIS_MODULE: ThisModule = unsafe { ThisModule::from_ptr(core::ptr::null_mut()) };
}

/// Issues fences whose names are in their context.
pub(super) struct Issuer;

impl FenceOps for Issuer {
    type OwnerModule = Uncounted;
    type Shared = Published<[u8; 16]>;
    const DRIVER_NAME: &'static CStr = c"kunit";
    type Order = EmissionOrder;
    const CLOSED: Error = ECANCELED;

    fn timeline_name(name: View<'_, Self>) -> &CStr {
        CStr::from_bytes_until_nul(name).unwrap_or(c"?")
    }
}

/// The name of the timelines of [`timeline`].
pub(super) const NAME: &CStr = c"in the context";

pub(super) fn timeline() -> Arc<Timeline<Issuer>> {
    let name = *b"in the context\0\0";
    Arc::pin_init(
        Timeline::new(Published::new(name), Ok::<_, Error>(Issuer)),
        GFP_KERNEL,
    )
    .unwrap()
}

pub(super) fn create(timeline: &Timeline<Issuer>, count: usize) -> KVec<ARef<Fence>> {
    let mut fences = KVec::with_capacity(count, GFP_KERNEL).unwrap();
    let new = NewFences::alloc(count as u32, GFP_KERNEL).unwrap();
    let emitted = timeline.emission().unwrap().emit(new, KTIME_MAX);
    for fence in emitted.fences() {
        fences.push(fence.into(), GFP_KERNEL).unwrap();
    }
    emitted.commit();
    fences
}

/// As [`create`], for one.
#[cfg(CONFIG_FENCE_EXPORTER_NEGATIVE_TEST)]
pub(super) fn create_one(timeline: &Timeline<Issuer>) -> ARef<Fence> {
    create(timeline, 1).pop().unwrap()
}
