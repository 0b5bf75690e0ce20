// SPDX-License-Identifier: GPL-2.0

//! What is imported by all code of the kernel.

#[doc(no_inline)]
pub use ::kernel::prelude::*;

#[doc(no_inline)]
pub use crate::{
    error::code::ECANCELED,
    module_with_bool as module,
    task::TaskExt as _, //
};
