// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of the RCU boxes.

use crate::prelude::*;

#[kunit_tests(rust_rcu_boxes)]
mod cases {
    use super::super::fixtures::{
        Here,
        Noisy,
        Probe, //
    };
    use crate::{
        alloc::allocator::{
            KVmalloc,
            Kmalloc,
            Vmalloc, //
        },
        module::ModuleMetadata,
        prelude::*,
        sync::{
            atomic::{
                ordering::Relaxed,
                Atomic, //
            },
            rcu::{
                self,
                synchronize_rcu,
                CallbackBarrier,
                ForeignOwnableRcu,
                RcuAllocator,
                RcuBox,
                RcuFreeBox,
                RcuFreeKBox,
                RcuFreeSafe,
                RcuKBox, //
            },
            Arc, //
        },
        types::ForeignOwnable,
    };
    use core::mem::MaybeUninit;
    use kernel::ffi::c_void;

    // Hazard 32: a value is unshared once, at the drop of its box, and not later or twice.
    #[test]
    fn hazard_32_unshares_once_at_drop() {
        static UNSHARED: Atomic<u32> = Atomic::new(0);

        let probe: RcuFreeKBox<Probe> =
            RcuFreeKBox::pin_init(Probe::new(1, &UNSHARED), GFP_KERNEL).unwrap();
        assert_eq!(UNSHARED.load(Relaxed), 0);
        drop(probe);
        assert_eq!(UNSHARED.load(Relaxed), 1);
        synchronize_rcu();
        assert_eq!(UNSHARED.load(Relaxed), 1);
    }

    fn view_outlives_the_drop<A: RcuAllocator>(value: u64) {
        static UNSHARED: Atomic<u32> = Atomic::new(0);

        let probe: RcuFreeBox<Probe, A> =
            RcuFreeBox::pin_init(Probe::new(value, &UNSHARED), GFP_KERNEL).unwrap();
        let ptr: *mut c_void = probe.into_foreign();
        let guard = rcu::read_lock();
        // SAFETY: `ptr` is from `into_foreign`, and the box is not dropped yet.
        let view = unsafe { <RcuFreeBox<Probe, A>>::rcu_borrow(ptr, &guard) };
        let before = UNSHARED.load(Relaxed);
        // SAFETY: `ptr` is from `into_foreign`, and is passed to `from_foreign` once.
        drop(unsafe { <RcuFreeBox<Probe, A>>::from_foreign(ptr) });
        assert_eq!(UNSHARED.load(Relaxed), before + 1);
        // KASAN would report it if the value were freed.
        assert_eq!(*view, value);
    }

    // Safe code may drop a box while it has what it got from it. The box of a reader that drops it
    // is in the reader's own critical section.
    #[test]
    fn hazard_2_and_24_safe_code_keeps_what_it_got() {
        static UNSHARED: Atomic<u32> = Atomic::new(0);

        let probe = RcuFreeKBox::<Probe>::pin_init(Probe::new(14, &UNSHARED), GFP_KERNEL).unwrap();
        let numbers = RcuKBox::new([15, 16], GFP_KERNEL).unwrap();
        let guard = rcu::read_lock();
        let (view, found) = (probe.with_rcu(&guard), numbers.with_rcu(&guard));
        drop((probe, numbers));
        assert_eq!(UNSHARED.load(Relaxed), 1);
        // KASAN would report it if the values were freed.
        assert_eq!((*view, *found), (14, [15, 16]));
    }

    // Hazards 2 and 24: a view stays valid until the critical section of its reader ends.
    #[test]
    fn hazard_2_and_24_view_outlives_the_drop_in_each_allocator() {
        view_outlives_the_drop::<Kmalloc>(11);
        view_outlives_the_drop::<Vmalloc>(12);
        view_outlives_the_drop::<KVmalloc>(13);
    }

    /// Returns a barrier for a test that makes boxes whose values have a destructor.
    fn barrier() -> CallbackBarrier {
        // SAFETY: Every test drops the barrier before it returns.
        unsafe { CallbackBarrier::new::<Here>() }.unwrap()
    }

    // Hazard 9: the destructor runs after the grace period, and not before it.
    #[test]
    fn hazard_9_rcu_box_drops_after_the_grace_period() {
        static DROPPED: Atomic<u32> = Atomic::new(0);

        let barrier = barrier();
        let init = Noisy::new((), &DROPPED);
        let noisy: RcuKBox<Noisy> =
            RcuKBox::pin_init_with_barrier(init, &barrier.token(), GFP_KERNEL).unwrap();
        let guard = rcu::read_lock();
        drop(noisy);
        assert_eq!(DROPPED.load(Relaxed), 0);
        drop(guard);
        drop(barrier);
        assert_eq!(DROPPED.load(Relaxed), 1);
    }

    #[test]
    fn rcu_box_is_borrowed_across_the_drop() {
        static DROPPED: Atomic<u32> = Atomic::new(0);

        let barrier = barrier();
        let init = Noisy::new((), &DROPPED);
        let noisy: RcuBox<Noisy, KVmalloc> =
            RcuBox::pin_init_with_barrier(init, &barrier.token(), GFP_KERNEL).unwrap();
        let ptr = noisy.into_foreign();
        let guard = rcu::read_lock();
        // SAFETY: `ptr` is from `into_foreign`, and the box is not dropped yet.
        let borrowed = unsafe { <RcuBox<Noisy, KVmalloc>>::rcu_borrow(ptr, &guard) };
        // SAFETY: `ptr` is from `into_foreign`, and is passed to `from_foreign` once.
        drop(unsafe { <RcuBox<Noisy, KVmalloc>>::from_foreign(ptr) });
        assert_eq!(borrowed.dropped.load(Relaxed), 0);
        drop(guard);
        drop(barrier);
        assert_eq!(DROPPED.load(Relaxed), 1);
    }

    #[test]
    fn foreign_round_trip() {
        static UNSHARED: Atomic<u32> = Atomic::new(0);

        let probe: RcuFreeKBox<Probe> =
            RcuFreeKBox::pin_init(Probe::new(21, &UNSHARED), GFP_KERNEL).unwrap();
        let ptr = probe.into_foreign();
        assert_eq!(
            ptr.addr() % <RcuFreeKBox<Probe> as ForeignOwnable>::FOREIGN_ALIGN,
            0
        );
        {
            let guard = rcu::read_lock();
            // SAFETY: `ptr` is from `into_foreign`. `from_foreign` is called after the borrow ends.
            let borrowed = unsafe { <RcuFreeKBox<Probe> as ForeignOwnable>::borrow(ptr) };
            // SAFETY: The value is in a box, which is dropped after the view is used.
            assert_eq!(*unsafe { borrowed.rcu_view(&guard) }, 21);
        }
        // SAFETY: `ptr` is from `into_foreign`, and is passed to `from_foreign` once.
        drop(unsafe { <RcuFreeKBox<Probe>>::from_foreign(ptr) });
        assert_eq!(UNSHARED.load(Relaxed), 1);
    }

    // If the initializer fails, the memory is freed, and no value is unshared.
    #[test]
    fn failed_initializer_leaves_nothing() {
        let failed = RcuFreeKBox::<Probe>::pin_init(Probe::failing(), GFP_KERNEL);
        assert!(matches!(failed, Err(EBUSY)));
    }

    type Nested = RcuKBox<RcuKBox<RcuKBox<Noisy>>>;

    // The destructor of a box drops a box, and so queues a callback behind those that one
    // rcu_barrier() waits for. Lazy callbacks would run 10 seconds later.
    #[test]
    fn hazard_9_barrier_waits_for_boxes_in_boxes() {
        static DROPPED: Atomic<u32> = Atomic::new(0);

        let barrier = barrier();
        let token = barrier.token();
        for _ in 0..10 {
            let inner =
                RcuKBox::pin_init_with_barrier(Noisy::new((), &DROPPED), &token, GFP_KERNEL)
                    .unwrap();
            let inner = RcuKBox::pin_init_with_barrier(inner, &token, GFP_KERNEL).unwrap();
            let nested: Nested = RcuKBox::pin_init_with_barrier(inner, &token, GFP_KERNEL).unwrap();
            drop(nested);
        }
        drop(barrier);
        assert_eq!(DROPPED.load(Relaxed), 10);
    }

    // As above, for a destructor that drops a vector of boxes, and for one that drops the last
    // reference to a box.
    #[test]
    fn hazard_9_barrier_waits_for_what_destructors_drop() {
        static DROPPED: Atomic<u32> = Atomic::new(0);

        let barrier = barrier();
        let token = barrier.token();
        let noisy = || -> RcuKBox<Noisy> {
            RcuKBox::pin_init_with_barrier(Noisy::new((), &DROPPED), &token, GFP_KERNEL).unwrap()
        };
        let mut table = KVec::with_capacity(5, GFP_KERNEL).unwrap();
        for _ in 0..5 {
            table.push(noisy(), GFP_KERNEL).unwrap();
        }
        let table: RcuKBox<KVec<RcuKBox<Noisy>>> =
            RcuKBox::pin_init_with_barrier(table, &token, GFP_KERNEL).unwrap();
        let last = Arc::new(noisy(), GFP_KERNEL).unwrap();
        let referring: RcuKBox<Arc<RcuKBox<Noisy>>> =
            RcuKBox::pin_init_with_barrier(last.clone(), &token, GFP_KERNEL).unwrap();
        drop(last);
        drop(table);
        drop(referring);
        drop(barrier);
        assert_eq!(DROPPED.load(Relaxed), 6);
    }

    // The value of a box that is dropped after the barrier is leaked. Its destructor does not run.
    #[test]
    fn hazard_9_nothing_runs_after_the_barrier() {
        static DROPPED: Atomic<u32> = Atomic::new(0);

        let barrier = barrier();
        let token = barrier.token();
        let late: RcuKBox<Noisy> =
            RcuKBox::pin_init_with_barrier(Noisy::new((), &DROPPED), &token, GFP_KERNEL).unwrap();
        let ptr = late.into_foreign();
        drop(barrier);
        // SAFETY: `ptr` is from `into_foreign`, and is passed to `from_foreign` once.
        drop(unsafe { RcuKBox::<Noisy>::from_foreign(ptr) });
        rcu::rcu_barrier();
        assert_eq!(DROPPED.load(Relaxed), 0);
        // SAFETY: The box was leaked, so nobody else uses its memory. If the memory were not freed
        // here, kmemleak would report it.
        unsafe { crate::bindings::kvfree(ptr) };
    }

    /// A module that does not contain this text.
    struct Elsewhere;

    impl ModuleMetadata for Elsewhere {
        const NAME: &'static CStr = c"elsewhere";
        // SAFETY: The barrier only looks up where the text of this module is. `NOWHERE` is a valid
        // `struct module` for that, although it is not the module of this code.
        const THIS_MODULE: ThisModule =
            unsafe { ThisModule::from_ptr(core::ptr::addr_of!(NOWHERE).cast_mut().cast()) };
    }

    /// A `struct module` that has no text.
    static NOWHERE: ThatModule = ThatModule(MaybeUninit::zeroed());

    struct ThatModule(#[expect(dead_code)] MaybeUninit<crate::bindings::module>);

    // SAFETY: A `ThatModule` is only read.
    unsafe impl Sync for ThatModule {}

    // A token vouches for the text of its own module. That of another module may be freed first.
    #[test]
    fn hazard_9_token_of_another_module_is_refused() {
        static DROPPED: Atomic<u32> = Atomic::new(0);

        // SAFETY: The barrier is dropped at the end of this test.
        let barrier = unsafe { CallbackBarrier::new::<Elsewhere>() }.unwrap();
        let init = Noisy::new((), &DROPPED);
        let refused = RcuKBox::<Noisy>::pin_init_with_barrier(init, &barrier.token(), GFP_KERNEL);
        assert!(matches!(refused, Err(EINVAL)));
        assert_eq!(DROPPED.load(Relaxed), 0);
        // A value without a destructor is accepted: no text runs for it.
        assert!(RcuKBox::<u32>::pin_init_with_barrier(1, &barrier.token(), GFP_KERNEL).is_ok());
    }
}
