// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of fences whose numbers the caller chooses, against a model.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_order)]
mod cases {
    use super::super::{
        fixtures::*,
        order::{
            is_up_to,
            later_by, //
        },
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
            Arc, //
        },
    };

    /// A timeline, and the fences that should be pending in it.
    struct Model {
        timeline: Arc<Timeline<ByNumber>>,
        pending: KVec<ARef<Fence>>,
    }

    impl Model {
        fn new() -> Self {
            Self {
                timeline: by_number(),
                pending: KVec::new(),
            }
        }

        /// Creates a fence. It must be a new one unless a fence with this number is pending.
        fn create(&mut self, seqno: u64) {
            let old = self.pending.iter().find(|fence| fence.seqno() == seqno);
            match (emit_at(&self.timeline, seqno, far()), old) {
                (Err(fence), Some(old)) => assert_eq!(fence.as_raw(), old.as_raw()),
                (Ok(emitted), None) => {
                    let fence = emitted.fences().next().unwrap().into();
                    emitted.commit();
                    self.pending.push(fence, GFP_KERNEL).unwrap();
                }
                (emitted, old) => assert_eq!(emitted.is_err(), old.is_some()),
            }
        }

        /// Signals up to a number. All fences up to it must signal, in the order of their numbers,
        /// and no others.
        fn signal(&mut self, up_to: u64) {
            let before = self.pending.len();
            let count = self.timeline.signal(up_to, Ok(()), Cause::Done);
            for fence in &self.pending {
                let reached = is_up_to(fence.seqno(), up_to);
                assert_eq!(fence.is_signaled(), reached);
            }
            for a in &self.pending {
                for b in self.pending.iter().filter(|_| a.is_signaled()) {
                    if b.is_signaled() && later_by(a.seqno(), b.seqno()) < 0 {
                        assert!(a.timestamp() <= b.timestamp());
                    }
                }
            }
            self.pending.retain(|fence| !fence.is_signaled());
            assert_eq!(count, before - self.pending.len());
            assert_eq!(self.timeline.counts().pending as usize, self.pending.len());
        }

        /// Drops the reference to each third fence, and prunes.
        fn prune(&mut self) {
            let mut index = 0;
            self.pending.retain(|_| {
                index += 1;
                index % 3 != 0
            });
            drop(self.timeline.emission().unwrap().prune().ok());
            assert_eq!(self.timeline.counts().pending as usize, self.pending.len());
        }
    }

    /// Checks the numbers that `next` returns for 0, 1, 2 and so on, each added to `from`.
    fn check(from: u64, next: impl Fn(u64) -> u64) {
        let mut model = Model::new();
        for round in 0..4 {
            for index in 0..200 {
                model.create(from.wrapping_add(next(200 * round + index)));
            }
            match round {
                1 => model.prune(),
                // Signal a part of them, in more than one batch.
                _ => model.signal(from.wrapping_add(next(200 * round + 100))),
            }
        }
        assert!(!model.pending.is_empty());
        model
            .timeline
            .signal(from.wrapping_add(LAST), Ok(()), Cause::Done);
        assert!(model.pending.iter().all(|fence| fence.is_signaled()));
        assert_eq!(model.timeline.counts().pending, 0);
    }

    /// A callback that checks that fences signal in the order of their numbers.
    struct InTurn(Arc<Atomic<u64>>);

    impl FenceCallback for InTurn {
        type OwnerModule = Uncounted;

        fn signaled(&self, fence: &Fence) {
            // If the number is not later than the last one, record an error that stays.
            if self.0.load(Relaxed) < fence.seqno() {
                self.0.store(fence.seqno(), Relaxed);
            } else {
                self.0.store(u64::MAX, Relaxed);
            }
        }
    }

    // When the timeline is closed, some fences are in the tree, and those that were emitted last
    // are not.
    #[test]
    fn hazard_20_closing_keeps_the_order() {
        let timeline = by_number();
        let last = Arc::new(Atomic::new(0), GFP_KERNEL).unwrap();
        let mut waiters = KVec::new();
        let descending = (1..=100).rev();
        for seqno in Iterator::chain(descending, 101..=200) {
            let fence = create_at(&timeline, seqno);
            let waiter = Waiter::new(&fence, InTurn(last.clone()));
            let waiter: Pin<KBox<Waiter<InTurn>>> = KBox::try_pin_init(waiter, GFP_KERNEL).unwrap();
            waiters.push(waiter, GFP_KERNEL).unwrap();
        }
        // Only the list refers to this fence.
        drop(create_at(&timeline, 201));
        drop(timeline);
        assert_eq!(last.load(Relaxed), 200);
        for waiter in &waiters {
            assert_eq!(waiter.fence().status(), Status::Failed(ENOENT));
        }
    }

    /// No number is further from the start.
    const LAST: u64 = 1000 << 33;

    /// Returns a number that looks random.
    fn scatter(index: u64) -> u64 {
        u64::from((index as u32).wrapping_mul(2_654_435_761) >> 16)
    }

    /// Numbers from which counting up crosses a bound of a narrower or a signed type.
    const STARTS: [u64; 5] = [
        0,
        i32::MAX as u64 - 300,
        u32::MAX as u64 - 300,
        i64::MAX as u64 - 300,
        u64::MAX - 300,
    ];

    #[test]
    fn ascending() {
        for from in STARTS {
            check(from, |index| index);
        }
    }

    #[test]
    fn descending() {
        for from in STARTS {
            check(from, |index| index / 200 * 200 + 199 - index % 200);
        }
    }

    #[test]
    fn random() {
        for from in STARTS {
            check(from, |index| scatter(index) % 1000);
        }
    }

    // Numbers whose distance does not fit into 32 bits.
    #[test]
    fn far_apart() {
        for from in STARTS {
            check(from, |index| (scatter(index) % 1000) << 33);
            check(from, |index| {
                ((scatter(index) % 8) << 31) + scatter(index) % 3
            });
        }
    }

    // The first number out of order causes the fences in order to be sorted. Then ascending numbers
    // go on.
    #[test]
    fn ascending_with_gaps_that_are_filled() {
        for from in STARTS {
            check(from, |index| match index % 70 {
                69 => scatter(index) % (index + 1),
                _ => index + index % 3,
            });
        }
    }

    #[test]
    fn the_same_again() {
        for from in STARTS {
            check(from, |index| index / 2);
            check(from, |index| index / 100 * 50 + index % 50);
        }
    }
    #[test]
    fn hazard_20_order_at_the_bounds() {
        const HALF: u64 = 1 << 63;

        for at in [
            0,
            1,
            i32::MAX as u64,
            1 << 31,
            u32::MAX.into(),
            1 << 32,
            HALF - 1,
            HALF,
            u64::MAX,
        ] {
            assert!(is_up_to(at, at));
            for ahead in [
                1,
                i32::MAX as u64,
                1 << 31,
                u32::MAX.into(),
                1 << 32,
                HALF - 1,
            ] {
                assert!(is_up_to(at, at.wrapping_add(ahead)));
                assert!(!is_up_to(at.wrapping_add(ahead), at));
            }
        }
    }

    #[test]
    fn hazard_20_the_number_nearest_to_a_value() {
        const HALF: u64 = 1 << 31;
        const WRAP: u64 = 1 << 32;

        // The issuer's value, the lower half of the number, the number.
        let table = [
            (0, 0, 0),
            (0, 1, 1),
            (0, HALF - 1, HALF - 1),
            (0, HALF, 0),
            (0, WRAP - 1, 0),
            (1, 0, 0),
            (1, HALF, HALF),
            (1, HALF + 1, 0),
            (HALF, 0, 0),
            (HALF, WRAP - 1, WRAP - 1),
            (HALF + 1, 0, WRAP),
            (WRAP - 1, WRAP - 1, WRAP - 1),
            (WRAP - 1, 0, WRAP),
            (WRAP - 1, HALF - 2, WRAP + HALF - 2),
            (WRAP - 1, HALF - 1, HALF - 1),
            (WRAP, 0, WRAP),
            (WRAP, 1, WRAP + 1),
            (WRAP, WRAP - 1, WRAP - 1),
            (WRAP, HALF, HALF),
            (7 * WRAP + 5, 4, 7 * WRAP + 4),
            (7 * WRAP + 5, WRAP - 1, 7 * WRAP - 1),
            (u64::MAX, WRAP - 1, u64::MAX),
            (u64::MAX, 0, 0),
        ];
        for (now, low, number) in table {
            assert_eq!(SeqnoOrder::nearest(now, low as u32), number);
        }
    }

    // While the value rises, a low half means the same fence until the value has reached that
    // fence.
    #[test]
    fn hazard_20_numbers_meet() {
        for low in [0, 1, i32::MAX as u32, 1 << 31, u32::MAX] {
            for from in STARTS {
                let number = SeqnoOrder::nearest(from, low);
                if is_up_to(number, from) {
                    continue;
                }
                let ahead = number.wrapping_sub(from);
                for passed in [0, 1, ahead / 2, ahead - 1, ahead] {
                    assert_eq!(SeqnoOrder::nearest(from.wrapping_add(passed), low), number);
                }
            }
        }
    }
}
