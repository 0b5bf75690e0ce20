// SPDX-License-Identifier: GPL-2.0

//! A fence of a timeline, together with the data that its context keeps for it; and the memory for
//! such fences, which is allocated before they are emitted.

use super::{
    order::Order,
    pending::Pending,
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
        ManuallyDrop,
        MaybeUninit, //
    },
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

/// The links of a point in a context of the order `R`.
pub(super) type LinksOf<R> = <<R as Order>::Pending as Pending>::Links;

/// The memory of one fence. Until the fence is emitted, it holds a pointer to the memory of the
/// next.
union Spare<R: Order> {
    next: Option<NonNull<Spare<R>>>,
    _point: ManuallyDrop<MaybeUninit<Point<LinksOf<R>>>>,
}

/// Memory for fences, allocated before the fences are emitted.
///
/// Emission happens under a lock, so it must not allocate, and can't fail. Therefore the memory is
/// allocated first, and unused memory is freed outside the lock. The size of a fence depends on the
/// [`Order`] of its context.
///
/// # Invariants
///
/// `first` is the first of a chain of allocations of `kmalloc()`. Each is a `Spare` that this value
/// owns, with `next` initialized.
///
/// # Examples
///
/// ```
/// use kernel::dma_buf::{EmissionOrder, NewFences};
///
/// let unused = NewFences::<EmissionOrder>::alloc(64, GFP_KERNEL)?;
/// drop(unused);
/// # Ok::<(), Error>(())
/// ```
pub struct NewFences<R: Order> {
    first: Option<NonNull<Spare<R>>>,
}

impl<R: Order> NewFences<R> {
    const ALIGNED: () = assert!(align_of::<Spare<R>>() <= bindings::ARCH_KMALLOC_MINALIGN);

    /// Allocates the memory for `count` fences.
    ///
    /// For memory that user space asks for, pass `GFP_KERNEL_ACCOUNT`. The call sleeps if `flags`
    /// allow it.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn alloc(count: u32, flags: Flags) -> Result<Self> {
        const { Self::ALIGNED };
        // SAFETY: `Flags` has the size of its only field, a `gfp_t`. Its method `as_raw` is private
        // to the `kernel` crate.
        let flags = unsafe { core::mem::transmute::<Flags, bindings::gfp_t>(flags) };
        let mut fences = Self { first: None };
        for _ in 0..count {
            let size = size_of::<Spare<R>>();
            // SAFETY: `kmalloc()` may be called with any size and flags.
            let spare = unsafe { bindings::dma_fence_kmalloc(size, flags) };
            let spare = NonNull::new(spare.cast::<Spare<R>>()).ok_or(ENOMEM)?;
            // SAFETY: `spare` was allocated just now with the size of a `Spare`. By `ALIGNED` it is
            // aligned.
            unsafe { spare.write(Spare { next: fences.first }) };
            // INVARIANT: `spare` was allocated just now, and its `next` was written.
            fences.first = Some(spare);
        }
        Ok(fences)
    }

    /// Takes out the memory for one fence, or returns `None` if there is none left.
    ///
    /// The memory is an allocation of `kmalloc()`, which the caller owns from then on.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<NonNull<Point<LinksOf<R>>>> {
        let spare = self.first?;
        // SAFETY: By the type invariant this value owns `spare`, and `next` is initialized.
        // INVARIANT: `spare` is taken out of the chain.
        self.first = unsafe { (*spare.as_ptr()).next };
        Some(spare.cast())
    }
}

impl<R: Order> Drop for NewFences<R> {
    #[inline]
    fn drop(&mut self) {
        while let Some(spare) = self.pop() {
            // SAFETY: `pop` returned an allocation of `kmalloc()`, which this function owns.
            unsafe { bindings::kfree(spare.as_ptr().cast()) };
        }
    }
}
