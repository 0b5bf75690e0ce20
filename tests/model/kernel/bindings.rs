// SPDX-License-Identifier: GPL-2.0

//! The C functions that the boxes call, in user space.

#![allow(non_camel_case_types)]

pub use crate::rcu::{
    call_rcu,
    callback_head,
    kvfree_call_rcu,
    kvfree_rcu_head, //
};
use core::{
    ffi::{
        c_int,
        c_ulong,
        c_void, //
    },
    ptr::null_mut,
    sync::atomic::{
        AtomicPtr,
        Ordering::*, //
    }, //
};

pub const GFP_KERNEL: u32 = 0;
pub const XA_PRESENT: u32 = 0;

pub struct module {
    _opaque: [u8; 0],
}

/// A shim: all text belongs to the module whose pointer is null.
pub unsafe fn module_text(module: *mut module, start: *mut usize) -> usize {
    // SAFETY: `start` is valid for writes, as the caller of the shim ensures.
    unsafe { *start = 0 };
    if module.is_null() {
        usize::MAX
    } else {
        0
    }
}

/// An array of 16 places. As in the kernel, a store is a release, and a lookup an acquire.
pub struct xarray([AtomicPtr<c_void>; 16]);

pub unsafe fn xa_init_flags(xa: *mut xarray, _flags: u32) {
    // SAFETY: `xa` is valid for writes, as the caller of `xa_init_flags()` ensures.
    unsafe { xa.write(xarray([const { AtomicPtr::new(null_mut()) }; 16])) };
}

unsafe fn place<'a>(xa: *mut xarray, index: c_ulong) -> &'a AtomicPtr<c_void> {
    // SAFETY: `xa` points to an initialized array, as the callers of all functions below ensure.
    unsafe { &(*xa).0[index as usize] }
}

pub unsafe fn xa_store(xa: *mut xarray, index: usize, ptr: *mut c_void, _: u32) -> *mut c_void {
    // SAFETY: `xa` points to an initialized array, as the caller of `xa_store()` ensures.
    unsafe { place(xa, index as c_ulong) }.swap(ptr, AcqRel)
}

pub unsafe fn xa_erase(xa: *mut xarray, index: usize) -> *mut c_void {
    // SAFETY: `xa` points to an initialized array, as the caller of `xa_erase()` ensures.
    unsafe { place(xa, index as c_ulong) }.swap(null_mut(), AcqRel)
}

pub unsafe fn xa_load(xa: *mut xarray, index: usize) -> *mut c_void {
    // SAFETY: `xa` points to an initialized array, as the caller of `xa_load()` ensures.
    unsafe { place(xa, index as c_ulong) }.load(Acquire)
}

pub unsafe fn xa_find(xa: *mut xarray, index: *mut usize, _max: usize, _: u32) -> *mut c_void {
    for at in 0..16 {
        // SAFETY: `xa` points to an initialized array, as the caller of `xa_find()` ensures.
        let ptr = unsafe { xa_load(xa, at) };
        if !ptr.is_null() {
            // SAFETY: `index` is valid for writes, as the caller of `xa_find()` ensures.
            unsafe { *index = at };
            return ptr;
        }
    }
    null_mut()
}

pub unsafe fn xa_err(_entry: *mut c_void) -> c_int {
    0
}

pub unsafe fn xa_destroy(_xa: *mut xarray) {}
