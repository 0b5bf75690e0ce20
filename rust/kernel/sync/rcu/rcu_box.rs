// SPDX-License-Identifier: GPL-2.0

//! The box of a value that RCU readers may use after its owner has dropped the box.

use super::{
    DropAfterGp,
    ForeignOwnableRcu,
    Guard,
    RcuAllocator, //
};
use crate::{
    alloc::{
        allocator::{
            KVmalloc,
            Kmalloc,
            Vmalloc, //
        },
        AllocError,
        Flags, //
    },
    bindings,
    prelude::*,
    types::{
        ForeignOwnable,
        Opaque, //
    },
};
use core::{
    marker::PhantomData,
    mem::{
        align_of,
        offset_of,
        size_of,
        ManuallyDrop, //
    },
    ops::Deref,
    ptr::NonNull, //
};

/// A pinned value that is dropped one grace period after its box was dropped.
///
/// Readers get the value itself, as the owner does, and the value stays whole until they end. A
/// destructor of `T` costs a callback (`call_rcu()`) that runs it in softirq context, where it must
/// not sleep. If `T` has no destructor, there is no callback: `kvfree_call_rcu()` frees the memory.
///
/// `R` says what happens to the value when the box is dropped, and what readers get of the value.
/// [`RcuFreeBox`](super::RcuFreeBox) is a box that drops its value *before* the grace period.
///
/// # Why there is no `&mut`
///
/// Readers may access the value at any time. So nobody, not even the owner, has exclusive access to
/// any part of the value until a grace period after the drop of the box. Then the destructor has
/// exclusive access. Until then, a value changes through interior mutability only.
///
/// # What must be unshared
///
/// If `T` is, or contains, an [`RcuFreeSafe`](super::RcuFreeSafe), nothing calls its
/// `drop_before_gp`. Its destructor drops it after the grace period, like any other value. By then
/// there is no reader that it would have to keep out.
///
/// # Context
///
/// May be dropped in any context but NMI. `T`'s destructor runs in softirq context on any CPU,
/// hence `T: Send`.
///
/// # When a module needs a barrier
///
/// If `T` has a destructor, the destructor is module text that runs after the drop of the box. The
/// module must wait for it before the text is freed.
/// [`pin_init_with_barrier`](Self::pin_init_with_barrier) requires evidence of that, a
/// [`BarrierToken`](super::BarrierToken); the other constructors don't compile for such a `T`. The
/// destructor may also run after a borrow of `T` has ended, so that constructor requires
/// `T: 'static`.
///
/// # Invariants
///
/// - `ptr` points to an allocation made by `A`, in which a pinned `Inner<R::Head, T>` is
///   initialized. The box owns it.
/// - The requirements of [`Reclaim::reclaim`] are met, except that the box is in use.
///
/// # Examples
///
/// A value without a destructor needs no barrier. What a reader has found stays valid until its
/// critical section ends, even if the box is dropped meanwhile:
///
/// ```
/// use kernel::sync::rcu::{self, RcuKBox};
///
/// let numbers = RcuKBox::new([1, 2, 3], GFP_KERNEL)?;
/// assert_eq!(numbers[2], 3);
///
/// let rcu = rcu::read_lock();
/// let found = numbers.with_rcu(&rcu);
/// drop(numbers);
/// assert_eq!(found[2], 3);
/// # Ok::<(), Error>(())
/// ```
///
/// [`CallbackBarrier`](super::CallbackBarrier) has an example with a destructor.
pub struct RcuBox<T, A: RcuAllocator, R: Reclaim<T> = DropAfterGp> {
    ptr: NonNull<c_void>,
    _p: PhantomData<(T, A, R)>,
    // Makes the box invariant in `T`: a subtype of `T` may have another `RcuFreeSafe`, which does
    // not unshare the same fields. (`for<'a> fn(&'a ())` is a subtype of `fn(&'static ())`.)
    _value: PhantomData<fn(T) -> T>,
}

/// An [`RcuBox`] in memory of `kmalloc()`.
pub type RcuKBox<T> = RcuBox<T, Kmalloc>;
/// An [`RcuBox`] in memory of `vmalloc()`.
pub type RcuVBox<T> = RcuBox<T, Vmalloc>;
/// An [`RcuBox`] in memory of `kvmalloc()`.
pub type RcuKVBox<T> = RcuBox<T, KVmalloc>;

/// What the boxes differ in: what happens to the value at the drop of its box, and what readers get
/// of the value.
///
/// [`DropAfterGp`] and [`DropBeforeGp`](super::DropBeforeGp) are the implementers.
///
/// # Safety
///
/// Implementers must ensure:
///
/// - What an [`RcuView`](Self::RcuView) reaches stays valid until the end of the critical section
///   in which the view was made, if that section began before the call of
///   [`reclaim`](Self::reclaim). Nobody accesses it exclusively until then.
/// - A constructor of a box that evaluates [`CHECK`](Self::CHECK) meets the requirements of
///   [`reclaim`](Self::reclaim) about `T` and the head.
pub unsafe trait Reclaim<T>: 'static {
    /// What the box keeps before the value. RCU queues the allocation by it.
    type Head;

    /// What a reader gets of the value.
    type RcuView<'a>
    where
        T: 'a;

    /// Fails to compile if a box of `T` can't be made from a value alone.
    const CHECK: ();

    /// Returns what a reader gets of the value.
    ///
    /// # Safety
    ///
    /// Callers must ensure that the value is in a box, and that the critical section of `rcu` has
    /// begun before the drop of the box, if the box is ever dropped.
    unsafe fn rcu_view<'a>(value: Pin<&'a T>, rcu: &'a Guard) -> Self::RcuView<'a>;

    /// Drops the value, and frees the memory after a grace period.
    ///
    /// # Safety
    ///
    /// Callers must own the `Inner`, which `A` has allocated and in which a pinned value is
    /// initialized. They must call this once, and must not use the `Inner` afterwards: only readers
    /// that have begun do. The implementer may require more of `T` and of the head.
    unsafe fn reclaim<A: RcuAllocator>(inner: NonNull<Inner<Self::Head, T>>);
}

/// The layout of an allocation: the head comes first, for it must be in the first page
/// ([`RcuAllocator::free_call_rcu`]). `repr(C)` ensures that; the compiler would move the head
/// behind a large value.
#[pin_data]
#[repr(C)]
pub struct Inner<H, T> {
    head: Opaque<H>,
    #[pin]
    value: T,
}

impl<H, T> Inner<H, T> {
    const LAYOUT: () = {
        assert!(offset_of!(Self, head) == 0, "the RCU head must come first");
        assert!(
            size_of::<H>() >= size_of::<bindings::kvfree_rcu_head>()
                && align_of::<H>() >= align_of::<bindings::kvfree_rcu_head>(),
            "kvfree_call_rcu() must find room for its head"
        );
    };

    /// Returns a pointer to the head, which may not be initialized.
    #[inline]
    pub(super) fn head(&self) -> *mut H {
        self.head.get()
    }

    /// Returns the value.
    ///
    /// Neither the boxes nor this type make a `&mut` to the value, because readers may have a
    /// shared reference at any time.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `inner` points to an initialized and pinned `Inner`, whose value is
    /// neither dropped nor freed during `'a`.
    #[inline]
    pub(super) unsafe fn value<'a>(inner: NonNull<Self>) -> Pin<&'a T> {
        // SAFETY: By the safety requirements, `inner` is valid during `'a`, and its value is
        // pinned.
        unsafe { Pin::new_unchecked(&(*inner.as_ptr()).value) }
    }

    /// Queues the memory to be freed after a grace period, without dropping the value.
    ///
    /// # Safety
    ///
    /// Callers must own the `Inner`, which `A` has allocated, and must call this once. Afterwards,
    /// only readers that have begun may use the value. `T` must not have a destructor that has to
    /// run.
    #[inline]
    pub(super) unsafe fn free_after_gp<A: RcuAllocator>(inner: NonNull<Self>) {
        // SAFETY: By the safety requirements, `A` has made the allocation, and the caller owns it.
        // The head is at the start, and has room for a `kvfree_rcu_head`, as `LAYOUT` asserts.
        unsafe { A::free_call_rcu(inner.cast(), inner.cast()) };
    }
}

/// The memory of a box, before it is one.
pub(super) type Allocation<T, A, R> = Pin<Box<Inner<<R as Reclaim<T>>::Head, T>, A>>;

// SAFETY: Sending the box sends the value that it owns, which is `Send`. The thread that had the
// box before may still have what it got by `with_rcu`, and so share the value, which is `Sync`.
unsafe impl<T: Send + Sync, A: RcuAllocator, R: Reclaim<T>> Send for RcuBox<T, A, R> {}

// SAFETY: A shared box gives only shared access to the value, which is `Sync`.
unsafe impl<T: Sync, A: RcuAllocator, R: Reclaim<T>> Sync for RcuBox<T, A, R> {}

impl<T, A: RcuAllocator, R: Reclaim<T>> RcuBox<T, A, R> {
    /// Allocates a box and moves `x` into it. Does not compile if `x` needs more than that: see the
    /// type of the box.
    ///
    /// May sleep if `flags` allows that.
    ///
    /// # Errors
    ///
    /// [`AllocError`]. `x` is dropped then.
    pub fn new(x: T, flags: Flags) -> Result<Self, AllocError> {
        const { R::CHECK };
        let inner = Inner {
            head: Opaque::uninit(),
            value: x,
        };
        // SAFETY: `CHECK` was evaluated.
        Ok(unsafe { Self::from_box(Box::new(inner, flags)?.into()) })
    }

    /// Allocates the memory, and initializes the value in place. The head is not initialized.
    pub(super) fn try_allocate<E>(
        init: impl PinInit<T, E>,
        flags: Flags,
    ) -> Result<Allocation<T, A, R>, E>
    where
        E: From<AllocError>,
    {
        Box::try_pin_init(
            pin_init!(Inner {
                head: Opaque::uninit(),
                value <- init,
            }? E),
            flags,
        )
    }

    /// Makes a box of its allocation.
    ///
    /// # Safety
    ///
    /// Callers must meet the requirements of [`Reclaim::reclaim`] about `T` and the head, or must
    /// have evaluated [`Reclaim::CHECK`].
    pub(super) unsafe fn from_box(inner: Allocation<T, A, R>) -> Self {
        const { Inner::<R::Head, T>::LAYOUT };
        // SAFETY: The value stays pinned: the pointer is kept as that of a pinned value, which is
        // not moved from here on.
        let ptr = Box::into_raw(unsafe { Pin::into_inner_unchecked(inner) });
        // SAFETY: `ptr` is from `into_raw`, which returns the pointer to an `Inner` that `A` has
        // allocated and that the caller owned.
        unsafe { Self::from_foreign(ptr.cast()) }
    }

    #[inline]
    fn inner(&self) -> NonNull<Inner<R::Head, T>> {
        self.ptr.cast()
    }

    /// Returns the value, pinned.
    #[inline]
    pub fn as_pin(&self) -> Pin<&T> {
        // SAFETY: By the type invariant, the value is initialized and pinned. The box is borrowed,
        // so it is neither dropped nor freed.
        unsafe { Inner::value(self.inner()) }
    }

    /// Returns what a reader gets of the value, for as long as the caller stays in the critical
    /// section of `rcu`. The box may be dropped meanwhile.
    ///
    /// That is `&T`, or the [view](super::RcuFreeSafe) of an [`RcuFreeBox`](super::RcuFreeBox).
    #[inline]
    pub fn with_rcu<'rcu>(&self, rcu: &'rcu Guard) -> R::RcuView<'rcu>
    where
        T: 'rcu,
    {
        // SAFETY: The box is borrowed, so its drop begins after this, in or after the critical
        // section of `rcu`.
        unsafe { Self::rcu_borrow_raw(self.ptr.as_ptr(), rcu) }
    }

    /// Returns what a reader gets of the value of the box that `ptr` is of.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `ptr` is that of a box of this type, and that the critical section
    /// of `rcu` has begun before the drop of the box, if the box is ever dropped.
    #[inline]
    unsafe fn rcu_borrow_raw<'rcu>(ptr: *mut c_void, rcu: &'rcu Guard) -> R::RcuView<'rcu>
    where
        T: 'rcu,
    {
        // SAFETY: `ptr` is of a box, so it is not null. The memory is freed one grace period after
        // the drop, and the value isn't dropped exclusively before that, as `Reclaim` requires. So
        // a shared reference to it is valid until the critical section ends.
        let value = unsafe { Inner::<R::Head, T>::value(NonNull::new_unchecked(ptr.cast())) };
        // SAFETY: The value is in a box. The caller promises the rest.
        unsafe { R::rcu_view(value, rcu) }
    }
}

impl<T, A: RcuAllocator, R: Reclaim<T>> InPlaceInit<T> for RcuBox<T, A, R> {
    type PinnedSelf = Self;

    fn try_pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Self, E>
    where
        E: From<AllocError>,
    {
        const { R::CHECK };
        let inner = Self::try_allocate(init, flags)?;
        // SAFETY: `CHECK` was evaluated.
        Ok(unsafe { Self::from_box(inner) })
    }

    fn try_init<E>(init: impl Init<T, E>, flags: Flags) -> Result<Self, E>
    where
        E: From<AllocError>,
    {
        Self::try_pin_init(init, flags)
    }
}

impl<T, A: RcuAllocator, R: Reclaim<T>> Deref for RcuBox<T, A, R> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.as_pin().get_ref()
    }
}

impl<T, A: RcuAllocator, R: Reclaim<T>> Drop for RcuBox<T, A, R> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant, the box owns the `Inner`, and meets the other
        // requirements. It does not use the `Inner` after this.
        unsafe { R::reclaim::<A>(self.inner()) };
    }
}

// SAFETY: `into_foreign` returns the pointer to an `Inner`, whose alignment is `FOREIGN_ALIGN`.
unsafe impl<T, A: RcuAllocator, R: Reclaim<T>> ForeignOwnable for RcuBox<T, A, R> {
    const FOREIGN_ALIGN: usize = align_of::<Inner<R::Head, T>>();

    type Borrowed<'a>
        = Pin<&'a T>
    where
        Self: 'a;
    // Not `&mut`: readers may access the value at any time.
    type BorrowedMut<'a>
        = Pin<&'a T>
    where
        Self: 'a;

    fn into_foreign(self) -> *mut c_void {
        ManuallyDrop::new(self).ptr.as_ptr()
    }

    unsafe fn from_foreign(ptr: *mut c_void) -> Self {
        // INVARIANT: `ptr` is that of a box that `into_foreign` consumed without dropping it. By
        // the safety requirements, it is passed to this function once, so this box owns the
        // `Inner`.
        Self {
            // SAFETY: `ptr` was returned by `into_foreign`, so it is not null.
            ptr: unsafe { NonNull::new_unchecked(ptr) },
            _p: PhantomData,
            _value: PhantomData,
        }
    }

    unsafe fn borrow<'a>(ptr: *mut c_void) -> Pin<&'a T> {
        // SAFETY: `ptr` was returned by `into_foreign` of a box, so it points to an `Inner`. By the
        // safety requirements, the box is not dropped during `'a`.
        unsafe { Inner::<R::Head, T>::value(NonNull::new_unchecked(ptr.cast())) }
    }

    unsafe fn borrow_mut<'a>(ptr: *mut c_void) -> Pin<&'a T> {
        // SAFETY: The requirements of `borrow_mut` include those of `borrow`.
        unsafe { Self::borrow(ptr) }
    }
}

// SAFETY: By the requirements of `Reclaim`, what an `RcuView` reaches stays valid until the end of
// a critical section that began before the drop, and nobody gets a `&mut` to it until then. Neither
// `borrow` nor `borrow_mut` gives one.
unsafe impl<T: Sync, A: RcuAllocator, R: Reclaim<T>> ForeignOwnableRcu for RcuBox<T, A, R> {
    type RcuBorrowed<'a>
        = R::RcuView<'a>
    where
        Self: 'a;

    unsafe fn rcu_borrow<'a>(ptr: *mut c_void, rcu: &'a Guard) -> R::RcuView<'a> {
        // SAFETY: `ptr` was returned by `into_foreign` of a box. By the safety requirements, the
        // critical section of `rcu` has begun before the drop of the box, if the box is dropped.
        unsafe { Self::rcu_borrow_raw(ptr, rcu) }
    }
}
