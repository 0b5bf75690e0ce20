// SPDX-License-Identifier: GPL-2.0

//! Bindings: those of the `kernel` crate, and those that the crate lacks.

#![allow(
    missing_docs,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    unreachable_pub
)]

pub use ::kernel::bindings::*;

/// A file that exports a fence. Only C code accesses its fields.
#[repr(C)]
pub struct sync_file {
    _opaque: [u8; 0],
}

#[allow(improper_ctypes)]
mod generated {
    use super::*;
    use ::kernel::ffi;

    include!(concat!(
        env!("RUST_OBJTREE"),
        "/rust/bindings/bindings_generated.rs"
    ));
}
pub use generated::*;
