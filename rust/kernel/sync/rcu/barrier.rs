// SPDX-License-Identifier: GPL-2.0

//! The barrier that waits for a module's RCU callbacks before its text is freed.

use super::rcu_barrier;
use crate::{
    bindings,
    module::{
        this_module,
        ModuleMetadata, //
    },
    prelude::*,
    sync::{
        atomic::{
            ordering::{
                Acquire,
                Relaxed,
                Release, //
            },
            Atomic, //
        },
        Arc, //
    },
};
use core::ops::Range;

/// The type of a callback of `call_rcu()`.
pub(super) type Callback = unsafe extern "C" fn(*mut bindings::callback_head);

/// Counts the RCU callbacks of a module that have begun and not ended.
///
/// # Invariants
///
/// `pending` is the number of callbacks that have begun and not ended, and one more until the
/// barrier is dropped. Once it is zero, it stays zero.
pub(super) struct Callbacks {
    /// The addresses of the module's text. The text may have been freed if `pending` is zero.
    text: Range<usize>,
    pending: Atomic<usize>,
}

impl Callbacks {
    /// Counts a callback that the caller is about to queue, and returns whether it may be queued.
    ///
    /// Returns false, and counts nothing, if the barrier has finished waiting. Any context.
    pub(super) fn begin(&self) -> bool {
        let mut pending = self.pending.load(Relaxed);
        while pending != 0 {
            // INVARIANT: One more callback has begun, and is counted. A count of zero is not
            // changed.
            match self.pending.cmpxchg(pending, pending + 1, Relaxed) {
                Ok(_) => return true,
                Err(now) => pending = now,
            }
        }
        false
    }

    /// Ends a callback. A callback calls this last.
    ///
    /// The text of the callback still runs until the callback has returned to RCU. The barrier
    /// waits for that: it calls `rcu_barrier()` once more after it has seen a count of zero.
    pub(super) fn end(&self) {
        // The release orders this after everything that the callback did. In particular, the
        // callback may have queued another one.
        // INVARIANT: One callback has ended.
        self.pending.fetch_sub(1, Release);
    }
}

/// Waits, when it is dropped, for all RCU callbacks of a module, and for the callbacks that these
/// queue.
///
/// If values of a module are dropped in RCU callbacks ([`RcuBox`](super::RcuBox) of a type with a
/// destructor), make a barrier the *last* field of the module's data. Fields are dropped in the
/// order in which they are declared, and a module's own [`Drop`] runs before any of them. Without a
/// barrier, a callback may run in text that was freed. So such a box can't be made without a
/// [`BarrierToken`], and only a barrier creates tokens.
///
/// A destructor may drop further boxes (a box in a box, a vector of boxes, the last reference to a
/// value that has a box). It queues their callbacks behind the callbacks that an `rcu_barrier()`
/// waits for. So the callbacks are counted. The drop calls `rcu_barrier()` until none is left, and
/// once more because the last callback may still run. `rcu_barrier()` also flushes lazy callbacks.
///
/// An [`RcuFreeBox`](super::RcuFreeBox) needs no barrier, and neither does an
/// [`RcuBox`](super::RcuBox) of a type without a destructor. They leave the memory to the core of
/// RCU, which calls nothing in the module's text.
///
/// A barrier is not a grace period: it doesn't wait for readers. A module need not wait for
/// readers, because the kernel waits for a grace period between the module's exit and the freeing
/// of its text.
///
/// # Context
///
/// The drop sleeps uninterruptibly. For a chain of boxes in boxes, it takes a grace period for each
/// box of the chain. If each destructor makes and drops another box, the drop does not return.
///
/// # Invariants
///
/// A barrier is dropped before the text of its module is freed.
///
/// # Examples
///
/// ```
/// use kernel::sync::rcu::{CallbackBarrier, RcuKBox};
///
/// struct Module {
///     table: RcuKBox<KVec<u32>>,
///     // The last field: waits for the destructor of the value in `table`.
///     barrier: CallbackBarrier,
/// }
///
/// impl Module {
///     fn init() -> Result<Self> {
///         // SAFETY: The barrier is the last field of the module's data. If `init` fails, it is
///         // the last local variable to be dropped.
///         let barrier = unsafe { CallbackBarrier::new::<crate::LocalModule>() }?;
///         let token = barrier.token();
///         Ok(Self {
///             table: RcuKBox::pin_init_with_barrier(KVec::new(), &token, GFP_KERNEL)?,
///             barrier,
///         })
///     }
/// }
/// # // An example declares itself built in. If it is in a module, `EINVAL` tells that.
/// # let Module { table, barrier } = match Module::init() {
/// #     Err(EINVAL) => return Ok(()),
/// #     module => module?,
/// # };
/// # assert_eq!(table.len(), 0);
/// # drop(table);
/// # drop(barrier);
/// # Ok::<(), Error>(())
/// ```
#[must_use = "it is a field of the module's data"]
pub struct CallbackBarrier(Arc<Callbacks>);

impl CallbackBarrier {
    /// Makes the barrier of the module `M`.
    ///
    /// Safe code can't promise that a value is dropped, nor when. So this function is unsafe. A
    /// module makes that promise once, and every box of the module relies on it.
    ///
    /// Process context; may sleep (`GFP_KERNEL`).
    ///
    /// # Errors
    ///
    /// `ENOMEM`
    ///
    /// # Safety
    ///
    /// Callers must ensure that the barrier is not leaked, and is dropped before the text of `M` is
    /// freed, even if the init of `M` fails. That is so if the barrier is the last field of the
    /// module's data.
    ///
    /// A box that is dropped after the barrier leaks its value. So the fields before the barrier
    /// should stop everything that may drop a box: files, timers, work.
    pub unsafe fn new<M: ModuleMetadata>() -> Result<Self> {
        let mut start = 0;
        // SAFETY: The pointer of `M` is null, or it is that of a module that is loaded, because its
        // code calls this function. `start` is valid for writes.
        let size = unsafe { bindings::module_text(this_module::<M>().as_ptr(), &mut start) };
        // INVARIANT: The caller promises that the barrier is dropped before the text of `M` is
        // freed. No callback has begun yet, and the barrier is not dropped, so `pending` is 1.
        let callbacks = Callbacks {
            text: start..start + size,
            pending: Atomic::new(1),
        };
        Ok(Self(Arc::new(callbacks, GFP_KERNEL)?))
    }

    /// Returns a token of this barrier, for constructors of boxes. Any context.
    pub fn token(&self) -> BarrierToken {
        // INVARIANT: The callbacks are those of this barrier.
        BarrierToken(self.0.clone())
    }
}

impl Drop for CallbackBarrier {
    fn drop(&mut self) {
        // From now on, a callback can only begin while another one has not ended.
        self.0.end();
        // The acquire pairs with the release in `end()`. So `rcu_barrier()` finds the callbacks
        // that an ended callback has queued.
        while self.0.pending.load(Acquire) != 0 {
            rcu_barrier();
        }
        // The last callback has ended, but may not have returned to RCU yet.
        rcu_barrier();
    }
}

/// Evidence that a module waits for its RCU callbacks before its text is freed.
///
/// A token vouches for the text of that module only. A box whose destructor is in the text of
/// another module is refused, because that text may be freed first. A token may outlive its
/// [`CallbackBarrier`].
///
/// # Invariants
///
/// The token has the callbacks of a [`CallbackBarrier`], and their `text` is that of the barrier's
/// module.
#[derive(Clone)]
pub struct BarrierToken(Arc<Callbacks>);

impl BarrierToken {
    /// Returns the callbacks that the barrier waits for, or `None` if `callback` is not in the text
    /// of the barrier's module.
    pub(super) fn callbacks_for(&self, callback: Callback) -> Option<Arc<Callbacks>> {
        let callback = (callback as *const c_void).addr();
        self.0.text.contains(&callback).then(|| self.0.clone())
    }
}
