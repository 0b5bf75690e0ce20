// SPDX-License-Identifier: GPL-2.0

//! Memory for fences, allocated before it is needed.

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

/// Memory for a fence, and before it is one, a link to more of it.
union Spare<R: Order> {
    next: Option<NonNull<Spare<R>>>,
    _point: ManuallyDrop<MaybeUninit<Point<LinksOf<R>>>>,
}

/// Memory for fences, allocated before it is needed.
///
/// Emission happens under a lock: it must not allocate, and can't fail. So memory is asked for
/// first, and what is not used is given back outside the lock. What a fence needs depends on the
/// [`Order`] of its context.
///
/// # Invariants
///
/// `first` is the first of a chain of allocations of `kmalloc()`, a `Spare` each, which this
/// owns, and whose `next` is initialised.
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

    /// Allocates the memory of `count` fences.
    ///
    /// Pass `GFP_KERNEL_ACCOUNT` for memory that user space asks for. Sleeps as `flags` allow.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn alloc(count: u32, flags: Flags) -> Result<Self> {
        const { Self::ALIGNED };
        // SAFETY: `Flags` is one `gfp_t`, and nothing else since it has its size. Its own `as_raw`
        // is for the `kernel` crate only.
        let flags = unsafe { core::mem::transmute::<Flags, bindings::gfp_t>(flags) };
        let mut fences = Self { first: None };
        for _ in 0..count {
            let size = size_of::<Spare<R>>();
            // SAFETY: Any size and flags may be asked for.
            let spare = unsafe { bindings::dma_fence_kmalloc(size, flags) };
            let spare = NonNull::new(spare.cast::<Spare<R>>()).ok_or(ENOMEM)?;
            // SAFETY: It was allocated just now, with that size, and is aligned: see `ALIGNED`.
            unsafe { spare.write(Spare { next: fences.first }) };
            // INVARIANT: It was allocated and written just now.
            fences.first = Some(spare);
        }
        Ok(fences)
    }

    /// Takes out the memory of one fence. It is an allocation of `kmalloc()`, and the caller's.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<NonNull<Point<LinksOf<R>>>> {
        let spare = self.first?;
        // SAFETY: By the type invariant it is ours, and `next` initialised.
        // INVARIANT: The first one is taken out of the chain.
        self.first = unsafe { (*spare.as_ptr()).next };
        Some(spare.cast())
    }
}

impl<R: Order> Drop for NewFences<R> {
    #[inline]
    fn drop(&mut self) {
        while let Some(spare) = self.pop() {
            // SAFETY: It is an allocation of `kmalloc()`, and it is ours.
            unsafe { bindings::kfree(spare.as_ptr().cast()) };
        }
    }
}
