// SPDX-License-Identifier: GPL-2.0

//! Fences of any driver, as their waiters see them.

use super::Ktime;
use crate::{
    bindings,
    error::{
        code::{
            EINVAL,
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

/// The status of a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The fence has not signaled.
    Pending,
    /// The fence has signaled without an error.
    Signaled,
    /// The fence has signaled with this error.
    Failed(Error),
}

/// A `struct dma_fence` of any driver.
///
/// It is reference counted; [`ARef<Fence>`] holds a reference. The last reference may be put in any
/// context in which the issuer's `release` callback may run. Fences of a
/// [`Timeline`](super::Timeline) have no such callback, so their last reference may be put in any
/// context.
///
/// # Invariants
///
/// The fence has been initialized, and at least one reference to it exists.
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

// SAFETY: A reference to a fence may be put on any CPU.
unsafe impl Send for Fence {}
// SAFETY: Every method below makes calls that the C side allows concurrently with themselves and
// with each other.
unsafe impl Sync for Fence {}

// SAFETY: Every fence is reference counted, by `dma_fence_get()` and `dma_fence_put()`.
unsafe impl AlwaysRefCounted for Fence {
    #[inline]
    fn inc_ref(&self) {
        // SAFETY: By the type invariant a reference exists, so the count is not zero.
        unsafe { bindings::dma_fence_get(self.as_raw()) };
    }

    #[inline]
    unsafe fn dec_ref(fence: NonNull<Self>) {
        // SAFETY: By the safety requirements the caller owns a reference, and gives it up.
        unsafe { bindings::dma_fence_put(fence.as_ptr().cast()) };
    }
}

impl Fence {
    /// Makes a [`Fence`] reference from a C pointer.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `ptr` points to an initialized fence, and that a reference to the
    /// fence is held for all of `'a`.
    #[inline]
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::dma_fence) -> &'a Self {
        // SAFETY: By the safety requirements `ptr` points to a fence that is initialized and
        // referenced. The type is transparent over `struct dma_fence`.
        unsafe { &*ptr.cast() }
    }

    /// Takes over a reference from the C side.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `ptr` points to an initialized fence. They must own a reference to
    /// it, and give it up.
    #[inline]
    pub unsafe fn take_raw(ptr: NonNull<bindings::dma_fence>) -> ARef<Self> {
        // SAFETY: By the safety requirements `ptr` points to a fence that is initialized and
        // referenced. The type is transparent over `struct dma_fence`.
        unsafe { ARef::from_raw(ptr.cast()) }
    }

    /// Returns the C pointer.
    #[inline]
    pub fn as_raw(&self) -> *mut bindings::dma_fence {
        self.0.get()
    }

    /// Returns the number of the fence's context, which is unique and never reused. Any context.
    #[inline]
    pub fn context(&self) -> u64 {
        // SAFETY: By the type invariant the fence is initialized. This field never changes after
        // that.
        unsafe { (*self.as_raw()).context }
    }

    /// Returns the number of the fence in its context. Any context.
    #[inline]
    pub fn seqno(&self) -> u64 {
        // SAFETY: By the type invariant the fence is initialized. This field never changes after
        // that.
        unsafe { (*self.as_raw()).seqno }
    }

    /// Returns whether the fence has signaled. Wraps `dma_fence_is_signaled()`.
    ///
    /// If SIGNALED is not set, the core asks the issuer. If the issuer says that the fence has
    /// signaled, the core takes the fence's lock and signals the fence.
    ///
    /// # Context
    ///
    /// Any context in which the fence's lock is not held, nor a lock that one of the fence's
    /// callbacks takes. So a callback of the fence must not call it.
    #[inline]
    pub fn is_signaled(&self) -> bool {
        // SAFETY: By the type invariant the fence is initialized, and a reference to it exists.
        unsafe { bindings::dma_fence_is_signaled(self.as_raw()) }
    }

    /// Returns the status of the fence. Wraps `dma_fence_get_status()`.
    ///
    /// # Context
    ///
    /// Takes the fence's lock: any context in which that lock is not held, nor a lock that one of
    /// the fence's callbacks takes. So a callback of the fence must not call it, and uses
    /// [`error`](Self::error) instead.
    pub fn status(&self) -> Status {
        // SAFETY: By the type invariant the fence is initialized, and a reference to it exists.
        match unsafe { bindings::dma_fence_get_status(self.as_raw()) } {
            0 => Status::Pending,
            err if err < 0 => Status::Failed(Error::from_errno(err)),
            _ => Status::Signaled,
        }
    }

    /// Returns the error with which the fence has signaled, or `None` if it has not signaled or has
    /// no error.
    ///
    /// Any context; takes no lock. So a callback, which runs under the lock of its fence, may call
    /// it.
    pub fn error(&self) -> Option<Error> {
        // SAFETY: By the type invariant the fence is initialized, and a reference to it exists.
        if !unsafe { bindings::dma_fence_test_signaled_acquire(self.as_raw()) } {
            return None;
        }
        // SAFETY: By the type invariant the fence is initialized. `error` is written before the
        // flag is set, and not after. The flag is set by a full barrier, with which the acquire
        // above pairs.
        match unsafe { (*self.as_raw()).error } {
            0 => None,
            err => Some(Error::from_errno(err)),
        }
    }

    /// Returns the time at which the fence signaled, or `None` if it has not. Wraps
    /// `dma_fence_timestamp()`.
    ///
    /// # Context
    ///
    /// Takes the fence's lock if a signaler has yet to write the time: any context in which that
    /// lock is not held, nor a lock that one of the fence's callbacks takes. A callback of the
    /// fence may call it, since the time has been written by then.
    pub fn timestamp(&self) -> Option<Ktime> {
        // SAFETY: By the type invariant the fence is initialized, and a reference to it exists.
        if !unsafe { bindings::dma_fence_test_signaled_flag(self.as_raw()) } {
            return None;
        }
        // SAFETY: By the type invariant the fence is initialized, and a reference to it exists. It
        // has signaled.
        Some(unsafe { bindings::dma_fence_timestamp(self.as_raw()) })
    }

    /// Waits until the fence signals, and returns how much of `timeout` was left. Wraps
    /// `dma_fence_wait_timeout()`.
    ///
    /// `timeout` is in jiffies. `interruptible` is whether signals to the task end the wait. The
    /// call does not tell whether the fence has an error: see [`status`](Self::status).
    ///
    /// # Errors
    ///
    /// - `ETIMEDOUT` if `timeout` is over.
    /// - `ERESTARTSYS` if a signal to the task ended the wait.
    /// - Any other error of the issuer, if the issuer has a `wait` of its own.
    /// - `EINVAL` if `timeout` is larger than a C `long`.
    ///
    /// # Context
    ///
    /// Process context; sleeps. It must not be called in a signalling section.
    pub fn wait(&self, interruptible: bool, timeout: Jiffies) -> Result<Jiffies> {
        let timeout = ffi::c_long::try_from(timeout).map_err(|_| EINVAL)?;
        // SAFETY: By the type invariant the fence is initialized, and a reference to it exists.
        // `timeout` is not negative.
        match unsafe { bindings::dma_fence_wait_timeout(self.as_raw(), interruptible, timeout) } {
            0 => Err(ETIMEDOUT),
            left if left > 0 => Ok(left as Jiffies),
            error => Err(Error::from_errno(error as ffi::c_int)),
        }
    }

    /// Asks the issuer to have the fence signaled by `deadline`. Wraps `dma_fence_set_deadline()`.
    ///
    /// The deadline is a hint that the issuer may ignore. Any context.
    #[inline]
    pub fn set_deadline(&self, deadline: Ktime) {
        // SAFETY: By the type invariant the fence is initialized, and a reference to it exists.
        unsafe { bindings::dma_fence_set_deadline(self.as_raw(), deadline) };
    }

    /// Returns the name of the timeline. Wraps `dma_fence_timeline_name()`.
    ///
    /// The name may be used only in the RCU section of `_rcu`: the issuer may free it one grace
    /// period after the fence has signaled.
    pub fn timeline_name<'a>(&'a self, _rcu: &'a rcu::Guard) -> &'a CStr {
        // SAFETY: By the type invariant the fence is initialized, and a reference to it exists.
        // `_rcu` shows that this thread is in an RCU section for all of `'a`. That section protects
        // the string.
        unsafe { CStr::from_char_ptr(bindings::dma_fence_timeline_name(self.as_raw())) }
    }

    /// Returns the name of the driver. Wraps `dma_fence_driver_name()`.
    ///
    /// The name may be used as long as that of [`timeline_name`](Self::timeline_name).
    pub fn driver_name<'a>(&'a self, _rcu: &'a rcu::Guard) -> &'a CStr {
        // SAFETY: By the type invariant the fence is initialized, and a reference to it exists.
        // `_rcu` shows that this thread is in an RCU section for all of `'a`. That section protects
        // the string.
        unsafe { CStr::from_char_ptr(bindings::dma_fence_driver_name(self.as_raw())) }
    }
}
