// SPDX-License-Identifier: GPL-2.0

//! The timer of a timeline: it completes fences that time out, and does what the issuer has due.

use super::{
    context::State,
    ktime_get,
    pace::{
        Verdict,
        PACE, //
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
    /// Returns the timeline whose parts these are.
    #[inline]
    fn timeline(&self) -> &Timeline<O> {
        // SAFETY: By the type invariant `self` is the field of a timeline. `Timeline` is
        // transparent over `Parts`.
        unsafe { &*core::ptr::from_ref(self).cast() }
    }
}

impl<O: FenceOps> Timeline<O> {
    /// Returns the C timer.
    #[inline]
    pub(super) fn timer(&self) -> *mut bindings::hrtimer {
        // SAFETY: `self.parts` is a reference, and so valid.
        unsafe { Parts::c_timer_ptr(&self.parts) }.cast_mut()
    }

    /// Arms the timer for `time`, unless the timer fires earlier or the timeline is being dropped.
    ///
    /// `state` shows that the caller holds the context's lock.
    pub(super) fn arm(&self, state: Pin<&mut State<O::Order>>, time: Ktime) {
        let state = state.project();
        if *state.armed > time && !*state.closing {
            *state.armed = time;
            self.start_timer(time);
        }
    }

    /// Starts the timer. Called under the context's lock, and not after `closing` was set.
    fn start_timer(&self, time: Ktime) {
        // SAFETY: `self` is valid and pinned, and its timer is initialized. The drop sets `closing`
        // under the context's lock, and then cancels the timer before it frees it. No start
        // follows, since this function is not called after `closing` was set.
        unsafe {
            bindings::hrtimer_start_range_ns(
                self.timer(),
                time.max(0),
                0,
                AbsoluteSoftMode::<Monotonic>::C_MODE,
            );
        }
    }

    /// Does everything that is due by `until`, in the order of time: timeouts, and what the issuer
    /// has due.
    ///
    /// The timer does the same, but may be late. Before an issuer signals something that was due at
    /// a past time, it calls this function, so that what was due earlier is done earlier. If a
    /// timeout and an item of the issuer are due at the same time, the item comes first. Nothing is
    /// done before it is due, even if `until` is in the future.
    ///
    /// Several threads may call this function at a time, also beside the timer callback. Each
    /// finishes the first item that is due before it begins the next one. If another thread has
    /// done an item meanwhile, it counts as done.
    ///
    /// # Context
    ///
    /// Process context, with no lock held. Interrupts are off for a bounded number of fences at a
    /// time. [`FenceOps::run_due`] and [`FenceOps::timed_out`] are called.
    pub fn run_due(&self, until: Ktime) {
        self.run_due_while(until.min(ktime_get()), || true);
    }

    /// Does what is due by `until`: at least one item if any is due, and further items while
    /// `go_on` returns true.
    ///
    /// Returns when the first item that is left is due.
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

    /// Completes a batch of the fences that have timed out by `time`, and tells the issuer.
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
        let mut guard = this.context().state.lock();
        let state = guard.as_mut().project();
        // From here on, a thread that needs the timer arms it anew.
        *state.armed = KTIME_MAX;
        let verdict = state.place.ask(&PACE, begin);
        let next = match verdict {
            Verdict::Wait(slot) => {
                this.arm(guard.as_mut(), slot);
                return HrTimerRestart::NoRestart;
            }
            Verdict::Defer => None,
            Verdict::Run(slice) => {
                drop(guard);
                let next = this.run_due_while(begin, || ktime_get() - begin < slice);
                guard = this.context().state.lock();
                guard.as_mut().project().place.leave(&PACE);
                (next > begin).then_some(next)
            }
        };
        let deferred = verdict == Verdict::Defer;
        let state = guard.as_mut().project();
        // If the timer were armed for a past time, the callback would be called again in this
        // softirq. The drop of a timeline takes the timer out of the line, once.
        let next = match next {
            Some(next) => next,
            None if *state.closing => KTIME_MAX,
            None if deferred => state.place.defer(&PACE, ktime_get()),
            None => state.place.wait(&PACE, ktime_get()),
        };
        this.arm(guard.as_mut(), next);
        drop(guard);
        // Also account for a callback that was deferred: thousands of them take time, too.
        PACE.take(begin, ktime_get(), deferred);
        // `arm()` has restarted the timer; returning `Restart` would discard that expiry.
        HrTimerRestart::NoRestart
    }
}
