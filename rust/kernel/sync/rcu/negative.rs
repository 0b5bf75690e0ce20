// SPDX-License-Identifier: GPL-2.0

//! Negative controls of the RCU boxes: each case breaks one rule, and the debug kernel must report
//! it.
//!
//! `dma_buf/negative.rs` says how the cases are built and run.

use crate::prelude::*;

#[kunit_tests(rust_negative_rcu)]
mod cases {
    use super::super::*;
    use crate::{
        alloc::allocator::Vmalloc,
        bindings,
        prelude::*,
        sync::{
            atomic::{
                ordering::Relaxed,
                AtomicFlag, //
            },
            rcu,
            Arc,
            Completion, //
        },
        time::{
            delay::fsleep,
            Delta,
            Instant,
            Monotonic, //
        },
        types::{
            ForeignOwnable,
            Opaque, //
        },
        workqueue,
    };
    use kernel::ffi::c_void;

    type Values = RcuFreeKBox<Published<[u64; 8]>>;

    fn values() -> *mut c_void {
        Values::pin_init(Published::new([1; 8]), GFP_KERNEL)
            .unwrap()
            .into_foreign()
    }

    // Hazard 2: the memory is freed at once.
    #[test]
    fn kfree_instead_of_rcu() {
        let ptr = values();
        let guard = rcu::read_lock();
        // SAFETY: `ptr` is from `into_foreign`, and the box is not dropped.
        let view = unsafe { Values::rcu_borrow(ptr, &guard) };
        // SAFETY: Not safe. This is the broken rule: the reader above has not ended.
        unsafe { bindings::kvfree(ptr) };
        assert!(core::hint::black_box(view)[3] != 7);
    }

    /// A reader of a box, which ends after 50 ms at the latest.
    #[pin_data]
    struct Reader {
        freed: AtomicFlag,
        saw_it: AtomicFlag,
        #[pin]
        begun: Completion,
        #[pin]
        ended: Completion,
    }

    impl Reader {
        /// Starts a reader of the box `ptr` in another thread, and waits until it has begun.
        fn of(ptr: *mut c_void) -> Arc<Self> {
            let reader = pin_init!(Self {
                freed: AtomicFlag::new(false),
                saw_it: AtomicFlag::new(false),
                begun <- Completion::new(),
                ended <- Completion::new(),
            });
            let reader = Arc::pin_init(reader, GFP_KERNEL).unwrap();
            let (this, address) = (reader.clone(), ptr as usize);
            workqueue::system_unbound()
                .try_spawn(GFP_KERNEL, move || this.read(address as *mut c_void))
                .unwrap();
            reader.begun.wait_for_completion();
            reader
        }

        fn read(&self, ptr: *mut c_void) {
            let guard = rcu::read_lock();
            // SAFETY: `ptr` is from `into_foreign`. The box is freed after this reader has begun.
            let view = unsafe { Values::rcu_borrow(ptr, &guard) };
            self.begun.complete_all();
            let begin = Instant::<Monotonic>::now();
            while begin.elapsed() < Delta::from_millis(50) && !self.freed.load(Relaxed) {
                core::hint::spin_loop();
            }
            self.saw_it.store(self.freed.load(Relaxed), Relaxed);
            core::hint::black_box(view[3]);
            drop(guard);
            self.ended.complete_all();
        }
    }

    // Hazard 4: the memory is freed after a barrier, which waits for callbacks and not for readers.
    #[test]
    fn barrier_for_a_grace_period() {
        let mut reader_was_there = false;
        // If other callbacks are queued, the barrier happens to wait for a grace period.
        for _ in 0..100 {
            let ptr = values();
            let reader = Reader::of(ptr);
            rcu::rcu_barrier();
            // SAFETY: Not safe. This is the broken rule: the reader may not have ended.
            unsafe { bindings::kvfree(ptr) };
            reader.freed.store(true, Relaxed);
            reader.ended.wait_for_completion();
            reader_was_there = reader.saw_it.load(Relaxed);
            if reader_was_there {
                break;
            }
        }
        assert!(reader_was_there);
    }

    struct Sleeper(#[expect(dead_code)] u32);

    // SAFETY: Not safe. This is the broken rule: `drop_before_gp` sleeps.
    unsafe impl RcuFreeSafe for Sleeper {
        type RcuView<'a> = ();

        unsafe fn rcu_view<'a>(self: Pin<&'a Self>, _rcu: &'a rcu::Guard) {}

        unsafe fn drop_before_gp(self: Pin<&Self>) {
            fsleep(Delta::from_millis(1));
        }
    }

    // Hazard 5: the drop sleeps, in a context where it must not.
    #[test]
    fn sleeping_drop() {
        let sleeper = RcuFreeKBox::<Sleeper>::pin_init(Sleeper(1), GFP_KERNEL).unwrap();
        let guard = rcu::read_lock();
        drop(sleeper);
        drop(guard);
    }

    /// The order that the compiler would choose without `repr(C)`: the large field comes first.
    #[repr(C)]
    struct HeadLast {
        value: [u64; 4096],
        head: Opaque<bindings::kvfree_rcu_head>,
    }

    // Hazard 11: the head is in another page than the start of the allocation. `kvfree_rcu()` finds
    // the start by the head.
    #[test]
    fn head_behind_the_value() {
        let boxed: VBox<core::mem::MaybeUninit<HeadLast>> = Box::new_uninit(GFP_KERNEL).unwrap();
        let ptr = Box::<_, Vmalloc>::into_raw(boxed).cast::<HeadLast>();
        // SAFETY: Not safe. The head is in the allocation, which nobody uses any more. This is the
        // broken rule: the head isn't at the start of the allocation.
        unsafe { bindings::kvfree_call_rcu(Opaque::cast_into(&raw const (*ptr).head), ptr.cast()) };
        rcu::synchronize_rcu();
        fsleep(Delta::from_secs(6));
        rcu::rcu_barrier();
    }
}
