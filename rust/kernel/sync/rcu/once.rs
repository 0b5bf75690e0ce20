// SPDX-License-Identifier: GPL-2.0

//! A part that may come later.

use super::{
    Guard,
    KvfreeAllocator,
    RcuFreeBox,
    RcuFreeSafe, //
};
use crate::{
    alloc::allocator::Kmalloc,
    prelude::*,
    sync::SetOnce, //
};

/// A place in an [`RcuFreeSafe`] for a part that is made later, at most once.
///
/// The part is in a box of its own. Readers see it from when it is there; it is unshared with what
/// it is a part of, and freed one grace period later, like that.
///
/// # Examples
///
/// ```
/// use kernel::sync::rcu::{self, Published, RcuFreeBox, RcuOnce};
///
/// let late: RcuFreeBox<RcuOnce<Published<u32>>> =
///     RcuFreeBox::pin_init(RcuOnce::new(), GFP_KERNEL)?;
/// assert!(late.rcu_view(&rcu::read_lock()).is_none());
/// let part = RcuFreeBox::pin_init(Published::new(8), GFP_KERNEL)?;
/// assert!(late.populate(part));
/// assert_eq!(late.rcu_view(&rcu::read_lock()), Some(&8));
/// # Ok::<(), Error>(())
/// ```
#[pin_data]
pub struct RcuOnce<T: RcuFreeSafe, A: KvfreeAllocator = Kmalloc> {
    slot: SetOnce<RcuFreeBox<T, A>>,
}

impl<T: RcuFreeSafe, A: KvfreeAllocator> RcuOnce<T, A> {
    /// Returns an initialiser for an empty one.
    #[allow(clippy::new_ret_no_self)]
    pub fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            slot: SetOnce::new(),
        })
    }

    /// Puts the part in its place. Returns whether it is there now; it is dropped if there was one.
    pub fn populate(&self, part: RcuFreeBox<T, A>) -> bool {
        self.slot.populate(part)
    }

    /// Returns the part, if it is there.
    pub fn get(&self) -> Option<Pin<&T>> {
        self.slot.as_ref().map(RcuFreeBox::as_pin)
    }
}

// SAFETY:
// - Readers come to the part through what this is a part of, of which new ones are kept out by the
//   caller of `drop_before_gp`. So a reader that finds the part began before its box is dropped.
// - Validity: the part keeps the promises for itself, and its box is freed one grace period after
//   `drop_before_gp` has dropped it.
// - No exclusive access: the box is taken out by a copy, so that readers who look at the slot
//   meanwhile are not excluded.
// - Nothing anew: a view can't populate the slot.
// - Parts, destructors: the box is dropped, once, by `drop_before_gp`, as the destructor would.
// - Context: `drop_before_gp` sleeps if that of the part does.
unsafe impl<T: RcuFreeSafe, A: KvfreeAllocator> RcuFreeSafe for RcuOnce<T, A> {
    type RcuView<'a>
        = Option<T::RcuView<'a>>
    where
        Self: 'a;

    const DROPPED_BEFORE_GP: bool = true;

    unsafe fn rcu_view<'a>(self: Pin<&'a Self>, rcu: &'a Guard) -> Option<T::RcuView<'a>> {
        let part = self.get_ref().get()?;
        // SAFETY: The part is in a box. `drop_before_gp` below unshares it, so the caller's promise
        // about the critical section holds for it.
        Some(unsafe { part.rcu_view(rcu) })
    }

    unsafe fn drop_before_gp(self: Pin<&Self>) {
        if let Some(part) = self.slot.as_ref() {
            // SAFETY: By the safety requirements this is called once, and the destructor of the
            // slot doesn't run: the copy is the one owner from here on.
            drop(unsafe { core::ptr::read(part) });
        }
    }
}
