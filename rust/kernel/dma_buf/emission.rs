// SPDX-License-Identifier: GPL-2.0

//! Emission: the right to emit, and fences that may still be taken back.
//!
//! What is called once for each fence is always inlined: the compiler takes either end of a `?` for
//! as likely, so that behind some of them calls seem to be rare, and it inlines nothing.

use super::{
    context::{
        PointOf,
        State, //
    },
    lock::IrqSaveGuard,
    new_fences::{
        LinksOf,
        NewFences, //
    },
    order::{
        EmissionOrder,
        SeqnoOrder, //
    },
    pending::{
        Chain,
        Links,
        Pending, //
    },
    signal::{
        signal_points,
        End, //
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

/// A hold of the lock of a context.
type StateGuard<'a, O> = IrqSaveGuard<'a, State<<O as FenceOps>::Order>>;

/// The right to emit fences of a timeline: numbers are chosen by one thread at a time.
///
/// # Waiters
///
/// `FenceContext::emission` is set while a thread has the right. Taking the right takes no lock.
/// The right is given back by `end_turn()`, which is called under the context's lock: here, if
/// nothing is emitted, or where what was emitted is committed or unwound.
///
/// A thread that finds the right taken waits in `Timeline::idle()`, as an exclusive waiter. No
/// wake-up is lost:
///
/// - A waiter tries to take the right, and goes to sleep, in one hold of the lock. So `end_turn()`
///   has given the right back before that, or finds the waiter and wakes it.
/// - A waiter that finds the right free takes it, even if a signal is pending. If another thread
///   has taken it, that thread's turn ends later and wakes up the next one. So a waiter that leaves
///   with a signal owes nobody a wake-up.
///
/// # Invariants
///
/// The right is this value's: `FenceContext::emission` is set for it. There is nothing in
/// `State::emitting`.
pub struct Emission<'a, O: FenceOps> {
    timeline: &'a Timeline<O>,
}

impl<'a, O: FenceOps> Emission<'a, O> {
    /// Waits until nobody else emits fences of `timeline`.
    #[inline(always)]
    pub(super) fn new(timeline: &'a Timeline<O>) -> Result<Self> {
        // What the thread whose turn ended has written is seen from here on.
        if timeline.context().emission.xchg(true, Acquire) {
            Self::wait(timeline)?;
        }
        // INVARIANT: It was not set, so what was emitted before is committed or taken back.
        Ok(Self { timeline })
    }

    /// Waits for the right to emit, and takes it.
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

    /// Returns how many fences are pending.
    #[inline]
    pub fn pending(&self) -> u32 {
        let progress = &self.timeline.context().progress;
        // Only the thread that has the right to emit commits. Fences complete meanwhile.
        progress.committed().saturating_sub(progress.completed()) as u32
    }

    /// Emits fences: see `FenceContext::emit`. `guard` holds the context's lock.
    #[inline(always)]
    fn emit_numbered(
        self,
        mut guard: StateGuard<'a, O>,
        new: &mut NewFences<O::Order>,
        seqno: u64,
        expires: Ktime,
    ) -> Emitted<'a, O> {
        // INVARIANT: The right goes over to what is returned: the drop is left out.
        let timeline = ManuallyDrop::new(self).timeline;
        timeline.context().emit(guard.as_mut(), new, seqno, expires);
        let emitting = &guard.emitting;
        // INVARIANT: They were just linked there, and the right is ours.
        Emitted {
            timeline,
            first: emitting.first(),
            last: seqno.wrapping_add(u64::from(emitting.len()).wrapping_sub(1)),
            expires,
        }
    }
}

impl<O: FenceOps> Drop for Emission<'_, O> {
    // Apart, so that callers that emit don't pay for it.
    #[inline(never)]
    fn drop(&mut self) {
        end_turn(self.timeline, self.timeline.context().state.lock().as_mut());
    }
}

impl<'a, O: FenceOps<Order = EmissionOrder>> Emission<'a, O> {
    /// Returns the last number that was committed.
    #[inline]
    pub fn last(&self) -> u64 {
        self.timeline.last()
    }

    /// Emits fences with the next numbers, which complete with `ETIMEDOUT` at `expires`.
    ///
    /// It can't fail and doesn't allocate. `expires` is not before that of fences which were
    /// emitted earlier; if it is, it counts as that.
    ///
    /// # Context
    ///
    /// Any. Interrupts are off until the fences are initialised.
    #[inline(always)]
    pub fn emit(self, mut new: NewFences<EmissionOrder>, expires: Ktime) -> Emitted<'a, O> {
        let first = self.last().wrapping_add(1);
        let guard = self.timeline.context().state.lock();
        self.emit_numbered(guard, &mut new, first, expires)
    }
}

impl<'a, O: FenceOps<Order = SeqnoOrder>> Emission<'a, O> {
    /// Takes out the pending fences that nobody but the timeline refers to.
    ///
    /// They are signalled with `ECANCELED` first, like all that are unwound, but there is nobody
    /// who could notice. The call looks at each pending fence once, a batch at a time with
    /// interrupts on in between. Fences may be missed if others signal fences meanwhile.
    ///
    /// # Errors
    ///
    /// `Err` if a signal ended the walk early. Either way the caller still has the right to emit.
    ///
    /// # Context
    ///
    /// That of [`Timeline::emission`].
    pub fn prune(self) -> Result<Self, Self> {
        let context = self.timeline.context();
        match context.prune(|| !current!().signal_pending()) {
            Ok(_) => Ok(self),
            Err(_) => Err(self),
        }
    }

    /// Emits the fence `seqno`, or returns the pending one that has this number.
    ///
    /// Two points of one number are one fence: `Err` is the one that exists. `new` is for one.
    ///
    /// If `seqno` is earlier than one that is pending, those that were emitted since that was last
    /// so are sorted first, with interrupts on in between.
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
            // SAFETY: The list owns a reference to what is linked.
            let fence = unsafe { point.as_ref().as_fence() }.into();
            // Before `self` and `new` are given back.
            drop(guard);
            return Err(fence);
        }
        Ok(self.emit_numbered(guard, &mut new, seqno, expires))
    }
}

/// Ends the right to emit, under the lock, and wakes up one thread that waits for it.
#[inline]
fn end_turn<O: FenceOps>(timeline: &Timeline<O>, state: Pin<&mut State<O::Order>>) {
    timeline.context().emission.store(false, Release);
    if *state.project().waiting > 0 {
        timeline.idle().notify_one();
    }
}

/// Fences that were emitted and may still be taken back.
///
/// Nobody outside knows them yet: neither signallers nor the timeout come to them. Dropped without
/// [`commit`](Self::commit), they are signalled with `ECANCELED`, then unlinked, then put, and
/// their numbers are given out anew.
///
/// # Invariants
///
/// `FenceContext::emission` is set, and this is what it is set for. `first` is the first of what is
/// in `State::emitting`: initialised points, to each of which there is a reference there. Nobody
/// but this changes what is in it, while the timeline is borrowed.
#[must_use = "fences that are not committed are unwound"]
pub struct Emitted<'a, O: FenceOps> {
    timeline: &'a Timeline<O>,
    first: Option<NonNull<PointOf<O>>>,
    last: u64,
    expires: Ktime,
}

impl<'a, O: FenceOps> Emitted<'a, O> {
    /// Returns the fences in order. What is done with them must be undone if they are not
    /// committed.
    pub fn fences(&self) -> impl Iterator<Item = &Fence> {
        // SAFETY: By the type invariant there is a reference to each, for as long as `self` is.
        self.points()
            .map(|point| unsafe { Fence::from_raw(point.cast().as_ptr()) })
    }

    fn points(&self) -> Points<O> {
        Points { next: self.first }
    }

    /// Returns the number of the last fence. Those before it have the numbers before it.
    #[inline]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Lets the fences stand. Traced as `dma_fence_emit`.
    ///
    /// From then on they may be signalled and put at any time.
    ///
    /// # Context
    ///
    /// Any, but not with the lock of a fence held.
    #[inline]
    pub fn commit(self) {
        self.commit_unless(|| false);
    }

    /// Lets the fences stand, and signals them if what they stand for has come to its end already.
    ///
    /// Whether it has is what `done` tells. It is called under the lock that signallers take. So a
    /// thread that first changes what `done` looks at, and then signals, either is seen by `done`
    /// or finds the fences.
    ///
    /// That thread may still be signaling earlier ones. They are signaled before these are, so that
    /// fences signal in order.
    ///
    /// Context as for [`commit`](Self::commit).
    #[inline(always)]
    pub fn commit_unless(self, done: impl FnOnce() -> bool) {
        // Before anybody may signal them: a signalled fence has lost its names.
        for fence in self.fences() {
            // SAFETY: The fence is initialised; the shim takes the RCU section that the names need.
            unsafe { bindings::trace_dma_fence_emit(fence.as_raw()) };
        }
        // INVARIANT: Either way the fences stand, and the right ends below: the drop is left out.
        let this = ManuallyDrop::new(self);
        let timeline = this.timeline;
        let mut guard = timeline.context().state.lock();
        if done() {
            drop(guard);
            let end = End {
                error: None,
                cause: Cause::Done,
                time: None,
            };
            timeline.context().signal(this.last, end);
            this.complete(None, Some(Cause::Done));
            return;
        }
        let state = guard.as_mut().project();
        let emitted = core::mem::replace(state.emitting, Chain::new());
        timeline.context().progress.note_committed(emitted.len());
        // SAFETY: The points are initialised, and the references to them were the chain's.
        unsafe { state.pending.link(emitted) };
        timeline.arm(guard.as_mut(), this.expires);
        end_turn(timeline, guard.as_mut());
    }

    /// Signals the fences, then unlinks them, then puts them, and ends the right to emit. It is the
    /// last that is done with `self`.
    ///
    /// Without a `cause` they never were.
    fn complete(&self, error: Option<Error>, cause: Option<Cause>) {
        let context = self.timeline.context();
        let counter = cause.map(|cause| context.progress.counter(cause));
        let count = || {
            if let Some(counter) = counter {
                counter.add(1, Relaxed);
            }
        };
        for point in self.points() {
            let rcu = rcu::read_lock();
            signalling(|section| {
                let points = core::iter::once(point);
                // SAFETY: By the type invariant nobody else puts the references.
                unsafe { signal_points::<O>(&rcu, section, points, error, None, count) }
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
            // SAFETY: The reference was the chain's. The fence is at the start of the point.
            unsafe { bindings::dma_fence_put(point.as_ptr().cast()) };
        }
    }
}

impl<O: FenceOps> Drop for Emitted<'_, O> {
    fn drop(&mut self) {
        self.complete(Some(ECANCELED), None);
    }
}

/// The points that were emitted.
struct Points<O: FenceOps> {
    next: Option<NonNull<PointOf<O>>>,
}

impl<O: FenceOps> Iterator for Points<O> {
    type Item = NonNull<PointOf<O>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let point = self.next?;
        // SAFETY: By the invariants of `Emitted` the point is on the chain, which nobody changes.
        self.next = unsafe { *LinksOf::<O::Order>::next_on_chain(point) };
        Some(point)
    }
}
