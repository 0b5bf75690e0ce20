// SPDX-License-Identifier: GPL-2.0

//! How the fences of a context are signaled and unlinked.
//!
//! A signaler gathers the first pending fences and drops the context's lock. It signals each fence
//! under the fence's own lock. Then it takes the context's lock again, and unlinks the gathered
//! fences that are still linked. Interrupts are off for one fence at a time, and for the two walks
//! over a batch.
//!
//! If there is only one fence to signal, and nothing waits for it, no waiter runs while it is
//! signaled. Then it is signaled and unlinked in the first hold of the context's lock
//! (`FenceContext::signal_one`).
//!
//! Signalers may race. Each works in the order of the list, and stays in one RCU section from
//! before it gathers until it has unlinked. So it needs no references to the fences:
//!
//! - The list owned a reference to each gathered fence. If another signaler unlinks a fence and
//!   puts that reference, the memory stays for a grace period, which waits for the RCU section.
//!   Until then only the list of callbacks is overwritten. No signaler reads that list after the
//!   fence has signaled.
//! - A fence is unlinked only after it was seen signaled under the fence's lock. So a fence that is
//!   found unsignaled under that lock is still linked, and the list's reference keeps it alive
//!   while its callbacks run. If a signaler finds a fence signaled, it does nothing more with it.
//! - The context is valid: signalers borrow the timeline, or are its timer callback. The owner
//!   that closes the context is alone: see [`FenceContext::close`].

use super::{
    batch::BATCH,
    context::{
        seqno_of,
        FenceContext,
        PointOf, //
    },
    ktime_get,
    ops::{
        signal_fence,
        signal_pending_fence,
        signal_unwatched,
        TracedFence, //
    },
    order::{
        Order,
        SeqnoOrder, //
    },
    pending::{
        Chain,
        Gathered,
        Pending,
        Reached, //
    },
    point::LinksOf,
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

/// The container for what a signaler gathers in a context of the order `R`.
type GatheredOf<R> = <<R as Order>::Pending as Pending>::Gathered;

/// Why a fence signals, for trace events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The fence completes for this cause, by which it is counted.
    Caused(Cause),
    /// The fence's timeline is being dropped.
    Closed,
    /// The fence is unwound. It does not count as emitted.
    Unwound,
}

/// The status with which fences complete.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub(super) error: Option<Error>,
    pub(super) cause: Cause,
    /// The timestamp of the fences. `None` means the time at which they are signaled.
    pub(super) time: Option<Ktime>,
}

/// The result of signaling a batch.
#[derive(Clone, Copy, Default)]
pub(super) struct Signaled {
    /// How many fences this call has signaled.
    pub(super) count: usize,
    /// The number of the last fence that this call has signaled.
    pub(super) last: Option<u64>,
    /// Whether there may be more fences to signal.
    pub(super) more: bool,
}

impl<O: FenceOps> FenceContext<O> {
    /// Signals fences in order up to the number `last`, in batches, and returns how many this call
    /// signaled.
    ///
    /// When the call returns, all fences up to `last` that were pending are unlinked.
    // Inlined, so that the members of `end` are constants or are in registers.
    #[inline(always)]
    pub(super) fn signal(&self, last: u64, end: End) -> usize {
        match self.signal_one(last, end) {
            Some(count) => count,
            None => self.signal_batches(last, end.error, end.cause, end.time),
        }
    }

    /// Signals the only fence up to the number `last`, and returns how many fences it signaled.
    ///
    /// Returns `None`, and does nothing, if there may be several fences, or if something waits for
    /// the fence.
    ///
    /// No callback runs, so the fence is signaled and unlinked in one hold of the context's lock.
    #[inline(always)]
    pub(super) fn signal_one(&self, last: u64, end: End) -> Option<usize> {
        signalling(|section| self.signal_one_in(section, last, end))
    }

    /// The section in which [`signal_one`](Self::signal_one) signals.
    // Not in the closure of `signalling`: there, LLVM would not inline it.
    #[inline(always)]
    fn signal_one_in(&self, section: &Section, last: u64, end: End) -> Option<usize> {
        let mut guard = self.state.lock();
        let point = match guard.pending.up_to(last) {
            Reached::Nothing => return Some(0),
            Reached::One(point) => point,
            Reached::Several => return None,
        };
        let fence = point.cast::<bindings::dma_fence>().as_ptr();
        // The clock is read under the lock: the fences before this one are unlinked, and so have
        // signaled with earlier timestamps.
        let time = || end.time.unwrap_or_else(ktime_get);
        let count_one = |time| {
            if let Some(error) = end.error {
                // SAFETY: The point is linked, so the list owns a reference to it.
                let seqno = unsafe { seqno_of(point) };
                guard.as_mut().project().failures.note(seqno, error);
            }
            self.progress.counter(end.cause).add(1, Relaxed);
            // SAFETY: This runs under the fence's lock, before the fence has signaled. So the
            // context is valid.
            let fence = unsafe { TracedFence::<O>::new(fence) };
            let status = end.error.map_or(Ok(()), Err);
            O::trace_signaled(fence, status, Reason::Caused(end.cause), time);
        };
        // SAFETY: The point is linked, so this context emitted its fence, and the list owns a
        // reference to it. `guard` holds the context's lock, which `spin_lock_irqsave()` took.
        if !unsafe { signal_unwatched(section, fence, end.error, time, count_one) } {
            return None;
        }
        // SAFETY: `up_to` returned the point in this hold of the lock. It was signaled above.
        unsafe { guard.as_mut().project().pending.unlink_one(point) };
        drop(guard);
        // SAFETY: `unlink_one` passed the list's reference to this function.
        unsafe { bindings::dma_fence_put(fence) };
        Some(1)
    }

    /// Signals like [`signal`](Self::signal), in batches. It is a function of its own, so that
    /// signaling a single fence needs no batch. The fields of an [`End`] are passed in registers.
    #[inline(never)]
    fn signal_batches(
        &self,
        last: u64,
        error: Option<Error>,
        cause: Cause,
        time: Option<Ktime>,
    ) -> usize {
        let end = End { error, cause, time };
        let mut count = 0;
        loop {
            let done = self.signal_next(last, end);
            count += done.count;
            if !done.more {
                return count;
            }
        }
    }

    /// Signals the next batch of fences up to the number `last`.
    // Inlined so that a caller that ignores `last` does not pay for it.
    #[inline(always)]
    pub(super) fn signal_next(&self, last: u64, end: End) -> Signaled {
        let rcu = rcu::read_lock();
        signalling(|section| self.signal_batch(&rcu, section, last, end))
    }

    /// Signals one batch of fences in order, then unlinks them.
    #[inline(always)]
    fn signal_batch(&self, rcu: &rcu::Guard, section: &Section, last: u64, end: End) -> Signaled {
        let mut batch = GatheredOf::<O::Order>::none();
        let more = self.state.lock().pending.gather(last, &mut batch);
        if batch.is_empty() {
            return Signaled::default();
        }
        // SAFETY: This thread has been in the section of `rcu` since before the points were
        // gathered.
        let points = unsafe { batch.points() };
        let counter = self.progress.counter(end.cause);
        let count = |point| match end.error {
            None => counter.add(1, Relaxed),
            // SAFETY: The points were gathered in the section of `rcu`.
            Some(error) => self.count_failed(unsafe { seqno_of(point) }, error, end.cause),
        };
        let reason = Reason::Caused(end.cause);
        // SAFETY: The points were gathered in the section of `rcu`, and no context lock is held.
        let mut done =
            unsafe { signal_points::<O>(rcu, section, points, end.error, end.time, reason, count) };
        done.more = more;

        let mut guard = self.state.lock();
        let state = guard.as_mut().project();
        // SAFETY: The points were gathered in the section of `rcu`. Each was signaled, or found
        // signaled, under its lock.
        unsafe { state.pending.unlink(&mut batch) };
        drop(guard);
        // SAFETY: `unlink` passed the list's references to the unlinked points to this function.
        unsafe { put_points(rcu, &batch) };
        done
    }

    /// Counts the fence `seqno`, which is about to complete with `error`. The caller holds the
    /// fence's lock.
    #[cold]
    fn count_failed(&self, seqno: u64, error: Error, cause: Cause) {
        let mut guard = self.state.lock();
        // A reader of the counts holds the context's lock. So it sees both changes or neither.
        self.progress.counter(cause).add(1, Relaxed);
        guard.as_mut().project().failures.note(seqno, error);
    }
}

impl<O: FenceOps<Order = SeqnoOrder>> FenceContext<O> {
    /// Unwinds pending fences: signals them with `ECANCELED`, then unlinks them, then puts them.
    /// They no longer count as committed.
    ///
    /// # Safety
    ///
    /// Callers must have gathered `batch` in the section of `rcu`.
    pub(super) unsafe fn take_back(&self, rcu: &rcu::Guard, batch: &mut GatheredOf<O::Order>) {
        signalling(|section| {
            // SAFETY: By the safety requirements the batch was gathered in the section of `rcu`.
            let points = unsafe { batch.points() };
            let error = Some(ECANCELED);
            // SAFETY: The points were gathered in the section of `rcu`; no context lock is held.
            let done = unsafe {
                signal_points::<O>(rcu, section, points, error, None, Reason::Unwound, |_| ())
            };
            let mut guard = self.state.lock();
            // SAFETY: The points were gathered in the section of `rcu`. Each was signaled, or found
            // signaled, under its lock.
            unsafe { guard.as_mut().project().pending.unlink(batch) };
            self.progress.note_pruned(done.count);
        });
        // SAFETY: `unlink` passed the list's references to the unlinked points to this function.
        unsafe { put_points(rcu, batch) };
    }
}

impl<O: FenceOps> FenceContext<O> {
    /// Closes the context: signals all fences in order with [`FenceOps::CLOSED`], and puts them.
    ///
    /// No other thread uses the list any more, so it is used without its lock, and each fence is
    /// unlinked before it is signaled. Nothing is counted, since the counts can't be read any more.
    ///
    /// # Safety
    ///
    /// Callers must ensure that no other thread uses the state, neither now nor later.
    pub(super) unsafe fn close(&self) {
        let mut guard = self.state.lock();
        let state = guard.as_mut().project();
        // `emitting` is empty unless an `Emitted` was leaked: an `Emitted` borrows the timeline.
        let emitting = core::mem::replace(state.emitting, Chain::new());
        let mut pending = state.pending;
        if emitting.len() > 0 {
            link_leaked::<O>(pending.as_mut(), emitting);
        }
        // SAFETY: `pending` is not moved.
        let pending = core::ptr::from_mut(unsafe { pending.get_unchecked_mut() });
        // No fence may be signaled with this lock held: waiters, which run under the lock of their
        // fence, may take this lock.
        drop(guard);
        // SAFETY: `pending` is in the state, where it is pinned. By the safety requirements no
        // other thread uses the state.
        let pending = unsafe { Pin::new_unchecked(&mut *pending) };
        let (mut left, mut time) = (0, 0);
        // SAFETY: There are no requirements.
        let flags = unsafe { bindings::local_save_flags() };
        pending.drain(|point| {
            left = match left {
                0 => {
                    time = ktime_get();
                    BATCH - 1
                }
                left => left - 1,
            };
            let fence = point.cast::<bindings::dma_fence>().as_ptr();
            let trace = || {
                // SAFETY: This runs under the fence's lock, before the fence has signaled. The
                // context is valid until the end of a grace period that begins after this.
                let fence = unsafe { TracedFence::<O>::new(fence) };
                O::trace_signaled(fence, Err(O::CLOSED), Reason::Closed, time);
            };
            signalling(|section| {
                // SAFETY: The point was linked, so a context emitted its fence. `drain` passed the
                // list's reference to this closure, which keeps the fence. No context lock is held.
                // A signaler unlinks what it has signaled before it returns, and no signaler is
                // left. So the fence has not signaled, and no other code signals it. Each call
                // leaves the interrupt flags as they were before the first.
                unsafe { signal_pending_fence(section, fence, O::CLOSED, time, flags, trace) }
            });
            // SAFETY: `drain` passed the list's reference to this closure, which gives it up here.
            unsafe { bindings::dma_fence_put(fence) };
        });
    }
}

/// Links the fences of an `Emitted` that was leaked.
#[cold]
#[inline(never)]
fn link_leaked<O: FenceOps>(
    pending: Pin<&mut <O::Order as Order>::Pending>,
    emitting: Chain<LinksOf<O::Order>>,
) {
    // SAFETY: The points are initialized. The chain owned a reference to each, and passes it on.
    unsafe { pending.link(emitting) };
}

/// Signals those of `points` that have not signaled, and returns how many this call signaled.
///
/// `count_one` is called with each of these points under the fence's lock, right before the fence
/// is signaled. It may take the context's lock.
///
/// If `time` is `None`, the clock is read once, and again after each fence that another signaler
/// has signaled, since that signaler may have read the clock later. So timestamps are in the order
/// of the fences. If `time` is given, the issuer must be the only signaler of its timeline, and
/// its times must ascend; otherwise timestamps may be out of order.
///
/// # Safety
///
/// Callers must have gathered the points in the section of `rcu`, or must ensure that no other
/// thread can put the context's reference to each. They must hold no context lock.
#[inline(always)]
pub(super) unsafe fn signal_points<O: FenceOps>(
    _rcu: &rcu::Guard,
    section: &Section,
    points: impl Iterator<Item = NonNull<PointOf<O>>>,
    error: Option<Error>,
    time: Option<Ktime>,
    reason: Reason,
    count_one: impl Fn(NonNull<PointOf<O>>),
) -> Signaled {
    let mut count = 0;
    let mut last = None;
    let now = || time.unwrap_or_else(ktime_get);
    let mut time = now();
    for point in points {
        // SAFETY: By the safety requirements the memory of `point` is valid.
        let fence = unsafe { point.as_ref() }.fence.get();
        let first = || {
            count_one(point);
            // SAFETY: This runs under the fence's lock, before the fence has signaled. So the fence
            // is unlinked only later, and the context is valid.
            let fence = unsafe { TracedFence::<O>::new(fence) };
            O::trace_signaled(fence, error.map_or(Ok(()), Err), reason, time);
        };
        // SAFETY: A context emitted `fence`. Its memory is valid, and no context lock is held.
        if unsafe { signal_fence(section, fence, error, time, first) } {
            count += 1;
            last = Some(point);
        } else {
            time = now();
        }
    }
    Signaled {
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
        // SAFETY: By the safety requirements the caller owns a reference to the fence of `point`,
        // and gives it up. The fence is at the start of the point.
        unsafe { bindings::dma_fence_put(point.as_ptr().cast()) };
    }
}
