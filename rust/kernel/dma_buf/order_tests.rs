// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of fences whose numbers the caller chooses, against a model of them.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_order)]
mod cases {
    use super::super::{
        fixtures::*,
        order::later_by,
        *, //
    };
    use crate::{
        prelude::*,
        sync::{
            aref::ARef,
            Arc, //
        },
    };

    /// A timeline, and what it should have.
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

        /// Creates a fence: it is a new one unless one with the number is pending.
        fn create(&mut self, seqno: u32) {
            let old = self
                .pending
                .iter()
                .find(|fence| fence.seqno() == seqno.into());
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

        /// Signals up to a number: these signal and no others, in the order of their numbers.
        fn signal(&mut self, up_to: u32) {
            let before = self.pending.len();
            let count = self.timeline.signal(up_to.into(), Ok(()), Cause::Done);
            for fence in &self.pending {
                let reached = later_by(fence.seqno() as u32, up_to) <= 0;
                assert_eq!(fence.is_signalled(), reached);
            }
            for a in &self.pending {
                for b in self.pending.iter().filter(|_| a.is_signalled()) {
                    if b.is_signalled() && later_by(a.seqno() as u32, b.seqno() as u32) < 0 {
                        assert!(a.timestamp() <= b.timestamp());
                    }
                }
            }
            self.pending.retain(|fence| !fence.is_signalled());
            assert_eq!(count, before - self.pending.len());
            assert_eq!(self.timeline.counts().pending as usize, self.pending.len());
        }

        /// Forgets each third fence, and prunes.
        fn prune(&mut self) {
            let mut index = 0;
            self.pending.retain(|_| {
                index += 1;
                index % 3 != 0
            });
            drop(self.timeline.emission().unwrap().prune());
            assert_eq!(self.timeline.counts().pending as usize, self.pending.len());
        }
    }

    /// Numbers that are chosen by `next` from how many there were before, around `from`.
    fn check(from: u32, next: impl Fn(u32) -> u32) {
        let mut model = Model::new();
        for round in 0..4 {
            for index in 0..200 {
                model.create(from.wrapping_add(next(200 * round + index)));
            }
            match round {
                1 => model.prune(),
                // A part of them, in more than one batch.
                _ => model.signal(from.wrapping_add(next(200 * round + 100))),
            }
        }
        assert!(!model.pending.is_empty());
        model
            .timeline
            .signal(u64::from(from.wrapping_add(1000)), Ok(()), Cause::Done);
        assert!(model.pending.iter().all(|fence| fence.is_signalled()));
        assert_eq!(model.timeline.counts().pending, 0);
    }

    /// A number that looks random.
    fn scatter(index: u32) -> u32 {
        index.wrapping_mul(2_654_435_761) >> 16
    }

    const STARTS: [u32; 3] = [0, u32::MAX - 300, i32::MAX as u32 - 300];

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

    // What was in order is sorted as soon as something isn't, and then it goes on.
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
}
