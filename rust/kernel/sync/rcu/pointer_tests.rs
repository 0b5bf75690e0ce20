// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of the pointer.

use crate::prelude::*;

#[kunit_tests(rust_rcu_pointer)]
mod cases {
    use super::super::fixtures::{
        Here,
        Number,
        Probe,
        Reader, //
    };
    use crate::{
        prelude::*,
        sync::{
            atomic::{
                ordering::Relaxed,
                Atomic, //
            },
            rcu::{
                self,
                CallbackBarrier,
                ForeignOwnableRcu,
                Published,
                Rcu,
                RcuFreeKBox,
                RcuKBox, //
            },
            Arc, //
        },
    };

    const ROUNDS: u64 = 4000;
    /// How often the reader must have looked, so that there was a race.
    const LOOKS: u32 = 4000;

    /// A pair of numbers. A reader must never see the halves of two pairs.
    #[derive(Clone, Copy)]
    struct Pair(u64, u64);

    /// Replaces a value while another thread reads it. Returns whether both saw only values that
    /// were stored, in order.
    fn race<P>(
        make: impl Fn(u64) -> Result<P>,
        value: impl Fn(&P::RcuBorrowed<'_>) -> Pair + Send + 'static,
        number: impl Fn(&P) -> u64,
    ) -> Result<bool>
    where
        P: ForeignOwnableRcu + Send + Sync + 'static,
    {
        let pointer = Arc::new(Rcu::new(make(0)?), GFP_KERNEL)?;
        let theirs = pointer.clone();
        let mut last = 0;
        let reader = Reader::start(move || {
            let guard = rcu::read_lock();
            let found = theirs.dereference(&guard);
            Some((0..10).all(|_| {
                let pair = value(&found);
                let right = pair.0 >= last && pair.1 == !pair.0;
                last = pair.0;
                right
            }))
        })?;
        let mut round = 0;
        let mut in_order = true;
        while round < ROUNDS || reader.found() < LOOKS {
            let old = pointer.replace(make(round + 1)?);
            in_order &= number(&old) == round;
            round += 1;
        }
        Ok(reader.stop() && in_order)
    }

    // Hazard 2: readers read values that another thread replaces and drops. KASAN would report a
    // value that was freed too early.
    #[test]
    fn hazard_2_look_against_replacing() {
        let make = |number| {
            RcuFreeKBox::<Published<Pair>>::pin_init(
                Published::new(Pair(number, !number)),
                GFP_KERNEL,
            )
        };
        assert!(matches!(race(make, |found| **found, |old| old.0), Ok(true)));
    }

    // Hazard 9: the same for values with a destructor. A destructor that ran too early would change
    // the number that a reader sees.
    #[test]
    fn hazard_9_look_against_destructors() {
        // SAFETY: The barrier is dropped at the end of this test.
        let barrier = unsafe { CallbackBarrier::new::<Here>() }.unwrap();
        let token = barrier.token();
        let make = move |number: u64| {
            let number = Number(Atomic::new(number * 2));
            RcuKBox::<Number>::pin_init_with_barrier(number, &token, GFP_KERNEL)
        };
        let pair = |found: &Number| {
            let number = found.0.load(Relaxed);
            // An odd number was dropped. The pair is wrong then.
            Pair(number, if number % 2 == 0 { !number } else { number })
        };
        assert!(matches!(
            race(
                make,
                move |found| pair(found),
                |old| old.0.load(Relaxed) / 2
            ),
            Ok(true)
        ));
    }

    #[test]
    fn pointer_owns_its_value() {
        static UNSHARED: Atomic<u32> = Atomic::new(0);

        let probe = || RcuFreeKBox::pin_init(Probe::new(1, &UNSHARED), GFP_KERNEL).unwrap();
        let pointer: Rcu<RcuFreeKBox<Probe>> = Rcu::new(probe());
        let old = pointer.replace(probe());
        assert_eq!(UNSHARED.load(Relaxed), 0);
        drop(old);
        assert_eq!(UNSHARED.load(Relaxed), 1);
        drop(pointer);
        assert_eq!(UNSHARED.load(Relaxed), 2);
    }

    // If the pointer is a part of a value in a box, both are unshared together.
    #[test]
    fn pointer_in_a_box_is_unshared_with_it() {
        static UNSHARED: Atomic<u32> = Atomic::new(0);

        let probe = || RcuFreeKBox::pin_init(Probe::new(1, &UNSHARED), GFP_KERNEL).unwrap();
        let outer: RcuFreeKBox<Rcu<RcuFreeKBox<Probe>>> =
            RcuFreeKBox::pin_init(Ok::<_, Error>(Rcu::new(probe())), GFP_KERNEL).unwrap();
        drop(outer.replace(probe()));
        assert_eq!(UNSHARED.load(Relaxed), 1);
        drop(outer);
        assert_eq!(UNSHARED.load(Relaxed), 2);
    }
}
