// SPDX-License-Identifier: GPL-2.0

//! Threads for KUnit tests.

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
        Arc,
        Completion, //
    },
    workqueue,
};

/// Threads that begin together, and whose end can be waited for.
#[pin_data]
pub(super) struct Crew {
    absent: Atomic<u32>,
    left: Atomic<u32>,
    result: Atomic<u64>,
    /// A flag whose meaning the test defines.
    pub(super) stop: Atomic<u32>,
    /// Completed when all threads have begun.
    #[pin]
    pub(super) all_there: Completion,
    #[pin]
    all_done: Completion,
}

impl Crew {
    /// Returns a crew of `count` threads. The test must spawn all of them, since they wait for each
    /// other.
    pub(super) fn of(count: u32) -> Arc<Self> {
        Arc::pin_init(
            pin_init!(Self {
                absent: Atomic::new(count),
                left: Atomic::new(count),
                result: Atomic::new(0),
                stop: Atomic::new(0),
                all_there <- Completion::new(),
                all_done <- Completion::new(),
            }),
            GFP_KERNEL,
        )
        .unwrap()
    }

    /// Spawns a thread. The return value of `work` is added to the result.
    pub(super) fn spawn(self: &Arc<Self>, work: impl FnOnce(&Crew) -> u64 + Send + 'static) {
        let crew = self.clone();
        let work = move || {
            if crew.absent.fetch_sub(1, Full) == 1 {
                crew.all_there.complete_all();
            }
            crew.all_there.wait_for_completion();
            crew.result.fetch_add(work(&crew), Relaxed);
            if crew.left.fetch_sub(1, Full) == 1 {
                crew.all_done.complete_all();
            }
        };
        workqueue::system_unbound()
            .try_spawn(GFP_KERNEL, work)
            .unwrap();
    }

    /// Waits for the end of all threads, and returns the sum of the return values.
    pub(super) fn join(&self) -> u64 {
        self.all_done.wait_for_completion();
        self.result.load(Relaxed)
    }
}
