// SPDX-License-Identifier: GPL-2.0

//! Points by number, for those that were not emitted in the order of their numbers.

use super::{
    super::order::later_by,
    by_number::{
        number_of,
        Numbered,
        NumberedPoint, //
    },
    Link, //
};
use crate::{
    bindings,
    container_of,
    prelude::*,
    types::Opaque, //
};
use core::ptr::{
    null_mut,
    NonNull, //
};

/// What a point keeps to be in a [`Tree`].
pub(super) struct Node(Opaque<bindings::rb_node>);

impl Node {
    /// Returns a node of which [`Node::is_in_tree`] has no answer yet.
    #[inline]
    pub(super) fn new() -> Self {
        Self(Opaque::uninit())
    }

    /// Notes that it is in no tree.
    ///
    /// # Safety
    ///
    /// Callers must ensure that the node is in no tree, and that nobody else uses it.
    #[inline]
    pub(super) unsafe fn clear(&self) {
        let node = self.0.get();
        // SAFETY: By the safety requirements. It is what RB_CLEAR_NODE() does.
        unsafe { (*node).__rb_parent_color = node as usize };
    }

    /// Tells whether it is in a tree.
    ///
    /// # Safety
    ///
    /// Callers must ensure that the node was cleared or inserted before. They must hold the lock of
    /// the context.
    #[inline]
    pub(super) unsafe fn is_in_tree(&self) -> bool {
        let node = self.0.get();
        // SAFETY: By the safety requirements. It is what RB_EMPTY_NODE() does.
        unsafe { (*node).__rb_parent_color != node as usize }
    }
}

/// A tree of points by number.
///
/// # Invariants
///
/// What is in the tree are initialised points, to each of which its owner has a reference.
#[pin_data]
pub(super) struct Tree {
    #[pin]
    root: Opaque<bindings::rb_root>,
}

impl Tree {
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            root <- Opaque::ffi_init(|root: *mut bindings::rb_root| {
                // SAFETY: `root` is valid for writes.
                unsafe { root.write(bindings::rb_root { rb_node: null_mut() }) }
            }),
        })
    }

    /// Tells whether there are no points.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        // SAFETY: The root is initialised.
        unsafe { (*self.root.get()).rb_node }.is_null()
    }

    /// Returns the first point.
    #[inline]
    pub(super) fn first(&self) -> Link<Numbered> {
        // SAFETY: By the type invariant the tree is that of initialised points.
        entry(unsafe { bindings::rb_first(self.root.get()) })
    }

    /// Returns the point after `point`.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is in this tree.
    #[inline]
    pub(super) unsafe fn next(&self, point: NonNull<NumberedPoint>) -> Link<Numbered> {
        // SAFETY: By the safety requirements `point` is in this tree.
        entry(unsafe { bindings::rb_next(node_of(point)) })
    }

    /// Returns the point with the number `seqno`.
    pub(super) fn find(&self, seqno: u64) -> Link<Numbered> {
        // SAFETY: The root is initialised.
        let mut next = unsafe { (*self.root.get()).rb_node };
        while let Some(point) = entry(next) {
            // SAFETY: By the type invariant the point is initialised.
            let (links, there) = unsafe { (*node_of(point), number_of(point)) };
            next = match later_by(seqno, there) {
                0 => return Some(point),
                later if later > 0 => links.rb_right,
                _ => links.rb_left,
            };
        }
        None
    }

    /// Inserts a point behind those that are not later than it, or, if all are that, tells so by
    /// `false` and does not insert it.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is initialised, and in no tree.
    pub(super) unsafe fn insert_unless_last(
        self: Pin<&mut Self>,
        point: NonNull<NumberedPoint>,
    ) -> bool {
        // SAFETY: By the safety requirements `point` is initialised.
        let place = unsafe { self.place(point) };
        if place.last {
            return false;
        }
        // SAFETY: By the safety requirements; the place was found just now.
        unsafe { self.insert_at(point, place) };
        true
    }

    /// Inserts a point behind those that are not later than it.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is initialised, and in no tree.
    pub(super) unsafe fn insert(self: Pin<&mut Self>, point: NonNull<NumberedPoint>) {
        // SAFETY: By the safety requirements; the place is found just now.
        unsafe {
            let place = self.place(point);
            self.insert_at(point, place);
        }
    }

    /// Takes out a point.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is in this tree.
    #[inline]
    pub(super) unsafe fn erase(self: Pin<&mut Self>, point: NonNull<NumberedPoint>) {
        // SAFETY: By the safety requirements `point` is in this tree, whose root this is.
        unsafe { bindings::rb_erase(node_of(point), self.root.get()) };
    }

    /// # Safety
    ///
    /// Callers must ensure that `point` is initialised.
    unsafe fn place(&self, point: NonNull<NumberedPoint>) -> Place {
        // SAFETY: By the safety requirements `point` is initialised.
        let seqno = unsafe { number_of(point) };
        let mut place = Place {
            parent: null_mut(),
            // SAFETY: The root is valid.
            link: unsafe { &raw mut (*self.root.get()).rb_node },
            last: true,
        };
        // SAFETY: `link` is the root's or that of a node in the tree.
        while let Some(other) = entry(unsafe { *place.link }) {
            // SAFETY: By the type invariant the point is initialised.
            let (node, there) = unsafe { (node_of(other), number_of(other)) };
            place.parent = node;
            place.link = if later_by(seqno, there) >= 0 {
                // SAFETY: `node` is in the tree.
                unsafe { &raw mut (*node).rb_right }
            } else {
                place.last = false;
                // SAFETY: `node` is in the tree.
                unsafe { &raw mut (*node).rb_left }
            };
        }
        place
    }

    /// # Safety
    ///
    /// Callers must ensure that `place` was found for `point` in this tree, and that the tree has
    /// not changed since.
    unsafe fn insert_at(self: Pin<&mut Self>, point: NonNull<NumberedPoint>, place: Place) {
        // SAFETY: By the safety requirements `link` is an empty place below `parent`.
        unsafe {
            let node = node_of(point);
            bindings::rb_link_node(node, place.parent, place.link);
            bindings::rb_insert_color(node, self.root.get());
        }
    }
}

/// Where a point goes.
struct Place {
    parent: *mut bindings::rb_node,
    link: *mut *mut bindings::rb_node,
    /// Behind all others.
    last: bool,
}

fn entry(node: *mut bindings::rb_node) -> Link<Numbered> {
    if node.is_null() {
        return None;
    }
    // SAFETY: Every node in a tree of pending points is that of a point.
    NonNull::new(
        unsafe { container_of!(Opaque::cast_from(node), NumberedPoint, links.node.0) }.cast_mut(),
    )
}

/// # Safety
///
/// Callers must ensure that `point` is valid.
#[inline]
unsafe fn node_of(point: NonNull<NumberedPoint>) -> *mut bindings::rb_node {
    // SAFETY: By the safety requirements `point` is valid.
    unsafe { (*point.as_ptr()).links.node.0.get() }
}
