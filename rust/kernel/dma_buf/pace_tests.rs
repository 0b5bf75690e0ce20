// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of the limit on the timers' share of a processor.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_pace)]
mod cases {
    use super::super::{
        pace::{
            Pace,
            Place,
            Verdict,
            DEBT,
            HORIZON,
            MOST,
            PATIENCE,
            SLICE, //
        },
        Ktime, //
    };

    const MICROSECOND: Ktime = 1_000;

    // As much time passes between the callbacks as the callbacks take.
    #[test]
    fn takes_half_of_a_processor() {
        let pace = Pace::new();
        let mut place = Place::new();
        let mut now = 1_000_000_000;
        let (begin, mut taken) = (now, 0);
        for _ in 0..1000 {
            if place.ask(&pace, now) == Verdict::Run(SLICE) {
                place.leave(&pace);
                pace.take(now, now + SLICE, false);
                now += SLICE;
                taken += SLICE;
            }
            now = now.max(place.wait(&pace, now));
        }
        assert!(taken * 2 <= now - begin + 2 * SLICE);
        assert!(taken * 3 >= now - begin);
    }

    // A thousand callbacks of one microsecond expire at one instant. Those that fit into the first
    // two slices run at once. The others are deferred to one slot each.
    #[test]
    fn many_short_callbacks_at_one_instant() {
        let pace = Pace::new();
        let instant = 1_000_000_000;
        let (mut now, mut ran, mut last) = (instant, 0, 0);
        for _ in 0..1000 {
            let mut place = Place::new();
            match place.ask(&pace, now) {
                Verdict::Run(_) => {
                    pace.take(now, now + MICROSECOND, false);
                    now += MICROSECOND;
                    ran += 1;
                }
                verdict => {
                    assert_eq!(verdict, Verdict::Defer);
                    let slot = place.defer(&pace, now);
                    assert!(slot > now && slot > last);
                    last = slot;
                }
            }
        }
        assert!((50..=200).contains(&ran));
        assert!(last - instant < 50_000_000);
    }

    // If a hypervisor stops the processor for a second, that costs no more than any long callback.
    #[test]
    fn time_that_was_stolen() {
        let pace = Pace::new();
        let now = 5_000_000_000;
        pace.take(now - 1_000_000_000, now, false);
        assert!(pace.allows(now));
        pace.take(now, now + 1_000_000_000, false);
        assert!(!pace.allows(now));
        assert!(pace.allows(now + 2 * MOST));
    }

    // Returns an account with so large a debt that it allows nothing at `now`.
    fn overdrawn(now: Ktime) -> Pace {
        let pace = Pace::new();
        pace.take(now, now + MOST, false);
        assert!(!pace.allows(now + MOST));
        pace
    }

    // A thread that arms its timer for a past time again and again delays no other timer.
    #[test]
    fn hazard_37_arming_too_early_delays_nobody() {
        let mut now = 1_000_000_000;
        let pace = overdrawn(now);
        let mut place = Place::new();
        let slot = place.defer(&pace, now);
        for _ in 0..100_000 {
            assert_eq!(place.ask(&pace, now), Verdict::Wait(slot));
        }
        // Nor do timers that leave the line before their slots.
        for _ in 0..100_000 {
            let mut place = Place::new();
            place.defer(&pace, now);
            place.leave(&pace);
        }
        let mut other = Place::new();
        assert_eq!(other.ask(&pace, now), Verdict::Defer);
        assert!(other.defer(&pace, now) - now <= 3 * MOST);
        // A callback in its slot is a deferral, if the debt is not paid.
        now = slot;
        pace.take(now, now + MOST, false);
        assert_eq!(place.ask(&pace, now), Verdict::Defer);
    }

    // However long callbacks run on however many processors, and however many timers wait, every
    // timer does something after a bounded time.
    #[test]
    fn hazard_37_patience_ends() {
        let mut now = 1_000_000_000;
        let pace = Pace::new();
        let mut place = Place::new();
        for _ in 0..100_000 {
            Place::new().defer(&pace, now);
        }
        for _ in 0..PATIENCE {
            for _ in 0..1000 {
                pace.take(now, now + MOST, false);
            }
            assert_eq!(place.ask(&pace, now), Verdict::Defer);
            let slot = place.defer(&pace, now);
            assert!(slot - now <= MOST + DEBT + HORIZON);
            now = slot;
        }
        for _ in 0..1000 {
            pace.take(now, now + MOST, false);
        }
        assert_eq!(place.ask(&pace, now), Verdict::Run(0));
        place.leave(&pace);
        assert_eq!(place.ask(&pace, now), Verdict::Defer);
    }
}
