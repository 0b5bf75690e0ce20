// SPDX-License-Identifier: GPL-2.0

//! What both boxes are made of: an allocation with a head for RCU, and a pinned value.

use crate::{
    alloc::{
        allocator::{
            KVmalloc,
            Kmalloc,
            Vmalloc, //
        },
        AllocError,
        Allocator,
        Flags, //
    },
    bindings,
    prelude::*,
    types::Opaque, //
};
use core::{
    marker::PhantomData,
    mem::{
        align_of,
        offset_of,
        size_of, //
    },
    ptr::NonNull,
};

/// Allocators of memory that RCU can free.
///
/// The boxes leave their memory to `kvfree_call_rcu()`, which doesn't ask where it is from. So not
/// every [`Allocator`] may be that of a box; the kernel's own may.
///
/// # Safety
///
/// Implementers must ensure that `kvfree()` may be called on what the allocator has allocated, in
/// place of [`Allocator::free`].
pub unsafe trait KvfreeAllocator: Allocator {}

// SAFETY: `kvfree()` frees what `kmalloc()` has allocated.
unsafe impl KvfreeAllocator for Kmalloc {}
// SAFETY: `kvfree()` frees what `vmalloc()` has allocated.
unsafe impl KvfreeAllocator for Vmalloc {}
// SAFETY: `kvfree()` frees what `kvmalloc()` has allocated.
unsafe impl KvfreeAllocator for KVmalloc {}

/// The layout: the head first.
///
/// `kvfree_rcu()` may queue the head instead of the pointer when memory is short, and finds the
/// start of a large or `vmalloc()`ed object by rounding the head's address down to its page.
/// `repr(C)` keeps the head where that works; the compiler would move it behind a large value.
#[pin_data]
#[repr(C)]
pub(super) struct Inner<H, T> {
    head: Opaque<H>,
    #[pin]
    value: T,
}

/// An allocation of a value that is freed one grace period after its owner has let go.
///
/// `H` is the head that RCU queues it by. It has no destructor: when it goes, and which way, is for
/// the box to say.
///
/// # Invariants
///
/// The pointer is that of an allocation made by `A`, in which a pinned `Inner<H, T>` is
/// initialised. It is owned until it is queued for RCU.
pub(super) struct Allocation<H, T, A: KvfreeAllocator> {
    ptr: NonNull<Inner<H, T>>,
    _p: PhantomData<(Inner<H, T>, A)>,
}

impl<H, T, A: KvfreeAllocator> Allocation<H, T, A> {
    /// The alignment of the pointers of [`as_foreign`](Self::as_foreign).
    pub(super) const FOREIGN_ALIGN: usize = align_of::<Inner<H, T>>();

    const LAYOUT: () = {
        assert!(
            offset_of!(Inner<H, T>, head) == 0,
            "the RCU head must come first"
        );
        assert!(
            size_of::<H>() >= size_of::<bindings::kvfree_rcu_head>()
                && align_of::<H>() >= align_of::<bindings::kvfree_rcu_head>(),
            "kvfree_call_rcu() must find room for its head"
        );
    };

    /// Allocates, and initialises the value in place.
    pub(super) fn try_pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Self, E>
    where
        E: From<AllocError>,
        A: 'static,
    {
        const { Self::LAYOUT };
        let inner: Pin<Box<Inner<H, T>, A>> = Box::try_pin_init(
            pin_init!(Inner {
                head: Opaque::uninit(),
                value <- init,
            }? E),
            flags,
        )?;
        // SAFETY: The pointer is kept as that of a pinned value: it is not moved from here on.
        let ptr = Box::into_raw(unsafe { Pin::into_inner_unchecked(inner) });
        // SAFETY: It was just allocated and initialised; nobody else owns it.
        Ok(unsafe { Self::from_foreign(ptr.cast()) })
    }

    /// Returns the value.
    #[inline]
    pub(super) fn value(&self) -> Pin<&T> {
        // SAFETY: By the type invariant it is initialised, pinned, and alive while `self` is.
        unsafe { Self::borrow(self.as_foreign()) }
    }

    /// Returns a pointer to the head, which is not initialised.
    #[inline]
    pub(super) fn head(&self) -> *mut H {
        // As asserted, it is at the start.
        self.ptr.as_ptr().cast()
    }

    /// Returns the pointer by which the C side knows it.
    #[inline]
    pub(super) fn as_foreign(&self) -> *mut c_void {
        self.ptr.as_ptr().cast()
    }

    /// # Safety
    ///
    /// Callers must own the pinned `Inner<H, T>`, made by `A`, that `ptr` stands for:
    /// [`as_foreign`](Self::as_foreign) returned `ptr` for an allocation that is not used any more.
    #[inline]
    pub(super) unsafe fn from_foreign(ptr: *mut c_void) -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            // SAFETY: A pointer to an allocation is not null.
            ptr: unsafe { NonNull::new_unchecked(ptr.cast()) },
            _p: PhantomData,
        }
    }

    /// Returns the value of the allocation that `ptr` is of.
    ///
    /// There is no other reference than this shared one, here and in the boxes: readers may have
    /// one at any time.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `ptr` is that of an allocation of this type, whose value is neither
    /// dropped nor freed in `'a`.
    #[inline]
    pub(super) unsafe fn borrow<'a>(ptr: *mut c_void) -> Pin<&'a T> {
        // SAFETY: By the safety requirements; the value is pinned.
        unsafe { Pin::new_unchecked(&(*ptr.cast::<Inner<H, T>>()).value) }
    }

    /// Queues the memory to be freed after a grace period. Any context but NMI.
    ///
    /// # Safety
    ///
    /// Callers must be the owner, and must call this once. Afterwards only readers that began
    /// before may use the value. `T` must have no destructor that would have to run.
    #[inline]
    pub(super) unsafe fn free_after_gp(&mut self) {
        let ptr = self.ptr.as_ptr();
        // SAFETY: By the type invariant the allocation was made by `A`, which promises that
        // `kvfree()` may free it. The head is at its start, has room as asserted, and nothing else
        // uses it.
        unsafe { bindings::kvfree_call_rcu(ptr.cast(), ptr.cast()) };
    }
}
