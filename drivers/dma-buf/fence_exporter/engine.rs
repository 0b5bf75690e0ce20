// SPDX-License-Identifier: GPL-2.0

//! A simulated engine, which runs jobs one after the other.
//!
//! A job starts when its in-fences have signaled and the job before it has ended. It ends after its
//! duration. So its fence never signals earlier than its duration after the fences that it waits
//! for.
//!
//! ```text
//!            in-fences signaled,
//!            job before ended                  duration over, or timeout
//!  Queued ───────────────────────► Running ──────────────────────────────► Ended
//!     │                                                                      ▲
//!     └── timeout since submission, an in-fence not signaled ────────────────┘
//! ```
//!
//! If an in-fence of a job has failed, the job still takes its duration, and ends with the error of
//! that in-fence. If several have failed, the first of them, in the order in which they were
//! passed, counts.
//!
//! The engine keeps its own time, on which a late timer has no effect. A job ends at its start plus
//! its duration. This is the timestamp of its fence, and the next job starts at that time. A job
//! ends at the latest when the longest timeout that the module allows has passed since its
//! submission, even if the queue is long.
//!
//! Only the timeline's timer runs the engine. The engine waits for the in-fences of the first job
//! of the queue, one after the other, and for no others. A waiter runs under the lock of its fence,
//! so it only wakes the engine. The timer must not put a reference to the timeline that may be the
//! last one. So a job that has ended keeps its waiters until the next job is submitted or the
//! timeline is closed.
//!
//! Lock order: the queue's lock, then the lock of an in-fence, then the lock of the timeline's
//! context.

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

/// A callback that wakes the engine when an in-fence signals.
struct Kick(Arc<Timeline<Native>>);

impl FenceCallback for Kick {
    type OwnerModule = crate::LocalModule;

    fn signaled(&self, _fence: &Fence) {
        self.0.wake_at(ktime_get());
    }
}

/// A fence that a job waits for.
pub(crate) struct InFence {
    waiter: Pin<KBox<Waiter<Kick>>>,
    /// When the fence signaled, once the engine has seen that it has.
    signaled: Option<Ktime>,
}

impl InFence {
    /// Allocates a waiter for `fence`, which does not wait yet. Fails with `ENOMEM`.
    pub(crate) fn new(timeline: Arc<Timeline<Native>>, fence: &Fence) -> Result<Self> {
        let waiter = Waiter::prepare(fence, Kick(timeline));
        Ok(Self {
            waiter: KBox::try_pin_init(waiter, GFP_KERNEL_ACCOUNT)?,
            signaled: None,
        })
    }

    /// Returns when the fence signaled. If it has not, begins to wait for it, and returns `None`.
    fn signaled(&mut self) -> Option<Ktime> {
        if self.signaled.is_none() {
            // An error means that the waiter has begun before, or that the fence has signaled.
            let _ = self.waiter.as_mut().begin();
            // Some issuers set timestamps in the future.
            self.signaled = self.waiter.fence().timestamp().map(|t| t.min(ktime_get()));
        }
        self.signaled
    }
}

/// A job as it was submitted.
pub(crate) struct Job {
    pub(crate) submitted: Ktime,
    pub(crate) duration: Ktime,
    /// When the job ends at the latest.
    pub(crate) limit: Ktime,
    pub(crate) status: Result,
    pub(crate) in_fences: KVec<InFence>,
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
    /// Returns when and how this job, the first of its queue, ends, unless its in-fences signal
    /// before that.
    ///
    /// `free` is when the job before it ended. Called with the queue's lock held.
    fn end(&mut self, free: Ktime, timeout: Ktime) -> End {
        let end = self.end_without_limit(free, timeout);
        if end.time > self.limit {
            End::timed_out(self.limit)
        } else {
            end
        }
    }

    /// Returns what [`end`](Self::end) returns, without regard to `limit`.
    fn end_without_limit(&mut self, free: Ktime, timeout: Ktime) -> End {
        let mut start = self.submitted.max(free);
        let (mut status, mut cause) = (self.status, Cause::Done);
        // A waiting job does not time out before it is the first of its queue. If the timer is
        // late, the in-fence may have signaled after the end of the timeout.
        let end = self.submitted.saturating_add(timeout).max(free);
        for in_fence in &mut self.in_fences {
            let Some(signaled) = in_fence.signaled().filter(|&time| time <= end) else {
                return End::timed_out(end);
            };
            start = start.max(signaled);
        }
        let mut errors = self.in_fences.iter().map(|it| it.waiter.fence().error());
        if let Some(error) = errors.find_map(|error| error) {
            status = Err(error);
            if error == ECANCELED {
                cause = Cause::Cancelled;
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
    /// The jobs, by the numbers of their fences. Jobs with numbers before `first` have ended.
    jobs: RBTree<u64, Job>,
    /// The number of the first job that has not ended.
    first: u64,
    /// When the job before `first` ended.
    free: Ktime,
}

impl Queue {
    /// Returns when and how the first job that has not ended will end, or `None` if all jobs have
    /// ended.
    fn next_end(&mut self, timeout: Ktime) -> Option<End> {
        let free = self.free;
        Some(self.jobs.get_mut(&self.first)?.end(free, timeout))
    }
}

/// The memory for a job in the queue.
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

    /// Queues a job whose fence is `seqno`. The caller must then wake the timeline.
    ///
    /// Process context, since the call frees jobs that have ended.
    pub(crate) fn push(&self, reservation: JobReservation, seqno: u64, job: Job) {
        let mut queue = self.queue.lock();
        // The number is new, so the place is vacant.
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
            // Dropped outside the lock: this takes the lock of an in-fence, and may put its last
            // reference.
            drop(node);
        }
    }

    /// Frees all jobs. Process context.
    pub(crate) fn clear(&self) {
        let jobs = core::mem::take(&mut self.queue.lock().jobs);
        // Dropped outside the lock: this takes locks of in-fences, and may put their last
        // references.
        drop(jobs);
    }

    /// Returns when the first job that has not ended will end, as far as is known. If one of its
    /// in-fences signals before, the job may end earlier or later.
    pub(crate) fn next_due(&self, timeline: &Timeline<Native>) -> Option<Ktime> {
        let end = self.queue.lock().next_end(timeline.timeout())?;
        Some(end.time)
    }

    /// Ends the first job that has not ended, if it ends by `time`.
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
        } else {
            timeline.tell_signaled(seqno, end.status);
        }
    }
}
