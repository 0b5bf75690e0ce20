// SPDX-License-Identifier: GPL-2.0

//! The containers of the pending fences of a context.

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

/// A pointer to a point, or `None`.
pub(super) type Link<L> = Option<NonNull<Point<L>>>;

/// The links of a point, by which a container keeps it.
pub trait Links: Sized {
    /// Returns the links of a point that is not linked.
    fn new() -> Self;

    /// Returns the place in `point` where a [`Chain`] keeps the pointer to the next point.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is valid, and is on a chain or about to be put on one.
    unsafe fn next_on_chain(point: NonNull<Point<Self>>) -> *mut Link<Self>;
}

/// Points that a signaler has gathered, in the order in which they signal, without references to
/// them.
pub trait Gathered<L> {
    /// Returns an empty value.
    fn none() -> Self;

    /// Returns whether there are no points.
    fn is_empty(&self) -> bool;

    /// Returns an iterator over the points.
    ///
    /// # Safety
    ///
    /// Callers must stay in one RCU section from before the points were gathered until they are
    /// done with the iterator and its points.
    unsafe fn points(&self) -> impl Iterator<Item = NonNull<Point<L>>>;
}

/// The points up to some number that are linked in a container.
pub enum Reached<L> {
    /// There is none.
    Nothing,
    /// There is only this one, the first of the container.
    One(NonNull<Point<L>>),
    /// There may be several.
    Several,
}

/// A container of the pending points of a context: by age, and in the order in which they signal.
///
/// The age decides which point times out next, since all points of a context have the same timeout.
///
/// The container is protected by the context's lock, and owns a reference to each linked point. The
/// code that unlinks a point puts that reference, and the container does not touch the point any
/// more. From then on RCU keeps the point's memory for signalers that have gathered it.
pub trait Pending: Sized + Send {
    /// The links of a point in this container.
    type Links: Links;

    /// The type for what a signaler gathers.
    type Gathered: Gathered<Self::Links>;

    /// Returns an initializer for an empty container.
    fn new() -> impl PinInit<Self>;

    /// Returns how many points are linked.
    fn len(&self) -> u32;

    /// Links points, and takes over the references to them.
    ///
    /// # Safety
    ///
    /// Callers must ensure that the points are initialized and in order. They must own a reference
    /// to each, and give it up.
    unsafe fn link(self: Pin<&mut Self>, points: Chain<Self::Links>);

    /// Returns which points up to the number `last` are linked.
    fn up_to(&self, last: u64) -> Reached<Self::Links>;

    /// Unlinks `point`. The container's reference to it passes to the caller.
    ///
    /// # Safety
    ///
    /// Callers must ensure that [`up_to`](Self::up_to) has returned `point` as the only one, that
    /// the container has not changed since, and that `point` has signaled.
    unsafe fn unlink_one(self: Pin<&mut Self>, point: NonNull<Point<Self::Links>>);

    /// Gathers the first points up to the number `last`, at most `BATCH` of them, and returns
    /// whether there may be more. `gathered` must be empty.
    fn gather(&self, last: u64, gathered: &mut Self::Gathered) -> bool;

    /// Unlinks the gathered points that are still linked, and removes all others from `gathered`.
    /// The container's references to the unlinked points pass to the caller.
    ///
    /// # Safety
    ///
    /// Callers must have gathered the points, and must have been in one RCU section since before
    /// that. All of the points must have signaled.
    unsafe fn unlink(self: Pin<&mut Self>, gathered: &mut Self::Gathered);

    /// Unlinks all points in the order in which they signal, and calls `each` for each. The
    /// container's reference passes to the closure.
    ///
    /// It is for closing the container: [`is_linked`](Self::is_linked) must not be called for these
    /// points after this.
    fn drain(self: Pin<&mut Self>, each: impl FnMut(NonNull<Point<Self::Links>>));

    /// Returns the oldest point, which is the next one to time out, or `None` if there are no
    /// points.
    fn oldest(&self) -> Link<Self::Links>;

    /// Returns the point that was linked next after `point`, or `None` if `point` is the youngest.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is linked in this container.
    unsafe fn younger(&self, point: NonNull<Point<Self::Links>>) -> Link<Self::Links>;

    /// Returns whether a point is linked.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` was linked in this container at some time, and that its
    /// memory is valid.
    unsafe fn is_linked(&self, point: NonNull<Point<Self::Links>>) -> bool;
}
