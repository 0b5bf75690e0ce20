// SPDX-License-Identifier: GPL-2.0

//! The context of fences: the part of a timeline that readers of fences reach.
//!
//! A context lives in an [`RcuFreeBox`]. A reader of a fence follows the pointer to the context
//! only if it sees that the fence has not signaled. So the store that sets SIGNALED unpublishes the
//! context. The box frees the context one grace period after [`RcuFreeSafe::drop_before_gp`] has
//! returned. By then, every signaler must have made its store. The three rules that ensure this
//! are in the documentation of [the module](super), and are kept by:
//!
//! - rule 1: [`FenceContext::emit`],
//! - rule 2: `FenceContext::signal_one`, `FenceContext::signal_batch` and `FenceContext::close`,
//! - rule 3: the drop of `Emitted`.
//!
//! Lock order: a fence's lock, then the context's, then the timer's. Waiters run under the lock of
//! their fence, and may take a context's lock. So code that holds a context's lock must not signal
//! or query a fence, and must not add a callback to one. The exception is `signal_unwatched`, which
//! neither waits for the lock of a fence nor runs a waiter.
//!
//! [`RcuFreeBox`]: crate::sync::rcu::RcuFreeBox

use super::{
    counts::{
        Failures,
        Progress, //
    },
    lock::IrqSaveLock,
    ops::{
        init_fence,
        View, //
    },
    order::Order,
    pace::Place,
    pending::{
        Chain,
        Links,
        Pending, //
    },
    point::{
        LinksOf,
        NewFences,
        Point, //
    },
    FenceOps,
    Ktime, //
};
use crate::{
    bindings,
    prelude::*,
    static_lock_class,
    sync::{
        atomic::{
            ordering::Relaxed,
            AtomicFlag, //
        },
        rcu::{
            self,
            is_dropped_before_gp,
            RcuFreeSafe, //
        },
    },
};
use core::{
    mem::needs_drop,
    ptr::NonNull, //
};

/// A point of a context of the issuer `O`.
pub(super) type PointOf<O> = Point<LinksOf<<O as FenceOps>::Order>>;

/// The data that the context's lock protects.
#[pin_data]
pub(super) struct State<R: Order> {
    /// The fences that are pending.
    #[pin]
    pub(super) pending: R::Pending,
    /// The fences that were emitted and not committed. Neither signalers nor the timer look at
    /// them.
    pub(super) emitting: Chain<LinksOf<R>>,
    /// How many threads are waiting for the right to emit.
    pub(super) waiting: u32,
    pub(super) failures: Failures,
    /// When the timer will fire, or [`KTIME_MAX`](super::KTIME_MAX) if it is not armed.
    pub(super) armed: Ktime,
    /// The place of the timer among those that were deferred.
    pub(super) place: Place,
    /// Set once, when the owner starts to drop the context. The timer is not armed after that.
    pub(super) closing: bool,
}

/// A context: fences that signal in order.
///
/// Readers of its fences reach it, too. They see it as a [`ContextView`].
///
/// It is not public, because a context must not be dropped while its timer is armed. Its owner, the
/// [`Timeline`](super::Timeline), ensures that.
#[pin_data]
pub(super) struct FenceContext<O: FenceOps> {
    /// The number of the context: unique, and never reused.
    pub(super) number: u64,
    pub(super) progress: Progress,
    /// Whether a deadline was ever set on a fence.
    pub(super) deadlines: AtomicFlag,
    /// Whether a thread has the right to emit: see [`Emission`](super::Emission).
    pub(super) emission: AtomicFlag,
    #[pin]
    pub(super) state: IrqSaveLock<State<O::Order>>,
    #[pin]
    data: O::Shared,
}

/// The operations on a context that are allowed to a reader of a fence.
///
/// None of them may link a fence: the owner may be dropping the context.
pub(super) struct ContextView<'a, O: FenceOps> {
    context: &'a FenceContext<O>,
    rcu: &'a rcu::Guard,
}

impl<'a, O: FenceOps> ContextView<'a, O> {
    pub(super) fn new(context: &'a FenceContext<O>, rcu: &'a rcu::Guard) -> Self {
        Self { context, rcu }
    }

    /// Returns the view of the issuer's shared data.
    pub(super) fn data(&self) -> View<'a, O> {
        // SAFETY: The data is a field of a context that is in a box. `drop_before_gp` of the
        // context unshares the data after every fence has signaled. In the critical section of
        // `rcu`, the reader saw a fence that had not signaled. So that section began before the
        // data was unshared.
        unsafe { self.context.data().rcu_view(self.rcu) }
    }

    /// Records that a pending fence has a deadline.
    pub(super) fn note_deadline(&self) {
        self.context.deadlines.store(true, Relaxed);
    }
}

impl<O: FenceOps> FenceContext<O> {
    /// Returns an initializer for a context with a new number.
    pub(super) fn new<E>(data: impl PinInit<O::Shared, E>) -> impl PinInit<Self, Error>
    where
        Error: From<E>,
    {
        try_pin_init!(Self {
            // SAFETY: `dma_fence_context_alloc()` may be called in any context.
            number: unsafe { bindings::dma_fence_context_alloc(1) },
            progress: Progress::new(),
            deadlines: AtomicFlag::new(false),
            emission: AtomicFlag::new(false),
            state <- IrqSaveLock::new(
                pin_init!(State {
                    pending <- <O::Order as Order>::Pending::new(),
                    emitting: Chain::new(),
                    waiting: 0,
                    failures: Failures::new(),
                    armed: super::KTIME_MAX,
                    place: Place::new(),
                    closing: false,
                }),
                c"fence_context",
                static_lock_class!(),
            ),
            data <- data,
        })
    }

    /// Returns the issuer's shared data.
    pub(super) fn data(&self) -> Pin<&O::Shared> {
        // SAFETY: `data` is a field of a context, which is pinned in a box. No `&mut` to the
        // context exists.
        unsafe { Pin::new_unchecked(&self.data) }
    }

    /// Initializes fences with the numbers from `seqno` on, and links them to `State::emitting`.
    ///
    /// Both happen in one hold of the context's lock: `state` shows that the caller holds it. The
    /// chain owns the one reference to each fence.
    #[inline(always)]
    pub(super) fn emit(
        &self,
        state: Pin<&mut State<O::Order>>,
        new: &mut NewFences<O::Order>,
        mut seqno: u64,
        expires: Ktime,
    ) {
        let emitting = state.project().emitting;
        while let Some(point) = new.pop() {
            let context = core::ptr::from_ref(self).cast();
            // SAFETY: `kmalloc()` allocated the memory, and no other code knows it.
            unsafe { Point::write(point, context, expires, LinksOf::<O::Order>::new()) };
            // SAFETY: The point was written with this context. The caller holds the context's lock
            // until after the point is linked below.
            unsafe { init_fence::<O>(point, self.number, seqno) };
            // SAFETY: `point` is on no chain. The reference that its fence was initialized with
            // keeps it.
            unsafe { emitting.push(point) };
            seqno = seqno.wrapping_add(1);
        }
    }
}

// SAFETY:
// - Readers reach the context through a fence that has not signaled. They see that under the
//   fence's lock or in their critical section. `drop_before_gp` ends this: when it returns, it has
//   signaled all fences that were linked. Every initialized fence is linked (rule 1) until it has
//   signaled (rules 2 and 3).
// - Validity: a view reaches nothing that is freed, except through `data`, which keeps these
//   promises itself.
// - No exclusive access: both methods make shared references only. The state is used under its
//   lock, or without the lock once only the owner uses it. Readers never use the state.
// - Nothing anew: a view can't emit.
// - Parts: `data` is the only part with a view. It is unshared once, after all fences have
//   signaled.
// - Destructors: only `data` may have one, which the assertions ensure.
// - Context: `drop_before_gp` takes spinlocks and signals fences. It does not sleep.
unsafe impl<O: FenceOps> RcuFreeSafe for FenceContext<O> {
    type RcuView<'a> = ContextView<'a, O>;

    const DROPPED_BEFORE_GP: bool = {
        assert!(is_dropped_before_gp::<O::Shared>());
        assert!(!needs_drop::<Progress>() && !needs_drop::<IrqSaveLock<State<O::Order>>>());
        true
    };

    unsafe fn rcu_view<'a>(self: Pin<&'a Self>, rcu: &'a rcu::Guard) -> ContextView<'a, O> {
        ContextView::new(self.get_ref(), rcu)
    }

    unsafe fn drop_before_gp(self: Pin<&Self>) {
        let this = self.get_ref();
        // SAFETY: Only the drop of the timeline drops its context. By then no method of the
        // timeline runs, and the timer is cancelled. Readers don't use the state.
        unsafe { this.close() };
        // SAFETY: This function is called once, so the call below is made once. Every fence has
        // signaled, so no new reader reaches the context or its data. The data is in the memory of
        // the context, and its destructor does not run, as the caller promises.
        unsafe { this.data().drop_before_gp() };
    }
}

/// Returns the number of a point that is linked or was gathered.
///
/// # Safety
///
/// Callers must hold a reference to the fence of `point`, or must have been in one RCU section
/// since a time at which a reference existed.
#[inline]
pub(super) unsafe fn seqno_of<L>(point: NonNull<Point<L>>) -> u64 {
    // SAFETY: By the safety requirements a reference or the caller's RCU section keeps `point`.
    unsafe { point.as_ref() }.seqno()
}
