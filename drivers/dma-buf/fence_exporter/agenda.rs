// SPDX-License-Identifier: GPL-2.0

//! What is to be signalled later: the entries that `SIGNAL_AT` makes.

use kernel::{
    dma_buf::{
        Cause,
        FenceOps,
        Ktime,
        Timeline,
        KTIME_MAX, //
    },
    prelude::*,
    rbtree::{
        self,
        RBTree,
        RBTreeNodeReservation, //
    },
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        new_spinlock_irq,
        SpinLockIrq, //
    },
};

/// How many entries one hold of the lock looks at.
const AT_ONCE: usize = 64;

/// Up to where to signal, and how.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) seqno: u64,
    pub(crate) status: Result,
}

/// By time, and among entries of one time by the order in which they came.
type Key = (Ktime, u64);

struct Entries {
    by_time: RBTree<Key, Entry>,
    len: u32,
    came: u64,
    /// The last number that had signalled when the agenda was last swept.
    swept: u64,
}

/// The agenda of a timeline: what `SIGNAL_AT` asked for.
#[pin_data]
pub(crate) struct Agenda {
    #[pin]
    entries: SpinLockIrq<Entries>,
    /// The time of the first entry, or [`KTIME_MAX`]. Written under the lock, read without.
    first: Atomic<Ktime>,
}

impl Agenda {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            entries <- new_spinlock_irq!(
                Entries {
                    by_time: RBTree::new(),
                    len: 0,
                    came: 0,
                    swept: 0,
                },
                "fence_agenda"
            ),
            first: Atomic::new(KTIME_MAX),
        })
    }

    /// Adds an entry. The caller must wake the timeline at `time` then.
    ///
    /// An entry whose number has signalled, as `signalled_up_to` says, does nothing any more. Such
    /// entries are dropped when there are `max`, so that they do not count.
    ///
    /// `EAGAIN` if there are `max` others; `ENOMEM`.
    pub(crate) fn add(&self, time: Ktime, entry: Entry, max: u32, signalled_up_to: u64) -> Result {
        let reservation = RBTreeNodeReservation::new(GFP_KERNEL_ACCOUNT)?;
        let mut entries = self.entries.lock();
        if entries.len >= max && entries.swept < signalled_up_to {
            entries.swept = signalled_up_to;
            drop(entries);
            self.sweep(signalled_up_to);
            entries = self.entries.lock();
        }
        if entries.len >= max {
            return Err(EAGAIN);
        }
        let key = (time, entries.came);
        // The key is new.
        if let rbtree::Entry::Vacant(place) = entries.by_time.entry(key) {
            place.insert(entry, reservation);
            entries.came += 1;
            entries.len += 1;
        }
        self.note_first(&entries);
        Ok(())
    }

    /// Returns the time of the first entry, or `None` if there is none.
    #[inline]
    pub(crate) fn next_due(&self) -> Option<Ktime> {
        Some(self.first.load(Relaxed)).filter(|&time| time != KTIME_MAX)
    }

    /// Does the first entry, if it is due by `time`: signals a batch of its fences, and drops the
    /// entry once all of them have signalled.
    pub(crate) fn run_first<O: FenceOps>(&self, timeline: &Timeline<O>, time: Ktime) {
        let Some((key, entry)) = self.first(time) else {
            return;
        };
        if !timeline.signal_some(entry.seqno, entry.status, Cause::Done) {
            self.remove(key);
        }
    }

    /// Returns the first entry, if it is due by `time`.
    fn first(&self, time: Ktime) -> Option<(Key, Entry)> {
        let entries = self.entries.lock();
        let (&key, &entry) = entries.by_time.cursor_front()?.current();
        (key.0 <= time).then_some((key, entry))
    }

    /// Removes an entry, unless another thread has.
    fn remove(&self, key: Key) {
        let mut entries = self.entries.lock();
        let node = entries.by_time.remove_node(&key);
        if node.is_some() {
            entries.len -= 1;
            self.note_first(&entries);
        }
        drop(entries);
        // Outside the lock, since it frees memory.
        drop(node);
    }

    /// Removes the entries whose numbers have signalled, a few in one hold of the lock.
    fn sweep(&self, signalled_up_to: u64) {
        let mut key = (Ktime::MIN, 0);
        let mut more = true;
        while more {
            let mut done = [const { None }; AT_ONCE];
            let mut entries = self.entries.lock();
            for slot in &mut done {
                let Some(entry) = entries.by_time.cursor_lower_bound(&key) else {
                    more = false;
                    break;
                };
                let (&(time, came), entry) = entry.current();
                key = (time, came + 1);
                if entry.seqno <= signalled_up_to {
                    *slot = entries.by_time.remove_node(&(time, came));
                    entries.len -= 1;
                }
            }
            self.note_first(&entries);
            drop(entries);
            // Outside the lock, since it frees memory.
            drop(done);
        }
    }

    /// Writes down the time of the first entry, under the lock.
    fn note_first(&self, entries: &Entries) {
        let first = entries.by_time.cursor_front();
        self.first.store(
            first.map_or(KTIME_MAX, |first| first.current().0 .0),
            Relaxed,
        );
    }
}
