// SPDX-License-Identifier: GPL-2.0

//! The fences of a context that are not unlinked yet.

use super::{
    ops::Order,
    point::Point, //
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

/// The pending points of a context: by age, and in the order that they signal in.
///
/// The list by age is what timeouts go by, since every point of a context has the same timeout. In
/// a context whose order is that of emission, it is the order of signalling too, and the tree is
/// unused.
///
/// It is a part of the state under the context's lock. What is linked is referenced.
///
/// # Invariants
///
/// `age` is an initialised list head. On the list, and in the tree unless `order` is that of
/// emission, are the same points, `len` of them, to each of which the list owns a reference.
#[pin_data]
pub(super) struct Pending {
    #[pin]
    age: Opaque<bindings::list_head>,
    #[pin]
    tree: Opaque<bindings::rb_root>,
    len: u32,
    order: Order,
}

// SAFETY: The raw pointers are those of points, which may be used on any CPU under the lock.
unsafe impl Send for Pending {}

impl Pending {
    /// Returns an initialiser for an empty one.
    pub(super) fn new(order: Order) -> impl PinInit<Self> {
        pin_init!(Self {
            age <- Opaque::ffi_init(|head: *mut bindings::list_head| {
                // SAFETY: `head` is valid for writes, and pinned.
                unsafe { bindings::INIT_LIST_HEAD(head) }
            }),
            tree <- Opaque::ffi_init(|root: *mut bindings::rb_root| {
                // SAFETY: `root` is valid for writes.
                unsafe { root.write(bindings::rb_root { rb_node: null_mut() }) }
            }),
            len: 0,
            order,
        })
    }

    /// Returns how many points there are.
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// Links a point, and takes over a reference to it.
    ///
    /// # Safety
    ///
    /// The point is initialised, is linked nowhere, and a reference to it is the caller's to give.
    pub(super) unsafe fn insert(self: Pin<&mut Self>, point: NonNull<Point>) {
        let this = self.project();
        let point_ptr = point.as_ptr();
        // SAFETY: By the type invariant the head is initialised; the point is not linked.
        unsafe { bindings::list_add_tail((*point_ptr).age.get(), this.age.get()) };
        if *this.order == Order::Seqno32 {
            // SAFETY: The tree holds initialised points, and this one is in no tree.
            unsafe { tree_insert(this.tree.get(), point) };
        }
        *this.len += 1;
    }

    /// Unlinks a point if it is linked still, and tells whether it was: the reference that the list
    /// owned is then the caller's.
    ///
    /// # Safety
    ///
    /// The point was linked to this list once, and the caller holds a reference to it.
    pub(super) unsafe fn remove(self: Pin<&mut Self>, point: NonNull<Point>) -> bool {
        let this = self.project();
        // SAFETY: The caller's reference keeps the point; its links are used under the lock only,
        // which the caller holds since it has a `&mut Self`.
        let age = unsafe { (*point.as_ptr()).age.get() };
        // SAFETY: The entry was initialised by `insert`, and is reinitialised when it is removed.
        if unsafe { (*age).next } == age {
            return false;
        }
        // SAFETY: The entry is on the list.
        unsafe { bindings::list_del_init(age) };
        if *this.order == Order::Seqno32 {
            // SAFETY: What is on the list is in the tree.
            unsafe { bindings::rb_erase((*point.as_ptr()).node.get(), this.tree.get()) };
        }
        *this.len -= 1;
        true
    }

    /// Returns the oldest point: the next one to time out.
    pub(super) fn oldest(&self) -> Option<NonNull<Point>> {
        // SAFETY: By the type invariant the list is initialised.
        self.entry(unsafe { (*self.age.get()).next })
    }

    /// Returns the point that was emitted next after `point`.
    ///
    /// # Safety
    ///
    /// `point` is linked to this list.
    pub(super) unsafe fn younger(&self, point: NonNull<Point>) -> Option<NonNull<Point>> {
        // SAFETY: By the safety requirements its entry is on the list.
        self.entry(unsafe { (*(*point.as_ptr()).age.get()).next })
    }

    /// Tells whether a point is linked.
    ///
    /// # Safety
    ///
    /// The point was linked to this list once, and the caller holds a reference to it.
    pub(super) unsafe fn contains(&self, point: NonNull<Point>) -> bool {
        // SAFETY: As in `remove`.
        let age = unsafe { (*point.as_ptr()).age.get() };
        // SAFETY: As in `remove`.
        unsafe { (*age).next != age }
    }

    /// Returns the point that signals first.
    pub(super) fn first(&self) -> Option<NonNull<Point>> {
        match self.order {
            Order::Emission => self.oldest(),
            // SAFETY: By the type invariant the tree is that of initialised points.
            Order::Seqno32 => tree_entry(unsafe { bindings::rb_first(self.tree.get()) }),
        }
    }

    /// Returns the point that signals next after `point`.
    ///
    /// # Safety
    ///
    /// `point` is linked to this list.
    pub(super) unsafe fn next(&self, point: NonNull<Point>) -> Option<NonNull<Point>> {
        match self.order {
            // SAFETY: By the safety requirements.
            Order::Emission => unsafe { self.younger(point) },
            Order::Seqno32 => {
                // SAFETY: What is on the list is in the tree.
                let next = unsafe { bindings::rb_next((*point.as_ptr()).node.get()) };
                tree_entry(next)
            }
        }
    }

    /// Returns the point with the number `seqno` in a context of [`Order::Seqno32`].
    pub(super) fn find(&self, seqno: u32) -> Option<NonNull<Point>> {
        // SAFETY: By the type invariant the tree is that of initialised points.
        let mut node = unsafe { (*self.tree.get()).rb_node };
        while let Some(point) = tree_entry(node) {
            // SAFETY: The tree owns a reference to what is in it.
            let later = Order::later_by(seqno, unsafe { point.as_ref() }.seqno() as u32);
            // SAFETY: As above.
            let links = unsafe { *(*point.as_ptr()).node.get() };
            node = match later {
                0 => return Some(point),
                later if later > 0 => links.rb_right,
                _ => links.rb_left,
            };
        }
        None
    }

    fn entry(&self, entry: *mut bindings::list_head) -> Option<NonNull<Point>> {
        if entry == self.age.get() {
            return None;
        }
        // SAFETY: Every entry that is not the head is that of a point.
        NonNull::new(unsafe { container_of!(Opaque::cast_from(entry), Point, age) }.cast_mut())
    }
}

fn tree_entry(node: *mut bindings::rb_node) -> Option<NonNull<Point>> {
    if node.is_null() {
        return None;
    }
    // SAFETY: Every node in a tree of pending points is that of a point.
    NonNull::new(unsafe { container_of!(Opaque::cast_from(node), Point, node) }.cast_mut())
}

/// Inserts a point behind those that are not later than it.
///
/// # Safety
///
/// `root` is a tree of initialised points, under the lock, and `point` is initialised and in none.
unsafe fn tree_insert(root: *mut bindings::rb_root, point: NonNull<Point>) {
    // SAFETY: By the safety requirements.
    let seqno = unsafe { point.as_ref() }.seqno() as u32;
    let mut parent = null_mut();
    // SAFETY: By the safety requirements the root is valid.
    let mut link = unsafe { &raw mut (*root).rb_node };
    // SAFETY: `link` is the root's or that of a node in the tree.
    while let Some(other) = tree_entry(unsafe { *link }) {
        // SAFETY: The tree owns a reference to what is in it.
        let (other_seqno, node) =
            unsafe { (other.as_ref().seqno() as u32, other.as_ref().node.get()) };
        parent = node;
        link = if Order::later_by(seqno, other_seqno) >= 0 {
            // SAFETY: `node` is in the tree.
            unsafe { &raw mut (*node).rb_right }
        } else {
            // SAFETY: `node` is in the tree.
            unsafe { &raw mut (*node).rb_left }
        };
    }
    // SAFETY: `link` is the empty place below `parent` where the search ended.
    unsafe {
        let node = point.as_ref().node.get();
        bindings::rb_link_node(node, parent, link);
        bindings::rb_insert_color(node, root);
    }
}
