// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of what several threads do to a timeline at a time.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_races)]
mod cases {
    use super::super::{
        fixtures::{
            create,
            in_order,
            NAME, //
        },
        *,
    };
    use crate::{
        prelude::*,
        sync::{
            atomic::{
                ordering::{
                    Full,
                    Relaxed, //
                },
                Atomic, //
            },
            rcu,
            Arc,
            Completion, //
        },
        workqueue,
    };

    const FENCES: usize = 600;

    /// Threads that work at the same time, and an end that is waited for.
    #[pin_data]
    struct Crew {
        left: Atomic<u32>,
        result: Atomic<u64>,
        stop: Atomic<u32>,
        #[pin]
        all_done: Completion,
    }

    impl Crew {
        fn of(count: u32) -> Arc<Self> {
            Arc::pin_init(
                pin_init!(Self {
                    left: Atomic::new(count),
                    result: Atomic::new(0),
                    stop: Atomic::new(0),
                    all_done <- Completion::new(),
                }),
                GFP_KERNEL,
            )
            .unwrap()
        }

        fn spawn(self: &Arc<Self>, work: impl FnOnce(&Crew) -> u64 + Send + 'static) {
            let crew = self.clone();
            let work = move || {
                crew.result.fetch_add(work(&crew), Relaxed);
                if crew.left.fetch_sub(1, Full) == 1 {
                    crew.all_done.complete_all();
                }
            };
            workqueue::system_unbound()
                .try_spawn(GFP_KERNEL, work)
                .unwrap();
        }

        fn join(&self) -> u64 {
            self.all_done.wait_for_completion();
            self.result.load(Relaxed)
        }
    }

    // Each fence is signalled once, by whoever comes first, and after the one before it.
    #[test]
    fn hazard_19_racing_signallers_keep_the_order() {
        let timeline = in_order();
        let fences = create(&timeline, FENCES);
        let crew = Crew::of(4);
        for step in [1, 7, 40, 200] {
            let timeline = timeline.clone();
            crew.spawn(move |_| {
                let mut signalled = 0;
                for seqno in Iterator::chain((step..=FENCES).step_by(step), [FENCES]) {
                    let status = if step == 7 { Err(EIO) } else { Ok(()) };
                    signalled += timeline.signal(seqno as u64, status, Cause::Done);
                }
                signalled as u64
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
        assert_eq!(counts.signalled_up_to, FENCES as u64);
    }

    // What is emitted while others signal is signalled by somebody, and nothing twice.
    #[test]
    fn hazard_20_emission_against_signallers() {
        let timeline = in_order();
        let crew = Crew::of(3);
        for _ in 0..2 {
            let timeline = timeline.clone();
            crew.spawn(move |crew| {
                let mut signalled = 0;
                while crew.stop.load(Relaxed) == 0 {
                    let last = timeline.counts().last;
                    signalled += timeline.signal(last, Ok(()), Cause::Done) as u64;
                }
                signalled
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
        let signalled = crew.join();
        let rest = timeline.signal(timeline.counts().last, Ok(()), Cause::Done) as u64;
        assert_eq!(signalled + rest, FENCES as u64);
        assert_eq!(timeline.counts().last, FENCES as u64);
    }

    // Hazards 2, 3 and 7: a reader that begins before the fence has signalled sees the name to the
    // end, though the timeline is dropped meanwhile; one that begins later sees the core's.
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
            drop(timeline);
            crew.stop.store(1, Relaxed);
            assert_eq!(crew.join(), 0);
        }
    }
}
