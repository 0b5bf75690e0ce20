// SPDX-License-Identifier: GPL-2.0

//! DMA fences: the end of somebody's work, for everybody who waits for it.
//!
//! # Vocabulary
//!
//! - *Fence* ([`Fence`]): a point in the future that is signalled once, with a status.
//! - *Context*: a series of fences that are signalled in order. Each fence has a *seqno* in it.
//! - *Timeline* ([`Timeline`]): the owner of a context. It emits fences and signals them.
//! - *Emit*: initialise a fence and link it to its context. Memory is allocated before.
//! - *Commit*: let an emitted fence stand. One that is not committed is *unwound*.
//! - *Signal*: complete a fence. Its waiters run, its names are detached from the context.
//! - *Pending*: committed and not yet unlinked from the context.
//! - *Signalling section* ([`signalling()`]): code that somebody waits for without knowing it.
//!
//! # States of a fence
//!
//! ```text
//!           emit()         commit()          signal           last put        grace period
//! Allocated -----> Emitted -----> Pending -----> Signalled -----> Released -----> Freed
//!     |              |               |               |
//!     | owner only   | the emitter:  | anybody:      | anybody: status, timestamp.
//!     |              | commits it or | status, wait, | Names are those of the core.
//!     |              | unwinds it    | names by way  | The context may be gone one
//!     |              |               | of the        | grace period after this.
//!     |              |               | context       |
//! ```
//!
//! # Why a context may go before its fences
//!
//! A fence holds a raw pointer to its context and no reference: creating and signalling fences on
//! many CPUs shares no counter. The pointer is valid while the fence has not signalled and for one
//! grace period after, which is as long as the C side follows it. What makes that true is kept in
//! three rules, kept in `context.rs`, `signal.rs` and `emission.rs`:
//!
//! 1. A fence is initialised and linked in one hold of the context lock. An initialised fence that
//!    is not linked could be read, and the context would not know of it.
//! 2. A fence is signalled first and unlinked second. Only the owner that closes the context
//!    unlinks first, and signals all that it has unlinked. So every store that keeps readers out is
//!    made before the grace period begins.
//! 3. A fence that is unwound is signalled, then unlinked, then put.
//!
//! # Contexts, and PREEMPT_RT
//!
//! *Any context* is any in which a `spinlock_t` may be taken: not NMI. With `CONFIG_PREEMPT_RT`,
//! not a hard interrupt either, nor code that holds a `raw_spinlock_t` or has disabled preemption
//! or interrupts, since there a `spinlock_t` sleeps. A fence's lock and a context's lock are
//! `spinlock_t`. With `CONFIG_PREEMPT_RT`:
//!
//! - Where it is said here that interrupts are off, because a lock is held, they are on. The holder
//!   of the lock may be preempted. It must still not sleep for anything but another spinlock.
//! - The holder of a lock is in an RCU section and stays on its CPU: `rt_spin_lock()` sees to both.
//!   So what RCU keeps is kept while a lock is held, whichever kernel it is.
//! - No driver can signal a fence in a hard interrupt. Waiters run in threads.
//! - Where it is said that a timer calls in softirq context, it is the thread `ktimers` that calls,
//!   with soft interrupts disabled. A thread with a higher priority may preempt it. To cancel a
//!   timer whose callback is running sleeps until the callback has returned.
//!
//! C headers: [`include/linux/dma-fence.h`](srctree/include/linux/dma-fence.h),
//! [`include/linux/sync_file.h`](srctree/include/linux/sync_file.h)

mod batch;
mod context;
mod counts;
mod emission;
mod fence;
mod lock;
mod module_ref;
mod new_fences;
mod ops;
mod order;
mod pace;
mod pending;
mod point;
mod signal;
mod signalling;
mod sync_file;
mod timeline;
mod timer;
mod waiter;
mod walk;

pub use self::{
    counts::{
        Cause,
        Counts, //
    },
    emission::{
        Emission,
        Emitted, //
    },
    fence::{
        Fence,
        Status, //
    },
    new_fences::NewFences,
    ops::{
        FenceOps,
        View, //
    },
    order::{
        EmissionOrder,
        Order,
        SeqnoOrder, //
    },
    signalling::{
        signalling,
        Section, //
    },
    sync_file::SyncFile,
    timeline::Timeline,
    waiter::{
        FenceCallback,
        Waiter, //
    },
};

/// A time of `CLOCK_MONOTONIC`, in nanoseconds: the C side's `ktime_t`.
pub type Ktime = i64;

/// The end of time: no timeout.
pub const KTIME_MAX: Ktime = i64::MAX;

/// Returns the time of `CLOCK_MONOTONIC`, in nanoseconds.
///
/// Any context.
pub fn ktime_get() -> Ktime {
    // SAFETY: Callable from any context once timekeeping runs, which is long before modules do.
    unsafe { crate::bindings::ktime_get() }
}

#[cfg(CONFIG_KERNEL_OVERLAY_KUNIT_TEST)]
mod crew;
#[cfg(CONFIG_KERNEL_OVERLAY_KUNIT_TEST)]
mod emission_tests;
#[cfg(CONFIG_KERNEL_OVERLAY_KUNIT_TEST)]
mod fixtures;
#[cfg(CONFIG_KERNEL_OVERLAY_NEGATIVE_TEST)]
mod negative;
#[cfg(CONFIG_KERNEL_OVERLAY_NEGATIVE_TEST)]
mod negative_calls;
#[cfg(CONFIG_KERNEL_OVERLAY_KUNIT_TEST)]
mod order_tests;
#[cfg(CONFIG_KERNEL_OVERLAY_KUNIT_TEST)]
mod pace_tests;
#[cfg(CONFIG_KERNEL_OVERLAY_KUNIT_TEST)]
mod race_tests;
#[cfg(CONFIG_KERNEL_OVERLAY_KUNIT_TEST)]
mod tests;
#[cfg(CONFIG_KERNEL_OVERLAY_KUNIT_TEST)]
mod timer_tests;
#[cfg(CONFIG_KERNEL_OVERLAY_KUNIT_TEST)]
mod timestamp_tests;
#[cfg(CONFIG_KERNEL_OVERLAY_KUNIT_TEST)]
mod waiter_tests;
