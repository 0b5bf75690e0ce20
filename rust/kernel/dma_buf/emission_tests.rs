// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of emission: numbers, and fences that are taken back.

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
            references, //
        },
        *, //
    };
    use crate::{
        prelude::*,
        sync::rcu, //
    };

    #[test]
    fn hazard_20_numbers_wrap() {
        let timeline = by_number();
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
        let timeline = by_number();
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
    fn hazard_31_unwound_fences_never_were() {
        let timeline = in_order();
        let fences = new(2);
        let emission = timeline.emission().unwrap();
        let before = (emission.last(), emission.pending());
        let emitted = emission.emit(fences, far());
        assert_eq!(before, (0, 0));
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

    // What has come to its end before it is committed is signalled alone.
    #[test]
    fn commit_unless_done() {
        let timeline = by_number();
        let before = create_at(&timeline, 4);
        let emitted = emit_at(&timeline, 5, far()).ok().unwrap();
        let fences = references(&emitted);
        emitted.commit_unless(|| true);
        assert_eq!(fences[0].status(), Status::Signalled);
        assert_eq!(before.status(), Status::Pending);
        let counts = timeline.counts();
        assert_eq!((counts.pending, counts.done, counts.last), (1, 1, 5));
        let emitted = emit_at(&timeline, 6, far()).ok().unwrap();
        let fences = references(&emitted);
        emitted.commit_unless(|| false);
        assert_eq!(fences[0].status(), Status::Pending);
        assert_eq!(timeline.counts().pending, 2);
        assert_eq!(timeline.signal(6, Ok(()), Cause::Done), 2);
    }

    #[test]
    fn prune_takes_what_nobody_refers_to() {
        let timeline = by_number();
        let mut kept = KVec::new();
        for seqno in 1..=100 {
            let fence = create_at(&timeline, seqno);
            if seqno % 10 == 0 {
                kept.push(fence, GFP_KERNEL).unwrap();
            }
        }
        assert_eq!(timeline.counts().pending, 100);
        drop(timeline.emission().unwrap().prune());
        assert_eq!(timeline.counts().pending, 10);
        assert_eq!(timeline.signal(100, Ok(()), Cause::Done), 10);
        for fence in &kept {
            assert_eq!(fence.status(), Status::Signalled);
        }
    }
}
