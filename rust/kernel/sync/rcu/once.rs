// SPDX-License-Identifier: GPL-2.0

//! A place for a part that may be added later.

use super::{
    Guard,
    RcuAllocator,
    RcuBox,
    RcuFreeBox,
    RcuFreeSafe, //
};
use crate::{
    alloc::allocator::Kmalloc,
    prelude::*,
    sync::SetOnce, //
};

/// A place in an [`RcuFreeSafe`] for a part that is added later, at most once.
///
/// The part is in a box of its own. Readers see the part as soon as it was added. When the whole is
/// unshared, the part is unshared, too. Both are freed one grace period later.
///
/// # Examples
///
/// ```
/// use kernel::sync::rcu::{self, Published, RcuFreeKBox, RcuOnce};
///
/// let late = RcuFreeKBox::new(RcuOnce::<Published<u32>>::new(), GFP_KERNEL)?;
/// assert!(late.with_rcu(&rcu::read_lock()).is_none());
/// let part = RcuFreeKBox::new(Published::new(8), GFP_KERNEL)?;
/// assert!(late.populate(part));
/// assert_eq!(late.with_rcu(&rcu::read_lock()), Some(&8));
/// # Ok::<(), Error>(())
/// ```
#[pin_data]
pub struct RcuOnce<T: RcuFreeSafe, A: RcuAllocator = Kmalloc> {
    slot: SetOnce<RcuFreeBox<T, A>>,
}

impl<T: RcuFreeSafe, A: RcuAllocator> RcuOnce<T, A> {
    /// Makes an empty place.
    pub const fn new() -> Self {
        Self {
            slot: SetOnce::new(),
        }
    }

    /// Adds the part. Returns whether `part` was added.
    ///
    /// If the place already has a part, or another thread is adding one, `part` is dropped.
    pub fn populate(&self, part: RcuFreeBox<T, A>) -> bool {
        self.slot.populate(part)
    }

    /// Returns the part, or `None` if the place is empty.
    pub fn get(&self) -> Option<Pin<&T>> {
        self.slot.as_ref().map(RcuBox::as_pin)
    }
}

impl<T: RcuFreeSafe, A: RcuAllocator> Default for RcuOnce<T, A> {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY:
// - Readers: they reach the part through the structure that contains the place. The caller of
//   `drop_before_gp` keeps new readers out of that structure. So a reader that finds the part began
//   before the box of the part was dropped.
// - Validity: the part keeps the promises for itself. Its box is freed one grace period after
//   `drop_before_gp` has dropped the box.
// - No exclusive access: `drop_before_gp` copies the box out of the slot. It needs no `&mut` to the
//   slot, which readers may access at the same time.
// - Nothing anew: a view can't populate the slot.
// - Parts, destructors: `drop_before_gp` drops the box once, as the destructor would.
// - Context: `drop_before_gp` sleeps only if `drop_before_gp` of the part does.
unsafe impl<T: RcuFreeSafe, A: RcuAllocator> RcuFreeSafe for RcuOnce<T, A> {
    type RcuView<'a>
        = Option<T::RcuView<'a>>
    where
        Self: 'a;

    const DROPPED_BEFORE_GP: bool = true;

    unsafe fn rcu_view<'a>(self: Pin<&'a Self>, rcu: &'a Guard) -> Option<T::RcuView<'a>> {
        let part = self.get_ref().get()?;
        // SAFETY: `part` is in a box, which gives nobody a `&mut`. Only `drop_before_gp` below, or
        // the destructor, unshares it, so the caller's promise about the critical section of `rcu`
        // holds for `part`, too.
        Some(unsafe { part.rcu_view(rcu) })
    }

    unsafe fn drop_before_gp(self: Pin<&Self>) {
        if let Some(part) = self.slot.as_ref() {
            // SAFETY: `part` is a valid reference. By the safety requirements, this method is
            // called once and the destructor of the slot doesn't run. So the copy is the only owner
            // of the box from here on.
            drop(unsafe { core::ptr::read(part) });
        }
    }
}
