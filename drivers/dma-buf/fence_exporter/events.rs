// SPDX-License-Identifier: GPL-2.0

//! Events, by which a test plays the device: who began to wait, and by when.
//!
//! Events happen under the locks of fences, in any context. They go into a queue of bounded size,
//! and a reader never makes the kernel side wait.

use fence_uapi::{
    fence_exporter_event,
    FENCE_EXPORTER_EVENT_OVERFLOW, //
};
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

/// How many events are kept.
const CAPACITY: usize = 256;

/// Bytes of an event.
const EVENT_SIZE: usize = size_of::<fence_exporter_event>();

/// An event, as the queue keeps it.
#[derive(Clone, Copy, Zeroable)]
struct Event {
    kind: u32,
    time: i64,
    seqno: u64,
    value: u64,
}

impl Event {
    /// An event that happens now.
    fn new(kind: u32, seqno: u64, value: u64) -> Self {
        Self {
            kind,
            time: ktime_get(),
            seqno,
            value,
        }
    }

    fn overflow(lost: u64) -> Self {
        Self::new(FENCE_EXPORTER_EVENT_OVERFLOW, 0, lost)
    }

    fn to_user(self) -> fence_exporter_event {
        fence_exporter_event {
            type_: self.kind,
            pad: 0,
            time_ns: self.time as u64,
            seqno: self.seqno,
            value: self.value,
        }
    }
}

/// The events that are waiting to be read, oldest first.
#[derive(Zeroable)]
pub(crate) struct Ring {
    events: [Event; CAPACITY],
    first: usize,
    len: usize,
    /// Events that found the queue full, since the newest one in it.
    lost: u64,
    /// Whether a thread is copying events to user space. It is the only one that takes events out.
    reading: bool,
}

impl Ring {
    fn push(&mut self, event: Event) {
        // What was lost is told in the place where it would have been, which takes room too.
        let needed = if self.lost > 0 { 2 } else { 1 };
        if CAPACITY - self.len < needed {
            self.lost += 1;
            return;
        }
        if self.lost > 0 {
            let lost = core::mem::take(&mut self.lost);
            self.append(Event::overflow(lost));
        }
        self.append(event);
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

    /// Tells whether a read would return events now.
    fn is_readable(&self) -> bool {
        !self.reading && !self.is_empty()
    }

    /// Makes the caller the one thread that reads, if there are events and no other thread does.
    fn begin_reading(&mut self) -> bool {
        let begun = self.is_readable();
        self.reading |= begun;
        begun
    }

    fn peek(&self) -> Option<Event> {
        match self.len {
            0 if self.lost > 0 => Some(Event::overflow(self.lost)),
            0 => None,
            _ => self.events.get(self.first).copied(),
        }
    }

    /// Takes out what `peek` returned.
    fn consume(&mut self, peeked: Event) {
        if self.len == 0 {
            self.lost -= self.lost.min(peeked.value);
        } else {
            self.first = (self.first + 1) % CAPACITY;
            self.len -= 1;
        }
    }
}

/// The queue of a timeline that was set up with `FENCE_EXPORTER_SETUP_EVENTS`.
type Queue = Published<SpinLockIrq<Ring>>;

/// The events of a timeline.
///
/// Every timeline has the condition, so that a `poll(2)` or an `epoll` that came before SETUP is
/// woken by the events after it. The queue takes more than 8 KiB; only SETUP makes one.
#[pin_data]
pub(crate) struct Events {
    /// Notified when an event was added, and when a read left some.
    #[pin]
    readable: PollCondVar,
    #[pin]
    queue: RcuOnce<Queue, KVmalloc>,
}

kernel::rcu_view! {
    /// What callbacks of fences see of the events: they add to them.
    pub(crate) struct EventsView of Events {
        readable: PollCondVar,
        queue: RcuOnce<Queue, KVmalloc>,
    }
}

impl EventsView<'_> {
    /// Adds an event of `kind` that happens now, if the timeline keeps events.
    ///
    /// Any context, also under the lock of a fence.
    pub(crate) fn push(&self, kind: u32, seqno: u64, value: u64) {
        if let Some(queue) = self.queue {
            queue.lock().push(Event::new(kind, seqno, value));
            self.readable.notify_all();
        }
    }
}

/// Memory for the queue of a timeline: what can fail of [`Events::keep`].
pub(crate) struct NewQueue(RcuFreeBox<Queue, KVmalloc>);

impl NewQueue {
    /// Allocates an empty queue. `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let queue = Published::pin_new(new_spinlock_irq!(pin_init::init_zeroed(), "fence_events"));
        Ok(Self(RcuFreeBox::pin_init(queue, GFP_KERNEL_ACCOUNT)?))
    }
}

impl Events {
    /// Returns an initialiser for a timeline that keeps no events yet.
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            readable <- new_poll_condvar!("fence_events"),
            queue <- RcuOnce::new(),
        })
    }

    /// Keeps events from now on, in `queue`.
    pub(crate) fn keep(&self, queue: NewQueue) {
        self.queue.populate(queue.0);
    }

    fn ring(&self) -> Option<&SpinLockIrq<Ring>> {
        Some(self.queue.get()?.get_ref())
    }

    /// Adds an event of `kind` that happens now, if the timeline keeps events.
    ///
    /// Any context.
    pub(crate) fn push(&self, kind: u32, seqno: u64, value: u64) {
        if let Some(ring) = self.ring() {
            ring.lock().push(Event::new(kind, seqno, value));
            self.readable.notify_all();
        }
    }

    /// Tells whether a read would return events, after registering the caller of `poll(2)`.
    ///
    /// While a thread reads, the events are not there for others: their reads would wait.
    pub(crate) fn poll<'a>(&'a self, table: &PollTable<'a>) -> Ready {
        table.register_wait(&self.readable);
        match self.ring() {
            Some(ring) if ring.lock().is_readable() => Ready::READABLE,
            _ => Ready::NOTHING,
        }
    }

    /// Reads as many events as there are and fit, and waits for the first one.
    ///
    /// One thread reads at a time. The others wait as if there were no events.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the timeline keeps no events, or `iov` has no room for one. `EAGAIN` if the call
    /// would wait and `nonblocking` is set. `ERESTARTSYS` if a signal came while it waited.
    /// `EFAULT` if not even one event could be copied; it is still there for the next read.
    ///
    /// # Context
    ///
    /// Process context. Waits interruptibly, and holds no lock while it copies: user space can hold
    /// up a copy for as long as it likes.
    pub(crate) fn read(&self, iov: &mut IovIterDest<'_>, nonblocking: bool) -> Result<usize> {
        let ring = self.ring().ok_or(EINVAL)?;
        if iov.len() < EVENT_SIZE {
            return Err(EINVAL);
        }
        Reading::begin(self, ring, nonblocking)?.copy(iov)
    }
}

/// The right to take events out.
///
/// # Invariants
///
/// `Ring::reading` is set, by this.
struct Reading<'a> {
    events: &'a Events,
    ring: &'a SpinLockIrq<Ring>,
}

impl<'a> Reading<'a> {
    /// Waits until there are events and no other thread reads.
    fn begin(events: &'a Events, ring: &'a SpinLockIrq<Ring>, nonblocking: bool) -> Result<Self> {
        let begin = || ring.lock().begin_reading();
        if !nonblocking {
            events.readable.wait_interruptible(begin)?;
        } else if !begin() {
            return Err(EAGAIN);
        }
        // INVARIANT: `begin` has returned true, once.
        Ok(Self { events, ring })
    }

    /// Copies events, and takes out those that were copied.
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
        // Those who came meanwhile found that a thread reads. If it has left events, they are
        // theirs.
        if readable {
            self.events.readable.notify_all();
        }
    }
}
