// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of waiters: callbacks, waits, deadlines.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_waiters)]
mod cases {
    use super::super::{
        fixtures::{
            create,
            in_order,
            Uncounted, //
        },
        *, //
    };
    use crate::{
        prelude::*,
        sync::{
            atomic::{
                ordering::Relaxed,
                Atomic, //
            },
            Arc,
            Completion, //
        },
        workqueue::{
            self,
            impl_has_work,
            new_work,
            Work,
            WorkItem, //
        },
    };

    #[test]
    fn wait_ends_with_its_time() {
        let timeline = in_order();
        let fences = create(&timeline, 1);
        assert_eq!(fences[0].wait(false, 1), Err(ETIMEDOUT));
        timeline.signal(1, Ok(()), Cause::Done);
        assert!(fences[0].wait(false, 1).is_ok());
    }

    struct Count(Arc<Atomic<u32>>);

    impl FenceCallback for Count {
        type OwnerModule = Uncounted;

        fn signaled(&self, fence: &Fence) {
            // Hazard 33: `status()` would deadlock here, since the fence's lock is held.
            self.0
                .add(if fence.error().is_some() { 100 } else { 1 }, Relaxed);
        }
    }

    fn wait_for(fence: &Fence, count: &Arc<Atomic<u32>>) -> Result<Pin<KBox<Waiter<Count>>>> {
        KBox::try_pin_init(Waiter::new(fence, Count(count.clone())), GFP_KERNEL)
    }

    #[test]
    fn hazard_16_and_33_a_waiter_is_called_once_or_taken_back() {
        let count = Arc::new(Atomic::new(0), GFP_KERNEL).unwrap();
        let timeline = in_order();
        let fences = create(&timeline, 3);
        let kept = wait_for(&fences[0], &count).unwrap();
        let taken_back = wait_for(&fences[1], &count).unwrap();
        let failing = wait_for(&fences[2], &count).unwrap();
        assert_eq!(timeline.shared_data().waits.load(Relaxed), 3);
        drop(taken_back);
        timeline.signal(2, Ok(()), Cause::Done);
        assert_eq!(count.load(Relaxed), 1);
        timeline.signal(3, Err(EIO), Cause::Done);
        assert_eq!(count.load(Relaxed), 101);
        drop(kept);
        drop(failing);
        assert_eq!(count.load(Relaxed), 101);
        assert!(matches!(wait_for(&fences[0], &count), Err(ENOENT)));
    }

    #[test]
    fn a_callback_comes_back() {
        let count = Arc::new(Atomic::new(0), GFP_KERNEL).unwrap();
        let timeline = in_order();
        let fences = create(&timeline, 2);
        let wait = |fence| Waiter::boxed(fence, Count(count.clone()), GFP_KERNEL);

        let called = wait(&fences[0]).ok().unwrap();
        let not_called = wait(&fences[1]).ok().unwrap();
        timeline.signal(1, Ok(()), Cause::Done);
        let called = Waiter::into_callback(called);
        let not_called = Waiter::into_callback(not_called);
        timeline.signal(2, Ok(()), Cause::Done);
        assert_eq!(count.load(Relaxed), 1);

        let refused = wait(&fences[0]).err().unwrap();
        assert_eq!(refused.error(), ENOENT);
        let refused = refused.into_callback();
        for callback in [&called, &not_called, &refused] {
            callback.0.add(10, Relaxed);
        }
        assert_eq!(count.load(Relaxed), 31);

        // Each callback came back once: nobody else has a reference to what it owned.
        drop((called, not_called, refused));
        assert!(Arc::into_unique_or_drop(count).is_some());
    }

    #[test]
    fn a_callback_completes() {
        let timeline = in_order();
        let fences = create(&timeline, 1);
        let done = Arc::pin_init(Completion::new(), GFP_KERNEL).unwrap();
        let callback = Complete::<Uncounted>::new(done.clone());
        let waiter = Waiter::boxed(&fences[0], callback, GFP_KERNEL)
            .ok()
            .unwrap();
        timeline.signal(1, Ok(()), Cause::Done);
        done.wait_for_completion();
        drop(waiter);
    }

    #[pin_data]
    struct Job {
        runs: Atomic<u32>,
        #[pin]
        ran: Completion,
        #[pin]
        work: Work<Job>,
    }

    impl_has_work! {
        impl HasWork<Self> for Job { self.work }
    }

    impl WorkItem for Job {
        type Pointer = Arc<Job>;

        fn run(job: Arc<Job>) {
            job.runs.add(1, Relaxed);
            job.ran.complete_all();
        }
    }

    #[test]
    fn a_callback_queues_work() {
        let timeline = in_order();
        let fences = create(&timeline, 1);
        let job = Arc::pin_init(
            pin_init!(Job {
                runs: Atomic::new(0),
                ran <- Completion::new(),
                work <- new_work!("Job::work"),
            }),
            GFP_KERNEL,
        )
        .unwrap();
        let callback = QueueWork::<_, Uncounted>::new(workqueue::system_unbound(), job.clone());
        let waiter = Waiter::boxed(&fences[0], callback, GFP_KERNEL)
            .ok()
            .unwrap();
        assert_eq!(job.runs.load(Relaxed), 0);
        timeline.signal(1, Ok(()), Cause::Done);
        job.ran.wait_for_completion();
        assert_eq!(job.runs.load(Relaxed), 1);
        drop(waiter);
    }

    #[test]
    fn deadlines_of_pending_fences() {
        let timeline = in_order();
        let fences = create(&timeline, 50);
        assert_eq!(timeline.earliest_deadline(), None);
        fences[40].set_deadline(500);
        fences[10].set_deadline(300);
        fences[10].set_deadline(700);
        assert_eq!(timeline.shared_data().deadlines.load(Relaxed), 3);
        assert_eq!(timeline.earliest_deadline(), Some(300));
        assert_eq!(timeline.deadline(&fences[10]), Ok(Some(300)));
        assert_eq!(timeline.deadline(&fences[11]), Ok(None));
        timeline.signal(20, Ok(()), Cause::Done);
        assert_eq!(timeline.earliest_deadline(), Some(500));
        assert_eq!(timeline.deadline(&fences[10]), Ok(Some(300)));
        assert_eq!(in_order().deadline(&fences[10]), Err(EINVAL));
    }
}
