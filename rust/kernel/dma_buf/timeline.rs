// SPDX-License-Identifier: GPL-2.0

//! The owner of a context.

use super::{
    context::{
        Cause,
        Counts,
        Emitted,
        End,
        FenceContext,
        NewFence,
        Shared,
        UpTo, //
    },
    ktime_get,
    module_ref::ModuleRef,
    ops::Order,
    point::Point,
    Fence,
    FenceOps,
    Ktime,
    KTIME_MAX, //
};
use crate::{
    bindings, impl_has_hr_timer,
    module::this_module,
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        lock::mutex::MutexBackend,
        rcu::RcuFreeBox,
        Mutex, //
    },
    time::{
        hrtimer::{
            AbsoluteSoftMode,
            HasHrTimer,
            HrTimer,
            HrTimerCallback,
            HrTimerCallbackContext,
            HrTimerMode,
            HrTimerRestart, //
        },
        Monotonic, //
    },
};
use core::{
    cell::Cell,
    mem::ManuallyDrop,
    ops::Deref, //
};

/// How many batches the timer signals before it lets other softirqs run.
const TIMER_BATCHES: usize = 8;

/// The owner of a context of fences.
///
/// It emits fences and signals them. Every fence has a timeout: it completes with `ETIMEDOUT` when
/// that is over, with everything before it. The timer is one for the timeline, and is armed for the
/// oldest fence only; a fence that is signalled in time costs nothing for it.
///
/// # Dropping
///
/// In this order: [`FenceOps::closing`] lets go of waiters on other fences; the timer is cancelled,
/// and waited for; the context's box is dropped, which completes the pending fences with
/// [`FenceOps::CLOSED`] and unshares the context. Nothing waits for a grace period. Since the box
/// isn't public, safe code can't drop a context whose timer is armed.
///
/// A module that issues fences needs no barrier when it goes. A timeline pins its module; when it
/// is gone, its fences have signalled and the core has detached them, and readers who are still at
/// one are waited for by the grace period before the module's text is freed.
///
/// # Context
///
/// Drop it in process context: it waits for a running timer callback. What the methods need is said
/// there.
///
/// # Invariants
///
/// `context` is there until the drop takes it. The timer is started under the context's lock only,
/// and not after `closing` was set.
#[pin_data(PinnedDrop)]
pub struct Timeline<O: FenceOps> {
    context: ManuallyDrop<RcuFreeBox<FenceContext<O>>>,
    #[pin]
    timer: HrTimer<Self>,
    /// Held while fences are emitted; protects the numbers that are not committed.
    #[pin]
    emission: Mutex<()>,
    #[pin]
    owner: O,
    // Last: the text that what stands above calls must be there until it is gone.
    _module: ModuleRef,
}

impl_has_hr_timer! {
    impl{O: FenceOps} HasHrTimer<Self> for Timeline<O> {
        mode: AbsoluteSoftMode<Monotonic>,
        field: self.timer
    }
}

impl<O: FenceOps> Timeline<O> {
    /// Returns an initialiser for a timeline with a context of its own.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `ENODEV` if the module is being unloaded; what `shared` and `owner` fail with.
    ///
    /// # Context
    ///
    /// Process context; allocates with `GFP_KERNEL_ACCOUNT`.
    pub fn new<E>(
        shared: impl PinInit<O::Shared, E>,
        owner: impl PinInit<O, Error>,
    ) -> impl PinInit<Self, Error>
    where
        Error: From<E>,
    {
        try_pin_init!(Self {
            _module: ModuleRef::new(this_module::<O::OwnerModule>())?,
            owner <- owner,
            context: ManuallyDrop::new(RcuFreeBox::pin_init::<Error>(
                FenceContext::new(shared),
                GFP_KERNEL_ACCOUNT,
            )?),
            timer <- HrTimer::new(),
            emission <- new_mutex!((), "fence_emission"),
        })
    }

    #[inline]
    pub(super) fn shared(&self) -> &Shared<O> {
        self.context.shared()
    }

    /// Returns the number of the context: unique, and never reused.
    pub fn number(&self) -> u64 {
        self.shared().number
    }

    /// Returns what callbacks of fences view.
    pub fn shared_data(&self) -> Pin<&O::Shared> {
        self.shared().data()
    }

    /// Returns what the context has come to. Any context.
    pub fn counts(&self) -> Counts {
        let state = self.shared().state.lock();
        Counts {
            pending: state.pending.len(),
            ..state.counts
        }
    }

    /// Returns the earliest deadline that was set on a fence which is pending. Any context.
    ///
    /// Takes the time of a walk over the pending fences if any deadline was ever set; interrupts
    /// are on in between.
    pub fn earliest_deadline(&self) -> Option<Ktime> {
        self.shared().earliest_deadline()
    }

    /// Begins to emit fences.
    ///
    /// Numbers are chosen, and committed, by one thread at a time. Whatever else is needed to make
    /// the fences known may be done meanwhile, and may sleep: neither signalling nor the timer nor
    /// a drop waits for it.
    ///
    /// # Context
    ///
    /// Process context; sleeps.
    pub fn emission(&self) -> Emission<'_, O> {
        let guard = self.emission.lock();
        let next = Cell::new(self.counts().last.wrapping_add(1));
        Emission {
            timeline: self,
            next,
            _guard: guard,
        }
    }

    /// Signals everything up to and including `seqno`, in order, and returns how many it signalled.
    ///
    /// What has signalled already keeps its status. When it returns, none of them is pending, also
    /// if other signallers were at it.
    ///
    /// # Context
    ///
    /// Any, but not with the lock of a fence held, so not in a waiter. Interrupts are off for a
    /// bounded number of fences at a time.
    pub fn signal(&self, seqno: u64, status: Result, cause: Cause) -> usize {
        self.shared().signal(
            UpTo::Seqno(seqno),
            End {
                error: status.err(),
                cause: Some(cause),
            },
        )
    }

    /// As [`signal`](Self::signal), but signals a bounded number of fences only.
    ///
    /// Returns whether there may be more: for those who signal in an interrupt and can come back.
    pub fn signal_some(&self, seqno: u64, status: Result, cause: Cause) -> bool {
        let end = End {
            error: status.err(),
            cause: Some(cause),
        };
        self.shared()
            .signal_some(UpTo::Seqno(seqno), end, TIMER_BATCHES)
            .more
    }

    /// Calls [`FenceOps::wake`] at `time`, or at once if that is past.
    ///
    /// If several calls are waiting, the earliest one counts: `wake` says when it wants to be
    /// called next. Nothing happens when the timeline is being dropped.
    ///
    /// # Context
    ///
    /// Any, also in a waiter.
    pub fn wake_at(&self, time: Ktime) {
        let mut guard = self.shared().state.lock();
        let state = guard.as_mut().project();
        if !*state.closing && *state.armed > time {
            *state.armed = time;
            self.start_timer(time);
        }
    }

    /// Starts the timer. Called under the context's lock, before `closing` is set.
    fn start_timer(&self, time: Ktime) {
        let timer = <Self as HasHrTimer<Self>>::c_timer_ptr;
        // SAFETY: `self` is valid and pinned, and the timer initialised. It is not freed before the
        // timer is cancelled: the drop does that, after `closing` was set, so that no start
        // follows.
        unsafe {
            bindings::hrtimer_start_range_ns(
                timer(self).cast_mut(),
                time.max(0),
                0,
                AbsoluteSoftMode::<Monotonic>::C_MODE,
            );
        }
    }

    /// Completes what has timed out, a bounded amount of it, and tells whether there may be more.
    fn time_out(&self, now: Ktime) -> bool {
        for _ in 0..TIMER_BATCHES {
            let Some(last) = self.shared().expired(now) else {
                return false;
            };
            let end = End {
                error: Some(ETIMEDOUT),
                cause: Some(Cause::TimedOut),
            };
            let done = self
                .shared()
                .signal_some(UpTo::Seqno(last), end, TIMER_BATCHES);
            match done.last {
                // Of one that was not committed nobody has heard.
                Some(last) if O::ORDER.up_to(last, self.counts().last) => O::timed_out(self, last),
                _ => {}
            }
            if done.more {
                break;
            }
        }
        true
    }

    /// Returns the time of a fence of this timeline's that was set by [`Fence::set_deadline`].
    ///
    /// `None` if no deadline was set. Also answers when the fence has signalled. Any context.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the fence is of another context.
    pub fn deadline(&self, fence: &Fence) -> Result<Option<Ktime>> {
        if fence.context() != self.number() {
            return Err(EINVAL);
        }
        // SAFETY: The number is this context's alone, so the fence is a point of it. The reference
        // `fence` keeps its memory.
        let point = unsafe { &*fence.as_raw().cast::<Point>() };
        let deadline = point.deadline();
        Ok((deadline != KTIME_MAX).then_some(deadline))
    }
}

impl<O: FenceOps> HrTimerCallback for Timeline<O> {
    type Pointer<'a> = Pin<&'a Self>;

    fn run(this: Pin<&Self>, _ctx: HrTimerCallbackContext<'_, Self>) -> HrTimerRestart {
        let this = this.get_ref();
        *this.shared().state.lock().as_mut().project().armed = KTIME_MAX;
        let now = ktime_get();
        let wake = O::wake(this, now);
        let more = this.time_out(now);

        let mut guard = this.shared().state.lock();
        let state = guard.as_mut().project();
        let timeout = match state.pending.oldest() {
            _ if more => now,
            // SAFETY: The list owns a reference to what is linked.
            Some(oldest) => unsafe { oldest.as_ref() }.expires,
            None => KTIME_MAX,
        };
        let next = timeout.min(wake.unwrap_or(KTIME_MAX));
        if next < *state.armed && !*state.closing {
            *state.armed = next;
            this.start_timer(next);
        }
        // It was started above if it must run again; saying so here would put aside that time.
        HrTimerRestart::NoRestart
    }
}

impl<O: FenceOps> Deref for Timeline<O> {
    type Target = O;

    fn deref(&self) -> &O {
        &self.owner
    }
}

#[pinned_drop]
impl<O: FenceOps> PinnedDrop for Timeline<O> {
    fn drop(self: Pin<&mut Self>) {
        *self.shared().state.lock().as_mut().project().closing = true;
        O::closing(&self);
        let timer = <Self as HasHrTimer<Self>>::c_timer_ptr;
        // SAFETY: The timer is initialised. Nothing starts it any more, except a callback that has
        // read `closing` before; cancelling waits for that and dequeues what it started.
        unsafe { bindings::hrtimer_cancel(timer(&*self).cast_mut()) };
        let this = self.project();
        // SAFETY: It is taken here only, and not used after.
        unsafe { ManuallyDrop::drop(this.context) };
    }
}

/// The right to emit fences of a timeline: numbers are chosen by one thread at a time.
pub struct Emission<'a, O: FenceOps> {
    timeline: &'a Timeline<O>,
    next: Cell<u64>,
    _guard: crate::sync::lock::Guard<'a, (), MutexBackend>,
}

impl<'a, O: FenceOps> Emission<'a, O> {
    /// Returns the timeline.
    pub fn timeline(&self) -> &'a Timeline<O> {
        self.timeline
    }

    /// Emits the fence with the next number, which completes with `ETIMEDOUT` at `expires`.
    ///
    /// It can't fail and doesn't allocate. For a context of [`Order::Emission`]. `expires` is not
    /// before that of fences which were emitted earlier; if it is, it counts as that.
    pub fn emit(&self, new: NewFence, expires: Ktime) -> Emitted<'_, O> {
        let seqno = self.next.get();
        self.next.set(seqno.wrapping_add(1));
        self.emit_numbered(new, seqno, expires)
    }

    /// Emits the fence `seqno` in a context of [`Order::Seqno32`], or returns the pending one that
    /// has this number.
    ///
    /// Two points of one number are one fence: `Err` is the one that exists.
    pub fn emit_at(
        &self,
        new: NewFence,
        seqno: u32,
        expires: Ktime,
    ) -> Result<Emitted<'_, O>, ARef<Fence>> {
        if let Some(fence) = self.find(seqno) {
            return Err(fence);
        }
        Ok(self.emit_numbered(new, seqno.into(), expires))
    }

    fn emit_numbered(&self, new: NewFence, seqno: u64, expires: Ktime) -> Emitted<'_, O> {
        let shared = self.timeline.shared();
        let fence = shared.emit(new, seqno, expires, |at| self.timeline.start_timer(at));
        Emitted::new(self, fence)
    }

    /// Returns the pending fence `seqno` of a context of [`Order::Seqno32`].
    fn find(&self, seqno: u32) -> Option<ARef<Fence>> {
        let guard = self.timeline.shared().state.lock();
        let fence = guard.pending.find(seqno)?;
        // SAFETY: The list owns a reference to what is linked.
        Some(unsafe { fence.as_ref() }.as_fence().into())
    }

    /// Takes out the pending fences that nobody but the timeline refers to.
    ///
    /// They are signalled with `ECANCELED` first, like all that are unwound, but there is nobody
    /// who could notice. Takes the time of a walk over the pending fences, with interrupts on in
    /// between.
    pub fn prune(&self) {
        self.timeline.shared().prune();
    }

    pub(super) fn committed(&self, fence: &Fence) {
        let mut guard = self.timeline.shared().state.lock();
        let counts = guard.as_mut().project().counts;
        if O::ORDER == Order::Seqno32 || fence.seqno() > counts.last {
            counts.last = fence.seqno();
        }
        // It may have timed out before.
        if fence.is_signalled() {
            counts.note_signalled(O::ORDER, fence.seqno());
        }
    }

    pub(super) fn unwind(&self, fence: &Fence) {
        self.timeline.shared().unwind(fence);
    }
}
