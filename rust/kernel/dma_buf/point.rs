// SPDX-License-Identifier: GPL-2.0

//! A fence of a timeline, and what its context keeps with it.

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

/// A fence and what its context keeps with it.
///
/// The last reference is put by `kfree_rcu()` of the `dma_fence`: it must be at the start of an
/// allocation of `kmalloc()`, and no destructor runs. Of the memory of a fence whose last reference
/// was put, the core overwrites the list of callbacks only (with what RCU needs), until a grace
/// period has passed.
///
/// # Invariants
///
/// From emission on: `fence` is initialised. `context` points to the context that
/// emitted it, which is valid until one grace period after the fence has signalled. `links` are
/// only used under the lock of that context, or by the emission until it commits the fence.
/// `expires` does not change.
#[repr(C)]
pub struct Point<L> {
    pub(super) fence: Opaque<bindings::dma_fence>,
    pub(super) context: *const c_void,
    pub(super) expires: Ktime,
    /// The earliest deadline, or [`KTIME_MAX`] if there is none.
    deadline: Atomic<i64>,
    pub(super) links: L,
}

impl<L> Point<L> {
    const LAYOUT: () = assert!(
        offset_of!(Self, fence) == 0 && !core::mem::needs_drop::<Self>(),
        "dma_fence_free() frees the fence's address, and runs no destructor"
    );

    /// Writes what is there before the fence is initialised.
    ///
    /// The back pointer is among it: `dma_fence_init()` ends in a tracepoint that asks for the
    /// names.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is an allocation of `kmalloc()` that nobody else knows.
    #[inline]
    pub(super) unsafe fn write(
        point: NonNull<Self>,
        context: *const c_void,
        expires: Ktime,
        links: L,
    ) {
        const { Self::LAYOUT };
        // SAFETY: By the safety requirements it is valid for writes.
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

    /// Returns the place of the fence in its context.
    #[inline]
    pub(super) fn seqno(&self) -> u64 {
        // SAFETY: By the type invariant the fence is initialised. The field never changes after.
        unsafe { (*self.fence.get()).seqno }
    }

    /// Returns the point as a fence.
    ///
    /// # Safety
    ///
    /// Callers must ensure that somebody holds a reference to the fence for as long as `self` is
    /// borrowed. An RCU section, which keeps the memory, is not enough.
    #[inline]
    pub(super) unsafe fn as_fence(&self) -> &Fence {
        // SAFETY: By the type invariant the fence is initialised; the rest is the caller's to say.
        unsafe { Fence::from_raw(self.fence.get()) }
    }

    /// Returns the earliest deadline that was noted.
    #[inline]
    pub(super) fn deadline(&self) -> Option<Ktime> {
        Some(self.deadline.load(Relaxed)).filter(|&deadline| deadline != KTIME_MAX)
    }

    /// Notes a deadline, which is from 0 to less than [`KTIME_MAX`]. The earliest one counts.
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
