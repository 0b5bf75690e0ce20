// SPDX-License-Identifier: GPL-2.0

//! The ioctl ABI, as `include/uapi/linux/fence_exporter.h` defines it.
//!
//! The structures are converted from and to bytes without unsafe code. The derives do not compile
//! for a structure with implicit padding, which would leak kernel memory.

#![crate_name = "fence_uapi"]
#![allow(missing_docs, non_camel_case_types, clippy::all)]
#![allow(
    clippy::undocumented_unsafe_blocks,
    clippy::ptr_as_ptr,
    clippy::cast_lossless,
    unreachable_pub
)]

use kernel::{
    ffi,
    prelude::*, //
};

type __u64 = u64;
type __u32 = u32;
type __s32 = i32;
type __u8 = u8;

include!(concat!(
    env!("RUST_OBJTREE"),
    "/rust/uapi/uapi_generated.rs"
));
