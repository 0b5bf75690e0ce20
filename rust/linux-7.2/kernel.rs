// SPDX-License-Identifier: GPL-2.0

//! The `kernel` crate of Linux 7.2, and what that of Linux 7.3 has in addition.
//!
//! Only what the overlay and the driver use is here. Each item has the name, the path and the
//! meaning that it has in Linux 7.3.

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
