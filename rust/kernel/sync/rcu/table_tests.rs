// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of the table.

use crate::prelude::*;

#[kunit_tests(rust_rcu_table)]
mod cases {
    use super::super::fixtures::{
        Here,
        Number,
        Probe,
        Reader, //
    };
    use crate::{
        prelude::*,
        sync::{
            atomic::{
                ordering::Relaxed,
                Atomic, //
            },
            rcu::{
                self,
                CallbackBarrier,
                ForeignOwnableRcu,
                Published,
                RcuFreeKBox,
                RcuKBox,
                RcuTable, //
            },
            Arc, //
        },
    };

    const PLACES: usize = 8;
    const ROUNDS: u64 = 400;
    /// How often a reader must have found a value, so that there was a race.
    const FINDS: u32 = 1000;

    /// Stores, replaces and removes values while another thread reads. Returns whether that thread
    /// saw only values that were in the table.
    fn race<T>(
        make: impl Fn(u64) -> Result<T>,
        value: impl Fn(&T::RcuBorrowed<'_>) -> u64 + Send + 'static,
    ) -> Result<bool>
    where
        T: ForeignOwnableRcu + Send + Sync + 'static,
    {
        let table: Arc<RcuTable<T>> = Arc::pin_init(RcuTable::new(), GFP_KERNEL)?;
        let theirs = table.clone();
        let mut index = 0;
        let reader = Reader::start(move || {
            index = (index + 1) % PLACES;
            let guard = rcu::read_lock();
            let found = theirs.load_rcu(index, &guard)?;
            Some((0..10).all(|_| value(&found) as usize % PLACES == index))
        })?;
        let mut round = 0;
        let mut in_place = true;
        while round < ROUNDS || reader.found() < FINDS {
            for index in 0..PLACES {
                let number = round * PLACES as u64 + index as u64;
                // Made first: the store into an XArray is a call under its spinlock.
                let (first, second) = (make(number)?, make(number)?);
                in_place &= table.store(index, first)?.is_none();
                in_place &= table.store(index, second)?.is_some();
            }
            for index in 0..PLACES {
                in_place &= table.remove(index).is_some();
            }
            round += 1;
        }
        Ok(reader.stop() && in_place)
    }

    // Hazard 2: readers look up values that another thread removes and drops. KASAN would report a
    // value that was freed too early.
    #[test]
    fn hazard_2_lookup_against_removal() {
        let make =
            |number| RcuFreeKBox::<Published<u64>>::pin_init(Published::new(number), GFP_KERNEL);
        assert!(matches!(race(make, |found| **found), Ok(true)));
    }

    // Hazard 9: readers look up values that another thread drops. A destructor that ran too early
    // would change the number that a reader sees, and KASAN would report that the box was freed.
    #[test]
    fn hazard_9_lookup_against_destructors() {
        // SAFETY: The barrier is dropped at the end of this test.
        let barrier = unsafe { CallbackBarrier::new::<Here>() }.unwrap();
        let token = barrier.token();
        let make = move |number| {
            let number = Number(Atomic::new(number));
            RcuKBox::<Number>::pin_init_with_barrier(number, &token, GFP_KERNEL)
        };
        assert!(matches!(
            race(make, |found| found.0.load(Relaxed)),
            Ok(true)
        ));
    }

    #[test]
    fn table_owns_what_is_in_it() {
        static UNSHARED: Atomic<u32> = Atomic::new(0);

        let table: Pin<KBox<RcuTable<RcuFreeKBox<Probe>>>> =
            KBox::pin_init(RcuTable::new(), GFP_KERNEL).unwrap();
        for index in [0, 5, 1 << 40, usize::MAX] {
            let probe = RcuFreeKBox::pin_init(Probe::new(1, &UNSHARED), GFP_KERNEL).unwrap();
            assert!(table.store(index, probe).unwrap().is_none());
        }
        let probe = RcuFreeKBox::pin_init(Probe::new(2, &UNSHARED), GFP_KERNEL).unwrap();
        assert!(table.store(5, probe).unwrap().is_some());
        assert_eq!(UNSHARED.load(Relaxed), 1);
        drop(table);
        assert_eq!(UNSHARED.load(Relaxed), 5);
    }
}
