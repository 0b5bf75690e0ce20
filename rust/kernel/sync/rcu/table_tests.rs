// SPDX-License-Identifier: GPL-2.0

//! KUnit tests of the table.

use crate::prelude::*;

#[kunit_tests(rust_rcu_table)]
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
            rcu::{
                self,
                CallbackBarrier,
                ForeignOwnableRcu,
                Published,
                RcuBox,
                RcuFreeBox,
                RcuTable, //
            },
            Arc,
            Completion, //
        },
        workqueue,
    };

    const PLACES: usize = 8;
    const ROUNDS: u64 = 400;
    /// How often a reader must have found something, so that there was a race.
    const FINDS: u32 = 1000;

    /// What the thread that reads has seen.
    #[pin_data]
    struct Reader {
        stop: Atomic<u32>,
        found: Atomic<u32>,
        wrong: Atomic<u32>,
        #[pin]
        done: Completion,
    }

    impl Reader {
        fn new() -> Arc<Self> {
            let init = pin_init!(Self {
                stop: Atomic::new(0),
                found: Atomic::new(0),
                wrong: Atomic::new(0),
                done <- Completion::new(),
            });
            Arc::pin_init(init, GFP_KERNEL).unwrap()
        }

        /// Reads what is in the table until it is told to stop.
        fn read<T>(&self, table: &RcuTable<T>, value: impl Fn(&T::RcuBorrowed<'_>) -> u64)
        where
            T: ForeignOwnableRcu,
        {
            while self.stop.load(Relaxed) == 0 {
                for index in 0..PLACES {
                    let guard = rcu::read_lock();
                    let found = table.get(index, &guard);
                    if let Some(found) = found {
                        self.found.add(1, Relaxed);
                        for _ in 0..10 {
                            if value(&found) as usize % PLACES != index {
                                self.wrong.add(1, Relaxed);
                            }
                        }
                    }
                }
            }
            self.done.complete_all();
        }
    }

    /// Stores, replaces and removes while another thread reads; tells whether that saw only what
    /// was in the table.
    fn race<T>(
        make: impl Fn(u64) -> Result<T>,
        value: impl Fn(&T::RcuBorrowed<'_>) -> u64 + Send + 'static,
    ) -> Result<bool>
    where
        T: ForeignOwnableRcu + Send + Sync + 'static,
    {
        let table: Arc<RcuTable<T>> = Arc::pin_init(RcuTable::new(), GFP_KERNEL)?;
        let reader = Reader::new();
        let theirs = (table.clone(), reader.clone());
        workqueue::system_unbound()
            .try_spawn(GFP_KERNEL, move || theirs.1.read(&theirs.0, value))?;
        let mut round = 0;
        let mut in_place = true;
        while round < ROUNDS || reader.found.load(Relaxed) < FINDS {
            for index in 0..PLACES {
                let number = round * PLACES as u64 + index as u64;
                in_place &= table.store(index, make(number)?)?.is_none();
                in_place &= table.store(index, make(number)?)?.is_some();
            }
            for index in 0..PLACES {
                in_place &= table.remove(index).is_some();
            }
            round += 1;
        }
        reader.stop.store(1, Relaxed);
        reader.done.wait_for_completion();
        Ok(in_place && reader.wrong.load(Relaxed) == 0)
    }

    // Hazard 2: readers look up what another thread removes and drops; KASAN would tell if it went
    // too early.
    #[test]
    fn hazard_2_lookup_against_removal() {
        let make =
            |number| RcuFreeBox::<Published<u64>>::pin_init(Published::new(number), GFP_KERNEL);
        assert!(matches!(race(make, |found| **found), Ok(true)));
    }

    /// A number that is another one when it was dropped.
    struct Number(Atomic<u64>);

    impl Drop for Number {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    // Hazard 9: readers look up what another thread drops; a destructor that ran too early changes
    // the number that they see, and KASAN would tell that the box was freed with it.
    #[test]
    fn hazard_9_lookup_against_destructors() {
        // SAFETY: It is dropped at the end of this test.
        let barrier = unsafe { CallbackBarrier::new::<Here>() }.unwrap();
        let token = barrier.token();
        let make = move |number| {
            let number = Number(Atomic::new(number));
            RcuBox::<Number>::pin_init_with_barrier(number, &token, GFP_KERNEL)
        };
        assert!(matches!(
            race(make, |found| found.0.load(Relaxed)),
            Ok(true)
        ));
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
