// SPDX-License-Identifier: GPL-2.0

//! Pending points that signal in the order in which they were emitted.

use super::{
    super::{
        batch::BATCH,
        order::is_up_to, //
    },
    Chain,
    Gathered,
    Link,
    Links,
    Pending,
    Point,
    Reached, //
};
use crate::{
    bindings,
    prelude::*, //
};
use core::{
    cell::UnsafeCell,
    ptr::NonNull, //
};

/// The link of a point in a [`Fifo`]: a pointer to the next younger point.
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

// If a spinlock fits into a pointer, a `dma_fence` has 64 bytes, and a point has 96 bytes, the size
// of a slab cache. With `CONFIG_PREEMPT_RT` or lock debugging a spinlock is larger. So this bounds
// the size of what a context adds to a fence: the context's address, two times and a link.
const _: () = assert!(size_of::<Point<Next>>() <= size_of::<bindings::dma_fence>() + 32);

/// Pending points, oldest first. This is the order in which they signal.
///
/// All signalers signal in this order, so the points that have signaled are at the front.
/// Therefore points are unlinked only at the front.
#[pin_data]
pub struct Fifo {
    points: Chain<Next>,
}

/// Points that follow, or followed, each other in a [`Fifo`].
///
/// # Invariants
///
/// From `first` to `last`, `len` points follow each other. If there are none, both are `None`. The
/// links between these points were written before the points were gathered, and are not written
/// again. Only the link of `last` may be written.
#[derive(Clone, Copy)]
pub struct Segment {
    first: Link<Next>,
    last: Link<Next>,
    len: u32,
}

impl Segment {
    /// Returns the points from `first` on; none if `first` is not one of the points.
    ///
    /// It is a function of its own so that [`unlink`](Pending::unlink) is short.
    ///
    /// # Safety
    ///
    /// Callers must have been in one RCU section since before the points were gathered.
    #[cold]
    unsafe fn beginning_at(self, first: Link<Next>) -> Self {
        // SAFETY: By the safety requirements RCU has kept the points.
        let gone = unsafe { self.points() }
            .take_while(|&point| Some(point) != first)
            .count() as u32;
        if gone == self.len {
            return Self::none();
        }
        // INVARIANT: The points before `first` are left out.
        Self {
            first,
            len: self.len - gone,
            ..self
        }
    }
}

impl Gathered<Next> for Segment {
    #[inline]
    fn none() -> Self {
        Self {
            first: None,
            last: None,
            len: 0,
        }
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    unsafe fn points(&self) -> impl Iterator<Item = NonNull<Point<Next>>> {
        let last = self.last;
        let mut next = self.first;
        core::iter::from_fn(move || {
            let point = next?;
            next = if Some(point) == last {
                None
            } else {
                // SAFETY: By the safety requirements RCU keeps the point. By the type invariant no
                // code writes to its link.
                unsafe { *Next::next_on_chain(point) }
            };
            Some(point)
        })
    }
}

impl Pending for Fifo {
    type Links = Next;
    type Gathered = Segment;

    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            points: Chain::new(),
        })
    }

    #[inline]
    fn len(&self) -> u32 {
        self.points.len()
    }

    #[inline(always)]
    unsafe fn link(self: Pin<&mut Self>, points: Chain<Next>) {
        // SAFETY: By the safety requirements the caller gives up a reference to each point. The
        // container now owns these references, which keep the points.
        unsafe { self.project().points.append(points) };
    }

    #[inline]
    fn up_to(&self, last: u64) -> Reached<Next> {
        // SAFETY: `point` is linked, so the container owns a reference to it.
        let is_in =
            |point: &NonNull<Point<Next>>| is_up_to(unsafe { point.as_ref() }.seqno(), last);
        let Some(first) = self.points.first().filter(is_in) else {
            return Reached::Nothing;
        };
        // SAFETY: The point is linked.
        match unsafe { self.points.next(first) }.filter(is_in) {
            None => Reached::One(first),
            Some(_) => Reached::Several,
        }
    }

    #[inline]
    unsafe fn unlink_one(self: Pin<&mut Self>, _point: NonNull<Point<Next>>) {
        // By the safety requirements this is the point.
        self.project().points.pop();
    }

    #[inline]
    fn gather(&self, last: u64, gathered: &mut Segment) -> bool {
        // SAFETY: `point` is linked, so the container owns a reference to it.
        let is_in =
            |point: &NonNull<Point<Next>>| is_up_to(unsafe { point.as_ref() }.seqno(), last);
        let mut next = self.points.first();
        let mut segment = Segment::none();
        while let Some(point) = next.filter(is_in) {
            if segment.len == BATCH as u32 {
                break;
            }
            // INVARIANT: The point follows the previous `last`.
            segment.last = next;
            segment.len += 1;
            // SAFETY: The point is linked.
            next = unsafe { self.points.next(point) };
        }
        if segment.len > 0 {
            segment.first = self.points.first();
        }
        *gathered = segment;
        gathered.len == BATCH as u32
    }

    #[inline]
    unsafe fn unlink(self: Pin<&mut Self>, gathered: &mut Segment) {
        let points = self.project().points;
        // Another signaler may already have unlinked the first points of the segment, or all of
        // it.
        if points.first() != gathered.first {
            // SAFETY: By the safety requirements RCU has kept the points.
            *gathered = unsafe { gathered.beginning_at(points.first()) };
        }
        if let Some(last) = gathered.last {
            // SAFETY: The first point of the segment is the first of this chain. New points are
            // linked at the end. So `last` is the `len`th point of the chain.
            unsafe { points.cut_after(last, gathered.len) };
        }
    }

    #[inline]
    fn drain(self: Pin<&mut Self>, mut each: impl FnMut(NonNull<Point<Next>>)) {
        let mut points = core::mem::replace(self.project().points, Chain::new());
        while let Some(point) = points.pop() {
            each(point);
        }
    }

    #[inline]
    fn oldest(&self) -> Link<Next> {
        self.points.first()
    }

    #[inline]
    unsafe fn younger(&self, point: NonNull<Point<Next>>) -> Link<Next> {
        // SAFETY: By the safety requirements `point` is linked here, so it is on this chain.
        unsafe { self.points.next(point) }
    }

    unsafe fn is_linked(&self, point: NonNull<Point<Next>>) -> bool {
        // SAFETY: The container owns a reference to the first point. By the safety requirements
        // `point` is valid.
        let (first, point) = unsafe {
            (
                self.points.first().map(|first| first.as_ref()),
                point.as_ref(),
            )
        };
        // Points are unlinked only at the front, so a point that is not before the first one is
        // linked.
        first.is_some_and(|first| is_up_to(first.seqno(), point.seqno()))
    }
}
