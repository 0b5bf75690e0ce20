// SPDX-License-Identifier: GPL-2.0

//! A box whose value is dropped and freed one grace period after its owner let go.

use super::{
    allocation::{
        Allocation,
        Inner, //
    },
    barrier::Callbacks,
    BarrierToken,
    ForeignOwnableRcu,
    Guard,
    KvfreeAllocator, //
};
use crate::{
    alloc::{
        allocator::Kmalloc,
        AllocError,
        Flags, //
    },
    bindings,
    prelude::*,
    sync::Arc,
    types::ForeignOwnable, //
};
use core::{
    mem::{
        needs_drop,
        ManuallyDrop, //
    },
    ops::Deref, //
};

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
/// # What must be unshared
///
/// If `T` is, or contains, an [`RcuFreeSafe`](super::RcuFreeSafe), nothing calls its
/// `drop_before_gp`. It is dropped like any other value, by its destructor, after the grace period,
/// when no reader is left that it would have to keep out.
///
/// # Context
///
/// May be dropped in any context but NMI. `T`'s destructor runs in softirq context, on any CPU,
/// which is why `T: Send`.
///
/// # When a module needs a barrier
///
/// If `T` has a destructor, it is module text that runs after the drop, and the module must wait
/// for it before it goes. [`pin_init_with_barrier`](Self::pin_init_with_barrier) wants evidence of
/// that, a [`BarrierToken`]; the other constructors don't compile for such a `T`. It runs after
/// anything that `T` borrows from, too: so `T: 'static` there.
///
/// # Invariants
///
/// If `T` has a destructor, it was `'static` when the box was made, and the head is initialised: it
/// names the function that runs the destructor, and the callbacks of the module that this function
/// is text of.
///
/// # Examples
///
/// Without a destructor there is nothing to wait for:
///
/// ```
/// use kernel::sync::rcu::RcuBox;
///
/// let numbers: RcuBox<[u32; 3]> = RcuBox::pin_init([1, 2, 3], GFP_KERNEL)?;
/// assert_eq!(numbers[2], 3);
/// # Ok::<(), Error>(())
/// ```
///
/// There is one with a destructor at [`CallbackBarrier`](super::CallbackBarrier).
pub struct RcuBox<T: Send, A: KvfreeAllocator = Kmalloc>(Allocation<Head, T, A>);

/// The head of a box. It is initialised only if the value has a destructor.
///
/// `kvfree_call_rcu()`, which is used otherwise, takes its start for a head of its own.
#[repr(C)]
pub(super) struct Head {
    /// Its function is the callback that was vouched for when the box was made. What drops the box
    /// may be text of another module, and have a copy of that function.
    callback: bindings::callback_head,
    callbacks: Arc<Callbacks>,
}

// SAFETY: The box owns the value, which is `Send` by the bound on the type. Readers on other CPUs
// share it, hence `Sync`.
unsafe impl<T: Send + Sync, A: KvfreeAllocator> Send for RcuBox<T, A> {}

// SAFETY: A shared box gives shared access to the value.
unsafe impl<T: Send + Sync, A: KvfreeAllocator> Sync for RcuBox<T, A> {}

impl<T: Send, A: KvfreeAllocator> RcuBox<T, A> {
    const NO_DESTRUCTOR: () = assert!(
        !needs_drop::<T>(),
        "a destructor runs after the drop: `pin_init_with_barrier` wants a barrier for it"
    );

    /// Returns the value, pinned.
    #[inline]
    pub fn as_pin(&self) -> Pin<&T> {
        self.0.value()
    }
}

impl<T: Send, A: KvfreeAllocator + 'static> RcuBox<T, A> {
    /// Allocates a box and initialises the value in it. For a `T` without a destructor.
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

impl<T: Send + 'static, A: KvfreeAllocator + 'static> RcuBox<T, A> {
    /// Allocates a box and initialises the value in it. `T` may have a destructor: the module waits
    /// for it before it goes.
    ///
    /// # Errors
    ///
    /// - `ENOMEM`, or what `init` fails with; nothing is left behind then.
    /// - `EINVAL` if the destructor is not text of the module that `barrier` is of. `init` is not
    ///   run then.
    ///
    /// # Context
    ///
    /// As `flags` allows.
    pub fn pin_init_with_barrier<E>(
        init: impl PinInit<T, E>,
        barrier: &BarrierToken,
        flags: Flags,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        let callback = Allocation::<Head, T, A>::dropped;
        let callbacks = if needs_drop::<T>() {
            Some(barrier.callbacks_for(callback).ok_or(EINVAL)?)
        } else {
            None
        };
        let init = move |slot: *mut T| {
            // SAFETY: As the caller of this closure promises for `slot`.
            unsafe { pin_init::raw_try_init(slot, init) }.map_err(Error::from)
        };
        // SAFETY: It is `init`; only its error is another.
        let init = unsafe { pin_init::pin_init_from_closure(init) };
        let allocation = Allocation::<Head, T, A>::try_pin_init::<Error>(init, flags)?;
        if let Some(callbacks) = callbacks {
            let head = Head {
                callback: bindings::callback_head {
                    next: core::ptr::null_mut(),
                    func: Some(callback),
                },
                callbacks,
            };
            // SAFETY: The head is part of the allocation, which nobody else knows yet.
            unsafe { allocation.head().write(head) };
        }
        // INVARIANT: `T` is `'static`. If it has a destructor, the head was just initialised.
        Ok(Self(allocation))
    }
}

impl<T: Send, A: KvfreeAllocator + 'static> InPlaceInit<T> for RcuBox<T, A> {
    type PinnedSelf = Self;

    fn try_pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Self, E>
    where
        E: From<AllocError>,
    {
        const { Self::NO_DESTRUCTOR };
        // INVARIANT: `T` has no destructor.
        Ok(Self(Allocation::try_pin_init(init, flags)?))
    }

    fn try_init<E>(init: impl Init<T, E>, flags: Flags) -> Result<Self, E>
    where
        E: From<AllocError>,
    {
        Self::try_pin_init(init, flags)
    }
}

impl<T: Send, A: KvfreeAllocator> Deref for RcuBox<T, A> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.as_pin().get_ref()
    }
}

impl<T: Send, A: KvfreeAllocator> Allocation<Head, T, A> {
    /// Queues a callback that runs `T`'s destructor after a grace period, then frees the memory.
    /// Any context but NMI.
    ///
    /// If the module's barrier has done its work, the value is leaked instead.
    ///
    /// # Safety
    ///
    /// Callers must ensure that the head is initialised, that the owner lets go of the allocation,
    /// once, and that only readers that began before use it from then on. What `T` refers to must
    /// be there until the callback has run.
    #[inline]
    unsafe fn drop_after_gp(&mut self) {
        let head = self.head();
        // SAFETY: By the safety requirements the head is initialised. Nobody changes it before it
        // is queued below.
        let (callbacks, callback) = unsafe { (&(*head).callbacks, (*head).callback.func) };
        if callbacks.begin() {
            // SAFETY: The head is at the start of the allocation, which is ours until the callback
            // has run, once. The callback is `dropped` of this type; its text is there until it has
            // run, since the barrier of its module waits for what was begun.
            unsafe { bindings::call_rcu(head.cast(), callback) };
        } else {
            // SAFETY: The head is initialised, and not used after: all else is leaked.
            drop(unsafe { core::ptr::read(callbacks) });
        }
    }

    /// What `call_rcu()` calls, in softirq context.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `head` is that of an initialised `Inner` in an allocation made by
    /// `A`, that its callback has begun, and that nobody else uses it.
    unsafe extern "C" fn dropped(head: *mut bindings::callback_head) {
        // SAFETY: By the safety requirements the head is initialised, and at the start of a `Head`.
        // What is read is the one owner from here on: an `Inner` has its head in an `Opaque`, which
        // doesn't drop it.
        let callbacks = unsafe { core::ptr::read(&raw const (*head.cast::<Head>()).callbacks) };
        // SAFETY: The head is at the start of the allocation, as asserted at compile time, and by
        // the safety requirements the allocation is ours.
        drop(unsafe { Box::<Inner<Head, T>, A>::from_raw(head.cast()) });
        callbacks.end();
    }
}

impl<T: Send, A: KvfreeAllocator> Drop for RcuBox<T, A> {
    #[inline]
    fn drop(&mut self) {
        if needs_drop::<T>() {
            // SAFETY: The box is gone after this. By the type invariant the head is initialised,
            // and `T` refers to nothing that may go before.
            unsafe { self.0.drop_after_gp() };
        } else {
            // SAFETY: The box is gone after this, and `T` has no destructor.
            unsafe { self.0.free_after_gp() };
        }
    }
}

// SAFETY: `into_foreign` returns the pointer to the allocation, aligned as such.
unsafe impl<T: Send, A: KvfreeAllocator> ForeignOwnable for RcuBox<T, A> {
    const FOREIGN_ALIGN: usize = Allocation::<Head, T, A>::FOREIGN_ALIGN;

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
        ManuallyDrop::new(self).0.as_foreign()
    }

    unsafe fn from_foreign(ptr: *mut c_void) -> Self {
        // INVARIANT: It is that of the box that `into_foreign` consumed.
        // SAFETY: The pointer is that of a box that `into_foreign` consumed, and comes back once.
        Self(unsafe { Allocation::from_foreign(ptr) })
    }

    unsafe fn borrow<'a>(ptr: *mut c_void) -> Pin<&'a T> {
        // SAFETY: By the safety requirements the box outlives `'a`.
        unsafe { Allocation::<Head, T, A>::borrow(ptr) }
    }

    unsafe fn borrow_mut<'a>(ptr: *mut c_void) -> Pin<&'a T> {
        // SAFETY: As in `borrow`, whose requirements are included in those of this function.
        unsafe { Allocation::<Head, T, A>::borrow(ptr) }
    }
}

// SAFETY: The value is dropped, and its memory freed, after a grace period that begins when the box
// is dropped; until then it is only shared.
unsafe impl<T: Send + Sync, A: KvfreeAllocator> ForeignOwnableRcu for RcuBox<T, A> {
    type RcuBorrowed<'a>
        = Pin<&'a T>
    where
        Self: 'a;

    unsafe fn rcu_borrow<'a>(ptr: *mut c_void, _rcu: &'a Guard) -> Pin<&'a T> {
        // SAFETY: By the safety requirements the critical section of the guard began before the
        // drop of the box, so the value is not dropped before the section ends.
        unsafe { Allocation::<Head, T, A>::borrow(ptr) }
    }
}
