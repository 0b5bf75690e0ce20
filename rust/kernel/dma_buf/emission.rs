// SPDX-License-Identifier: GPL-2.0

//! Emission: the right to emit fences, and emitted fences that can still be unwound.
//!
//! Functions that run once for each emission or fence are `inline(always)`. rustc does not mark the
//! error path of `?` as cold, so LLVM considers the calls behind several `?` rare, and does not
//! inline them.

use super::{
    context::{
        PointOf,
        State, //
    },
    lock::IrqSaveGuard,
    order::{
        EmissionOrder,
        SeqnoOrder, //
    },
    pending::{
        Chain,
        Links,
        Pending, //
    },
    point::{
        LinksOf,
        NewFences, //
    },
    signal::{
        signal_points,
        Reason, //
    },
    signalling,
    Cause,
    Fence,
    FenceOps,
    Ktime,
    Timeline, //
};
use crate::{
    bindings,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::ordering::{
            Acquire,
            Relaxed,
            Release, //
        },
        rcu, //
    },
};
use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};

/// A guard of the lock of a context.
type StateGuard<'a, O> = IrqSaveGuard<'a, State<<O as FenceOps>::Order>>;

/// The right to emit fences of a timeline. One thread at a time has it, and chooses the numbers.
///
/// # Waiters
///
/// `FenceContext::emission` is set while a thread has the right. Taking the right takes no lock.
/// `end_turn()` clears the flag under the context's lock. It is called when the [`Emission`] is
/// dropped and nothing was emitted, and when the emitted fences have been committed or unwound.
///
/// A thread that finds the right taken waits in `Timeline::idle()`, as an exclusive waiter. No
/// wake-up is lost:
///
/// - A waiter tries to take the right and goes to sleep in one hold of the lock. So either
///   `end_turn()` has freed the right before that hold, or `end_turn()` finds the waiter and wakes
///   it.
/// - A waiter that finds the right free takes it, even if a signal is pending. If another thread
///   has taken the right, the end of that thread's turn wakes the next waiter. So a waiter that
///   returns because of a signal need not pass its wake-up on.
///
/// # Invariants
///
/// This value owns the right: `FenceContext::emission` is set for it. `State::emitting` is empty.
pub struct Emission<'a, O: FenceOps> {
    timeline: &'a Timeline<O>,
}

impl<'a, O: FenceOps> Emission<'a, O> {
    /// Takes the right to emit fences of `timeline`, and waits if another thread has it.
    ///
    /// Fails with `ERESTARTSYS` if a signal to the task ends the wait.
    #[inline(always)]
    pub(super) fn new(timeline: &'a Timeline<O>) -> Result<Self> {
        // Pairs with the release in `end_turn()`: this thread sees what the last turn's thread has
        // written.
        if timeline.context().emission.xchg(true, Acquire) {
            Self::wait(timeline)?;
        }
        // INVARIANT: `emission` was clear, so all fences that were emitted before are committed or
        // unwound.
        Ok(Self { timeline })
    }

    /// Takes the right to emit. Fails with `EAGAIN` if another thread has it.
    #[inline(always)]
    pub(super) fn try_new(timeline: &'a Timeline<O>) -> Result<Self> {
        if timeline.context().emission.xchg(true, Acquire) {
            return Err(EAGAIN);
        }
        // INVARIANT: `emission` was clear, so all fences that were emitted before are committed or
        // unwound.
        Ok(Self { timeline })
    }

    /// Waits for the right to emit, and takes it. Fails with `ERESTARTSYS` if a signal to the task
    /// ends the wait.
    #[cold]
    fn wait(timeline: &Timeline<O>) -> Result {
        let mut guard = timeline.context().state.lock();
        let mut interrupted = false;
        while timeline.context().emission.xchg(true, Acquire) {
            if interrupted {
                return Err(ERESTARTSYS);
            }
            *guard.as_mut().project().waiting += 1;
            interrupted = timeline.idle().wait_interruptible(&mut guard);
            *guard.as_mut().project().waiting -= 1;
        }
        Ok(())
    }

    /// Returns how many fences of the timeline are pending.
    #[inline]
    pub fn pending(&self) -> u32 {
        let progress = &self.timeline.context().progress;
        // Only the thread with the right to emit changes `committed`. Other threads may complete
        // fences meanwhile.
        progress.committed().saturating_sub(progress.completed()) as u32
    }

    /// Emits the fences `new` by `FenceContext::emit`. `guard` holds the context's lock.
    #[inline(always)]
    fn emit_numbered(
        self,
        mut guard: StateGuard<'a, O>,
        new: &mut NewFences<O::Order>,
        seqno: u64,
        expires: Ktime,
    ) -> Emitted<'a, O> {
        // INVARIANT: The right passes to the [`Emitted`] that is returned, so `self` must not be
        // dropped.
        let timeline = ManuallyDrop::new(self).timeline;
        timeline.context().emit(guard.as_mut(), new, seqno, expires);
        let emitting = &guard.emitting;
        // INVARIANT: The fences were just linked to `emitting`. The right to emit passes to this
        // value.
        Emitted {
            timeline,
            first: emitting.first(),
            last: seqno.wrapping_add(u64::from(emitting.len()).wrapping_sub(1)),
            expires,
        }
    }
}

impl<O: FenceOps> Drop for Emission<'_, O> {
    // Not inlined, so that callers that do emit don't pay for it.
    #[inline(never)]
    fn drop(&mut self) {
        end_turn(self.timeline, self.timeline.context().state.lock().as_mut());
    }
}

impl<'a, O: FenceOps<Order = EmissionOrder>> Emission<'a, O> {
    /// Returns the last number that was committed, or 0 if none was.
    #[inline]
    pub fn last(&self) -> u64 {
        self.timeline.last()
    }

    /// Emits fences with the next numbers. Each completes with `ETIMEDOUT` at `expires`.
    ///
    /// The call can't fail, and does not allocate. `expires` should not be earlier than that of a
    /// pending fence that was emitted before. If it is earlier, the fence does not time out before
    /// that one.
    ///
    /// # Context
    ///
    /// Any. Interrupts are off until the fences are initialized.
    #[inline(always)]
    pub fn emit(self, mut new: NewFences<EmissionOrder>, expires: Ktime) -> Emitted<'a, O> {
        let first = self.last().wrapping_add(1);
        let guard = self.timeline.context().state.lock();
        self.emit_numbered(guard, &mut new, first, expires)
    }
}

impl<'a, O: FenceOps<Order = SeqnoOrder>> Emission<'a, O> {
    /// Unwinds the pending fences to which only the timeline holds a reference.
    ///
    /// These fences are signaled with `ECANCELED`, unlinked and put. No thread can notice, because
    /// none has a reference. The call visits each pending fence once, in batches. Interrupts are on
    /// between two batches. Fences may be missed if other threads signal fences meanwhile.
    ///
    /// # Errors
    ///
    /// Returns `Err` if a signal to the task ended the walk early. In both cases the caller keeps
    /// the right to emit, by the value that is returned.
    ///
    /// # Context
    ///
    /// Process context.
    pub fn prune(self) -> Result<Self, Self> {
        let context = self.timeline.context();
        match context.prune(|| !current!().signal_pending()) {
            Ok(_) => Ok(self),
            Err(_) => Err(self),
        }
    }

    /// Emits the fence `seqno`. If a fence with this number is pending, returns it as `Err`.
    ///
    /// `new` must have memory for one fence, which completes with `ETIMEDOUT` at `expires`.
    ///
    /// If `seqno` is earlier than the number of a pending fence, the fences that were emitted since
    /// the last such call are first sorted into a tree: in batches, with interrupts on in between.
    ///
    /// # Context
    ///
    /// Any.
    #[inline(always)]
    pub fn emit_at(
        self,
        mut new: NewFences<SeqnoOrder>,
        seqno: u64,
        expires: Ktime,
    ) -> Result<Emitted<'a, O>, ARef<Fence>> {
        let context = self.timeline.context();
        let mut guard = context.state.lock();
        while !guard.pending.is_settled_for(seqno) {
            guard.as_mut().project().pending.settle_some();
            drop(guard);
            guard = context.state.lock();
        }
        if let Some(point) = guard.pending.find(seqno) {
            // SAFETY: `point` is linked, so the list owns a reference to it.
            let fence = unsafe { point.as_ref().as_fence() }.into();
            // Dropping `self` takes this lock, and `new` is freed outside of it.
            drop(guard);
            return Err(fence);
        }
        Ok(self.emit_numbered(guard, &mut new, seqno, expires))
    }
}

/// Ends the turn of the thread that has the right to emit, and wakes up one thread that waits for
/// it.
///
/// `state` shows that the caller holds the context's lock.
#[inline]
fn end_turn<O: FenceOps>(timeline: &Timeline<O>, state: Pin<&mut State<O::Order>>) {
    timeline.context().emission.store(false, Release);
    if *state.project().waiting > 0 {
        timeline.idle().notify_one();
    }
}

/// Fences that were emitted and can still be unwound. It also owns the right to emit.
///
/// Neither signalers nor the timer find them yet. If the value is dropped without
/// [`commit`](Self::commit), the fences are signaled with `ECANCELED`, then unlinked, then put.
/// Their numbers are used again.
///
/// # Invariants
///
/// `FenceContext::emission` is set for this value. `first` is the first point of `State::emitting`.
/// The points there are initialized, and `State::emitting` owns a reference to each. Only this
/// value changes `State::emitting` while it borrows the timeline.
#[must_use = "fences that are not committed are unwound"]
pub struct Emitted<'a, O: FenceOps> {
    timeline: &'a Timeline<O>,
    first: Option<NonNull<PointOf<O>>>,
    last: u64,
    expires: Ktime,
}

impl<'a, O: FenceOps> Emitted<'a, O> {
    /// Returns the fences in order. If the caller makes them known, it must undo that unless it
    /// commits them.
    pub fn fences(&self) -> impl Iterator<Item = &Fence> {
        // SAFETY: By the type invariant `State::emitting` owns a reference to each point while
        // `self` exists.
        self.points()
            .map(|point| unsafe { Fence::from_raw(point.cast().as_ptr()) })
    }

    /// Returns an iterator over the points.
    fn points(&self) -> Points<O> {
        Points { next: self.first }
    }

    /// Returns the number of the last fence. The fences before it have the numbers before it.
    #[inline]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Commits the fences: they are pending from now on. Traces each as `dma_fence_emit`.
    ///
    /// From then on the fences may be signaled and put at any time.
    ///
    /// # Context
    ///
    /// Any, but the lock of a fence must not be held.
    #[inline]
    pub fn commit(self) {
        self.commit_unless(|| false);
    }

    /// Commits the fences, and signals them if `done` returns that their work has ended already.
    ///
    /// `done` is called under the context's lock, which signalers take. So if a thread first
    /// changes the state that `done` reads, and then signals, either `done` sees the change or that
    /// thread finds the fences.
    ///
    /// That thread may still be signaling earlier fences. This call signals the earlier fences
    /// first, so that fences signal in order.
    ///
    /// Context as for [`commit`](Self::commit).
    #[inline(always)]
    pub fn commit_unless(self, done: impl FnOnce() -> bool) {
        // Trace before the fences can be signaled: a signaled fence has lost its names.
        for fence in self.fences() {
            // SAFETY: The fence is initialized. The shim enters the RCU section in which the names
            // are read.
            unsafe { bindings::trace_dma_fence_emit(fence.as_raw()) };
        }
        // INVARIANT: Both paths below commit the fences and end the turn, so `self` must not be
        // dropped.
        let this = ManuallyDrop::new(self);
        let timeline = this.timeline;
        let mut guard = timeline.context().state.lock();
        if done() {
            drop(guard);
            timeline.signal(this.last, Ok(()), Cause::Done);
            this.complete(None, Some(Cause::Done));
            return;
        }
        let state = guard.as_mut().project();
        let emitted = core::mem::replace(state.emitting, Chain::new());
        timeline.context().progress.note_committed(emitted.len());
        // SAFETY: The points are initialized. The chain owned a reference to each, and passes it
        // on.
        unsafe { state.pending.link(emitted) };
        timeline.arm(guard.as_mut(), this.expires);
        end_turn(timeline, guard.as_mut());
    }

    /// Signals the fences, then unlinks them, then puts them, and ends the turn.
    ///
    /// With a `cause` the fences count as committed and completed; without, as never emitted. The
    /// caller must not use or drop `self` after this call.
    fn complete(&self, error: Option<Error>, cause: Option<Cause>) {
        let context = self.timeline.context();
        let counter = cause.map(|cause| context.progress.counter(cause));
        let reason = cause.map_or(Reason::Unwound, Reason::Caused);
        let count = |_| {
            if let Some(counter) = counter {
                counter.add(1, Relaxed);
            }
        };
        for point in self.points() {
            let rcu = rcu::read_lock();
            signalling(|section| {
                let points = core::iter::once(point);
                // SAFETY: By the type invariant only `self` puts the references to the points. No
                // context lock is held.
                unsafe { signal_points::<O>(&rcu, section, points, error, None, reason, count) }
            });
        }
        let mut guard = context.state.lock();
        let state = guard.as_mut().project();
        let mut points = core::mem::replace(state.emitting, Chain::new());
        if cause.is_some() {
            context.progress.note_committed(points.len());
        }
        end_turn(self.timeline, guard.as_mut());
        drop(guard);
        while let Some(point) = points.pop() {
            // SAFETY: The chain owned the reference. The fence is at the start of the point.
            unsafe { bindings::dma_fence_put(point.as_ptr().cast()) };
        }
    }
}

impl<O: FenceOps> Drop for Emitted<'_, O> {
    fn drop(&mut self) {
        self.complete(Some(ECANCELED), None);
    }
}

/// An iterator over the points of an [`Emitted`].
struct Points<O: FenceOps> {
    next: Option<NonNull<PointOf<O>>>,
}

impl<O: FenceOps> Iterator for Points<O> {
    type Item = NonNull<PointOf<O>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let point = self.next?;
        // SAFETY: By the invariants of `Emitted` the point is on the chain, which no other code
        // changes.
        self.next = unsafe { *LinksOf::<O::Order>::next_on_chain(point) };
        Some(point)
    }
}
