// SPDX-License-Identifier: GPL-2.0

//! Bindings.

#![allow(missing_docs, unreachable_pub, non_camel_case_types)]

pub use ::kernel::bindings::*;

/// The head by which `kvfree_call_rcu()` queues memory.
pub type kvfree_rcu_head = callback_head;

// The shims of `helpers.c`.
unsafe extern "C" {
    #[link_name = "rust_helper_spin_lock_irq_disable"]
    pub fn spin_lock_irq_disable(lock: *mut spinlock_t);

    #[link_name = "rust_helper_spin_unlock_irq_enable"]
    pub fn spin_unlock_irq_enable(lock: *mut spinlock_t);

    #[link_name = "rust_helper_spin_trylock_irq_disable"]
    pub fn spin_trylock_irq_disable(lock: *mut spinlock_t) -> ::kernel::ffi::c_int;
}
