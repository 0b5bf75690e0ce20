// SPDX-License-Identifier: GPL-2.0

//! What an issuer of fences provides, and how the C side calls it.

use super::{
    context::{
        ContextView,
        FenceContext,
        PointOf, //
    },
    order::Order,
    timeline::Timeline,
    Ktime,
    KTIME_MAX, //
};
use crate::{
    bindings,
    module::ModuleMetadata,
    prelude::*,
    sync::rcu::{
        self,
        RcuFreeSafe, //
    }, //
};
use core::{
    marker::PhantomData,
    mem::size_of,
    ptr::NonNull, //
};

/// The view of what an issuer shares with the readers of its fences.
pub type View<'a, O> = <<O as FenceOps>::Shared as RcuFreeSafe>::RcuView<'a>;

/// An issuer of fences.
///
/// The type is the owner's data, which a [`Timeline`] holds. What readers of fences see is apart
/// from it, in [`Shared`](Self::Shared), and only through its view.
pub trait FenceOps: Sized + Send + Sync + 'static {
    /// The module that the implementation stands in: `crate::LocalModule`. A timeline pins it.
    type OwnerModule: ModuleMetadata;

    /// What the callbacks below see: it is a part of the context, and lives as long.
    ///
    /// They are given its view, and may be called until one grace period after the last fence has
    /// signalled, also while the owner drops the timeline: what the view may contain is told at
    /// [`RcuFreeSafe`]. It is unshared when everything that was pending has signalled, and its
    /// destructor is not run; that of the owner runs right after, not a grace period later.
    type Shared: RcuFreeSafe + Send + Sync;

    /// What [`Fence::driver_name`](super::Fence::driver_name) answers.
    const DRIVER_NAME: &'static CStr;

    /// The order in which the fences signal.
    type Order: Order;

    /// What pending fences complete with when the timeline is dropped.
    const CLOSED: Error;

    /// Returns the name of the timeline.
    ///
    /// It does not change from the first fence on. Called in any context, also with the context's
    /// lock held, and by tracepoints with preemption off: it must not take a lock, not even a
    /// spinlock, which sleeps with `CONFIG_PREEMPT_RT`.
    fn timeline_name(shared: View<'_, Self>) -> &CStr;

    /// Somebody waits for a fence, for the first time.
    ///
    /// Called under the fence's lock with interrupts off: it may neither signal nor ask a fence.
    fn enable_signaling(_shared: View<'_, Self>, _seqno: u64) {}

    /// Somebody wants a fence to have signalled by `deadline`, which is from 0 to less than
    /// [`KTIME_MAX`]. Other deadlines count as none, and are not passed on.
    ///
    /// Called in any context, any number of times, also while the fence signals.
    fn set_deadline(_shared: View<'_, Self>, _seqno: u64, _deadline: Ktime) {}

    /// Fences up to `seqno` have completed because a timeout was over.
    ///
    /// Called for each batch, in the context of [`run_due`](Self::run_due).
    fn timed_out(_timeline: &Timeline<Self>, _seqno: u64) {}

    /// Returns when the issuer next has something to do, in ns of `CLOCK_MONOTONIC`; `None` if it
    /// has nothing.
    ///
    /// Called whenever the timer fires, and by [`Timeline::run_due`], with no lock held. An answer
    /// that becomes earlier later on must be followed by [`Timeline::wake_at`].
    fn next_due(_timeline: &Timeline<Self>) -> Option<Ktime> {
        None
    }

    /// Does the first thing that the issuer has to do, if it is due by `time`.
    ///
    /// `time` is what [`next_due`](Self::next_due) answered just now, and is not in the future.
    /// What timed out before that has completed. The call does a bounded amount of work, and is
    /// repeated until nothing is due: it signals a batch ([`Timeline::signal_some`]) at most, and
    /// goes on to the next thing only in a call in which the first one is done.
    ///
    /// # Context
    ///
    /// Softirq context or, if the issuer calls [`Timeline::run_due`], that of the caller; then
    /// several threads may be in here at a time. No lock is held.
    fn run_due(_timeline: &Timeline<Self>, _time: Ktime) {}
}

/// The C side's table for an issuer.
///
/// There is no `release` and no `wait`: either would bind every fence to this module for ever,
/// since the core then doesn't detach a fence when it signals. Nor is there `signaled`: a fence is
/// signalled by its timeline, and by nothing else.
pub(super) struct VTable<O>(PhantomData<O>);

/// Returns evidence of an RCU critical section that the caller's caller is in.
///
/// A guard taken in a callback would end with it, and the string that the callback returns is used
/// after that. It is the section of whoever called into the core that protects it.
///
/// A spin lock that is held is such a section: preemption is off, which a grace period waits for in
/// every flavour of RCU since there is one only; on PREEMPT_RT, where it isn't, the lock takes
/// `rcu_read_lock()` (`rt_spin_lock()`, kernel/locking/spinlock_rt.c).
///
/// # Safety
///
/// Callers must ensure that for all of `'a` this thread is in one RCU critical section: it has
/// called `rcu_read_lock()`, or holds a spin lock.
unsafe fn callers_guard<'a>() -> &'a rcu::Guard {
    const { assert!(size_of::<rcu::Guard>() == 0) };
    // SAFETY: A reference to a type without a size needs no memory. Nothing is dropped through it,
    // and the invariant of the guard is the safety requirement.
    unsafe { NonNull::<rcu::Guard>::dangling().as_ref() }
}

impl<O: FenceOps> VTable<O> {
    const OPS: bindings::dma_fence_ops = bindings::dma_fence_ops {
        get_driver_name: Some(Self::get_driver_name),
        get_timeline_name: Some(Self::get_timeline_name),
        enable_signaling: Some(Self::enable_signaling),
        set_deadline: Some(Self::set_deadline),
        ..pin_init::zeroed()
    };

    /// Returns the table. Its address says nothing: a fence is known by its context's number.
    pub(super) const fn ops() -> &'static bindings::dma_fence_ops {
        &Self::OPS
    }

    /// Returns the point and what its context shows to readers.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `fence` is one that a context of `O` has emitted, and that for all
    /// of `'a` this thread is in one RCU critical section (a spin lock that is held is one), in
    /// which it found that the fence had not signalled, or in which the fence can't be unlinked.
    unsafe fn view<'a>(fence: *mut bindings::dma_fence) -> (&'a PointOf<O>, ContextView<'a, O>) {
        // SAFETY: By the safety requirements the fence is that of a point, at its start.
        let point = unsafe { &*fence.cast::<PointOf<O>>() };
        // SAFETY: By the invariant of `Point` the context is valid until one grace period after the
        // fence has signalled; by the safety requirements that has not passed before `'a` ends. No
        // `&mut` to a context exists while it is in its box.
        let context = unsafe { &*point.context.cast::<FenceContext<O>>() };
        // SAFETY: By the safety requirements this thread is in one critical section for `'a`.
        (point, ContextView::new(context, unsafe { callers_guard() }))
    }

    /// # Safety
    ///
    /// Callers must be the dma-fence core.
    unsafe extern "C" fn get_driver_name(_fence: *mut bindings::dma_fence) -> *const c_char {
        O::DRIVER_NAME.as_char_ptr()
    }

    /// # Safety
    ///
    /// Callers must be the dma-fence core. `fence` must be one that a context of `O` has emitted.
    unsafe extern "C" fn get_timeline_name(fence: *mut bindings::dma_fence) -> *const c_char {
        // SAFETY: `dma_fence_timeline_name()` tests SIGNALED before it calls, in a critical section
        // that its caller keeps for as long as the result is used. The tracepoints that call
        // directly do so with a spin lock held, and use the result before it is dropped: in
        // `dma_fence_init()` the context's, which `emit` holds until the fence is linked; in
        // signalling the fence's, which a signaller takes before it unlinks the fence.
        let (_, view) = unsafe { Self::view(fence) };
        O::timeline_name(view.data()).as_char_ptr()
    }

    /// # Safety
    ///
    /// Callers must be the dma-fence core. `fence` must be one that a context of `O` has emitted.
    unsafe extern "C" fn enable_signaling(fence: *mut bindings::dma_fence) -> bool {
        // SAFETY: The core holds the fence's lock, a spin lock, and has tested SIGNALED under it.
        let (point, view) = unsafe { Self::view(fence) };
        O::enable_signaling(view.data(), point.seqno());
        true
    }

    /// # Safety
    ///
    /// Callers must be the dma-fence core. `fence` must be one that a context of `O` has emitted.
    unsafe extern "C" fn set_deadline(
        fence: *mut bindings::dma_fence,
        deadline: bindings::ktime_t,
    ) {
        // A time beyond KTIME_MAX comes from user space, and is negative here.
        if !(0..KTIME_MAX).contains(&deadline) {
            return;
        }
        // SAFETY: The core calls `rcu_read_lock()` before it tests SIGNALED, and ends the section
        // after this call.
        let (point, view) = unsafe { Self::view(fence) };
        point.note_deadline(deadline);
        view.note_deadline();
        O::set_deadline(view.data(), point.seqno(), deadline);
    }
}

/// Initialises the fence of a point, as `dma_fence_init64()` does: the core compares all 64 bits of
/// its number.
///
/// Where a fence of a context is added to a `dma_resv`, or merged with another one, the core keeps
/// the later one only. Compared by their lower 32 bits, a pending fence would make way for one that
/// signaled long before it.
///
/// # Safety
///
/// Callers must ensure that [`Point::write`] has written `point` with its context. They must hold
/// the lock of that context, and must link `point` before they drop the lock.
pub(super) unsafe fn init_fence<O: FenceOps>(point: NonNull<PointOf<O>>, number: u64, seqno: u64) {
    // SAFETY: The memory is valid and not shared yet. Without an external lock the fence uses its
    // own, which lives as long as it does. The table is `'static`; the module can't go while a
    // fence of it has not signalled, since the timeline pins it.
    unsafe {
        bindings::dma_fence_init(
            point.as_ref().fence.get(),
            VTable::<O>::ops(),
            core::ptr::null_mut(),
            number,
            seqno,
        );
    }
    // GKI kernels don't export `dma_fence_init64()`, which does this.
    // SAFETY: The fence was initialised just now. Nobody else has it yet, so its flags don't
    // change.
    unsafe {
        (*point.as_ref().fence.get()).flags |=
            1 << bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_SEQNO64_BIT;
    }
}

/// Signals a fence with its error and time, if it has not signalled, and tells whether it did.
///
/// The flag is tested and the error set under the fence's lock: a signaller that comes second
/// changes nothing. `count_one` is called before the flag is set, under that lock.
///
/// # Safety
///
/// Callers must ensure that a context emitted the fence, and that its memory is valid. If the last
/// reference may have been put, that must have been after the fence had signalled. Callers must
/// hold no context lock.
#[inline]
pub(super) unsafe fn signal_fence(
    _section: &super::Section,
    fence: *mut bindings::dma_fence,
    error: Option<Error>,
    time: Ktime,
    count_one: impl FnOnce(),
) -> bool {
    // SAFETY: The fence is initialised, and has a lock of its own, which putting the last reference
    // doesn't overwrite.
    let flags = unsafe { bindings::dma_fence_lock_irqsave(fence) };
    // SAFETY: By the safety requirements the memory of `fence` is valid. It was initialised before
    // the fence was emitted.
    let first = !unsafe { bindings::dma_fence_test_signaled_flag(fence) };
    if first {
        count_one();
        if let Some(error) = error {
            // SAFETY: It has not signalled, which the lock keeps so. An `Error` is in [-4095, -1].
            unsafe { bindings::dma_fence_set_error(fence, error.to_errno()) };
        }
        // SAFETY: The fence's lock is held.
        unsafe { bindings::dma_fence_signal_timestamp_locked(fence, time) };
    }
    // SAFETY: Locked above, with these flags.
    unsafe { bindings::dma_fence_unlock_irqrestore(fence, flags) };
    first
}
