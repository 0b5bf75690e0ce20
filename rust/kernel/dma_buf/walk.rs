// SPDX-License-Identifier: GPL-2.0

//! Walks over the pending fences of a context, in batches with interrupts on in between.

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
        EmissionOrder,
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

/// A walk over the pending fences by age. Other threads may unlink fences during the walk.
///
/// It ends at the latest after as many visits as there were pending fences when it began.
///
/// # Invariants
///
/// If `cursor` is a fence, it was linked in `context`.
struct Walk<'a, O: FenceOps> {
    context: &'a FenceContext<O>,
    /// The walk continues after this fence, or at the oldest fence if this fence is not linked any
    /// more.
    cursor: Option<ARef<Fence>>,
    /// How many visits are left.
    left: u32,
}

impl<'a, O: FenceOps> Walk<'a, O> {
    /// Begins a walk.
    fn begin(context: &'a FenceContext<O>) -> Self {
        Self {
            context,
            cursor: None,
            left: context.state.lock().pending.len(),
        }
    }

    /// Visits up to [`BATCH`] fences in one hold of the lock, and returns whether there is more to
    /// visit.
    ///
    /// `visit` returns whether the caller leaves the fence linked. If it returns false, the caller
    /// must unlink the fence before it calls this function again, because the walk can't continue
    /// after an unlinked fence.
    fn visit_some(&mut self, mut visit: impl FnMut(NonNull<PointOf<O>>) -> bool) -> bool {
        let guard = self.context.state.lock();
        let pending = &guard.pending;
        let behind = self.cursor.as_ref().map(|it| NonNull::from(&**it).cast());
        let mut next = match behind {
            // SAFETY: By the type invariant the point was linked here. The cursor is a reference to
            // its fence, which keeps its memory.
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
        // SAFETY: The point is linked, so the list owns a reference to it.
        let kept = kept.map(|kept| unsafe { kept.as_ref().as_fence() }.into());
        drop(guard);
        if kept.is_some() {
            // INVARIANT: The fence was linked. The lock was dropped before, since this may put the
            // last reference to the previous cursor.
            self.cursor = kept;
        }
        more
    }
}

impl<O: FenceOps> FenceContext<O> {
    /// Returns when the oldest pending fence times out, or [`KTIME_MAX`] if no fence is pending.
    pub(super) fn first_timeout(&self) -> Ktime {
        let guard = self.state.lock();
        guard.pending.oldest().map_or(KTIME_MAX, |oldest| {
            // SAFETY: `oldest` is linked while the lock is held, so the list owns a reference to
            // it.
            unsafe { oldest.as_ref() }.expires
        })
    }

    /// Returns the latest of the numbers whose fences have timed out by `now`, or `None` if none
    /// has.
    ///
    /// The function looks only at the oldest points, at most `BATCH` of them. The next call finds
    /// the rest.
    pub(super) fn expired(&self, now: Ktime) -> Option<u64> {
        let guard = self.state.lock();
        let mut last = None;
        let mut next = guard.pending.oldest();
        for _ in 0..BATCH {
            let Some(point) = next else { break };
            // SAFETY: The point is linked, so the list owns a reference to it.
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

    /// Returns the earliest deadline of a pending fence, or `None` if there is none.
    pub(super) fn earliest_deadline(&self) -> Option<Ktime> {
        if !self.deadlines.load(Relaxed) {
            return None;
        }
        let mut earliest = None;
        let mut walk = Walk::begin(self);
        while walk.visit_some(|point| {
            // SAFETY: The point is linked, so the list owns a reference to it.
            let deadline = unsafe { point.as_ref() }.deadline();
            earliest = [earliest, deadline].into_iter().flatten().min();
            true
        }) {}
        earliest
    }
}

impl<O: FenceOps<Order = EmissionOrder>> FenceContext<O> {
    /// Returns the fence `seqno` if it is pending and has not signaled, or `None` otherwise.
    ///
    /// The walk does not miss the fence: in this order fences are unlinked oldest first. So if the
    /// cursor is not linked any more, all fences that were visited have been unlinked, too.
    pub(super) fn pending_fence(&self, seqno: u64) -> Option<ARef<Fence>> {
        let mut found = None;
        let mut walk = Walk::begin(self);
        while walk.visit_some(|point| {
            // SAFETY: The point is linked, so the list owns a reference to it.
            let linked = unsafe { point.as_ref() };
            // SAFETY: The fence of `linked` is initialized. It is linked until its signaler
            // unlinks it, so it may have signaled.
            let signaled = || unsafe { bindings::dma_fence_test_signaled_flag(linked.fence.get()) };
            if linked.seqno() == seqno && !signaled() {
                // SAFETY: The list owns a reference to the fence while the lock is held.
                found = Some(ARef::from(unsafe { linked.as_fence() }));
            }
            true
        }) && found.is_none()
        {}
        found
    }
}

impl<O: FenceOps<Order = SeqnoOrder>> FenceContext<O> {
    /// Unwinds the pending fences to which only the list refers, and returns how many fences it
    /// visited.
    ///
    /// `go_on` is called before each batch. If it returns false, the walk ends, and the result is
    /// an `Err` with the number of visits. Otherwise the walk misses fences only if other threads
    /// unlink fences meanwhile.
    ///
    /// No thread can get a new reference to such a fence: a reference is made from an existing one,
    /// or under the lock by the thread that has the right to emit, which is the caller. A reader of
    /// a `dma_resv` under RCU may still find a fence that was in the `dma_resv` before. It then
    /// finds a signaled fence, as it would if the fence had been freed.
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
                // SAFETY: The point is linked, so the list owns a reference to it.
                let fence = unsafe { point.as_ref() }.fence.get();
                // SAFETY: The fence is initialized, and the list owns a reference to it.
                let seen = unsafe { bindings::dma_fence_kref_read(fence) } > 1;
                if !seen {
                    unseen.push(point);
                }
                seen
            });
            // SAFETY: The points of `unseen` were gathered in the section of `rcu`.
            unsafe { self.take_back(&rcu, &mut unseen) };
            if !more {
                return Ok(visits);
            }
        }
    }
}
