// SPDX-License-Identifier: GPL-2.0

//! The context of fences: what is shared with readers, and the unshare theorem.
//!
//! A context lives in an [`RcuFreeBox`]. For a reader of a fence, the flag that says that it has
//! signalled is what keeps it away from the context: signalling *is* the store that unpublishes.
//! The box frees one grace period after [`RcuFreeSafe::drop_before_gp`] has returned, so every such
//! store must have been made by then, by whichever signaller. The three rules that make it so are
//! in the documentation of [the module](super); they are kept here and beside:
//!
//! - rule 1 by [`FenceContext::emit`],
//! - rule 2 by `FenceContext::signal_batch` and `FenceContext::close`,
//! - rule 3 by `Emitted`'s drop.
//!
//! Locks: a fence's, then the context's, then the timer's. Waiters run under the lock of their
//! fence and may come here; so no fence is signalled, queried or given a callback with the
//! context's lock held.
//!
//! [`RcuFreeBox`]: crate::sync::rcu::RcuFreeBox

use super::{
    counts::Progress,
    lock::IrqSaveLock,
    new_fences::{
        LinksOf,
        NewFences, //
    },
    ops::{
        init_fence,
        View, //
    },
    order::Order,
    pending::{
        Chain,
        Links,
        Pending, //
    },
    point::Point,
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

/// A point of a context of `O`.
pub(super) type PointOf<O> = Point<LinksOf<<O as FenceOps>::Order>>;

/// What the context's lock protects.
#[pin_data]
pub(super) struct State<R: Order> {
    #[pin]
    pub(super) pending: R::Pending,
    /// What was emitted and not committed: neither signallers nor the timer touch it.
    pub(super) emitting: Chain<LinksOf<R>>,
    /// How many threads wait for the right to emit.
    pub(super) waiting: u32,
    /// When the timer will fire, or [`KTIME_MAX`](super::KTIME_MAX).
    pub(super) armed: Ktime,
    /// How many times in a row the timer's callback left everything for later.
    pub(super) deferred: u8,
    /// Set once, when the owner begins to go: nothing is armed from then on.
    pub(super) closing: bool,
}

/// A context: fences that signal in order.
///
/// Its owner shares it with the readers of its fences, who see it as a [`ContextView`].
///
/// It is not public: a context with an armed timer must not be dropped, and its owner, the
/// [`Timeline`](super::Timeline), sees to that.
#[pin_data]
pub(super) struct FenceContext<O: FenceOps> {
    pub(super) number: u64,
    pub(super) progress: Progress,
    pub(super) deadlines: AtomicFlag,
    /// Whether a thread has the right to emit: see [`Emission`](super::Emission).
    pub(super) emission: AtomicFlag,
    #[pin]
    pub(super) state: IrqSaveLock<State<O::Order>>,
    #[pin]
    data: O::Shared,
}

/// What a reader of a fence may do with its context.
///
/// Nothing here would link a fence anew: the context may be going.
pub(super) struct ContextView<'a, O: FenceOps> {
    context: &'a FenceContext<O>,
    rcu: &'a rcu::Guard,
}

impl<'a, O: FenceOps> ContextView<'a, O> {
    pub(super) fn new(context: &'a FenceContext<O>, rcu: &'a rcu::Guard) -> Self {
        Self { context, rcu }
    }

    /// Returns the view of what the issuer shares.
    pub(super) fn data(&self) -> View<'a, O> {
        // SAFETY: The data is a part of a context, which is in a box. It is unshared when every
        // fence has signalled, by `drop_before_gp` of the context; a reader who has come here saw
        // one that had not, in the critical section of `rcu`, so that began before.
        unsafe { self.context.data().rcu_view(self.rcu) }
    }

    /// Notes that some pending fence has a deadline.
    pub(super) fn note_deadline(&self) {
        self.context.deadlines.store(true, Relaxed);
    }
}

impl<O: FenceOps> FenceContext<O> {
    /// Returns an initialiser for a context with a number of its own.
    pub(super) fn new<E>(data: impl PinInit<O::Shared, E>) -> impl PinInit<Self, Error>
    where
        Error: From<E>,
    {
        try_pin_init!(Self {
            // SAFETY: Any context; it counts up a number.
            number: unsafe { bindings::dma_fence_context_alloc(1) },
            progress: Progress::new(),
            deadlines: AtomicFlag::new(false),
            emission: AtomicFlag::new(false),
            state <- IrqSaveLock::new(
                pin_init!(State {
                    pending <- <O::Order as Order>::Pending::new(),
                    emitting: Chain::new(),
                    waiting: 0,
                    armed: super::KTIME_MAX,
                    deferred: 0,
                    closing: false,
                }),
                c"fence_context",
                static_lock_class!(),
            ),
            data <- data,
        })
    }

    /// Returns what the issuer shares.
    pub(super) fn data(&self) -> Pin<&O::Shared> {
        // SAFETY: It is a part of a context, which is pinned in a box and of which nobody has a
        // `&mut`.
        unsafe { Pin::new_unchecked(&self.data) }
    }

    /// Initialises fences and links them, in one hold of the lock, which the caller has.
    ///
    /// Their one reference is the chain's. They are numbered from `seqno` on.
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
            // SAFETY: The memory was allocated by `kmalloc()`, and nobody else knows it.
            unsafe { Point::write(point, context, expires, LinksOf::<O::Order>::new()) };
            // SAFETY: It was written with this context, whose lock is held until it is linked.
            unsafe { init_fence::<O>(point, self.number, seqno) };
            // SAFETY: It is on no chain; the reference that it was initialised with keeps it.
            unsafe { emitting.push(point) };
            seqno = seqno.wrapping_add(1);
        }
    }
}

// SAFETY:
// - Readers come to the context by way of a fence that has not signalled, under its lock or in a
//   critical section in which they saw that. `drop_before_gp` closes that way: it has signalled all
//   that were linked when it returns; every initialised fence is linked (rule 1) until it has
//   signalled (rules 2 and 3).
// - Validity: nothing that a view reaches is freed but by `data`, which keeps the promises for
//   itself.
// - No exclusive access: both methods make shared references only. The state is accessed under its
//   lock, and without it when nobody but the owner is left who uses it. Readers never use it.
// - Nothing anew: a view can't emit.
// - Parts: `data` is the only one, and is unshared once, when all fences have signalled.
// - Destructors: nothing but `data` has one, as is asserted.
// - Context: `drop_before_gp` takes spin locks and signals, and doesn't sleep.
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
        // SAFETY: Only the drop of the timeline drops its context: no method of the timeline runs
        // any more, the timer is cancelled, and readers don't use the state.
        unsafe { this.close() };
        // SAFETY: It is called once, since this is. Every fence has signalled, so that no new
        // reader comes to the context, nor to its data. The memory is that of the context; no
        // destructor of that runs, as the caller promises.
        unsafe { this.data().drop_before_gp() };
    }
}

/// Returns the number of a point that is linked, or is in a batch.
///
/// # Safety
///
/// Callers must hold a reference to the fence of `point`, or must have been in one RCU section
/// since there was a reference.
#[inline]
pub(super) unsafe fn seqno_of<L>(point: NonNull<Point<L>>) -> u64 {
    // SAFETY: By the safety requirements a reference or the caller's RCU section keeps `point`.
    unsafe { point.as_ref() }.seqno()
}
