// SPDX-License-Identifier: GPL-2.0

//! A reference to a module.

use crate::{
    bindings,
    prelude::*, //
};

/// A reference to a module, which keeps the module from being unloaded.
///
/// Fences, timers and waiters call functions in the text of a module. `mem::forget` is safe code,
/// and may leak a timeline or a waiter. Since these hold a `ModuleRef`, that leaks the reference to
/// the module, too. So the C side never calls into a module that was unloaded.
///
/// If the `init` of a module fails, `do_init_module()` frees the text, whatever references there
/// are. So no `ModuleRef` is made before `init` has succeeded.
///
/// # Invariants
///
/// The pointer is null (the code is built in), or this value owns a reference to the module that it
/// points to.
pub(super) struct ModuleRef(*mut bindings::module);

// SAFETY: A reference to a module may be put on any CPU.
unsafe impl Send for ModuleRef {}
// SAFETY: There are no methods on a shared reference.
unsafe impl Sync for ModuleRef {}

impl ModuleRef {
    /// Takes a reference to `module`. Wraps `try_module_get()`.
    ///
    /// Fails with `ENODEV` if the module is being unloaded, or if its `init` has not succeeded yet.
    /// Any context.
    pub(super) fn new(module: &'static ThisModule) -> Result<Self> {
        // SAFETY: A `ThisModule` is the module of the code that runs, so its pointer is valid or
        // null.
        if !unsafe { bindings::try_module_get(module.as_ptr()) } {
            return Err(ENODEV);
        }
        // INVARIANT: The reference was just taken.
        let this = Self(module.as_ptr());
        // The loader writes `state` at the same time. The volatile read is READ_ONCE().
        //
        // SAFETY: If `this.0` is not null, it is valid: `this` is a reference to it.
        let live = this.0.is_null()
            || unsafe { (&raw const (*this.0).state).read_volatile() }
                == bindings::module_state_MODULE_STATE_LIVE;
        if live {
            Ok(this)
        } else {
            Err(ENODEV)
        }
    }
}

impl Drop for ModuleRef {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this value owns the reference, if the pointer is not null.
        unsafe { bindings::module_put(self.0) };
    }
}
