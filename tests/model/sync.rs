// SPDX-License-Identifier: GPL-2.0

//! As rust/kernel/sync.rs, without what waits.

pub use ::kernel::sync::*;

pub mod rcu;
