// SPDX-License-Identifier: GPL-2.0

//! The owner of a context.

use super::{
    context::{
        FenceContext,
        PointOf, //
    },
    module_ref::ModuleRef,
    pace::PACE,
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
        aref::ARef,
        rcu::RcuFreeKBox,
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
/// It emits fences and signals them. Every fence has a timeout. When the timeout is over, the fence
/// completes with `ETIMEDOUT`, and so does every fence before it. A timeline has one timer, which
/// is armed for the oldest fence only. A fence that is signaled in time causes no timer operation
/// of its own.
///
/// # Dropping
///
/// Dropping a timeline cancels the timer, and waits for a callback that is running. Then it drops
/// the context's box. This completes the pending fences with [`FenceOps::CLOSED`] and unshares the
/// context. Nothing waits for a grace period.
///
/// The context's box is private, so safe code can't drop a context whose timer is armed. A waiter
/// on another fence that wakes the timeline holds a reference to it, so no such waiter is left when
/// the timeline is dropped.
///
/// A module that issues fences needs no barrier when it is unloaded. A timeline pins its module.
/// Once the timeline is dropped, its fences have signaled and the core has detached them. The
/// kernel waits for a grace period before it frees the module's text, and so for readers that are
/// still in a callback of a fence.
///
/// # Context
///
/// A timeline must be dropped in process context: the drop waits for a running timer callback. Each
/// method documents the context that it needs.
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
/// assert_eq!(fences[0].status(), Status::Signaled);
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

/// The fields of a [`Timeline`].
///
/// They are in a private type of their own: code that can name a type with an [`HrTimer`] may start
/// and cancel the timer of any pinned value of that type.
///
/// # Invariants
///
/// Each `Parts` is the field of a [`Timeline`]. `context` is initialized until the drop takes it.
/// The timer is started only under the context's lock, and not after `closing` was set.
#[pin_data]
pub(super) struct Parts<O: FenceOps> {
    context: ManuallyDrop<RcuFreeKBox<FenceContext<O>>>,
    #[pin]
    pub(super) timer: HrTimer<Self>,
    /// Notified when an emission has ended.
    #[pin]
    idle: CondVar,
    #[pin]
    owner: O,
    // Must be the last field: it keeps the module loaded until the fields above are dropped.
    _module: ModuleRef,
}

impl<O: FenceOps> Timeline<O> {
    /// Returns an initializer for a timeline with a new context.
    ///
    /// # Errors
    ///
    /// - `ENOMEM` if there is no memory for the context.
    /// - `ENODEV` if the module is being unloaded, or if its `init` has not succeeded yet.
    /// - The errors of the initializers `shared` and `owner`.
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
        // INVARIANT: These parts are the field of this timeline.
        try_pin_init!(Self {
            parts <- try_pin_init!(Parts {
                _module: ModuleRef::new(this_module::<O::OwnerModule>())?,
                owner <- owner,
                context: ManuallyDrop::new(RcuFreeKBox::pin_init::<Error>(
                    FenceContext::new(shared),
                    GFP_KERNEL_ACCOUNT,
                )?),
                timer <- HrTimer::new(),
                idle <- new_condvar!("fence_emission"),
            }),
        })
    }

    /// Returns the context that the timeline owns.
    #[inline]
    pub(super) fn context(&self) -> &FenceContext<O> {
        &self.parts.context
    }

    /// Returns the number of the context, which is unique and never reused. Any context.
    pub fn number(&self) -> u64 {
        self.context().number
    }

    /// Returns the data that callbacks of fences see as a [`View`](super::View). Any context.
    pub fn shared_data(&self) -> Pin<&O::Shared> {
        self.context().data()
    }

    /// Returns the numbers of committed, completed and pending fences, as one consistent snapshot.
    ///
    /// If the caller has seen a fence signaled, or was woken by a waiter on it, the fence is
    /// counted as completed. Any context.
    pub fn counts(&self) -> Counts {
        let context = self.context();
        let state = context.state.lock();
        context
            .progress
            .snapshot(state.emitting.len(), &state.failures)
    }

    /// Returns the earliest deadline that was set on a pending fence, or `None` if there is none.
    /// Any context.
    ///
    /// If a deadline was ever set, the call visits as many fences as are pending when it begins. It
    /// visits them in batches, and interrupts are on between two batches. So it may miss a fence
    /// that was emitted during the call.
    pub fn earliest_deadline(&self) -> Option<Ktime> {
        self.context().earliest_deadline()
    }

    /// Begins to emit fences.
    ///
    /// One thread at a time has the right to emit. The thread keeps the right from the choice of
    /// the numbers until the fences are committed. Meanwhile it may do what is needed to make the
    /// fences known, and may sleep. Neither signalers nor the timer wait for it.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` if another thread has the right to emit, and a signal to the task arrives
    /// before that thread's turn has ended.
    ///
    /// # Context
    ///
    /// Process context; may sleep.
    #[inline]
    pub fn emission(&self) -> Result<Emission<'_, O>> {
        Emission::new(self)
    }

    /// Begins to emit fences like [`emission`](Self::emission), but never waits.
    ///
    /// # Errors
    ///
    /// `EAGAIN` if another thread has the right to emit.
    ///
    /// # Context
    ///
    /// Any; takes no lock.
    #[inline]
    pub fn try_emission(&self) -> Result<Emission<'_, O>> {
        Emission::try_new(self)
    }

    /// Returns the condition variable that is notified when an emission has ended.
    pub(super) fn idle(&self) -> &CondVar {
        &self.parts.idle
    }

    /// Signals every fence up to and including `seqno`, in order, and returns how many this call
    /// signaled.
    ///
    /// A fence that has signaled already keeps its status. When the call returns, none of these
    /// fences is pending, even if other threads were signaling them at the same time.
    ///
    /// # Context
    ///
    /// Any, but the lock of a fence must not be held, so a waiter must not call it. Interrupts are
    /// off for a bounded number of fences at a time.
    #[inline(never)]
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

    /// Signals every fence up to and including `seqno` like [`signal`](Self::signal), with the
    /// timestamp `time`.
    ///
    /// It is for issuers that know when the work ended, even if they learn of it later. The
    /// timestamps of a timeline ascend if one thread at a time signals all its fences, and the
    /// times that it passes ascend and are not in the future. Wraps
    /// `dma_fence_signal_timestamp_locked()`.
    ///
    /// # Context
    ///
    /// As for [`signal`](Self::signal).
    #[inline(never)]
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

    /// Signals the first batch of the fences that [`signal`](Self::signal) would signal: at most
    /// 64.
    ///
    /// Returns whether there may be more. [`FenceOps::run_due`] uses it, and is called again if
    /// there are.
    ///
    /// Context as for [`signal`](Self::signal).
    pub fn signal_some(&self, seqno: u64, status: Result, cause: Cause) -> bool {
        let end = End {
            error: status.err(),
            cause,
            time: None,
        };
        self.context().signal_next(seqno, end).more
    }

    /// Makes the timer call [`FenceOps::next_due`] at `time`, or at once if `time` has passed.
    ///
    /// If there are several calls, only the earliest `time` counts: [`FenceOps::next_due`] then
    /// returns when the issuer wants to be called next. The call does nothing if the timeline is
    /// being dropped.
    ///
    /// # Context
    ///
    /// Any; a waiter may call it.
    pub fn wake_at(&self, time: Ktime) {
        self.arm(self.context().state.lock().as_mut(), time);
    }

    /// Returns the earliest deadline that [`Fence::set_deadline`] set on `fence`, a fence of this
    /// timeline.
    ///
    /// Returns `None` if no deadline was set. The fence may have signaled. Any context.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the fence belongs to another context.
    pub fn deadline(&self, fence: &Fence) -> Result<Option<Ktime>> {
        if fence.context() != self.number() {
            return Err(EINVAL);
        }
        // SAFETY: No other context has this number, so `fence` is a point of this context. The
        // reference `fence` keeps the memory of the point.
        let point = unsafe { &*fence.as_raw().cast::<PointOf<O>>() };
        Ok(point.deadline())
    }
}

impl<O: FenceOps<Order = EmissionOrder>> Timeline<O> {
    /// Returns the last number that was committed, or 0 if none was. Any context; takes no lock.
    #[inline]
    pub fn last(&self) -> u64 {
        self.context().progress.committed()
    }

    /// Returns the last number that has signaled, or 0 if none has. Every fence before it has
    /// signaled, too. Any context; takes no lock.
    #[inline]
    pub fn signaled_up_to(&self) -> u64 {
        self.context().progress.completed()
    }

    /// Returns the fence `seqno` if it is pending, or `None` if it is not.
    ///
    /// The call visits the fences that are pending before it in batches. Interrupts are on between
    /// two batches. Any context.
    pub fn pending_fence(&self, seqno: u64) -> Option<ARef<Fence>> {
        self.context().pending_fence(seqno)
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
        {
            let mut guard = self.context().state.lock();
            let state = guard.as_mut().project();
            *state.closing = true;
            state.place.leave(&PACE);
        }
        // SAFETY: The timer is initialized. Only a callback that had read `closing` before it was
        // set may still start the timer. `hrtimer_cancel()` waits for that callback, and dequeues
        // the timer if the callback started it.
        unsafe { bindings::hrtimer_cancel(self.timer()) };
        let parts = self.project().parts.project();
        // SAFETY: `context` is dropped only here, and is not used after this.
        unsafe { ManuallyDrop::drop(parts.context) };
    }
}
