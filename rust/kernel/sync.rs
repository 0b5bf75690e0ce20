// SPDX-License-Identifier: GPL-2.0

//! Synchronisation primitives: the `kernel` crate's, and those that it lacks.

#[doc(no_inline)]
pub use ::kernel::sync::*;

pub mod poll;
pub mod rcu;
