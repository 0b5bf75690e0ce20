// SPDX-License-Identifier: GPL-2.0

//! The context of fences: what is shared with readers, and the unshare theorem.
//!
//! A context lives in an [`RcuFreeBox`]. For a reader of a fence, the flag that says that it has
//! signalled is what keeps it away from the context: signalling *is* the store that unpublishes.
//! The box frees one grace period after [`RcuFreeSafe::drop_before_gp`] has returned, so every such
//! store must have been made by then, by whichever signaller. The three rules that make it so are
//! in the documentation of [the module](super); they are kept here:
//!
//! - rule 1 by [`Shared::emit`],
//! - rule 2 by [`Shared::signal_batch`],
//! - rule 3 by [`Emitted`]'s drop.
//!
//! Signallers may race: each works in the order of the list, inside an RCU section that it begins
//! before it signals, and unlinks only what is linked still.
//!
//! Locks: a fence's, then the context's, then the timer's. Waiters run under the lock of their
//! fence and may come here; so no fence is signalled, queried or given a callback with the
//! context's lock held.
//!
//! [`RcuFreeBox`]: crate::sync::rcu::RcuFreeBox

use super::{
    ops::{
        init_fence,
        signal_fence,
        Order,
        View, //
    },
    pending::Pending,
    point::Point,
    signalling,
    timeline::Emission,
    Fence,
    FenceOps,
    Ktime,
    Section, //
};
use crate::{
    bindings, new_spinlock_irq,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            ordering::Relaxed,
            AtomicFlag, //
        },
        rcu::{
            self,
            RcuFreeSafe,
            UnsafePinned, //
        },
        SpinLockIrq, //
    },
};
use core::ptr::NonNull;

pub use super::point::NewFence;

/// How many fences are signalled between two holds of the context's lock.
const BATCH: usize = 32;

/// Why fences complete; they are counted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// What they stand for has come to its end.
    Done,
    /// Their time is over.
    TimedOut,
    /// What they stand for will not happen.
    Cancelled,
}

/// What a context has come to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// The last number that was committed.
    pub last: u64,
    /// The last number that has signalled: so has everything before it.
    pub signalled_up_to: u64,
    /// Fences that are pending.
    pub pending: u32,
    /// Fences completed as [`Cause::Done`].
    pub done: u64,
    /// Fences completed as [`Cause::TimedOut`].
    pub timed_out: u64,
    /// Fences completed as [`Cause::Cancelled`].
    pub cancelled: u64,
}

impl Counts {
    /// Notes that everything up to `seqno` has signalled.
    ///
    /// A fence that was not committed may have timed out: it counts when it is committed, if ever.
    pub(super) fn note_signalled(&mut self, order: Order, seqno: u64) {
        if order == Order::Emission && seqno > self.last {
            return;
        }
        if !order.up_to(seqno, self.signalled_up_to) {
            self.signalled_up_to = seqno;
        }
    }
}

/// What the context's lock protects.
#[pin_data]
pub(super) struct State {
    #[pin]
    pub(super) pending: Pending,
    pub(super) counts: Counts,
    /// When the timer will fire, or [`KTIME_MAX`](super::KTIME_MAX).
    pub(super) armed: Ktime,
    /// Set once, when the owner begins to go: nothing is armed from then on.
    pub(super) closing: bool,
}

/// What readers of fences reach.
#[pin_data]
pub(super) struct Shared<O: FenceOps> {
    pub(super) number: u64,
    deadlines: AtomicFlag,
    #[pin]
    pub(super) state: SpinLockIrq<State>,
    /// In an `UnsafePinned` of its own, since `drop_before_gp` has a `Pin<&mut _>` to this part
    /// while readers have views of it.
    #[pin]
    data: UnsafePinned<O::Shared>,
}

/// A context: fences that signal in order.
///
/// It is not public: a context with an armed timer must not be dropped, and its owner, the
/// [`Timeline`](super::Timeline), sees to that.
#[pin_data]
pub(super) struct FenceContext<O: FenceOps> {
    #[pin]
    shared: UnsafePinned<Shared<O>>,
}

/// What a reader of a fence may do with its context.
///
/// Nothing here would link a fence anew: the context may be going.
pub(super) struct ContextView<'a, O: FenceOps> {
    shared: &'a Shared<O>,
    rcu: &'a rcu::Guard,
}

impl<'a, O: FenceOps> ContextView<'a, O> {
    pub(super) fn new(shared: &'a Shared<O>, rcu: &'a rcu::Guard) -> Self {
        Self { shared, rcu }
    }

    /// Returns the view of what the issuer shares.
    pub(super) fn data(&self) -> View<'a, O> {
        self.shared.data().rcu_view(self.rcu)
    }

    /// Notes that some pending fence has a deadline.
    pub(super) fn note_deadline(&self) {
        self.shared.deadlines.store(true, Relaxed);
    }

    /// Completes one batch of fences; see [`Shared::signal_batch`].
    pub(super) fn signal_batch(&self, section: &Section, up_to: UpTo, end: End) -> Signalled {
        self.shared.signal_batch(self.rcu, section, up_to, end)
    }
}

/// How far a signaller goes.
#[derive(Clone, Copy)]
pub(super) enum UpTo {
    /// Up to and including this number.
    Seqno(u64),
    /// Only this fence, which is being unwound and which nobody else knows.
    Only(NonNull<Point>),
    /// Everything.
    All,
}

/// How fences complete.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub(super) error: Option<Error>,
    /// `None` for a fence that is unwound: it never was.
    pub(super) cause: Option<Cause>,
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
    /// Returns an initialiser for a context with a number of its own.
    pub(super) fn new<E>(data: impl PinInit<O::Shared, E>) -> impl PinInit<Self, Error>
    where
        Error: From<E>,
    {
        let shared = try_pin_init!(Shared {
            // SAFETY: Any context; it counts up a number.
            number: unsafe { bindings::dma_fence_context_alloc(1) },
            deadlines: AtomicFlag::new(false),
            state <- new_spinlock_irq!(
                pin_init!(State {
                    pending <- Pending::new(O::ORDER),
                    counts: Counts::default(),
                    armed: super::KTIME_MAX,
                    closing: false,
                }),
                "fence_context"
            ),
            data <- UnsafePinned::pin_init(data),
        });
        try_pin_init!(Self {
            shared <- UnsafePinned::pin_init(shared),
        })
    }

    /// Returns what owner and readers share.
    #[inline]
    pub(super) fn shared(&self) -> &Shared<O> {
        // SAFETY: It was initialised by the constructor. Only `drop_before_gp` accesses a part of
        // it exclusively, `data`'s own part, and that part says what it may.
        unsafe { &*self.shared.get() }
    }
}

impl<O: FenceOps> Shared<O> {
    /// Returns what the issuer shares.
    pub(super) fn data(&self) -> Pin<&O::Shared> {
        // SAFETY: It was initialised by the constructor, and is structurally pinned. What is
        // accessed exclusively of it, by its own `drop_before_gp`, is not what views of it reach.
        unsafe { Pin::new_unchecked(&*self.data.get()) }
    }

    /// Initialises a fence and links it, in one hold of the lock.
    ///
    /// `arm` is called under the lock if the timer must be armed for the fence.
    ///
    /// The point belongs to the list; the reference that is returned is the caller's.
    pub(super) fn emit(
        &self,
        new: NewFence,
        seqno: u64,
        expires: Ktime,
        arm: impl FnOnce(Ktime),
    ) -> ARef<Fence> {
        let point = new.write(core::ptr::from_ref(self).cast(), expires);
        let mut guard = self.state.lock();
        let state = guard.as_mut().project();
        // SAFETY: The point was written with this context, whose lock is held until it is linked.
        unsafe { init_fence::<O>(point, self.number, seqno) };
        // SAFETY: The fence is initialised, with one reference, which becomes the list's.
        let fence: ARef<Fence> = unsafe { Fence::from_raw(point.as_ref().fence.get()) }.into();
        // SAFETY: As above, and it is linked nowhere.
        unsafe { state.pending.insert(point) };
        if *state.armed > expires && !*state.closing {
            *state.armed = expires;
            arm(expires);
        }
        fence
    }

    /// Takes references to the first pending points, in order, into `batch`.
    ///
    /// Returns how many, and whether there may be more.
    fn collect(&self, batch: &mut [Option<ARef<Fence>>; BATCH], up_to: UpTo) -> (usize, bool) {
        let mut count = 0;
        let guard = self.state.lock();
        let pending = &guard.pending;
        let mut next = match up_to {
            // SAFETY: Whoever unwinds a fence holds a reference to it, and linked it.
            UpTo::Only(point) => unsafe { pending.contains(point) }.then_some(point),
            _ => pending.first(),
        };
        while let Some(point) = next {
            // SAFETY: The list owns a reference to what is linked.
            let linked = unsafe { point.as_ref() };
            match up_to {
                UpTo::Seqno(last) if !O::ORDER.up_to(linked.seqno(), last) => break,
                _ => {}
            }
            let Some(slot) = batch.get_mut(count) else {
                return (count, true);
            };
            *slot = Some(linked.as_fence().into());
            count += 1;
            next = match up_to {
                UpTo::Only(_) => None,
                // SAFETY: The point is linked.
                _ => unsafe { pending.next(point) },
            };
        }
        (count, false)
    }

    /// Unlinks those of `batch` that are linked still, and counts what was signalled.
    fn unlink(&self, batch: &mut [Option<ARef<Fence>>], signalled: usize, cause: Option<Cause>) {
        let mut guard = self.state.lock();
        let mut state = guard.as_mut().project();
        for fence in batch.iter_mut().flatten() {
            let point = NonNull::from(&**fence).cast::<Point>();
            // SAFETY: What was collected was linked, and `fence` is a reference to it.
            if unsafe { state.pending.as_mut().remove(point) } {
                // SAFETY: It was linked, so the list's reference is ours now. It isn't the last
                // one: `fence` is another, and is put outside the lock.
                unsafe { bindings::dma_fence_put(fence.as_raw()) };
            }
            if cause.is_some() {
                state.counts.note_signalled(O::ORDER, fence.seqno());
            }
        }
        let signalled = signalled as u64;
        match cause {
            Some(Cause::Done) => state.counts.done += signalled,
            Some(Cause::TimedOut) => state.counts.timed_out += signalled,
            Some(Cause::Cancelled) => state.counts.cancelled += signalled,
            None => {}
        }
    }

    /// Signals up to [`BATCH`] fences in order, then unlinks them.
    ///
    /// Interrupts are off for one fence at a time, and for two walks of a batch.
    ///
    /// `rcu` is held since before anything is signalled: if another signaller unlinks the last
    /// fence and the owner goes, the context is there for [`unlink`](Self::unlink) all the same.
    fn signal_batch(
        &self,
        _rcu: &rcu::Guard,
        section: &Section,
        up_to: UpTo,
        end: End,
    ) -> Signalled {
        let mut batch = [const { None }; BATCH];
        let (collected, more) = self.collect(&mut batch, up_to);
        let batch = batch.get_mut(..collected).unwrap_or_default();
        let mut result = Signalled {
            more,
            ..Signalled::default()
        };
        for fence in batch.iter().flatten() {
            // SAFETY: The fence is of this context, and no context lock is held.
            if unsafe { signal_fence(section, fence, end.error) } {
                result.count += 1;
                result.last = Some(fence.seqno());
            }
        }
        if !batch.is_empty() {
            self.unlink(batch, result.count, end.cause);
        }
        result
    }

    /// Breaks rule 2, for a negative control: unlinks a fence that has not signalled.
    #[cfg(CONFIG_FENCE_EXPORTER_NEGATIVE_TEST)]
    pub(super) fn pop_without_signalling(&self, fence: &ARef<Fence>) {
        self.unlink(&mut [Some(fence.clone())], 0, None);
    }

    /// Breaks rule 1, for a negative control: initialises a fence and doesn't link it.
    #[cfg(CONFIG_FENCE_EXPORTER_NEGATIVE_TEST)]
    pub(super) fn initialise_without_linking(&self, new: NewFence) -> ARef<Fence> {
        let point = new.write(core::ptr::from_ref(self).cast(), super::KTIME_MAX);
        // SAFETY: It isn't: the lock is not held until the fence is linked. This is the broken
        // rule.
        unsafe { init_fence::<O>(point, self.number, 1) };
        // SAFETY: The fence is initialised, with one reference, which is handed out.
        unsafe { Fence::take_raw(point.cast()) }
    }

    /// Signals fences in order, batch by batch, and returns how many it signalled itself.
    ///
    /// When it returns, none of those that were pending is linked.
    pub(super) fn signal(&self, up_to: UpTo, end: End) -> usize {
        let mut total = 0;
        loop {
            let done = self.signal_some(up_to, end, usize::MAX);
            total += done.count;
            if !done.more {
                return total;
            }
        }
    }

    /// Signals fences in order, at most `batches` batches.
    pub(super) fn signal_some(&self, up_to: UpTo, end: End, batches: usize) -> Signalled {
        let mut total = Signalled::default();
        for _ in 0..batches {
            let rcu = rcu::read_lock();
            let view = ContextView::<O>::new(self, &rcu);
            let batch = signalling(|section| view.signal_batch(section, up_to, end));
            total.count += batch.count;
            total.last = batch.last.or(total.last);
            total.more = batch.more;
            if !batch.more {
                break;
            }
        }
        total
    }

    /// Returns the last number in order whose time is over at `now`.
    ///
    /// Looks at the oldest points only, a bounded number of them; the next call finds the rest.
    pub(super) fn expired(&self, now: Ktime) -> Option<u64> {
        let guard = self.state.lock();
        let mut last = None;
        let mut next = guard.pending.oldest();
        for _ in 0..BATCH {
            let Some(point) = next else { break };
            // SAFETY: The list owns a reference to what is linked.
            let linked = unsafe { point.as_ref() };
            if linked.expires > now {
                break;
            }
            if last.is_none_or(|last| !O::ORDER.up_to(linked.seqno(), last)) {
                last = Some(linked.seqno());
            }
            // SAFETY: The point is linked.
            next = unsafe { guard.pending.younger(point) };
        }
        last
    }

    /// Visits the pending points by age, a few at a time, and lets the lock go in between.
    ///
    /// Some may be visited more than once if others are unlinked meanwhile. Ends early when `f`
    /// returns false.
    fn visit(&self, mut f: impl FnMut(&Point) -> bool) {
        let mut cursor: Option<ARef<Fence>> = None;
        loop {
            let guard = self.state.lock();
            let pending = &guard.pending;
            let mut next = match &cursor {
                Some(fence) => {
                    let point = NonNull::from(&**fence).cast::<Point>();
                    // SAFETY: It was linked, and `fence` is a reference to it.
                    if unsafe { pending.contains(point) } {
                        // SAFETY: It is linked.
                        unsafe { pending.younger(point) }
                    } else {
                        pending.oldest()
                    }
                }
                None => pending.oldest(),
            };
            let mut last = None;
            for _ in 0..BATCH {
                let Some(point) = next else { break };
                // SAFETY: The list owns a reference to what is linked.
                let linked = unsafe { point.as_ref() };
                if !f(linked) {
                    return;
                }
                last = Some(linked);
                // SAFETY: The point is linked.
                next = unsafe { pending.younger(point) };
            }
            let (Some(last), Some(_)) = (last, next) else {
                return;
            };
            let old = cursor.replace(last.as_fence().into());
            drop(guard);
            // Outside the lock: it may be the last one.
            drop(old);
        }
    }

    /// Unwinds the pending fences that only the list refers to.
    ///
    /// A new reference is made from an old one, or under the lock by whoever emits, which is the
    /// caller. Who reads a `dma_resv` under RCU may still come to a fence that was put there
    /// before, and then finds one that has signalled, as it would if the fence had been freed.
    pub(super) fn prune(&self) {
        loop {
            let mut unseen = [const { None::<ARef<Fence>> }; BATCH];
            let mut slots = unseen.iter_mut();
            let mut more = false;
            self.visit(|point| {
                // SAFETY: The list owns a reference to what is linked.
                if unsafe { bindings::dma_fence_kref_read(point.fence.get()) } > 1 {
                    return true;
                }
                match slots.next() {
                    Some(slot) => *slot = Some(point.as_fence().into()),
                    None => more = true,
                }
                !more
            });
            for fence in unseen.iter().flatten() {
                self.unwind(fence);
            }
            if !more {
                return;
            }
        }
    }

    /// Takes back a fence that nobody outside knows: signalled, then unlinked, before its last put.
    pub(super) fn unwind(&self, fence: &Fence) {
        self.signal(
            UpTo::Only(NonNull::from(fence).cast()),
            End {
                error: Some(ECANCELED),
                cause: None,
            },
        );
    }

    /// Returns the earliest deadline of a pending fence.
    pub(super) fn earliest_deadline(&self) -> Option<Ktime> {
        if !self.deadlines.load(Relaxed) {
            return None;
        }
        let mut earliest = super::KTIME_MAX;
        self.visit(|point| {
            earliest = earliest.min(point.deadline());
            true
        });
        (earliest != super::KTIME_MAX).then_some(earliest)
    }
}

// SAFETY:
// - Readers come to the context by way of a fence that has not signalled, under its lock or in a
//   critical section in which they saw that. `drop_before_gp` has signalled all that were linked
//   when it returns; every initialised fence is linked (rule 1) until it has signalled (rules 2 and
//   3).
// - What a view reaches is in the `UnsafePinned`, and is not accessed exclusively; `data` keeps the
//   promises for itself.
// - Nothing in it has a destructor, which `RcuFreeBox` asserts.
// - `drop_before_gp` takes spin locks and signals, and doesn't sleep.
unsafe impl<O: FenceOps> RcuFreeSafe for FenceContext<O> {
    type RcuView<'a> = ContextView<'a, O>;

    fn rcu_view<'a>(self: Pin<&'a Self>, rcu: &'a rcu::Guard) -> ContextView<'a, O> {
        ContextView::new(self.get_ref().shared(), rcu)
    }

    unsafe fn drop_before_gp(self: Pin<&mut Self>) {
        let this = self.as_ref().get_ref().shared();
        *this.state.lock().as_mut().project().closing = true;
        this.signal(
            UpTo::All,
            End {
                error: Some(O::CLOSED),
                cause: Some(Cause::Cancelled),
            },
        );
        // SAFETY: The field is structurally pinned. It is run once, since this is; views of it
        // claim only what its own promises allow.
        unsafe { Pin::new_unchecked(&mut *this.data.get()).drop_before_gp() };
    }
}

/// A fence that was emitted and may still be taken back.
///
/// Nobody outside knows the fence yet, but the timeline does: it may time out meanwhile. Dropped
/// without [`commit`](Self::commit), it is signalled with `ECANCELED`, then unlinked, then put, and
/// its number is given out anew.
#[must_use = "a fence that is not committed is unwound"]
pub struct Emitted<'a, O: FenceOps> {
    emission: &'a Emission<'a, O>,
    fence: ARef<Fence>,
    committed: bool,
}

impl<'a, O: FenceOps> Emitted<'a, O> {
    pub(super) fn new(emission: &'a Emission<'a, O>, fence: ARef<Fence>) -> Self {
        Self {
            emission,
            fence,
            committed: false,
        }
    }

    /// Returns the fence. What is done with it must be undone if it is not committed.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Lets the fence stand, and signals it, and it alone: what it stands for has come to its end
    /// already.
    ///
    /// As [`commit`](Self::commit), but not with the lock of a fence held.
    pub fn commit_done(self) -> ARef<Fence> {
        let emission = self.emission;
        let fence = self.commit();
        emission.timeline().shared().signal(
            UpTo::Only(NonNull::from(&*fence).cast()),
            End {
                error: None,
                cause: Some(Cause::Done),
            },
        );
        fence
    }

    /// Lets the fence stand. Traced as `dma_fence_emit`.
    ///
    /// Takes the context's lock; any context in which the [`Emission`] may be.
    pub fn commit(mut self) -> ARef<Fence> {
        self.committed = true;
        // Before anybody may signal it: a signalled fence has lost its names.
        // SAFETY: The fence is initialised; the shim takes the RCU section that the names need.
        unsafe { bindings::trace_dma_fence_emit(self.fence.as_raw()) };
        self.emission.committed(&self.fence);
        self.fence.clone()
    }
}

impl<O: FenceOps> Drop for Emitted<'_, O> {
    fn drop(&mut self) {
        if !self.committed {
            self.emission.unwind(&self.fence);
        }
    }
}
