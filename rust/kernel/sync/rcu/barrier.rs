// SPDX-License-Identifier: GPL-2.0

//! What a module must wait for before its text goes.

use super::rcu_barrier;

/// Waits, when dropped, for every RCU callback that was queued before.
///
/// A module whose values are dropped in RCU callbacks ([`RcuBox`](super::RcuBox) of a type with a
/// destructor) has this as the *last* field of its data: fields are dropped in the order they are
/// declared in, and a module's own [`Drop`] runs before any of them. Without it, a callback may run
/// in text that is no longer there; so such a box isn't made without a [`BarrierToken`], which only
/// this gives.
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
/// The drop sleeps.
///
/// # Invariants
///
/// It is dropped before the text of its module is freed, after the last drop of a box that was made
/// with a token of it.
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
///         // to be dropped. No box is kept outside of that data.
///         let barrier = unsafe { CallbackBarrier::new() };
///         let token = barrier.token();
///         Ok(Self {
///             table: RcuBox::pin_init_with_barrier(KVec::new(), token, GFP_KERNEL)?,
///             barrier,
///         })
///     }
/// }
/// # let m = Module::init()?;
/// # assert_eq!(m.table.len(), 0);
/// # let Module { table, barrier } = m;
/// # drop(table);
/// # drop(barrier);
/// # Ok::<(), Error>(())
/// ```
#[must_use = "it is a field of the module's data"]
pub struct CallbackBarrier(());

impl CallbackBarrier {
    /// Makes the barrier of a module.
    ///
    /// This is what safe code can't promise: that a value is dropped, and at which time. It is
    /// promised once for a module, and every box of the module rests on it.
    ///
    /// # Safety
    ///
    /// It is dropped (so not leaked) before the text of the module is freed, also if the module's
    /// init fails. Between that drop and the freeing of the text no box is dropped that was made
    /// with a [`token`](Self::token) of it. Both are so for the last field of the module's data, if
    /// what else may drop such a box (a file, a timer, work) was stopped by the drop of fields that
    /// come before.
    pub const unsafe fn new() -> Self {
        // INVARIANT: By the safety requirements.
        Self(())
    }

    /// Returns the evidence that there is a barrier, for whoever makes boxes.
    pub const fn token(&self) -> BarrierToken {
        // INVARIANT: This is that one.
        BarrierToken(())
    }
}

impl Drop for CallbackBarrier {
    fn drop(&mut self) {
        rcu_barrier();
    }
}

/// Evidence that the module waits for its RCU callbacks before its text is freed.
///
/// Costs nothing at run time. It doesn't borrow from the [`CallbackBarrier`], so that boxes can be
/// kept beside it; that it doesn't come too early is what [`CallbackBarrier::new`] asks for.
///
/// # Invariants
///
/// Is one that [`CallbackBarrier::token`] returned.
#[derive(Clone, Copy)]
pub struct BarrierToken(());
