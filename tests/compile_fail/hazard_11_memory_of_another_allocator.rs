// SPDX-License-Identifier: GPL-2.0
// error: `Mine: KvfreeAllocator` is not satisfied

//! Hazard 11: `kvfree_rcu()` would free what is of an allocator that it doesn't know.

use core::{
    alloc::Layout,
    ptr::NonNull, //
};
use kernel::{
    alloc::{
        allocator::Kmalloc,
        AllocError,
        Allocator,
        Flags,
        NumaNode, //
    },
    prelude::*,
    sync::rcu::{
        KvfreeAllocator,
        Published,
        RcuFreeBox, //
    },
};

pub struct Mine;

// SAFETY: It is `Kmalloc`.
unsafe impl Allocator for Mine {
    const MIN_ALIGN: usize = Kmalloc::MIN_ALIGN;

    unsafe fn realloc(
        ptr: Option<NonNull<u8>>,
        layout: Layout,
        old_layout: Layout,
        flags: Flags,
        nid: NumaNode,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: As the caller promises.
        unsafe { Kmalloc::realloc(ptr, layout, old_layout, flags, nid) }
    }
}

// SAFETY: It is `Kmalloc`.
#[cfg(right)]
unsafe impl KvfreeAllocator for Mine {}

pub fn make() -> Result<RcuFreeBox<Published<u32>, Mine>> {
    RcuFreeBox::pin_init(Published::new(1), GFP_KERNEL)
}
