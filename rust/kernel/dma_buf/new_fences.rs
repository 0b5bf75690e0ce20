// SPDX-License-Identifier: GPL-2.0

//! Memory for fences, allocated before it is needed.

use super::{
    order::Order,
    pending::Pending,
    point::Point, //
};
use crate::{
    alloc::Flags,
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
pub(super) type Links<R> = <<R as Order>::Pending as Pending>::Links;

/// Memory for a fence, and before it is one, a link to more of it.
union Spare<R: Order> {
    next: Option<NonNull<Spare<R>>>,
    _point: ManuallyDrop<MaybeUninit<Point<Links<R>>>>,
}

/// Memory for fences, allocated before it is needed.
///
/// Emission happens under a lock: it must not allocate, and can't fail. So memory is asked for
/// first, and what is not used is given back outside the lock. What a fence needs depends on the
/// [`Order`] of its context.
///
/// # Invariants
///
/// `first` is the first of a chain of allocations of [`KBox`], each of which is owned by this and
/// whose `next` is initialised.
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
    /// Allocates the memory of `count` fences.
    ///
    /// Pass `GFP_KERNEL_ACCOUNT` for memory that user space asks for. Sleeps as `flags` allow.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn alloc(count: u32, flags: Flags) -> Result<Self> {
        let mut fences = Self { first: None };
        for _ in 0..count {
            let spare = KBox::<Spare<R>>::new_uninit(flags)?;
            let spare = KBox::into_raw(KBox::write(spare, Spare { next: fences.first }));
            // INVARIANT: It was allocated and written just now.
            fences.first = NonNull::new(spare);
        }
        Ok(fences)
    }

    /// Takes out the memory of one fence. It is an allocation of `kmalloc()`, and the caller's.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<NonNull<Point<Links<R>>>> {
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
            // SAFETY: It is an allocation of `KBox<Spare<R>>`, and it is ours.
            drop(unsafe { KBox::<Spare<R>>::from_raw(spare.as_ptr().cast()) });
        }
    }
}
