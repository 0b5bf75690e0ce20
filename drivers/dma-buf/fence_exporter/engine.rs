// SPDX-License-Identifier: GPL-2.0

//! A simulated engine: jobs that run one after the other, each when its in-fence has signalled.
//!
//! A job starts when its in-fence has signalled and the job before it has ended, and ends after its
//! duration: no fence signals earlier than its duration after the fences that it comes after.
//!
//! ```text
//!            in-fence signalled,
//!            job before ended                  duration over, or timeout
//!  Queued ───────────────────────► Running ──────────────────────────────► Ended
//!     │                                                                      ▲
//!     └── timeout since submission, in-fence not signalled ──────────────────┘
//! ```
//!
//! A job whose in-fence has failed takes its time like any other, and hands the error on.
//!
//! The engine has a time of its own, which the timer's lateness does not change: a job ends at its
//! start plus its duration, that is the timestamp of its fence, and the next job starts there. No
//! job ends later than the longest timeout that the module allows after it was submitted, however
//! long the queue is.
//!
//! Only the timeline's timer moves the engine. The engine waits for the in-fence of the first job
//! of the queue and for no other. A waiter runs under the lock of its fence: it wakes the engine
//! and does no more. Jobs that have ended keep their waiters until the next job is submitted, or
//! the timeline is closed: the timer must not put what may be the last reference to the timeline.
//!
//! Locks: the queue's, then that of an in-fence, then the lock of the timeline's context.

use crate::native::{
    Calls,
    Native, //
};
use kernel::{
    dma_buf::{
        ktime_get,
        Cause,
        Fence,
        FenceCallback,
        Ktime,
        Timeline,
        Waiter, //
    },
    prelude::*,
    rbtree::{
        Entry,
        RBTree,
        RBTreeNodeReservation, //
    },
    sync::{
        new_spinlock_irq,
        Arc,
        SpinLockIrq, //
    },
};

/// Wakes the engine when an in-fence signals.
struct Kick(Arc<Timeline<Native>>);

impl FenceCallback for Kick {
    type OwnerModule = crate::LocalModule;

    fn signalled(&self, _fence: &Fence) {
        self.0.wake_at(ktime_get());
    }
}

/// What a job waits for.
pub(crate) struct InFence {
    waiter: Pin<KBox<Waiter<Kick>>>,
    /// When it signalled, once the engine has seen that it has.
    signalled: Option<Ktime>,
}

impl InFence {
    /// Allocates what it takes to wait for `fence`, and does not begin to. `ENOMEM`.
    pub(crate) fn new(timeline: Arc<Timeline<Native>>, fence: &Fence) -> Result<Self> {
        let waiter = Waiter::prepare(fence, Kick(timeline));
        Ok(Self {
            waiter: KBox::try_pin_init(waiter, GFP_KERNEL_ACCOUNT)?,
            signalled: None,
        })
    }

    /// Returns when the fence signalled; begins to wait for it if it has not.
    fn signalled(&mut self) -> Option<Ktime> {
        if self.signalled.is_none() {
            // It has begun before, or the fence has signalled.
            let _ = self.waiter.as_mut().begin();
            // Some issuers give times that are yet to come.
            self.signalled = self.waiter.fence().timestamp().map(|t| t.min(ktime_get()));
        }
        self.signalled
    }
}

/// A job as it was submitted.
pub(crate) struct Job {
    pub(crate) submitted: Ktime,
    pub(crate) duration: Ktime,
    /// When it ends at the latest.
    pub(crate) limit: Ktime,
    pub(crate) status: Result,
    pub(crate) in_fence: Option<InFence>,
}

/// When and how a job ends.
struct End {
    time: Ktime,
    status: Result,
    cause: Cause,
}

impl End {
    fn timed_out(time: Ktime) -> Self {
        Self {
            time,
            status: Err(ETIMEDOUT),
            cause: Cause::TimedOut,
        }
    }
}

impl Job {
    /// Returns when and how the job ends, which is the first of its queue, unless its in-fence
    /// signals before that.
    ///
    /// `free` is when the job before it ended.
    fn end(&mut self, free: Ktime, timeout: Ktime) -> End {
        let end = self.end_without_limit(free, timeout);
        if end.time > self.limit {
            End::timed_out(self.limit)
        } else {
            end
        }
    }

    fn end_without_limit(&mut self, free: Ktime, timeout: Ktime) -> End {
        let mut start = self.submitted.max(free);
        let (mut status, mut cause) = (self.status, Cause::Done);
        if let Some(in_fence) = &mut self.in_fence {
            // A job that waits does not time out before it is the first of its queue. The timer may
            // come later than the end of the timeout, when the in-fence has signalled after all.
            let end = self.submitted.saturating_add(timeout).max(free);
            let Some(signalled) = in_fence.signalled().filter(|&time| time <= end) else {
                return End::timed_out(end);
            };
            start = start.max(signalled);
            if let Some(error) = in_fence.waiter.fence().error() {
                status = Err(error);
                if error == ECANCELED {
                    cause = Cause::Cancelled;
                }
            }
        }
        if self.duration > timeout {
            return End::timed_out(start.saturating_add(timeout));
        }
        End {
            time: start.saturating_add(self.duration),
            status,
            cause,
        }
    }
}

struct Queue {
    /// By the number of their fence. Those before `first` have ended.
    jobs: RBTree<u64, Job>,
    first: u64,
    /// When the job before `first` ended.
    free: Ktime,
}

impl Queue {
    /// Returns when and how the first job that has not ended does.
    fn next_end(&mut self, timeout: Ktime) -> Option<End> {
        let free = self.free;
        Some(self.jobs.get_mut(&self.first)?.end(free, timeout))
    }
}

/// Memory for a job in the queue.
pub(crate) type JobReservation = RBTreeNodeReservation<u64, Job>;

/// The engine of a timeline.
#[pin_data]
pub(crate) struct Engine {
    #[pin]
    queue: SpinLockIrq<Queue>,
}

impl Engine {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            queue <- new_spinlock_irq!(
                Queue {
                    jobs: RBTree::new(),
                    first: 1,
                    free: 0,
                },
                "fence_engine"
            ),
        })
    }

    /// Queues a job whose fence is `seqno`. The caller must wake the timeline then.
    ///
    /// Process context, since it frees jobs that have ended.
    pub(crate) fn push(&self, reservation: JobReservation, seqno: u64, job: Job) {
        let mut queue = self.queue.lock();
        // The number is new.
        if let Entry::Vacant(place) = queue.jobs.entry(seqno) {
            place.insert(job, reservation);
        }
        drop(queue);
        self.reap();
    }

    /// Frees the jobs that have ended.
    fn reap(&self) {
        loop {
            let mut queue = self.queue.lock();
            let Some(cursor) = queue.jobs.cursor_front() else {
                return;
            };
            let (&seqno, _) = cursor.current();
            if seqno >= queue.first {
                return;
            }
            let node = queue.jobs.remove_node(&seqno);
            drop(queue);
            // Outside the lock: it takes that of the in-fence, and may put its last reference.
            drop(node);
        }
    }

    /// Frees all jobs. Process context.
    pub(crate) fn clear(&self) {
        let jobs = core::mem::replace(&mut self.queue.lock().jobs, RBTree::new());
        // Outside the lock, as above.
        drop(jobs);
    }

    /// Returns when the first job that has not ended does, as far as is known: earlier or later if
    /// its in-fence signals before.
    pub(crate) fn next_due(&self, timeline: &Timeline<Native>) -> Option<Ktime> {
        let end = self.queue.lock().next_end(timeline.timeout())?;
        Some(end.time)
    }

    /// Ends the first job that has not ended, if it does so by `time`.
    pub(crate) fn run_first(&self, timeline: &Timeline<Native>, time: Ktime) {
        let mut queue = self.queue.lock();
        let Some(end) = queue.next_end(timeline.timeout()) else {
            return;
        };
        if end.time > time {
            return;
        }
        let seqno = queue.first;
        queue.first += 1;
        queue.free = end.time;
        drop(queue);
        timeline.signal_timestamp(seqno, end.status, end.cause, end.time);
        if end.cause == Cause::TimedOut {
            timeline.tell_timed_out(seqno);
        }
    }
}
