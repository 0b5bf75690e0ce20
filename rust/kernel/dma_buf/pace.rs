// SPDX-License-Identifier: GPL-2.0

//! The limit on the time that the timers of all timelines take of a processor.
//!
//! A timer callback runs in softirq context. The hrtimer core calls all expired callbacks in one
//! softirq. If a callback arms its timer for a past time, the core calls it again in the same
//! softirq. So neither a limit for one callback nor arming the timer for "now" lets other softirqs
//! and threads run. A million fences of one timeline, or a few fences of each of a thousand
//! timelines, would keep the processor busy until the last of them is signaled.
//!
//! Therefore the callbacks of all timelines share one account, a leaky bucket. The time that a
//! callback takes, in ns, is added to the account twice: once for the callback itself, and once for
//! the time that it leaves to other work. The debt is paid by the passing of time. If a callback
//! finds a debt of more than a [`SLICE`], it only arms its timer for a *slot*, a time in the
//! future, and its timer waits in line. The more timers wait in line, the later is a new slot, so
//! deferred timers do not fire all at once. The distance between slots follows the duration of
//! recent callbacks, so a timer that fires in its slot usually finds the debt paid.
//!
//! A thread that arms the timer of its own timeline for a past time, again and again, must not
//! delay the timers of others. Therefore:
//!
//! - A timer has one slot at a time. A callback before its slot keeps the slot, and is not counted
//!   as a deferral. It does nothing else, so it takes no more than the system call that has armed
//!   the timer.
//! - A slot that is not used does not make other slots later: only timers that wait in line do.
//! - The debt is at most [`DEBT`], and a slot is at most [`HORIZON`] after the debt is paid.
//!
//! On a processor that does nothing else:
//!
//! - One softirq runs these callbacks for at most two slices and one batch of fences, plus the time
//!   that it takes to arm the timers that are deferred, plus a batch for each timer whose patience
//!   is at its end.
//! - Every timeline makes progress: a callback that was deferred in [`PATIENCE`] slots in a row
//!   does one thing that is due, even if the account does not allow it.

use super::Ktime;
use crate::sync::atomic::{
    ordering::Relaxed,
    Atomic, //
};

/// For how long one callback begins new batches, in ns.
pub(super) const SLICE: Ktime = 100_000;

/// The shortest and the longest distance between two slots, in ns. In between, the distance is four
/// times the recent duration of a callback: the account asks for half of it, and the other half is
/// for the interrupt.
const SLOT: (Ktime, Ktime) = (10_000, 2 * SLICE);

/// The most that one callback adds to the account, in ns. A hypervisor may stop a virtual processor
/// for any time while a callback runs.
pub(super) const MOST: Ktime = 1_000_000;

/// The largest debt, in ns. It could grow without limit otherwise, because several processors may
/// run callbacks at a time.
pub(super) const DEBT: Ktime = 20 * MOST;

/// The longest distance between the time at which the debt will be paid and a slot, in ns. If more
/// timers wait in line than fit in, some fire at the same time.
pub(super) const HORIZON: Ktime = 250_000_000;

/// The number of slots in a row after which a callback does something even if the account does not
/// allow it.
pub(super) const PATIENCE: u8 = 8;

/// The account of the timers of all timelines.
///
/// The times are those of `CLOCK_MONOTONIC`. All fields are hints, and need no order with other
/// memory.
pub(super) struct Pace {
    /// When the debt will be paid.
    paid: Atomic<i64>,
    /// How many timers wait in line.
    waiting: Atomic<i64>,
    /// The recent duration of callbacks that were not deferred, in ns.
    typical: Atomic<i64>,
}

/// The account that all timelines use.
pub(super) static PACE: Pace = Pace::new();

impl Pace {
    /// Returns an account without a debt.
    pub(super) const fn new() -> Self {
        Self {
            paid: Atomic::new(0),
            waiting: Atomic::new(0),
            typical: Atomic::new(0),
        }
    }

    /// Returns whether a callback may begin a slice at `now`.
    pub(super) fn allows(&self, now: Ktime) -> bool {
        self.paid.load(Relaxed) <= now.saturating_add(SLICE)
    }

    /// Adds a callback that ran from `begin` to `end` to the account. `deferred` means that the
    /// callback did nothing but arm its timer.
    pub(super) fn take(&self, begin: Ktime, end: Ktime, deferred: bool) {
        let taken = end.saturating_sub(begin).clamp(0, MOST);
        update(&self.paid, |paid| {
            paid.max(begin)
                .saturating_add(2 * taken)
                .min(end.saturating_add(DEBT))
        });
        if !deferred {
            update(&self.typical, |typical| typical + (taken - typical) / 8);
        }
    }

    /// Returns a slot after `now` for the timer that is the `position`th in line.
    fn slot(&self, now: Ktime, position: i64) -> Ktime {
        let paid = self.paid.load(Relaxed).saturating_sub(SLICE);
        let (shortest, longest) = SLOT;
        let distance = (4 * self.typical.load(Relaxed)).clamp(shortest, longest);
        now.max(paid)
            .saturating_add(position.saturating_mul(distance).clamp(distance, HORIZON))
    }
}

/// What the callback of a timer may do.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// It begins new batches for so long, in ns. With 0, it does one thing that is due.
    Run(Ktime),
    /// It takes a new slot.
    Defer,
    /// It arms its timer for the slot that the timer has.
    Wait(Ktime),
}

/// The place of one timer in the line of those that were deferred.
///
/// It is the timer's slot, or 0 for a timer that does not wait in line. A slot is a multiple of 16
/// ns. The lowest four bits count in how many slots in a row the callback was deferred: eight bytes
/// more would make a context too large for the slab cache that it is in.
///
/// The context's lock protects it.
pub(super) struct Place(Ktime);

/// The bits of a [`Place`] that count deferrals.
const DEFERRALS: Ktime = 15;
const _: () = assert!(PATIENCE as Ktime <= DEFERRALS);

impl Place {
    /// Returns the place of a timer that does not wait in line.
    pub(super) const fn new() -> Self {
        Self(0)
    }

    /// Returns the slot, or 0.
    fn slot(&self) -> Ktime {
        self.0 & !DEFERRALS
    }

    /// Returns in how many slots in a row the callback was deferred.
    fn deferrals(&self) -> Ktime {
        self.0 & DEFERRALS
    }

    /// Returns what a callback that begins at `now` may do.
    pub(super) fn ask(&self, pace: &Pace, now: Ktime) -> Verdict {
        if pace.allows(now) {
            Verdict::Run(SLICE)
        } else if now < self.slot() {
            Verdict::Wait(self.slot())
        } else if self.deferrals() >= PATIENCE.into() {
            Verdict::Run(0)
        } else {
            Verdict::Defer
        }
    }

    /// Puts the timer at the end of the line, and returns its slot, which is after `now`.
    pub(super) fn wait(&mut self, pace: &Pace, now: Ktime) -> Ktime {
        let waiting = if self.slot() == 0 {
            pace.waiting.fetch_add(1, Relaxed) + 1
        } else {
            pace.waiting.load(Relaxed)
        };
        let slot = pace.slot(now, waiting) & !DEFERRALS;
        self.0 = slot | self.deferrals();
        slot
    }

    /// Like [`wait`](Self::wait), for a callback that was deferred.
    pub(super) fn defer(&mut self, pace: &Pace, now: Ktime) -> Ktime {
        self.0 = self.slot() | (self.deferrals() + 1).min(DEFERRALS);
        self.wait(pace, now)
    }

    /// Takes the timer out of the line, if it waits there.
    pub(super) fn leave(&mut self, pace: &Pace) {
        if self.slot() != 0 {
            pace.waiting.fetch_sub(1, Relaxed);
        }
        *self = Self::new();
    }
}

/// Atomically replaces a time by what `next` returns for it, and returns the new time.
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
