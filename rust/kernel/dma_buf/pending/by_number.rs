// SPDX-License-Identifier: GPL-2.0

//! Pending points that signal in the order of numbers which the caller chooses.

use super::{
    super::order::later_by,
    Batch,
    Chain,
    Link,
    Links,
    Pending,
    Point,
    UpTo, //
};
use crate::{
    bindings,
    container_of,
    prelude::*,
    types::Opaque, //
};
use core::{
    marker::PhantomPinned,
    ptr::{
        null_mut,
        NonNull, //
    }, //
};

type NumberedPoint = Point<Numbered>;

/// The links of a point.
///
/// `age` is a list head once the point is linked; before that its first word is the next point of
/// the [`Chain`].
#[repr(C)]
pub struct Numbered {
    age: Opaque<bindings::list_head>,
    node: Opaque<bindings::rb_node>,
}

impl Links for Numbered {
    #[inline]
    fn new() -> Self {
        Self {
            age: Opaque::uninit(),
            node: Opaque::uninit(),
        }
    }

    #[inline]
    unsafe fn next_on_chain(point: NonNull<NumberedPoint>) -> *mut Link<Numbered> {
        // SAFETY: By the safety requirements the point is valid.
        unsafe { (*point.as_ptr()).links.age.get() }.cast()
    }
}

/// Pending points: a list by age, and a tree by number.
///
/// # Invariants
///
/// `age` is an initialised list head. On the list and in the tree are the same points, `len` of
/// them, to each of which the list owns a reference.
#[pin_data]
pub struct ByNumber {
    #[pin]
    age: Opaque<bindings::list_head>,
    #[pin]
    tree: Opaque<bindings::rb_root>,
    len: u32,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: The raw pointers are those of points, which may be used on any CPU under the lock.
unsafe impl Send for ByNumber {}

impl Pending for ByNumber {
    type Links = Numbered;

    fn new() -> impl PinInit<Self> {
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
            _pin: PhantomPinned,
        })
    }

    #[inline]
    fn len(&self) -> u32 {
        self.len
    }

    unsafe fn link(self: Pin<&mut Self>, mut points: Chain<Numbered>) {
        let this = self.project();
        while let Some(point) = points.pop() {
            // SAFETY: By the type invariant the head is initialised; the point is on no list, and
            // on no chain any more.
            unsafe { bindings::list_add_tail((*point.as_ptr()).links.age.get(), this.age.get()) };
            // SAFETY: The tree holds initialised points, and this one is in no tree.
            unsafe { tree_insert(this.tree.get(), point) };
            *this.len += 1;
        }
    }

    fn gather(&self, up_to: UpTo, batch: &mut Batch<Numbered>) -> bool {
        // SAFETY: By the type invariant the tree is that of initialised points.
        let mut node = unsafe { bindings::rb_first(self.tree.get()) };
        while let Some(point) = tree_entry(node) {
            // SAFETY: To what is linked there is a reference.
            let seqno = unsafe { point.as_ref() }.seqno();
            if matches!(up_to, UpTo::Seqno(last) if later_by(seqno as u32, last as u32) > 0) {
                break;
            }
            if !batch.push(point) {
                return true;
            }
            // SAFETY: The node is in the tree.
            node = unsafe { bindings::rb_next(node) };
        }
        false
    }

    unsafe fn unlink(self: Pin<&mut Self>, batch: &mut Batch<Numbered>) {
        let this = self.project();
        batch.retain(|point| {
            // SAFETY: RCU keeps the point, as the safety requirements say; its links are used under
            // the lock only, which the caller holds since it has a `&mut Self`.
            let links = unsafe { &(*point.as_ptr()).links };
            if !is_listed(links) {
                return false;
            }
            // SAFETY: The entry is on the list.
            unsafe { bindings::list_del_init(links.age.get()) };
            // SAFETY: What is on the list is in the tree.
            unsafe { bindings::rb_erase(links.node.get(), this.tree.get()) };
            *this.len -= 1;
            true
        });
    }

    fn oldest(&self) -> Link<Numbered> {
        // SAFETY: By the type invariant the list is initialised.
        self.entry(unsafe { (*self.age.get()).next })
    }

    unsafe fn younger(&self, point: NonNull<NumberedPoint>) -> Link<Numbered> {
        // SAFETY: By the safety requirements its entry is on the list.
        self.entry(unsafe { (*(*point.as_ptr()).links.age.get()).next })
    }

    unsafe fn is_linked(&self, point: NonNull<NumberedPoint>) -> bool {
        // SAFETY: By the safety requirements the memory is valid, and the point was linked.
        is_listed(unsafe { &(*point.as_ptr()).links })
    }
}

impl ByNumber {
    /// Returns the point with the number `seqno`.
    pub(in super::super) fn find(&self, seqno: u32) -> Link<Numbered> {
        // SAFETY: By the type invariant the tree is that of initialised points.
        let mut node = unsafe { (*self.tree.get()).rb_node };
        while let Some(point) = tree_entry(node) {
            // SAFETY: The tree owns a reference to what is in it.
            let later = later_by(seqno, unsafe { point.as_ref() }.seqno() as u32);
            // SAFETY: As above.
            let links = unsafe { *(*point.as_ptr()).links.node.get() };
            node = match later {
                0 => return Some(point),
                later if later > 0 => links.rb_right,
                _ => links.rb_left,
            };
        }
        None
    }

    fn entry(&self, entry: *mut bindings::list_head) -> Link<Numbered> {
        if entry == self.age.get() {
            return None;
        }
        // SAFETY: Every entry that is not the head is that of a point.
        NonNull::new(
            unsafe { container_of!(Opaque::cast_from(entry), NumberedPoint, links.age) }.cast_mut(),
        )
    }
}

/// Tells whether a point that was linked is on the list, under the context's lock.
fn is_listed(links: &Numbered) -> bool {
    let age = links.age.get();
    // SAFETY: The entry was initialised when the point was linked, and is reinitialised when it is
    // unlinked.
    unsafe { (*age).next != age }
}

fn tree_entry(node: *mut bindings::rb_node) -> Link<Numbered> {
    if node.is_null() {
        return None;
    }
    // SAFETY: Every node in a tree of pending points is that of a point.
    NonNull::new(
        unsafe { container_of!(Opaque::cast_from(node), NumberedPoint, links.node) }.cast_mut(),
    )
}

/// Inserts a point behind those that are not later than it.
///
/// # Safety
///
/// `root` is a tree of initialised points, under the lock, and `point` is initialised and in none.
unsafe fn tree_insert(root: *mut bindings::rb_root, point: NonNull<NumberedPoint>) {
    // SAFETY: By the safety requirements.
    let seqno = unsafe { point.as_ref() }.seqno() as u32;
    let mut parent = null_mut();
    // SAFETY: By the safety requirements the root is valid.
    let mut link = unsafe { &raw mut (*root).rb_node };
    // SAFETY: `link` is the root's or that of a node in the tree.
    while let Some(other) = tree_entry(unsafe { *link }) {
        // SAFETY: The tree owns a reference to what is in it.
        let other = unsafe { other.as_ref() };
        let node = other.links.node.get();
        parent = node;
        link = if later_by(seqno, other.seqno() as u32) >= 0 {
            // SAFETY: `node` is in the tree.
            unsafe { &raw mut (*node).rb_right }
        } else {
            // SAFETY: `node` is in the tree.
            unsafe { &raw mut (*node).rb_left }
        };
    }
    // SAFETY: `link` is the empty place below `parent` where the search ended.
    unsafe {
        let node = point.as_ref().links.node.get();
        bindings::rb_link_node(node, parent, link);
        bindings::rb_insert_color(node, root);
    }
}
