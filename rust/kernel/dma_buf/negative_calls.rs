// SPDX-License-Identifier: GPL-2.0

//! Negative controls: calls into the dma-fence core that the types of this crate don't make.
//!
//! They are like those of `negative.rs`, but most don't access the inside of a context.

use crate::prelude::*;

#[kunit_tests(rust_negative_calls)]
mod cases {
    use super::super::{
        fixtures::{
            create_one,
            in_order,
            InOrder,
            Uncounted, //
        },
        *,
    };
    use crate::{
        bindings,
        prelude::*,
        sync::Arc,
        types::Opaque, //
    };
    use core::mem::ManuallyDrop;

    struct Signals(Arc<Timeline<InOrder>>);

    impl FenceCallback for Signals {
        type OwnerModule = Uncounted;

        fn signaled(&self, _fence: &Fence) {
            self.0.signal(1, Ok(()), Cause::Done);
        }
    }

    // Hazard 14: another fence is signaled in a callback, under the lock of the first.
    #[test]
    fn signal_in_a_callback() {
        let (first, second) = (in_order(), in_order());
        let (fence, other) = (create_one(&first), create_one(&second));
        let waiter = Waiter::new(&fence, Signals(second.clone()));
        let waiter: Pin<KBox<Waiter<Signals>>> = KBox::try_pin_init(waiter, GFP_KERNEL).unwrap();
        first.signal(1, Ok(()), Cause::Done);
        assert!(other.is_signaled());
        drop(waiter);
    }

    struct Wakes(Arc<Timeline<InOrder>>);

    impl FenceCallback for Wakes {
        type OwnerModule = Uncounted;

        fn signaled(&self, _fence: &Fence) {
            self.0.wake_at(KTIME_MAX);
        }
    }

    // Hazard 15: callbacks take the context's lock under a fence's lock. This takes them the other
    // way round.
    #[test]
    fn fences_lock_under_the_contexts() {
        let timeline = in_order();
        let fence = create_one(&timeline);
        let waiter = Waiter::new(&fence, Wakes(timeline.clone()));
        let waiter: Pin<KBox<Waiter<Wakes>>> = KBox::try_pin_init(waiter, GFP_KERNEL).unwrap();
        timeline.signal(1, Ok(()), Cause::Done);
        drop(waiter);
        let fence = create_one(&timeline);
        let guard = timeline.context().state.lock();
        // `status()` takes the fence's lock.
        let status = fence.status();
        drop(guard);
        assert_eq!(status, Status::Pending);
    }

    struct Nothing;

    impl FenceCallback for Nothing {
        type OwnerModule = Uncounted;

        fn signaled(&self, _fence: &Fence) {}
    }

    // Hazard 16: a waiter's memory is freed while the waiter is still on the fence's list.
    #[test]
    fn waiter_freed_without_removal() {
        let timeline = in_order();
        let fence = create_one(&timeline);
        let waiter = KBox::try_pin_init(Waiter::new(&fence, Nothing), GFP_KERNEL).unwrap();
        // SAFETY: The waiter is not moved. It is freed without being removed, which is the broken
        // rule.
        let waiter = KBox::into_raw(unsafe { Pin::into_inner_unchecked(waiter) });
        // SAFETY: `ManuallyDrop` is transparent, so the memory is freed and no destructor runs.
        drop(unsafe { KBox::from_raw(waiter.cast::<ManuallyDrop<Waiter<Nothing>>>()) });
        timeline.signal(1, Ok(()), Cause::Done);
        // SAFETY: This puts the waiter's reference, which its destructor would have put.
        unsafe { bindings::dma_fence_put(fence.as_raw()) };
    }

    /// A callback that does nothing, and has no reference to its fence.
    unsafe extern "C" fn called(_: *mut bindings::dma_fence, _: *mut bindings::dma_fence_cb) {}

    // Hazard 17: the list's reference is put before the fence has signaled, while a callback waits.
    #[test]
    fn last_put_of_a_pending_fence() {
        let timeline = in_order();
        let fence = create_one(&timeline);
        let cb = KBox::new(Opaque::<bindings::dma_fence_cb>::uninit(), GFP_KERNEL).unwrap();
        // SAFETY: The fence is initialized. `cb` is valid until the core has called it.
        unsafe { bindings::dma_fence_add_callback(fence.as_raw(), cb.get(), Some(called)) };
        timeline.context().pop_without_signalling();
        drop(fence);
    }

    // Hazard 19: a second signaler sets the error of a fence that has signaled.
    #[test]
    fn error_after_signalling() {
        let timeline = in_order();
        let fence = create_one(&timeline);
        timeline.signal(1, Ok(()), Cause::Done);
        // SAFETY: The fence is initialized. It has signaled, which is the broken rule.
        unsafe { bindings::dma_fence_set_error(fence.as_raw(), EIO.to_errno()) };
    }

    // Hazard 22: a section is ended that was not begun.
    #[test]
    fn section_ended_twice() {
        // SAFETY: The second call of `dma_fence_end_signalling()` is the broken rule.
        unsafe {
            let cookie = bindings::dma_fence_begin_signalling();
            bindings::dma_fence_end_signalling(cookie);
            bindings::dma_fence_end_signalling(cookie);
        }
    }
}
