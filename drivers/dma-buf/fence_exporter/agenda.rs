// SPDX-License-Identifier: GPL-2.0

//! The agenda of a timeline: fences that SIGNAL_AT asked to signal later.

use kernel::{
    dma_buf::{
        Cause,
        EmissionOrder,
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

/// How many entries one hold of the lock visits.
const AT_ONCE: usize = 64;

/// The last fence to signal, and the status to signal with.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) seqno: u64,
    pub(crate) status: Result,
}

/// An entry of the agenda.
struct Listed {
    entry: Entry,
    /// Whether a fence up to the entry's number was pending when the entry was begun; `false`
    /// before that.
    needed: bool,
}

/// The key of an entry: its time, and among entries of one time, the order in which they were
/// added.
type Key = (Ktime, u64);

struct Entries {
    by_time: RBTree<Key, Listed>,
    len: u32,
    /// How many entries were ever added.
    came: u64,
    /// The last number that had signaled when the agenda was last swept of entries without effect.
    swept: u64,
}

/// The agenda of a timeline.
#[pin_data]
pub(crate) struct Agenda {
    #[pin]
    entries: SpinLockIrq<Entries>,
    /// The time of the first entry, or [`KTIME_MAX`] if there is none. Written under the lock, read
    /// without it.
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

    /// Adds an entry. The caller must then wake the timeline at `time`.
    ///
    /// An entry has no effect any more once its number has signaled, that is, if the number is not
    /// above `signaled_up_to`. If there are `max` entries, those without effect are dropped, so
    /// that they do not count.
    ///
    /// Fails with `ENOSPC` if there still are `max` entries, and with `ENOMEM`. Process context.
    pub(crate) fn add(&self, time: Ktime, entry: Entry, max: u32, signaled_up_to: u64) -> Result {
        let reservation = RBTreeNodeReservation::new(GFP_KERNEL_ACCOUNT)?;
        let mut entries = self.entries.lock();
        if entries.len >= max && entries.swept < signaled_up_to {
            entries.swept = signaled_up_to;
            drop(entries);
            self.remove_those(|_, entry| entry.seqno <= signaled_up_to);
            entries = self.entries.lock();
        }
        if entries.len >= max {
            return Err(ENOSPC);
        }
        let key = (time, entries.came);
        // The key is new, so the place is vacant.
        if let rbtree::Entry::Vacant(place) = entries.by_time.entry(key) {
            place.insert(
                Listed {
                    entry,
                    needed: false,
                },
                reservation,
            );
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

    /// Begins or continues the first entry, if it is due by `time`: signals a batch of its fences,
    /// and drops the entry once all of them have signaled.
    ///
    /// Returns the entry if this call dropped it, and if fences up to its number were pending when
    /// it was begun.
    pub(crate) fn run_first<O>(&self, timeline: &Timeline<O>, time: Ktime) -> Option<Entry>
    where
        O: FenceOps<Order = EmissionOrder>,
    {
        let (key, entry) = self.begin_first(time, timeline.signaled_up_to())?;
        if timeline.signal_some(entry.seqno, entry.status, Cause::Done) {
            return None;
        }
        self.remove(key).then_some(entry)
    }

    /// Removes the entries of the number `seqno` whose time is after `now`, and returns how many it
    /// removed. Process context.
    pub(crate) fn cancel(&self, seqno: u64, now: Ktime) -> u64 {
        self.remove_those(|time, entry| entry.seqno == seqno && time > now)
    }

    /// Returns the first entry if it is due by `time`, and records whether it is needed.
    fn begin_first(&self, time: Ktime, signaled_up_to: u64) -> Option<(Key, Entry)> {
        let mut entries = self.entries.lock();
        let mut first = entries.by_time.cursor_front_mut()?;
        let (&key, listed) = first.current_mut();
        if key.0 > time {
            return None;
        }
        listed.needed |= listed.entry.seqno > signaled_up_to;
        Some((key, listed.entry))
    }

    /// Removes an entry unless another thread has removed it. Returns whether this call removed it
    /// and it was needed.
    fn remove(&self, key: Key) -> bool {
        let mut entries = self.entries.lock();
        let node = entries.by_time.remove_node(&key);
        if node.is_some() {
            entries.len -= 1;
            self.note_first(&entries);
        }
        drop(entries);
        // Dropped outside the lock, since this frees memory.
        node.is_some_and(|node| node.to_key_value().1.needed)
    }

    /// Removes the entries for which `which` returns true, and returns how many. One hold of the
    /// lock visits a bounded number of them.
    fn remove_those(&self, which: impl Fn(Ktime, &Entry) -> bool) -> u64 {
        let mut removed = 0;
        let mut key = (Ktime::MIN, 0);
        let mut more = true;
        while more {
            let mut gone = [const { None }; AT_ONCE];
            let mut entries = self.entries.lock();
            for slot in &mut gone {
                let Some(found) = entries.by_time.cursor_lower_bound(&key) else {
                    more = false;
                    break;
                };
                let (&(time, came), listed) = found.current();
                key = (time, came + 1);
                if which(time, &listed.entry) {
                    *slot = entries.by_time.remove_node(&(time, came));
                    entries.len -= 1;
                    removed += 1;
                }
            }
            self.note_first(&entries);
            drop(entries);
            // Dropped outside the lock, since this frees memory.
            drop(gone);
        }
        removed
    }

    /// Updates `first`. The caller holds the lock.
    fn note_first(&self, entries: &Entries) {
        let first = entries.by_time.cursor_front();
        self.first.store(
            first.map_or(KTIME_MAX, |first| first.current().0 .0),
            Relaxed,
        );
    }
}
