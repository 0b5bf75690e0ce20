// SPDX-License-Identifier: GPL-2.0

//! The callbacks of an issuer of fences, and the C functions that call them.

use super::{
    context::{
        ContextView,
        FenceContext,
        PointOf, //
    },
    order::Order,
    signal::Reason,
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

/// The view of the data that an issuer shares with the readers of its fences.
pub type View<'a, O> = <<O as FenceOps>::Shared as RcuFreeSafe>::RcuView<'a>;

/// An issuer of fences.
///
/// The implementing type is the owner's data, which a [`Timeline`] holds. Readers of fences do not
/// see it. They see [`Shared`](Self::Shared), and only through its view.
pub trait FenceOps: Sized + Send + Sync + 'static {
    /// The module that contains the implementation: `crate::LocalModule`. A timeline pins it.
    type OwnerModule: ModuleMetadata;

    /// The data that callbacks of fences see. It is a part of the context, and lives as long.
    ///
    /// Callbacks get a view of it. They may be called until one grace period after the last fence
    /// has signaled, even while the owner drops the timeline. [`RcuFreeSafe`] describes what a view
    /// may contain. The data is unshared when every pending fence has signaled. Its destructor does
    /// not run. The owner's destructor runs right after that, and does not wait for a grace period.
    type Shared: RcuFreeSafe + Send + Sync;

    /// The name that [`Fence::driver_name`](super::Fence::driver_name) returns.
    const DRIVER_NAME: &'static CStr;

    /// The order in which the fences signal.
    type Order: Order;

    /// The error with which pending fences complete when the timeline is dropped.
    const CLOSED: Error;

    /// Returns the name of the timeline.
    ///
    /// The name must not change after the first fence was emitted.
    ///
    /// # Context
    ///
    /// Any, even with the context's lock held; tracepoints call it with preemption disabled. So it
    /// must not take a lock, not even a spinlock, since a spinlock sleeps with `CONFIG_PREEMPT_RT`.
    fn timeline_name(shared: View<'_, Self>) -> &CStr;

    /// Called when the first waiter begins to wait for the fence `seqno`.
    ///
    /// # Context
    ///
    /// Under the fence's lock, with interrupts off. So it must neither signal nor query a fence. It
    /// must not rely on the lock: a later core may call it in an RCU critical section only.
    fn enable_signaling(_shared: View<'_, Self>, _seqno: u64) {}

    /// Called when a waiter wants the fence `seqno` to have signaled by `deadline`.
    ///
    /// `deadline` is from 0 to less than [`KTIME_MAX`]. Other deadlines are ignored, and not passed
    /// on.
    ///
    /// # Context
    ///
    /// Any. It may be called any number of times, even while the fence is being signaled.
    fn set_deadline(_shared: View<'_, Self>, _seqno: u64, _deadline: Ktime) {}

    /// Called when a fence is about to signal, for the issuer's trace events.
    ///
    /// It is called once for each fence, including fences that are unwound, right before other
    /// threads can see that the fence has signaled. `time` is the timestamp that the fence gets.
    ///
    /// # Context
    ///
    /// That of the signaler, under the fence's lock with interrupts off, and maybe under the
    /// context's lock. So it must neither signal nor query a fence, and must not use a timeline.
    #[inline]
    fn trace_signaled(
        _fence: TracedFence<'_, Self>,
        _status: Result,
        _reason: Reason,
        _time: Ktime,
    ) {
    }

    /// Called right before [`set_deadline`](Self::set_deadline), for the issuer's trace events.
    /// Context as there.
    #[inline]
    fn trace_deadline(_fence: TracedFence<'_, Self>, _deadline: Ktime) {}

    /// Called after fences up to `seqno` have completed because a timeout was over.
    ///
    /// It is called once for each batch. Context as for [`run_due`](Self::run_due).
    fn timed_out(_timeline: &Timeline<Self>, _seqno: u64) {}

    /// Returns when the issuer next has something to do, in ns of `CLOCK_MONOTONIC`, or `None` if
    /// it has nothing to do.
    ///
    /// It is called when the timer fires and by [`Timeline::run_due`], with no lock held. If the
    /// time becomes earlier later on, the issuer must call [`Timeline::wake_at`].
    fn next_due(_timeline: &Timeline<Self>) -> Option<Ktime> {
        None
    }

    /// Does the first item that the issuer has to do, if it is due by `time`.
    ///
    /// `time` is what [`next_due`](Self::next_due) has just returned, and is not in the future.
    /// Fences that timed out before `time` have completed.
    ///
    /// Each call must do a bounded amount of work: it signals at most one batch
    /// ([`Timeline::signal_some`]). It is called again until nothing is due. If an item takes
    /// several calls, the issuer must finish it before it begins the next item.
    ///
    /// # Context
    ///
    /// Softirq context, or that of the caller if the issuer calls [`Timeline::run_due`]. In the
    /// latter case several threads may be in this function at a time. No lock is held.
    fn run_due(_timeline: &Timeline<Self>, _time: Ktime) {}
}

/// The `struct dma_fence_ops` of an issuer.
///
/// It has no `release` and no `wait`. With either of them, the core does not detach a fence when it
/// signals, so every fence would need this module for ever. It has no `signaled` either, since only
/// its timeline signals a fence.
pub(super) struct VTable<O>(PhantomData<O>);

/// Returns evidence of the RCU critical section that the caller of a callback is in.
///
/// A guard that a callback takes would end with the callback, but the string that the callback
/// returns is used after that. The section of the code that called into the core protects the
/// string.
///
/// A spinlock that is held is such a section. With a spinlock held, preemption is off, and a grace
/// period waits for code with preemption off. With PREEMPT_RT preemption stays on, but the lock
/// calls `rcu_read_lock()` (`rt_spin_lock()`, kernel/locking/spinlock_rt.c).
///
/// # Safety
///
/// Callers must ensure that this thread is in one RCU critical section for all of `'a`: it has
/// called `rcu_read_lock()`, or holds a spinlock.
unsafe fn callers_guard<'a>() -> &'a rcu::Guard {
    const { assert!(size_of::<rcu::Guard>() == 0) };
    // SAFETY: A reference to a zero-sized type needs no memory. Nothing is dropped through it. The
    // invariant of the guard is the safety requirement.
    unsafe { NonNull::<rcu::Guard>::dangling().as_ref() }
}

/// A fence of an issuer, for its trace events.
///
/// # Invariants
///
/// A context of `O` has emitted `fence`. For all of `'a` this thread is in one RCU critical
/// section, in which it found that the fence had not signaled, or in which the fence can't be
/// unlinked. A spinlock that is held is such a section.
pub struct TracedFence<'a, O: FenceOps> {
    fence: *mut bindings::dma_fence,
    _section: PhantomData<(&'a rcu::Guard, O)>,
}

impl<O: FenceOps> TracedFence<'_, O> {
    /// Returns a value for `fence`.
    ///
    /// # Safety
    ///
    /// Callers must ensure that the type's invariant holds for as long as the value exists.
    #[inline(always)]
    pub(super) unsafe fn new(fence: *mut bindings::dma_fence) -> Self {
        // INVARIANT: The safety requirements are the type invariant.
        Self {
            fence,
            _section: PhantomData,
        }
    }

    /// Returns the C fence, which is valid while `self` exists.
    #[inline]
    pub(super) fn as_raw(&self) -> *mut bindings::dma_fence {
        self.fence
    }

    /// Returns the name of the timeline.
    pub fn timeline_name(&self) -> &CStr {
        // SAFETY: The safety requirements are the type invariant, which holds while `self` is
        // borrowed.
        let (_, view) = unsafe { VTable::<O>::view(self.fence) };
        O::timeline_name(view.data())
    }

    /// Returns the number of the fence.
    pub fn seqno(&self) -> u64 {
        // SAFETY: By the type invariant the fence is valid. This field never changes.
        unsafe { (*self.fence).seqno }
    }
}

impl<O: FenceOps> VTable<O> {
    const OPS: bindings::dma_fence_ops = bindings::dma_fence_ops {
        get_driver_name: Some(Self::get_driver_name),
        get_timeline_name: Some(Self::get_timeline_name),
        enable_signaling: Some(Self::enable_signaling),
        set_deadline: Some(Self::set_deadline),
        ..pin_init::zeroed()
    };

    /// Returns the table. Code must not compare its address to recognize a fence: the number of the
    /// context does that.
    pub(super) const fn ops() -> &'static bindings::dma_fence_ops {
        &Self::OPS
    }

    /// Returns the point of a fence, and what a reader may do with its context.
    ///
    /// # Safety
    ///
    /// Callers must ensure that a context of `O` has emitted `fence`. For all of `'a`, this thread
    /// must be in one RCU critical section, in which it found that the fence had not signaled, or
    /// in which the fence can't be unlinked. A spinlock that is held is such a section.
    unsafe fn view<'a>(fence: *mut bindings::dma_fence) -> (&'a PointOf<O>, ContextView<'a, O>) {
        // SAFETY: By the safety requirements a context of `O` has emitted the fence, so it is at
        // the start of a point.
        let point = unsafe { &*fence.cast::<PointOf<O>>() };
        // SAFETY: By the invariant of `Point` the context is valid until one grace period after the
        // fence has signaled. By the safety requirements, that grace period does not end before
        // `'a` does. No `&mut` to a context exists while the context is in its box.
        let context = unsafe { &*point.context.cast::<FenceContext<O>>() };
        // SAFETY: By the safety requirements this thread is in one RCU critical section for all of
        // `'a`.
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
    /// Callers must be the dma-fence core. A context of `O` must have emitted `fence`.
    unsafe extern "C" fn get_timeline_name(fence: *mut bindings::dma_fence) -> *const c_char {
        // SAFETY: A context of `O` has emitted `fence`. There are two kinds of callers:
        //
        // - `dma_fence_timeline_name()` tests SIGNALED before it calls. Its caller is in an RCU
        //   critical section that covers the test and every use of the result.
        // - Tracepoints call with a spinlock held, and use the result before it is dropped. The
        //   tracepoint in `dma_fence_init()` runs under the context's lock, which `emit` holds
        //   until the fence is linked. The tracepoint in signaling runs under the fence's lock,
        //   which a signaler takes before it unlinks the fence.
        let (_, view) = unsafe { Self::view(fence) };
        O::timeline_name(view.data()).as_char_ptr()
    }

    /// # Safety
    ///
    /// Callers must be the dma-fence core. A context of `O` must have emitted `fence`.
    unsafe extern "C" fn enable_signaling(fence: *mut bindings::dma_fence) -> bool {
        // SAFETY: A context of `O` has emitted `fence`. The core holds the fence's spinlock, and
        // has found SIGNALED clear under it. Nor does `view` need that lock: the core has found
        // this function by `ops` in an RCU critical section that covers the call (7.3), and
        // signaling clears `ops`, after SIGNALED is set and before the fence is unlinked.
        let (point, view) = unsafe { Self::view(fence) };
        O::enable_signaling(view.data(), point.seqno());
        true
    }

    /// # Safety
    ///
    /// Callers must be the dma-fence core. A context of `O` must have emitted `fence`.
    unsafe extern "C" fn set_deadline(
        fence: *mut bindings::dma_fence,
        deadline: bindings::ktime_t,
    ) {
        // User space may pass a time beyond KTIME_MAX, which is negative here.
        if !(0..KTIME_MAX).contains(&deadline) {
            return;
        }
        // SAFETY: A context of `O` has emitted `fence`. The core calls `rcu_read_lock()` before it
        // tests SIGNALED, and ends the section after this call.
        let (point, view) = unsafe { Self::view(fence) };
        point.note_deadline(deadline);
        view.note_deadline();
        // SAFETY: The requirements are those of `view` above, and hold until this function returns.
        O::trace_deadline(unsafe { TracedFence::new(fence) }, deadline);
        O::set_deadline(view.data(), point.seqno(), deadline);
    }
}

/// Initializes the fence of a point, like `dma_fence_init64()`: the core compares all 64 bits of
/// its number.
///
/// When the core adds a fence to a `dma_resv` or merges two fences, it keeps only the later one of
/// two fences of a context. If it compared the lower 32 bits only, it could drop a pending fence in
/// favor of a fence that signaled long before.
///
/// # Safety
///
/// Callers must ensure that [`Point::write`] has written `point` with its context. They must hold
/// the lock of that context, and must link `point` before they drop the lock.
pub(super) unsafe fn init_fence<O: FenceOps>(point: NonNull<PointOf<O>>, number: u64, seqno: u64) {
    // SAFETY: The memory is valid and not shared yet. Without an external lock, the fence uses its
    // own lock, which lives as long as the fence. The table is `'static`. The timeline pins the
    // module, so the module can't be unloaded while one of its fences has not signaled.
    unsafe {
        bindings::dma_fence_init(
            point.as_ref().fence.get(),
            VTable::<O>::ops(),
            core::ptr::null_mut(),
            number,
            seqno,
        );
    }
    // GKI kernels don't export `dma_fence_init64()`, which sets this flag.
    // SAFETY: The fence was initialized just now. No other code has it yet, so its flags don't
    // change.
    unsafe {
        (*point.as_ref().fence.get()).flags |=
            1 << bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_SEQNO64_BIT;
    }
}

/// Takes the lock of a fence, disables interrupts, and returns the interrupt flags from before.
///
/// # Safety
///
/// Callers must ensure that [`init_fence`] initialized the fence, and that its memory is valid.
/// They must hold no context lock.
// Not a function that takes a closure: LLVM would not always inline the closure, which is called
// once for each fence.
#[inline(always)]
unsafe fn lock(fence: *mut bindings::dma_fence) -> c_ulong {
    // SAFETY: By the safety requirements the memory of `fence` is valid. `init_fence` passed no
    // lock to the core, so the lock is in the fence, and was initialized with it.
    unsafe { bindings::spin_lock_irqsave(bindings::dma_fence_inline_lock(fence)) }
}

/// Drops the lock of a fence.
///
/// # Safety
///
/// Callers must hold the lock. `flags` must be the interrupt flags from before it was taken. The
/// memory of the fence must still be valid.
#[inline(always)]
unsafe fn unlock(fence: *mut bindings::dma_fence, flags: c_ulong) {
    // SAFETY: By the safety requirements the lock is held, and `flags` are those that taking it
    // returned. The last put of the fence does not overwrite the lock.
    unsafe { bindings::spin_unlock_irqrestore(bindings::dma_fence_inline_lock(fence), flags) };
}

/// Signals a fence with `error` and the timestamp `time`. `count_one` is called before.
///
/// `count_one` is called right after the test of `error`, so that the compiler needs only one test
/// if `count_one` begins with the same test.
///
/// # Safety
///
/// Callers must hold the lock of the fence, under which they have found that it has not signaled.
#[inline(always)]
unsafe fn signal_locked(
    fence: *mut bindings::dma_fence,
    error: Option<Error>,
    time: Ktime,
    count_one: impl FnOnce(),
) {
    if let Some(error) = error {
        // SAFETY: The fence has not signaled, and can't signal while its lock is held. An `Error`
        // is in [-4095, -1].
        unsafe { bindings::dma_fence_set_error(fence, error.to_errno()) };
    }
    count_one();
    // SAFETY: By the safety requirements the fence's lock is held.
    unsafe { bindings::dma_fence_signal_timestamp_locked(fence, time) };
}

/// Signals a fence with `error` and the timestamp `time`, unless it has signaled, and returns
/// whether this call signaled it.
///
/// The flag is tested and the error is set under the fence's lock, so a second signaler changes
/// nothing. `count_one` is called under that lock, before the flag is set. Wraps
/// `dma_fence_signal_timestamp_locked()`.
///
/// # Safety
///
/// Callers must ensure that a context emitted the fence, and that its memory is valid. If the last
/// reference may have been put, the fence must have signaled before that. Callers must hold no
/// context lock.
// Inlined, since it is called once for each fence. Its trace events are normally off.
#[inline(always)]
pub(super) unsafe fn signal_fence(
    _section: &super::Section,
    fence: *mut bindings::dma_fence,
    error: Option<Error>,
    time: Ktime,
    count_one: impl FnOnce(),
) -> bool {
    // SAFETY: The safety requirements of this function are those of `lock`.
    let flags = unsafe { lock(fence) };
    // SAFETY: By the safety requirements the memory of `fence` is valid. It was initialized before
    // the fence was emitted.
    let first = !unsafe { bindings::dma_fence_test_signaled_flag(fence) };
    if first {
        // SAFETY: The lock of the fence is held, and the fence has not signaled.
        unsafe { signal_locked(fence, error, time, count_one) };
    }
    // SAFETY: `lock` took the lock above and returned `flags`.
    unsafe { unlock(fence, flags) };
    first
}

/// Signals a fence with `error` and the time that `time` returns, if nothing waits for it.
///
/// Returns false, and does nothing, if the fence has signaled, if it has a callback, or if another
/// thread holds its lock. `count_one` is called with the time under the fence's lock, right before
/// the fence is signaled.
///
/// A thread that holds a context's lock must not wait for a fence's lock, and must not run
/// callbacks, because callbacks may take the context's lock. This function does neither, so the
/// context's lock may be held.
///
/// # Safety
///
/// Callers must ensure that a context emitted the fence, and that they hold a reference to it. They
/// must hold a lock that `spin_lock_irqsave()` took, so that no interrupt handler waits for the
/// fence's lock on this CPU.
#[inline(always)]
pub(super) unsafe fn signal_unwatched(
    _section: &super::Section,
    fence: *mut bindings::dma_fence,
    error: Option<Error>,
    time: impl FnOnce() -> Ktime,
    count_one: impl FnOnce(Ktime),
) -> bool {
    // SAFETY: By the safety requirements the memory of `fence` is valid. `init_fence` passed no
    // lock to the core, so the lock is in the fence.
    let lock = unsafe { bindings::dma_fence_inline_lock(fence) };
    // SAFETY: The lock was initialized with the fence.
    if unsafe { bindings::spin_trylock(lock) } == 0 {
        return false;
    }
    // SAFETY: The fence was initialized before it was emitted. Its lock is held, so it has a list
    // of callbacks unless it has signaled.
    let unwatched = unsafe {
        !bindings::dma_fence_test_signaled_flag(fence) && !bindings::dma_fence_has_callbacks(fence)
    };
    if unwatched {
        let time = time();
        // SAFETY: The lock of the fence is held, and the fence has not signaled.
        unsafe { signal_locked(fence, error, time, || count_one(time)) };
    }
    // SAFETY: The lock was taken above.
    unsafe { bindings::spin_unlock(lock) };
    unwatched
}

/// Signals a fence like [`signal_fence`], without a look at whether it has signaled. Nothing but
/// this call signals the fence.
///
/// A caller that signals many fences saves the interrupt flags once.
///
/// # Safety
///
/// Callers must ensure that a context emitted the fence, that they hold a reference to it, and that
/// it has not signaled and no other code signals it. They must hold no context lock. `flags` must
/// be the interrupt flags of this CPU.
#[inline(always)]
pub(super) unsafe fn signal_pending_fence(
    _section: &super::Section,
    fence: *mut bindings::dma_fence,
    error: Error,
    time: Ktime,
    flags: c_ulong,
    trace: impl FnOnce(),
) {
    // SAFETY: By the safety requirements the memory of `fence` is valid. `init_fence` passed no
    // lock to the core, so the lock is in the fence, and was initialized with it.
    unsafe { bindings::spin_lock_irq(bindings::dma_fence_inline_lock(fence)) };
    // SAFETY: The lock of the fence is held. By the safety requirements the fence has not signaled.
    unsafe { signal_locked(fence, Some(error), time, trace) };
    // SAFETY: The lock was taken above. By the safety requirements `flags` are those from before.
    // The caller's reference keeps the memory.
    unsafe { unlock(fence, flags) };
}
