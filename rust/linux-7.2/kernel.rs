// SPDX-License-Identifier: GPL-2.0

//! The `kernel` crate of Linux 7.2, with items that only the crate of Linux 7.3 has.
//!
//! This crate adds only items that the overlay or the driver uses. Each item has the name, the path
//! and the meaning that it has in Linux 7.3.

#![crate_name = "kernel_7_2"]

#[doc(no_inline)]
pub use ::kernel::*;

#[doc(hidden)]
pub mod bindings;
pub mod error;
pub mod miscdevice;
pub mod module;
pub mod module_param;
pub mod prelude;
pub mod sync;
pub mod task;

pub use module::ModuleMetadata;
