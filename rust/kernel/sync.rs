// SPDX-License-Identifier: GPL-2.0

//! Synchronization primitives: those of the `kernel` crate, and those that the crate lacks.

#[doc(no_inline)]
pub use ::kernel::sync::*;

pub mod poll;
pub mod rcu;
