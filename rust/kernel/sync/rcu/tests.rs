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
            poll::{
                new_poll_condvar,
                PollCondVar, //
            },
            rcu::{
                self,
                synchronize_rcu,
                CallbackBarrier,
                ForeignOwnableRcu,
                KvfreeAllocator,
                Published,
                RcuBox,
                RcuFreeBox,
                RcuFreeSafe,
                RcuOnce, //
            },
            Arc, //
        },
        types::ForeignOwnable,
    };
    use core::mem::MaybeUninit;
    use kernel::ffi::c_void;

    // Hazard 32: once, and at the drop; not later, not twice.
    #[test]
    fn hazard_32_unshares_once_at_drop() {
        static UNSHARED: Atomic<u32> = Atomic::new(0);

        let probe: RcuFreeBox<Probe> =
            RcuFreeBox::pin_init(Probe::new(1, &UNSHARED), GFP_KERNEL).unwrap();
        assert_eq!(UNSHARED.load(Relaxed), 0);
        drop(probe);
        assert_eq!(UNSHARED.load(Relaxed), 1);
        synchronize_rcu();
        assert_eq!(UNSHARED.load(Relaxed), 1);
    }

    fn view_outlives_the_drop<A: KvfreeAllocator + 'static>(value: u64) {
        static UNSHARED: Atomic<u32> = Atomic::new(0);

        let probe: RcuFreeBox<Probe, A> =
            RcuFreeBox::pin_init(Probe::new(value, &UNSHARED), GFP_KERNEL).unwrap();
        let ptr: *mut c_void = probe.into_foreign();
        let guard = rcu::read_lock();
        // SAFETY: The box is not dropped yet.
        let view = unsafe { <RcuFreeBox<Probe, A>>::rcu_borrow(ptr, &guard) };
        let before = UNSHARED.load(Relaxed);
        // SAFETY: It was made above and comes back once.
        drop(unsafe { <RcuFreeBox<Probe, A>>::from_foreign(ptr) });
        assert_eq!(UNSHARED.load(Relaxed), before + 1);
        // KASAN would tell if it were gone.
        assert_eq!(*view, value);
    }

    // Hazards 2 and 24: what a reader has stays until its critical section ends.
    #[test]
    fn hazard_2_and_24_view_outlives_the_drop_in_each_allocator() {
        view_outlives_the_drop::<Kmalloc>(11);
        view_outlives_the_drop::<Vmalloc>(12);
        view_outlives_the_drop::<KVmalloc>(13);
    }

    /// The barrier of a test that makes boxes whose values have a destructor.
    fn barrier() -> CallbackBarrier {
        // SAFETY: Every test drops it, before it returns.
        unsafe { CallbackBarrier::new::<Here>() }.unwrap()
    }

    // Hazard 9: after the grace period, not before it, and not never.
    #[test]
    fn hazard_9_rcu_box_drops_after_the_grace_period() {
        static DROPPED: Atomic<u32> = Atomic::new(0);

        let barrier = barrier();
        let init = Noisy::new((), &DROPPED);
        let noisy: RcuBox<Noisy> =
            RcuBox::pin_init_with_barrier(init, &barrier.token(), GFP_KERNEL).unwrap();
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
        // SAFETY: The box is not dropped yet.
        let borrowed = unsafe { <RcuBox<Noisy, KVmalloc>>::rcu_borrow(ptr, &guard) };
        // SAFETY: It was made above and comes back once.
        drop(unsafe { <RcuBox<Noisy, KVmalloc>>::from_foreign(ptr) });
        assert_eq!(borrowed.dropped.load(Relaxed), 0);
        drop(guard);
        drop(barrier);
        assert_eq!(DROPPED.load(Relaxed), 1);
    }

    #[test]
    fn foreign_round_trip() {
        static UNSHARED: Atomic<u32> = Atomic::new(0);

        let probe: RcuFreeBox<Probe> =
            RcuFreeBox::pin_init(Probe::new(21, &UNSHARED), GFP_KERNEL).unwrap();
        let ptr = probe.into_foreign();
        assert_eq!(
            ptr.addr() % <RcuFreeBox<Probe> as ForeignOwnable>::FOREIGN_ALIGN,
            0
        );
        {
            let guard = rcu::read_lock();
            // SAFETY: Not given back before the borrow ends.
            let borrowed = unsafe { <RcuFreeBox<Probe> as ForeignOwnable>::borrow(ptr) };
            // SAFETY: It is in a box, which is not dropped before the view is gone.
            assert_eq!(*unsafe { borrowed.rcu_view(&guard) }, 21);
        }
        // SAFETY: It was made above and comes back once.
        drop(unsafe { <RcuFreeBox<Probe>>::from_foreign(ptr) });
        assert_eq!(UNSHARED.load(Relaxed), 1);
    }

    // A failing initialiser leaves nothing behind: its value was never there to be unshared.
    #[test]
    fn failed_initialiser_leaves_nothing() {
        let failed = RcuFreeBox::<Probe>::pin_init(Probe::failing(), GFP_KERNEL);
        assert!(matches!(failed, Err(EBUSY)));
    }

    #[pin_data]
    struct Whole {
        first: Probe,
        #[pin]
        late: RcuOnce<Probe>,
        #[pin]
        condition: PollCondVar,
        own: u32,
    }

    crate::rcu_view! {
        struct WholeView of Whole {
            first: Probe,
            late: RcuOnce<Probe>,
            condition: PollCondVar,
            ..own
        }
    }

    // The outer drop_before_gp runs the inner ones, also that of a part that came later.
    #[test]
    fn composition_unshares_each_part() {
        static FIRST: Atomic<u32> = Atomic::new(0);
        static LATE: Atomic<u32> = Atomic::new(0);

        let whole: RcuFreeBox<Whole> = RcuFreeBox::pin_init::<Error>(
            try_pin_init!(Whole {
                first <- Probe::new(31, &FIRST),
                late <- RcuOnce::new(),
                condition <- new_poll_condvar!("rcu_boxes_test"),
                own: 33,
            }),
            GFP_KERNEL,
        )
        .unwrap();
        {
            let guard = rcu::read_lock();
            let view = whole.rcu_view(&guard);
            assert_eq!(*view.first, 31);
            assert!(view.late.is_none());
            view.condition.notify_all();
        }
        let part = RcuFreeBox::pin_init(Probe::new(32, &LATE), GFP_KERNEL).unwrap();
        assert!(whole.late.populate(part));
        assert_eq!(whole.rcu_view(&rcu::read_lock()).late.copied(), Some(32));
        assert_eq!(whole.own, 33);
        drop(whole);
        assert_eq!(FIRST.load(Relaxed), 1);
        assert_eq!(LATE.load(Relaxed), 1);
    }

    /// A composition with parameters of each kind.
    #[pin_data]
    struct Pair<'x, T: RcuFreeSafe, const N: usize> {
        #[pin]
        first: Published<&'x u64>,
        #[pin]
        second: T,
        #[cfg(not(CONFIG_RUST))]
        never: NotThere,
        numbers: [u8; N],
    }

    crate::rcu_view! {
        impl{'x, T: RcuFreeSafe, const N: usize}
        /// A view with parameters.
        #[cfg(CONFIG_RUST)]
        struct PairView<'x, T, N> of Pair<'x, T, N> {
            /// Borrowed.
            first: Published<&'x u64>,
            second: T,
            #[cfg(not(CONFIG_RUST))]
            never: NotThere,
            ..numbers,
        }
    }

    /// One of which readers see nothing.
    struct Hidden(());

    struct Nothing {
        hidden: Hidden,
    }

    crate::rcu_view! {
        #[derive(Clone, Copy)]
        struct NothingView of Nothing {
            ..hidden
        }
    }

    #[test]
    fn composition_has_parameters() {
        static FIRST: u64 = 34;
        static SECOND: Atomic<u32> = Atomic::new(0);

        let pair: RcuFreeBox<Pair<'_, Probe, 3>> = RcuFreeBox::pin_init(
            pin_init!(Pair {
                first <- Published::new(&FIRST),
                second <- Probe::new(35, &SECOND),
                numbers: [0; 3],
            }),
            GFP_KERNEL,
        )
        .unwrap();
        {
            let guard = rcu::read_lock();
            let view = pair.rcu_view(&guard);
            assert_eq!(**view.first + *view.second, 69);
        }
        assert_eq!(pair.numbers.len(), 3);
        drop(pair);
        assert_eq!(SECOND.load(Relaxed), 1);

        let nothing = Nothing { hidden: Hidden(()) };
        let nothing: RcuFreeBox<Nothing> = RcuFreeBox::pin_init(nothing, GFP_KERNEL).unwrap();
        let _: NothingView<'_> = nothing.rcu_view(&rcu::read_lock());
        let Hidden(()) = nothing.hidden;
    }

    // A part that is not in an RcuFreeBox is dropped like anything else, and not leaked.
    #[test]
    fn hazard_9_once_in_another_box() {
        static UNSHARED: Atomic<u32> = Atomic::new(0);

        let part = || RcuFreeBox::pin_init(Probe::new(36, &UNSHARED), GFP_KERNEL).unwrap();
        let once = KBox::pin_init(RcuOnce::<Probe>::new(), GFP_KERNEL).unwrap();
        assert!(once.populate(part()));
        drop(once);
        assert_eq!(UNSHARED.load(Relaxed), 1);

        let barrier = barrier();
        let once: RcuBox<RcuOnce<Probe>> =
            RcuBox::pin_init_with_barrier(RcuOnce::new(), &barrier.token(), GFP_KERNEL).unwrap();
        assert!(once.populate(part()));
        drop(once);
        drop(barrier);
        assert_eq!(UNSHARED.load(Relaxed), 2);
    }

    type Nested = RcuBox<RcuBox<RcuBox<Noisy>>>;

    // The destructor of a box drops a box, behind the callbacks that a barrier waits for. Lazy
    // callbacks would run 10 seconds later.
    #[test]
    fn hazard_9_barrier_waits_for_boxes_in_boxes() {
        static DROPPED: Atomic<u32> = Atomic::new(0);

        let barrier = barrier();
        let token = barrier.token();
        for _ in 0..10 {
            let inner = RcuBox::pin_init_with_barrier(Noisy::new((), &DROPPED), &token, GFP_KERNEL)
                .unwrap();
            let inner = RcuBox::pin_init_with_barrier(inner, &token, GFP_KERNEL).unwrap();
            let nested: Nested = RcuBox::pin_init_with_barrier(inner, &token, GFP_KERNEL).unwrap();
            drop(nested);
        }
        drop(barrier);
        assert_eq!(DROPPED.load(Relaxed), 10);
    }

    // The same, if it is a vector or the last reference to what has a box that a destructor drops.
    #[test]
    fn hazard_9_barrier_waits_for_what_destructors_drop() {
        static DROPPED: Atomic<u32> = Atomic::new(0);

        let barrier = barrier();
        let token = barrier.token();
        let noisy = || -> RcuBox<Noisy> {
            RcuBox::pin_init_with_barrier(Noisy::new((), &DROPPED), &token, GFP_KERNEL).unwrap()
        };
        let mut table = KVec::with_capacity(5, GFP_KERNEL).unwrap();
        for _ in 0..5 {
            table.push(noisy(), GFP_KERNEL).unwrap();
        }
        let table: RcuBox<KVec<RcuBox<Noisy>>> =
            RcuBox::pin_init_with_barrier(table, &token, GFP_KERNEL).unwrap();
        let last = Arc::new(noisy(), GFP_KERNEL).unwrap();
        let referring: RcuBox<Arc<RcuBox<Noisy>>> =
            RcuBox::pin_init_with_barrier(last.clone(), &token, GFP_KERNEL).unwrap();
        drop(last);
        drop(table);
        drop(referring);
        drop(barrier);
        assert_eq!(DROPPED.load(Relaxed), 6);
    }

    // What comes later than the barrier is leaked, and runs nothing.
    #[test]
    fn hazard_9_nothing_runs_after_the_barrier() {
        static DROPPED: Atomic<u32> = Atomic::new(0);

        let barrier = barrier();
        let token = barrier.token();
        let late: RcuBox<Noisy> =
            RcuBox::pin_init_with_barrier(Noisy::new((), &DROPPED), &token, GFP_KERNEL).unwrap();
        let ptr = late.into_foreign();
        drop(barrier);
        // SAFETY: It was made above and comes back once.
        drop(unsafe { RcuBox::<Noisy>::from_foreign(ptr) });
        rcu::rcu_barrier();
        assert_eq!(DROPPED.load(Relaxed), 0);
        // SAFETY: It was leaked, so nobody else has it. kmemleak would tell.
        unsafe { crate::bindings::kvfree(ptr) };
    }

    /// A module that this text is not of.
    struct Elsewhere;

    impl ModuleMetadata for Elsewhere {
        const NAME: &'static CStr = c"elsewhere";
        // SAFETY: It isn't that of this text. All that is looked up by it is where its own text is.
        const THIS_MODULE: ThisModule =
            unsafe { ThisModule::from_ptr(core::ptr::addr_of!(NOWHERE).cast_mut().cast()) };
    }

    /// A `struct module` that has no text.
    static NOWHERE: ThatModule = ThatModule(MaybeUninit::zeroed());

    struct ThatModule(#[expect(dead_code)] MaybeUninit<crate::bindings::module>);

    // SAFETY: It is read only.
    unsafe impl Sync for ThatModule {}

    // A module vouches for its own text: that of another one may go first.
    #[test]
    fn hazard_9_token_of_another_module_is_refused() {
        static DROPPED: Atomic<u32> = Atomic::new(0);

        // SAFETY: It is dropped at the end of this test.
        let barrier = unsafe { CallbackBarrier::new::<Elsewhere>() }.unwrap();
        let init = Noisy::new((), &DROPPED);
        let refused = RcuBox::<Noisy>::pin_init_with_barrier(init, &barrier.token(), GFP_KERNEL);
        assert!(matches!(refused, Err(EINVAL)));
        assert_eq!(DROPPED.load(Relaxed), 0);
        // Without a destructor there is no text.
        assert!(RcuBox::<u32>::pin_init_with_barrier(1, &barrier.token(), GFP_KERNEL).is_ok());
    }

    // A second part is refused, and unshared like any that is dropped.
    #[test]
    fn once_takes_one() {
        static UNSHARED: Atomic<u32> = Atomic::new(0);

        let once: RcuFreeBox<RcuOnce<Probe>> =
            RcuFreeBox::pin_init(RcuOnce::new(), GFP_KERNEL).unwrap();
        for (value, taken) in [(1, true), (2, false)] {
            let part = RcuFreeBox::pin_init(Probe::new(value, &UNSHARED), GFP_KERNEL).unwrap();
            assert_eq!(once.populate(part), taken);
        }
        assert_eq!(UNSHARED.load(Relaxed), 1);
        assert_eq!(once.rcu_view(&rcu::read_lock()).copied(), Some(1));
        drop(once);
        assert_eq!(UNSHARED.load(Relaxed), 2);
    }
}
