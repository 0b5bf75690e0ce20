// SPDX-License-Identifier: GPL-2.0

//! The order in which the fences of a context signal.
//!
//! A number has 64 bits, and of two numbers the earlier one is that from which the other is less
//! than 2^63 ahead. This is a total order of the numbers that are in use in a context at one time,
//! since they never span 2^63:
//!
//! - In [`EmissionOrder`] the timeline counts its fences. It can't count to 2^63.
//! - In [`SeqnoOrder`] the issuer of 32-bit numbers counts how far it has come in 64 bits, and
//!   gives each fence [the number nearest to that](SeqnoOrder::nearest). A fence is never created
//!   further ahead than 2^31. If it lags behind, it has been reached, and the thread that has
//!   counted that far is still signalling: that thread returns when nothing it has reached is
//!   pending. So numbers lag by no more than what the threads that are counting at the time have
//!   added, each less than 2^32. There are at most 2^22 threads (`PID_MAX_LIMIT`), which makes
//!   2^54. A fence that is being created is compared with how far the issuer has come, and with
//!   nothing else, when it is committed. To be 2^63 beyond it by then takes 2^31 steps of the
//!   greatest size.
//!
//! The core compares all 64 bits, too: see `init_fence`. It doesn't expect numbers to wrap.

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
}

/// The order in which the fences are emitted. The timeline numbers them itself, from 1.
///
/// A pending fence takes 96 bytes; more with `CONFIG_PREEMPT_RT` or lock debugging, where spinlocks
/// are larger.
pub enum EmissionOrder {}

/// The order of numbers that the issuer chooses. Fences may be emitted in any order of them.
///
/// All numbers in use at one time must be within 2^63 of each other.
///
/// A pending fence takes 128 bytes; more with `CONFIG_PREEMPT_RT` or lock debugging.
pub enum SeqnoOrder {}

impl SeqnoOrder {
    /// Returns the number near `now` whose lower 32 bits are `low`.
    ///
    /// It is for issuers whose users count in 32 bits. `now` is how far the issuer has come,
    /// counted in 64 bits from 0. The answer is less than 2^31 ahead of `now`, or not ahead of it.
    /// There are no numbers below 0, so the answer is 0 if `now` has not come far enough to be
    /// ahead of it.
    ///
    /// While `now` rises, calls with one `low` answer with one number until `now` has reached that
    /// number.
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

    /// Tells whether the number `seqno` is `last` or earlier than it.
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

/// Returns by how much the number `a` is later than `b`.
#[inline]
pub(super) const fn later_by(a: u64, b: u64) -> i64 {
    a.wrapping_sub(b) as i64
}

/// Tells whether the number `seqno` is `last` or earlier than it.
#[inline]
pub(super) const fn is_up_to(seqno: u64, last: u64) -> bool {
    later_by(seqno, last) <= 0
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::EmissionOrder {}
    impl Sealed for super::SeqnoOrder {}
}
