// SPDX-License-Identifier: GPL-2.0

//! A simulated engine: jobs that run one after the other, each when its in-fence has signalled.
//!
//! A job starts when its in-fence has signalled and the job before it has finished, and ends after its
//! duration: no fence signals earlier than its duration after the fences that it comes after.
//!
//! ```text
//!            in-fence signalled,
//!            job before finished               duration over, or timeout
//!  Queued ───────────────────────► Running ──────────────────────────────► Finished
//!     │                                                                        ▲
//!     └── timeout since submission, in-fence not signalled ────────────────────┘
//! ```
//!
//! A job whose in-fence has failed takes its time like any other, and hands the error on.
//!
//! Only the timeline's timer moves the engine. A waiter on an in-fence, which runs under the lock of
//! that fence, wakes it and does no more. Jobs that have finished keep their waiters until somebody
//! submits or closes: the timer must not put what may be the last reference to the timeline.

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
        aref::ARef,
        new_spinlock_irq,
        Arc,
        SpinLockIrq, //
    },
};

/// How many jobs are finished before other softirqs get their turn.
const AT_ONCE: usize = 64;

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
    fence: ARef<Fence>,
    /// `None` if it had signalled already.
    _waiter: Option<Pin<KBox<Waiter<Kick>>>>,
}

impl InFence {
    /// Begins to wait for `fence`. `ENOMEM`.
    pub(crate) fn new(timeline: Arc<Timeline<Native>>, fence: ARef<Fence>) -> Result<Self> {
        let init = Waiter::new(&fence, Kick(timeline));
        let waiter = match KBox::try_pin_init(init, GFP_KERNEL_ACCOUNT) {
            Ok(waiter) => Some(waiter),
            Err(ENOENT) => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            fence,
            _waiter: waiter,
        })
    }
}

/// A job as it was submitted.
pub(crate) struct Job {
    pub(crate) submitted: Ktime,
    pub(crate) duration: Ktime,
    pub(crate) status: Result,
    pub(crate) in_fence: Option<InFence>,
}

/// How a job ends when its timeout does.
const TIMED_OUT: (Result, Cause) = (Err(ETIMEDOUT), Cause::TimedOut);

/// How a job stands.
enum Progress {
    /// Nothing happens before this time.
    Until(Ktime),
    /// It has finished.
    Finished(Result, Cause),
}

impl Job {
    /// Returns how the job stands, which is the first of its queue.
    fn progress(&self, now: Ktime, engine_free: Ktime, timeout: Ktime) -> Progress {
        let mut start = self.submitted.max(engine_free);
        let mut result = (self.status, Cause::Done);
        if let Some(InFence { fence, .. }) = &self.in_fence {
            // Not before the job is the first of its queue. The timer may come later than this,
            // when the fence has signalled after all.
            let end = self.submitted.saturating_add(timeout).max(engine_free);
            let Some(signalled) = fence.timestamp().filter(|&signalled| signalled <= end) else {
                return at(end, now, TIMED_OUT);
            };
            start = start.max(signalled);
            result = match fence.error() {
                Some(ECANCELED) => (Err(ECANCELED), Cause::Cancelled),
                Some(error) => (Err(error), Cause::Done),
                None => result,
            };
        }
        if self.duration > timeout {
            let end = start.saturating_add(timeout);
            at(end, now, TIMED_OUT)
        } else {
            at(start.saturating_add(self.duration), now, result)
        }
    }
}

/// What ends so at a time.
fn at(end: Ktime, now: Ktime, (status, cause): (Result, Cause)) -> Progress {
    if end <= now {
        Progress::Finished(status, cause)
    } else {
        Progress::Until(end)
    }
}

struct Queue {
    /// By the number of their fence. Those before `first` have finished.
    jobs: RBTree<u64, Job>,
    first: u64,
    /// When the last job finished.
    free: Ktime,
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

    /// Queues a job whose fence is `seqno`. The timeline must be woken after.
    ///
    /// Process context: lets go of jobs that have finished.
    pub(crate) fn push(&self, reservation: JobReservation, seqno: u64, job: Job) {
        let mut queue = self.queue.lock();
        // The number is new.
        if let Entry::Vacant(place) = queue.jobs.entry(seqno) {
            place.insert(job, reservation);
        }
        drop(queue);
        self.reap();
    }

    /// Lets go of the jobs that have finished.
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

    /// Lets go of all jobs. Process context.
    pub(crate) fn clear(&self) {
        let jobs = core::mem::replace(&mut self.queue.lock().jobs, RBTree::new());
        // Outside the lock, as above.
        drop(jobs);
    }

    /// Moves on to `now`, and returns when there is something to do next.
    pub(crate) fn run(&self, timeline: &Timeline<Native>, now: Ktime) -> Option<Ktime> {
        let timeout = timeline.timeout();
        for _ in 0..AT_ONCE {
            let mut queue = self.queue.lock();
            let seqno = queue.first;
            let job = queue.jobs.get(&seqno)?;
            match job.progress(now, queue.free, timeout) {
                Progress::Until(time) => return Some(time),
                Progress::Finished(status, cause) => {
                    queue.first += 1;
                    drop(queue);
                    timeline.signal(seqno, status, cause);
                    // Not before the time that its fence tells.
                    self.queue.lock().free = ktime_get();
                    if cause == Cause::TimedOut {
                        timeline.tell_timed_out(seqno);
                    }
                }
            }
        }
        Some(now)
    }
}
