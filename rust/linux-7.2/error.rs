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
        // `Error` has no public `const` constructor. So this code relies on the layout of `Error`,
        // and checks it with a known error.
        //
        // SAFETY: `transmute` compiles only if `Error` has the size of an `i32`. Any bits are a
        // valid `i32`.
        let known: i32 = unsafe { transmute(EINVAL) };
        assert!(known == -(bindings::EINVAL as i32));

        // SAFETY: By the assertion above, an `Error` contains the negative number of the error.
        // `ECANCELED` is the number of an error.
        unsafe { transmute(-(bindings::ECANCELED as i32)) }
    };
}
