// SPDX-License-Identifier: GPL-2.0

//! Boxes whose value has a destructor, which runs after the grace period.

use super::{
    barrier::Callbacks,
    rcu_box::{
        Inner,
        Reclaim, //
    },
    BarrierToken,
    Guard,
    RcuAllocator,
    RcuBox, //
};
use crate::{
    alloc::Flags,
    bindings,
    prelude::*,
    sync::Arc, //
};
use core::{
    mem::needs_drop,
    ptr::NonNull, //
};

/// How an [`RcuBox`] drops its value: after the grace period. Readers get the value itself.
pub struct DropAfterGp;

/// The head of a box that drops its value after the grace period.
///
/// It is initialized only if the value has a destructor. Without a destructor, `kvfree_call_rcu()`
/// uses the start of the head as its own head.
#[repr(C)]
pub struct Head {
    /// Its function is the callback that the barrier token vouched for when the box was made. Code
    /// that drops the box may be in another module, which has a copy of that function.
    callback: bindings::callback_head,
    callbacks: Arc<Callbacks>,
}

impl<T: Send + 'static, A: RcuAllocator> RcuBox<T, A> {
    /// Allocates a box and initializes the value in it. `T` may have a destructor: the barrier of
    /// the module waits for it.
    ///
    /// May sleep if `flags` allows that.
    ///
    /// # Errors
    ///
    /// - `EINVAL`: the destructor is not text of the module that `barrier` belongs to. `init` is
    ///   not run then.
    /// - `ENOMEM`, or the error of `init`. The memory is freed then.
    pub fn pin_init_with_barrier<E>(
        init: impl PinInit<T, E>,
        barrier: &BarrierToken,
        flags: Flags,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        let callback = dropped::<T, A>;
        let callbacks = if needs_drop::<T>() {
            Some(barrier.callbacks_for(callback).ok_or(EINVAL)?)
        } else {
            None
        };
        let init = move |slot: *mut T| {
            // SAFETY: The caller of this closure promises that `slot` is valid for writes and
            // pinned.
            unsafe { pin_init::raw_try_init(slot, init) }.map_err(Error::from)
        };
        // SAFETY: The closure runs the initializer `init` on `slot`, and converts only its error.
        let init = unsafe { pin_init::pin_init_from_closure(init) };
        let inner = Self::try_allocate::<Error>(init, flags)?;
        if let Some(callbacks) = callbacks {
            let head = Head {
                callback: bindings::callback_head {
                    next: core::ptr::null_mut(),
                    func: Some(callback),
                },
                callbacks,
            };
            // SAFETY: The head is in `inner`, to which nobody else has a pointer yet.
            unsafe { inner.head().write(head) };
        }
        // SAFETY: `T` is `'static`. If `T` has a destructor, the head was just initialized.
        Ok(unsafe { Self::from_box(inner) })
    }
}

// SAFETY: `reclaim` lets a grace period pass before the value is dropped or freed. A view is a
// shared reference to the value. `CHECK` asserts that there is no destructor, and without one,
// `reclaim` requires nothing of `T` and of the head.
unsafe impl<T: Send> Reclaim<T> for DropAfterGp {
    type Head = Head;

    type RcuView<'a>
        = &'a T
    where
        T: 'a;

    const CHECK: () = assert!(
        !needs_drop::<T>(),
        "a destructor runs after the drop: `pin_init_with_barrier` wants a barrier for it"
    );

    #[inline]
    unsafe fn rcu_view<'a>(value: Pin<&'a T>, _rcu: &'a Guard) -> &'a T {
        value.get_ref()
    }

    /// If the module's barrier has finished waiting, the value is leaked.
    ///
    /// Any context but NMI. Wraps `call_rcu()` or `kvfree_call_rcu()`.
    ///
    /// # Safety
    ///
    /// Callers must also ensure, if `T` has a destructor, that `T` was `'static` when the box was
    /// made, and that the head is initialized. It must have the function `dropped` of `T` and `A`,
    /// and the `Callbacks` of the module whose text that function is in.
    #[inline]
    unsafe fn reclaim<A: RcuAllocator>(inner: NonNull<Inner<Head, T>>) {
        if !needs_drop::<T>() {
            // SAFETY: The caller owns `inner`. `T` has no destructor.
            return unsafe { Inner::free_after_gp::<A>(inner) };
        }
        // The head is at the start, as asserted at compile time.
        let head: *mut Head = inner.cast().as_ptr();
        // SAFETY: By the safety requirements, `head` is initialized. Nobody changes it before it is
        // queued below.
        let (callbacks, callback) = unsafe { (&(*head).callbacks, (*head).callback.func) };
        if callbacks.begin() {
            // SAFETY: `head` is at the start of the allocation, which nobody but the callback and
            // readers uses from now on. `callback` is `dropped` of this type. Its text stays until
            // it has run, because the barrier of its module waits for each callback that has begun.
            unsafe { bindings::call_rcu(head.cast(), callback) };
        } else {
            // SAFETY: `callbacks` is initialized, and is not used after this. The rest of the
            // allocation is leaked.
            drop(unsafe { core::ptr::read(callbacks) });
        }
    }
}

/// The callback of `call_rcu()`: drops the value and frees the memory. Runs in softirq context.
///
/// # Safety
///
/// Callers must ensure that `head` points to the initialized head of an initialized `Inner` in an
/// allocation made by `A`, that [`Callbacks::begin`] has counted this callback, and that nobody
/// else uses the allocation.
unsafe extern "C" fn dropped<T, A: RcuAllocator>(head: *mut bindings::callback_head) {
    // SAFETY: By the safety requirements, `head` is at the start of an initialized `Head`. The copy
    // is the only owner of the `Arc` from here on: an `Inner` has its head in an `Opaque`, which
    // doesn't drop it.
    let callbacks = unsafe { core::ptr::read(&raw const (*head.cast::<Head>()).callbacks) };
    // SAFETY: `head` is at the start of the allocation, as asserted at compile time. By the safety
    // requirements, nobody else uses the allocation, which was made by `A`.
    drop(unsafe { Box::<Inner<Head, T>, A>::from_raw(head.cast()) });
    callbacks.end();
}
