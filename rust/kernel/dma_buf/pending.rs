// SPDX-License-Identifier: GPL-2.0

//! The fences of a context that are not unlinked yet.

use super::point::Point;
use crate::prelude::*;
use core::ptr::NonNull;

mod by_number;
mod chain;
mod fifo;
mod tree;

pub(super) use self::{
    by_number::ByNumber,
    chain::Chain,
    fifo::Fifo, //
};

/// A point, if there is one.
pub(super) type Link<L> = Option<NonNull<Point<L>>>;

/// What a point keeps to be linked.
pub trait Links: Sized {
    /// The links of a point that is linked nowhere.
    fn new() -> Self;

    /// Returns where a point that is on a [`Chain`] keeps the next one.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is valid, and on a chain or about to be.
    unsafe fn next_on_chain(point: NonNull<Point<Self>>) -> *mut Link<Self>;
}

/// Some points, in the order that they signal in, without references to them.
pub trait Gathered<L> {
    /// Returns none.
    fn none() -> Self;

    /// Tells whether there are none.
    fn is_empty(&self) -> bool;

    /// Returns the points.
    ///
    /// # Safety
    ///
    /// Callers must stay in one RCU section from before the points were gathered until they are
    /// done with what this returns.
    unsafe fn points(&self) -> impl Iterator<Item = NonNull<Point<L>>>;
}

/// The pending points of a context, by age and in the order that they signal in.
///
/// All points of a context have the same timeout, so timeouts go by age.
///
/// It is a part of the state under the context's lock. To what is linked the container owns a
/// reference. A point that was unlinked is not touched any more: whoever unlinked it puts that
/// reference, and from then on it is RCU that keeps its memory for those who have gathered it.
pub trait Pending: Sized + Send {
    /// What a point keeps to be linked.
    type Links: Links;

    /// What a signaller gathers.
    type Gathered: Gathered<Self::Links>;

    /// Returns an initialiser for an empty one.
    fn new() -> impl PinInit<Self>;

    /// Returns how many points there are.
    fn len(&self) -> u32;

    /// Links points, and takes over the references to them.
    ///
    /// # Safety
    ///
    /// Callers must ensure that the points are initialised and in order. They must own a reference
    /// to each, and give it up.
    unsafe fn link(self: Pin<&mut Self>, points: Chain<Self::Links>);

    /// Gathers the first points up to the number `last`, `BATCH` of them at most, where none were,
    /// and tells whether there are more.
    fn gather(&self, last: u64, gathered: &mut Self::Gathered) -> bool;

    /// Unlinks those of what was gathered that are linked still, and leaves these: the references
    /// that the container owned are then the caller's.
    ///
    /// # Safety
    ///
    /// Callers must have gathered the points, and must have been in one RCU section since before
    /// that. All of the points must have signalled.
    unsafe fn unlink(self: Pin<&mut Self>, gathered: &mut Self::Gathered);

    /// Unlinks all points, the first one first, and calls `each` for each of them. The reference
    /// that the container owned is then the closure's.
    ///
    /// It is for the end of the container: [`is_linked`](Self::is_linked) must not be called for
    /// these points any more.
    fn drain(self: Pin<&mut Self>, each: impl FnMut(NonNull<Point<Self::Links>>));

    /// Returns the oldest point: the next one to time out.
    fn oldest(&self) -> Link<Self::Links>;

    /// Returns the point that was linked next after `point`.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is linked here.
    unsafe fn younger(&self, point: NonNull<Point<Self::Links>>) -> Link<Self::Links>;

    /// Tells whether a point is linked.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` was linked here once, and that its memory is valid.
    unsafe fn is_linked(&self, point: NonNull<Point<Self::Links>>) -> bool;
}
