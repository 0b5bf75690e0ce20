// SPDX-License-Identifier: GPL-2.0

//! Issuers, threads and helpers that several KUnit suites share.

use super::*;
use crate::{
    module::ModuleMetadata,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            ordering::{
                Full,
                Relaxed, //
            },
            Atomic, //
        },
        rcu::Published,
        Arc,
        Completion, //
    },
    workqueue,
};

/// A second, in nanoseconds.
pub(super) const SECOND: Ktime = 1_000_000_000;
/// A millisecond, in nanoseconds.
pub(super) const MILLISECOND: Ktime = 1_000_000;

/// A module that is not reference counted: tests run while their module is being loaded, so it
/// can't be unloaded meanwhile.
pub(super) struct Uncounted;

impl ModuleMetadata for Uncounted {
    const NAME: &'static CStr = c"kunit";
    // SAFETY: A null pointer stands for code that is built in, which needs no reference.
    const THIS_MODULE: ThisModule = unsafe { ThisModule::from_ptr(core::ptr::null_mut()) };
}

/// The calls that the callbacks of fences have counted, and the timeline's name. It is in the
/// context.
pub(super) struct Told {
    name: [u8; 16],
    pub(super) waits: Atomic<u32>,
    pub(super) deadlines: Atomic<u32>,
}

/// The name of a test's timeline.
pub(super) const NAME: &CStr = c"in the context";

/// The owner's data: what the callbacks of the timeline have recorded, and what they are to do.
pub(super) struct Owner {
    /// The number that `timed_out` was last called with.
    pub(super) timed_out: Atomic<u64>,
    /// How many times `run_due` has finished an item.
    pub(super) woken: Atomic<u32>,
    /// When the issuer next has something to do: to signal up to `due_seqno`.
    pub(super) due: Atomic<i64>,
    pub(super) due_seqno: Atomic<u64>,
}

macro_rules! issuer {
    ($(#[doc = $doc:literal])+ $name:ident, $order:ty, $closed:expr) => {
        $(#[doc = $doc])+
        pub(super) struct $name(pub(super) Owner);

        impl FenceOps for $name {
            type OwnerModule = Uncounted;
            type Shared = Published<Told>;
            const DRIVER_NAME: &'static CStr = c"kunit";
            type Order = $order;
            const CLOSED: Error = $closed;

            fn timeline_name(told: View<'_, Self>) -> &CStr {
                CStr::from_bytes_until_nul(&told.name).unwrap_or(c"?")
            }

            fn enable_signaling(told: View<'_, Self>, _seqno: u64) {
                told.waits.add(1, Relaxed);
            }

            fn set_deadline(told: View<'_, Self>, _seqno: u64, _deadline: Ktime) {
                told.deadlines.add(1, Relaxed);
            }

            fn timed_out(timeline: &Timeline<Self>, seqno: u64) {
                timeline.0.timed_out.store(seqno, Relaxed);
            }

            fn next_due(timeline: &Timeline<Self>) -> Option<Ktime> {
                Some(timeline.0.due.load(Relaxed))
            }

            fn run_due(timeline: &Timeline<Self>, time: Ktime) {
                let (due, seqno) = (&timeline.0.due, timeline.0.due_seqno.load(Relaxed));
                if !timeline.signal_some(seqno, Ok(()), Cause::Done) {
                    // Count the item once, even if another thread has done it at the same time.
                    if due.cmpxchg(time, KTIME_MAX, Relaxed).is_ok() {
                        timeline.0.woken.add(1, Relaxed);
                    }
                }
            }
        }
    };
}

issuer!(
    /// An issuer whose timeline numbers the fences.
    InOrder, EmissionOrder, ECANCELED
);
issuer!(
    /// An issuer whose caller chooses the numbers of the fences.
    ByNumber, SeqnoOrder, ENOENT
);

fn timeline<O: FenceOps<Shared = Published<Told>>>(
    issuer: impl FnOnce(Owner) -> O,
) -> Arc<Timeline<O>> {
    let told = Told {
        name: *b"in the context\0\0",
        waits: Atomic::new(0),
        deadlines: Atomic::new(0),
    };
    let owner = Owner {
        timed_out: Atomic::new(0),
        woken: Atomic::new(0),
        due: Atomic::new(KTIME_MAX),
        due_seqno: Atomic::new(0),
    };
    Arc::pin_init(
        Timeline::new(Published::new(told), Ok::<_, Error>(issuer(owner))),
        GFP_KERNEL,
    )
    .unwrap()
}

pub(super) fn in_order() -> Arc<Timeline<InOrder>> {
    timeline(InOrder)
}

pub(super) fn by_number() -> Arc<Timeline<ByNumber>> {
    timeline(ByNumber)
}

/// Allocates memory for `count` fences.
pub(super) fn new<R: Order>(count: usize) -> NewFences<R> {
    NewFences::alloc(count as u32, GFP_KERNEL).unwrap()
}

/// Returns a timeout that no test reaches. The timer is armed for it.
pub(super) fn far() -> Ktime {
    ktime_get() + 1000 * SECOND
}

/// Returns references to emitted fences, to use after the commit.
pub(super) fn references<O: FenceOps>(emitted: &Emitted<'_, O>) -> KVec<ARef<Fence>> {
    let mut fences = KVec::new();
    for fence in emitted.fences() {
        fences.push(fence.into(), GFP_KERNEL).unwrap();
    }
    fences
}

/// Allocates memory for fences, and emits them with the timeout `end`.
pub(super) fn emit(timeline: &Timeline<InOrder>, count: usize, end: Ktime) -> Emitted<'_, InOrder> {
    let fences = new(count);
    timeline.emission().unwrap().emit(fences, end)
}

/// Emits the fence `seqno`, or returns the pending one with that number.
pub(super) fn emit_at(
    timeline: &Timeline<ByNumber>,
    seqno: u64,
    end: Ktime,
) -> Result<Emitted<'_, ByNumber>, ARef<Fence>> {
    let fences = new(1);
    timeline.emission().unwrap().emit_at(fences, seqno, end)
}

fn commit<O: FenceOps>(emitted: Emitted<'_, O>) -> KVec<ARef<Fence>> {
    let fences = references(&emitted);
    emitted.commit();
    fences
}

pub(super) fn create(timeline: &Timeline<InOrder>, count: usize) -> KVec<ARef<Fence>> {
    commit(emit(timeline, count, far()))
}

pub(super) fn create_until(timeline: &Timeline<InOrder>, end: Ktime) -> ARef<Fence> {
    commit(emit(timeline, 1, end))[0].clone()
}

pub(super) fn create_one(timeline: &Timeline<InOrder>) -> ARef<Fence> {
    create_until(timeline, far())
}

pub(super) fn create_at_until(
    timeline: &Timeline<ByNumber>,
    seqno: u64,
    end: Ktime,
) -> ARef<Fence> {
    match emit_at(timeline, seqno, end) {
        Ok(emitted) => commit(emitted)[0].clone(),
        Err(fence) => fence,
    }
}

pub(super) fn create_at(timeline: &Timeline<ByNumber>, seqno: u64) -> ARef<Fence> {
    create_at_until(timeline, seqno, far())
}

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
