// SPDX-License-Identifier: GPL-2.0

//! Allocators whose memory RCU can free.

use crate::{
    alloc::{
        allocator::{
            KVmalloc,
            Kmalloc,
            Vmalloc, //
        },
        Allocator, //
    },
    bindings,
    prelude::*, //
};
use core::ptr::NonNull;

/// Allocators whose memory can be freed after a grace period.
///
/// A box can be made in memory of any allocator that implements this trait. The kernel's own
/// allocators do.
///
/// # Safety
///
/// Implementers must ensure that [`free_call_rcu`](Self::free_call_rcu) frees the memory no earlier
/// than one grace period after the call, and runs no code of a module that may be unloaded before.
/// An implementer that keeps the provided method must ensure that `kvfree()` may free memory of
/// the allocator.
pub unsafe trait RcuAllocator: Allocator + 'static {
    /// Queues memory to be freed after a grace period.
    ///
    /// Any context but NMI. The provided method wraps `kvfree_call_rcu()`.
    ///
    /// # Safety
    ///
    /// Callers must ensure:
    ///
    /// - `ptr` was allocated by this allocator, and is owned by the caller. From this call on, only
    ///   readers that have begun use the memory, and nobody but RCU uses the head.
    /// - `head` is valid for writes, and is in the first page of the allocation. If
    ///   `kvfree_call_rcu()` has no page to which it can add the pointer, it queues the head
    ///   instead. `kvmalloc_obj_start_addr()` (mm/slab.h) then finds the start of an object that is
    ///   in no slab by rounding the address of the head down to its page.
    unsafe fn free_call_rcu(ptr: NonNull<c_void>, head: NonNull<bindings::kvfree_rcu_head>) {
        // SAFETY: By the requirements of this trait, `kvfree()` may free `ptr`. By those of this
        // method, the caller owns `ptr`, and `head` is valid and in the first page.
        unsafe { bindings::kvfree_call_rcu(head.as_ptr(), ptr.as_ptr()) };
    }
}

// SAFETY: `Kmalloc` allocates by `kmalloc()`. `kvfree()` may free such memory.
unsafe impl RcuAllocator for Kmalloc {}
// SAFETY: `Vmalloc` allocates by `vmalloc()`. `kvfree()` may free such memory.
unsafe impl RcuAllocator for Vmalloc {}
// SAFETY: `KVmalloc` allocates by `kvmalloc()`. `kvfree()` may free such memory.
unsafe impl RcuAllocator for KVmalloc {}
