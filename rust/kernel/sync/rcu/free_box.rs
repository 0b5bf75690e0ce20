// SPDX-License-Identifier: GPL-2.0

//! A box that is unshared at once and freed one grace period later.

use super::{
    allocation::Allocation,
    free_safe::is_dropped_before_gp,
    ForeignOwnableRcu,
    Guard,
    KvfreeAllocator,
    RcuFreeSafe, //
};
use crate::{
    alloc::{
        allocator::Kmalloc,
        AllocError,
        Flags, //
    },
    bindings,
    prelude::*,
    types::ForeignOwnable, //
};
use core::{
    mem::ManuallyDrop,
    ops::Deref, //
};

/// A pinned, owned value that RCU readers may still view when its owner has let go.
///
/// Dropping the box runs [`RcuFreeSafe::drop_before_gp`], then queues the memory to be freed after
/// a grace period (`kvfree_call_rcu()`). It never sleeps, can't fail, and never runs `T`'s
/// destructor: that there is none, or that [`RcuFreeSafe::drop_before_gp`] does what it would, is
/// asserted at compile time. If readers see what needs a destructor, keep the value in an
/// [`RcuBox`](super::RcuBox).
///
/// `kvfree_call_rcu()` may allocate a little memory to note the pointer in, without sleeping. If
/// there is none, it queues the head that the box has for that.
///
/// # Context
///
/// May be dropped wherever `T::drop_before_gp` may run; with one that doesn't sleep, in any context
/// but NMI.
///
/// A module that uses it needs no barrier: no callback is left behind in its text. (A grace period
/// passes between a module's exit and the freeing of its text, which covers readers in `T`'s code.)
///
/// # Invariants
///
/// `drop_before_gp` has not been called on the value.
///
/// # Examples
///
/// The view of a value is still there for the reader when the box has been dropped; this is what
/// [`ForeignOwnableRcu`] makes use of.
///
/// ```
/// use kernel::{sync::rcu::{self, ForeignOwnableRcu, Published, RcuFreeBox},
/// types::ForeignOwnable};
///
/// let ours: RcuFreeBox<_> = RcuFreeBox::pin_init(Published::new(3), GFP_KERNEL)?;
/// let ptr = ours.into_foreign();
/// let rcu = rcu::read_lock();
/// // SAFETY: The pointer was just made, and the box is dropped in this critical section.
/// let view = unsafe { <RcuFreeBox<Published<i32>>>::rcu_borrow(ptr, &rcu) };
/// // SAFETY: As above; it is done once.
/// drop(unsafe { <RcuFreeBox<Published<i32>>>::from_foreign(ptr) });
/// assert_eq!(*view, 3);
/// # Ok::<(), Error>(())
/// ```
///
/// What has a destructor doesn't compile:
///
/// ```ignore
/// RcuFreeBox::pin_init(Published::new(KBox::new(3, GFP_KERNEL)?), GFP_KERNEL)?;
/// ```
pub struct RcuFreeBox<T: RcuFreeSafe, A: KvfreeAllocator = Kmalloc>(
    Allocation<bindings::kvfree_rcu_head, T, A>,
);

// SAFETY: The box owns the value: sending it sends the value. That readers on other CPUs may view
// it meanwhile is nothing that sending changes, and is for whatever published it to argue.
unsafe impl<T: RcuFreeSafe + Send, A: KvfreeAllocator> Send for RcuFreeBox<T, A> {}

// SAFETY: A shared box gives shared access to the value, and views of it.
unsafe impl<T: RcuFreeSafe + Sync, A: KvfreeAllocator> Sync for RcuFreeBox<T, A> {}

impl<T: RcuFreeSafe, A: KvfreeAllocator> RcuFreeBox<T, A> {
    const NO_DESTRUCTOR: () = assert!(
        is_dropped_before_gp::<T>(),
        "an RcuFreeBox never runs a destructor: use `ManuallyDrop` and `drop_before_gp`, or `RcuBox`"
    );

    /// Returns the value, pinned.
    #[inline]
    pub fn as_pin(&self) -> Pin<&T> {
        self.0.value()
    }

    /// Returns what readers see of the value.
    #[inline]
    pub fn rcu_view<'a>(&'a self, rcu: &'a Guard) -> T::RcuView<'a> {
        // SAFETY: The value is in this box, which gives nobody a `&mut`. The box is borrowed for
        // `'a`, so it is not dropped, and the value not unshared, before the view is gone.
        unsafe { self.as_pin().rcu_view(rcu) }
    }
}

impl<T: RcuFreeSafe, A: KvfreeAllocator + 'static> RcuFreeBox<T, A> {
    /// Allocates a box and initialises the value in it.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, or what `init` fails with; nothing is left behind then.
    #[inline]
    pub fn pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Self>
    where
        Error: From<E>,
    {
        <Self as InPlaceInit<T>>::pin_init(init, flags)
    }
}

impl<T: RcuFreeSafe, A: KvfreeAllocator + 'static> InPlaceInit<T> for RcuFreeBox<T, A> {
    type PinnedSelf = Self;

    fn try_pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Self, E>
    where
        E: From<AllocError>,
    {
        const { Self::NO_DESTRUCTOR };
        // INVARIANT: The value is new.
        Ok(Self(Allocation::try_pin_init(init, flags)?))
    }

    fn try_init<E>(init: impl Init<T, E>, flags: Flags) -> Result<Self, E>
    where
        E: From<AllocError>,
    {
        Self::try_pin_init(init, flags)
    }
}

impl<T: RcuFreeSafe, A: KvfreeAllocator> Deref for RcuFreeBox<T, A> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.as_pin().get_ref()
    }
}

impl<T: RcuFreeSafe, A: KvfreeAllocator> Drop for RcuFreeBox<T, A> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant this is the first call. The owner has let go of the box, so
        // only readers remain, who by the requirements of `rcu_borrow` began before, or come by a
        // way that `drop_before_gp` closes. The memory stays until it is queued below, and for a
        // grace period from then on. That no destructor has to run was asserted when the box was
        // made.
        unsafe { self.as_pin().drop_before_gp() };
        // SAFETY: The owner has let go of the box, and `drop_before_gp` has kept new readers out.
        unsafe { self.0.free_after_gp() };
    }
}

// SAFETY: `into_foreign` returns the pointer to the allocation, aligned as such.
unsafe impl<T: RcuFreeSafe, A: KvfreeAllocator> ForeignOwnable for RcuFreeBox<T, A> {
    const FOREIGN_ALIGN: usize = Allocation::<bindings::kvfree_rcu_head, T, A>::FOREIGN_ALIGN;

    type Borrowed<'a>
        = Pin<&'a T>
    where
        Self: 'a;
    // Readers may look at the value at any time: there is no exclusive access.
    type BorrowedMut<'a>
        = Pin<&'a T>
    where
        Self: 'a;

    fn into_foreign(self) -> *mut c_void {
        ManuallyDrop::new(self).0.as_foreign()
    }

    unsafe fn from_foreign(ptr: *mut c_void) -> Self {
        // INVARIANT: A box whose value was unshared is gone, and `into_foreign` took one.
        // SAFETY: The pointer is that of a box that `into_foreign` consumed, and comes back once.
        Self(unsafe { Allocation::from_foreign(ptr) })
    }

    unsafe fn borrow<'a>(ptr: *mut c_void) -> Pin<&'a T> {
        // SAFETY: By the safety requirements the box outlives `'a`.
        unsafe { Allocation::<bindings::kvfree_rcu_head, T, A>::borrow(ptr) }
    }

    unsafe fn borrow_mut<'a>(ptr: *mut c_void) -> Pin<&'a T> {
        // SAFETY: By the safety requirements the box outlives `'a`.
        unsafe { Allocation::<bindings::kvfree_rcu_head, T, A>::borrow(ptr) }
    }
}

// SAFETY: The memory is freed one grace period after the drop, and by the safety requirements of
// `RcuFreeSafe` what a view reaches stays valid until the end of a critical section that began
// before the drop. Nobody gets a `&mut` to the value.
unsafe impl<T: RcuFreeSafe + Sync, A: KvfreeAllocator> ForeignOwnableRcu for RcuFreeBox<T, A> {
    type RcuBorrowed<'a>
        = T::RcuView<'a>
    where
        Self: 'a;

    unsafe fn rcu_borrow<'a>(ptr: *mut c_void, rcu: &'a Guard) -> T::RcuView<'a> {
        // SAFETY: By the safety requirements the critical section of `rcu` has begun before the
        // drop of the box, if that is dropped. So the memory is not freed before the section ends.
        let value = unsafe { Allocation::<bindings::kvfree_rcu_head, T, A>::borrow(ptr) };
        // SAFETY: The value is in a box, which gives nobody a `&mut`. The section began before the
        // drop, and that is what calls `drop_before_gp`.
        unsafe { value.rcu_view(rcu) }
    }
}
