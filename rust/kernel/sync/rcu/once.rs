// SPDX-License-Identifier: GPL-2.0

//! A part that may come later.

use super::{
    Guard,
    KvfreeAllocator,
    RcuFreeBox,
    RcuFreeSafe,
    UnsafePinned, //
};
use crate::{
    alloc::allocator::Kmalloc,
    prelude::*,
    sync::SetOnce, //
};
use core::mem::ManuallyDrop;

/// A place in an [`RcuFreeSafe`] for a part that is made later, at most once.
///
/// The part is in a box of its own. Readers see it from when it is there; it is unshared with what
/// it is a part of, and freed one grace period later, like that.
///
/// It has no destructor, so that it can be in an [`RcuFreeBox`]: the part is dropped when the whole
/// is unshared. One that is not in a box, and so is never unshared, leaks its part.
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
    // The destructor is never run: `drop_before_gp` takes the box out instead.
    #[pin]
    slot: UnsafePinned<ManuallyDrop<SetOnce<RcuFreeBox<T, A>>>>,
}

impl<T: RcuFreeSafe, A: KvfreeAllocator> RcuOnce<T, A> {
    /// Returns an initialiser for an empty one.
    #[allow(clippy::new_ret_no_self)]
    pub fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            slot: UnsafePinned::new(ManuallyDrop::new(SetOnce::new())),
        })
    }

    fn slot(&self) -> &SetOnce<RcuFreeBox<T, A>> {
        // SAFETY: It was initialised by the constructor, and is never accessed exclusively.
        unsafe { &*self.slot.get() }
    }

    /// Puts the part in its place. Returns whether it is there now; it is dropped if there was one.
    pub fn populate(&self, part: RcuFreeBox<T, A>) -> bool {
        self.slot().populate(part)
    }

    /// Returns the part, if it is there.
    pub fn get(&self) -> Option<Pin<&T>> {
        self.slot().as_ref().map(RcuFreeBox::as_pin)
    }
}

// SAFETY: The part keeps the promises for itself, and its box is dropped once, by `drop_before_gp`;
// it is taken out by a copy, so that readers who look at the slot meanwhile are not excluded. They
// come to it through what this is a part of.
unsafe impl<T: RcuFreeSafe, A: KvfreeAllocator> RcuFreeSafe for RcuOnce<T, A> {
    type RcuView<'a>
        = Option<T::RcuView<'a>>
    where
        Self: 'a;

    fn rcu_view<'a>(self: Pin<&'a Self>, rcu: &'a Guard) -> Option<T::RcuView<'a>> {
        Some(self.get_ref().get()?.rcu_view(rcu))
    }

    unsafe fn drop_before_gp(self: Pin<&mut Self>) {
        if let Some(part) = self.as_ref().get_ref().slot().as_ref() {
            // SAFETY: By the safety requirements this is called once, and the slot's own destructor
            // never runs: the copy is the one owner from here on.
            drop(unsafe { core::ptr::read(part) });
        }
    }
}
