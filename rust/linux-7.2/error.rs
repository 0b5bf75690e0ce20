// SPDX-License-Identifier: GPL-2.0

//! Kernel errors.

#[doc(no_inline)]
pub use ::kernel::error::*;

/// C-compatible error codes.
pub mod code {
    use crate::{
        bindings,
        error::Error, //
    };
    use core::mem::transmute;

    #[doc(no_inline)]
    pub use ::kernel::error::code::*;

    /// Operation canceled.
    pub const ECANCELED: Error = {
        // `Error` has no public constructor that is `const`. Its layout is looked at instead.
        //
        // SAFETY: Both are as large, or this would not compile, and any bits are an `i32`.
        let known: i32 = unsafe { transmute(EINVAL) };
        assert!(known == -(bindings::EINVAL as i32));

        // SAFETY: As asserted above, an `Error` is the negative number; this one is an error code.
        unsafe { transmute(-(bindings::ECANCELED as i32)) }
    };
}
