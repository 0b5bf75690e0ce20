// SPDX-License-Identifier: GPL-2.0

//! The C side.

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

/// All text is that of the module whose pointer is null.
pub unsafe fn module_text(module: *mut module, start: *mut usize) -> usize {
    // SAFETY: As the caller promises.
    unsafe { *start = 0 };
    if module.is_null() {
        usize::MAX
    } else {
        0
    }
}

/// An array of few places. As with the kernel's, what a lookup finds was stored by a release.
pub struct xarray([AtomicPtr<c_void>; 16]);

pub unsafe fn xa_init_flags(xa: *mut xarray, _flags: u32) {
    // SAFETY: As the caller promises.
    unsafe { xa.write(xarray([const { AtomicPtr::new(null_mut()) }; 16])) };
}

unsafe fn place<'a>(xa: *mut xarray, index: c_ulong) -> &'a AtomicPtr<c_void> {
    // SAFETY: As the caller promises.
    unsafe { &(*xa).0[index as usize] }
}

pub unsafe fn xa_store(xa: *mut xarray, index: usize, ptr: *mut c_void, _: u32) -> *mut c_void {
    // SAFETY: As the caller promises.
    unsafe { place(xa, index as c_ulong) }.swap(ptr, AcqRel)
}

pub unsafe fn xa_erase(xa: *mut xarray, index: usize) -> *mut c_void {
    // SAFETY: As the caller promises.
    unsafe { place(xa, index as c_ulong) }.swap(null_mut(), AcqRel)
}

pub unsafe fn xa_load(xa: *mut xarray, index: usize) -> *mut c_void {
    // SAFETY: As the caller promises.
    unsafe { place(xa, index as c_ulong) }.load(Acquire)
}

pub unsafe fn xa_find(xa: *mut xarray, index: *mut usize, _max: usize, _: u32) -> *mut c_void {
    for at in 0..16 {
        // SAFETY: As the caller promises.
        let ptr = unsafe { xa_load(xa, at) };
        if !ptr.is_null() {
            // SAFETY: As the caller promises.
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
