// SPDX-License-Identifier: GPL-2.0

//! How the fences of a context are signalled and unlinked.
//!
//! A signaller gathers the first pending fences, lets go of the context's lock, signals each under
//! its own lock, and takes the context's again to unlink those that are linked still. Interrupts
//! are off for one fence at a time, and for two walks of a batch.
//!
//! Signallers may race. Each works in the order of the list, and is in one RCU section from before
//! it gathers until it has unlinked. It needs no references for that:
//!
//! - What it has gathered was referenced by the list. If another signaller unlinks a fence and puts
//!   that reference, the memory stays for a grace period, which waits for the RCU section. What is
//!   overwritten until then is the list of callbacks, which nobody looks at after signalling.
//! - A fence is unlinked by those only who have seen, under its lock, that it has signalled. So who
//!   finds that it has not, under that lock, finds it linked still: the list's reference is there
//!   while callbacks run. Who finds that it has does no more with it.
//! - The context is there: signallers borrow the timeline, or are its timer. The owner that closes
//!   the context is alone: see [`FenceContext::close`].

use super::{
    batch::BATCH,
    context::{
        seqno_of,
        FenceContext,
        PointOf, //
    },
    ktime_get,
    ops::signal_fence,
    order::{
        Order,
        SeqnoOrder, //
    },
    pending::{
        Chain,
        Gathered,
        Pending, //
    },
    signalling,
    Cause,
    FenceOps,
    Ktime,
    Section, //
};
use crate::{
    bindings,
    prelude::*,
    sync::{
        atomic::ordering::Relaxed,
        rcu, //
    }, //
};
use core::ptr::NonNull;

/// What signallers of a context of the order `R` gather.
type GatheredOf<R> = <<R as Order>::Pending as Pending>::Gathered;

/// How fences complete.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub(super) error: Option<Error>,
    pub(super) cause: Cause,
    /// The timestamp of the fences; `None` is the time at which they are signalled.
    pub(super) time: Option<Ktime>,
}

/// What a signaller has done.
#[derive(Clone, Copy, Default)]
pub(super) struct Signalled {
    /// How many it has signalled itself.
    pub(super) count: usize,
    /// The last one of those.
    pub(super) last: Option<u64>,
    /// Whether there may be more.
    pub(super) more: bool,
}

impl<O: FenceOps> FenceContext<O> {
    /// Signals fences in order up to the number `last`, batch by batch, and returns how many it
    /// signalled itself.
    ///
    /// When it returns, none of those that were pending is linked.
    pub(super) fn signal(&self, last: u64, end: End) -> usize {
        let mut count = 0;
        loop {
            let done = self.signal_next(last, end);
            count += done.count;
            if !done.more {
                return count;
            }
        }
    }

    /// Signals the next batch.
    // Inlined so that a caller that ignores `last` does not pay for it.
    #[inline(always)]
    pub(super) fn signal_next(&self, last: u64, end: End) -> Signalled {
        let rcu = rcu::read_lock();
        signalling(|section| self.signal_batch(&rcu, section, last, end))
    }

    /// Signals one batch of fences in order, then unlinks them.
    #[inline(always)]
    fn signal_batch(&self, rcu: &rcu::Guard, section: &Section, last: u64, end: End) -> Signalled {
        let mut batch = GatheredOf::<O::Order>::none();
        let more = self.state.lock().pending.gather(last, &mut batch);
        if batch.is_empty() {
            return Signalled::default();
        }
        // SAFETY: RCU has been held since they were gathered.
        let points = unsafe { batch.points() };
        let counter = self.progress.counter(end.cause);
        let count = || counter.add(1, Relaxed);
        // SAFETY: The points were gathered in the section of `rcu`, and no context lock is held.
        let mut done =
            unsafe { signal_points::<O>(rcu, section, points, end.error, end.time, count) };
        done.more = more;

        let mut guard = self.state.lock();
        let state = guard.as_mut().project();
        // SAFETY: They were gathered in the section of `rcu`, and each was signalled, or found
        // signalled, under its lock.
        unsafe { state.pending.unlink(&mut batch) };
        drop(guard);
        // SAFETY: The list's references to what was unlinked are ours.
        unsafe { put_points(rcu, &batch) };
        done
    }
}

impl<O: FenceOps<Order = SeqnoOrder>> FenceContext<O> {
    /// Takes pending fences back that nobody refers to: they are signalled with `ECANCELED`, then
    /// unlinked, then put, and count as nothing.
    ///
    /// # Safety
    ///
    /// Callers must have gathered the batch in the section of `rcu`.
    pub(super) unsafe fn take_back(&self, rcu: &rcu::Guard, batch: &mut GatheredOf<O::Order>) {
        signalling(|section| {
            // SAFETY: By the safety requirements the batch was gathered in the section of `rcu`.
            let points = unsafe { batch.points() };
            let error = Some(ECANCELED);
            // SAFETY: The points were gathered in the section of `rcu`; no context lock is held.
            let done = unsafe { signal_points::<O>(rcu, section, points, error, None, || ()) };
            let mut guard = self.state.lock();
            // SAFETY: The points were gathered in the section of `rcu`, and each was signaled, or
            // found signaled, under its lock.
            unsafe { guard.as_mut().project().pending.unlink(batch) };
            self.progress.note_pruned(done.count);
        });
        // SAFETY: The list's references to what was unlinked are ours.
        unsafe { put_points(rcu, batch) };
    }
}

impl<O: FenceOps> FenceContext<O> {
    /// Signals all fences in order, and puts them.
    ///
    /// Nobody else signals or looks for fences now, so the list is used without its lock, and each
    /// fence is unlinked first. Nobody can ask for the counts any more, so there is nothing to
    /// count.
    ///
    /// # Safety
    ///
    /// Callers must ensure that no other thread uses the state, neither now nor later.
    pub(super) unsafe fn close(&self) {
        let mut guard = self.state.lock();
        let state = guard.as_mut().project();
        // There are some only if an emission was leaked: it borrows the timeline.
        let emitting = core::mem::replace(state.emitting, Chain::new());
        let mut pending = state.pending;
        // SAFETY: The points are initialised, and the references to them were the chain's.
        unsafe { pending.as_mut().link(emitting) };
        // SAFETY: It is not moved.
        let pending = core::ptr::from_mut(unsafe { pending.get_unchecked_mut() });
        // Waiters run under the lock of their fence, and no fence is signaled under this one.
        drop(guard);
        // SAFETY: `pending` is in the state, which by the safety requirements nobody else uses. It
        // is pinned there.
        let pending = unsafe { Pin::new_unchecked(&mut *pending) };
        let (mut count, mut time) = (0, 0);
        pending.drain(|point| {
            if count % BATCH == 0 {
                time = ktime_get();
            }
            count += 1;
            let fence = point.cast::<bindings::dma_fence>().as_ptr();
            signalling(|section| {
                // SAFETY: The point was linked, so a context emitted its fence, and the list's
                // reference, which is ours now, keeps it. No context lock is held.
                unsafe { signal_fence(section, fence, Some(O::CLOSED), time, || ()) }
            });
            // SAFETY: The list's reference is given up here.
            unsafe { bindings::dma_fence_put(fence) };
        });
    }
}

/// Signals those points that have not signalled.
///
/// `count_one` is called right before each is signaled, under the fence's lock.
///
/// Without a `time`, the clock is read once, and again behind each fence that another one has
/// signalled, who may have read it later: the times of fences are in their order, too. An issuer
/// that gives a `time` is the only signaller of its timeline, and gives times that ascend.
///
/// # Safety
///
/// Callers must have gathered the points in the section of `rcu`, or must ensure that nobody else
/// can put the reference that the context has to each. They must hold no context lock.
#[inline(always)]
pub(super) unsafe fn signal_points<O: FenceOps>(
    _rcu: &rcu::Guard,
    section: &Section,
    points: impl Iterator<Item = NonNull<PointOf<O>>>,
    error: Option<Error>,
    time: Option<Ktime>,
    count_one: impl Fn(),
) -> Signalled {
    let mut count = 0;
    let mut last = None;
    let now = || time.unwrap_or_else(ktime_get);
    let mut time = now();
    for point in points {
        // SAFETY: By the safety requirements the point's memory is valid.
        let fence = unsafe { point.as_ref() }.fence.get();
        // SAFETY: The fence is one of a context, its memory is valid, and no context lock is held.
        if unsafe { signal_fence(section, fence, error, time, &count_one) } {
            count += 1;
            last = Some(point);
        } else {
            time = now();
        }
    }
    Signalled {
        count,
        // SAFETY: By the safety requirements the memory of `last`, one of `points`, is valid.
        last: last.map(|last| unsafe { seqno_of(last) }),
        more: false,
    }
}

/// Puts a reference to each point.
///
/// # Safety
///
/// Callers must have gathered the points in the section of `rcu`. They must own a reference to
/// each, and give it up.
#[inline]
pub(super) unsafe fn put_points<L>(_rcu: &rcu::Guard, gathered: &impl Gathered<L>) {
    // SAFETY: By the safety requirements the points were gathered in the section of `rcu`, which
    // keeps their memory.
    for point in unsafe { gathered.points() } {
        // SAFETY: By the safety requirements a reference to the fence of `point` is given up here.
        // The fence is at the start of the point.
        unsafe { bindings::dma_fence_put(point.as_ptr().cast()) };
    }
}
