// SPDX-License-Identifier: GPL-2.0

//! RCU: values whose memory is freed one grace period after their owner has dropped them.
//!
//! # Vocabulary
//!
//! - *Grace period*: a span of time at whose end every RCU read-side critical section that was
//!   running at its beginning has ended.
//! - *Published*: a reader can reach the value in a critical section, without a reference of its
//!   own.
//! - *Unshare*: make the value unreachable for readers that begin from now on. Readers that have
//!   begun may use the value until they end.
//! - *View*: what a reader may do with a published value. It is a subset of what the owner may do.
//! - *Reader*: an RCU read-side critical section. `rcu_read_lock()` begins one. In every
//!   configuration, code also is in such a section while it holds a spin lock, or while interrupts,
//!   softirqs or preemption are off. (On PREEMPT_RT, a spin lock disables nothing. There, taking a
//!   spin lock calls `rcu_read_lock()`, and so does disabling softirqs. See
//!   kernel/locking/spinlock_rt.c.)
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
//! Neither box gives out a `&mut` to the value, because a reader may access the value at any time.
//! They are one type, which differs in what happens to the value at the drop ([`Reclaim`]). Their
//! memory is of any allocator that can free it after a grace period ([`RcuAllocator`]). Both have
//! aliases for the kernel's own allocators ([`RcuKBox`], [`RcuFreeKBox`]).
//!
//! [`RcuFreeBox`] runs code of its value *before* the grace period and none after it. It queues no
//! callback in module text, so a module that uses it needs no barrier when it is unloaded.
//! [`RcuBox`] runs the destructor *after* the grace period, in softirq context, where the
//! destructor must not sleep. A module that uses a value with a destructor needs a
//! [`CallbackBarrier`], and can't make the box without one.
//!
//! # Where a box is kept
//!
//! A data structure of the C side may keep a box, by [`ForeignOwnableRcu`]. Others are:
//!
//! - [`RcuOnce`]: a place that is empty at first, and filled at most once.
//! - [`Rcu`]: a place whose box may be replaced while readers use it.
//! - [`RcuTable`]: boxes by number, which are stored and removed.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

#[doc(no_inline)]
pub use ::kernel::sync::rcu::*;

mod allocator;
mod barrier;
mod drop_after_gp;
mod foreign;
mod free_box;
mod free_safe;
mod once;
mod pointer;
mod rcu_box;
mod table;
mod view;

pub use self::{
    allocator::RcuAllocator,
    barrier::{
        BarrierToken,
        CallbackBarrier, //
    },
    drop_after_gp::DropAfterGp,
    foreign::ForeignOwnableRcu,
    free_box::{
        DropBeforeGp,
        RcuFreeBox,
        RcuFreeKBox,
        RcuFreeKVBox,
        RcuFreeVBox, //
    },
    free_safe::{
        is_dropped_before_gp,
        Published,
        RcuFreeSafe, //
    },
    once::RcuOnce,
    pointer::Rcu,
    rcu_box::{
        RcuBox,
        RcuKBox,
        RcuKVBox,
        RcuVBox,
        Reclaim, //
    },
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
#[cfg(CONFIG_KERNEL_OVERLAY_KUNIT_TEST)]
mod view_tests;
