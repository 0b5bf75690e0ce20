// SPDX-License-Identifier: GPL-2.0

//! The order in which the fences of a context signal.

use super::pending::{
    ByNumber,
    Fifo,
    Pending, //
};

/// The order in which the fences of a context signal.
///
/// It is chosen at compile time, as [`FenceOps::Order`](super::FenceOps::Order): what a fence keeps
/// to be linked depends on it. There are two, and no others.
pub trait Order: sealed::Sealed + 'static {
    /// How pending fences are kept.
    #[doc(hidden)]
    type Pending: Pending;

    /// Tells whether `seqno` is `last` or before it.
    #[doc(hidden)]
    fn up_to(seqno: u64, last: u64) -> bool;
}

/// The order in which the fences are emitted. The timeline numbers them itself, from 1.
///
/// A pending fence takes 96 bytes; more with `CONFIG_PREEMPT_RT` or lock debugging, where spinlocks
/// are larger.
pub enum EmissionOrder {}

/// The order of 32-bit numbers which the caller chooses, and which wrap: of two, the later one is
/// that which is less than 2^31 ahead.
///
/// A pending fence takes 128 bytes; more with `CONFIG_PREEMPT_RT` or lock debugging.
pub enum Seqno32Order {}

impl Order for EmissionOrder {
    type Pending = Fifo;

    #[inline]
    fn up_to(seqno: u64, last: u64) -> bool {
        seqno <= last
    }
}

impl Order for Seqno32Order {
    type Pending = ByNumber;

    #[inline]
    fn up_to(seqno: u64, last: u64) -> bool {
        later_by(seqno as u32, last as u32) <= 0
    }
}

/// Returns by how much the 32-bit number `a` is later than `b`.
#[inline]
pub(super) const fn later_by(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::EmissionOrder {}
    impl Sealed for super::Seqno32Order {}
}
