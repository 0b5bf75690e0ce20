// SPDX-License-Identifier: GPL-2.0

//! What a module must wait for before its text goes.

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

/// What `call_rcu()` calls.
pub(super) type Callback = unsafe extern "C" fn(*mut bindings::callback_head);

/// The callbacks of a module that have not run to their end.
///
/// # Invariants
///
/// `pending` is the number of callbacks that were begun and not ended, and one more until the
/// barrier is dropped. Once it is zero it stays zero.
pub(super) struct Callbacks {
    /// Where the text of the module is. It may have been freed if `pending` is zero.
    text: Range<usize>,
    pending: Atomic<usize>,
}

impl Callbacks {
    /// Counts a callback that the caller is about to queue.
    ///
    /// Returns whether it may be queued: not when the barrier has done its work. Any context.
    pub(super) fn begin(&self) -> bool {
        let mut pending = self.pending.load(Relaxed);
        while pending != 0 {
            // INVARIANT: The callback is counted from here on. It is not, if the count is zero.
            match self.pending.cmpxchg(pending, pending + 1, Relaxed) {
                Ok(_) => return true,
                Err(now) => pending = now,
            }
        }
        false
    }

    /// Ends a callback: the last thing that it does.
    ///
    /// Its text still runs then, until it has returned to the core. The barrier waits for that by
    /// an `rcu_barrier()` which it calls after it has seen the count.
    pub(super) fn end(&self) {
        // Whatever the callback did, queueing another one above all, comes before.
        // INVARIANT: The callback has ended.
        self.pending.fetch_sub(1, Release);
    }
}

/// Waits, when dropped, for every RCU callback of a module, and for those that these queue.
///
/// A module whose values are dropped in RCU callbacks ([`RcuBox`](super::RcuBox) of a type with a
/// destructor) has this as the *last* field of its data: fields are dropped in the order they are
/// declared in, and a module's own [`Drop`] runs before any of them. Without it, a callback may run
/// in text that is no longer there; so such a box isn't made without a [`BarrierToken`], which only
/// this gives.
///
/// A destructor may drop further boxes (a box in a box, a vector of boxes, the last reference to
/// what has one). Their callbacks are queued behind those that an `rcu_barrier()` waits for. So the
/// callbacks are counted, and `rcu_barrier()` is called until none is left, and once more for the
/// end of the last one. It flushes callbacks that are lazy.
///
/// No barrier is needed for an [`RcuFreeBox`](super::RcuFreeBox), nor for an
/// [`RcuBox`](super::RcuBox) of a type without a destructor: they leave the memory to the core, and
/// nothing in the module's text is called.
///
/// It is not a grace period: it doesn't wait for readers. A module needs none for that, since one
/// passes between its exit and the freeing of its text.
///
/// # Context
///
/// The drop sleeps, uninterruptibly. A chain of boxes in boxes takes a grace period for each of its
/// links; if a destructor always makes and drops another box, the drop does not return.
///
/// # Invariants
///
/// It is dropped before the text of its module is freed.
///
/// # Examples
///
/// ```
/// use kernel::sync::rcu::{CallbackBarrier, RcuBox};
///
/// struct Module {
///     table: RcuBox<KVec<u32>>,
///     // Last: waits for the destructor of what `table` held.
///     barrier: CallbackBarrier,
/// }
///
/// impl Module {
///     fn init() -> Result<Self> {
///         // SAFETY: It is the last field of the module's data, and if this fails, the last local
///         // to be dropped.
///         let barrier = unsafe { CallbackBarrier::new::<crate::LocalModule>() }?;
///         let token = barrier.token();
///         Ok(Self {
///             table: RcuBox::pin_init_with_barrier(KVec::new(), &token, GFP_KERNEL)?,
///             barrier,
///         })
///     }
/// }
/// # // Examples say that they are built in. If they are in a module, that is noticed.
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
    /// This is what safe code can't promise: that a value is dropped, and at which time. It is
    /// promised once for a module, and every box of the module rests on it.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    ///
    /// # Context
    ///
    /// Process context; allocates with `GFP_KERNEL`.
    ///
    /// # Safety
    ///
    /// Callers must ensure that it is dropped, so not leaked, before the text of `M` is freed, also
    /// if the init of `M` fails. That is so for the last field of the module's data.
    ///
    /// A box that is dropped later than the barrier leaks its value. So whatever else may drop a
    /// box (a file, a timer, work) should have been stopped by the drop of fields that come before.
    pub unsafe fn new<M: ModuleMetadata>() -> Result<Self> {
        let mut start = 0;
        // SAFETY: The module is loaded, since its code runs, or it is null.
        let size = unsafe { bindings::module_text(this_module::<M>().as_ptr(), &mut start) };
        // INVARIANT: The safety requirements. There is no callback yet.
        let callbacks = Callbacks {
            text: start..start + size,
            pending: Atomic::new(1),
        };
        Ok(Self(Arc::new(callbacks, GFP_KERNEL)?))
    }

    /// Returns the evidence that there is a barrier, for those who make boxes. Any context.
    pub fn token(&self) -> BarrierToken {
        // INVARIANT: They are those of this barrier.
        BarrierToken(self.0.clone())
    }
}

impl Drop for CallbackBarrier {
    fn drop(&mut self) {
        // No box can begin a callback now, unless it is dropped by a callback.
        self.0.end();
        // The acquire pairs with the release of those that have ended. So `rcu_barrier()` finds
        // what they have queued.
        while self.0.pending.load(Acquire) != 0 {
            rcu_barrier();
        }
        // The last callback has ended, and may not have returned to the core.
        rcu_barrier();
    }
}

/// Evidence that a module waits for its RCU callbacks before its text is freed.
///
/// It vouches for the text of that module only: a box whose destructor is in the text of another
/// one, which may go first, is refused. It may outlive the [`CallbackBarrier`].
///
/// # Invariants
///
/// It has the callbacks of a [`CallbackBarrier`] of the module that they name.
#[derive(Clone)]
pub struct BarrierToken(Arc<Callbacks>);

impl BarrierToken {
    /// Returns the callbacks that the barrier waits for, if `callback` is text of its module.
    pub(super) fn callbacks_for(&self, callback: Callback) -> Option<Arc<Callbacks>> {
        let callback = (callback as *const c_void).addr();
        self.0.text.contains(&callback).then(|| self.0.clone())
    }
}
