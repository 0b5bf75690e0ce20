// SPDX-License-Identifier: GPL-2.0

//! Emission: the right to emit, and fences that may still be taken back.

use super::{
    context::{
        PointOf,
        State, //
    },
    new_fences::NewFences,
    order::{
        EmissionOrder,
        Seqno32Order, //
    },
    pending::{
        Chain,
        Links as _,
        Pending, //
    },
    signal::signal_points,
    signalling, Cause, Fence, FenceOps, Ktime, Timeline,
};
use crate::{
    bindings,
    prelude::*,
    sync::{
        aref::ARef,
        rcu, //
    },
};
use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};

/// The right to emit fences of a timeline: numbers are chosen by one thread at a time.
///
/// # Invariants
///
/// `State::emission` is set, and this is what it is set for. Unless a part of [`Emitted`], there
/// is nothing in `State::emitting`.
pub struct Emission<'a, O: FenceOps> {
    timeline: &'a Timeline<O>,
    last: u64,
    pending: u32,
}

impl<'a, O: FenceOps> Emission<'a, O> {
    /// Waits until nobody else emits fences of `timeline`.
    pub(super) fn new(timeline: &'a Timeline<O>) -> Result<Self> {
        let mut guard = timeline.shared().state.lock();
        while guard.emission {
            *guard.as_mut().project().waiting += 1;
            let interrupted = timeline.idle().wait_interruptible(&mut guard);
            *guard.as_mut().project().waiting -= 1;
            if interrupted {
                return Err(ERESTARTSYS);
            }
        }
        *guard.as_mut().project().emission = true;
        // INVARIANT: It is set above, and what was emitted before is committed or taken back.
        Ok(Self {
            timeline,
            last: timeline.shared().progress.last(),
            pending: guard.pending.len(),
        })
    }

    /// Returns the timeline.
    #[inline]
    pub fn timeline(&self) -> &'a Timeline<O> {
        self.timeline
    }

    /// Returns the last number that was committed.
    #[inline]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Returns how many fences were pending when the emission began; they don't become more.
    #[inline]
    pub fn pending(&self) -> u32 {
        self.pending
    }

    /// Emits under the lock: see `Shared::emit`.
    fn emit_numbered(
        self,
        mut state: Pin<&mut State<O::Order>>,
        new: &mut NewFences<O::Order>,
        seqno: u64,
        expires: Ktime,
    ) -> Emitted<'a, O> {
        self.timeline
            .shared()
            .emit(state.as_mut(), new, seqno, expires);
        // INVARIANT: They were just linked there.
        Emitted {
            first: state.emitting.first(),
            last: seqno.wrapping_add(u64::from(state.emitting.len()).wrapping_sub(1)),
            expires,
            emission: self,
        }
    }

    /// Ends the emission, under the lock, and tells whether somebody waits for that.
    fn release(state: Pin<&mut State<O::Order>>) -> bool {
        let state = state.project();
        *state.emission = false;
        *state.waiting > 0
    }
}

impl<'a, O: FenceOps<Order = EmissionOrder>> Emission<'a, O> {
    /// Emits fences with the next numbers, which complete with `ETIMEDOUT` at `expires`.
    ///
    /// It can't fail and doesn't allocate. `expires` is not before that of fences which were
    /// emitted earlier; if it is, it counts as that.
    ///
    /// # Context
    ///
    /// Any. Interrupts are off while the fences are initialised.
    pub fn emit(self, mut new: NewFences<EmissionOrder>, expires: Ktime) -> Emitted<'a, O> {
        let first = self.last.wrapping_add(1);
        let timeline = self.timeline;
        let mut guard = timeline.shared().state.lock();
        self.emit_numbered(guard.as_mut(), &mut new, first, expires)
    }
}

impl<'a, O: FenceOps<Order = Seqno32Order>> Emission<'a, O> {
    /// Takes out the pending fences that nobody but the timeline refers to.
    ///
    /// They are signalled with `ECANCELED` first, like all that are unwound, but there is nobody
    /// who could notice. Takes the time of a walk over the pending fences, with interrupts on in
    /// between.
    pub fn prune(&mut self) {
        self.timeline.shared().prune();
        self.pending = self.timeline.shared().state.lock().pending.len();
    }

    /// Emits the fence `seqno`, or returns the pending one that has this number.
    ///
    /// Two points of one number are one fence: `Err` is the one that exists. `new` is for one.
    ///
    /// If `seqno` is earlier than one that is pending, those that were emitted since that was last
    /// so are sorted first, with interrupts on in between.
    pub fn emit_at(
        self,
        mut new: NewFences<Seqno32Order>,
        seqno: u32,
        expires: Ktime,
    ) -> Result<Emitted<'a, O>, ARef<Fence>> {
        let timeline = self.timeline;
        let mut guard = timeline.shared().state.lock();
        while !guard.pending.is_settled_for(seqno) {
            guard.as_mut().project().pending.settle_some();
            drop(guard);
            guard = timeline.shared().state.lock();
        }
        if let Some(point) = guard.pending.find(seqno) {
            // SAFETY: The list owns a reference to what is linked.
            let fence = unsafe { point.as_ref().as_fence() }.into();
            drop(guard);
            return Err(fence);
        }
        Ok(self.emit_numbered(guard.as_mut(), &mut new, seqno.into(), expires))
    }
}

impl<O: FenceOps> Drop for Emission<'_, O> {
    fn drop(&mut self) {
        let wake = Self::release(self.timeline.shared().state.lock().as_mut());
        if wake {
            self.timeline.idle().notify_all();
        }
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
/// `first` is the first of what is in `State::emitting`: initialised points, to each of which
/// there is a reference there. Nobody but this changes what is in it, while the timeline is
/// borrowed.
#[must_use = "fences that are not committed are unwound"]
pub struct Emitted<'a, O: FenceOps> {
    emission: Emission<'a, O>,
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
    /// Any context in which the [`Emission`] may be.
    #[inline]
    pub fn commit(self) {
        self.commit_unless(|| false);
    }

    /// Lets the fences stand, and signals them, and them alone, if what they stand for has come to
    /// its end already.
    ///
    /// Whether it has is what `done` tells. It is called under the lock that signallers take: who
    /// changes what it looks at before signalling either is seen by it, or finds the fences.
    ///
    /// As [`commit`](Self::commit), but not with the lock of a fence held.
    pub fn commit_unless(mut self, done: impl FnOnce() -> bool) {
        // Before anybody may signal them: a signalled fence has lost its names.
        for fence in self.fences() {
            // SAFETY: The fence is initialised; the shim takes the RCU section that the names need.
            unsafe { bindings::trace_dma_fence_emit(fence.as_raw()) };
        }
        let timeline = self.emission.timeline;
        let mut guard = timeline.shared().state.lock();
        let state = guard.as_mut().project();
        if done() {
            drop(guard);
            self.complete(None, Some(Cause::Done));
            return;
        }
        let emitted = core::mem::replace(state.emitting, Chain::new());
        // SAFETY: The points are initialised, and the references to them were the chain's.
        unsafe { state.pending.link(emitted) };
        timeline.shared().progress.note_committed(self.last);
        timeline.arm(guard.as_mut(), self.expires);
        // INVARIANT: The emission ends here; its own drop is left out.
        let wake = Emission::<O>::release(guard.as_mut());
        let _emitted = ManuallyDrop::new(self);
        drop(guard);
        if wake {
            timeline.idle().notify_all();
        }
    }

    /// Signals the fences, then unlinks them, then puts them. The emission goes on.
    ///
    /// Without a `cause` they never were.
    fn complete(&mut self, error: Option<Error>, cause: Option<Cause>) {
        let shared = self.emission.timeline.shared();
        let mut count = 0;
        let points = self.points();
        // INVARIANT: From here on this knows of none.
        self.first = None;
        for point in points {
            let rcu = rcu::read_lock();
            signalling(|section| {
                // SAFETY: By the type invariant nobody else puts the references.
                unsafe { signal_points::<O>(&rcu, section, core::iter::once(point), error) }
            });
            count += 1;
        }
        let mut guard = shared.state.lock();
        let state = guard.as_mut().project();
        let mut points = core::mem::replace(state.emitting, Chain::new());
        if let Some(cause) = cause {
            state.completed.note(cause, count);
            shared.progress.note_committed(self.last);
            shared.progress.note_signalled::<O::Order>(self.last);
        }
        drop(guard);
        while let Some(point) = points.pop() {
            // SAFETY: The reference was the chain's. The fence is at the start of the point.
            unsafe { bindings::dma_fence_put(point.as_ptr().cast()) };
        }
    }
}

impl<O: FenceOps> Drop for Emitted<'_, O> {
    fn drop(&mut self) {
        if self.first.is_some() {
            self.complete(Some(ECANCELED), None);
        }
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
        self.next = unsafe { *super::new_fences::Links::<O::Order>::next_on_chain(point) };
        Some(point)
    }
}
