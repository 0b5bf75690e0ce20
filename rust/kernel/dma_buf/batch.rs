// SPDX-License-Identifier: GPL-2.0

//! [`Batch`]: an array of gathered points.

use super::{
    pending::{
        Gathered,
        Link, //
    },
    point::Point, //
};
use core::{
    mem::MaybeUninit,
    ptr::NonNull, //
};

/// The most fences that a signaler signals between two holds of the context's lock.
pub(super) const BATCH: usize = 64;

/// Up to [`BATCH`] points, without references to them.
///
/// # Invariants
///
/// The first `len` elements are initialized, and `len <= BATCH`.
pub struct Batch<L> {
    points: [MaybeUninit<NonNull<Point<L>>>; BATCH],
    len: usize,
}

impl<L> Batch<L> {
    /// Adds points from `next` on while `is_in` is true of them, and returns whether more such
    /// points are left.
    ///
    /// `after` returns the point that follows the given one.
    #[inline]
    pub(super) fn fill(
        &mut self,
        mut next: Link<L>,
        is_in: impl Fn(NonNull<Point<L>>) -> bool,
        after: impl Fn(NonNull<Point<L>>) -> Link<L>,
    ) -> bool {
        let mut len = self.len;
        let more = loop {
            let Some(point) = next.filter(|&point| is_in(point)) else {
                break false;
            };
            let Some(free) = self.points.get_mut(len) else {
                break true;
            };
            free.write(point);
            len += 1;
            next = after(point);
        };
        // INVARIANT: The elements before `len` were written, and `get_mut` found each in the array.
        self.len = len;
        more
    }

    /// Adds a point if there is room for it.
    #[inline]
    pub(super) fn push(&mut self, point: NonNull<Point<L>>) {
        if let Some(free) = self.points.get_mut(self.len) {
            free.write(point);
            // INVARIANT: The element was written, and `get_mut` found it in the array.
            self.len += 1;
        }
    }

    /// Returns the points.
    #[inline]
    pub(super) fn as_slice(&self) -> &[NonNull<Point<L>>] {
        // SAFETY: By the type invariant the range is within the array and its elements
        // are initialized. A `MaybeUninit` has the layout of its content.
        unsafe { core::slice::from_raw_parts(self.points.as_ptr().cast(), self.len) }
    }

    /// Keeps the first `from` points, and those of the remaining points for which `keep` returns
    /// true.
    #[inline]
    pub(super) fn retain_from(
        &mut self,
        from: usize,
        mut keep: impl FnMut(NonNull<Point<L>>) -> bool,
    ) {
        let len = self.len;
        self.len = from.min(len);
        for index in from..len {
            let Some(element) = self.points.get(index) else {
                break;
            };
            // SAFETY: By the type invariant the element was initialized. `push` below writes only
            // to elements that this loop has read before.
            let point = unsafe { element.assume_init() };
            if keep(point) {
                self.push(point);
            }
        }
    }
}

impl<L> Gathered<L> for Batch<L> {
    #[inline]
    fn none() -> Self {
        Self {
            points: [const { MaybeUninit::uninit() }; BATCH],
            len: 0,
        }
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    unsafe fn points(&self) -> impl Iterator<Item = NonNull<Point<L>>> {
        self.as_slice().iter().copied()
    }
}
