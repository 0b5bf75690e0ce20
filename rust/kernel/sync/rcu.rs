// SPDX-License-Identifier: GPL-2.0

//! RCU: values whose memory outlives their owner by one grace period.
//!
//! # Vocabulary
//!
//! - *Grace period*: a span of time at whose end every RCU read-side critical section that was
//!   running at its beginning has ended.
//! - *Published*: a reader can reach the value without a reference of its own, in a critical
//!   section.
//! - *Unshare*: make the value unreachable for readers that begin from now on. Those that have
//!   begun may use it until they end.
//! - *View*: what a reader may do with a published value. It is a subset of what the owner may do.
//! - *Reader*: an RCU read-side critical section. That is a section that `rcu_read_lock()` begins,
//!   and, in every configuration, one in which a spin lock is held or interrupts, softirqs or
//!   preemption are off. (On PREEMPT_RT, where a spin lock disables nothing, it takes
//!   `rcu_read_lock()`; so does disabling softirqs. See kernel/locking/spinlock_rt.c.)
//!
//! # The two boxes
//!
//! ```text
//!                owner drops the box            grace period ends
//!  Owned ----------------------------> Unshared -----------------> Freed
//!    owner: &T                            owner: nothing
//!    readers: views                       readers: the views they have
//!
//!  RcuFreeBox:   drop_before_gp()                                  kvfree()
//!  RcuBox:       nothing                                           T's destructor, kvfree()
//! ```
//!
//! Neither gives anybody a `&mut` to the value: a reader may look at it at any time.
//!
//! [`RcuFreeBox`] runs code of its value *before* the grace period and none after it: no callback
//! in module text is queued, so a module that uses it needs no barrier when it is unloaded.
//! [`RcuBox`] runs the destructor *after* the grace period, in softirq context, where it may not
//! sleep: a module that uses it needs a [`CallbackBarrier`], and it isn't made without one.
//!
//! # Where a box is kept
//!
//! - [`RcuOnce`]: a place that is empty at first, and filled at most once.
//! - [`Rcu`]: a place whose box is replaced while readers look at it.
//! - [`RcuTable`]: boxes by number, which come and go.
//!
//! Anything on the C side may keep one, too, by [`ForeignOwnableRcu`].
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

#[doc(no_inline)]
pub use ::kernel::sync::rcu::*;

mod allocation;
mod barrier;
mod foreign;
mod free_box;
mod free_safe;
mod once;
mod pointer;
mod rcu_box;
mod table;
mod view;

pub use self::{
    allocation::KvfreeAllocator,
    barrier::{
        BarrierToken,
        CallbackBarrier, //
    },
    foreign::ForeignOwnableRcu,
    free_box::RcuFreeBox,
    free_safe::{
        is_dropped_before_gp,
        Published,
        RcuFreeSafe, //
    },
    once::RcuOnce,
    pointer::Rcu,
    rcu_box::RcuBox,
    table::RcuTable, //
};

#[cfg(CONFIG_KERNEL_OVERLAY_KUNIT_TEST)]
mod fixtures;
#[cfg(CONFIG_KERNEL_OVERLAY_KUNIT_TEST)]
mod layout_tests;
#[cfg(CONFIG_KERNEL_OVERLAY_NEGATIVE_TEST)]
mod negative;
#[cfg(CONFIG_KERNEL_OVERLAY_KUNIT_TEST)]
mod pointer_tests;
#[cfg(CONFIG_KERNEL_OVERLAY_KUNIT_TEST)]
mod table_tests;
#[cfg(CONFIG_KERNEL_OVERLAY_KUNIT_TEST)]
mod tests;
