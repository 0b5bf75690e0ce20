// SPDX-License-Identifier: GPL-2.0

//! Synchronization primitives.

#[doc(no_inline)]
pub use ::kernel::sync::*;

pub mod rcu;
mod spinlock;

pub use crate::new_spinlock_irq;
pub use spinlock::{
    SpinLockIrq,
    SpinLockIrqGuard, //
};
