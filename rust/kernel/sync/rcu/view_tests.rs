// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of values that are composed of others.

use crate::prelude::*;

#[kunit_tests(rust_rcu_view)]
mod cases {
    use super::super::fixtures::{
        Here,
        Probe, //
    };
    use crate::{
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
                CallbackBarrier,
                Published,
                RcuFreeKBox,
                RcuFreeSafe,
                RcuKBox,
                RcuOnce, //
            },
        },
    };

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

    // drop_before_gp of the whole calls that of each part, including a part that was added later.
    #[test]
    fn composition_unshares_each_part() {
        static FIRST: Atomic<u32> = Atomic::new(0);
        static LATE: Atomic<u32> = Atomic::new(0);

        let whole: RcuFreeKBox<Whole> = RcuFreeKBox::pin_init::<Error>(
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
            let view = whole.with_rcu(&guard);
            assert_eq!(*view.first, 31);
            assert!(view.late.is_none());
            view.condition.notify_all();
        }
        let part = RcuFreeKBox::pin_init(Probe::new(32, &LATE), GFP_KERNEL).unwrap();
        assert!(whole.late.populate(part));
        assert_eq!(whole.with_rcu(&rcu::read_lock()).late.copied(), Some(32));
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

    /// A type of which readers see nothing.
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

        let pair: RcuFreeKBox<Pair<'_, Probe, 3>> = RcuFreeKBox::pin_init(
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
            let view = pair.with_rcu(&guard);
            assert_eq!(**view.first + *view.second, 69);
        }
        assert_eq!(pair.numbers.len(), 3);
        drop(pair);
        assert_eq!(SECOND.load(Relaxed), 1);

        let nothing = Nothing { hidden: Hidden(()) };
        let nothing: RcuFreeKBox<Nothing> = RcuFreeKBox::pin_init(nothing, GFP_KERNEL).unwrap();
        let _: NothingView<'_> = nothing.with_rcu(&rcu::read_lock());
        let Hidden(()) = nothing.hidden;
    }

    // A part that is not in an RcuFreeBox is dropped like any other value, and is not leaked.
    #[test]
    fn hazard_9_once_in_another_box() {
        static UNSHARED: Atomic<u32> = Atomic::new(0);

        let part = || RcuFreeKBox::pin_init(Probe::new(36, &UNSHARED), GFP_KERNEL).unwrap();
        let once = KBox::pin_init(RcuOnce::<Probe>::new(), GFP_KERNEL).unwrap();
        assert!(once.populate(part()));
        drop(once);
        assert_eq!(UNSHARED.load(Relaxed), 1);

        // SAFETY: The barrier is dropped at the end of this test.
        let barrier = unsafe { CallbackBarrier::new::<Here>() }.unwrap();
        let once: RcuKBox<RcuOnce<Probe>> =
            RcuKBox::pin_init_with_barrier(RcuOnce::new(), &barrier.token(), GFP_KERNEL).unwrap();
        assert!(once.populate(part()));
        drop(once);
        drop(barrier);
        assert_eq!(UNSHARED.load(Relaxed), 2);
    }

    // A second part is refused, and is unshared because its box is dropped.
    #[test]
    fn once_takes_one() {
        static UNSHARED: Atomic<u32> = Atomic::new(0);

        let once: RcuFreeKBox<RcuOnce<Probe>> =
            RcuFreeKBox::pin_init(RcuOnce::new(), GFP_KERNEL).unwrap();
        for (value, taken) in [(1, true), (2, false)] {
            let part = RcuFreeKBox::pin_init(Probe::new(value, &UNSHARED), GFP_KERNEL).unwrap();
            assert_eq!(once.populate(part), taken);
        }
        assert_eq!(UNSHARED.load(Relaxed), 1);
        assert_eq!(once.with_rcu(&rcu::read_lock()).copied(), Some(1));
        drop(once);
        assert_eq!(UNSHARED.load(Relaxed), 2);
    }
}
