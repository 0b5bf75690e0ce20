// SPDX-License-Identifier: GPL-2.0

//! Counts of the fences of a context, by how far they have come.
//!
//! A fence is counted as completed under its own lock, right before it is signaled. So a thread
//! that has seen a fence signaled finds it counted.

use crate::sync::atomic::{
    ordering::Relaxed,
    Atomic, //
};

/// Why a fence completes. Completed fences are counted separately for each cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The work that the fence stands for has ended.
    Done,
    /// The timeout of the fence, or of a later one, is over.
    TimedOut,
    /// The work that the fence stands for will not be done.
    Cancelled,
}

/// The counts of the fences of a context, as one consistent snapshot.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Fences that were committed and not pruned. In [`EmissionOrder`](super::EmissionOrder) this
    /// is also the last number that was committed.
    pub committed: u64,
    /// Fences that have completed, for any cause. In [`EmissionOrder`](super::EmissionOrder) this
    /// is also the last number that has signaled; all numbers before it have signaled, too.
    pub completed: u64,
    /// Fences that were emitted and have not completed, including fences that are not committed
    /// yet.
    pub pending: u64,
    /// Fences that completed with the cause [`Cause::Done`].
    pub done: u64,
    /// Fences that completed with the cause [`Cause::TimedOut`].
    pub timed_out: u64,
    /// Fences that completed with the cause [`Cause::Cancelled`].
    pub cancelled: u64,
}

/// The counters of a context.
///
/// `committed` is written under the context's lock. The other fields count one [`Cause`] each: see
/// [`counter`](Self::counter). A signaler adds to them under the fence's lock. All fields may be
/// read without a lock.
pub(super) struct Progress {
    committed: Atomic<u64>,
    done: Atomic<u64>,
    timed_out: Atomic<u64>,
    cancelled: Atomic<u64>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            committed: Atomic::new(0),
            done: Atomic::new(0),
            timed_out: Atomic::new(0),
            cancelled: Atomic::new(0),
        }
    }

    /// Returns how many fences were committed.
    #[inline]
    pub(super) fn committed(&self) -> u64 {
        self.committed.load(Relaxed)
    }

    /// Returns how many fences have completed.
    #[inline]
    pub(super) fn completed(&self) -> u64 {
        self.done
            .load(Relaxed)
            .wrapping_add(self.timed_out.load(Relaxed))
            .wrapping_add(self.cancelled.load(Relaxed))
    }

    /// Records that `count` fences were committed. Called under the context's lock.
    #[inline]
    pub(super) fn note_committed(&self, count: u32) {
        self.committed
            .store(self.committed().wrapping_add(count.into()), Relaxed);
    }

    /// Stops counting `count` fences that were committed and pruned. Called under the context's
    /// lock.
    pub(super) fn note_pruned(&self, count: usize) {
        self.committed
            .store(self.committed().wrapping_sub(count as u64), Relaxed);
    }

    /// Returns the counter of the fences that complete for `cause`.
    #[inline]
    pub(super) fn counter(&self, cause: Cause) -> &Atomic<u64> {
        match cause {
            Cause::Done => &self.done,
            Cause::TimedOut => &self.timed_out,
            Cause::Cancelled => &self.cancelled,
        }
    }

    /// Returns the counts, while `emitting` fences are emitted and not committed.
    ///
    /// The caller holds the context's lock. A signaler finds a fence in a hold of that lock, after
    /// the fence was emitted, and counts it as completed after that hold. So each completed fence
    /// that is counted here was emitted before. Therefore there are not more completed fences than
    /// emitted ones.
    pub(super) fn snapshot(&self, emitting: u32) -> Counts {
        let (done, timed_out, cancelled) = (
            self.done.load(Relaxed),
            self.timed_out.load(Relaxed),
            self.cancelled.load(Relaxed),
        );
        let committed = self.committed();
        let completed = done.wrapping_add(timed_out).wrapping_add(cancelled);
        Counts {
            committed,
            completed,
            pending: committed
                .wrapping_add(emitting.into())
                .saturating_sub(completed),
            done,
            timed_out,
            cancelled,
        }
    }
}
