// SPDX-License-Identifier: GPL-2.0

//! Any driver's fence, as those see it who wait for it.

use super::Ktime;
use crate::{
    bindings,
    error::{
        code::{
            EINVAL,
            ERESTARTSYS,
            ETIMEDOUT, //
        },
        Error,
        Result, //
    },
    ffi::{
        self,
        CStr, //
    },
    str::CStrExt as _,
    sync::{
        aref::{
            ARef,
            AlwaysRefCounted, //
        },
        rcu, //
    },
    time::Jiffies,
    types::Opaque,
};
use core::ptr::NonNull;

/// How far a fence has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has not signalled.
    Pending,
    /// It has signalled, and all went well.
    Signalled,
    /// It has signalled with an error.
    Failed(Error),
}

/// A `struct dma_fence` of any driver.
///
/// It is reference counted: keep one with [`ARef<Fence>`]. The last reference may be put in any
/// context in which the issuer's `release` may run; a fence that was made by a
/// [`Timeline`](super::Timeline) has none, so that is any.
///
/// # Invariants
///
/// The fence has been initialised, and at least one reference to it exists.
///
/// # Examples
///
/// ```
/// # use kernel::{
/// #     dma_buf::{ktime_get, Cause, EmissionOrder, FenceOps, NewFences, Timeline, View},
/// #     sync::{aref::ARef, rcu::Published},
/// # };
/// use kernel::{
///     dma_buf::{Fence, Status},
///     time::{msecs_to_jiffies, Msecs},
/// };
///
/// /// Waits for a while, and tells what came of it.
/// fn outcome(fence: &Fence, patience: Msecs) -> Result<Status> {
///     match fence.wait(true, msecs_to_jiffies(patience)) {
///         // Also after an error: the wait doesn't tell.
///         Ok(_) => Ok(fence.status()),
///         Err(ETIMEDOUT) => Ok(Status::Pending),
///         Err(err) => Err(err),
///     }
/// }
///
/// # struct Queue;
/// #
/// # impl FenceOps for Queue {
/// #     type OwnerModule = crate::LocalModule;
/// #     type Shared = Published<&'static CStr>;
/// #     type Order = EmissionOrder;
/// #     const DRIVER_NAME: &'static CStr = c"device";
/// #     const CLOSED: Error = ECANCELED;
/// #
/// #     fn timeline_name(name: View<'_, Self>) -> &CStr {
/// #         name
/// #     }
/// # }
/// #
/// # let shared = Published::new(c"queue");
/// # let queue = KBox::try_pin_init(Timeline::new(shared, Ok(Queue)), GFP_KERNEL)?;
/// # let memory = NewFences::alloc(1, GFP_KERNEL)?;
/// # let emitted = queue.emission()?.emit(memory, ktime_get() + 10_000_000_000);
/// # let fence: ARef<Fence> = emitted.fences().next().ok_or(EINVAL)?.into();
/// # emitted.commit();
/// // A fence that its issuer signals with an error, after some time.
/// assert_eq!(outcome(&fence, 1)?, Status::Pending);
/// assert_eq!(fence.timestamp(), None);
/// # queue.signal(1, Err(EIO), Cause::Done);
/// assert_eq!(outcome(&fence, 1)?, Status::Failed(EIO));
/// assert!(fence.timestamp().is_some());
/// # Ok::<(), Error>(())
/// ```
#[repr(transparent)]
pub struct Fence(Opaque<bindings::dma_fence>);

// SAFETY: A fence may be put on any CPU.
unsafe impl Send for Fence {}
// SAFETY: Every method below is a call that the C side allows concurrently with itself and others.
unsafe impl Sync for Fence {}

// SAFETY: `dma_fence_get()` and `dma_fence_put()` count the references, and every fence is counted.
unsafe impl AlwaysRefCounted for Fence {
    #[inline]
    fn inc_ref(&self) {
        // SAFETY: By the type invariant a reference exists, so the count is not zero.
        unsafe { bindings::dma_fence_get(self.as_raw()) };
    }

    #[inline]
    unsafe fn dec_ref(fence: NonNull<Self>) {
        // SAFETY: By the safety requirements a reference is ours to put.
        unsafe { bindings::dma_fence_put(fence.as_ptr().cast()) };
    }
}

impl Fence {
    /// Makes a reference from a pointer.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `ptr` points to an initialised fence, and that somebody holds a
    /// reference to it for all of `'a`.
    #[inline]
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::dma_fence) -> &'a Self {
        // SAFETY: By the safety requirements; the type is transparent over `struct dma_fence`.
        unsafe { &*ptr.cast() }
    }

    /// Takes over a reference.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `ptr` points to an initialised fence. They must own a reference to
    /// it, and give it up.
    #[inline]
    pub unsafe fn take_raw(ptr: NonNull<bindings::dma_fence>) -> ARef<Self> {
        // SAFETY: By the safety requirements; the type is transparent over `struct dma_fence`.
        unsafe { ARef::from_raw(ptr.cast()) }
    }

    /// Returns the pointer for the C side.
    #[inline]
    pub fn as_raw(&self) -> *mut bindings::dma_fence {
        self.0.get()
    }

    /// Returns the number of the context that the fence belongs to: unique, and never reused.
    #[inline]
    pub fn context(&self) -> u64 {
        // SAFETY: By the type invariant the fence is initialised. The field never changes after.
        unsafe { (*self.as_raw()).context }
    }

    /// Returns the place of the fence in its context.
    #[inline]
    pub fn seqno(&self) -> u64 {
        // SAFETY: By the type invariant the fence is initialised. The field never changes after.
        unsafe { (*self.as_raw()).seqno }
    }

    /// Tells whether the fence has signalled, asking its issuer if it isn't known yet.
    ///
    /// Takes the fence's lock if the issuer says that it has. Not to be called in a waiter of this
    /// fence, nor with a lock held that one of its waiters takes.
    #[inline]
    pub fn is_signalled(&self) -> bool {
        // SAFETY: By the type invariant the fence is initialised, and a reference to it exists.
        unsafe { bindings::dma_fence_is_signaled(self.as_raw()) }
    }

    /// Returns how far the fence has come.
    ///
    /// Takes the fence's lock: not to be called in a waiter of this fence (where it has signalled,
    /// and [`error`](Self::error) answers), nor with a lock held that one of its waiters takes.
    pub fn status(&self) -> Status {
        // SAFETY: By the type invariant the fence is initialised, and a reference to it exists.
        match unsafe { bindings::dma_fence_get_status(self.as_raw()) } {
            0 => Status::Pending,
            err if err < 0 => Status::Failed(Error::from_errno(err)),
            _ => Status::Signalled,
        }
    }

    /// Returns the error that the fence has signalled with, if it has signalled with one.
    ///
    /// Takes no lock: this is what a waiter uses, which runs under the lock of its fence.
    pub fn error(&self) -> Option<Error> {
        // SAFETY: By the type invariant the fence is initialised, and a reference to it exists.
        if !unsafe { bindings::dma_fence_test_signaled_acquire(self.as_raw()) } {
            return None;
        }
        // SAFETY: By the type invariant the fence is initialised. The field is written before the
        // flag is set by a full barrier, which the acquire above pairs with, and not after.
        match unsafe { (*self.as_raw()).error } {
            0 => None,
            err => Some(Error::from_errno(err)),
        }
    }

    /// Returns when the fence signalled, or `None` if it has not. Wraps `dma_fence_timestamp()`.
    ///
    /// # Context
    ///
    /// Takes the fence's lock if the fence is just being signalled: any context in which that lock
    /// is not held, nor a lock that one of the fence's callbacks takes. A callback of the fence may
    /// call it, since the time has been written by then.
    pub fn timestamp(&self) -> Option<Ktime> {
        // SAFETY: By the type invariant the fence is initialised, and a reference to it exists.
        if !unsafe { bindings::dma_fence_test_signaled_flag(self.as_raw()) } {
            return None;
        }
        // SAFETY: By the type invariant; the fence has signalled.
        Some(unsafe { bindings::dma_fence_timestamp(self.as_raw()) })
    }

    /// Waits until the fence signals, and returns the time that was left.
    ///
    /// `interruptible` is whether signals to the task end the wait. Whether the fence signalled
    /// with an error is not told: ask [`status`](Self::status).
    ///
    /// # Errors
    ///
    /// `ETIMEDOUT` when `timeout` is over, `ERESTARTSYS` when a signal is pending.
    ///
    /// # Context
    ///
    /// Sleeps. Not in a signalling section.
    pub fn wait(&self, interruptible: bool, timeout: Jiffies) -> Result<Jiffies> {
        let timeout = ffi::c_long::try_from(timeout).map_err(|_| EINVAL)?;
        // SAFETY: By the type invariant; `timeout` is not negative.
        match unsafe { bindings::dma_fence_wait_timeout(self.as_raw(), interruptible, timeout) } {
            0 => Err(ETIMEDOUT),
            left if left > 0 => Ok(left as Jiffies),
            _ => Err(ERESTARTSYS),
        }
    }

    /// Tells the issuer by when somebody wants the fence to have signalled.
    ///
    /// A hint, which the issuer may not care for. Any context.
    #[inline]
    pub fn set_deadline(&self, deadline: Ktime) {
        // SAFETY: By the type invariant the fence is initialised, and a reference to it exists.
        unsafe { bindings::dma_fence_set_deadline(self.as_raw(), deadline) };
    }

    /// Returns the name of the timeline, as long as the caller stays in the critical section: the
    /// issuer may free it one grace period after the fence has signalled.
    pub fn timeline_name<'a>(&'a self, _rcu: &'a rcu::Guard) -> &'a CStr {
        // SAFETY: By the type invariant, and `_rcu` shows that RCU is held, which the string it
        // returns is protected by, for `'a`.
        unsafe { CStr::from_char_ptr(bindings::dma_fence_timeline_name(self.as_raw())) }
    }

    /// Returns the name of the driver. As for [`timeline_name`](Self::timeline_name).
    pub fn driver_name<'a>(&'a self, _rcu: &'a rcu::Guard) -> &'a CStr {
        // SAFETY: As in `timeline_name`.
        unsafe { CStr::from_char_ptr(bindings::dma_fence_driver_name(self.as_raw())) }
    }
}
