// SPDX-License-Identifier: GPL-2.0

//! The owner of a context.

use super::{
    context::{
        FenceContext,
        PointOf, //
    },
    module_ref::ModuleRef,
    signal::End,
    Cause,
    Counts,
    Emission,
    EmissionOrder,
    Fence,
    FenceOps,
    Ktime, //
};
use crate::{
    bindings,
    module::this_module,
    new_condvar,
    prelude::*,
    sync::{
        rcu::RcuFreeBox,
        CondVar, //
    },
    time::hrtimer::HrTimer, //
};
use core::{
    mem::ManuallyDrop,
    ops::Deref, //
};

/// The owner of a context of fences.
///
/// It emits fences and signals them. Every fence has a timeout: it completes with `ETIMEDOUT` when
/// that is over, with everything before it. The timer is one for the timeline, and is armed for the
/// oldest fence only; a fence that is signalled in time costs nothing for it.
///
/// # Dropping
///
/// The timer is cancelled and waited for. Then the context's box is dropped, which completes the
/// pending fences with [`FenceOps::CLOSED`] and unshares the context. Nothing waits for a grace
/// period. Since the box isn't public, safe code can't drop a context whose timer is armed. A
/// waiter on another fence that wakes the timeline has a reference to it, so none is left by then.
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
/// # Examples
///
/// ```
/// use kernel::{
///     dma_buf::{
///         ktime_get, Cause, EmissionOrder, Fence, FenceOps, NewFences, Status, Timeline, View,
///     },
///     sync::{aref::ARef, rcu::Published},
/// };
///
/// /// A queue of some device.
/// struct Queue;
///
/// impl FenceOps for Queue {
///     type OwnerModule = crate::LocalModule;
///     type Shared = Published<&'static CStr>;
///     type Order = EmissionOrder;
///     const DRIVER_NAME: &'static CStr = c"device";
///     const CLOSED: Error = ECANCELED;
///
///     fn timeline_name(name: View<'_, Self>) -> &CStr {
///         name
///     }
/// }
///
/// let shared = Published::new(c"queue");
/// let queue = KBox::try_pin_init(Timeline::new(shared, Ok(Queue)), GFP_KERNEL)?;
///
/// // Memory first, then the right to emit; a second from now they time out.
/// let memory = NewFences::alloc(2, GFP_KERNEL)?;
/// let emitted = queue.emission()?.emit(memory, ktime_get() + 1_000_000_000);
/// let mut fences = KVec::<ARef<Fence>>::with_capacity(2, GFP_KERNEL)?;
/// for fence in emitted.fences() {
///     fences.push(fence.into(), GFP_KERNEL)?;
/// }
/// emitted.commit();
///
/// assert_eq!(queue.signal(1, Ok(()), Cause::Done), 1);
/// assert_eq!(fences[0].status(), Status::Signalled);
/// drop(queue);
/// assert_eq!(fences[1].status(), Status::Failed(ECANCELED));
/// # Ok::<(), Error>(())
/// ```
///
#[repr(transparent)]
#[pin_data(PinnedDrop)]
pub struct Timeline<O: FenceOps> {
    #[pin]
    pub(super) parts: Parts<O>,
}

/// What a [`Timeline`] is.
///
/// It is apart because whoever can name a type with an [`HrTimer`], and has a pinned reference to a
/// value, may start and cancel that timer.
///
/// # Invariants
///
/// Each is that of a [`Timeline`]. `context` is there until the drop takes it. The timer is started
/// under the context's lock only, and not after `closing` was set.
#[pin_data]
pub(super) struct Parts<O: FenceOps> {
    context: ManuallyDrop<RcuFreeBox<FenceContext<O>>>,
    #[pin]
    pub(super) timer: HrTimer<Self>,
    /// Told when an emission has ended.
    #[pin]
    idle: CondVar,
    #[pin]
    owner: O,
    // Last: the text that what stands above calls must be there until it is gone.
    _module: ModuleRef,
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
        // INVARIANT: They are those of this timeline.
        try_pin_init!(Self {
            parts <- try_pin_init!(Parts {
                _module: ModuleRef::new(this_module::<O::OwnerModule>())?,
                owner <- owner,
                context: ManuallyDrop::new(RcuFreeBox::pin_init::<Error>(
                    FenceContext::new(shared),
                    GFP_KERNEL_ACCOUNT,
                )?),
                timer <- HrTimer::new(),
                idle <- new_condvar!("fence_emission"),
            }),
        })
    }

    #[inline]
    pub(super) fn context(&self) -> &FenceContext<O> {
        &self.parts.context
    }

    /// Returns the number of the context: unique, and never reused.
    pub fn number(&self) -> u64 {
        self.context().number
    }

    /// Returns what callbacks of fences view.
    pub fn shared_data(&self) -> Pin<&O::Shared> {
        self.context().data()
    }

    /// Returns what the context has come to: one consistent snapshot.
    ///
    /// A fence that the caller has seen signaled, or whose waiter has woken the caller, is counted
    /// as completed. Any context.
    pub fn counts(&self) -> Counts {
        let context = self.context();
        let state = context.state.lock();
        context.progress.snapshot(state.emitting.len())
    }

    /// Returns the earliest deadline that was set on a fence which is pending. Any context.
    ///
    /// If a deadline was ever set, the call walks over as many fences as are pending when it
    /// begins, a batch at a time with interrupts on in between. So it may miss one that was emitted
    /// since.
    pub fn earliest_deadline(&self) -> Option<Ktime> {
        self.context().earliest_deadline()
    }

    /// Begins to emit fences.
    ///
    /// Numbers are chosen, and committed, by one thread at a time. Whatever else is needed to make
    /// the fences known may be done until they are committed, and may sleep: neither signalling nor
    /// the timer waits for it.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` if somebody else emits, and a signal comes before that has ended.
    ///
    /// # Context
    ///
    /// Process context; sleeps.
    #[inline]
    pub fn emission(&self) -> Result<Emission<'_, O>> {
        Emission::new(self)
    }

    /// Returns what is told when an emission has ended.
    pub(super) fn idle(&self) -> &CondVar {
        &self.parts.idle
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
        self.context().signal(
            seqno,
            End {
                error: status.err(),
                cause,
                time: None,
            },
        )
    }

    /// Signals everything up to and including `seqno`, as [`signal`](Self::signal) does, with
    /// `time` for its timestamp.
    ///
    /// For an issuer that knows when something ended, whatever the time is at which it finds out.
    /// Timestamps of a timeline ascend if all its fences are signalled by one thread at a time,
    /// with times that ascend and are not in the future. Wraps
    /// `dma_fence_signal_timestamp_locked()`.
    ///
    /// # Context
    ///
    /// As for [`signal`](Self::signal).
    pub fn signal_timestamp(&self, seqno: u64, status: Result, cause: Cause, time: Ktime) -> usize {
        self.context().signal(
            seqno,
            End {
                error: status.err(),
                cause,
                time: Some(time),
            },
        )
    }

    /// Signals a batch of what [`signal`](Self::signal) would: the first 64 fences at most.
    ///
    /// Returns whether there may be more: for [`FenceOps::run_due`], which is called again.
    pub fn signal_some(&self, seqno: u64, status: Result, cause: Cause) -> bool {
        let end = End {
            error: status.err(),
            cause,
            time: None,
        };
        self.context().signal_next(seqno, end).more
    }

    /// Has the timer ask [`FenceOps::next_due`] at `time`, or at once if that is past.
    ///
    /// If several calls are waiting, the earliest one counts: [`FenceOps::next_due`] says when the
    /// issuer wants to be asked next. Nothing happens when the timeline is being dropped.
    ///
    /// # Context
    ///
    /// Any, also in a waiter.
    pub fn wake_at(&self, time: Ktime) {
        self.arm(self.context().state.lock().as_mut(), time);
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
        let point = unsafe { &*fence.as_raw().cast::<PointOf<O>>() };
        Ok(point.deadline())
    }
}

impl<O: FenceOps<Order = EmissionOrder>> Timeline<O> {
    /// Returns the last number that was committed, 0 if there is none. Any context; takes no lock.
    #[inline]
    pub fn last(&self) -> u64 {
        self.context().progress.committed()
    }

    /// Returns the last number that has signalled: so has everything before it. 0 if there is none.
    /// Any context; takes no lock.
    #[inline]
    pub fn signalled_up_to(&self) -> u64 {
        self.context().progress.completed()
    }
}

impl<O: FenceOps> Deref for Timeline<O> {
    type Target = O;

    fn deref(&self) -> &O {
        &self.parts.owner
    }
}

#[pinned_drop]
impl<O: FenceOps> PinnedDrop for Timeline<O> {
    fn drop(self: Pin<&mut Self>) {
        *self.context().state.lock().as_mut().project().closing = true;
        // SAFETY: The timer is initialised. Nothing starts it any more, except a callback that has
        // read `closing` before; cancelling waits for that and dequeues what it started.
        unsafe { bindings::hrtimer_cancel(self.timer()) };
        let parts = self.project().parts.project();
        // SAFETY: It is taken here only, and not used after.
        unsafe { ManuallyDrop::drop(parts.context) };
    }
}
