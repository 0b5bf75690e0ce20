// SPDX-License-Identifier: GPL-2.0

//! A box that unshares its value when it is dropped, and frees the memory one grace period later.

use super::{
    free_safe::is_dropped_before_gp,
    rcu_box::{
        Inner,
        Reclaim, //
    },
    Guard,
    RcuAllocator,
    RcuBox,
    RcuFreeSafe, //
};
use crate::{
    alloc::allocator::{
        KVmalloc,
        Kmalloc,
        Vmalloc, //
    },
    bindings,
    prelude::*, //
};
use core::ptr::NonNull;

/// A pinned, owned value that RCU readers may still view after its box was dropped.
///
/// The drop of the box runs [`RcuFreeSafe::drop_before_gp`], then queues the memory to be freed
/// after a grace period (`kvfree_call_rcu()`). The drop can't fail, and does not sleep unless
/// [`RcuFreeSafe::drop_before_gp`] does. It never runs `T`'s destructor: at compile time, the box
/// asserts that `T` has none, or that [`RcuFreeSafe::drop_before_gp`] does what the destructor
/// would do. If readers see a part that needs a destructor, keep the value in an [`RcuBox`].
///
/// `kvfree_call_rcu()` may allocate a little memory for the pointer, without sleeping. If the
/// allocation fails, `kvfree_call_rcu()` queues the head that each box has.
///
/// # Context
///
/// May be dropped wherever `T::drop_before_gp` may run: in any context but NMI, if
/// `T::drop_before_gp` doesn't sleep.
///
/// A module that uses it needs no barrier, because no callback in the text of the module is queued.
/// (Between a module's exit and the freeing of its text, the kernel waits for a grace period. That
/// covers readers that run `T`'s code.)
///
/// # Examples
///
/// A reader may use a view after the box was dropped.
///
/// ```
/// use kernel::sync::rcu::{self, Published, RcuFreeKBox};
///
/// let ours = RcuFreeKBox::new(Published::new(3), GFP_KERNEL)?;
/// let rcu = rcu::read_lock();
/// let view = ours.with_rcu(&rcu);
/// drop(ours);
/// assert_eq!(*view, 3);
/// # Ok::<(), Error>(())
/// ```
///
/// A type with a destructor doesn't compile:
///
/// ```ignore
/// RcuFreeKBox::new(Published::new(KBox::new(3, GFP_KERNEL)?), GFP_KERNEL)?;
/// ```
pub type RcuFreeBox<T, A> = RcuBox<T, A, DropBeforeGp>;

/// An [`RcuFreeBox`] in memory of `kmalloc()`.
pub type RcuFreeKBox<T> = RcuFreeBox<T, Kmalloc>;
/// An [`RcuFreeBox`] in memory of `vmalloc()`.
pub type RcuFreeVBox<T> = RcuFreeBox<T, Vmalloc>;
/// An [`RcuFreeBox`] in memory of `kvmalloc()`.
pub type RcuFreeKVBox<T> = RcuFreeBox<T, KVmalloc>;

/// How an [`RcuFreeBox`] drops its value: before the grace period, by
/// [`RcuFreeSafe::drop_before_gp`]. Readers get a view.
pub struct DropBeforeGp;

// SAFETY: `reclaim` calls `drop_before_gp`, and the memory stays for a grace period after that. By
// the safety requirements of `RcuFreeSafe`, what a view reaches stays valid until the end of a
// critical section that began before the call, and nobody gets a `&mut` to it. `CHECK` asserts that
// no destructor must run.
unsafe impl<T: RcuFreeSafe> Reclaim<T> for DropBeforeGp {
    type Head = bindings::kvfree_rcu_head;

    type RcuView<'a>
        = T::RcuView<'a>
    where
        T: 'a;

    const CHECK: () = assert!(
        is_dropped_before_gp::<T>(),
        "a destructor would never run: use `ManuallyDrop` and `drop_before_gp`, or `RcuBox`"
    );

    #[inline]
    unsafe fn rcu_view<'a>(value: Pin<&'a T>, rcu: &'a Guard) -> T::RcuView<'a> {
        // SAFETY: The caller promises that the value is in a box, which gives nobody a `&mut`, and
        // that the critical section of `rcu` began before the drop of the box. Only the drop calls
        // `drop_before_gp`.
        unsafe { value.rcu_view(rcu) }
    }

    /// Wherever `T::drop_before_gp` may run.
    ///
    /// # Safety
    ///
    /// Callers must also ensure that no destructor of `T` has to run.
    #[inline]
    unsafe fn reclaim<A: RcuAllocator>(inner: NonNull<Inner<Self::Head, T>>) {
        // SAFETY: The caller owns `inner`, in which a pinned value is initialized. The memory is
        // not freed before the end of this function.
        let value = unsafe { Inner::value(inner) };
        // SAFETY: This is the only call for the value. From now on, only readers use the value. By
        // the requirements of `rcu_borrow`, they began before this call, or reach the value by a
        // way that `drop_before_gp` closes. The memory stays valid until it is queued below, and
        // for a grace period after that. The caller promises that no destructor must run.
        unsafe { value.drop_before_gp() };
        // SAFETY: The caller owns `inner`, and does not use it after this. `drop_before_gp` has
        // kept new readers out.
        unsafe { Inner::free_after_gp::<A>(inner) };
    }
}
