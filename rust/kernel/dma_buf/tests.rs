// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of fences and timelines. A test of a hazard of docs/fences.md has its number in the
//! name.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf)]
mod cases {
    use super::super::{
        fixtures::{
            create,
            create_one,
            far,
            in_order,
            new,
            references,
            InOrder,
            Uncounted,
            NAME, //
        },
        *, //
    };
    use crate::{
        bindings,
        prelude::*,
        sync::{
            atomic::{
                ordering::Relaxed,
                Atomic, //
            },
            rcu::{
                self,
                Published, //
            },
            Arc, //
        },
        time::Jiffies,
    };

    #[test]
    fn emit_and_signal() {
        let timeline = in_order();
        let fences = create(&timeline, 3);
        for (index, fence) in fences.iter().enumerate() {
            assert_eq!(fence.seqno(), index as u64 + 1);
            assert_eq!(fence.context(), timeline.number());
            assert_eq!(fence.status(), Status::Pending);
            assert_eq!(fence.timestamp(), None);
        }
        let before = ktime_get();
        assert_eq!(timeline.signal(2, Ok(()), Cause::Done), 2);
        let times = (
            fences[0].timestamp().unwrap(),
            fences[1].timestamp().unwrap(),
        );
        assert!(before <= times.0 && times.0 <= times.1 && times.1 <= ktime_get());
        assert_eq!(fences[1].status(), Status::Signaled);
        assert_eq!(fences[2].status(), Status::Pending);
        let counts = timeline.counts();
        assert_eq!(counts.pending, 1);
        assert_eq!((counts.committed, timeline.last()), (3, 3));
        assert_eq!((counts.completed, timeline.signaled_up_to()), (2, 2));
        assert_eq!(counts.done, 2);
    }

    #[test]
    fn hazard_2_names_are_the_cores_after_signalling() {
        let timeline = in_order();
        let fences = create(&timeline, 1);
        {
            let guard = rcu::read_lock();
            assert!(fences[0].timeline_name(&guard) == NAME);
            assert!(fences[0].driver_name(&guard) == c"kunit");
        }
        timeline.signal(1, Ok(()), Cause::Done);
        let guard = rcu::read_lock();
        assert!(fences[0].timeline_name(&guard) == c"signaled-timeline");
        assert!(fences[0].driver_name(&guard) == c"detached-driver");
    }

    #[test]
    fn hazard_3_and_17_closing_completes_what_is_pending() {
        let timeline = in_order();
        let fences = create(&timeline, 100);
        timeline.signal(1, Ok(()), Cause::Done);
        drop(timeline);
        assert_eq!(fences[0].status(), Status::Signaled);
        let mut last = 0;
        for fence in &fences[1..] {
            assert_eq!(fence.status(), Status::Failed(ECANCELED));
            let time = fence.timestamp().unwrap();
            assert!(time >= last);
            last = time;
        }
        rcu::synchronize_rcu();
        // The context was freed. The fence does not need it.
        fences[50].set_deadline(0);
        assert!(fences[50].timeline_name(&rcu::read_lock()) == c"signaled-timeline");
    }

    // The callbacks follow the pointer to the context, so none is called once the fence has
    // signaled.
    #[test]
    fn hazard_7_a_signaled_fence_does_not_call_its_context() {
        let timeline = in_order();
        let fences = create(&timeline, 3);
        let told = timeline.shared_data();
        for fence in &fences {
            fence.set_deadline(500);
        }
        // The first is signaled alone, the others as a batch.
        timeline.signal(1, Ok(()), Cause::Done);
        timeline.signal(3, Ok(()), Cause::Done);
        for fence in &fences {
            fence.set_deadline(300);
            assert!(fence.wait(false, 1).is_ok());
            assert_eq!(timeline.deadline(fence), Ok(Some(500)));
        }
        let (deadlines, waits) = (told.deadlines.load(Relaxed), told.waits.load(Relaxed));
        assert_eq!((deadlines, waits), (3, 0));
    }

    #[test]
    fn hazard_12_a_fence_has_a_lock_of_its_own() {
        let timeline = in_order();
        let fences = create(&timeline, 1);
        let own = 1 << bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_INLINE_LOCK_BIT;
        // SAFETY: The fence is initialized. The flag does not change after that.
        let flags = unsafe { (*fences[0].as_raw()).flags };
        assert_eq!(flags & own, own);
    }

    // Only the timeline refers to the fences when they complete.
    #[test]
    fn hazard_17_fences_without_other_references() {
        let timeline = in_order();
        drop(create(&timeline, 70));
        assert_eq!(timeline.counts().pending, 70);
        assert_eq!(timeline.signal(40, Ok(()), Cause::Done), 40);
        assert_eq!(timeline.counts().pending, 30);
    }

    #[test]
    fn hazard_19_the_first_signaller_decides() {
        let timeline = in_order();
        let fences = create(&timeline, 1);
        assert_eq!(timeline.signal(1, Err(EIO), Cause::Done), 1);
        assert_eq!(timeline.signal(1, Err(EPIPE), Cause::Done), 0);
        assert_eq!(timeline.signal(1, Ok(()), Cause::Done), 0);
        assert_eq!(fences[0].status(), Status::Failed(EIO));
        assert_eq!(fences[0].error(), Some(EIO));
        assert_eq!(timeline.counts().done, 1);
    }

    // Hazard 22: sections nest, and end in the reverse order. Lockdep would report anything else.
    #[test]
    fn hazard_22_sections_nest() {
        let timeline = in_order();
        let fences = create(&timeline, 1);
        let signaled = signalling(|_| signalling(|_| timeline.signal(1, Ok(()), Cause::Done)));
        assert_eq!(signaled, 1);
        assert!(fences[0].is_signaled());
    }

    // The core keeps the later of two fences of a context, and compares all 64 bits of their
    // numbers.
    #[test]
    fn hazard_20_the_core_compares_64_bits() {
        let timeline = in_order();
        let fences = create(&timeline, 1);
        let all = 1 << bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_SEQNO64_BIT;
        // SAFETY: The fence is initialized. This flag does not change after that.
        let flags = unsafe { (*fences[0].as_raw()).flags };
        assert_eq!(flags & all, all);
    }

    // Negative times and KTIME_MAX are no deadlines. 0 is one.
    #[test]
    fn deadlines_at_both_ends() {
        let timeline = in_order();
        let fences = create(&timeline, 2);
        let told = timeline.shared_data();
        for none in [KTIME_MAX, Ktime::MIN, -1] {
            fences[0].set_deadline(none);
            assert_eq!(timeline.deadline(&fences[0]), Ok(None));
            assert_eq!(timeline.earliest_deadline(), None);
        }
        assert_eq!(told.deadlines.load(Relaxed), 0);
        for deadline in [KTIME_MAX - 1, 1, 0] {
            fences[0].set_deadline(deadline);
            fences[1].set_deadline(deadline + 1);
            fences[1].set_deadline(-1);
            assert_eq!(timeline.deadline(&fences[0]), Ok(Some(deadline)));
            assert_eq!(timeline.earliest_deadline(), Some(deadline));
        }
        // One of the six was KTIME_MAX.
        assert_eq!(told.deadlines.load(Relaxed), 5);
        timeline.signal(2, Ok(()), Cause::Done);
        assert_eq!(timeline.earliest_deadline(), None);
    }

    // There are more fences than one hold of the lock visits, and the deadline is on a later one.
    #[test]
    fn earliest_deadline_behind_many_fences() {
        let timeline = in_order();
        let fences = create(&timeline, 200);
        fences[150].set_deadline(500);
        assert_eq!(timeline.earliest_deadline(), Some(500));
        fences[199].set_deadline(400);
        assert_eq!(timeline.earliest_deadline(), Some(400));
    }

    #[test]
    fn pending_fences_by_number() {
        let timeline = in_order();
        // These are more fences than one hold of the lock visits.
        let fences = create(&timeline, 200);
        timeline.signal(3, Ok(()), Cause::Done);
        for fence in &fences {
            let found = timeline.pending_fence(fence.seqno());
            assert_eq!(found.is_some(), fence.seqno() > 3);
            assert!(found.is_none_or(|found| core::ptr::eq(&*found, &**fence)));
        }
        assert!(timeline.pending_fence(0).is_none());
        assert!(timeline.pending_fence(201).is_none());
        // A fence that is not committed can't be found.
        let emitted = timeline.emission().unwrap().emit(new(1), far());
        assert!(timeline.pending_fence(201).is_none());
        emitted.commit();
        assert!(timeline.pending_fence(201).is_some());
    }

    #[test]
    fn deadline_of_a_fence_of_another_timeline() {
        let (timeline, other) = (in_order(), in_order());
        let fence = create_one(&other);
        assert_eq!(other.deadline(&fence), Ok(None));
        assert_eq!(timeline.deadline(&fence), Err(EINVAL));
    }

    #[test]
    fn wait_fails_for_the_reason_that_it_ends_for() {
        let timeline = in_order();
        let fence = create_one(&timeline);
        assert_eq!(fence.wait(false, 1), Err(ETIMEDOUT));
        // The kernel's timeouts are signed.
        assert_eq!(fence.wait(false, Jiffies::MAX), Err(EINVAL));
        timeline.signal(1, Ok(()), Cause::Done);
        assert!(fence.wait(false, 1).is_ok());
    }

    /// A callback that reads the counts of its timeline when a fence signals.
    struct Ask(Arc<Timeline<InOrder>>, Atomic<u64>);

    impl FenceCallback for Ask {
        type OwnerModule = Uncounted;

        fn signaled(&self, _fence: &Fence) {
            self.1.store(self.0.counts().completed, Relaxed);
        }
    }

    // A waiter never finds the fence that it waited for counted as pending.
    #[test]
    fn counted_before_waiters_run() {
        let timeline = in_order();
        let fences = create(&timeline, 100);
        let mut waiters = KVec::new();
        for fence in &fences {
            let ask = Ask(timeline.clone(), Atomic::new(0));
            let waiter = KBox::try_pin_init(Waiter::new(fence, ask), GFP_KERNEL).unwrap();
            waiters.push(waiter, GFP_KERNEL).unwrap();
        }
        timeline.signal(70, Ok(()), Cause::Done);
        timeline.signal(100, Err(EIO), Cause::Cancelled);
        for (index, waiter) in waiters.iter().enumerate() {
            assert_eq!(waiter.callback().1.load(Relaxed), index as u64 + 1);
        }
        let counts = timeline.counts();
        assert_eq!((counts.done, counts.cancelled), (70, 30));
        assert_eq!((counts.completed, counts.pending), (100, 0));
    }

    // Fences that fail are counted, whatever the cause is. Fences that are unwound are not.
    #[test]
    fn failures_are_counted() {
        let timeline = in_order();
        let fences = create(&timeline, 100);
        let failed = || {
            let counts = timeline.counts();
            (counts.failed, counts.last_failure)
        };
        let after = |seqno, error| Some(Failure { seqno, error });
        timeline.signal(10, Ok(()), Cause::Done);
        assert_eq!(failed(), (0, None));
        timeline.signal(75, Err(EIO), Cause::Done);
        assert_eq!(failed(), (65, after(75, EIO)));
        // These have signaled, so they keep their status.
        timeline.signal(60, Err(EPIPE), Cause::Done);
        timeline.signal(80, Ok(()), Cause::Done);
        assert_eq!(failed(), (65, after(75, EIO)));
        timeline.signal(81, Err(ETIMEDOUT), Cause::TimedOut);
        timeline.signal(83, Err(ECANCELED), Cause::Cancelled);
        assert_eq!(failed(), (68, after(83, ECANCELED)));
        let counts = timeline.counts();
        assert_eq!(
            (counts.done, counts.timed_out, counts.cancelled),
            (80, 1, 2)
        );
        assert_eq!(counts.completed, 83);
        let new = NewFences::alloc(1, GFP_KERNEL).unwrap();
        drop(timeline.emission().unwrap().emit(new, KTIME_MAX));
        assert_eq!(failed(), (68, after(83, ECANCELED)));
        assert!(fences[82].error().is_some());
    }

    /// A callback that reads how many fences of its timeline have failed when a fence signals.
    struct AskFailed(Arc<Timeline<InOrder>>, Atomic<u64>, Atomic<u64>);

    impl FenceCallback for AskFailed {
        type OwnerModule = Uncounted;

        fn signaled(&self, _fence: &Fence) {
            let counts = self.0.counts();
            self.1.store(counts.failed, Relaxed);
            let last = counts.last_failure.map_or(0, |failure| failure.seqno);
            self.2.store(last, Relaxed);
        }
    }

    // A waiter finds its fence counted as failed, and no later one.
    #[test]
    fn failures_are_counted_before_waiters_run() {
        let timeline = in_order();
        let fences = create(&timeline, 70);
        let mut waiters = KVec::new();
        for fence in &fences {
            let ask = AskFailed(timeline.clone(), Atomic::new(0), Atomic::new(0));
            let waiter = KBox::try_pin_init(Waiter::new(fence, ask), GFP_KERNEL).unwrap();
            waiters.push(waiter, GFP_KERNEL).unwrap();
        }
        timeline.signal(70, Err(EIO), Cause::Done);
        for (index, waiter) in waiters.iter().enumerate() {
            let seen = waiter.callback();
            assert_eq!(seen.1.load(Relaxed), index as u64 + 1);
            assert_eq!(seen.2.load(Relaxed), index as u64 + 1);
        }
    }

    /// An issuer that keeps what its trace hooks were called with.
    struct Traced;

    /// The status of each fence, as an errno, and what the reason is, by the fence's number.
    static ENDS: [(Atomic<i32>, Atomic<i32>); 6] = [const { (Atomic::new(1), Atomic::new(0)) }; 6];
    /// The last deadline that was set.
    static DEADLINE: Atomic<Ktime> = Atomic::new(0);

    const DONE: i32 = 1;
    const CANCELLED: i32 = 2;
    const CLOSED: i32 = 3;
    const UNWOUND: i32 = 4;

    impl FenceOps for Traced {
        type OwnerModule = Uncounted;
        type Shared = Published<&'static CStr>;
        type Order = EmissionOrder;
        const DRIVER_NAME: &'static CStr = c"kunit";
        const CLOSED: Error = ENODEV;

        fn timeline_name(name: View<'_, Self>) -> &CStr {
            name
        }

        fn trace_signaled(
            fence: TracedFence<'_, Self>,
            status: Result,
            reason: Reason,
            _time: Ktime,
        ) {
            let Some(end) = ENDS.get(fence.seqno() as usize) else {
                return;
            };
            if fence.timeline_name() == c"traced" {
                end.0
                    .store(status.map_or_else(Error::to_errno, |()| 0), Relaxed);
            }
            let reason = match reason {
                Reason::Caused(Cause::Done) => DONE,
                Reason::Caused(Cause::Cancelled) => CANCELLED,
                Reason::Closed => CLOSED,
                Reason::Unwound => UNWOUND,
                Reason::Caused(Cause::TimedOut) => 0,
            };
            end.1.add(reason, Relaxed);
        }

        fn trace_deadline(_fence: TracedFence<'_, Self>, deadline: Ktime) {
            DEADLINE.store(deadline, Relaxed);
        }
    }

    // Each fence is traced once, whichever way it ends.
    #[test]
    fn trace_hooks_see_how_each_fence_ends() {
        let name = Published::new(c"traced");
        let timeline = Timeline::new(name, Ok::<_, Error>(Traced));
        let timeline = Arc::pin_init(timeline, GFP_KERNEL).unwrap();
        let emitted = timeline.emission().unwrap().emit(new(4), far());
        let fences = references(&emitted);
        emitted.commit();
        drop(timeline.emission().unwrap().emit(new(1), far()));
        fences[0].set_deadline(700);
        timeline.signal(1, Ok(()), Cause::Done);
        timeline.signal(2, Err(EIO), Cause::Cancelled);
        // A signaled fence has no deadline.
        fences[0].set_deadline(500);
        assert_eq!(DEADLINE.load(Relaxed), 700);
        drop(timeline);

        let end = |seqno: usize| (ENDS[seqno].0.load(Relaxed), ENDS[seqno].1.load(Relaxed));
        assert_eq!(end(1), (0, DONE));
        assert_eq!(end(2), (EIO.to_errno(), CANCELLED));
        assert_eq!(end(3), (ENODEV.to_errno(), CLOSED));
        assert_eq!(end(4), (ENODEV.to_errno(), CLOSED));
        assert_eq!(end(5), (ECANCELED.to_errno(), UNWOUND));
    }

    #[test]
    fn sync_file_holds_the_fence() {
        let timeline = in_order();
        let fence = create_one(&timeline);
        let file = SyncFile::new(&fence).unwrap();
        drop(fence);
        timeline.signal(1, Ok(()), Cause::Done);
        drop(file);
        assert!(matches!(SyncFile::fence_of_fd(-1), Err(EBADF)));
    }
}
