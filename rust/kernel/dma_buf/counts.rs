// SPDX-License-Identifier: GPL-2.0

//! What a context has come to.

use super::order::Order;

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
    /// Counts `count` fences that have completed, the last one of which is `seqno`.
    pub(super) fn note_signalled<R: Order>(&mut self, cause: Cause, count: usize, seqno: u64) {
        if !R::up_to(seqno, self.signalled_up_to) {
            self.signalled_up_to = seqno;
        }
        let counter = match cause {
            Cause::Done => &mut self.done,
            Cause::TimedOut => &mut self.timed_out,
            Cause::Cancelled => &mut self.cancelled,
        };
        *counter += count as u64;
    }
}
