// SPDX-License-Identifier: GPL-2.0

//! A reference to a module.

use crate::{
    bindings,
    prelude::*, //
};

/// Keeps a module from being unloaded.
///
/// What a fence, a timer or a waiter may call stands in the text of a module. `mem::forget` is
/// safe: it may leak the memory of a timeline or a waiter, but with this in it, it leaks the module
/// too, and the C side never calls into text that is gone.
///
/// # Invariants
///
/// Owns a reference to the module that the pointer names, or the pointer is null (built in).
pub(super) struct ModuleRef(*mut bindings::module);

// SAFETY: A module's reference count may be dropped on any CPU.
unsafe impl Send for ModuleRef {}
// SAFETY: There is nothing to do with a shared reference.
unsafe impl Sync for ModuleRef {}

impl ModuleRef {
    /// Takes a reference.
    ///
    /// Fails with `ENODEV` if the module is being unloaded. Any context.
    pub(super) fn new(module: &'static ThisModule) -> Result<Self> {
        // SAFETY: A `ThisModule` is that of the code that runs, so it is valid or null.
        if unsafe { bindings::try_module_get(module.as_ptr()) } {
            // INVARIANT: The reference was just taken.
            Ok(Self(module.as_ptr()))
        } else {
            Err(ENODEV)
        }
    }
}

impl Drop for ModuleRef {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the reference is ours to put.
        unsafe { bindings::module_put(self.0) };
    }
}
