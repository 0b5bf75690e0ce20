// SPDX-License-Identifier: GPL-2.0

//! Negative controls: each case breaks one rule, and a checker of the debug kernel must report it.
//!
//! They are built by an option of their own (`CONFIG_KERNEL_OVERLAY_NEGATIVE_TEST`).
//! `tests/negative/run` runs one per boot, and lists the report that each must cause. A checker
//! that misses the broken rule here would also miss it in the driver.

use super::{
    context::FenceContext,
    ops::init_fence,
    pending::{
        Gathered,
        Links,
        Pending, //
    },
    point::{
        LinksOf,
        Point, //
    },
    signal::put_points,
    Fence,
    FenceOps,
    NewFences,
    Order,
    KTIME_MAX, //
};
use crate::{
    prelude::*,
    sync::{
        aref::ARef,
        rcu, //
    },
};

impl<O: FenceOps> FenceContext<O> {
    /// Breaks rule 2, for a negative control: unlinks fences that have not signaled.
    pub(super) fn pop_without_signalling(&self) {
        let rcu = rcu::read_lock();
        let mut batch = <<O::Order as Order>::Pending as Pending>::Gathered::none();
        let mut guard = self.state.lock();
        guard.pending.gather(self.progress.committed(), &mut batch);
        // SAFETY: The requirement is not met: the fences have not signaled. This is the broken
        // rule.
        unsafe { guard.as_mut().project().pending.unlink(&mut batch) };
        drop(guard);
        // SAFETY: The points were linked, so `unlink` passed the list's references to this
        // function.
        unsafe { put_points(&rcu, &batch) };
    }

    /// Breaks rule 1, for a negative control: initializes a fence and doesn't link it.
    pub(super) fn initialize_without_linking(
        &self,
        mut new: NewFences<O::Order>,
    ) -> Option<ARef<Fence>> {
        let point = new.pop()?;
        let context = core::ptr::from_ref(self).cast();
        // SAFETY: `kmalloc()` allocated the memory, and no other code knows it.
        unsafe { Point::write(point, context, KTIME_MAX, LinksOf::<O::Order>::new()) };
        // SAFETY: The requirement is not met: the lock is not held until the fence is linked. This
        // is the broken rule.
        unsafe { init_fence::<O>(point, self.number, 1) };
        // SAFETY: The fence is initialized. Its one reference is passed to the caller.
        Some(unsafe { Fence::take_raw(point.cast()) })
    }
}

#[kunit_tests(rust_negative)]
mod cases {
    use super::super::{
        fixtures::{
            create_one,
            in_order, //
        },
        *,
    };
    use crate::{
        bindings,
        prelude::*,
        sync::rcu,
        time::{
            delay::fsleep,
            Delta, //
        },
    };

    /// Waits until all memory that was passed to `kvfree_rcu()` is freed. Dropping many timelines
    /// fills the current sheaf of objects, which is handed to RCU when it is full.
    fn free_what_is_queued() {
        for _ in 0..256 {
            drop(in_order());
        }
        rcu::synchronize_rcu();
        rcu::rcu_barrier();
        // Without sheaves, a timer drains the batches.
        fsleep(Delta::from_secs(6));
        rcu::rcu_barrier();
    }

    fn length_of_name(fence: &Fence) -> usize {
        let rcu = rcu::read_lock();
        fence.timeline_name(&rcu).count_bytes()
    }

    // The right order. Nothing must be reported.
    #[test]
    fn signal_then_unlink() {
        let timeline = in_order();
        let fence = create_one(&timeline);
        drop(timeline);
        free_what_is_queued();
        assert_eq!(length_of_name(&fence), c"signaled-timeline".count_bytes());
    }

    // Hazard 3: the fence is unlinked, and the owner is dropped before the fence is signaled.
    #[test]
    fn pop_then_signal() {
        let timeline = in_order();
        let fence = create_one(&timeline);
        timeline.context().pop_without_signalling();
        drop(timeline);
        free_what_is_queued();
        // SIGNALED is clear, so the reader follows the pointer to the context, which may have been
        // freed.
        core::hint::black_box(length_of_name(&fence));
        // SAFETY: The fence is initialized, and no other thread signals it.
        unsafe { bindings::dma_fence_signal(fence.as_raw()) };
    }

    // Hazard 31: the fence is initialized, and the owner is dropped before the fence is linked.
    #[test]
    fn initialize_then_link_later() {
        let timeline = in_order();
        let new = NewFences::alloc(1, GFP_KERNEL).unwrap();
        let fence = timeline.context().initialize_without_linking(new).unwrap();
        drop(timeline);
        free_what_is_queued();
        // The reader follows the pointer to the context, which may have been freed.
        core::hint::black_box(length_of_name(&fence));
        // SAFETY: The fence is initialized, and no other thread signals it.
        unsafe { bindings::dma_fence_signal(fence.as_raw()) };
    }

    // Hazard 21: the allocation may enter the shrinker, in which a thread may wait for the fence.
    #[test]
    fn allocation_in_signalling_section() {
        let memory = signalling(|_| KBox::new(1u32, GFP_KERNEL));
        assert!(memory.is_ok());
    }
}
