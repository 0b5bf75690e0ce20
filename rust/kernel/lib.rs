// SPDX-License-Identifier: GPL-2.0

//! The `kernel` crate, and the modules that it lacks.
//!
//! Everything of the `kernel` crate is re-exported, and what stands here shadows it: a driver that
//! is given this crate under the name `kernel` is written as it would be in a tree that has these
//! modules. They are written as they would stand in `rust/kernel/`, and know no ioctl and no
//! device.

#![crate_name = "kernel_overlay"]

#[doc(no_inline)]
pub use ::kernel::*;

#[doc(hidden)]
#[path = "../bindings/lib.rs"]
pub mod bindings;

pub mod dma_buf;
pub mod miscdevice;
pub mod str;
pub mod sync;
pub mod task;
