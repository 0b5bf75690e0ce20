// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of the timers' share of a processor.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_pace)]
mod cases {
    use super::super::{
        pace::{
            Pace,
            MOST,
            SLICE, //
        },
        Ktime, //
    };

    const MICROSECOND: Ktime = 1_000;

    // As much time passes between as was taken.
    #[test]
    fn takes_half_of_a_processor() {
        let pace = Pace::new();
        let mut now = 1_000_000_000;
        let (begin, mut taken) = (now, 0);
        for _ in 0..1000 {
            if pace.allows(now) {
                pace.take(now, now + SLICE, false);
                now += SLICE;
                taken += SLICE;
            }
            now = now.max(pace.slot(now));
        }
        assert!(taken * 2 <= now - begin + 2 * SLICE);
        assert!(taken * 3 >= now - begin);
    }

    // A thousand callbacks of one microsecond at one instant: the first two slices of them run at
    // once, and the others come back one by one.
    #[test]
    fn many_short_callbacks_at_one_instant() {
        let pace = Pace::new();
        let instant = 1_000_000_000;
        let (mut now, mut ran, mut last) = (instant, 0, 0);
        for _ in 0..1000 {
            if pace.allows(now) {
                pace.take(now, now + MICROSECOND, false);
                now += MICROSECOND;
                ran += 1;
            } else {
                let slot = pace.slot(now);
                assert!(slot > now && slot > last);
                last = slot;
            }
        }
        assert!((50..=200).contains(&ran));
        assert!(last - instant < 50_000_000);
    }

    // A processor that was taken away for a second costs no more than any long callback.
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
}
