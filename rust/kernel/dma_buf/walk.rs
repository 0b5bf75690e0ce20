// SPDX-License-Identifier: GPL-2.0

//! Walks over the pending fences of a context, a few at a time: interrupts are on in between.

use super::{
    batch::{
        Batch,
        BATCH, //
    },
    context::{
        PointOf,
        Shared, //
    },
    order::{
        Order,
        Seqno32Order, //
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
    sync::{
        aref::ARef,
        atomic::ordering::Relaxed,
        rcu, //
    },
};
use core::ptr::NonNull;

/// Where a walk continues: behind this fence, or at the beginning if it isn't linked any more.
type Cursor = Option<ARef<Fence>>;

impl<O: FenceOps> Shared<O> {
    /// Returns when the first pending fence times out, or [`KTIME_MAX`].
    pub(super) fn first_timeout(&self) -> Ktime {
        let guard = self.state.lock();
        guard.pending.oldest().map_or(KTIME_MAX, |oldest| {
            // SAFETY: The list owns a reference to `oldest`, which is linked while the lock is held.
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
            if last.is_none_or(|last| !O::Order::up_to(linked.seqno(), last)) {
                last = Some(linked.seqno());
            }
            // SAFETY: The point is linked.
            next = unsafe { guard.pending.younger(point) };
        }
        last
    }

    /// Visits some pending points by age, behind `cursor`, in one hold of the lock.
    ///
    /// Returns where to continue, or `None` after the last one. Some may be visited more than once
    /// if others are unlinked meanwhile.
    fn visit_some(&self, cursor: Cursor, mut f: impl FnMut(NonNull<PointOf<O>>)) -> Cursor {
        let guard = self.state.lock();
        let pending = &guard.pending;
        let behind = cursor.as_ref().map(|fence| NonNull::from(&**fence).cast());
        let mut next = match behind {
            // SAFETY: It was linked here, and the cursor is a reference to it.
            Some(point) if unsafe { pending.is_linked(point) } => {
                // SAFETY: It is linked.
                unsafe { pending.younger(point) }
            }
            _ => pending.oldest(),
        };
        let mut last = None;
        for _ in 0..BATCH {
            let Some(point) = next else { break };
            f(point);
            last = Some(point);
            // SAFETY: The point is linked.
            next = unsafe { pending.younger(point) };
        }
        next?;
        // SAFETY: The list owns a reference to what is linked.
        let last = unsafe { last?.as_ref().as_fence() }.into();
        drop(guard);
        // Outside the lock: it may be the last one.
        drop(cursor);
        Some(last)
    }

    /// Returns the earliest deadline of a pending fence.
    pub(super) fn earliest_deadline(&self) -> Option<Ktime> {
        if !self.deadlines.load(Relaxed) {
            return None;
        }
        let mut earliest = KTIME_MAX;
        let mut cursor = None;
        loop {
            cursor = self.visit_some(cursor, |point| {
                // SAFETY: The list owns a reference to what is linked.
                earliest = earliest.min(unsafe { point.as_ref() }.deadline());
            });
            if cursor.is_none() {
                return (earliest != KTIME_MAX).then_some(earliest);
            }
        }
    }
}

impl<O: FenceOps<Order = Seqno32Order>> Shared<O> {
    /// Takes back the pending fences that only the list refers to.
    ///
    /// A new reference is made from an old one, or under the lock by whoever emits, which is the
    /// caller. Who reads a `dma_resv` under RCU may still come to a fence that was put there
    /// before, and then finds one that has signalled, as it would if the fence had been freed.
    pub(super) fn prune(&self) {
        let mut cursor = None;
        loop {
            let rcu = rcu::read_lock();
            let mut unseen = Batch::none();
            cursor = self.visit_some(cursor, |point| {
                // SAFETY: The list owns a reference to what is linked.
                if unsafe { bindings::dma_fence_kref_read(point.as_ref().fence.get()) } == 1 {
                    unseen.push(point);
                }
            });
            // SAFETY: They were gathered in the section of `rcu`.
            unsafe { self.take_back(&rcu, &mut unseen) };
            if cursor.is_none() {
                return;
            }
        }
    }
}
