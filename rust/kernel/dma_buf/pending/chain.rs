// SPDX-License-Identifier: GPL-2.0

//! Points one after the other.

use super::{
    Link,
    Links,
    Point, //
};
use core::ptr::NonNull;

/// The first and the last point.
type Ends<L> = (NonNull<Point<L>>, NonNull<Point<L>>);

/// Points one after the other, in the order in which they were emitted.
///
/// # Invariants
///
/// `ends` are the first and the last of `len` valid points, each of which but the last has the
/// address of the next one; it is `None` if there are none.
pub struct Chain<L: Links> {
    ends: Option<Ends<L>>,
    len: u32,
}

// SAFETY: What it points to are points, which may be used on any CPU by whoever has the chain.
unsafe impl<L: Links> Send for Chain<L> {}

impl<L: Links> Chain<L> {
    /// Returns an empty one.
    #[inline]
    pub(in super::super) const fn new() -> Self {
        Self { ends: None, len: 0 }
    }

    /// Returns how many points there are.
    #[inline]
    pub(in super::super) fn len(&self) -> u32 {
        self.len
    }

    /// Returns the first point.
    #[inline]
    pub(in super::super) fn first(&self) -> Link<L> {
        self.ends.map(|(first, _)| first)
    }

    /// Returns the point after `point`.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is on this chain.
    #[inline]
    pub(in super::super) unsafe fn next(&self, point: NonNull<Point<L>>) -> Link<L> {
        // SAFETY: By the safety requirements and the type invariant.
        unsafe { *L::next_on_chain(point) }
    }

    /// Adds a point behind the others.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is valid, that it is on no chain, and that it stays until
    /// it is taken out.
    #[inline]
    pub(in super::super) unsafe fn push(&mut self, point: NonNull<Point<L>>) {
        // SAFETY: By the safety requirements `point` is valid, and on no chain that has its link.
        unsafe { L::next_on_chain(point).write(None) };
        // SAFETY: By the safety requirements `point`, the one point of that chain, stays until it
        // is taken out.
        unsafe {
            self.append(Self {
                ends: Some((point, point)),
                len: 1,
            })
        };
    }

    /// Adds the points of another chain behind those of this.
    ///
    /// # Safety
    ///
    /// Callers must ensure that the points of `other` stay until they are taken out.
    #[inline]
    pub(in super::super) unsafe fn append(&mut self, other: Self) {
        let Some((first, last)) = other.ends else {
            return;
        };
        // INVARIANT: The other's first point comes behind our last one.
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
        // INVARIANT: The chain begins behind the first one.
        self.ends = next.map(|next| (next, last));
        self.len -= 1;
        Some(first)
    }

    /// Takes out the first `count` points, up to and including `point`.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is on this chain, as the `count`th from the beginning.
    #[inline]
    pub(in super::super) unsafe fn cut_after(&mut self, point: NonNull<Point<L>>, count: u32) {
        // SAFETY: By the safety requirements `point` is on this chain.
        let next = unsafe { self.next(point) };
        // INVARIANT: The chain begins behind `point`.
        self.ends = self
            .ends
            .and_then(|(_, last)| next.map(|next| (next, last)));
        self.len -= count;
    }
}
