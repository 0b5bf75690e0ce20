// SPDX-License-Identifier: GPL-2.0

//! RCU in user space.
//!
//! It orders what the kernel's RCU guarantees, and tries to order no more, so that a checker of
//! data races sees what the kernel would not order: beginning a critical section acquires nothing.
//! Callbacks run only when a barrier asks for them, which is as lazy as can be; callbacks that
//! callbacks queue are not waited for, as in the kernel.

#![allow(non_camel_case_types)]

use core::{
    cell::Cell,
    ffi::c_void,
    marker::PhantomData,
    sync::atomic::{
        fence,
        AtomicUsize,
        Ordering::*, //
    },
};
use std::{sync::Mutex, thread};

const THREADS: usize = 64;

/// For each thread a number, odd in a critical section.
static SECTIONS: [AtomicUsize; THREADS] = [const { AtomicUsize::new(0) }; THREADS];
/// Which of these threads have: all from the first number on, and those that threads have left.
static FREE: Mutex<(usize, Vec<usize>)> = Mutex::new((0, Vec::new()));

/// The number of a thread in `SECTIONS`.
struct Mine(usize);

impl Mine {
    fn new() -> Self {
        let (next, left) = &mut *FREE.lock().unwrap();
        Self(left.pop().unwrap_or_else(|| {
            *next += 1;
            *next - 1
        }))
    }

    fn section(&self) -> &'static AtomicUsize {
        &SECTIONS[self.0]
    }
}

impl Drop for Mine {
    fn drop(&mut self) {
        FREE.lock().unwrap().1.push(self.0);
    }
}

thread_local! {
    static MINE: Mine = Mine::new();
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Orders the store before it with the load behind it.
fn smp_mb() {
    fence(SeqCst);
}

pub struct Guard(PhantomData<*mut ()>);

pub fn read_lock() -> Guard {
    if DEPTH.replace(DEPTH.get() + 1) == 0 {
        let section = MINE.with(Mine::section);
        section.store(section.load(Relaxed) + 1, Relaxed);
        smp_mb();
    }
    Guard(PhantomData)
}

impl Drop for Guard {
    fn drop(&mut self) {
        if DEPTH.replace(DEPTH.get() - 1) == 1 {
            let section = MINE.with(Mine::section);
            section.store(section.load(Relaxed) + 1, Release);
        }
    }
}

pub fn synchronize_rcu() {
    smp_mb();
    for section in &SECTIONS {
        let number = section.load(Acquire);
        while number % 2 == 1 && section.load(Acquire) == number {
            thread::yield_now();
        }
    }
    smp_mb();
}

#[repr(C)]
pub struct callback_head {
    pub next: *mut callback_head,
    pub func: Option<unsafe extern "C" fn(*mut callback_head)>,
}

#[repr(C)]
pub struct kvfree_rcu_head {
    _head: callback_head,
}

/// What waits for a grace period.
enum Queued {
    Call(*mut callback_head, unsafe extern "C" fn(*mut callback_head)),
    Free(*mut c_void),
}

// SAFETY: A callback may run on any thread, as on any CPU in the kernel.
unsafe impl Send for Queued {}

static QUEUE: Mutex<Vec<Queued>> = Mutex::new(Vec::new());

pub unsafe fn call_rcu(
    head: *mut callback_head,
    func: Option<unsafe extern "C" fn(*mut callback_head)>,
) {
    // As in the kernel, the head is in use while it is queued.
    // SAFETY: `head` is valid for writes until the callback runs, as the caller of `call_rcu()`
    // ensures.
    unsafe { (*head).next = core::ptr::null_mut() };
    QUEUE
        .lock()
        .unwrap()
        .push(Queued::Call(head, func.unwrap()));
}

pub unsafe fn kvfree_call_rcu(_head: *mut kvfree_rcu_head, ptr: *mut c_void) {
    QUEUE.lock().unwrap().push(Queued::Free(ptr));
}

/// Waits for what was queued before the call, in a thread that has nothing to do with the caller's.
pub fn rcu_barrier() {
    let queue = core::mem::take(&mut *QUEUE.lock().unwrap());
    let softirq = thread::spawn(move || {
        synchronize_rcu();
        for queued in queue {
            // SAFETY: A grace period has passed since it was queued.
            match queued {
                Queued::Call(head, func) => unsafe { func(head) },
                Queued::Free(ptr) => unsafe { crate::alloc::kvfree(ptr) },
            }
        }
    });
    softirq.join().unwrap();
}

/// How many are queued, which the kernel would not tell.
pub fn queued() -> usize {
    QUEUE.lock().unwrap().len()
}
