// SPDX-License-Identifier: GPL-2.0

//! The order in which the fences of a context signal.
//!
//! A number has 64 bits. Number `a` is earlier than `b` if `b` is less than 2^63 ahead of `a`. This
//! is a total order of the numbers that a context uses at one time, since they never span 2^63:
//!
//! - In [`EmissionOrder`] the timeline counts its fences, and can't count to 2^63.
//! - In [`SeqnoOrder`] an issuer of 32-bit numbers counts its value in 64 bits, and gives each
//!   fence [the number nearest to the value](SeqnoOrder::nearest). So a new number is less than
//!   2^31 ahead of the value. A pending number that is behind the value was reached by a thread
//!   that is still signaling: that thread returns only when no number that it has reached is
//!   pending. So numbers lag by no more than what the threads that are signaling have added, each
//!   less than 2^32. There are at most 2^22 threads (`PID_MAX_LIMIT`), so numbers lag by at most
//!   2^54. The number of a fence that is being created is compared only when the fence is
//!   committed, and only with the value. The value could be 2^63 ahead of the number by then only
//!   after 2^31 steps of the greatest size.
//!
//! The core compares all 64 bits, too: see `init_fence`. It does not expect numbers to wrap.

use super::pending::{
    ByNumber,
    Fifo,
    Pending, //
};

/// The order in which the fences of a context signal.
///
/// An issuer chooses it at compile time, as [`FenceOps::Order`](super::FenceOps::Order), because
/// the links that a fence needs depend on it. [`EmissionOrder`] and [`SeqnoOrder`] are the only
/// ones.
pub trait Order: sealed::Sealed + 'static {
    /// The container of the pending fences.
    #[doc(hidden)]
    type Pending: Pending;
}

/// The order in which the fences are emitted. The timeline numbers the fences, from 1.
///
/// A pending fence takes 96 bytes; more with `CONFIG_PREEMPT_RT` or lock debugging, where spinlocks
/// are larger.
pub enum EmissionOrder {}

/// The order of numbers that the issuer chooses. Fences may be emitted in any order of their
/// numbers.
///
/// All numbers that are in use at one time must be within 2^63 of each other.
///
/// A pending fence takes 128 bytes; more with `CONFIG_PREEMPT_RT` or lock debugging.
pub enum SeqnoOrder {}

impl SeqnoOrder {
    /// Returns the number near `now` whose lower 32 bits are `low`.
    ///
    /// It is for issuers whose users count in 32 bits. `now` is the issuer's value, a count in 64
    /// bits that begins with 0. The number returned is less than 2^31 ahead of `now`, or is not
    /// ahead of `now`. Numbers are not negative: if the nearest number would be, 0 is returned.
    ///
    /// While `now` rises, calls with the same `low` return the same number until `now` has reached
    /// it.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::dma_buf::SeqnoOrder;
    ///
    /// assert_eq!(SeqnoOrder::nearest(3, 7), 7);
    /// // The user's count wraps: 0 comes after 2^32 - 1.
    /// assert_eq!(SeqnoOrder::nearest(0xffff_fffe, 0), 0x1_0000_0000);
    /// assert_eq!(SeqnoOrder::nearest(0x1_0000_0002, 0xffff_ffff), 0xffff_ffff);
    /// ```
    #[inline]
    pub const fn nearest(now: u64, low: u32) -> u64 {
        let ahead = low.wrapping_sub(now as u32) as i32;
        if ahead > 0 {
            now.wrapping_add(ahead as u64)
        } else {
            now.saturating_sub(ahead.unsigned_abs() as u64)
        }
    }

    /// Returns whether the number `seqno` is `last` or earlier.
    #[inline]
    pub const fn is_up_to(seqno: u64, last: u64) -> bool {
        is_up_to(seqno, last)
    }
}

impl Order for EmissionOrder {
    type Pending = Fifo;
}

impl Order for SeqnoOrder {
    type Pending = ByNumber;
}

/// Returns by how much the number `a` is later than `b`; negative if `a` is earlier.
#[inline]
pub(super) const fn later_by(a: u64, b: u64) -> i64 {
    a.wrapping_sub(b) as i64
}

/// Returns whether the number `seqno` is `last` or earlier.
#[inline]
pub(super) const fn is_up_to(seqno: u64, last: u64) -> bool {
    later_by(seqno, last) <= 0
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::EmissionOrder {}
    impl Sealed for super::SeqnoOrder {}
}
