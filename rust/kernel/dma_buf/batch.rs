// SPDX-License-Identifier: GPL-2.0

//! Some points of a context, in the order that they signal in.

use super::point::Point;
use crate::bindings;
use core::{
    mem::MaybeUninit,
    ptr::NonNull, //
};

/// How many fences are signalled between two holds of the context's lock.
pub(super) const BATCH: usize = 64;

/// Up to [`BATCH`] points, without references to them.
///
/// # Invariants
///
/// The slots in `start..end` are initialised, and `start <= end <= BATCH`.
pub struct Batch<L> {
    points: [MaybeUninit<NonNull<Point<L>>>; BATCH],
    start: usize,
    end: usize,
}

impl<L> Batch<L> {
    /// Returns an empty one.
    #[inline]
    pub(super) fn new() -> Self {
        Self {
            points: [const { MaybeUninit::uninit() }; BATCH],
            start: 0,
            end: 0,
        }
    }

    /// Adds a point, unless the batch is full, and tells whether it did.
    #[inline]
    pub(super) fn push(&mut self, point: NonNull<Point<L>>) -> bool {
        let Some(slot) = self.points.get_mut(self.end) else {
            return false;
        };
        slot.write(point);
        // INVARIANT: The slot was written, and is there.
        self.end += 1;
        true
    }

    /// Returns the points.
    #[inline]
    pub(super) fn as_slice(&self) -> &[NonNull<Point<L>>] {
        // SAFETY: By the type invariant the range is within the array, and its slots, which have
        // the layout of what is in them, are initialised.
        unsafe {
            core::slice::from_raw_parts(
                self.points.as_ptr().add(self.start).cast(),
                self.end - self.start,
            )
        }
    }

    /// Leaves out the first `count` points.
    #[inline]
    pub(super) fn skip(&mut self, count: usize) {
        // INVARIANT: `start` doesn't get past `end`.
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// Keeps the points for which `keep` is true.
    #[inline]
    pub(super) fn retain(&mut self, mut keep: impl FnMut(NonNull<Point<L>>) -> bool) {
        let (start, end) = (self.start, self.end);
        self.end = start;
        for index in start..end {
            let Some(slot) = self.points.get(index) else {
                break;
            };
            // SAFETY: By the type invariant it was initialised; `push` below only writes to slots
            // that were looked at before.
            let point = unsafe { slot.assume_init() };
            if keep(point) {
                self.push(point);
            }
        }
    }

    /// Puts a reference to each point.
    ///
    /// # Safety
    ///
    /// A reference to each point is the caller's to give. None of them is used after.
    #[inline]
    pub(super) unsafe fn put(&self) {
        for point in self.as_slice() {
            // SAFETY: By the safety requirements. The fence is at the start of the point.
            unsafe { bindings::dma_fence_put(point.as_ptr().cast()) };
        }
    }
}
