// SPDX-License-Identifier: GPL-2.0

//! A box that is unshared at once and freed one grace period later.

use super::{
    ForeignOwnableRcu,
    Guard,
    RcuFreeSafe, //
};
use crate::{
    alloc::{
        allocator::Kmalloc,
        AllocError,
        Allocator,
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
        needs_drop,
        offset_of, //
    },
    ops::Deref,
    ptr::NonNull,
};

/// The allocation: the head first.
///
/// `kvfree_rcu()` may queue the head instead of the pointer when memory is short, and finds the
/// start of a large or `vmalloc()`ed object by rounding the head's address down to its page.
/// `repr(C)` keeps the head where that works; the compiler would move it behind a large value.
#[pin_data]
#[repr(C)]
struct Inner<T> {
    head: Opaque<bindings::kvfree_rcu_head>,
    #[pin]
    value: T,
}

/// A pinned, owned value that RCU readers may still view when its owner has let go.
///
/// Dropping the box runs [`RcuFreeSafe::drop_before_gp`], then queues the memory to be freed after
/// a grace period (`kvfree_call_rcu()`). It never sleeps, never allocates, and never runs `T`'s
/// destructor: that `T` has none is asserted at compile time. What needs a destructor is put into a
/// `ManuallyDrop` and dealt with in `drop_before_gp` if it is the owner's alone, or is kept in an
/// [`RcuBox`](super::RcuBox) if readers see it.
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
/// The pointer is that of an allocation made by `A`, which this box owns, and in which a pinned
/// `Inner<T>` is initialised. `drop_before_gp` has not been called on its value.
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
pub struct RcuFreeBox<T: RcuFreeSafe, A: Allocator = Kmalloc> {
    ptr: NonNull<Inner<T>>,
    _p: PhantomData<(Inner<T>, A)>,
}

// SAFETY: The box owns the value: sending it sends the value. That readers on other CPUs may view
// it meanwhile is nothing that sending changes, and is for whatever published it to argue.
unsafe impl<T: RcuFreeSafe + Send, A: Allocator> Send for RcuFreeBox<T, A> {}

// SAFETY: A shared box gives shared access to the value, and views of it.
unsafe impl<T: RcuFreeSafe + Sync, A: Allocator> Sync for RcuFreeBox<T, A> {}

impl<T: RcuFreeSafe, A: Allocator> RcuFreeBox<T, A> {
    const LAYOUT: () = {
        assert!(
            !needs_drop::<T>(),
            "an RcuFreeBox never runs a destructor: use `ManuallyDrop` and `drop_before_gp`, or `RcuBox`"
        );
        assert!(
            offset_of!(Inner<T>, head) == 0,
            "the RCU head must come first"
        );
    };

    /// Returns the value, pinned.
    #[inline]
    pub fn as_pin(&self) -> Pin<&T> {
        // SAFETY: By the type invariant the value is initialised, pinned, and alive while `self`
        // is.
        unsafe { Pin::new_unchecked(&self.ptr.as_ref().value) }
    }

    /// Returns the value, pinned and mutable.
    ///
    /// Readers may view it meanwhile. That is sound because what they reach is in `UnsafePinned`
    /// fields, to which a `Pin<&mut T>` claims no exclusive access; see [`RcuFreeSafe`].
    #[inline]
    pub fn as_pin_mut(&mut self) -> Pin<&mut T> {
        // SAFETY: As in `as_pin`; `self` is borrowed exclusively.
        unsafe { Pin::new_unchecked(&mut self.ptr.as_mut().value) }
    }

    /// Returns what readers see of the value.
    #[inline]
    pub fn rcu_view<'a>(&'a self, rcu: &'a Guard) -> T::RcuView<'a> {
        self.as_pin().rcu_view(rcu)
    }
}

impl<T: RcuFreeSafe, A: Allocator + 'static> RcuFreeBox<T, A> {
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

impl<T: RcuFreeSafe, A: Allocator + 'static> InPlaceInit<T> for RcuFreeBox<T, A> {
    type PinnedSelf = Self;

    fn try_pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Self, E>
    where
        E: From<AllocError>,
    {
        const { Self::LAYOUT };
        let inner: Pin<Box<Inner<T>, A>> = Box::try_pin_init(
            pin_init!(Inner {
                head: Opaque::uninit(),
                value <- init,
            }? E),
            flags,
        )?;
        // SAFETY: The pointer is kept as that of a pinned value: it is not moved from here on.
        let ptr = Box::into_raw(unsafe { Pin::into_inner_unchecked(inner) });
        // INVARIANT: The box was just allocated and initialised; nobody else owns it.
        Ok(Self {
            // SAFETY: `Box::into_raw` returns no null pointer.
            ptr: unsafe { NonNull::new_unchecked(ptr) },
            _p: PhantomData,
        })
    }

    fn try_init<E>(init: impl Init<T, E>, flags: Flags) -> Result<Self, E>
    where
        E: From<AllocError>,
    {
        Self::try_pin_init(init, flags)
    }
}

impl<T: RcuFreeSafe, A: Allocator> Deref for RcuFreeBox<T, A> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.as_pin().get_ref()
    }
}

impl<T: RcuFreeSafe, A: Allocator> Drop for RcuFreeBox<T, A> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant this is the first call; the box is gone after it, so what
        // remains are views, which readers made that hold off the free below.
        unsafe { self.as_pin_mut().drop_before_gp() };

        let ptr = self.ptr.as_ptr();
        // SAFETY: By the type invariant the allocation is ours and was made by `A`, which is one of
        // `kmalloc`, `vmalloc` and `kvmalloc`: `kvfree()` frees each. The head is in the allocation
        // and nothing else uses it; `T` has no destructor that would have to run.
        unsafe {
            bindings::kvfree_call_rcu(Opaque::cast_into(&raw const (*ptr).head), ptr.cast());
        }
    }
}

// SAFETY: `into_foreign` returns the pointer to an `Inner<T>`, aligned as such.
unsafe impl<T: RcuFreeSafe, A: Allocator> ForeignOwnable for RcuFreeBox<T, A> {
    const FOREIGN_ALIGN: usize = core::mem::align_of::<Inner<T>>();

    type Borrowed<'a>
        = Pin<&'a T>
    where
        Self: 'a;
    type BorrowedMut<'a>
        = Pin<&'a mut T>
    where
        Self: 'a;

    fn into_foreign(self) -> *mut c_void {
        core::mem::ManuallyDrop::new(self).ptr.as_ptr().cast()
    }

    unsafe fn from_foreign(ptr: *mut c_void) -> Self {
        // INVARIANT: The pointer is that of a box that `into_foreign` consumed, and comes back
        // once.
        Self {
            // SAFETY: By the safety requirements it came from `into_foreign`, so it is not null.
            ptr: unsafe { NonNull::new_unchecked(ptr.cast()) },
            _p: PhantomData,
        }
    }

    unsafe fn borrow<'a>(ptr: *mut c_void) -> Pin<&'a T> {
        let inner = ptr.cast::<Inner<T>>();
        // SAFETY: By the safety requirements the box outlives `'a`; its value is pinned.
        unsafe { Pin::new_unchecked(&(*inner).value) }
    }

    unsafe fn borrow_mut<'a>(ptr: *mut c_void) -> Pin<&'a mut T> {
        let inner = ptr.cast::<Inner<T>>();
        // SAFETY: By the safety requirements the box outlives `'a` and is not borrowed otherwise;
        // its value is pinned.
        unsafe { Pin::new_unchecked(&mut (*inner).value) }
    }
}

// SAFETY: The memory is freed one grace period after the drop, and by the safety requirements of
// `RcuFreeSafe` what a view reaches stays valid until then.
unsafe impl<T: RcuFreeSafe + Sync, A: Allocator> ForeignOwnableRcu for RcuFreeBox<T, A> {
    type RcuBorrowed<'a>
        = T::RcuView<'a>
    where
        Self: 'a;

    unsafe fn rcu_borrow<'a>(ptr: *mut c_void, rcu: &'a Guard) -> T::RcuView<'a> {
        let inner = ptr.cast::<Inner<T>>();
        // SAFETY: By the safety requirements the memory is not freed before the critical section of
        // `rcu` ends, and the value is pinned. It is not `Unpin`, so that the owner's `Pin<&mut
        // T>`, which may exist now, claims no exclusive access to what the view reaches.
        unsafe { Pin::new_unchecked(&(*inner).value) }.rcu_view(rcu)
    }
}
