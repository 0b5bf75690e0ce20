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
            Arc, //
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
