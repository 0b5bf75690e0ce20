// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of the timestamp of a fence.

use crate::prelude::*;

#[kunit_tests(rust_dma_buf_timestamp)]
mod cases {
    use super::super::{
        fixtures::{
            create,
            in_order,
            Crew,
            MILLISECOND,
            SECOND, //
        },
        *,
    };
    use crate::{
        bindings,
        prelude::*,
        sync::{
            atomic::{
                atomic_load,
                ordering::{
                    Acquire,
                    Relaxed,
                    Release, //
                },
                Atomic, //
            },
            Arc, //
        },
    };

    const PREEMPT_RT: bool = cfg!(CONFIG_PREEMPT_RT);
    const SIGNALED: usize = 1 << bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_SIGNALED_BIT;

    // A signaler sets SIGNALED before it writes the timestamp. With PREEMPT_RT, a thread that asks
    // for the timestamp may have preempted the signaler. The thread must then sleep until the
    // signaler has written it.
    #[test]
    fn time_of_a_fence_that_is_being_signaled() {
        let timeline = in_order();
        let fences = create(&timeline, 1);
        let raw = fences[0].as_raw();
        let crew = Crew::of(1);
        let asking = Arc::new(Atomic::new(core::ptr::null_mut()), GFP_KERNEL).unwrap();
        let (fence, task) = (fences[0].clone(), asking.clone());
        crew.spawn(move |crew| {
            while crew.stop.load(Relaxed) == 0 {
                core::hint::spin_loop();
            }
            task.store(current!().as_ptr(), Release);
            loop {
                if let Some(time) = fence.timestamp() {
                    return time as u64;
                }
            }
        });
        let asleep = || match asking.load(Acquire) {
            task if task.is_null() => false,
            // SAFETY: The task exists until its function returns. The function does not return
            // before the timestamp is written below.
            task => unsafe { atomic_load(&raw mut (*task).__state, Relaxed) != 0 },
        };
        // SAFETY: `fences` has a reference to the fence. Its flags are written with atomic accesses
        // only.
        let flags = unsafe { Atomic::from_ptr(&raw mut (*raw).flags) };
        // SAFETY: `fences` has a reference to the fence, which is initialized, and which a context
        // emitted. So its lock is in the fence.
        let (lock, irqs) = unsafe {
            let lock = bindings::dma_fence_inline_lock(raw);
            (lock, bindings::spin_lock_irqsave(lock))
        };
        // This is the first step of dma_fence_signal_timestamp_locked(). The whole call follows
        // below.
        let before = flags.load(Relaxed);
        flags.store(before | SIGNALED, Relaxed);
        crew.stop.store(1, Relaxed);
        let wait = if PREEMPT_RT { 10 * SECOND } else { MILLISECOND };
        let late = ktime_get() + wait;
        while !asleep() && ktime_get() < late {
            core::hint::spin_loop();
        }
        let slept = asleep();
        flags.store(before, Relaxed);
        let time = ktime_get();
        // SAFETY: The fence's lock is held. `irqs` are the flags that were returned when it was
        // taken.
        unsafe {
            bindings::dma_fence_signal_timestamp_locked(raw, time);
            bindings::spin_unlock_irqrestore(lock, irqs);
        }
        assert_eq!(crew.join(), time as u64);
        assert!(slept || !PREEMPT_RT);
        // This unlinks the fence.
        timeline.signal(1, Ok(()), Cause::Done);
    }
}
