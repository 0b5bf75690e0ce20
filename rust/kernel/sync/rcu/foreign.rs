// SPDX-License-Identifier: GPL-2.0

//! Foreign-owned values that RCU readers borrow.

use super::Guard;
use crate::{
    prelude::*,
    types::ForeignOwnable, //
};

/// Foreign-owned values that can be borrowed in an RCU critical section without their owner.
///
/// A data structure on the C side that holds the pointers of
/// [`into_foreign`](ForeignOwnable::into_foreign), and that RCU readers may search, gives readers
/// access by this trait while another thread removes and drops what they found.
///
/// Borrowing never excludes the owner: what a reader gets is a view ([`RcuFreeSafe`]) or a shared
/// reference ([`RcuBox`]), never a `&mut`. There is an example at [`RcuFreeBox`].
///
/// [`RcuBox`]: super::RcuBox
/// [`RcuFreeBox`]: super::RcuFreeBox
/// [`RcuFreeSafe`]: super::RcuFreeSafe
///
/// # Safety
///
/// An implementer keeps what [`RcuBorrowed`](Self::RcuBorrowed) reaches valid until one grace
/// period after the value that [`from_foreign`](ForeignOwnable::from_foreign) returned is dropped.
pub unsafe trait ForeignOwnableRcu: ForeignOwnable {
    /// What a reader gets.
    type RcuBorrowed<'a>
    where
        Self: 'a;

    /// Borrows the value for as long as the caller stays in the critical section of `rcu`.
    ///
    /// # Safety
    ///
    /// `ptr` was returned by [`into_foreign`](ForeignOwnable::into_foreign). If it has been given
    /// to [`from_foreign`](ForeignOwnable::from_foreign) and the value was dropped, then the
    /// critical section of `rcu` began before that: a grace period does not wait for those that
    /// begin after it has. It is so for a pointer that was read in this critical section from where
    /// it is removed before the drop.
    unsafe fn rcu_borrow<'a>(ptr: *mut c_void, rcu: &'a Guard) -> Self::RcuBorrowed<'a>;
}
