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
/// Implementers must ensure that what [`RcuBorrowed`](Self::RcuBorrowed) reaches
///
/// - stays valid until the end of the critical section in which it was borrowed, if that section
///   began before the drop of what [`from_foreign`](ForeignOwnable::from_foreign) returned began,
///   and
/// - is not accessed exclusively until then: neither what
///   [`from_foreign`](ForeignOwnable::from_foreign), [`borrow`](ForeignOwnable::borrow) and
///   [`borrow_mut`](ForeignOwnable::borrow_mut) return, nor the drop, gives anybody a `&mut` to it.
pub unsafe trait ForeignOwnableRcu: ForeignOwnable {
    /// What a reader gets.
    type RcuBorrowed<'a>
    where
        Self: 'a;

    /// Borrows the value for as long as the caller stays in the critical section of `rcu`.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `ptr` was returned by
    /// [`into_foreign`](ForeignOwnable::into_foreign), and that, if the value that it stands for is
    /// ever dropped, the critical section of `rcu` began before that drop *began*: parts of the
    /// value may be queued to be freed while the drop runs, and a grace period does not wait for
    /// critical sections that begin after it has. It is so for a pointer that was read in this
    /// critical section from where it is removed before the drop.
    unsafe fn rcu_borrow<'a>(ptr: *mut c_void, rcu: &'a Guard) -> Self::RcuBorrowed<'a>;
}
