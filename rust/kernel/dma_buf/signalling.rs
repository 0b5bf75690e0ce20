// SPDX-License-Identifier: GPL-2.0

//! Signalling sections: what must run for a fence to signal.

use crate::{
    bindings,
    types::NotThreadSafe, //
};

/// Evidence that the current thread is in a signalling section.
///
/// # Invariants
///
/// `dma_fence_begin_signalling()` was called on this thread, and `dma_fence_end_signalling()` will
/// be when the last reference to this value is gone.
pub struct Section(NotThreadSafe);

/// Runs `f` in a signalling section.
///
/// Somebody may be waiting for a fence with a lock held, from the shrinker, or in an MMU notifier.
/// So code that must run for a fence to signal may not allocate with `GFP_KERNEL`, nor take a lock
/// under which others do, nor a `dma_resv` lock. It can't be seen from the code that signals alone;
/// this tells lockdep, which then reports it.
///
/// Sections nest. As a closure they can't be ended out of order, twice, never, or on another
/// thread.
///
/// Costs nothing without `CONFIG_LOCKDEP`, not even a call. Any context; what `f` may do is
/// narrowed, not widened.
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
    // SAFETY: May be called in any context. The cookie is given back below, on the same thread and
    // in the reverse order of nested calls, since `f` has returned by then.
    let cookie = unsafe { bindings::dma_fence_begin_signalling() };
    // INVARIANT: Begun above, ended below; `f` has only a borrow that ends before.
    let result = f(&Section(NotThreadSafe));
    // SAFETY: `cookie` is that of the call above.
    unsafe { bindings::dma_fence_end_signalling(cookie) };
    result
}
