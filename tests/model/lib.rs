// SPDX-License-Identifier: GPL-2.0

//! The RCU boxes of `rust/kernel`, as they are there, on a `kernel` crate in user space.

#![allow(missing_docs, clippy::all)]

pub use ::kernel::*;

pub mod sync;

#[cfg(test)]
mod tests;
