// SPDX-License-Identifier: GPL-2.0

//! A fence of a timeline, together with the data that its context keeps for it.

use super::{
    Fence,
    Ktime,
    KTIME_MAX, //
};
use crate::{
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
    mem::offset_of,
    ptr::NonNull, //
};

/// A fence, together with the data that its context keeps for it.
///
/// The last put of the fence calls `kfree_rcu()` on the address of the `dma_fence`. So the fence
/// must be at the start of an allocation of `kmalloc()`, and no destructor runs. After the last put
/// and until a grace period has passed, the core overwrites only one part of the fence: RCU's data
/// takes the place of the list of callbacks.
///
/// # Invariants
///
/// From emission on: `fence` is initialized. `context` points to the context that emitted the
/// fence, and is valid until one grace period after the fence has signaled. `links` are used only
/// under the lock of that context, by the emission until it commits the fence, or by the owner that
/// closes the context. One exception: links that are not written again are read without the lock
/// (`Gathered::points`). `expires`, the time at which the fence times out, does not change.
#[repr(C)]
pub struct Point<L> {
    pub(super) fence: Opaque<bindings::dma_fence>,
    pub(super) context: *const c_void,
    pub(super) expires: Ktime,
    /// The earliest deadline, or [`KTIME_MAX`] if there is none.
    deadline: Atomic<i64>,
    /// The links of the list or tree of its context.
    pub(super) links: L,
}

impl<L> Point<L> {
    const LAYOUT: () = assert!(
        offset_of!(Self, fence) == 0 && !core::mem::needs_drop::<Self>(),
        "dma_fence_free() frees the fence's address, and runs no destructor"
    );

    /// Writes all fields but the fence, which must be initialized after that.
    ///
    /// `context` must be written first: `dma_fence_init()` ends in a tracepoint that asks for the
    /// names.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is an allocation of `kmalloc()` that no other code knows.
    #[inline]
    pub(super) unsafe fn write(
        point: NonNull<Self>,
        context: *const c_void,
        expires: Ktime,
        links: L,
    ) {
        const { Self::LAYOUT };
        // SAFETY: By the safety requirements `point` is valid for writes.
        unsafe {
            point.write(Self {
                fence: Opaque::uninit(),
                context,
                expires,
                deadline: Atomic::new(KTIME_MAX),
                links,
            })
        };
    }

    /// Returns the number of the fence in its context.
    #[inline]
    pub(super) fn seqno(&self) -> u64 {
        // SAFETY: By the type invariant the fence is initialized. `seqno` never changes after that.
        unsafe { (*self.fence.get()).seqno }
    }

    /// Returns the point as a fence.
    ///
    /// # Safety
    ///
    /// Callers must ensure that a reference to the fence is held for as long as `self` is borrowed.
    /// An RCU section is not enough, although it keeps the memory.
    #[inline]
    pub(super) unsafe fn as_fence(&self) -> &Fence {
        // SAFETY: By the type invariant the fence is initialized. By the safety requirements a
        // reference to it is held.
        unsafe { Fence::from_raw(self.fence.get()) }
    }

    /// Returns the earliest deadline that was recorded, or `None` if there is none.
    #[inline]
    pub(super) fn deadline(&self) -> Option<Ktime> {
        Some(self.deadline.load(Relaxed)).filter(|&deadline| deadline != KTIME_MAX)
    }

    /// Records `deadline` unless an earlier one was recorded. `deadline` is from 0 to less than
    /// [`KTIME_MAX`].
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
