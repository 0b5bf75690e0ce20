// SPDX-License-Identifier: GPL-2.0

//! Atomics with the kernel's methods.

use core::{cell::UnsafeCell, sync::atomic as std};

pub mod ordering {
    use core::sync::atomic::Ordering as Std;

    pub trait Ordering {
        const STD: Std;
    }

    macro_rules! ordering {
        ($($name:ident $std:ident),*) => {
            $(
                pub struct $name;

                impl Ordering for $name {
                    const STD: Std = Std::$std;
                }
            )*
        };
    }
    ordering!(Relaxed Relaxed, Acquire Acquire, Release Release, Full SeqCst);
}
use ordering::Ordering;

/// What an atomic can have in it.
pub trait Number: Copy {}

#[repr(transparent)]
pub struct Atomic<T: Number>(UnsafeCell<T>);

// SAFETY: All accesses are atomic.
unsafe impl<T: Number> Sync for Atomic<T> {}

impl<T: Number> Atomic<T> {
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }
}

macro_rules! atomic {
    ($($number:ty, $std:ident);*) => {
        $(
            impl Number for $number {}

            impl Atomic<$number> {
                fn std(&self) -> &std::$std {
                    // SAFETY: The pointer is good as long as `self` is.
                    unsafe { std::$std::from_ptr(self.0.get()) }
                }

                pub fn load<O: Ordering>(&self, _: O) -> $number {
                    self.std().load(O::STD)
                }

                pub fn store<O: Ordering>(&self, value: $number, _: O) {
                    self.std().store(value, O::STD)
                }

                pub fn cmpxchg<O: Ordering>(
                    &self,
                    old: $number,
                    new: $number,
                    _: O,
                ) -> Result<$number, $number> {
                    self.std().compare_exchange(old, new, O::STD, std::Ordering::Relaxed)
                }

                pub fn fetch_add<O: Ordering>(&self, value: $number, _: O) -> $number {
                    self.std().fetch_add(value, O::STD)
                }

                pub fn fetch_sub<O: Ordering>(&self, value: $number, _: O) -> $number {
                    self.std().fetch_sub(value, O::STD)
                }
            }
        )*
    };
}
impl<T> Number for *mut T {}

impl<T> Atomic<*mut T> {
    fn std(&self) -> &std::AtomicPtr<T> {
        // SAFETY: The pointer is good as long as `self` is.
        unsafe { std::AtomicPtr::from_ptr(self.0.get()) }
    }

    pub fn load<O: Ordering>(&self, _: O) -> *mut T {
        self.std().load(O::STD)
    }

    pub fn xchg<O: Ordering>(&self, value: *mut T, _: O) -> *mut T {
        self.std().swap(value, O::STD)
    }
}

atomic!(u32, AtomicU32; u64, AtomicU64; usize, AtomicUsize);
