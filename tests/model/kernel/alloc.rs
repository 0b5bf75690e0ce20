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
    // SAFETY: As the caller promises.
    unsafe { free(ptr) };
}

/// # Invariants
///
/// The pointer is that of a value in memory of its own.
pub struct Box<T, A: Allocator>(NonNull<T>, PhantomData<(T, A)>);
pub type KBox<T> = Box<T, allocator::Kmalloc>;

// SAFETY: The box owns the value.
unsafe impl<T: Send, A: Allocator> Send for Box<T, A> {}
// SAFETY: A shared box gives shared access to the value.
unsafe impl<T: Sync, A: Allocator> Sync for Box<T, A> {}

impl<T, A: Allocator> Box<T, A> {
    pub fn into_raw(boxed: Self) -> *mut T {
        core::mem::ManuallyDrop::new(boxed).0.as_ptr()
    }

    pub unsafe fn from_raw(ptr: *mut T) -> Self {
        // SAFETY: As the caller promises.
        Self(unsafe { NonNull::new_unchecked(ptr) }, PhantomData)
    }
}

impl<T, A: Allocator> InPlaceInit<T> for Box<T, A> {
    type PinnedSelf = Pin<Self>;

    fn try_pin_init<E>(init: impl PinInit<T, E>, _flags: Flags) -> Result<Pin<Self>, E>
    where
        E: From<AllocError>,
    {
        let layout = Layout::new::<T>().align_to(16).unwrap().pad_to_align();
        // SAFETY: The size is a multiple of the alignment.
        let ptr = unsafe { aligned_alloc(layout.align(), layout.size().max(16)) }.cast::<T>();
        if ptr.is_null() {
            return Err(AllocError.into());
        }
        // SAFETY: The memory is valid for a `T`, and stays where it is.
        match unsafe { pin_init::raw_try_init(ptr, init) } {
            // SAFETY: It is initialised, and never moved.
            Ok(_) => Ok(unsafe { Pin::new_unchecked(Self::from_raw(ptr)) }),
            Err(error) => {
                // SAFETY: It was allocated above.
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
        // SAFETY: By the type invariant.
        unsafe { self.0.as_ref() }
    }
}

impl<T, A: Allocator> core::ops::DerefMut for Box<T, A> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the type invariant.
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
