// SPDX-License-Identifier: GPL-2.0
// error: `Mine: RcuAllocator` is not satisfied

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
        Published,
        RcuAllocator,
        RcuFreeBox, //
    },
};

pub struct Mine;

// SAFETY: All methods are those of `Kmalloc`, which is a valid allocator.
unsafe impl Allocator for Mine {
    const MIN_ALIGN: usize = Kmalloc::MIN_ALIGN;

    unsafe fn realloc(
        ptr: Option<NonNull<u8>>,
        layout: Layout,
        old_layout: Layout,
        flags: Flags,
        nid: NumaNode,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: `realloc` of `Kmalloc` has the requirements of this function, which the caller
        // fulfills.
        unsafe { Kmalloc::realloc(ptr, layout, old_layout, flags, nid) }
    }
}

// SAFETY: All memory of this allocator is from `Kmalloc`, so `kvfree()` can free it.
#[cfg(right)]
unsafe impl RcuAllocator for Mine {}

pub fn make() -> Result<RcuFreeBox<Published<u32>, Mine>> {
    Ok(RcuFreeBox::new(Published::new(1), GFP_KERNEL)?)
}
