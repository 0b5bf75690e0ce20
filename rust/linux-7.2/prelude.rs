// SPDX-License-Identifier: GPL-2.0

//! The prelude: items that all code of the kernel imports.

#[doc(no_inline)]
pub use ::kernel::prelude::*;

#[doc(no_inline)]
pub use crate::{
    error::code::ECANCELED,
    module_with_bool as module,
    task::TaskExt as _, //
};
