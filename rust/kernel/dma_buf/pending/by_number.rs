// SPDX-License-Identifier: GPL-2.0

//! Pending points that signal in the order of numbers which the caller chooses.

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
    Point, //
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

pub(super) type NumberedPoint = Point<Numbered>;

/// The links of a point.
///
/// `age` is a list head once the point is linked; before that its first word is the next point of
/// the [`Chain`].
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

/// Pending points: a list by age, and a tree by number.
///
/// Numbers are most often chosen in ascending order. As long as they are, points are only on the
/// list: these, its end, are the *run*. When a number is chosen out of order, the run is *settled*:
/// it goes into the tree, a bounded number of points at a time. Each point does so once at most, so
/// any order of numbers costs the time of the tree.
///
/// # Invariants
///
/// `age` is an initialised list head. There are `len` points on the list, to each of which it owns
/// a reference. Those from `run` to its end have numbers that ascend, and the nodes of those are
/// cleared; the others, whose numbers come before, are in the tree.
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

// SAFETY: The raw pointers are those of points, which may be used on any CPU under the lock.
unsafe impl Send for ByNumber {}

impl Pending for ByNumber {
    type Links = Numbered;
    type Gathered = Batch<Numbered>;

    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            age <- Opaque::ffi_init(|head: *mut bindings::list_head| {
                // SAFETY: `head` is valid for writes, and pinned.
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

    #[inline]
    unsafe fn link(mut self: Pin<&mut Self>, mut points: Chain<Numbered>) {
        while let Some(point) = points.pop() {
            // SAFETY: To what is on the list there is a reference; so there is to `point`.
            let seqno = unsafe { number_of(point) };
            // Whoever emits has settled the run, or seen that it need not; it doesn't grow
            // meanwhile. This is for those who have not.
            if !self.is_settled_for(seqno) {
                self.as_mut().settle_for(seqno);
            }
            let this = self.as_mut().project();
            let in_run = this.run.is_some()
                || this.tree.is_empty()
                // SAFETY: The point is initialised, and not in the tree.
                || !unsafe { this.tree.insert_unless_last(point) };
            if in_run {
                // SAFETY: It is on a chain, so it is in no tree, and nobody else uses it.
                unsafe { (*point.as_ptr()).links.node.clear() };
                // INVARIANT: It comes behind all others, on the list as well as by its number.
                this.run.get_or_insert(point);
            }
            // SAFETY: By the type invariant the head is initialised; the point is on no list, and
            // on no chain any more.
            unsafe { bindings::list_add_tail(age_of(point), this.age.get()) };
            *this.len += 1;
        }
    }

    fn gather(&self, last: u64, batch: &mut Batch<Numbered>) -> bool {
        // SAFETY: To what is linked there is a reference.
        let is_in = |point| is_up_to(unsafe { number_of(point) }, last);
        // SAFETY: What the batch is filled with is in the tree.
        batch.fill(self.tree.first(), is_in, |point| unsafe { self.tree.next(point) })
            // SAFETY: What the batch is filled with is linked.
            || batch.fill(self.run, is_in, |point| unsafe { self.younger(point) })
    }

    #[inline]
    unsafe fn unlink(mut self: Pin<&mut Self>, batch: &mut Batch<Numbered>) {
        let cut = self.as_mut().cut_run(batch.as_slice());
        if cut < batch.as_slice().len() {
            // SAFETY: `unlink_from` asks for what the caller has promised to `unlink`.
            unsafe { self.unlink_from(batch, cut) };
        }
    }

    #[inline]
    fn drain(mut self: Pin<&mut Self>, mut each: impl FnMut(NonNull<NumberedPoint>)) {
        let this = self.as_mut().project();
        let mut run = this.run.take();
        *this.len = 0;
        // SAFETY: The head is valid, and pinned. What was on the list still leads to the head.
        unsafe { bindings::INIT_LIST_HEAD(this.age.get()) };
        loop {
            // What is not in the run comes first.
            let point = if let Some(first) = self.tree.first() {
                // SAFETY: The point is in the tree.
                unsafe { self.as_mut().project().tree.erase(first) };
                first
            } else if let Some(first) = run {
                // SAFETY: The point was linked when the run was taken, and `each` has not been
                // called for it.
                run = unsafe { self.younger(first) };
                first
            } else {
                return;
            };
            each(point);
        }
    }

    fn oldest(&self) -> Link<Numbered> {
        // SAFETY: By the type invariant the list is initialised.
        self.entry(unsafe { (*self.age.get()).next })
    }

    #[inline]
    unsafe fn younger(&self, point: NonNull<NumberedPoint>) -> Link<Numbered> {
        // SAFETY: By the safety requirements its entry is on the list.
        self.entry(unsafe { (*age_of(point)).next })
    }

    unsafe fn is_linked(&self, point: NonNull<NumberedPoint>) -> bool {
        // SAFETY: By the safety requirements the memory is valid, and the point was linked.
        is_listed(unsafe { &(*point.as_ptr()).links })
    }
}

impl ByNumber {
    /// Returns how much later `seqno` is than the last point of the run, if there is one.
    #[inline]
    fn behind_run(&self, seqno: u64) -> Option<i64> {
        self.run?;
        // SAFETY: By the type invariant the list is initialised.
        let last = self.entry(unsafe { (*self.age.get()).prev })?;
        // SAFETY: To what is on the list there is a reference.
        Some(later_by(seqno, unsafe { number_of(last) }))
    }

    /// Tells whether the run need not be settled before `seqno` is looked for, or linked.
    #[inline]
    pub(in super::super) fn is_settled_for(&self, seqno: u64) -> bool {
        self.behind_run(seqno).is_none_or(|later| later >= 0)
    }

    /// Settles the run so that `seqno` can be linked.
    #[cold]
    fn settle_for(mut self: Pin<&mut Self>, seqno: u64) {
        while !self.is_settled_for(seqno) {
            self.as_mut().settle_some();
        }
    }

    /// Moves the first points of the run into the tree, a bounded number of them.
    pub(in super::super) fn settle_some(self: Pin<&mut Self>) {
        let mut this = self;
        for _ in 0..BATCH {
            let Some(point) = this.run else { return };
            // SAFETY: The point is linked.
            let next = unsafe { this.younger(point) };
            let fields = this.as_mut().project();
            // SAFETY: Points of the run are in no tree.
            unsafe { fields.tree.insert(point) };
            // INVARIANT: It is in the tree, and what is younger comes behind it.
            *fields.run = next;
        }
    }

    /// Unlinks the first points of the run, as many as there are at the beginning of `points`, and
    /// returns how many that are.
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
            // SAFETY: The point is linked, and unlinked below. Its entry tells of itself what
            // `is_listed` tests.
            unsafe {
                next = self.younger(point);
                (*age_of(point)).next = age_of(point);
            }
            count += 1;
        }
        let this = self.project();
        // SAFETY: The point is linked.
        let after = next.map_or(this.age.get(), |next| unsafe { age_of(next) });
        // SAFETY: What was between these two is not on the list any more.
        unsafe {
            (*before).next = after;
            (*after).prev = before;
        }
        // INVARIANT: The run begins behind what was cut off.
        *this.run = next;
        *this.len -= count as u32;
        count
    }

    /// Unlinks what is linked still of the points of a batch, from `first` on, one by one.
    ///
    /// Apart from [`unlink`](Pending::unlink), which is short without it.
    ///
    /// # Safety
    ///
    /// Callers must keep the requirements of [`Pending::unlink`].
    #[inline(never)]
    unsafe fn unlink_from(mut self: Pin<&mut Self>, batch: &mut Batch<Numbered>, first: usize) {
        batch.retain_from(first, |point| {
            // SAFETY: RCU keeps the point, as the safety requirements say; its links are used under
            // the lock only, which the caller holds since it has a `&mut Self`.
            let links = unsafe { &(*point.as_ptr()).links };
            if !is_listed(links) {
                return false;
            }
            // INVARIANT: The run begins behind the point. What is younger than its first is in it.
            if self.run == Some(point) {
                // SAFETY: The point is linked.
                let next = unsafe { self.younger(point) };
                *self.as_mut().project().run = next;
            }
            let this = self.as_mut().project();
            // SAFETY: The entry is on the list.
            unsafe { bindings::list_del_init(links.age.get()) };
            // SAFETY: The node was cleared or inserted when the point was linked, and the lock is
            // held. If it is in a tree, it is in this one, to which the point belongs.
            unsafe {
                if links.node.is_in_tree() {
                    this.tree.erase(point);
                }
            }
            *this.len -= 1;
            true
        });
    }

    /// Returns the point with the number `seqno`, for which the run is settled.
    pub(in super::super) fn find(&self, seqno: u64) -> Link<Numbered> {
        match self.behind_run(seqno) {
            None => self.tree.find(seqno),
            // SAFETY: By the type invariant the list is initialised.
            Some(0) => self.entry(unsafe { (*self.age.get()).prev }),
            Some(_) => None,
        }
    }

    #[inline]
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
#[inline]
fn is_listed(links: &Numbered) -> bool {
    let age = links.age.get();
    // SAFETY: The entry was initialised when the point was linked, and is reinitialised when it is
    // unlinked.
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
/// Callers must ensure that `point` is initialised.
#[inline]
pub(super) unsafe fn number_of(point: NonNull<NumberedPoint>) -> u64 {
    // SAFETY: By the safety requirements `point` is initialised. Its number never changes.
    unsafe { point.as_ref() }.seqno()
}
