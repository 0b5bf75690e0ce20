// SPDX-License-Identifier: GPL-2.0

//! Pending points that signal in the order in which they were emitted.

use super::{
    Batch,
    Chain,
    Link,
    Links,
    Pending,
    Point,
    UpTo, //
};
use crate::prelude::*;
use core::{
    cell::UnsafeCell,
    ptr::NonNull, //
};

/// The link of a point: the next younger one.
pub struct Next(UnsafeCell<Link<Next>>);

impl Links for Next {
    #[inline]
    fn new() -> Self {
        Self(UnsafeCell::new(None))
    }

    #[inline]
    unsafe fn next_on_chain(point: NonNull<Point<Self>>) -> *mut Link<Self> {
        // SAFETY: By the safety requirements the point is valid.
        UnsafeCell::raw_get(unsafe { &raw const (*point.as_ptr()).links.0 })
    }
}

const _: () = assert!(
    size_of::<Point<Next>>() <= 96 || cfg!(CONFIG_DEBUG_SPINLOCK) || cfg!(CONFIG_DEBUG_LOCK_ALLOC)
);

/// Pending points, oldest first, which is the order of signalling.
///
/// Those that have signalled are the first ones, whoever signals: so points are unlinked at the
/// front only.
#[pin_data]
pub struct Fifo {
    points: Chain<Next>,
}

impl Pending for Fifo {
    type Links = Next;

    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            points: Chain::new(),
        })
    }

    #[inline]
    fn len(&self) -> u32 {
        self.points.len()
    }

    #[inline]
    unsafe fn link(self: Pin<&mut Self>, points: Chain<Next>) {
        // SAFETY: By the safety requirements there is a reference to each, which is ours now.
        unsafe { self.project().points.append(points) };
    }

    #[inline]
    fn gather(&self, up_to: UpTo, batch: &mut Batch<Next>) -> bool {
        let mut next = self.points.first();
        while let Some(point) = next {
            // SAFETY: To what is linked there is a reference.
            let seqno = unsafe { point.as_ref() }.seqno();
            if matches!(up_to, UpTo::Seqno(last) if seqno > last) {
                break;
            }
            if !batch.push(point) {
                return true;
            }
            // SAFETY: The point is linked.
            next = unsafe { self.points.next(point) };
        }
        false
    }

    #[inline]
    unsafe fn unlink(self: Pin<&mut Self>, batch: &mut Batch<Next>) {
        let points = self.project().points;
        // Others may have unlinked the first ones, or all, and these are at no place here any more.
        let first = points.first();
        let gone = batch
            .as_slice()
            .iter()
            .position(|&point| Some(point) == first)
            .unwrap_or(batch.as_slice().len());
        batch.skip(gone);
        let left = batch.as_slice();
        if let Some(&last) = left.last() {
            // SAFETY: The points of the batch were one after the other when they were gathered, and
            // what is linked later comes behind. The first one that is left is the first one here,
            // so all that are left are.
            unsafe { points.cut_after(last, left.len() as u32) };
        }
    }

    #[inline]
    fn oldest(&self) -> Link<Next> {
        self.points.first()
    }

    #[inline]
    unsafe fn younger(&self, point: NonNull<Point<Next>>) -> Link<Next> {
        // SAFETY: By the safety requirements.
        unsafe { self.points.next(point) }
    }

    unsafe fn is_linked(&self, point: NonNull<Point<Next>>) -> bool {
        // SAFETY: To what is linked there is a reference, and `point` is valid.
        let (first, point) = unsafe {
            (
                self.points.first().map(|first| first.as_ref()),
                point.as_ref(),
            )
        };
        // Points are unlinked at the front only.
        first.is_some_and(|first| first.seqno() <= point.seqno())
    }
}
