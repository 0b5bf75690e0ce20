// SPDX-License-Identifier: GPL-2.0

//! A tree of points by number, for fences that were not emitted in the order of their numbers.

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

/// The node of a point in a [`Tree`].
pub(super) struct Node(Opaque<bindings::rb_node>);

impl Node {
    /// Returns an uninitialized node: [`Node::is_in_tree`] must not be called before
    /// [`Node::clear`] or an insertion.
    #[inline]
    pub(super) fn new() -> Self {
        Self(Opaque::uninit())
    }

    /// Marks the node as being in no tree.
    ///
    /// # Safety
    ///
    /// Callers must ensure that the node is in no tree, and that no other code uses it.
    #[inline]
    pub(super) unsafe fn clear(&self) {
        let node = self.0.get();
        // SAFETY: By the safety requirements no other code uses the node. This is RB_CLEAR_NODE().
        unsafe { (*node).__rb_parent_color = node as usize };
    }

    /// Returns whether the node is in a tree.
    ///
    /// # Safety
    ///
    /// Callers must ensure that the node was cleared or inserted before. They must hold the lock of
    /// the context.
    #[inline]
    pub(super) unsafe fn is_in_tree(&self) -> bool {
        let node = self.0.get();
        // SAFETY: By the safety requirements the node was written, and the context's lock protects
        // it. This is the opposite of RB_EMPTY_NODE().
        unsafe { (*node).__rb_parent_color != node as usize }
    }
}

/// A tree of points by number.
///
/// # Invariants
///
/// The tree has initialized points only. Its owner has a reference to each.
#[pin_data]
pub(super) struct Tree {
    #[pin]
    root: Opaque<bindings::rb_root>,
}

impl Tree {
    /// Returns an initializer for an empty tree.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            root <- Opaque::ffi_init(|root: *mut bindings::rb_root| {
                // SAFETY: `root` is valid for writes.
                unsafe { root.write(bindings::rb_root { rb_node: null_mut() }) }
            }),
        })
    }

    /// Returns whether there are no points.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        // SAFETY: The root is initialized.
        unsafe { (*self.root.get()).rb_node }.is_null()
    }

    /// Returns the point with the earliest number, or `None` if there are no points.
    #[inline]
    pub(super) fn first(&self) -> Link<Numbered> {
        // SAFETY: The root is initialized. By the type invariant the nodes of the tree are valid.
        entry(unsafe { bindings::rb_first(self.root.get()) })
    }

    /// Returns the point after `point`, or `None` if `point` is the last.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is in this tree.
    #[inline]
    pub(super) unsafe fn next(&self, point: NonNull<NumberedPoint>) -> Link<Numbered> {
        // SAFETY: By the safety requirements `point` is in this tree.
        entry(unsafe { bindings::rb_next(node_of(point)) })
    }

    /// Returns the point with the number `seqno`, or `None` if there is none.
    pub(super) fn find(&self, seqno: u64) -> Link<Numbered> {
        // SAFETY: The root is initialized.
        let mut next = unsafe { (*self.root.get()).rb_node };
        while let Some(point) = entry(next) {
            // SAFETY: By the type invariant the point is initialized.
            let (links, there) = unsafe { (*node_of(point), number_of(point)) };
            next = match later_by(seqno, there) {
                0 => return Some(point),
                later if later > 0 => links.rb_right,
                _ => links.rb_left,
            };
        }
        None
    }

    /// Inserts a point, and returns true, unless its number is not earlier than that of any point
    /// in the tree. In that case the function returns false, and does not insert the point.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is initialized, and in no tree.
    pub(super) unsafe fn insert_unless_last(
        self: Pin<&mut Self>,
        point: NonNull<NumberedPoint>,
    ) -> bool {
        // SAFETY: By the safety requirements `point` is initialized.
        let place = unsafe { self.place(point) };
        if place.last {
            return false;
        }
        // SAFETY: `place` was found for `point` just now, and the tree has not changed since.
        unsafe { self.insert_at(point, place) };
        true
    }

    /// Inserts a point after the points whose numbers are not later.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is initialized, and in no tree.
    pub(super) unsafe fn insert(self: Pin<&mut Self>, point: NonNull<NumberedPoint>) {
        // SAFETY: By the safety requirements `point` is initialized. The tree does not change
        // between the two calls.
        unsafe {
            let place = self.place(point);
            self.insert_at(point, place);
        }
    }

    /// Removes a point.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is in this tree.
    #[inline]
    pub(super) unsafe fn erase(self: Pin<&mut Self>, point: NonNull<NumberedPoint>) {
        // SAFETY: By the safety requirements `point` is in this tree. `root` is the root of this
        // tree.
        unsafe { bindings::rb_erase(node_of(point), self.root.get()) };
    }

    /// Returns the place at which to insert `point`.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `point` is initialized.
    unsafe fn place(&self, point: NonNull<NumberedPoint>) -> Place {
        // SAFETY: By the safety requirements `point` is initialized.
        let seqno = unsafe { number_of(point) };
        let mut place = Place {
            parent: null_mut(),
            // SAFETY: The root is valid.
            link: unsafe { &raw mut (*self.root.get()).rb_node },
            last: true,
        };
        // SAFETY: `link` is a link of the root or of a node in the tree.
        while let Some(other) = entry(unsafe { *place.link }) {
            // SAFETY: By the type invariant the point is initialized.
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

    /// Inserts `point` at `place`.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `place` was found for `point` in this tree, and that the tree has
    /// not changed since.
    unsafe fn insert_at(self: Pin<&mut Self>, point: NonNull<NumberedPoint>, place: Place) {
        // SAFETY: By the safety requirements `link` is an empty link of `parent`.
        unsafe {
            let node = node_of(point);
            bindings::rb_link_node(node, place.parent, place.link);
            bindings::rb_insert_color(node, self.root.get());
        }
    }
}

/// The place of a point that is not in the tree yet.
struct Place {
    parent: *mut bindings::rb_node,
    link: *mut *mut bindings::rb_node,
    /// Whether the place is after all points of the tree.
    last: bool,
}

/// Returns the point to which a node belongs, or `None` for a null pointer.
fn entry(node: *mut bindings::rb_node) -> Link<Numbered> {
    if node.is_null() {
        return None;
    }
    // SAFETY: Every node in the tree is the `node` of a point.
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
