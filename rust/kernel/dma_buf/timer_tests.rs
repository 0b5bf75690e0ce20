// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of a timeline's timer: timeouts, and waking.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_timer)]
mod cases {
    use super::super::{
        fixtures::{
            by_number,
            create_at,
            create_at_until,
            create_one,
            create_until,
            in_order,
            MILLISECOND,
            SECOND, //
        },
        *, //
    };
    use crate::{
        prelude::*,
        sync::atomic::ordering::Relaxed,
        time::{
            delay::fsleep,
            Delta, //
        },
    };

    #[test]
    fn timeout_takes_what_is_before_it() {
        let timeline = in_order();
        let fences = (
            create_until(&timeline, ktime_get() + 20 * MILLISECOND),
            create_one(&timeline),
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
        let timeline = by_number();
        // Long enough for a slow guest to create the others meanwhile.
        let old = create_at_until(&timeline, 20, ktime_get() + SECOND / 2);
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

    #[test]
    fn nothing_times_out_early() {
        let timeline = in_order();
        let fence = create_until(&timeline, ktime_get() + 1000 * SECOND);
        assert!(!timeline.time_out_before(KTIME_MAX));
        assert_eq!(fence.status(), Status::Pending);
        timeline.signal(1, Ok(()), Cause::Done);
    }

    // Hazard 26: the timer is armed when the owner goes; nothing of it runs later.
    #[test]
    fn hazard_26_drop_with_the_timer_armed() {
        for _ in 0..20 {
            let timeline = in_order();
            let fence = create_until(&timeline, ktime_get() + 2 * MILLISECOND);
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
}
