// SPDX-License-Identifier: GPL-2.0

//! What a module must wait for before its text goes.

use super::rcu_barrier;

/// Waits, when dropped, for every RCU callback that was queued before.
///
/// A module whose values are dropped in RCU callbacks ([`RcuBox`](super::RcuBox) of a type with a
/// destructor) has this as the *last* field of its data: fields are dropped in the order they are
/// declared in, and a module's own [`Drop`] runs before any of them. Without it, a callback may run
/// in text that is no longer there.
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
/// # let m = Module { table: RcuBox::pin_init(KVec::new(), GFP_KERNEL)?, barrier: CallbackBarrier
/// };
/// # assert_eq!(m.table.len(), 0);
/// # let Module { table, barrier } = m;
/// # drop(table);
/// # drop(barrier);
/// # Ok::<(), Error>(())
/// ```
#[must_use]
pub struct CallbackBarrier;

impl Drop for CallbackBarrier {
    fn drop(&mut self) {
        rcu_barrier();
    }
}
