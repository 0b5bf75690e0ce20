// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of fences and timelines. What a hazard of docs/fences.md is about names its number.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf)]
mod cases {
    use super::super::{
        fixtures::Uncounted,
        *, //
    };
    use crate::{
        prelude::*,
        sync::{
            aref::ARef,
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
        time::{
            delay::fsleep,
            Delta, //
        },
    };

    const SECOND: Ktime = 1_000_000_000;
    const MILLISECOND: Ktime = 1_000_000;

    /// What the callbacks of fences have told.
    struct Told {
        waits: Atomic<u32>,
        deadlines: Atomic<u32>,
    }

    impl Told {
        fn new() -> Self {
            Self {
                waits: Atomic::new(0),
                deadlines: Atomic::new(0),
            }
        }
    }

    /// What the owner was told.
    struct Owner {
        timed_out: Atomic<u64>,
        woken: Atomic<u32>,
    }

    impl Owner {
        fn new() -> Self {
            Self {
                timed_out: Atomic::new(0),
                woken: Atomic::new(0),
            }
        }
    }

    macro_rules! issuer {
        ($name:ident, $order:ty, $closed:expr) => {
            struct $name(Owner);

            impl FenceOps for $name {
                type OwnerModule = Uncounted;
                type Shared = Published<Told>;
                const DRIVER_NAME: &'static CStr = c"kunit";
                type Order = $order;
                const CLOSED: Error = $closed;

                fn timeline_name(_told: View<'_, Self>) -> &CStr {
                    c"timeline"
                }

                fn enable_signaling(told: View<'_, Self>, _seqno: u64) {
                    told.waits.add(1, Relaxed);
                }

                fn set_deadline(told: View<'_, Self>, _seqno: u64, _deadline: Ktime) {
                    told.deadlines.add(1, Relaxed);
                }

                fn timed_out(timeline: &Timeline<Self>, seqno: u64) {
                    timeline.0.timed_out.store(seqno, Relaxed);
                }

                fn wake(timeline: &Timeline<Self>, _now: Ktime) -> Option<Ktime> {
                    timeline.0.woken.add(1, Relaxed);
                    None
                }
            }
        };
    }

    issuer!(InOrder, EmissionOrder, ECANCELED);
    issuer!(ByNumber, Seqno32Order, ENOENT);

    fn timeline<O: FenceOps<Shared = Published<Told>>>(owner: O) -> Arc<Timeline<O>> {
        let owner = move || Ok::<O, Error>(owner);
        Arc::pin_init(
            Timeline::new(Published::new(Told::new()), owner()),
            GFP_KERNEL,
        )
        .unwrap()
    }

    fn in_order() -> Arc<Timeline<InOrder>> {
        timeline(InOrder(Owner::new()))
    }

    fn new<R: Order>(count: usize) -> NewFences<R> {
        NewFences::alloc(count as u32, GFP_KERNEL).unwrap()
    }

    /// References to what was emitted, for after the commit.
    fn references<O: FenceOps>(emitted: &Emitted<'_, O>) -> KVec<ARef<Fence>> {
        let mut fences = KVec::new();
        for fence in emitted.fences() {
            fences.push(fence.into(), GFP_KERNEL).unwrap();
        }
        fences
    }

    fn commit<O: FenceOps>(emitted: Emitted<'_, O>) -> KVec<ARef<Fence>> {
        let fences = references(&emitted);
        emitted.commit();
        fences
    }

    fn create_until(timeline: &Timeline<InOrder>, count: usize, end: Ktime) -> KVec<ARef<Fence>> {
        commit(timeline.emission().unwrap().emit(new(count), end))
    }

    fn create(timeline: &Timeline<InOrder>, count: usize) -> KVec<ARef<Fence>> {
        create_until(timeline, count, ktime_get() + 10 * SECOND)
    }

    fn create_at_until(timeline: &Timeline<ByNumber>, seqno: u32, end: Ktime) -> ARef<Fence> {
        match timeline.emission().unwrap().emit_at(new(1), seqno, end) {
            Ok(emitted) => commit(emitted)[0].clone(),
            Err(fence) => fence,
        }
    }

    fn create_at(timeline: &Timeline<ByNumber>, seqno: u32) -> ARef<Fence> {
        create_at_until(timeline, seqno, ktime_get() + 10 * SECOND)
    }

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
        assert_eq!(fences[1].status(), Status::Signalled);
        assert_eq!(fences[2].status(), Status::Pending);
        let counts = timeline.counts();
        assert_eq!(counts.pending, 1);
        assert_eq!(counts.last, 3);
        assert_eq!(counts.signalled_up_to, 2);
        assert_eq!(counts.done, 2);
    }

    #[test]
    fn hazard_2_names_are_the_cores_after_signalling() {
        let timeline = in_order();
        let fences = create(&timeline, 1);
        {
            let guard = rcu::read_lock();
            assert!(fences[0].timeline_name(&guard) == c"timeline");
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
        assert_eq!(fences[0].status(), Status::Signalled);
        let mut last = 0;
        for fence in &fences[1..] {
            assert_eq!(fence.status(), Status::Failed(ECANCELED));
            let time = fence.timestamp().unwrap();
            assert!(time >= last);
            last = time;
        }
        rcu::synchronize_rcu();
        // The context's memory is gone; the fence doesn't need it.
        fences[50].set_deadline(0);
        assert!(fences[50].timeline_name(&rcu::read_lock()) == c"signaled-timeline");
    }

    // Nobody but the timeline refers to them when they are completed.
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

    #[test]
    fn hazard_20_numbers_wrap() {
        let timeline = timeline(ByNumber(Owner::new()));
        let late = create_at(&timeline, 3);
        let early = create_at(&timeline, u32::MAX - 1);
        assert_eq!(timeline.signal(u32::MAX.into(), Ok(()), Cause::Done), 1);
        assert_eq!(early.status(), Status::Signalled);
        assert_eq!(late.status(), Status::Pending);
        assert_eq!(timeline.signal(2, Ok(()), Cause::Done), 0);
        assert_eq!(timeline.signal(3, Ok(()), Cause::Done), 1);
    }

    #[test]
    fn numbers_in_any_order() {
        let timeline = timeline(ByNumber(Owner::new()));
        let mut fences = KVec::new();
        for seqno in [50, 10, 40, 20, 30, 60] {
            fences
                .push(create_at(&timeline, seqno), GFP_KERNEL)
                .unwrap();
        }
        assert_eq!(timeline.signal(35, Ok(()), Cause::Done), 3);
        for fence in &fences {
            assert_eq!(fence.is_signalled(), fence.seqno() <= 35);
        }
        drop(timeline);
        let mut times = [0; 6];
        for fence in &fences {
            times[fence.seqno() as usize / 10 - 1] = fence.timestamp().unwrap();
        }
        assert!(times.is_sorted());
        assert_eq!(fences[0].status(), Status::Failed(ENOENT));
    }

    #[test]
    fn one_number_is_one_fence() {
        let timeline = timeline(ByNumber(Owner::new()));
        let first = create_at(&timeline, 5);
        let again = create_at(&timeline, 5);
        assert!(core::ptr::eq(&*first, &*again));
        assert_eq!(timeline.counts().pending, 1);
        timeline.signal(5, Ok(()), Cause::Done);
        let new = create_at(&timeline, 5);
        assert!(!core::ptr::eq(&*first, &*new));
        timeline.signal(5, Ok(()), Cause::Done);
    }

    #[test]
    fn hazard_31_unwound_fences_never_were() {
        let timeline = in_order();
        let emission = timeline.emission().unwrap();
        assert_eq!((emission.last(), emission.pending()), (0, 0));
        let emitted = emission.emit(new(2), ktime_get() + SECOND);
        let kept = references(&emitted);
        assert_eq!((kept[1].seqno(), emitted.last()), (2, 2));
        assert_eq!(timeline.counts().pending, 0);
        // Not committed: nobody comes to them.
        assert_eq!(timeline.signal(2, Ok(()), Cause::Done), 0);
        assert_eq!(kept[0].status(), Status::Pending);
        drop(emitted);
        assert_eq!(kept[0].status(), Status::Failed(ECANCELED));
        assert_eq!(kept[1].status(), Status::Failed(ECANCELED));
        let counts = timeline.counts();
        assert_eq!((counts.pending, counts.last, counts.cancelled), (0, 0, 0));
        assert_eq!(create(&timeline, 1)[0].seqno(), 1);
    }

    // Leaking is safe: what was emitted completes when the timeline goes, and is not left behind.
    #[test]
    fn hazard_18_and_31_a_leaked_emission() {
        let timeline = in_order();
        create(&timeline, 1);
        let emitted = timeline
            .emission()
            .unwrap()
            .emit(new(3), ktime_get() + SECOND);
        let fences = references(&emitted);
        core::mem::forget(emitted);
        drop(timeline);
        for fence in &fences {
            assert_eq!(fence.status(), Status::Failed(ECANCELED));
        }
        rcu::synchronize_rcu();
        assert!(fences[0].timeline_name(&rcu::read_lock()) == c"signaled-timeline");
    }

    // What has come to its end before it is committed is signalled alone.
    #[test]
    fn commit_unless_done() {
        let timeline = timeline(ByNumber(Owner::new()));
        let before = create_at(&timeline, 4);
        let emit = |seqno| {
            let emission = timeline.emission().unwrap();
            let end = ktime_get() + 10 * SECOND;
            emission.emit_at(new(1), seqno, end).ok().unwrap()
        };
        let emitted = emit(5);
        let fences = references(&emitted);
        emitted.commit_unless(|| true);
        assert_eq!(fences[0].status(), Status::Signalled);
        assert_eq!(before.status(), Status::Pending);
        let counts = timeline.counts();
        assert_eq!((counts.pending, counts.done, counts.last), (1, 1, 5));
        let emitted = emit(6);
        let fences = references(&emitted);
        emitted.commit_unless(|| false);
        assert_eq!(fences[0].status(), Status::Pending);
        assert_eq!(timeline.counts().pending, 2);
        assert_eq!(timeline.signal(6, Ok(()), Cause::Done), 2);
    }

    #[test]
    fn timeout_takes_what_is_before_it() {
        let timeline = in_order();
        let fences = (
            create_until(&timeline, 1, ktime_get() + 20 * MILLISECOND)[0].clone(),
            create(&timeline, 1)[0].clone(),
        );
        let left = fences.0.wait(false, kernel::time::msecs_to_jiffies(5_000));
        assert!(left.is_ok());
        assert_eq!(fences.0.status(), Status::Failed(ETIMEDOUT));
        assert_eq!(fences.1.status(), Status::Pending);
        // It is told after the fence has completed.
        for _ in 0..100 {
            if timeline.0.timed_out.load(Relaxed) == 1 {
                break;
            }
            fsleep(Delta::from_millis(1));
        }
        assert_eq!(timeline.0.timed_out.load(Relaxed), 1);
        assert_eq!(timeline.counts().timed_out, 1);
        timeline.signal(2, Ok(()), Cause::Done);
    }

    #[test]
    fn timeouts_go_by_age_and_take_what_is_before_in_order() {
        let timeline = timeline(ByNumber(Owner::new()));
        let old = create_at_until(&timeline, 20, ktime_get() + 20 * MILLISECOND);
        let young = create_at(&timeline, 10);
        let later = create_at(&timeline, 30);
        assert!(old
            .wait(false, kernel::time::msecs_to_jiffies(5_000))
            .is_ok());
        assert_eq!(young.status(), Status::Failed(ETIMEDOUT));
        assert_eq!(old.status(), Status::Failed(ETIMEDOUT));
        assert_eq!(later.status(), Status::Pending);
        assert!(young.timestamp() <= old.timestamp());
    }

    // Hazard 26: the timer is armed when the owner goes; nothing of it runs later.
    #[test]
    fn hazard_26_drop_with_the_timer_armed() {
        for _ in 0..20 {
            let timeline = in_order();
            let fence = create_until(&timeline, 1, ktime_get() + 2 * MILLISECOND)[0].clone();
            timeline.wake_at(ktime_get() + MILLISECOND);
            drop(timeline);
            assert!(fence.is_signalled());
        }
        fsleep(Delta::from_millis(10));
    }

    #[test]
    fn wakes_at_the_time_asked_for() {
        let timeline = in_order();
        timeline.wake_at(ktime_get() + 5 * MILLISECOND);
        for _ in 0..500 {
            if timeline.0.woken.load(Relaxed) > 0 {
                break;
            }
            fsleep(Delta::from_millis(2));
        }
        assert_eq!(timeline.0.woken.load(Relaxed), 1);
    }

    #[test]
    fn wait_ends_with_its_time() {
        let timeline = in_order();
        let fences = create(&timeline, 1);
        assert_eq!(fences[0].wait(false, 1), Err(ETIMEDOUT));
        timeline.signal(1, Ok(()), Cause::Done);
        assert!(fences[0].wait(false, 1).is_ok());
    }

    struct Count(Arc<Atomic<u32>>);

    impl FenceCallback for Count {
        type OwnerModule = Uncounted;

        fn signalled(&self, fence: &Fence) {
            // Hazard 33: `status()` would wait for itself here.
            self.0
                .add(if fence.error().is_some() { 100 } else { 1 }, Relaxed);
        }
    }

    fn wait_for(fence: &Fence, count: &Arc<Atomic<u32>>) -> Result<Pin<KBox<Waiter<Count>>>> {
        KBox::try_pin_init(Waiter::new(fence, Count(count.clone())), GFP_KERNEL)
    }

    #[test]
    fn hazard_16_a_waiter_is_called_once_or_taken_back() {
        let count = Arc::new(Atomic::new(0), GFP_KERNEL).unwrap();
        let timeline = in_order();
        let fences = create(&timeline, 3);
        let kept = wait_for(&fences[0], &count).unwrap();
        let taken_back = wait_for(&fences[1], &count).unwrap();
        let failing = wait_for(&fences[2], &count).unwrap();
        assert_eq!(timeline.shared_data().waits.load(Relaxed), 3);
        drop(taken_back);
        timeline.signal(2, Ok(()), Cause::Done);
        assert_eq!(count.load(Relaxed), 1);
        timeline.signal(3, Err(EIO), Cause::Done);
        assert_eq!(count.load(Relaxed), 101);
        drop(kept);
        drop(failing);
        assert_eq!(count.load(Relaxed), 101);
        assert!(matches!(wait_for(&fences[0], &count), Err(ENOENT)));
    }

    #[test]
    fn deadlines_of_pending_fences() {
        let timeline = in_order();
        let fences = create(&timeline, 50);
        assert_eq!(timeline.earliest_deadline(), None);
        fences[40].set_deadline(500);
        fences[10].set_deadline(300);
        fences[10].set_deadline(700);
        assert_eq!(timeline.shared_data().deadlines.load(Relaxed), 3);
        assert_eq!(timeline.earliest_deadline(), Some(300));
        assert_eq!(timeline.deadline(&fences[10]), Ok(Some(300)));
        assert_eq!(timeline.deadline(&fences[11]), Ok(None));
        timeline.signal(20, Ok(()), Cause::Done);
        assert_eq!(timeline.earliest_deadline(), Some(500));
        assert_eq!(timeline.deadline(&fences[10]), Ok(Some(300)));
        assert_eq!(in_order().deadline(&fences[10]), Err(EINVAL));
    }

    #[test]
    fn prune_takes_what_nobody_refers_to() {
        let timeline = timeline(ByNumber(Owner::new()));
        let mut kept = KVec::new();
        for seqno in 1..=100 {
            let fence = create_at(&timeline, seqno);
            if seqno % 10 == 0 {
                kept.push(fence, GFP_KERNEL).unwrap();
            }
        }
        assert_eq!(timeline.counts().pending, 100);
        timeline.emission().unwrap().prune();
        assert_eq!(timeline.counts().pending, 10);
        assert_eq!(timeline.signal(100, Ok(()), Cause::Done), 10);
        for fence in &kept {
            assert_eq!(fence.status(), Status::Signalled);
        }
    }

    // Hazard 22: nested, and given back in order; lockdep would tell otherwise.
    #[test]
    fn hazard_22_sections_nest() {
        let timeline = in_order();
        let fences = create(&timeline, 1);
        let signalled = signalling(|_| signalling(|_| timeline.signal(1, Ok(()), Cause::Done)));
        assert_eq!(signalled, 1);
        assert!(fences[0].is_signalled());
    }

    #[test]
    fn sync_file_holds_the_fence() {
        let timeline = in_order();
        let fences = create(&timeline, 1);
        let file = SyncFile::new(&fences[0]).unwrap();
        drop(fences);
        timeline.signal(1, Ok(()), Cause::Done);
        drop(file);
        assert!(matches!(SyncFile::fence_of_fd(-1), Err(EBADF)));
    }
}
