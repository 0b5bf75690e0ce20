// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of a timeline's timer: timeouts, and wake-ups for the issuer.

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
            emit,
            in_order,
            references,
            MILLISECOND,
            SECOND, //
        },
        *, //
    };
    use crate::{
        prelude::*,
        sync::{
            atomic::ordering::Relaxed,
            new_spinlock_irq, //
        },
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
        // `timed_out` is called after the fence has completed.
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
        // The timeout is long enough for a slow guest to create the other fences meanwhile.
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
        timeline.run_due(KTIME_MAX);
        assert_eq!(fence.status(), Status::Pending);
        timeline.signal(1, Ok(()), Cause::Done);
    }

    // Hazard 35: items and timeouts that are due are done in the order of time, whether the timer
    // or a thread finds them due. The test arms no timer for the issuer's item. The timeouts are
    // over when `run_due` is called.
    #[test]
    fn hazard_35_what_is_due_first_is_done_first() {
        // The issuer's time is earlier than the timeout, the same, or later.
        for (than, status) in [
            (-1, Status::Signaled),
            (0, Status::Signaled),
            (1, Status::Failed(ETIMEDOUT)),
        ] {
            let mut lead = 20 * MILLISECOND;
            // Repeat with a longer lead until everything is set up before the first item is due,
            // since the machine may be slow.
            let (timeline, fences, end) = loop {
                let timeline = in_order();
                let end = ktime_get() + lead;
                let fences = [
                    create_until(&timeline, end),
                    // In each case, the issuer's time is not later than this timeout.
                    create_until(&timeline, end + 1),
                ];
                timeline.0.due_seqno.store(2, Relaxed);
                timeline.0.due.store(end + than, Relaxed);
                if ktime_get() < end - MILLISECOND {
                    break (timeline, fences, end);
                }
                lead *= 2;
            };
            // The timer may fire first, and must do the same.
            while ktime_get() <= end + 1 {
                core::hint::spin_loop();
            }
            timeline.run_due(KTIME_MAX);
            assert_eq!(fences[0].status(), status);
            assert_eq!(fences[1].status(), Status::Signaled);
        }
    }

    // With interrupts off, the timer does not fire first, at least not on this processor. One call
    // does the issuer's item, and then what has timed out.
    #[test]
    fn one_call_does_all_that_is_due() {
        let lock = KBox::pin_init(new_spinlock_irq!((), "kunit"), GFP_KERNEL).unwrap();
        let mut lead = MILLISECOND;
        loop {
            let timeline = in_order();
            let end = ktime_get() + lead;
            let fences = [
                create_until(&timeline, end + 1),
                create_until(&timeline, end + 1),
            ];
            timeline.0.due_seqno.store(1, Relaxed);
            timeline.0.due.store(end, Relaxed);
            let guard = lock.lock();
            if ktime_get() < end {
                while ktime_get() <= end + 1 {
                    core::hint::spin_loop();
                }
                timeline.run_due(KTIME_MAX);
                let status = (fences[0].status(), fences[1].status());
                drop(guard);
                assert_eq!(status, (Status::Signaled, Status::Failed(ETIMEDOUT)));
                return;
            }
            // A slow machine needs a longer lead.
            lead *= 2;
        }
    }

    // A time that the issuer passes is the timestamp, and nothing else changes.
    #[test]
    fn timestamp_that_the_issuer_gives() {
        let timeline = in_order();
        let fence = create_one(&timeline);
        let time = ktime_get() - 5;
        assert_eq!(timeline.signal_timestamp(1, Err(EIO), Cause::Done, time), 1);
        assert_eq!(fence.timestamp(), Some(time));
        assert_eq!(fence.status(), Status::Failed(EIO));
    }

    // Any number of fences that time out at one instant complete, although each callback is short.
    #[test]
    fn many_timeouts_at_one_instant() {
        let timeline = in_order();
        let end = ktime_get() + 20 * MILLISECOND;
        let mut last = None;
        for _ in 0..50 {
            let emitted = emit(&timeline, 64, end);
            last = references(&emitted).pop();
            emitted.commit();
        }
        let last = last.unwrap();
        assert!(last
            .wait(false, kernel::time::msecs_to_jiffies(60_000))
            .is_ok());
        assert_eq!(last.status(), Status::Failed(ETIMEDOUT));
        assert_eq!(timeline.counts().timed_out, 50 * 64);
    }

    // Hazard 26: the timer is armed when the owner is dropped. Its callback does not run later.
    #[test]
    fn hazard_26_drop_with_the_timer_armed() {
        for _ in 0..20 {
            let timeline = in_order();
            let fence = create_until(&timeline, ktime_get() + 2 * MILLISECOND);
            timeline.wake_at(ktime_get() + MILLISECOND);
            drop(timeline);
            assert!(fence.is_signaled());
        }
        fsleep(Delta::from_millis(10));
    }

    #[test]
    fn wakes_at_the_time_asked_for() {
        let timeline = in_order();
        let time = ktime_get() + 5 * MILLISECOND;
        timeline.0.due.store(time, Relaxed);
        timeline.wake_at(time);
        for _ in 0..500 {
            if timeline.0.woken.load(Relaxed) > 0 {
                break;
            }
            fsleep(Delta::from_millis(2));
        }
        assert_eq!(timeline.0.woken.load(Relaxed), 1);
    }
}
