// SPDX-License-Identifier: GPL-2.0

//! Owners and readers of the RCU boxes at once.
//!
//! The tests check little themselves: it is the checker that they run under which reports a race, a
//! broken rule of aliasing, or memory that is used when it is freed. They share one RCU, and so run
//! one after the other.

use crate::{
    module::{ModuleMetadata, ThisModule},
    prelude::*,
    rcu_view,
    sync::{
        atomic::{
            ordering::{Acquire, Relaxed},
            Atomic, //
        },
        rcu::{
            self,
            CallbackBarrier,
            ForeignOwnableRcu,
            Published,
            Rcu,
            RcuFreeKBox,
            RcuFreeSafe,
            RcuKBox,
            RcuOnce,
            RcuTable, //
        },
        Arc, //
    },
    types::ForeignOwnable,
};
use std::{
    sync::{Mutex, MutexGuard},
    thread, //
};

/// How often a race is tried.
const ROUNDS: u64 = if cfg!(miri) { 10 } else { 2000 };

/// One test at a time; nothing is left queued behind one.
struct Alone(#[allow(dead_code)] MutexGuard<'static, ()>);

fn alone() -> Alone {
    static TESTS: Mutex<()> = Mutex::new(());
    Alone(TESTS.lock().unwrap_or_else(|error| error.into_inner()))
}

impl Drop for Alone {
    fn drop(&mut self) {
        rcu::rcu_barrier();
        assert_eq!(rcu::queued(), 0);
    }
}

struct Here;

impl ModuleMetadata for Here {
    const NAME: &'static CStr = c"model";
    // SAFETY: The pointer is null, as `THIS_MODULE` of built-in code is.
    const THIS_MODULE: ThisModule = unsafe { ThisModule::from_ptr(core::ptr::null_mut()) };
}

fn barrier() -> CallbackBarrier {
    // SAFETY: Every test drops the barrier, and this program is never unloaded.
    unsafe { CallbackBarrier::new::<Here>() }.unwrap()
}

/// A composition with fields of the owner's alone.
#[pin_data]
struct Device {
    #[pin]
    id: Published<u32>,
    #[pin]
    late: RcuOnce<Published<u64>>,
    opened: Atomic<u32>,
    registers: usize,
}

rcu_view! {
    struct DeviceView of Device {
        id: Published<u32>,
        late: RcuOnce<Published<u64>>,
        ..opened,
        ..registers
    }
}

fn device(id: u32) -> RcuFreeKBox<Device> {
    let init = try_pin_init!(Device {
        id <- Published::new(id),
        late <- RcuOnce::new(),
        opened: Atomic::new(0),
        registers: 0x1000,
    });
    RcuFreeKBox::pin_init::<Error>(init, GFP_KERNEL).unwrap()
}

type Devices = RcuTable<RcuFreeKBox<Device>>;

/// Looks at a device as long as there is one, and tells how often there was.
fn look(devices: &Devices) -> u32 {
    let mut seen = 0;
    loop {
        let guard = rcu::read_lock();
        let Some(view) = devices.load_rcu(0, &guard) else {
            return seen;
        };
        assert_eq!(*view.id, 7);
        if let Some(late) = view.late {
            assert_eq!(*late, 8);
        }
        seen += 1;
    }
}

// Hazards 2, 8 and 24: a reader makes a view while the owner changes what is its own, populates a
// part, and drops the box.
#[test]
fn view_beside_the_owner() {
    let _alone = alone();
    for _ in 0..ROUNDS {
        let devices = KBox::pin_init(Devices::new(), GFP_KERNEL).unwrap();
        let devices: &Devices = &devices;
        let owned = device(7);
        thread::scope(|threads| {
            let owned: &Device = {
                let ptr = owned.into_foreign();
                // SAFETY: `ptr` is from `into_foreign`. The table owns the device until the removal
                // below.
                devices
                    .store(0, unsafe { ForeignOwnable::from_foreign(ptr) })
                    .unwrap();
                // SAFETY: `ptr` is from `into_foreign`, and the borrow ends before the removal
                // below.
                unsafe { <RcuFreeKBox<Device> as ForeignOwnable>::borrow(ptr) }.get_ref()
            };
            threads.spawn(|| look(devices));
            owned.opened.fetch_add(1, Relaxed);
            let part = RcuFreeKBox::new(Published::new(8), GFP_KERNEL).unwrap();
            assert!(owned.late.populate(part));
            assert_eq!((owned.opened.load(Relaxed), owned.registers), (1, 0x1000));
            drop(devices.remove(0));
            rcu::rcu_barrier();
        });
    }
}

// Hazard 8: what is foreign is borrowed by its owner while a reader has a view.
#[test]
fn view_beside_a_foreign_borrow() {
    let _alone = alone();
    for _ in 0..ROUNDS {
        let ptr = device(7).into_foreign();
        let address = ptr.expose_provenance();
        let reader = thread::spawn(move || {
            let guard = rcu::read_lock();
            let ptr = core::ptr::with_exposed_provenance_mut(address);
            // SAFETY: `ptr` is from `into_foreign`. The box is dropped after this thread has ended.
            *unsafe { <RcuFreeKBox<Device>>::rcu_borrow(ptr, &guard) }.id
        });
        // SAFETY: `ptr` is from `into_foreign`. The box is dropped later, and this is its only
        // borrow.
        let owned = unsafe { <RcuFreeKBox<Device> as ForeignOwnable>::borrow_mut(ptr) };
        owned.opened.fetch_add(1, Relaxed);
        assert_eq!(reader.join().unwrap(), 7);
        // SAFETY: `ptr` is from `into_foreign`, and is passed back once.
        drop(unsafe { <RcuFreeKBox<Device>>::from_foreign(ptr) });
        rcu::rcu_barrier();
    }
}

/// A number that is another one when it was dropped.
struct Number(Atomic<u64>);

impl Drop for Number {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

// Hazard 9: readers look up what is replaced and dropped with a destructor.
#[test]
fn lookup_against_destructors() {
    let _alone = alone();
    let barrier = barrier();
    let token = barrier.token();
    let table: Pin<KBox<RcuTable<RcuKBox<Number>>>> =
        KBox::pin_init(RcuTable::new(), GFP_KERNEL).unwrap();
    let table: &RcuTable<RcuKBox<Number>> = &table;
    let number =
        || RcuKBox::pin_init_with_barrier(Number(Atomic::new(2)), &token, GFP_KERNEL).unwrap();
    drop(table.store(1, number()).unwrap());
    thread::scope(|threads| {
        threads.spawn(|| loop {
            let guard = rcu::read_lock();
            let Some(found) = table.load_rcu(1, &guard) else {
                break;
            };
            assert_eq!(found.0.load(Relaxed), 2);
        });
        for _ in 0..ROUNDS {
            drop(table.store(1, number()).unwrap());
            rcu::rcu_barrier();
        }
        drop(table.remove(1));
    });
    drop(barrier);
}

// Hazards 2 and 9: readers look at what two threads replace and drop, with and without a destructor,
// and at what is in a box that is dropped.
#[test]
fn look_against_replacing() {
    let _alone = alone();
    let barrier = barrier();
    let token = barrier.token();
    let plain = |number| RcuFreeKBox::new(Published::new(number), GFP_KERNEL).unwrap();
    let number =
        || RcuKBox::pin_init_with_barrier(Number(Atomic::new(2)), &token, GFP_KERNEL).unwrap();
    let inside: Rcu<RcuFreeKBox<Rcu<RcuFreeKBox<Published<u64>>>>> =
        Rcu::new(RcuFreeKBox::new(Rcu::new(plain(1)), GFP_KERNEL).unwrap());
    let with_destructor: Rcu<RcuKBox<Number>> = Rcu::new(number());
    thread::scope(|threads| {
        threads.spawn(|| {
            for _ in 0..ROUNDS {
                let guard = rcu::read_lock();
                assert!((1..4).contains(inside.dereference(&guard)));
                assert_eq!(with_destructor.dereference(&guard).0.load(Relaxed), 2);
            }
        });
        threads.spawn(|| {
            for _ in 0..ROUNDS {
                let outer = RcuFreeKBox::new(Rcu::new(plain(2)), GFP_KERNEL).unwrap();
                let old = inside.replace(outer);
                drop(old.replace(plain(3)));
                drop(old);
                drop(with_destructor.replace(number()));
            }
        });
        for _ in 0..ROUNDS {
            drop(with_destructor.replace(number()));
            rcu::rcu_barrier();
        }
    });
    drop((inside, with_destructor));
    drop(barrier);
}

/// Counts how often it was dropped.
struct Noisy(&'static Atomic<u32>);

impl Drop for Noisy {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

// Hazard 9: the barrier waits for what destructors drop.
#[test]
fn barrier_waits_for_boxes_in_boxes() {
    static DROPPED: Atomic<u32> = Atomic::new(0);

    let _alone = alone();
    let barrier = barrier();
    let token = barrier.token();
    let noisy = || RcuKBox::pin_init_with_barrier(Noisy(&DROPPED), &token, GFP_KERNEL).unwrap();
    let inner: RcuKBox<RcuKBox<Noisy>> =
        RcuKBox::pin_init_with_barrier(noisy(), &token, GFP_KERNEL).unwrap();
    let nested: RcuKBox<RcuKBox<RcuKBox<Noisy>>> =
        RcuKBox::pin_init_with_barrier(inner, &token, GFP_KERNEL).unwrap();
    let last = Arc::new(noisy(), GFP_KERNEL).unwrap();
    let referring: RcuKBox<Arc<RcuKBox<Noisy>>> =
        RcuKBox::pin_init_with_barrier(last.clone(), &token, GFP_KERNEL).unwrap();
    drop(nested);
    drop(last);
    thread::spawn(move || drop(referring)).join().unwrap();
    drop(barrier);
    assert_eq!(DROPPED.load(Acquire), 2);
    assert_eq!(rcu::queued(), 0);
}

// A part that came late is unshared with the whole, and dropped in another box.
#[test]
fn once_in_each_box() {
    let _alone = alone();
    let barrier = barrier();
    let token = barrier.token();
    let part = || RcuFreeKBox::new(Published::new(9), GFP_KERNEL).unwrap();
    let free: RcuFreeKBox<RcuOnce<Published<u32>>> =
        RcuFreeKBox::pin_init(RcuOnce::new(), GFP_KERNEL).unwrap();
    let with_destructor: RcuKBox<RcuOnce<Published<u32>>> =
        RcuKBox::pin_init_with_barrier(RcuOnce::new(), &token, GFP_KERNEL).unwrap();
    let plain = KBox::pin_init(RcuOnce::<Published<u32>>::new(), GFP_KERNEL).unwrap();
    for once in [&*free, &*with_destructor, &*plain] {
        assert!(once.populate(part()));
        assert!(!once.populate(part()));
    }
    assert_eq!(free.with_rcu(&rcu::read_lock()), Some(&9));
    drop((free, with_destructor, plain));
    drop(barrier);
}

/// What a composition borrows, and a part of any type.
#[pin_data]
struct Pair<'x, T: RcuFreeSafe, const N: usize> {
    #[pin]
    first: Published<&'x u64>,
    #[pin]
    second: T,
    rest: [u8; N],
}

rcu_view! {
    impl{'x, T: RcuFreeSafe, const N: usize}
    struct PairView<'x, T, N> of Pair<'x, T, N> {
        first: Published<&'x u64>,
        second: T,
        ..rest
    }
}

#[test]
fn composition_with_parameters() {
    let _alone = alone();
    let number = &KBox::pin_init(5, GFP_KERNEL).unwrap();
    let number: &u64 = number;
    let pair: RcuFreeKBox<Pair<'_, Published<u32>, 3>> = RcuFreeKBox::pin_init(
        pin_init!(Pair {
            first <- Published::new(number),
            second <- Published::new(6),
            rest: [0; 3],
        }),
        GFP_KERNEL,
    )
    .unwrap();
    let guard = rcu::read_lock();
    let view = pair.with_rcu(&guard);
    assert_eq!((**view.first, *view.second, pair.rest.len()), (5, 6, 3));
}
