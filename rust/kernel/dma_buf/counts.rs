// SPDX-License-Identifier: GPL-2.0

//! What a context has come to.
//!
//! A fence is counted as completed under its own lock, right before it is signaled. So a thread
//! that has seen a fence signaled finds it among the completed ones.

use crate::sync::atomic::{
    ordering::Relaxed,
    Atomic, //
};

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

/// What a context has come to: one consistent snapshot.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Fences that were committed and not pruned. In [`EmissionOrder`](super::EmissionOrder) this
    /// is the last number that was committed.
    pub committed: u64,
    /// Fences that have completed, for whatever cause. In [`EmissionOrder`](super::EmissionOrder)
    /// this is the last number that has signaled, and all before it have.
    pub completed: u64,
    /// Fences that were emitted and have not completed. Those that are not committed yet are among
    /// them.
    pub pending: u64,
    /// Fences completed as [`Cause::Done`].
    pub done: u64,
    /// Fences completed as [`Cause::TimedOut`].
    pub timed_out: u64,
    /// Fences completed as [`Cause::Cancelled`].
    pub cancelled: u64,
}

/// How far a context has come.
///
/// `committed` is written under the context's lock. The others are the [`counter`](Self::counter)
/// of each [`Cause`], to which a signaller adds under the fence's lock. All may be read without a
/// lock.
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

    /// Notes that `count` fences were committed. Called under the context's lock.
    #[inline]
    pub(super) fn note_committed(&self, count: u32) {
        self.committed
            .store(self.committed().wrapping_add(count.into()), Relaxed);
    }

    /// Notes that `count` fences which were committed never were. Called under the context's lock.
    pub(super) fn note_pruned(&self, count: usize) {
        self.committed
            .store(self.committed().wrapping_sub(count as u64), Relaxed);
    }

    /// Returns what counts the fences that complete for `cause`.
    #[inline]
    pub(super) fn counter(&self, cause: Cause) -> &Atomic<u64> {
        match cause {
            Cause::Done => &self.done,
            Cause::TimedOut => &self.timed_out,
            Cause::Cancelled => &self.cancelled,
        }
    }

    /// Returns the counts while `emitting` fences are emitted and not committed.
    ///
    /// The caller holds the context's lock. A fence is counted as completed only after a hold of
    /// that lock in which its signaller found it: it was emitted before. So what is read here of
    /// completed fences, in a hold of the lock, is about fences that were emitted in an earlier
    /// hold or in this one, and there are not more of them.
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
