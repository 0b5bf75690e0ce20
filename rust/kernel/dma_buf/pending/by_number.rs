// SPDX-License-Identifier: GPL-2.0

//! Pending points that signal in the order of numbers that the caller chooses.

use super::{
    super::{
        batch::{
            Batch,
            BATCH, //
        },
        order::{
            is_up_to,
            later_by, //
        },
    },
    tree::{
        Node,
        Tree, //
    },
    Chain,
    Link,
    Links,
    Pending,
    Point,
    Reached, //
};
use crate::{
    bindings,
    container_of,
    prelude::*,
    types::Opaque, //
};
use core::{
    marker::PhantomPinned,
    ptr::NonNull, //
};

/// A point of a [`ByNumber`].
pub(super) type NumberedPoint = Point<Numbered>;

/// The links of a point in a [`ByNumber`].
///
/// Once the point is linked, `age` is its entry in the list. Before that, the first word of `age`
/// is the [`Chain`]'s pointer to the next point.
#[repr(C)]
pub struct Numbered {
    age: Opaque<bindings::list_head>,
    pub(super) node: Node,
}

impl Links for Numbered {
    #[inline]
    fn new() -> Self {
        Self {
            age: Opaque::uninit(),
            node: Node::new(),
        }
    }

    #[inline]
    unsafe fn next_on_chain(point: NonNull<NumberedPoint>) -> *mut Link<Numbered> {
        // SAFETY: By the safety requirements the point is valid.
        unsafe { age_of(point) }.cast()
    }
}

/// Pending points: a list by age and a tree by number.
///
/// Callers mostly choose ascending numbers. As long as they do, points are only on the list. The
/// points at the end of the list that are not in the tree are the *run*. If a number is out of
/// order, the run is *settled*: its points are inserted into the tree, a bounded number of them in
/// one hold of the lock. Each point is inserted at most once. So whatever the order of the numbers,
/// a point costs at most one insertion into the tree.
///
/// # Invariants
///
/// `age` is an initialized list head. The list has `len` points, and owns a reference to each. The
/// points from `run` to the end of the list are the run: their numbers ascend, and their nodes are
/// cleared. All other points are in the tree, and their numbers are earlier than those of the run.
#[pin_data]
pub struct ByNumber {
    #[pin]
    age: Opaque<bindings::list_head>,
    #[pin]
    tree: Tree,
    run: Link<Numbered>,
    len: u32,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: The raw pointers point to points, which any CPU may use under the context's lock.
unsafe impl Send for ByNumber {}

impl Pending for ByNumber {
    type Links = Numbered;
    type Gathered = Batch<Numbered>;

    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            age <- Opaque::ffi_init(|head: *mut bindings::list_head| {
                // SAFETY: `head` is valid for writes and pinned.
                unsafe { bindings::INIT_LIST_HEAD(head) }
            }),
            tree <- Tree::new(),
            run: None,
            len: 0,
            _pin: PhantomPinned,
        })
    }

    #[inline]
    fn len(&self) -> u32 {
        self.len
    }

    #[inline(always)]
    unsafe fn link(mut self: Pin<&mut Self>, mut points: Chain<Numbered>) {
        while let Some(point) = points.pop() {
            // SAFETY: By the safety requirements of `link` the caller gives up a reference to
            // `point`, which keeps it.
            let seqno = unsafe { number_of(point) };
            // The emitter settles the run, or sees that it is settled, before it emits. The run
            // does not grow until the commit. So this is only for callers that have not done so.
            if !self.is_settled_for(seqno) {
                self.as_mut().settle_for(seqno);
            }
            let this = self.as_mut().project();
            let in_run = this.run.is_some()
                || this.tree.is_empty()
                // SAFETY: By the safety requirements of `link` the point is initialized. It is not
                // in the tree.
                || !unsafe { this.tree.insert_unless_last(point) };
            if in_run {
                // SAFETY: The point was on a chain, so it is in no tree, and no other code uses it.
                unsafe { (*point.as_ptr()).links.node.clear() };
                // INVARIANT: The point comes after all others, both on the list and by its number.
                this.run.get_or_insert(point);
            }
            // SAFETY: By the type invariant the head is initialized. The point is on no list, and
            // was taken off its chain.
            unsafe { bindings::list_add_tail(age_of(point), this.age.get()) };
            *this.len += 1;
        }
    }

    #[inline]
    fn up_to(&self, last: u64) -> Reached<Numbered> {
        // SAFETY: `point` is linked, so the list owns a reference to it.
        let is_in = |point: &NonNull<NumberedPoint>| is_up_to(unsafe { number_of(*point) }, last);
        if !self.tree.is_empty() {
            return Reached::Several;
        }
        let Some(first) = self.run.filter(is_in) else {
            return Reached::Nothing;
        };
        // SAFETY: The point is linked.
        match unsafe { self.younger(first) }.filter(is_in) {
            None => Reached::One(first),
            Some(_) => Reached::Several,
        }
    }

    #[inline]
    unsafe fn unlink_one(self: Pin<&mut Self>, point: NonNull<NumberedPoint>) {
        // SAFETY: By the safety requirements the point is linked.
        let next = unsafe { self.younger(point) };
        let this = self.project();
        // SAFETY: The point is linked, so its entry is on the list.
        unsafe { bindings::list_del_init(age_of(point)) };
        // INVARIANT: `up_to` found the tree empty, so the point was the first of the run, which
        // begins after it now.
        *this.run = next;
        *this.len -= 1;
    }

    fn gather(&self, last: u64, batch: &mut Batch<Numbered>) -> bool {
        // SAFETY: `point` is linked, so the list owns a reference to it.
        let is_in = |point| is_up_to(unsafe { number_of(point) }, last);
        // SAFETY: `fill` passes points of the tree only.
        batch.fill(self.tree.first(), is_in, |point| unsafe { self.tree.next(point) })
            // SAFETY: `fill` passes linked points only.
            || batch.fill(self.run, is_in, |point| unsafe { self.younger(point) })
    }

    #[inline]
    unsafe fn unlink(mut self: Pin<&mut Self>, batch: &mut Batch<Numbered>) {
        let cut = self.as_mut().cut_run(batch.as_slice());
        if cut < batch.as_slice().len() {
            // SAFETY: The safety requirements of `unlink_from` are those of `unlink`.
            unsafe { self.unlink_from(batch, cut) };
        }
    }

    #[inline]
    fn drain(mut self: Pin<&mut Self>, mut each: impl FnMut(NonNull<NumberedPoint>)) {
        if !self.tree.is_empty() {
            self.as_mut().sort_list();
        }
        let this = self.project();
        *this.run = None;
        *this.len = 0;
        let head = this.age.get();
        // SAFETY: By the type invariant the list is initialized.
        let mut next = unsafe { (*head).next };
        // SAFETY: The head is valid and pinned. The points that were on the list still lead to the
        // head.
        unsafe { bindings::INIT_LIST_HEAD(head) };
        while next != head {
            // SAFETY: `next` was on the list, so it is the entry of a point, and not null. `each`
            // has not been called for that point.
            let point = unsafe { point_of(next) };
            // SAFETY: `next` is the entry of a point whose reference the list has owned, since
            // `each` has not been called for it.
            next = unsafe { (*next).next };
            each(point);
        }
    }

    fn oldest(&self) -> Link<Numbered> {
        // SAFETY: By the type invariant the list is initialized.
        self.entry(unsafe { (*self.age.get()).next })
    }

    #[inline]
    unsafe fn younger(&self, point: NonNull<NumberedPoint>) -> Link<Numbered> {
        // SAFETY: By the safety requirements `point` is linked, so its entry is on the list.
        self.entry(unsafe { (*age_of(point)).next })
    }

    unsafe fn is_linked(&self, point: NonNull<NumberedPoint>) -> bool {
        // SAFETY: By the safety requirements the memory of `point` is valid, and `point` was
        // linked.
        is_listed(unsafe { &(*point.as_ptr()).links })
    }
}

impl ByNumber {
    /// Returns by how much `seqno` is later than the last number of the run, or `None` if there is
    /// no run.
    #[inline]
    fn behind_run(&self, seqno: u64) -> Option<i64> {
        self.run?;
        // SAFETY: By the type invariant the list is initialized.
        let last = self.entry(unsafe { (*self.age.get()).prev })?;
        // SAFETY: `last` is on the list, which owns a reference to it.
        Some(later_by(seqno, unsafe { number_of(last) }))
    }

    /// Returns whether `seqno` can be looked for or linked without settling the run first.
    #[inline]
    pub(in super::super) fn is_settled_for(&self, seqno: u64) -> bool {
        self.behind_run(seqno).is_none_or(|later| later >= 0)
    }

    /// Settles the run, so that `seqno` can be linked.
    #[cold]
    fn settle_for(mut self: Pin<&mut Self>, seqno: u64) {
        while !self.is_settled_for(seqno) {
            self.as_mut().settle_some();
        }
    }

    /// Moves at most `BATCH` points from the start of the run into the tree.
    pub(in super::super) fn settle_some(self: Pin<&mut Self>) {
        let mut this = self;
        for _ in 0..BATCH {
            let Some(point) = this.run else { return };
            // SAFETY: The point is linked.
            let next = unsafe { this.younger(point) };
            let fields = this.as_mut().project();
            // SAFETY: By the type invariant points of the run are initialized, and in no tree.
            unsafe { fields.tree.insert(point) };
            // INVARIANT: The point is in the tree. The run begins after it.
            *fields.run = next;
        }
    }

    /// Empties the tree, and puts its points at the start of the list, by number. The list is then
    /// in the order in which the points signal, and no longer by age.
    #[cold]
    fn sort_list(mut self: Pin<&mut Self>) {
        // SAFETY: The point is linked.
        let run = self.run.map(|run| unsafe { age_of(run) });
        let behind = run.unwrap_or(self.age.get());
        while let Some(first) = self.tree.first() {
            // SAFETY: The point is in the tree, and so on the list. `behind` is an entry of the
            // list or its head, and not the entry of this point, which is not in the run.
            unsafe {
                self.as_mut().project().tree.erase(first);
                bindings::list_del_init(age_of(first));
                bindings::list_add_tail(age_of(first), behind);
            }
        }
    }

    /// Unlinks points at the start of the run, as long as they are those at the start of `points`,
    /// and returns how many it unlinked.
    fn cut_run(self: Pin<&mut Self>, points: &[NonNull<NumberedPoint>]) -> usize {
        let Some(first) = self.run.filter(|first| points.first() == Some(first)) else {
            return 0;
        };
        // SAFETY: The point is linked.
        let before = unsafe { (*age_of(first)).prev };
        let mut next = Some(first);
        let mut count = 0;
        for &point in points {
            if next != Some(point) {
                break;
            }
            // SAFETY: The point is linked, and is unlinked below. Its entry is set to point to
            // itself, which `is_listed` tests.
            unsafe {
                next = self.younger(point);
                (*age_of(point)).next = age_of(point);
            }
            count += 1;
        }
        let this = self.project();
        // SAFETY: The point is linked.
        let after = next.map_or(this.age.get(), |next| unsafe { age_of(next) });
        // SAFETY: `before` and `after` are entries of the list or its head. The points between them
        // are unlinked by this.
        unsafe {
            (*before).next = after;
            (*after).prev = before;
        }
        // INVARIANT: The run begins after the points that were cut off.
        *this.run = next;
        *this.len -= count as u32;
        count
    }

    /// Unlinks one by one those points of a batch, from index `first` on, that are still linked,
    /// and removes the others from the batch.
    ///
    /// It is a function of its own so that [`unlink`](Pending::unlink) is short.
    ///
    /// # Safety
    ///
    /// Callers must meet the requirements of [`Pending::unlink`].
    #[inline(never)]
    unsafe fn unlink_from(mut self: Pin<&mut Self>, batch: &mut Batch<Numbered>, first: usize) {
        batch.retain_from(first, |point| {
            // SAFETY: By the safety requirements RCU keeps the point. Its links are used only under
            // the context's lock, which the caller holds since it has a `&mut Self`.
            let links = unsafe { &(*point.as_ptr()).links };
            if !is_listed(links) {
                return false;
            }
            // INVARIANT: The run begins after the point. All points younger than the first of the
            // run are in the run.
            if self.run == Some(point) {
                // SAFETY: The point is linked.
                let next = unsafe { self.younger(point) };
                *self.as_mut().project().run = next;
            }
            let this = self.as_mut().project();
            // SAFETY: `is_listed` has returned that the entry is on the list.
            unsafe { bindings::list_del_init(links.age.get()) };
            // SAFETY: The node was cleared or inserted when the point was linked, and the context's
            // lock is held. If the node is in a tree, it is in this one, since the point was linked
            // in this container.
            unsafe {
                if links.node.is_in_tree() {
                    this.tree.erase(point);
                }
            }
            *this.len -= 1;
            true
        });
    }

    /// Returns the point with the number `seqno`, or `None` if no such point is linked. The run
    /// must be settled for `seqno`.
    pub(in super::super) fn find(&self, seqno: u64) -> Link<Numbered> {
        match self.behind_run(seqno) {
            None => self.tree.find(seqno),
            // SAFETY: By the type invariant the list is initialized.
            Some(0) => self.entry(unsafe { (*self.age.get()).prev }),
            Some(_) => None,
        }
    }

    /// Returns the point to which an entry of the list belongs, or `None` for the head.
    #[inline]
    fn entry(&self, entry: *mut bindings::list_head) -> Link<Numbered> {
        // SAFETY: Every entry but the head is the `age` of a point.
        (entry != self.age.get()).then(|| unsafe { point_of(entry) })
    }
}

/// Returns the point to which an entry of a list belongs.
///
/// # Safety
///
/// Callers must ensure that `entry` is the `age` of a point.
#[inline]
unsafe fn point_of(entry: *mut bindings::list_head) -> NonNull<NumberedPoint> {
    // SAFETY: By the safety requirements `entry` is in a point, whose address is not null.
    unsafe {
        let point = container_of!(Opaque::cast_from(entry), NumberedPoint, links.age);
        NonNull::new_unchecked(point.cast_mut())
    }
}

/// Returns whether a point that was linked is still on the list. The caller holds the context's
/// lock.
#[inline]
fn is_listed(links: &Numbered) -> bool {
    let age = links.age.get();
    // SAFETY: The entry was initialized when the point was linked, and is reinitialized when the
    // point is unlinked.
    unsafe { (*age).next != age }
}

/// # Safety
///
/// Callers must ensure that `point` is valid.
#[inline]
unsafe fn age_of(point: NonNull<NumberedPoint>) -> *mut bindings::list_head {
    // SAFETY: By the safety requirements `point` is valid.
    unsafe { (*point.as_ptr()).links.age.get() }
}

/// Returns the number of a point.
///
/// # Safety
///
/// Callers must ensure that `point` is initialized.
#[inline]
pub(super) unsafe fn number_of(point: NonNull<NumberedPoint>) -> u64 {
    // SAFETY: By the safety requirements `point` is initialized. Its number never changes.
    unsafe { point.as_ref() }.seqno()
}
