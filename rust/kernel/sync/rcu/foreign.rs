// SPDX-License-Identifier: GPL-2.0

//! Foreign-owned values that RCU readers borrow.

use super::Guard;
use crate::{
    prelude::*,
    types::ForeignOwnable, //
};

/// Foreign-owned values that RCU readers can borrow while the owner may drop them.
///
/// A data structure of the C side may hold pointers that
/// [`into_foreign`](ForeignOwnable::into_foreign) has returned, and RCU readers may search it. By
/// this trait, a reader borrows a value that it has found, even if another thread removes and drops
/// the value at the same time.
///
/// Borrowing never excludes the owner: a reader gets a view ([`RcuFreeSafe`]) or a shared reference
/// ([`RcuBox`]), never a `&mut`. [`RcuFreeBox`] has an example.
///
/// [`RcuBox`]: super::RcuBox
/// [`RcuFreeBox`]: super::RcuFreeBox
/// [`RcuFreeSafe`]: super::RcuFreeSafe
///
/// # Safety
///
/// Implementers must ensure, for everything that an [`RcuBorrowed`](Self::RcuBorrowed) reaches:
///
/// - It stays valid until the end of the critical section in which it was borrowed, if that section
///   began before the drop of the value that [`from_foreign`](ForeignOwnable::from_foreign)
///   returned began.
/// - Nobody accesses it exclusively until then. Neither the values that
///   [`from_foreign`](ForeignOwnable::from_foreign), [`borrow`](ForeignOwnable::borrow) and
///   [`borrow_mut`](ForeignOwnable::borrow_mut) return, nor the drop, give anybody a `&mut` to it.
pub unsafe trait ForeignOwnableRcu: ForeignOwnable {
    /// What a reader borrows: a view or a shared reference.
    type RcuBorrowed<'a>
    where
        Self: 'a;

    /// Borrows the value for as long as the caller stays in the critical section of `rcu`.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `ptr` was returned by
    /// [`into_foreign`](ForeignOwnable::into_foreign). If the value is ever dropped, the critical
    /// section of `rcu` must have begun before that drop *began*: while the drop runs, it may queue
    /// parts of the value to be freed, and a grace period does not wait for critical sections that
    /// begin after it.
    ///
    /// This holds if `ptr` was read in this critical section from a place from which it is removed
    /// before the drop.
    unsafe fn rcu_borrow<'a>(ptr: *mut c_void, rcu: &'a Guard) -> Self::RcuBorrowed<'a>;
}
