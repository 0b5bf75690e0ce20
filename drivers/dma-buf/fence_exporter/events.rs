// SPDX-License-Identifier: GPL-2.0

//! The events of a timeline, which user space reads: that a wait began, that a deadline was set,
//! and so on. A test that plays the device acts on them.
//!
//! Events are added in any context, even under the locks of fences. The queue for them has a
//! bounded size, and a reader never makes the code that adds events wait.

use fence_uapi::*;
use kernel::{
    alloc::allocator::KVmalloc,
    dma_buf::ktime_get,
    iov::IovIterDest,
    miscdevice::Ready,
    prelude::*,
    sync::{
        new_spinlock_irq,
        poll::{
            new_poll_condvar,
            PollCondVar,
            PollTable, //
        },
        rcu::{
            Published,
            RcuFreeBox,
            RcuOnce, //
        },
        SpinLockIrq, //
    },
};

/// How many events the queue can hold.
pub(crate) const CAPACITY: usize = 256;

/// The size of an event, in bytes.
const EVENT_SIZE: usize = size_of::<fence_exporter_event>();

/// Returns the bit of an event type in a mask.
const fn bit(kind: u32) -> u32 {
    1 << kind
}

/// A mask of all event types.
pub(crate) const TYPES: u32 = bit(FENCE_EXPORTER_EVENT_WAIT)
    | bit(FENCE_EXPORTER_EVENT_DEADLINE)
    | bit(FENCE_EXPORTER_EVENT_TIMEOUT)
    | bit(FENCE_EXPORTER_EVENT_OVERFLOW)
    | bit(FENCE_EXPORTER_EVENT_SIGNALED);

/// An event in the queue.
#[derive(Clone, Copy, Zeroable)]
struct Event {
    kind: u32,
    time: i64,
    seqno: u64,
    value: u64,
}

impl Event {
    /// Returns an event whose time is now.
    fn new(kind: u32, seqno: u64, value: u64) -> Self {
        Self {
            kind,
            time: ktime_get(),
            seqno,
            value,
        }
    }

    /// Returns the event that reports `lost` lost events.
    fn overflow(lost: u64) -> Self {
        Self::new(FENCE_EXPORTER_EVENT_OVERFLOW, 0, lost)
    }

    fn to_user(self) -> fence_exporter_event {
        fence_exporter_event {
            type_: self.kind,
            length: EVENT_SIZE as u32,
            time_ns: self.time as u64,
            seqno: self.seqno,
            value: self.value,
        }
    }
}

/// The events that were not read yet, oldest first.
#[derive(Zeroable)]
pub(crate) struct Ring {
    events: [Event; CAPACITY],
    first: usize,
    len: usize,
    /// How many events were lost because the queue was full, since the newest one in it was added.
    lost: u64,
    /// Whether a thread is copying events to user space. Only that thread takes events out.
    reading: bool,
    /// A mask of the types that are kept. OVERFLOW is always kept.
    mask: u32,
}

impl Ring {
    /// Adds an event, and returns whether its type is kept.
    fn push(&mut self, event: Event) -> bool {
        if self.mask & bit(event.kind) == 0 {
            return false;
        }
        // Lost events are reported by an OVERFLOW event in their place, which needs room, too.
        let needed = if self.lost > 0 { 2 } else { 1 };
        if CAPACITY - self.len < needed {
            self.lost += 1;
            return true;
        }
        if self.lost > 0 {
            let lost = core::mem::take(&mut self.lost);
            self.append(Event::overflow(lost));
        }
        self.append(event);
        true
    }

    fn append(&mut self, event: Event) {
        if let Some(slot) = self.events.get_mut((self.first + self.len) % CAPACITY) {
            *slot = event;
            self.len += 1;
        }
    }

    fn is_empty(&self) -> bool {
        self.len == 0 && self.lost == 0
    }

    /// Returns whether a read would return events now.
    fn is_readable(&self) -> bool {
        !self.reading && !self.is_empty()
    }

    /// Makes the caller the only reader if there are events and no other thread is reading. Returns
    /// whether it did.
    fn begin_reading(&mut self) -> bool {
        let begun = self.is_readable();
        self.reading |= begun;
        begun
    }

    /// Returns the oldest event without taking it out, or `None` if there is none.
    fn peek(&self) -> Option<Event> {
        match self.len {
            0 if self.lost > 0 => Some(Event::overflow(self.lost)),
            0 => None,
            _ => self.events.get(self.first).copied(),
        }
    }

    /// Takes out the event that `peek` has returned.
    fn consume(&mut self, peeked: Event) {
        if self.len == 0 {
            self.lost -= self.lost.min(peeked.value);
        } else {
            self.first = (self.first + 1) % CAPACITY;
            self.len -= 1;
        }
    }
}

/// The queue of a timeline. Only timelines that were set up with `FENCE_EXPORTER_SETUP_EVENTS` have
/// one.
type Queue = Published<SpinLockIrq<Ring>>;

/// The events of a timeline.
///
/// Every timeline has the condition variable. So a `poll(2)` or `epoll` that began before SETUP is
/// woken by events after it. The queue takes more than 8 KiB, so only SETUP allocates it.
#[pin_data]
pub(crate) struct Events {
    /// Notified when an event was added, and when a read has left events.
    #[pin]
    readable: PollCondVar,
    #[pin]
    queue: RcuOnce<Queue, KVmalloc>,
}

kernel::rcu_view! {
    /// What callbacks of fences see of the events: they can add events.
    pub(crate) struct EventsView of Events {
        readable: PollCondVar,
        queue: RcuOnce<Queue, KVmalloc>,
    }
}

impl EventsView<'_> {
    /// Adds an event of `kind` that happens now, if the timeline keeps such events.
    ///
    /// Any context, even under the lock of a fence.
    pub(crate) fn push(&self, kind: u32, seqno: u64, value: u64) {
        if let Some(queue) = self.queue {
            if queue.lock().push(Event::new(kind, seqno, value)) {
                self.readable.notify_all();
            }
        }
    }
}

/// The memory for the queue of a timeline. It is allocated first, so that [`Events::keep`] can't
/// fail.
pub(crate) struct NewQueue(RcuFreeBox<Queue, KVmalloc>);

impl NewQueue {
    /// Allocates an empty queue for the types of `mask`, or for all types if `mask` is 0. Fails
    /// with `ENOMEM`.
    pub(crate) fn new(mask: u32) -> Result<Self> {
        let queue = Published::pin_new(new_spinlock_irq!(pin_init::init_zeroed(), "fence_events"));
        let queue = RcuFreeBox::<Queue, KVmalloc>::pin_init(queue, GFP_KERNEL_ACCOUNT)?;
        queue.lock().mask = match mask {
            0 => TYPES,
            some => some | bit(FENCE_EXPORTER_EVENT_OVERFLOW),
        };
        Ok(Self(queue))
    }
}

impl Events {
    /// Returns an initializer for a timeline that keeps no events yet.
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            readable <- new_poll_condvar!("fence_events"),
            queue <- RcuOnce::new(),
        })
    }

    /// Starts to keep events, in `queue`.
    pub(crate) fn keep(&self, queue: NewQueue) {
        self.queue.populate(queue.0);
    }

    /// Returns a mask of the types of events that the timeline keeps. Any context.
    pub(crate) fn mask(&self) -> u32 {
        self.ring().map_or(0, |ring| ring.lock().mask)
    }

    /// Returns the queue, or `None` if the timeline keeps no events.
    fn ring(&self) -> Option<&SpinLockIrq<Ring>> {
        Some(self.queue.get()?.get_ref())
    }

    /// Adds an event of `kind` that happens now, if the timeline keeps such events.
    ///
    /// Any context.
    pub(crate) fn push(&self, kind: u32, seqno: u64, value: u64) {
        if let Some(ring) = self.ring() {
            if ring.lock().push(Event::new(kind, seqno, value)) {
                self.readable.notify_all();
            }
        }
    }

    /// Registers the caller of `poll(2)`, and returns whether a read would return events.
    ///
    /// While a thread is reading, the file is not readable for other threads: their reads would
    /// wait.
    pub(crate) fn poll<'a>(&'a self, table: &PollTable<'a>) -> Ready {
        table.register_wait(&self.readable);
        match self.ring() {
            Some(ring) if ring.lock().is_readable() => Ready::READABLE,
            _ => Ready::NOTHING,
        }
    }

    /// Reads as many events as there are and as fit into `iov`, and waits for the first one.
    ///
    /// One thread reads at a time. Meanwhile, other readers wait as if there were no events.
    ///
    /// # Errors
    ///
    /// - `EINVAL` if the timeline keeps no events, or if `iov` has no room for one.
    /// - `EAGAIN` if the call would wait and `nonblocking` is set.
    /// - `ERESTARTSYS` if a signal to the task arrives during the wait.
    /// - `EFAULT` if not even one event could be copied. The next read returns that event.
    ///
    /// # Context
    ///
    /// Process context; may sleep. The call holds no lock while it copies, because user space can
    /// delay a copy for as long as it likes.
    pub(crate) fn read(&self, iov: &mut IovIterDest<'_>, nonblocking: bool) -> Result<usize> {
        let ring = self.ring().ok_or(EINVAL)?;
        if iov.len() < EVENT_SIZE {
            return Err(EINVAL);
        }
        Reading::begin(self, ring, nonblocking)?.copy(iov)
    }
}

/// The right to take events out of the queue.
///
/// # Invariants
///
/// `Ring::reading` is set for this value.
struct Reading<'a> {
    events: &'a Events,
    ring: &'a SpinLockIrq<Ring>,
}

impl<'a> Reading<'a> {
    /// Waits until there are events and no other thread is reading.
    fn begin(events: &'a Events, ring: &'a SpinLockIrq<Ring>, nonblocking: bool) -> Result<Self> {
        let begin = || ring.lock().begin_reading();
        if !nonblocking {
            events.readable.wait_interruptible(begin)?;
        } else if !begin() {
            return Err(EAGAIN);
        }
        // INVARIANT: `begin` has returned true, so it has set `reading` for this thread.
        Ok(Self { events, ring })
    }

    /// Copies events to user space, and takes out those that were copied. Fails with `EFAULT` if
    /// the first one can't be copied.
    fn copy(self, iov: &mut IovIterDest<'_>) -> Result<usize> {
        let mut copied = 0;
        while iov.len() >= EVENT_SIZE {
            let Some(event) = self.ring.lock().peek() else {
                break;
            };
            if iov.copy_to_iter(event.to_user().as_mut_bytes()) != EVENT_SIZE {
                return if copied > 0 { Ok(copied) } else { Err(EFAULT) };
            }
            self.ring.lock().consume(event);
            copied += EVENT_SIZE;
        }
        Ok(copied)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let mut ring = self.ring.lock();
        ring.reading = false;
        let readable = ring.is_readable();
        drop(ring);
        // Threads that called meanwhile wait, because this thread was reading. Wake them if it has
        // left events.
        if readable {
            self.events.readable.notify_all();
        }
    }
}
