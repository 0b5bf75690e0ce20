// SPDX-License-Identifier: GPL-2.0

//! Signalling sections: code that must run for a fence to signal.

use crate::{
    bindings,
    types::NotThreadSafe, //
};

/// Evidence that the current thread is in a signalling section.
///
/// # Invariants
///
/// `dma_fence_begin_signalling()` was called on this thread. `dma_fence_end_signalling()` is called
/// only after the last reference to this value is gone.
pub struct Section(NotThreadSafe);

/// Runs `f` in a signalling section. Wraps `dma_fence_begin_signalling()` and
/// `dma_fence_end_signalling()`.
///
/// Another thread may wait for a fence while it holds a lock, in the shrinker, or in an MMU
/// notifier. So code that must run for a fence to signal must not allocate with `GFP_KERNEL`. It
/// must not take a lock under which other code allocates so, and must not take a `dma_resv` lock.
/// The code alone does not show this dependency. A signalling section shows it to lockdep, which
/// reports violations.
///
/// Sections nest. Since a section is a closure, it ends exactly once, in the right order, and on
/// the thread that began it.
///
/// Without `CONFIG_LOCKDEP` a section compiles to nothing.
///
/// # Context
///
/// Any. In the section `f` may do what the caller may do, except for the operations above.
///
/// # Examples
///
/// ```
/// use kernel::dma_buf::signalling;
///
/// assert_eq!(signalling(|_section| 1 + 1), 2);
/// ```
#[inline(always)]
pub fn signalling<R>(f: impl FnOnce(&Section) -> R) -> R {
    // SAFETY: `dma_fence_begin_signalling()` may be called in any context. The cookie is passed
    // back below, on the same thread. `f` has returned by then, so nested sections end in reverse
    // order.
    let cookie = unsafe { bindings::dma_fence_begin_signalling() };
    // INVARIANT: The section was begun above, and is ended below. The borrow that `f` gets ends
    // before.
    let result = f(&Section(NotThreadSafe));
    // SAFETY: The call of `dma_fence_begin_signalling()` above returned `cookie`.
    unsafe { bindings::dma_fence_end_signalling(cookie) };
    result
}
