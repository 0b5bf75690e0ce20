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
    Point, //
};
use crate::{
    bindings,
    prelude::*, //
};
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

// A `dma_fence` has 64 bytes if its spinlock fits into a pointer, and a point then has the 96 bytes
// of a slab cache. With `CONFIG_PREEMPT_RT` or lock debugging a spinlock is larger; so what is
// bounded here is the part that a context adds: its address, two times and a link.
const _: () = assert!(size_of::<Point<Next>>() <= size_of::<bindings::dma_fence>() + 32);

/// Pending points, oldest first, which is the order of signalling.
///
/// Those that have signalled are the first ones, whoever signals: so points are unlinked at the
/// front only.
#[pin_data]
pub struct Fifo {
    points: Chain<Next>,
}

/// Points that are, or were, one after the other in a [`Fifo`].
///
/// # Invariants
///
/// From `first` to `last`, `len` points follow each other; both are `None` if there are none. Those
/// links were written before the points were gathered, and are not written again: only what is
/// behind `last` may be.
pub struct Segment {
    first: Link<Next>,
    last: Link<Next>,
    len: u32,
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
                // SAFETY: RCU keeps the point, as the safety requirements say, and by the type
                // invariant nobody writes to its link.
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

    #[inline]
    unsafe fn link(self: Pin<&mut Self>, points: Chain<Next>) {
        // SAFETY: By the safety requirements there is a reference to each, which is ours now.
        unsafe { self.project().points.append(points) };
    }

    #[inline]
    fn gather(&self, last: u64, gathered: &mut Segment) -> bool {
        // SAFETY: To what is linked there is a reference.
        let is_in =
            |point: &NonNull<Point<Next>>| is_up_to(unsafe { point.as_ref() }.seqno(), last);
        let mut next = self.points.first();
        let mut segment = Segment::none();
        while let Some(point) = next.filter(is_in) {
            if segment.len == BATCH as u32 {
                break;
            }
            // INVARIANT: It follows the last one.
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
        // Others may have unlinked the first ones, or all, and these are at no place here any more.
        let first = points.first();
        // SAFETY: RCU has kept the points, as the safety requirements say.
        let gone = unsafe { gathered.points() }
            .take_while(|&point| Some(point) != first)
            .count() as u32;
        // INVARIANT: Those that are gone are left out.
        gathered.len -= gone;
        gathered.first = first;
        match gathered.last {
            // SAFETY: What is linked later comes behind. The first one that is left is the first
            // one here, so all that are left are.
            Some(last) if gathered.len > 0 => unsafe { points.cut_after(last, gathered.len) },
            _ => *gathered = Segment::none(),
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
        // SAFETY: By the safety requirements `point` is pending, and so on this chain.
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
        first.is_some_and(|first| is_up_to(first.seqno(), point.seqno()))
    }
}
