// SPDX-License-Identifier: GPL-2.0

//! The `kernel` crate, and the modules that it lacks.
//!
//! This crate re-exports the whole `kernel` crate. The modules that it declares shadow the modules
//! of the same names. A driver that is given this crate under the name `kernel` is written as in a
//! tree that has these modules. The modules are written for `rust/kernel/`, and know no ioctl and
//! no device.

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
pub mod taint;
pub mod task;
#[cfg(CONFIG_KERNEL_OVERLAY_KUNIT_TEST)]
mod unlisted_tests;
