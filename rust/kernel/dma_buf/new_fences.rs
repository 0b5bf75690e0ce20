// SPDX-License-Identifier: GPL-2.0

//! Memory for fences, allocated before the fences are emitted.

use super::{
    order::Order,
    pending::Pending,
    point::Point, //
};
use crate::{
    alloc::Flags,
    bindings,
    prelude::*, //
};
use core::{
    mem::{
        ManuallyDrop,
        MaybeUninit, //
    },
    ptr::NonNull, //
};

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
