// SPDX-License-Identifier: GPL-2.0

//! Walks over the pending fences of a context, a few at a time: interrupts are on in between.

use super::{
    batch::{
        Batch,
        BATCH, //
    },
    context::{
        FenceContext,
        PointOf, //
    },
    order::{
        is_up_to,
        SeqnoOrder, //
    },
    pending::{
        Gathered,
        Pending, //
    },
    Fence,
    FenceOps,
    Ktime,
    KTIME_MAX, //
};
use crate::{
    bindings,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::ordering::Relaxed,
        rcu, //
    },
};
use core::ptr::NonNull;

/// A walk over pending fences by age, which others may unlink meanwhile.
///
/// It ends after as many visits as there were pending fences when it began, whatever happens
/// meanwhile.
///
/// # Invariants
///
/// `cursor` was linked in `context`.
struct Walk<'a, O: FenceOps> {
    context: &'a FenceContext<O>,
    /// The walk goes on behind this fence, or at the beginning if that is not linked any more.
    cursor: Option<ARef<Fence>>,
    /// How many visits are left.
    left: u32,
}

impl<'a, O: FenceOps> Walk<'a, O> {
    fn begin(context: &'a FenceContext<O>) -> Self {
        Self {
            context,
            cursor: None,
            left: context.state.lock().pending.len(),
        }
    }

    /// Visits up to [`BATCH`] fences in one hold of the lock, and tells whether the walk goes on.
    ///
    /// `visit` tells whether the caller leaves the fence linked. If it does not, the caller unlinks
    /// the fence before it calls this again: the walk does not go on behind one that is unlinked.
    fn visit_some(&mut self, mut visit: impl FnMut(NonNull<PointOf<O>>) -> bool) -> bool {
        let guard = self.context.state.lock();
        let pending = &guard.pending;
        let behind = self.cursor.as_ref().map(|it| NonNull::from(&**it).cast());
        let mut next = match behind {
            // SAFETY: By the type invariant the point was linked here; the cursor is a reference to
            // it.
            Some(point) if unsafe { pending.is_linked(point) } => {
                // SAFETY: The point is linked.
                unsafe { pending.younger(point) }
            }
            _ => pending.oldest(),
        };
        let mut kept = None;
        for _ in 0..self.left.min(BATCH as u32) {
            let Some(point) = next else { break };
            self.left -= 1;
            if visit(point) {
                kept = Some(point);
            }
            // SAFETY: The point is linked.
            next = unsafe { pending.younger(point) };
        }
        let more = next.is_some() && self.left > 0;
        // SAFETY: The list owns a reference to what is linked.
        let kept = kept.map(|kept| unsafe { kept.as_ref().as_fence() }.into());
        drop(guard);
        if kept.is_some() {
            // INVARIANT: The fence was linked. The lock is not held, since this may put the last
            // reference to the fence before it.
            self.cursor = kept;
        }
        more
    }
}

impl<O: FenceOps> FenceContext<O> {
    /// Returns when the first pending fence times out, or [`KTIME_MAX`].
    pub(super) fn first_timeout(&self) -> Ktime {
        let guard = self.state.lock();
        guard.pending.oldest().map_or(KTIME_MAX, |oldest| {
            // SAFETY: The list owns a reference to `oldest`, which is linked while the lock is
            // held.
            unsafe { oldest.as_ref() }.expires
        })
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
            if last.is_none_or(|last| !is_up_to(linked.seqno(), last)) {
                last = Some(linked.seqno());
            }
            // SAFETY: The point is linked.
            next = unsafe { guard.pending.younger(point) };
        }
        last
    }

    /// Returns the earliest deadline of a pending fence.
    pub(super) fn earliest_deadline(&self) -> Option<Ktime> {
        if !self.deadlines.load(Relaxed) {
            return None;
        }
        let mut earliest = None;
        let mut walk = Walk::begin(self);
        while walk.visit_some(|point| {
            // SAFETY: The list owns a reference to what is linked.
            let deadline = unsafe { point.as_ref() }.deadline();
            earliest = [earliest, deadline].into_iter().flatten().min();
            true
        }) {}
        earliest
    }
}

impl<O: FenceOps<Order = SeqnoOrder>> FenceContext<O> {
    /// Takes back the pending fences that only the list refers to, and returns how many fences it
    /// looked at.
    ///
    /// `go_on` is asked before each batch, and ends the walk by `false`: the answer is an `Err`
    /// then. Otherwise fences are missed only if others unlink fences meanwhile.
    ///
    /// A new reference is made from an old one, or under the lock by the thread that has the right
    /// to emit, which is the caller. A reader of a `dma_resv` under RCU may still find a fence that
    /// was there before, and then finds one that has signalled, as it would if the fence had been
    /// freed.
    pub(super) fn prune(&self, mut go_on: impl FnMut() -> bool) -> Result<usize, usize> {
        let mut visits = 0;
        let mut walk = Walk::begin(self);
        loop {
            if !go_on() {
                return Err(visits);
            }
            let rcu = rcu::read_lock();
            let mut unseen = Batch::none();
            let more = walk.visit_some(|point| {
                visits += 1;
                // SAFETY: The list owns a reference to what is linked.
                let fence = unsafe { point.as_ref() }.fence.get();
                // SAFETY: The fence is initialised, and the list's reference to it exists.
                let seen = unsafe { bindings::dma_fence_kref_read(fence) } > 1;
                if !seen {
                    unseen.push(point);
                }
                seen
            });
            // SAFETY: They were gathered in the section of `rcu`.
            unsafe { self.take_back(&rcu, &mut unseen) };
            if !more {
                return Ok(visits);
            }
        }
    }
}
