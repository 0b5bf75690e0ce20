// SPDX-License-Identifier: GPL-2.0

//! Singly linked lists of points.

use super::{
    Link,
    Links,
    Point, //
};
use core::ptr::NonNull;

/// The first and the last point.
type Ends<L> = (NonNull<Point<L>>, NonNull<Point<L>>);

/// A singly linked list of points, in the order in which they were emitted.
///
/// # Invariants
///
/// `ends` are the first and the last of `len` valid points. Each point but the last has a pointer
/// to the next one. If there are no points, `ends` is `None`.
pub struct Chain<L: Links> {
    ends: Option<Ends<L>>,
    len: u32,
}

// SAFETY: The raw pointers point to points, which may be used on any CPU by the owner of the chain.
unsafe impl<L: Links> Send for Chain<L> {}

impl<L: Links> Chain<L> {
    /// Returns an empty chain.
    #[inline]
    pub(in super::super) const fn new() -> Self {
        Self { ends: None, len: 0 }
    }

    /// Returns how many points are on the chain.
    #[inline]
    pub(in super::super) fn len(&self) -> u32 {
        self.len
    }

    /// Returns the first point, or `None` if the chain is empty.
    #[inline]
    pub(in super::super) fn first(&self) -> Link<L> {
        self.ends.map(|(first, _)| first)
    }

    /// Returns the point after `point`, or `None` if `point` is the last.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is on this chain.
    #[inline]
    pub(in super::super) unsafe fn next(&self, point: NonNull<Point<L>>) -> Link<L> {
        // SAFETY: By the safety requirements `point` is on this chain, so by the type invariant it
        // is valid.
        unsafe { *L::next_on_chain(point) }
    }

    /// Appends a point.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is valid and on no chain, and that it stays valid until it
    /// is taken out.
    #[inline]
    pub(in super::super) unsafe fn push(&mut self, point: NonNull<Point<L>>) {
        // SAFETY: By the safety requirements `point` is valid, and no chain uses its link.
        unsafe { L::next_on_chain(point).write(None) };
        // SAFETY: `point` is the only point of the other chain. By the safety requirements it stays
        // valid until it is taken out.
        unsafe {
            self.append(Self {
                ends: Some((point, point)),
                len: 1,
            })
        };
    }

    /// Appends the points of another chain.
    ///
    /// # Safety
    ///
    /// Callers must ensure that the points of `other` stay valid until they are taken out.
    #[inline]
    pub(in super::super) unsafe fn append(&mut self, other: Self) {
        let Some((first, last)) = other.ends else {
            return;
        };
        // INVARIANT: The first point of `other` comes after our last one.
        self.ends = match self.ends {
            None => Some((first, last)),
            Some((ours, end)) => {
                // SAFETY: By the type invariant our last point is valid.
                unsafe { L::next_on_chain(end).write(Some(first)) };
                Some((ours, last))
            }
        };
        self.len += other.len;
    }

    /// Takes out the first point.
    #[inline]
    pub(in super::super) fn pop(&mut self) -> Link<L> {
        let (first, last) = self.ends?;
        // SAFETY: By the type invariant `first` is on this chain.
        let next = unsafe { self.next(first) };
        // INVARIANT: The chain begins after the first point.
        self.ends = next.map(|next| (next, last));
        self.len -= 1;
        Some(first)
    }

    /// Takes out the first `count` points, up to and including `point`.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is the `count`th point of this chain.
    #[inline]
    pub(in super::super) unsafe fn cut_after(&mut self, point: NonNull<Point<L>>, count: u32) {
        // SAFETY: By the safety requirements `point` is on this chain.
        let next = unsafe { self.next(point) };
        // INVARIANT: The chain begins after `point`.
        self.ends = self
            .ends
            .and_then(|(_, last)| next.map(|next| (next, last)));
        self.len -= count;
    }
}
