// SPDX-License-Identifier: GPL-2.0

//! The timer of a timeline: timeouts, and what its owner wants to be woken for.

use super::{
    context::State,
    ktime_get,
    pace::{
        PACE,
        PATIENCE,
        SLICE, //
    },
    signal::End,
    timeline::Parts,
    Cause,
    FenceOps,
    Ktime,
    Timeline,
    KTIME_MAX, //
};
use crate::{
    bindings, impl_has_hr_timer,
    prelude::*,
    time::{
        hrtimer::{
            AbsoluteSoftMode,
            HasHrTimer,
            HrTimerCallback,
            HrTimerCallbackContext,
            HrTimerMode,
            HrTimerRestart, //
        },
        Monotonic, //
    },
};

impl_has_hr_timer! {
    impl{O: FenceOps} HasHrTimer<Self> for Parts<O> {
        mode: AbsoluteSoftMode<Monotonic>,
        field: self.timer
    }
}

impl<O: FenceOps> Parts<O> {
    /// Returns the timeline that these are the parts of.
    #[inline]
    fn timeline(&self) -> &Timeline<O> {
        // SAFETY: By the type invariant these are a timeline's, which is a transparent wrapper.
        unsafe { &*core::ptr::from_ref(self).cast() }
    }
}

impl<O: FenceOps> Timeline<O> {
    /// Returns the C timer.
    #[inline]
    pub(super) fn timer(&self) -> *mut bindings::hrtimer {
        // SAFETY: The reference is valid.
        unsafe { Parts::c_timer_ptr(&self.parts) }.cast_mut()
    }

    /// Arms the timer for `time`, unless it fires earlier or the timeline is being dropped.
    pub(super) fn arm(&self, state: Pin<&mut State<O::Order>>, time: Ktime) {
        let state = state.project();
        if *state.armed > time && !*state.closing {
            *state.armed = time;
            self.start_timer(time);
        }
    }

    /// Starts the timer. Called under the context's lock, before `closing` is set.
    fn start_timer(&self, time: Ktime) {
        // SAFETY: `self` is valid and pinned, and the timer initialised. It is not freed before the
        // timer is cancelled: the drop does that, after `closing` was set, so that no start
        // follows.
        unsafe {
            bindings::hrtimer_start_range_ns(
                self.timer(),
                time.max(0),
                0,
                AbsoluteSoftMode::<Monotonic>::C_MODE,
            );
        }
    }

    /// Does everything that is due by `until`, timeouts and what the issuer has, in the order of
    /// time.
    ///
    /// The timer does this by itself, but may be late. An issuer that signals something that was
    /// due at a past time calls this first, so that what was due earlier happens earlier. Of one
    /// time, what the issuer has comes before a timeout. Nothing happens early, whatever `until`
    /// is.
    ///
    /// Several threads may do so at a time, also beside the timer: each does the first thing that
    /// is due to its end before it goes on to the next one, and what another one has done by then
    /// is done.
    ///
    /// # Context
    ///
    /// Process context, with no lock held. Interrupts are off for a bounded number of fences at a
    /// time. [`FenceOps::run_due`] and [`FenceOps::timed_out`] are called.
    pub fn run_due(&self, until: Ktime) {
        self.run_due_while(until.min(ktime_get()), || true);
    }

    /// Does what is due by `until`, at least one thing, then as long as `go_on` says so.
    ///
    /// Returns when the first thing that is left is due.
    fn run_due_while(&self, until: Ktime, mut go_on: impl FnMut() -> bool) -> Ktime {
        let mut first = true;
        loop {
            let timeout = self.context().first_timeout();
            let own = O::next_due(self).unwrap_or(KTIME_MAX);
            let due = timeout.min(own);
            if due > until || !(first || go_on()) {
                return due;
            }
            first = false;
            if own <= timeout {
                O::run_due(self, own);
            } else {
                self.time_out(until.min(own.saturating_sub(1)));
            }
        }
    }

    /// Completes a batch of what has timed out by `time`.
    fn time_out(&self, time: Ktime) {
        let Some(last) = self.context().expired(time) else {
            return;
        };
        let end = End {
            error: Some(ETIMEDOUT),
            cause: Cause::TimedOut,
            time: None,
        };
        if let Some(last) = self.context().signal_next(last, end).last {
            O::timed_out(self, last);
        }
    }
}

impl<O: FenceOps> HrTimerCallback for Parts<O> {
    type Pointer<'a> = Pin<&'a Self>;

    fn run(this: Pin<&Self>, _ctx: HrTimerCallbackContext<'_, Self>) -> HrTimerRestart {
        let this = this.get_ref().timeline();
        let begin = ktime_get();
        let deferred = {
            let mut guard = this.context().state.lock();
            let state = guard.as_mut().project();
            // Who wants something done from here on arms the timer anew.
            *state.armed = KTIME_MAX;
            *state.deferred
        };
        let allowed = PACE.allows(begin);
        let runs = allowed || deferred >= PATIENCE;
        let next = if runs {
            let slice = if allowed { SLICE } else { 0 };
            let next = this.run_due_while(begin, || ktime_get() - begin < slice);
            (next > begin).then_some(next)
        } else {
            None
        };

        let mut guard = this.context().state.lock();
        *guard.as_mut().project().deferred = if runs { 0 } else { deferred + 1 };
        // A time that is past would have the callback called again in this softirq.
        let next = next.unwrap_or_else(|| PACE.slot(ktime_get()));
        this.arm(guard.as_mut(), next);
        drop(guard);
        // Also for a callback that was deferred: thousands of them take their time, too.
        PACE.take(begin, ktime_get(), !runs);
        // `arm()` has restarted the timer; returning `Restart` would discard that expiry.
        HrTimerRestart::NoRestart
    }
}
