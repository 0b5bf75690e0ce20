// SPDX-License-Identifier: GPL-2.0

//! The threads of the KUnit tests.

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

/// Threads that begin together, and an end that is waited for.
#[pin_data]
pub(super) struct Crew {
    absent: Atomic<u32>,
    left: Atomic<u32>,
    result: Atomic<u64>,
    /// What the threads and the test make of it.
    pub(super) stop: Atomic<u32>,
    /// When all threads have begun.
    #[pin]
    pub(super) all_there: Completion,
    #[pin]
    all_done: Completion,
}

impl Crew {
    /// For `count` threads, each of which is to be spawned: they wait for each other.
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

    /// Spawns a thread. What `work` returns is added to the result.
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

    /// Waits for all threads, and returns the sum of what they have returned.
    pub(super) fn join(&self) -> u64 {
        self.all_done.wait_for_completion();
        self.result.load(Relaxed)
    }
}
