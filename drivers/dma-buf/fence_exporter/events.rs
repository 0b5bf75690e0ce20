// SPDX-License-Identifier: GPL-2.0

//! Events, by which a test plays the device: who began to wait, and by when.
//!
//! They happen under the locks of fences, in any context: what is told there goes into a queue of
//! bounded size, and reading never makes the kernel side wait.

use fence_uapi::{
    fence_exporter_event,
    FENCE_EXPORTER_EVENT_OVERFLOW, //
};
use kernel::{
    dma_buf::ktime_get,
    iov::IovIterDest,
    new_mutex,
    prelude::*,
    sync::{
        new_spinlock_irq,
        poll::{
            new_poll_condvar,
            PollCondVar, //
        },
        rcu::Published,
        Mutex,
        SpinLockIrq, //
    },
};

/// How many events are kept.
const CAPACITY: usize = 256;

/// Bytes of an event.
const EVENT_SIZE: usize = size_of::<fence_exporter_event>();

/// An event, as the queue keeps it.
#[derive(Clone, Copy, Zeroable)]
pub(crate) struct Event {
    kind: u32,
    time: i64,
    seqno: u64,
    value: u64,
}

impl Event {
    /// An event that happens now.
    pub(crate) fn new(kind: u32, seqno: u64, value: u64) -> Self {
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

/// The queue of a timeline that wants events.
#[pin_data]
pub(crate) struct EventQueue {
    #[pin]
    ring: Published<SpinLockIrq<Ring>>,
    #[pin]
    readable: PollCondVar,
    /// Held by the one who reads: events are taken out only when they were copied.
    #[pin]
    reader: Mutex<()>,
}

kernel::rcu_view! {
    /// What callbacks of fences see of the queue: they add to it.
    pub(crate) struct EventQueueView of EventQueue {
        ring: Published<SpinLockIrq<Ring>>,
        readable: PollCondVar,
    }
}

impl EventQueueView<'_> {
    /// Adds an event. Any context, also under the lock of a fence.
    pub(crate) fn push(&self, event: Event) {
        self.ring.lock().push(event);
        self.readable.notify_all();
    }
}

impl EventQueue {
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            ring <- Published::pin_new(new_spinlock_irq!(pin_init::init_zeroed(), "fence_events")),
            readable <- new_poll_condvar!("fence_events"),
            reader <- new_mutex!((), "fence_events_reader"),
        })
    }

    /// Adds an event.
    pub(crate) fn push(&self, event: Event) {
        self.ring.lock().push(event);
        self.readable.notify_all();
    }

    /// The condition that there is an event.
    pub(crate) fn readable(&self) -> &PollCondVar {
        &self.readable
    }

    /// Tells whether there is an event.
    pub(crate) fn is_readable(&self) -> bool {
        !self.ring.lock().is_empty()
    }

    /// Reads as many events as there are and fit, and waits for the first one.
    ///
    /// `EINVAL` if not even one fits; `EAGAIN` if there is none and it may not wait; `ERESTARTSYS` if
    /// a signal came; `EFAULT`.
    pub(crate) fn read(&self, iov: &mut IovIterDest<'_>, nonblocking: bool) -> Result<usize> {
        if iov.len() < EVENT_SIZE {
            return Err(EINVAL);
        }
        loop {
            let copied = self.copy(iov)?;
            if copied > 0 {
                return Ok(copied);
            }
            if nonblocking {
                return Err(EAGAIN);
            }
            self.readable.wait_interruptible(|| self.is_readable())?;
        }
    }

    fn copy(&self, iov: &mut IovIterDest<'_>) -> Result<usize> {
        let _reader = self.reader.lock();
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
