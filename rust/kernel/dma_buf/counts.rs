// SPDX-License-Identifier: GPL-2.0

//! What a context has come to.

use super::order::Order;
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

/// How many fences completed, by the [`Cause`].
#[derive(Default)]
pub(super) struct Completed {
    pub(super) done: u64,
    pub(super) timed_out: u64,
    pub(super) cancelled: u64,
}

impl Completed {
    /// Counts `count` more.
    pub(super) fn note(&mut self, cause: Cause, count: usize) {
        let counter = match cause {
            Cause::Done => &mut self.done,
            Cause::TimedOut => &mut self.timed_out,
            Cause::Cancelled => &mut self.cancelled,
        };
        *counter += count as u64;
    }
}

/// How far a context has come. It is written under the context's lock, and read without.
pub(super) struct Progress {
    last: Atomic<u64>,
    signalled_up_to: Atomic<u64>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            last: Atomic::new(0),
            signalled_up_to: Atomic::new(0),
        }
    }

    /// Returns the last number that was committed.
    #[inline]
    pub(super) fn last(&self) -> u64 {
        self.last.load(Relaxed)
    }

    /// Returns the last number that has signalled.
    #[inline]
    pub(super) fn signalled_up_to(&self) -> u64 {
        self.signalled_up_to.load(Relaxed)
    }

    /// Notes that fences up to `seqno` were committed. Under the lock.
    #[inline]
    pub(super) fn note_committed(&self, seqno: u64) {
        self.last.store(seqno, Relaxed);
    }

    /// Notes that fences up to `seqno` have signalled. Under the lock.
    #[inline]
    pub(super) fn note_signalled<R: Order>(&self, seqno: u64) {
        if !R::up_to(seqno, self.signalled_up_to()) {
            self.signalled_up_to.store(seqno, Relaxed);
        }
    }
}
