// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of several threads that use a timeline at a time.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_races)]
mod cases {
    use super::super::{
        fixtures::{
            by_number,
            create,
            create_at,
            emit_at,
            far,
            in_order,
            Crew,
            InOrder,
            Uncounted,
            MILLISECOND,
            NAME,
            SECOND, //
        },
        ops::signal_fence,
        pending::{
            Fifo,
            Gathered,
            Pending, //
        },
        signal::{
            put_points,
            signal_points,
            End, //
        },
        *,
    };
    use crate::{
        bindings,
        prelude::*,
        sync::{
            atomic::{
                ordering::Relaxed,
                Atomic, //
            },
            rcu,
            Arc, //
        },
        time::{
            delay::fsleep,
            Delta, //
        },
    };

    const FENCES: usize = 600;

    // Each fence is signaled once, by the first signaler that reaches it, and after the fence
    // before it.
    #[test]
    fn hazard_19_racing_signallers_keep_the_order() {
        let timeline = in_order();
        let fences = create(&timeline, FENCES);
        let crew = Crew::of(4);
        for step in [1, 7, 40, 200] {
            let timeline = timeline.clone();
            crew.spawn(move |_| {
                let mut signaled = 0;
                for seqno in Iterator::chain((step..=FENCES).step_by(step), [FENCES]) {
                    let status = if step == 7 { Err(EIO) } else { Ok(()) };
                    signaled += timeline.signal(seqno as u64, status, Cause::Done);
                }
                signaled as u64
            });
        }
        assert_eq!(crew.join(), FENCES as u64);
        let mut last = 0;
        let mut in_order = true;
        for fence in &fences {
            let time = fence.timestamp().unwrap_or(0);
            in_order &= last <= time && time > 0;
            last = time;
        }
        assert!(in_order);
        let counts = timeline.counts();
        assert_eq!(counts.done, FENCES as u64);
        assert_eq!(counts.pending, 0);
        assert_eq!(counts.completed, FENCES as u64);
        let failed = || fences.iter().filter(|fence| fence.error() == Some(EIO));
        assert_eq!(counts.failed, failed().count() as u64);
        let last = failed().next_back().map(|fence| (fence.seqno(), EIO));
        let counted = counts.last_failure;
        assert_eq!(counted.map(|failure| (failure.seqno, failure.error)), last);
    }

    /// The state of the meeting of two signalers.
    struct Meeting {
        held_up: Atomic<u32>,
        coming: Atomic<u32>,
    }

    /// A callback that holds up the signaler of a fence until another signaler has started.
    struct HoldUp(Arc<Meeting>);

    impl FenceCallback for HoldUp {
        type OwnerModule = Uncounted;

        fn signaled(&self, _fence: &Fence) {
            self.0.held_up.store(1, Relaxed);
            let late = ktime_get() + SECOND;
            while self.0.coming.load(Relaxed) == 0 && ktime_get() < late {
                core::hint::spin_loop();
            }
            // Meanwhile the other signaler reaches the lock of this fence.
            let there = ktime_get() + 10 * MILLISECOND;
            while ktime_get() < there {
                core::hint::spin_loop();
            }
        }
    }

    // Two signalers have gathered the same fences. The second one changes nothing.
    #[test]
    fn hazard_19_second_signaller_changes_nothing() {
        let timeline = in_order();
        let fences = create(&timeline, 8);
        let meeting = Meeting {
            held_up: Atomic::new(0),
            coming: Atomic::new(0),
        };
        let meeting = Arc::new(meeting, GFP_KERNEL).unwrap();
        let waiter = Waiter::new(&fences[4], HoldUp(meeting.clone()));
        let waiter = KBox::try_pin_init(waiter, GFP_KERNEL).unwrap();
        let crew = Crew::of(2);
        let first = timeline.clone();
        crew.spawn(move |_| first.signal(8, Ok(()), Cause::Done) as u64);
        let second = timeline.clone();
        crew.spawn(move |_| {
            while meeting.held_up.load(Relaxed) == 0 {
                core::hint::spin_loop();
            }
            meeting.coming.store(1, Relaxed);
            second.signal(8, Err(EIO), Cause::Cancelled) as u64
        });
        assert_eq!(crew.join(), 8);
        assert!(fences.iter().take(5).all(|fence| fence.error().is_none()));
        let counts = timeline.counts();
        assert_eq!(counts.done + counts.cancelled, 8);
        drop(waiter);
    }

    // The timestamp of a fence is not earlier than that of the fence before it, even if another
    // signaler has signaled the fence before it.
    #[test]
    fn hazard_19_times_ascend_behind_another_signaller() {
        let timeline = in_order();
        let fences = create(&timeline, 3);
        let rcu = rcu::read_lock();
        let mut gathered = <Fifo as Pending>::Gathered::none();
        let state = timeline.context().state.lock();
        state.pending.gather(3, &mut gathered);
        drop(state);
        let done = signalling(|section| {
            let mut number = 0;
            // SAFETY: The points were gathered in the section of `rcu`.
            let points = unsafe { gathered.points() }.inspect(|_| {
                number += 1;
                if number != 2 {
                    return;
                }
                // Before this signaler reaches the second fence, another signaler reads the
                // clock.
                let mut later = ktime_get();
                while Some(later) <= fences[0].timestamp() {
                    later = ktime_get();
                }
                // SAFETY: `fences` has a reference to the fence, which a context has emitted.
                unsafe { signal_fence(section, fences[1].as_raw(), None, later, || {}) };
            });
            // SAFETY: The points were gathered in the section of `rcu`, and no lock is held.
            unsafe {
                let reason = Reason::Caused(Cause::Done);
                signal_points::<InOrder>(&rcu, section, points, None, None, reason, |_| {})
            }
        });
        drop(rcu);
        // This unlinks the fences.
        timeline.signal(3, Ok(()), Cause::Done);
        assert_eq!(done.count, 2);
        assert!(fences[0].timestamp().is_some());
        assert!(fences[0].timestamp() < fences[1].timestamp());
        assert!(fences[1].timestamp() <= fences[2].timestamp());
    }

    // A signaler unlinks only fences that it has gathered, even if others have unlinked some of
    // them.
    #[test]
    fn hazard_19_others_have_unlinked_the_first_ones() {
        let timeline = in_order();
        let fences = create(&timeline, 4);
        let rcu = rcu::read_lock();
        let mut gathered = <Fifo as Pending>::Gathered::none();
        let state = timeline.context().state.lock();
        state.pending.gather(3, &mut gathered);
        drop(state);
        timeline.signal(2, Ok(()), Cause::Done);
        // SAFETY: `fences` has a reference to the fence.
        let references = unsafe { (*fences[0].as_raw()).refcount.refcount.refs.counter };
        // The list's reference was put.
        assert_eq!(references, 1);
        let now = ktime_get();
        // SAFETY: `fences` has a reference to the fence, which a context has emitted.
        signalling(|section| unsafe {
            signal_fence(section, fences[2].as_raw(), None, now, || {})
        });
        let mut state = timeline.context().state.lock();
        // SAFETY: The points were gathered in the section of `rcu`, and each has signaled.
        unsafe { state.as_mut().project().pending.unlink(&mut gathered) };
        let left = state.pending.len();
        drop(state);
        // SAFETY: `unlink` passed the list's references to this function, which gives them up here.
        unsafe { put_points(&rcu, &gathered) };
        drop(rcu);
        assert_eq!(left, 1);
        assert_eq!(fences[3].status(), Status::Pending);
        assert_eq!(timeline.signal(4, Ok(()), Cause::Done), 1);
    }

    /// A callback that does nothing.
    struct Nothing;

    impl FenceCallback for Nothing {
        type OwnerModule = Uncounted;

        fn signaled(&self, _fence: &Fence) {}
    }

    const DONE: End = End {
        error: None,
        cause: Cause::Done,
        time: None,
    };

    // A fence is signaled under the context's lock only if it is the only one, nothing waits for
    // it, and its lock is free.
    #[test]
    fn hazard_15_one_fence_alone() {
        let timeline = in_order();
        let context = timeline.context();
        assert_eq!(context.signal_one(1, DONE), Some(0));
        let fences = create(&timeline, 4);
        assert_eq!(context.signal_one(2, DONE), None);
        // SAFETY: `fences` has a reference to the fence, whose lock is in it.
        let (lock, irqs) = unsafe {
            let lock = bindings::dma_fence_inline_lock(fences[0].as_raw());
            (lock, bindings::spin_lock_irqsave(lock))
        };
        let while_locked = context.signal_one(1, DONE);
        // SAFETY: The lock was taken above. `irqs` are the flags that were returned.
        unsafe { bindings::spin_unlock_irqrestore(lock, irqs) };
        assert_eq!(while_locked, None);
        assert_eq!(context.signal_one(1, DONE), Some(1));
        assert_eq!(fences[0].status(), Status::Signaled);
        // SAFETY: `fences` has a reference to the fence.
        let references = unsafe { (*fences[0].as_raw()).refcount.refcount.refs.counter };
        // The list's reference was put.
        assert_eq!(references, 1);
        assert_eq!(timeline.counts().completed, 1);

        let waiter = KBox::try_pin_init(Waiter::new(&fences[1], Nothing), GFP_KERNEL).unwrap();
        let watched = context.signal_one(2, DONE);
        assert_eq!(fences[1].status(), Status::Pending);
        assert_eq!(watched, None);
        assert_eq!(timeline.signal(2, Ok(()), Cause::Done), 1);
        drop(waiter);
        assert_eq!(context.signal_one(2, DONE), Some(0));
        assert_eq!(timeline.signal(4, Ok(()), Cause::Done), 2);
    }

    // Another signaler has signaled the fence, and has yet to unlink it.
    #[test]
    fn hazard_19_second_signaller_of_one_fence() {
        let timeline = in_order();
        let fences = create(&timeline, 1);
        // SAFETY: `fences` has a reference to the fence, which a context has emitted.
        signalling(|section| unsafe {
            signal_fence(section, fences[0].as_raw(), Some(EIO), ktime_get(), || {})
        });
        let second = timeline.context().signal_one(1, DONE);
        assert_eq!(second, None);
        assert_eq!(timeline.signal(1, Ok(()), Cause::Done), 0);
        assert_eq!(timeline.context().signal_one(1, DONE), Some(0));
        assert_eq!(fences[0].error(), Some(EIO));
    }

    // With numbers that the caller chooses, a fence is signaled alone only if no fence is in the
    // tree.
    #[test]
    fn one_numbered_fence_alone() {
        let timeline = by_number();
        let context = timeline.context();
        let fences = [30, 10, 20].map(|seqno| create_at(&timeline, seqno));
        assert_eq!(context.signal_one(9, DONE), None);
        assert_eq!(timeline.signal(9, Ok(()), Cause::Done), 0);
        assert_eq!(timeline.signal(30, Ok(()), Cause::Done), 3);
        assert!(fences.iter().all(|fence| fence.is_signaled()));

        let fences = [40, 50, 60].map(|seqno| create_at(&timeline, seqno));
        assert_eq!(context.signal_one(39, DONE), Some(0));
        assert_eq!(context.signal_one(50, DONE), None);
        assert_eq!(context.signal_one(49, DONE), Some(1));
        assert_eq!(fences[0].status(), Status::Signaled);
        assert_eq!(fences[1].status(), Status::Pending);
        // The run begins with the next one.
        let fence = create_at(&timeline, 55);
        assert_eq!(timeline.signal(50, Ok(()), Cause::Done), 1);
        assert_eq!(timeline.signal(55, Ok(()), Cause::Done), 1);
        assert_eq!(fence.status(), Status::Signaled);
        assert_eq!(fences[2].status(), Status::Pending);
        assert_eq!(timeline.signal(60, Ok(()), Cause::Done), 1);
        assert_eq!(timeline.counts().pending, 0);
    }

    // Fences that are emitted while other threads signal are all signaled, and none twice.
    #[test]
    fn hazard_20_emission_against_signallers() {
        let timeline = in_order();
        let crew = Crew::of(3);
        for _ in 0..2 {
            let timeline = timeline.clone();
            crew.spawn(move |crew| {
                let mut signaled = 0;
                while crew.stop.load(Relaxed) == 0 {
                    let last = timeline.last();
                    signaled += timeline.signal(last, Ok(()), Cause::Done) as u64;
                }
                signaled
            });
        }
        let emitter = timeline.clone();
        crew.spawn(move |crew| {
            for _ in 0..FENCES / 4 {
                drop(create(&emitter, 4));
            }
            crew.stop.store(1, Relaxed);
            0
        });
        let signaled = crew.join();
        let rest = timeline.signal(timeline.last(), Ok(()), Cause::Done) as u64;
        assert_eq!(signaled + rest, FENCES as u64);
        assert_eq!(timeline.last(), FENCES as u64);
    }

    // A thread that waits for the right to emit is woken when the right is free, whether the fences
    // were committed or unwound, or there were none.
    #[test]
    fn emitters_take_turns() {
        const EACH: u64 = 50;

        let timeline = by_number();
        let crew = Crew::of(3);
        for first in 0..3 {
            let timeline = timeline.clone();
            crew.spawn(move |_| {
                for seqno in (0..EACH).map(|index| 3 * index + first) {
                    drop(timeline.emission().unwrap().prune().ok());
                    let emitted = emit_at(&timeline, seqno, far()).ok().unwrap();
                    fsleep(Delta::from_micros(50));
                    if seqno % 4 == 0 {
                        drop(emitted);
                    } else {
                        emitted.commit();
                    }
                }
                0
            });
        }
        crew.join();
        assert_eq!(
            timeline.emission().unwrap().prune().ok().unwrap().pending(),
            0
        );
    }

    // The end of each turn wakes up the next thread, even if nothing was emitted in the turn. The
    // waiting threads sleep while the thread whose turn it is drops the lock between two steps.
    #[test]
    fn every_waiter_gets_its_turn() {
        const THREADS: u32 = 48;

        let timeline = by_number();
        for seqno in 1..=1000 {
            drop(create_at(&timeline, 1000 + seqno));
        }
        let held = emit_at(&timeline, 3000, far()).ok().unwrap();
        let crew = Crew::of(THREADS);
        for index in 0..THREADS {
            let timeline = timeline.clone();
            crew.spawn(move |_| match index % 4 {
                0 => timeline.emission().map_or(1, |_nothing| 0),
                1 => timeline
                    .emission()
                    .map_or(1, |it| it.prune().map_or(1, |_nothing| 0)),
                2 => emit_at(&timeline, (THREADS - index).into(), far()).map_or(1, |_unwound| 0),
                _ => u64::from(create_at(&timeline, (THREADS - index).into()).is_signaled()),
            });
        }
        crew.all_there.wait_for_completion();
        fsleep(Delta::from_millis(20));
        held.commit();
        assert_eq!(crew.join(), 0);
        timeline.signal(3000, Ok(()), Cause::Done);
        assert_eq!(timeline.counts().pending, 0);
    }

    // Hazards 2, 3 and 7: a reader that begins before the fence has signaled sees the timeline's
    // name until its section ends, even if the timeline is dropped meanwhile. A reader that begins
    // later sees the core's name.
    #[test]
    fn hazard_3_readers_against_close() {
        for _ in 0..100 {
            let timeline = in_order();
            let fences = create(&timeline, 3);
            let crew = Crew::of(2);
            for index in [0, 2] {
                let fence = fences[index].clone();
                crew.spawn(move |crew| {
                    let mut wrong = 0;
                    loop {
                        let stop = crew.stop.load(Relaxed) != 0;
                        let rcu = rcu::read_lock();
                        let name = fence.timeline_name(&rcu);
                        if name != NAME && name != c"signaled-timeline" {
                            wrong += 1;
                        }
                        drop(rcu);
                        fence.set_deadline(1);
                        if stop {
                            return wrong;
                        }
                    }
                });
            }
            crew.all_there.wait_for_completion();
            drop(timeline);
            crew.stop.store(1, Relaxed);
            assert_eq!(crew.join(), 0);
        }
    }
}
