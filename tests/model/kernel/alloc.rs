// SPDX-License-Identifier: GPL-2.0

//! Allocators and boxes. All memory is of malloc(), which a checker watches.

use crate::init::InPlaceInit;
use core::{
    alloc::Layout,
    ffi::c_void,
    marker::PhantomData,
    ops::Deref,
    pin::Pin,
    ptr::NonNull, //
};
use pin_init::{Init, PinInit};

extern "C" {
    fn aligned_alloc(align: usize, size: usize) -> *mut c_void;
    fn free(ptr: *mut c_void);
}

#[derive(Clone, Copy, Debug)]
pub struct AllocError;

impl From<core::convert::Infallible> for AllocError {
    fn from(never: core::convert::Infallible) -> Self {
        match never {}
    }
}

#[derive(Clone, Copy)]
pub struct Flags;
pub const GFP_KERNEL: Flags = Flags;

pub trait Allocator {}

pub mod allocator {
    pub struct Kmalloc;
    pub struct Vmalloc;
    pub struct KVmalloc;

    impl super::Allocator for Kmalloc {}
    impl super::Allocator for Vmalloc {}
    impl super::Allocator for KVmalloc {}
}

pub(crate) unsafe fn kvfree(ptr: *mut c_void) {
    // SAFETY: As for the kernel's `kvfree()`, callers pass a `ptr` that this allocator has
    // returned.
    unsafe { free(ptr) };
}

/// # Invariants
///
/// The pointer is valid, and the box owns the value and its memory.
pub struct Box<T, A: Allocator>(NonNull<T>, PhantomData<(T, A)>);
pub type KBox<T> = Box<T, allocator::Kmalloc>;

// SAFETY: The box owns the value, so sending the box sends the value.
unsafe impl<T: Send, A: Allocator> Send for Box<T, A> {}
// SAFETY: A shared box gives shared access to the value.
unsafe impl<T: Sync, A: Allocator> Sync for Box<T, A> {}

impl<T, A: Allocator> Box<T, A> {
    pub fn new(value: T, flags: Flags) -> Result<Self, AllocError> {
        let boxed = Self::try_pin_init(Ok::<_, AllocError>(value), flags)?;
        // SAFETY: Nobody relies on it being pinned yet.
        Ok(unsafe { Pin::into_inner_unchecked(boxed) })
    }

    pub fn into_raw(boxed: Self) -> *mut T {
        core::mem::ManuallyDrop::new(boxed).0.as_ptr()
    }

    pub unsafe fn from_raw(ptr: *mut T) -> Self {
        // SAFETY: Callers pass a `ptr` from `into_raw`, which is not null.
        Self(unsafe { NonNull::new_unchecked(ptr) }, PhantomData)
    }
}

impl<T, A: Allocator> From<Box<T, A>> for Pin<Box<T, A>> {
    fn from(boxed: Box<T, A>) -> Self {
        // SAFETY: The value is in memory of its own, and is not moved out of a `Pin`.
        unsafe { Pin::new_unchecked(boxed) }
    }
}

impl<T, A: Allocator> InPlaceInit<T> for Box<T, A> {
    type PinnedSelf = Pin<Self>;

    fn try_pin_init<E>(init: impl PinInit<T, E>, _flags: Flags) -> Result<Pin<Self>, E>
    where
        E: From<AllocError>,
    {
        let layout = Layout::new::<T>().align_to(16).unwrap().pad_to_align();
        // SAFETY: `pad_to_align` makes the size a multiple of the alignment, as `aligned_alloc()`
        // requires.
        let ptr = unsafe { aligned_alloc(layout.align(), layout.size().max(16)) }.cast::<T>();
        if ptr.is_null() {
            return Err(AllocError.into());
        }
        // SAFETY: `ptr` is valid for writes of a `T`, and the value is never moved.
        match unsafe { pin_init::raw_try_init(ptr, init) } {
            // SAFETY: `ptr` points to an initialized `T`, which the box never moves.
            Ok(_) => Ok(unsafe { Pin::new_unchecked(Self::from_raw(ptr)) }),
            Err(error) => {
                // SAFETY: `aligned_alloc()` has returned `ptr`, and nothing else uses the memory.
                unsafe { free(ptr.cast()) };
                Err(error)
            }
        }
    }

    fn try_init<E>(_init: impl Init<T, E>, _flags: Flags) -> Result<Self, E>
    where
        E: From<AllocError>,
    {
        unimplemented!()
    }
}

impl<T, A: Allocator> Deref for Box<T, A> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `self.0` points to a value that is initialized, and that this box owns.
        unsafe { self.0.as_ref() }
    }
}

impl<T, A: Allocator> core::ops::DerefMut for Box<T, A> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: `self.0` points to a value that is initialized, and that this box owns.
        unsafe { self.0.as_mut() }
    }
}

impl<T, A: Allocator> Drop for Box<T, A> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; it is not used after.
        unsafe {
            self.0.drop_in_place();
            free(self.0.as_ptr().cast());
        }
    }
}
