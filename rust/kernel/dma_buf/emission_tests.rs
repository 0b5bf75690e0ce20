// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of emission: numbers, and fences that are unwound.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_emission)]
mod cases {
    use super::super::{
        fixtures::{
            by_number,
            create,
            create_at,
            emit,
            emit_at,
            far,
            in_order,
            new,
            references,
            ByNumber, //
        },
        *, //
    };
    use crate::{
        prelude::*,
        sync::{
            aref::ARef,
            rcu, //
        }, //
    };

    #[test]
    fn numbers_in_any_order() {
        let timeline = by_number();
        let mut fences = KVec::new();
        for seqno in [50, 10, 40, 20, 30, 60] {
            fences
                .push(create_at(&timeline, seqno), GFP_KERNEL)
                .unwrap();
        }
        assert_eq!(timeline.signal(35, Ok(()), Cause::Done), 3);
        for fence in &fences {
            assert_eq!(fence.is_signaled(), fence.seqno() <= 35);
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
        let timeline = by_number();
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
    fn one_emission_at_a_time() {
        let timeline = in_order();
        let emission = timeline.emission().unwrap();
        assert_eq!(timeline.try_emission().err(), Some(EAGAIN));
        let emitted = emission.emit(new(1), far());
        assert_eq!(timeline.try_emission().err(), Some(EAGAIN));
        emitted.commit();
        // `try_emission()` has not taken the right from its owner when it failed, and the commit
        // has freed it.
        assert_eq!(timeline.try_emission().unwrap().last(), 1);
        assert_eq!(timeline.emission().unwrap().last(), 1);
    }

    #[test]
    fn hazard_31_unwound_fences_never_were() {
        let timeline = in_order();
        let fences = new(2);
        let emission = timeline.emission().unwrap();
        let before = (emission.last(), emission.pending());
        let emitted = emission.emit(fences, far());
        assert_eq!(before, (0, 0));
        let kept = references(&emitted);
        assert_eq!((kept[1].seqno(), emitted.last()), (2, 2));
        // The fences are not committed: they count as pending, and no signaler finds them.
        let counts = timeline.counts();
        assert_eq!((counts.pending, counts.committed), (2, 0));
        assert_eq!(timeline.signal(2, Ok(()), Cause::Done), 0);
        assert_eq!(kept[0].status(), Status::Pending);
        drop(emitted);
        assert_eq!(kept[0].status(), Status::Failed(ECANCELED));
        assert_eq!(kept[1].status(), Status::Failed(ECANCELED));
        let counts = timeline.counts();
        assert_eq!((counts.pending, counts.committed), (0, 0));
        assert_eq!((counts.completed, counts.cancelled), (0, 0));
        assert_eq!(create(&timeline, 1)[0].seqno(), 1);
    }

    // Leaking an `Emitted` is safe: its fences complete when the timeline is dropped.
    #[test]
    fn hazard_18_and_31_a_leaked_emission() {
        let timeline = in_order();
        create(&timeline, 1);
        let emitted = emit(&timeline, 3, far());
        let fences = references(&emitted);
        core::mem::forget(emitted);
        drop(timeline);
        for fence in &fences {
            assert_eq!(fence.status(), Status::Failed(ECANCELED));
        }
        rcu::synchronize_rcu();
        assert!(fences[0].timeline_name(&rcu::read_lock()) == c"signaled-timeline");
    }

    // A fence whose work ends before the commit is signaled, after the fences before it.
    #[test]
    fn commit_unless_done() {
        let timeline = by_number();
        let before = create_at(&timeline, 4);
        let after = create_at(&timeline, 6);
        let emitted = emit_at(&timeline, 5, far()).ok().unwrap();
        let fences = references(&emitted);
        emitted.commit_unless(|| true);
        assert_eq!(fences[0].status(), Status::Signaled);
        assert_eq!(before.status(), Status::Signaled);
        assert!(before.timestamp() <= fences[0].timestamp());
        assert_eq!(after.status(), Status::Pending);
        let counts = timeline.counts();
        assert_eq!((counts.pending, counts.done, counts.committed), (1, 2, 3));
        let emitted = emit_at(&timeline, 7, far()).ok().unwrap();
        let fences = references(&emitted);
        emitted.commit_unless(|| false);
        assert_eq!(fences[0].status(), Status::Pending);
        assert_eq!(timeline.counts().pending, 2);
        assert_eq!(timeline.signal(7, Ok(()), Cause::Done), 2);
    }

    #[test]
    fn pruned_fences_never_were() {
        let timeline = by_number();
        let kept = create_at(&timeline, 1);
        drop(create_at(&timeline, 2));
        assert_eq!(timeline.counts().pending, 2);
        assert_eq!(
            timeline.emission().unwrap().prune().ok().unwrap().pending(),
            1
        );
        let counts = timeline.counts();
        assert_eq!((counts.pending, counts.committed), (1, 1));
        assert_eq!((counts.completed, counts.cancelled), (0, 0));
        assert_eq!(timeline.signal(2, Ok(()), Cause::Done), 1);
        assert!(kept.is_signaled());
    }

    /// Creates [`MANY`] fences, and keeps those for which `is_kept` returns true.
    fn create_many(timeline: &Timeline<ByNumber>, is_kept: fn(u64) -> bool) -> KVec<ARef<Fence>> {
        let mut kept = KVec::new();
        for seqno in 1..=MANY {
            let fence = create_at(timeline, seqno);
            if is_kept(seqno) {
                kept.push(fence, GFP_KERNEL).unwrap();
            }
        }
        kept
    }

    const MANY: u64 = 2000;

    // Each pending fence is visited once, whatever fences are kept.
    #[test]
    fn prune_takes_what_nobody_refers_to() {
        let layouts: [fn(u64) -> bool; 6] = [
            |_| false,
            |_| true,
            |seqno| seqno <= MANY / 2,
            |seqno| seqno > MANY / 2,
            |seqno| seqno % 10 == 0,
            |seqno| seqno / 100 % 2 == 0,
        ];
        for is_kept in layouts {
            let timeline = by_number();
            let kept = create_many(&timeline, is_kept);
            let visits = timeline.context().prune(|| true);
            assert_eq!(visits, Ok(MANY as usize));
            assert_eq!(timeline.counts().pending as usize, kept.len());
            assert_eq!(timeline.signal(MANY, Ok(()), Cause::Done), kept.len());
            for fence in &kept {
                assert_eq!(fence.status(), Status::Signaled);
            }
        }
    }

    // Another thread signals the fence after which the walk would continue. The walk begins anew,
    // and still ends.
    #[test]
    fn prune_is_bounded_while_others_signal() {
        let timeline = by_number();
        let mut kept = KVec::new();
        for age in 1..=MANY {
            let seqno = if age == 64 { 1 } else { age + 1 };
            kept.push(create_at(&timeline, seqno), GFP_KERNEL).unwrap();
        }
        let mut steps = 0;
        let visits = timeline.context().prune(|| {
            steps += 1;
            if steps == 2 {
                assert_eq!(timeline.signal(1, Ok(()), Cause::Done), 1);
            }
            true
        });
        assert_eq!(visits, Ok(MANY as usize));
        assert_eq!(timeline.counts().pending, MANY - 1);
        timeline.signal(MANY + 1, Ok(()), Cause::Done);
        assert!(kept.iter().all(|fence| fence.error().is_none()));
    }

    #[test]
    fn prune_ends_when_told() {
        let timeline = by_number();
        drop(create_many(&timeline, |_| false));
        let mut steps = 0;
        let visits = timeline.context().prune(|| {
            steps += 1;
            steps <= 2
        });
        assert_eq!(visits, Err(128));
        assert_eq!(timeline.counts().pending, MANY - 128);
        timeline.signal(MANY, Ok(()), Cause::Done);
    }
}
