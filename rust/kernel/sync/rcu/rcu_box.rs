// SPDX-License-Identifier: GPL-2.0

//! A box whose value is dropped and freed one grace period after its owner let go.

use super::{
    ForeignOwnableRcu,
    Guard, //
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

/// The allocation: the head first, as in [`RcuFreeBox`](super::RcuFreeBox). The two kinds of head
/// are different types in C and need not have one size.
#[pin_data]
#[repr(C)]
struct Inner<T> {
    head: Head,
    #[pin]
    value: T,
}

/// Room for whichever head the drop needs.
#[repr(C)]
union Head {
    call: core::mem::ManuallyDrop<Opaque<bindings::callback_head>>,
    free: core::mem::ManuallyDrop<Opaque<bindings::kvfree_rcu_head>>,
}

/// A pinned, shared value that is dropped one grace period after its owner has let go.
///
/// Readers see the value itself, and it stays whole until they end: they need not be told apart
/// from the owner. The price is a callback (`call_rcu()`) that runs `T`'s destructor in softirq
/// context, where it must not sleep. If `T` has no destructor there is no callback: the memory is
/// freed by `kvfree_call_rcu()`.
///
/// # Why there is no `&mut`
///
/// What readers reach is the whole value, at any time: nobody has exclusive access to any part of
/// it, its owner included, until a grace period after the drop. Then the destructor has it. What
/// changes meanwhile does so through interior mutability.
///
/// # Context
///
/// May be dropped in any context but NMI. `T`'s destructor runs in softirq context, on any CPU,
/// which is why `T: Send`.
///
/// # When a module needs a barrier
///
/// If `T` has a destructor, it is module text that runs after the drop. The module must wait for it
/// before it goes: a [`CallbackBarrier`](super::CallbackBarrier) as the last field of its data.
///
/// # Invariants
///
/// The pointer is that of an allocation made by `A`, which this box owns, and in which a pinned
/// `Inner<T>` is initialised.
///
/// # Examples
///
/// ```
/// use kernel::sync::rcu::RcuBox;
///
/// let text: RcuBox<KVec<u8>> = RcuBox::pin_init(KVec::with_capacity(8, GFP_KERNEL)?, GFP_KERNEL)?;
/// assert_eq!(text.capacity(), 8);
/// # drop(text);
/// # kernel::sync::rcu::rcu_barrier();
/// # Ok::<(), Error>(())
/// ```
pub struct RcuBox<T: Send, A: Allocator = Kmalloc> {
    ptr: NonNull<Inner<T>>,
    _p: PhantomData<(Inner<T>, A)>,
}

// SAFETY: The box owns the value, which is `Send` by the bound on the type. Readers on other CPUs
// share it, hence `Sync`.
unsafe impl<T: Send + Sync, A: Allocator> Send for RcuBox<T, A> {}

// SAFETY: A shared box gives shared access to the value.
unsafe impl<T: Send + Sync, A: Allocator> Sync for RcuBox<T, A> {}

impl<T: Send, A: Allocator> RcuBox<T, A> {
    const LAYOUT: () = assert!(
        offset_of!(Inner<T>, head) == 0,
        "the RCU head must come first"
    );

    /// Returns the value, pinned.
    #[inline]
    pub fn as_pin(&self) -> Pin<&T> {
        // SAFETY: By the type invariant the value is initialised, pinned, and alive while `self`
        // is.
        unsafe { Pin::new_unchecked(&self.ptr.as_ref().value) }
    }

    /// Runs `T`'s destructor and frees the memory: what `call_rcu()` calls after a grace period.
    ///
    /// # Safety
    ///
    /// `head` is that of an `Inner<T>` in an allocation made by `A`, which nobody else uses.
    unsafe extern "C" fn drop_after_gp(head: *mut bindings::callback_head) {
        // SAFETY: The head is at the start of the allocation, as asserted at compile time, and by
        // the safety requirements the allocation is ours.
        drop(unsafe { Box::<Inner<T>, A>::from_raw(head.cast()) });
    }
}

impl<T: Send, A: Allocator + 'static> RcuBox<T, A> {
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

impl<T: Send, A: Allocator + 'static> InPlaceInit<T> for RcuBox<T, A> {
    type PinnedSelf = Self;

    fn try_pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Self, E>
    where
        E: From<AllocError>,
    {
        const { Self::LAYOUT };
        let inner: Pin<Box<Inner<T>, A>> = Box::try_pin_init(
            pin_init!(Inner {
                head: Head {
                    call: core::mem::ManuallyDrop::new(Opaque::uninit()),
                },
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

impl<T: Send, A: Allocator> Deref for RcuBox<T, A> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.as_pin().get_ref()
    }
}

impl<T: Send, A: Allocator> Drop for RcuBox<T, A> {
    #[inline]
    fn drop(&mut self) {
        let ptr = self.ptr.as_ptr();
        if needs_drop::<T>() {
            // SAFETY: The head is at the start of the allocation, which is ours until the callback
            // has run, once. `drop_after_gp` is given the head that its requirements name.
            unsafe { bindings::call_rcu(ptr.cast(), Some(Self::drop_after_gp)) };
        } else {
            // SAFETY: By the type invariant the allocation is ours and was made by `A`, which is
            // one of `kmalloc`, `vmalloc` and `kvmalloc`: `kvfree()` frees each. The head is at its
            // start.
            unsafe { bindings::kvfree_call_rcu(ptr.cast(), ptr.cast()) };
        }
    }
}

// SAFETY: `into_foreign` returns the pointer to an `Inner<T>`, aligned as such.
unsafe impl<T: Send, A: Allocator> ForeignOwnable for RcuBox<T, A> {
    const FOREIGN_ALIGN: usize = core::mem::align_of::<Inner<T>>();

    type Borrowed<'a>
        = Pin<&'a T>
    where
        Self: 'a;
    // Readers may share the value at any time: there is no exclusive access.
    type BorrowedMut<'a>
        = Pin<&'a T>
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

    unsafe fn borrow_mut<'a>(ptr: *mut c_void) -> Pin<&'a T> {
        let inner = ptr.cast::<Inner<T>>();
        // SAFETY: As in `borrow`, whose requirements are included in those of this function.
        unsafe { Pin::new_unchecked(&(*inner).value) }
    }
}

// SAFETY: The value is dropped, and its memory freed, after a grace period that begins when the box
// is dropped; until then it is only shared.
unsafe impl<T: Send + Sync, A: Allocator> ForeignOwnableRcu for RcuBox<T, A> {
    type RcuBorrowed<'a>
        = Pin<&'a T>
    where
        Self: 'a;

    unsafe fn rcu_borrow<'a>(ptr: *mut c_void, _rcu: &'a Guard) -> Pin<&'a T> {
        let inner = ptr.cast::<Inner<T>>();
        // SAFETY: By the safety requirements the value is not dropped before the critical section
        // of the guard ends, and it is pinned.
        unsafe { Pin::new_unchecked(&(*inner).value) }
    }
}
