// SPDX-License-Identifier: GPL-2.0

//! The timer of a timeline: timeouts, and what its owner wants to be woken for.

use super::{
    context::State,
    ktime_get,
    pending::{
        Pending,
        UpTo, //
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

/// How many batches the timer signals before it lets other softirqs run.
pub(super) const TIMER_BATCHES: usize = 4;

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

    /// Completes with `ETIMEDOUT` what has timed out before `time`, a bounded amount of it.
    ///
    /// The timer does this by itself, but it may be late, and then it calls [`FenceOps::wake`]
    /// first. An owner that signals there what was due at a time that is past calls this before,
    /// so that what should have happened first does.
    ///
    /// Returns whether there may be more. Nothing times out early, whatever `time` is.
    ///
    /// # Context
    ///
    /// That of [`FenceOps::wake`]: softirq context, with no lock held. [`FenceOps::timed_out`] is
    /// called.
    pub fn time_out_before(&self, time: Ktime) -> bool {
        self.time_out(time.saturating_sub(1).min(ktime_get()))
    }

    /// Completes what has timed out, a bounded amount of it, and tells whether there may be more.
    fn time_out(&self, now: Ktime) -> bool {
        for _ in 0..TIMER_BATCHES {
            let Some(last) = self.shared().expired(now) else {
                return false;
            };
            let end = End {
                error: Some(ETIMEDOUT),
                cause: Cause::TimedOut,
            };
            let done = self
                .shared()
                .signal_some(UpTo::Seqno(last), end, TIMER_BATCHES);
            if let Some(last) = done.last {
                O::timed_out(self, last);
            }
            if done.more {
                break;
            }
        }
        true
    }
}

impl<O: FenceOps> HrTimerCallback for Parts<O> {
    type Pointer<'a> = Pin<&'a Self>;

    fn run(this: Pin<&Self>, _ctx: HrTimerCallbackContext<'_, Self>) -> HrTimerRestart {
        let this = this.get_ref().timeline();
        *this.shared().state.lock().as_mut().project().armed = KTIME_MAX;
        let now = ktime_get();
        let wake = O::wake(this, now);
        let more = this.time_out(now);

        let mut guard = this.shared().state.lock();
        let timeout = match guard.pending.oldest() {
            _ if more => now,
            // SAFETY: The list owns a reference to what is linked.
            Some(oldest) => unsafe { oldest.as_ref() }.expires,
            None => KTIME_MAX,
        };
        let next = timeout.min(wake.unwrap_or(KTIME_MAX));
        this.arm(guard.as_mut(), next);
        // It was started above if it must run again; saying so here would put aside that time.
        HrTimerRestart::NoRestart
    }
}
