// SPDX-License-Identifier: GPL-2.0

//! Module-related types and helpers.

#[doc(no_inline)]
pub use ::kernel::{
    str::CStr,
    InPlaceModule,
    Module,
    ThisModule, //
};

/// Metadata attached to a [`Module`] or [`InPlaceModule`].
pub trait ModuleMetadata {
    /// The name of the module as specified in the `module!` macro.
    const NAME: &'static CStr;

    /// The module's `THIS_MODULE` pointer.
    ///
    /// The `module!` macro of Linux 7.2 does not set it. The default is the module that this crate
    /// is linked into. Each module has its own copy of this crate.
    const THIS_MODULE: ThisModule = LINKED_INTO;
}

/// The module that this crate is linked into.
#[cfg(MODULE)]
pub(crate) const LINKED_INTO: ThisModule = {
    // The code takes only the address of this static, so its type does not matter.
    #[allow(improper_ctypes)]
    extern "C" {
        static __this_module: crate::types::Opaque<crate::bindings::module>;
    }

    // SAFETY: The linker of the module defines `__this_module`, which is its `THIS_MODULE`.
    unsafe { ThisModule::from_ptr(__this_module.get()) }
};

/// The null `THIS_MODULE` of built-in code.
#[cfg(not(MODULE))]
// SAFETY: The `THIS_MODULE` of code that is built in is null.
pub(crate) const LINKED_INTO: ThisModule = unsafe { ThisModule::from_ptr(core::ptr::null_mut()) };

/// Returns a reference to the `THIS_MODULE` of the given module type.
#[inline]
pub const fn this_module<M: ModuleMetadata>() -> &'static ThisModule {
    &M::THIS_MODULE
}
