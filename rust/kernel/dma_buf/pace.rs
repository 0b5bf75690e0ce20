// SPDX-License-Identifier: GPL-2.0

//! How much of a processor the timers of all timelines take together.
//!
//! A timer callback runs in softirq context. The hrtimer core calls all callbacks that have expired
//! in one softirq, and calls a timer again in the same softirq if it was armed for a time that is
//! past. So neither a limit for one callback nor a timer that is armed for "now" lets other
//! softirqs and threads run: a million fences of one timeline, or a few of a thousand timelines
//! each, would hold the processor until the last one is signalled.
//!
//! The callbacks of all timelines therefore share one account, a leaky bucket. What a callback
//! takes, in ns, is written down twice: once for the time that it took, and once for the time that
//! it leaves to others. A callback that finds more than a [`SLICE`] still to be paid does nothing
//! but arm its timer for a *slot* in the future. No two timers get the same slot, so deferred
//! timers do not come back all at once. Slots are as far apart as callbacks have been long: a
//! timer that comes in its slot usually finds the account balanced.
//!
//! What follows for a processor that does nothing else:
//!
//! - One softirq runs our callbacks for two slices and one batch of fences at most, plus the time
//!   that it takes to arm the timers that are deferred.
//! - Every timeline gets on: a callback that was deferred [`PATIENCE`] times in a row signals a
//!   batch whatever the account says.

use super::Ktime;
use crate::sync::atomic::{
    ordering::Relaxed,
    Atomic, //
};

/// How long one callback begins new batches, in ns.
pub(super) const SLICE: Ktime = 100_000;

/// Shortest and longest distance between two slots, in ns. What lies in between is four times as
/// long as a callback has taken lately: half of it is what the account asks for, and the other half
/// is for the interrupt.
const SLOT: (Ktime, Ktime) = (10_000, 2 * SLICE);

/// The most that is written down for one callback, in ns: a virtual processor may be taken away
/// for any time, which is not a callback's fault.
pub(super) const MOST: Ktime = 1_000_000;

/// After how many deferrals a callback signals a batch all the same.
pub(super) const PATIENCE: u8 = 64;

/// The account of the timers of all timelines.
///
/// The times are those of `CLOCK_MONOTONIC`. All of them are hints, and need no order with other
/// memory.
pub(super) struct Pace {
    /// When all that was taken will have been paid.
    paid: Atomic<i64>,
    /// The last slot that was given away.
    slot: Atomic<i64>,
    /// How long callbacks have taken lately that were not deferred, in ns.
    typical: Atomic<i64>,
}

/// The account.
pub(super) static PACE: Pace = Pace::new();

impl Pace {
    /// Returns an account from which nothing was taken.
    pub(super) const fn new() -> Self {
        Self {
            paid: Atomic::new(0),
            slot: Atomic::new(0),
            typical: Atomic::new(0),
        }
    }

    /// Tells whether a callback may begin a slice at `now`.
    pub(super) fn allows(&self, now: Ktime) -> bool {
        self.paid.load(Relaxed) <= now.saturating_add(SLICE)
    }

    /// Writes down that a callback ran from `begin` to `end`. A callback that was `deferred` has
    /// done nothing else.
    pub(super) fn take(&self, begin: Ktime, end: Ktime, deferred: bool) {
        let taken = end.saturating_sub(begin).clamp(0, MOST);
        update(&self.paid, |paid| paid.max(begin).saturating_add(2 * taken));
        if !deferred {
            update(&self.typical, |typical| typical + (taken - typical) / 8);
        }
    }

    /// Returns a time in the future for a callback that has more to do, which no other one gets.
    pub(super) fn slot(&self, now: Ktime) -> Ktime {
        let paid = self.paid.load(Relaxed).saturating_sub(SLICE);
        let (shortest, longest) = SLOT;
        let distance = (4 * self.typical.load(Relaxed)).clamp(shortest, longest);
        update(&self.slot, |last| {
            last.max(now).max(paid).saturating_add(distance)
        })
    }
}

/// Replaces a time, and returns the new one.
fn update(time: &Atomic<i64>, next: impl Fn(i64) -> i64) -> i64 {
    let mut old = time.load(Relaxed);
    loop {
        let new = next(old);
        match time.cmpxchg(old, new, Relaxed) {
            Ok(_) => return new,
            Err(now) => old = now,
        }
    }
}
