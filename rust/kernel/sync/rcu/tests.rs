// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of the RCU boxes.

use crate::prelude::*;

#[kunit_tests(rust_rcu_boxes)]
mod cases {
    use crate::{
        alloc::allocator::{
            KVmalloc,
            Kmalloc,
            Vmalloc, //
        },
        prelude::*,
        sync::{
            atomic::{
                ordering::{
                    Acquire,
                    Relaxed,
                    Release, //
                },
                Atomic, //
            },
            poll::{
                new_poll_condvar,
                PollCondVar, //
            },
            rcu::{
                self,
                synchronize_rcu,
                ForeignOwnableRcu,
                Published,
                RcuBox,
                RcuFreeBox,
                RcuFreeSafe,
                RcuOnce,
                RcuTable,
                UnsafePinned, //
            },
            Arc,
            Completion, //
        },
        types::ForeignOwnable,
        workqueue,
    };
    use kernel::ffi::c_void;

    /// Counts how often it was unshared, in a counter that outlives it.
    #[pin_data]
    struct Probe {
        #[pin]
        value: UnsafePinned<u64>,
        unshared: &'static Atomic<u32>,
    }

    impl Probe {
        fn new(value: u64, unshared: &'static Atomic<u32>) -> impl PinInit<Self> {
            pin_init!(Self {
                value: UnsafePinned::new(value),
                unshared,
            })
        }
    }

    // SAFETY: Readers come to it by the pointer that the tests pass by hand, in a critical section
    // that they begin before the drop. The value is in an `UnsafePinned`, and is not written.
    unsafe impl RcuFreeSafe for Probe {
        type RcuView<'a> = &'a u64;

        fn rcu_view<'a>(self: Pin<&'a Self>, _rcu: &'a rcu::Guard) -> &'a u64 {
            // SAFETY: Initialised by the constructor, and never written after.
            unsafe { &*self.get_ref().value.get() }
        }

        unsafe fn drop_before_gp(self: Pin<&mut Self>) {
            self.unshared.add(1, Relaxed);
        }
    }

    // Hazard 32: once, and at the drop; not later, not twice.
    #[test]
    fn unshares_once_at_drop() {
        static UNSHARED: Atomic<u32> = Atomic::new(0);

        let probe: RcuFreeBox<Probe> =
            RcuFreeBox::pin_init(Probe::new(1, &UNSHARED), GFP_KERNEL).unwrap();
        assert_eq!(UNSHARED.load(Relaxed), 0);
        drop(probe);
        assert_eq!(UNSHARED.load(Relaxed), 1);
        synchronize_rcu();
        assert_eq!(UNSHARED.load(Relaxed), 1);
    }

    fn view_outlives_the_drop<A: kernel::alloc::Allocator + 'static>(value: u64) {
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
    fn view_outlives_the_drop_in_each_allocator() {
        view_outlives_the_drop::<Kmalloc>(11);
        view_outlives_the_drop::<Vmalloc>(12);
        view_outlives_the_drop::<KVmalloc>(13);
    }

    /// A value of a size and alignment, published in a box and dropped.
    fn published<T: Sync + Send + Copy + PartialEq + 'static, A>(value: T) -> bool
    where
        A: kernel::alloc::Allocator + 'static,
    {
        let boxed: RcuFreeBox<Published<T>, A> =
            RcuFreeBox::pin_init(Published::new(value), GFP_KERNEL).unwrap();
        let address = core::ptr::from_ref::<T>(&**boxed).addr();
        **boxed == value && address % core::mem::align_of::<T>() == 0
    }

    #[derive(Clone, Copy, PartialEq)]
    #[repr(align(256))]
    struct Aligned(u8);

    // Hazard 11: sizes at which the compiler would move the head behind the value, which
    // kvfree_rcu() would then free at the wrong address.
    #[test]
    fn sizes_and_alignments() {
        assert!(published::<(), Kmalloc>(()));
        assert!(published::<u8, Kmalloc>(1));
        assert!(published::<Aligned, Kmalloc>(Aligned(3)));
        assert!(published::<[u64; 600], Kmalloc>([5; 600]));
        assert!(published::<[u64; 600], Vmalloc>([6; 600]));
        assert!(published::<[u64; 600], KVmalloc>([7; 600]));
        synchronize_rcu();
    }

    /// Tells when it is dropped.
    struct Noisy(&'static Atomic<u32>);

    impl Drop for Noisy {
        fn drop(&mut self) {
            self.0.store(1, Release);
        }
    }

    // Hazard 9: after the grace period, not before it, and not never.
    #[test]
    fn rcu_box_drops_after_the_grace_period() {
        static DROPPED: Atomic<u32> = Atomic::new(0);

        let noisy: RcuBox<Noisy> = RcuBox::pin_init(Noisy(&DROPPED), GFP_KERNEL).unwrap();
        let guard = rcu::read_lock();
        drop(noisy);
        assert_eq!(DROPPED.load(Acquire), 0);
        drop(guard);
        rcu::rcu_barrier();
        assert_eq!(DROPPED.load(Acquire), 1);
    }

    #[test]
    fn rcu_box_is_borrowed_across_the_drop() {
        static DROPPED: Atomic<u32> = Atomic::new(0);

        let noisy: RcuBox<Noisy, KVmalloc> = RcuBox::pin_init(Noisy(&DROPPED), GFP_KERNEL).unwrap();
        let ptr = noisy.into_foreign();
        let guard = rcu::read_lock();
        // SAFETY: The box is not dropped yet.
        let borrowed = unsafe { <RcuBox<Noisy, KVmalloc>>::rcu_borrow(ptr, &guard) };
        // SAFETY: It was made above and comes back once.
        drop(unsafe { <RcuBox<Noisy, KVmalloc>>::from_foreign(ptr) });
        assert_eq!(borrowed.0.load(Acquire), 0);
        drop(guard);
        rcu::rcu_barrier();
        assert_eq!(DROPPED.load(Acquire), 1);
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
            // SAFETY: Not given back before the borrow ends.
            let borrowed = unsafe { <RcuFreeBox<Probe> as ForeignOwnable>::borrow(ptr) };
            assert_eq!(*borrowed.rcu_view(&rcu::read_lock()), 21);
        }
        // SAFETY: It was made above and comes back once.
        drop(unsafe { <RcuFreeBox<Probe>>::from_foreign(ptr) });
        assert_eq!(UNSHARED.load(Relaxed), 1);
    }

    // A failing initialiser leaves nothing behind: its value was never there to be unshared.
    #[test]
    fn failed_initialiser_is_not_unshared() {
        static UNSHARED: Atomic<u32> = Atomic::new(0);

        let failed: Result<RcuFreeBox<Probe>> = RcuFreeBox::pin_init::<Error>(
            try_pin_init!(Probe {
                value: UnsafePinned::new(0),
                unshared: {
                    Err::<(), Error>(EBUSY)?;
                    &UNSHARED
                },
            }),
            GFP_KERNEL,
        );
        assert!(matches!(failed, Err(EBUSY)));
        assert_eq!(UNSHARED.load(Relaxed), 0);
    }

    #[pin_data]
    struct Whole {
        #[pin]
        first: Probe,
        #[pin]
        late: RcuOnce<Probe>,
        #[pin]
        condition: PollCondVar,
    }

    crate::rcu_view! {
        struct WholeView of Whole {
            first: Probe,
            late: RcuOnce<Probe>,
            condition: PollCondVar,
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
        drop(whole);
        assert_eq!(FIRST.load(Relaxed), 1);
        assert_eq!(LATE.load(Relaxed), 1);
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

    type Boxes = RcuTable<RcuFreeBox<Published<u64>>>;

    fn boxed(value: u64) -> RcuFreeBox<Published<u64>> {
        RcuFreeBox::pin_init(Published::new(value), GFP_KERNEL).unwrap()
    }

    // Readers look up what another thread removes and drops; KASAN would tell if it went too early.
    #[test]
    fn lookup_against_removal() {
        const PLACES: usize = 8;
        const ROUNDS: u64 = 400;

        let table: Arc<Boxes> = Arc::pin_init(RcuTable::new(), GFP_KERNEL).unwrap();
        let stop = Arc::new(Atomic::new(0u32), GFP_KERNEL).unwrap();
        let done = Arc::pin_init(Completion::new(), GFP_KERNEL).unwrap();
        let wrong = Arc::new(Atomic::new(0u32), GFP_KERNEL).unwrap();
        let reader = (table.clone(), stop.clone(), done.clone(), wrong.clone());
        let read = move || {
            let (table, stop, done, wrong) = reader;
            while stop.load(Relaxed) == 0 {
                for index in 0..PLACES {
                    let guard = rcu::read_lock();
                    if let Some(value) = table.get(index, &guard) {
                        if *value as usize % PLACES != index {
                            wrong.add(1, Relaxed);
                        }
                    }
                }
            }
            done.complete_all();
        };
        workqueue::system_unbound()
            .try_spawn(GFP_KERNEL, read)
            .unwrap();
        for round in 0..ROUNDS {
            for index in 0..PLACES {
                let value = round * PLACES as u64 + index as u64;
                let old = table.store(index, boxed(value)).unwrap();
                assert!(old.is_none());
            }
            for index in 0..PLACES {
                let removed = table.remove(index).unwrap();
                assert_eq!(**removed as usize % PLACES, index);
            }
        }
        stop.store(1, Relaxed);
        done.wait_for_completion();
        assert_eq!(wrong.load(Relaxed), 0);
    }

    #[test]
    fn table_owns_what_is_in_it() {
        static UNSHARED: Atomic<u32> = Atomic::new(0);

        let table: Pin<KBox<RcuTable<RcuFreeBox<Probe>>>> =
            KBox::pin_init(RcuTable::new(), GFP_KERNEL).unwrap();
        for index in [0, 5, 1 << 40, usize::MAX] {
            let probe = RcuFreeBox::pin_init(Probe::new(1, &UNSHARED), GFP_KERNEL).unwrap();
            assert!(table.store(index, probe).unwrap().is_none());
        }
        let probe = RcuFreeBox::pin_init(Probe::new(2, &UNSHARED), GFP_KERNEL).unwrap();
        assert!(table.store(5, probe).unwrap().is_some());
        assert_eq!(UNSHARED.load(Relaxed), 1);
        drop(table);
        assert_eq!(UNSHARED.load(Relaxed), 5);
    }
}
