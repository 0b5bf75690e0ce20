// SPDX-License-Identifier: GPL-2.0

//! The memory of a fence that a timeline emits.

use super::{
    Fence,
    Ktime,
    KTIME_MAX, //
};
use crate::{
    alloc::Flags,
    bindings,
    prelude::*,
    sync::atomic::{
        ordering::{
            Full,
            Relaxed, //
        },
        Atomic, //
    },
    types::Opaque,
};
use core::{
    mem::{
        offset_of,
        MaybeUninit, //
    },
    ptr::NonNull,
};

/// A fence and what its context keeps with it.
///
/// The last reference is put by `kfree_rcu()` of the `dma_fence`: it must be at the start of an
/// allocation of `kmalloc()`, and no destructor runs.
///
/// # Invariants
///
/// From emission on: `fence` is initialised. `context` points to the `Shared` of the context that
/// emitted it, which is valid until one grace period after the fence has signalled. `age` and
/// `node` are initialised and are only used under the lock of that context. `expires` does not
/// change.
#[repr(C)]
pub(super) struct Point {
    pub(super) fence: Opaque<bindings::dma_fence>,
    pub(super) context: *const c_void,
    pub(super) age: Opaque<bindings::list_head>,
    pub(super) node: Opaque<bindings::rb_node>,
    pub(super) expires: Ktime,
    deadline: Atomic<i64>,
}

const _: () = assert!(
    offset_of!(Point, fence) == 0 && !core::mem::needs_drop::<Point>(),
    "dma_fence_free() frees the fence's address, and runs no destructor"
);

impl Point {
    /// Returns the place of the fence in its context.
    #[inline]
    pub(super) fn seqno(&self) -> u64 {
        self.as_fence().seqno()
    }

    /// Returns the point as a fence.
    #[inline]
    pub(super) fn as_fence(&self) -> &Fence {
        // SAFETY: By the type invariant the fence is initialised, and a reference exists while
        // there is a `&Point`.
        unsafe { Fence::from_raw(self.fence.get()) }
    }

    /// Returns the earliest deadline that was set, or [`KTIME_MAX`].
    #[inline]
    pub(super) fn deadline(&self) -> Ktime {
        self.deadline.load(Relaxed)
    }

    /// Notes a deadline. The earliest one counts.
    pub(super) fn note_deadline(&self, deadline: Ktime) {
        let mut earliest = self.deadline.load(Relaxed);
        while deadline < earliest {
            match self.deadline.cmpxchg(earliest, deadline, Full) {
                Ok(_) => break,
                Err(now) => earliest = now,
            }
        }
    }
}

/// Memory for a fence, allocated before it is needed.
///
/// Emission happens under a lock and possibly in a signalling section: it must not allocate, and
/// can't fail. So memory is asked for first, and what is not used is given back outside the lock.
///
/// # Examples
///
/// ```
/// use kernel::dma_buf::NewFence;
///
/// let unused = NewFence::alloc(GFP_KERNEL)?;
/// drop(unused);
/// # Ok::<(), Error>(())
/// ```
pub struct NewFence(KBox<MaybeUninit<Point>>);

impl NewFence {
    /// Allocates the memory of one fence.
    ///
    /// Pass `GFP_KERNEL_ACCOUNT` for memory that user space asks for. Sleeps as `flags` allow.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn alloc(flags: Flags) -> Result<Self> {
        Ok(Self(KBox::new_uninit(flags)?))
    }

    /// Writes what is there before the fence is initialised, and gives up the memory.
    ///
    /// The back pointer is among it: `dma_fence_init()` ends in a tracepoint that asks for the
    /// names.
    pub(super) fn write(mut self, context: *const c_void, expires: Ktime) -> NonNull<Point> {
        (*self.0).write(Point {
            fence: Opaque::uninit(),
            context,
            age: Opaque::uninit(),
            node: Opaque::uninit(),
            expires,
            deadline: Atomic::new(KTIME_MAX),
        });
        // SAFETY: `KBox::into_raw` returns no null pointer.
        unsafe { NonNull::new_unchecked(KBox::into_raw(self.0).cast()) }
    }
}
