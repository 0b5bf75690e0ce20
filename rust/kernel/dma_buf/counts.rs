// SPDX-License-Identifier: GPL-2.0

//! Counts of the fences of a context, by how far they have come.
//!
//! A fence is counted as completed under its own lock, right before it is signaled. So a thread
//! that has seen a fence signaled finds it counted. A fence that fails is counted under the
//! context's lock, too, so that all its counts change at once: see [`Failures`].

use crate::{
    bindings,
    error::Error,
    ffi,
    sync::atomic::{
        ordering::Relaxed,
        Atomic, //
    }, //
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
    /// Fences that completed with an error, for any cause.
    pub failed: u64,
    /// The last fence that completed with an error. In
    /// [`EmissionOrder`](super::EmissionOrder) it is the one with the highest number.
    pub last_failure: Option<Failure>,
}

/// A fence that completed with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The number of the fence. Its 12 highest bits are lost; in
    /// [`EmissionOrder`](super::EmissionOrder) they are 0.
    pub seqno: u64,
    /// The error.
    pub error: Error,
}

/// The fences of a context that completed with an error. The context's lock protects it.
///
/// A signaler changes it in the hold in which it adds to the [counter](Progress::counter) of the
/// cause. So a [`snapshot`](Progress::snapshot), which is made in one hold of the context's lock,
/// has a failed fence in all its counts or in none. Fences without an error take no lock to be
/// counted.
///
/// The last failure takes one word, since more would make a context too large for the slab cache
/// that it is in.
pub(super) struct Failures {
    count: u64,
    /// The number of the last fence that failed, and in the low bits the errno. 0 means none.
    last: u64,
}

/// The number of bits of an errno.
const ERRNO_BITS: u32 = 12;
const _: () = assert!(bindings::MAX_ERRNO < 1 << ERRNO_BITS);

impl Failures {
    pub(super) fn new() -> Self {
        Self { count: 0, last: 0 }
    }

    /// Records that the fence `seqno` completes with `error`.
    pub(super) fn note(&mut self, seqno: u64, error: Error) {
        self.count = self.count.wrapping_add(1);
        self.last = (seqno << ERRNO_BITS) | u64::from(error.to_errno().unsigned_abs());
    }

    fn last(&self) -> Option<Failure> {
        let errno = self.last & ((1 << ERRNO_BITS) - 1);
        (errno != 0).then(|| Failure {
            seqno: self.last >> ERRNO_BITS,
            error: Error::from_errno(-(errno as ffi::c_int)),
        })
    }
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
    /// The caller holds the context's lock, which protects `failures`. A signaler finds a fence in
    /// a hold of that lock, after the fence was emitted, and counts it as completed in that hold or
    /// later. So each completed fence that is counted here was emitted before. Therefore there are
    /// not more completed fences than emitted ones.
    pub(super) fn snapshot(&self, emitting: u32, failures: &Failures) -> Counts {
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
            failed: failures.count,
            last_failure: failures.last(),
        }
    }
}
