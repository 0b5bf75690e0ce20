// SPDX-License-Identifier: GPL-2.0

//! DMA fences: objects that signal when asynchronous work has ended.
//!
//! # Vocabulary
//!
//! - *Fence* ([`Fence`]): a point in the future that is signaled once, with a status.
//! - *Context*: a series of fences that are signaled in order. Each fence has a *seqno* in it.
//! - *Timeline* ([`Timeline`]): the owner of a context. It emits fences and signals them.
//! - *Emit*: initialize a fence and link it to its context. The memory is allocated beforehand.
//! - *Commit*: make an emitted fence pending. An emitted fence that is not committed is *unwound*.
//! - *Signal*: complete a fence. Its waiters run, and its names are detached from the context.
//! - *Pending*: committed, and not yet unlinked from the context.
//! - *Signalling section* ([`signalling()`]): code that must run for a fence to signal. A thread
//!   that waits for the fence also waits for this code, without knowing it.
//!
//! # States of a fence
//!
//! ```text
//!           emit()         commit()          signal           last put        grace period
//! Allocated -----> Emitted -----> Pending -----> Signaled -----> Released -----> Freed
//!     |              |               |               |
//!     | owner only   | the emitter:  | any thread:   | any thread: status, timestamp.
//!     |              | commits it or | status, wait, | The names are those of the core.
//!     |              | unwinds it    | names through | The context may be freed one
//!     |              |               | the context   | grace period after this.
//! ```
//!
//! # Why a context may be freed before its fences
//!
//! A fence holds a raw pointer to its context and no reference, so creating and signaling fences on
//! many CPUs shares no counter. The pointer is valid until one grace period after the fence has
//! signaled. The C side does not follow it for longer than that. Three rules guarantee this. They
//! are kept in `context.rs`, `signal.rs` and `emission.rs`:
//!
//! 1. A fence is initialized and linked in one hold of the context lock. If a fence were
//!    initialized and not linked, readers could use it, and the context would not know of it.
//! 2. A fence is signaled first and unlinked second. Only the owner that closes the context unlinks
//!    first; before it returns, it signals every fence that it has unlinked. So each store that
//!    keeps readers away from the context is made before the grace period begins.
//! 3. A fence that is unwound is signaled, then unlinked, then put.
//!
//! # Contexts, and PREEMPT_RT
//!
//! *Any context* means any context in which a `spinlock_t` may be taken. NMI context is excluded.
//! With `CONFIG_PREEMPT_RT` a `spinlock_t` sleeps, so these are excluded, too: hard interrupts, and
//! code that holds a `raw_spinlock_t` or has disabled preemption or interrupts. The locks of fences
//! and of contexts are `spinlock_t`. With `CONFIG_PREEMPT_RT`:
//!
//! - Where this documentation says that interrupts are off because a lock is held, they are on. The
//!   holder of the lock may be preempted. It must still not sleep, except for another spinlock.
//! - The holder of a lock is in an RCU section and stays on its CPU: `rt_spin_lock()` ensures both.
//!   So a lock that is held protects what RCU protects, with and without `CONFIG_PREEMPT_RT`.
//! - No driver can signal a fence in a hard interrupt. Waiters run in threads.
//! - Where this documentation says that a timer callback runs in softirq context, it runs in the
//!   thread `ktimers` with soft interrupts disabled. A thread with a higher priority may preempt
//!   it. Cancelling a timer whose callback is running sleeps until the callback has returned.
//!
//! C headers: [`include/linux/dma-fence.h`](srctree/include/linux/dma-fence.h),
//! [`include/linux/sync_file.h`](srctree/include/linux/sync_file.h)

mod batch;
mod callbacks;
mod context;
mod counts;
mod emission;
mod fence;
mod lock;
mod module_ref;
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
pub mod trace;
mod waiter;
mod walk;

pub use self::{
    callbacks::{
        Complete,
        QueueWork, //
    },
    counts::{
        Cause,
        Counts,
        Failure, //
    },
    emission::{
        Emission,
        Emitted, //
    },
    fence::{
        Fence,
        Status, //
    },
    ops::{
        FenceOps,
        TracedFence,
        View, //
    },
    order::{
        EmissionOrder,
        Order,
        SeqnoOrder, //
    },
    point::NewFences,
    signal::Reason,
    signalling::{
        signalling,
        Section, //
    },
    sync_file::SyncFile,
    timeline::Timeline,
    waiter::{
        FenceCallback,
        Refused,
        Waiter, //
    },
};

/// A time of `CLOCK_MONOTONIC`, in nanoseconds. It is the C type `ktime_t`.
pub type Ktime = i64;

/// The latest [`Ktime`]: stands for "no timeout" or "never".
pub const KTIME_MAX: Ktime = i64::MAX;

/// Returns the current time of `CLOCK_MONOTONIC`, in nanoseconds. Wraps `ktime_get()`.
///
/// Any context.
pub fn ktime_get() -> Ktime {
    // SAFETY: `ktime_get()` may be called in any context once timekeeping runs. It runs long before
    // modules are loaded.
    unsafe { crate::bindings::ktime_get() }
}

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
