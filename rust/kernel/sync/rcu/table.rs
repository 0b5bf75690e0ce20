// SPDX-License-Identifier: GPL-2.0

//! A table of values by number, in which RCU readers look up values while writers remove them.

use super::{
    ForeignOwnableRcu,
    Guard, //
};
use crate::{
    bindings,
    error::to_result,
    prelude::*,
    types::Opaque, //
};
use core::{
    cell::UnsafeCell,
    marker::PhantomData, //
};

/// A sparse table of owned values by number, which readers search under RCU.
///
/// The table is an XArray. (The `XArray` of the `kernel` crate has no lookup without its lock.) Writers take its lock; readers take no lock. A value that a reader has
/// found stays valid until the end of the reader's critical section, even if a writer removes and
/// drops the value meanwhile: [`ForeignOwnableRcu`] guarantees that.
///
/// # Context
///
/// Drop it in process context. So it must not be the value of an [`RcuBox`](super::RcuBox), whose
/// destructor runs in softirq context: the lock of the table is taken with softirqs enabled.
///
/// # Invariants
///
/// Every entry is a pointer that [`ForeignOwnable::into_foreign`] of a `T` returned, and the table
/// owns that value.
///
/// C header: [`include/linux/xarray.h`](srctree/include/linux/xarray.h)
///
/// [`ForeignOwnable::into_foreign`]: crate::types::ForeignOwnable::into_foreign
///
/// # Examples
///
/// ```
/// use kernel::sync::rcu::{self, Published, RcuFreeKBox, RcuTable};
///
/// let table: Pin<KBox<RcuTable<RcuFreeKBox<Published<u32>>>>> =
///     KBox::pin_init(RcuTable::new(), GFP_KERNEL)?;
/// table.store(7, RcuFreeKBox::new(Published::new(49), GFP_KERNEL)?)?;
///
/// let rcu = rcu::read_lock();
/// let seven = table.load_rcu(7, &rcu);
/// drop(table.remove(7));
/// assert_eq!(seven, Some(&49));
/// assert_eq!(table.load_rcu(7, &rcu), None);
/// # Ok::<(), Error>(())
/// ```
#[pin_data(PinnedDrop)]
pub struct RcuTable<T: ForeignOwnableRcu> {
    #[pin]
    xa: Opaque<bindings::xarray>,
    // Makes the type invariant in `T`, because `store` stores a `T` by a shared reference: a value
    // of a shorter lifetime must not be stored.
    _values: PhantomData<UnsafeCell<T>>,
}

// SAFETY: Sending the table sends the values that it owns, which are `Send`.
unsafe impl<T: ForeignOwnableRcu + Send> Send for RcuTable<T> {}
// SAFETY: A shared table moves values in and out, which are `Send`, and lends them to readers on
// any CPU, which share them: they are `Sync`.
unsafe impl<T: ForeignOwnableRcu + Send + Sync> Sync for RcuTable<T> {}

impl<T: ForeignOwnableRcu> RcuTable<T> {
    /// Returns an initializer of an empty table.
    pub fn new() -> impl PinInit<Self> {
        const {
            assert!(
                T::FOREIGN_ALIGN >= 4,
                "an XArray keeps two bits of a pointer for itself"
            )
        };
        pin_init!(Self {
            xa <- Opaque::ffi_init(|xa| {
                // SAFETY: `xa` is valid for writes: `ffi_init` promises that.
                unsafe { bindings::xa_init_flags(xa, 0) }
            }),
            _values: PhantomData,
        })
    }

    /// Stores a value at `index`, and returns the value that was there.
    ///
    /// Process context; may sleep (`GFP_KERNEL`). Wraps `xa_store()`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`. `value` is dropped then.
    pub fn store(&self, index: usize, value: T) -> Result<Option<T>> {
        let ptr = value.into_foreign();
        // SAFETY: `xa` is initialized. `ptr` is aligned to `FOREIGN_ALIGN`, so its lower two bits
        // are zero, as an entry requires.
        let old = unsafe { bindings::xa_store(self.xa.get(), index, ptr, bindings::GFP_KERNEL) };
        // SAFETY: `xa_store()` returned `old`.
        if let Err(error) = to_result(unsafe { bindings::xa_err(old) }) {
            // SAFETY: `ptr` is from `into_foreign` above, and `xa_store()` did not store it.
            drop(unsafe { T::from_foreign(ptr) });
            return Err(error);
        }
        // SAFETY: By the type invariant, `old` is null, or is from `into_foreign` and its value was
        // owned by the table. The table no longer has it.
        Ok(unsafe { T::try_from_foreign(old) })
    }

    /// Removes the value at `index`, and returns it. Readers may use it until a grace period has
    /// passed.
    ///
    /// Must not be called in an interrupt or in softirq context. Wraps `xa_erase()`.
    pub fn remove(&self, index: usize) -> Option<T> {
        // SAFETY: `xa` is initialized.
        let old = unsafe { bindings::xa_erase(self.xa.get(), index) };
        // SAFETY: By the type invariant, `old` is null, or is from `into_foreign` and its value was
        // owned by the table. The table no longer has it.
        unsafe { T::try_from_foreign(old) }
    }

    /// Returns what a reader sees of the value at `index`: a view or a shared reference. `None` if
    /// there is no value.
    ///
    /// Any context. Wraps `xa_load()`.
    pub fn load_rcu<'a>(&self, index: usize, rcu: &'a Guard) -> Option<T::RcuBorrowed<'a>>
    where
        T: 'a,
    {
        // SAFETY: `xa` is initialized.
        let ptr = unsafe { bindings::xa_load(self.xa.get(), index) };
        if ptr.is_null() {
            return None;
        }
        // SAFETY: By the type invariant, `ptr` is from `into_foreign`. It was in the table in the
        // critical section of `rcu`, and its value is dropped only after it was removed from the
        // table.
        Some(unsafe { T::rcu_borrow(ptr, rcu) })
    }
}

#[pinned_drop]
impl<T: ForeignOwnableRcu> PinnedDrop for RcuTable<T> {
    fn drop(self: Pin<&mut Self>) {
        let mut index = 0;
        loop {
            // SAFETY: `xa` is initialized, and nobody else uses it any more. `index` is valid for
            // reads and writes.
            let entry = unsafe {
                bindings::xa_find(self.xa.get(), &mut index, usize::MAX, bindings::XA_PRESENT)
            };
            if entry.is_null() {
                break;
            }
            drop(self.remove(index));
        }
        // SAFETY: `xa` is initialized, and is not used after this.
        unsafe { bindings::xa_destroy(self.xa.get()) };
    }
}
