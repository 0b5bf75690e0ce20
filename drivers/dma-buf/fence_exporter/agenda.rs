// SPDX-License-Identifier: GPL-2.0

//! What is to be signalled later.

use kernel::{
    dma_buf::{
        Cause,
        FenceOps,
        Ktime,
        Timeline, //
    },
    prelude::*,
    rbtree::{
        self,
        RBTree,
        RBTreeNodeReservation, //
    },
    sync::{
        new_spinlock_irq,
        SpinLockIrq, //
    },
};

/// How many entries are seen to before other softirqs get their turn.
const AT_ONCE: usize = 64;

/// Up to where to signal, and how.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) seqno: u64,
    pub(crate) status: Result,
}

struct Entries {
    /// By time, and among those of one time by the order in which they came.
    by_time: RBTree<(Ktime, u64), Entry>,
    len: u32,
    came: u64,
}

/// The agenda of a timeline: what `SIGNAL_AT` asked for.
#[pin_data]
pub(crate) struct Agenda {
    #[pin]
    entries: SpinLockIrq<Entries>,
}

impl Agenda {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            entries <- new_spinlock_irq!(
                Entries {
                    by_time: RBTree::new(),
                    len: 0,
                    came: 0,
                },
                "fence_agenda"
            ),
        })
    }

    /// Adds an entry. `EAGAIN` if there are `max` already; `ENOMEM`.
    ///
    /// The timeline must be woken at `time`.
    pub(crate) fn add(&self, time: Ktime, entry: Entry, max: u32) -> Result {
        let reservation = RBTreeNodeReservation::new(GFP_KERNEL_ACCOUNT)?;
        let mut entries = self.entries.lock();
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
        Ok(())
    }

    /// Returns the first entry.
    fn first(&self) -> Option<((Ktime, u64), Entry)> {
        let entries = self.entries.lock();
        let (&key, &entry) = entries.by_time.cursor_front()?.current();
        Some((key, entry))
    }

    /// Removes an entry. Only the timer does, so that it is the one that `first` returned.
    fn remove(&self, key: (Ktime, u64)) {
        let mut entries = self.entries.lock();
        let node = entries.by_time.remove_node(&key);
        entries.len = entries.len.saturating_sub(1);
        drop(entries);
        // Outside the lock: it frees memory.
        drop(node);
    }

    /// Signals what is due at `now`, a bounded amount of it, and returns when the next entry is.
    pub(crate) fn run<O: FenceOps>(&self, timeline: &Timeline<O>, now: Ktime) -> Option<Ktime> {
        for _ in 0..AT_ONCE {
            let (key, entry) = self.first()?;
            let (time, _) = key;
            if time > now
                // The timer may have come late for timeouts, too.
                || timeline.time_out_before(time)
                || timeline.signal_some(entry.seqno, entry.status, Cause::Done)
            {
                return Some(time);
            }
            self.remove(key);
        }
        Some(now)
    }
}
