// SPDX-License-Identifier: GPL-2.0

//! Values by number, which RCU readers look up while others remove them.

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

/// A sparse table of owned values, searched under RCU.
///
/// It is an XArray, whose writers exclude each other by its own lock and whose readers take none.
/// What a reader has found stays until the end of its critical section, also if the value is
/// removed and dropped meanwhile: that is what [`ForeignOwnableRcu`] is for.
///
/// # Context
///
/// Drop it in process context, so not as the value of an [`RcuBox`](super::RcuBox): softirqs are on
/// where its lock is taken.
///
/// # Invariants
///
/// Every entry is a pointer that [`ForeignOwnable::into_foreign`] of `T` returned, and whose value
/// the table owns.
///
/// C header: [`include/linux/xarray.h`](srctree/include/linux/xarray.h)
///
/// [`ForeignOwnable::into_foreign`]: crate::types::ForeignOwnable::into_foreign
///
/// # Examples
///
/// ```
/// use kernel::sync::rcu::{self, Published, RcuFreeBox, RcuTable};
///
/// let table: Pin<KBox<RcuTable<RcuFreeBox<Published<u32>>>>> =
///     KBox::pin_init(RcuTable::new(), GFP_KERNEL)?;
/// table.store(7, RcuFreeBox::pin_init(Published::new(49), GFP_KERNEL)?)?;
///
/// let rcu = rcu::read_lock();
/// let seven = table.get(7, &rcu);
/// drop(table.remove(7));
/// assert_eq!(seven, Some(&49));
/// assert_eq!(table.get(7, &rcu), None);
/// # Ok::<(), Error>(())
/// ```
#[pin_data(PinnedDrop)]
pub struct RcuTable<T: ForeignOwnableRcu> {
    #[pin]
    xa: Opaque<bindings::xarray>,
    // Invariant in `T`, like anything into which a shared reference puts values: one that lives
    // for a shorter time must not get in.
    _values: PhantomData<UnsafeCell<T>>,
}

// SAFETY: Sending the table sends the values that it owns.
unsafe impl<T: ForeignOwnableRcu + Send> Send for RcuTable<T> {}
// SAFETY: A shared table takes and gives values, and lends them to readers on any CPU.
unsafe impl<T: ForeignOwnableRcu + Send + Sync> Sync for RcuTable<T> {}

impl<T: ForeignOwnableRcu> RcuTable<T> {
    /// Returns an initialiser for an empty table.
    pub fn new() -> impl PinInit<Self> {
        const {
            assert!(
                T::FOREIGN_ALIGN >= 4,
                "an XArray keeps two bits of a pointer for itself"
            )
        };
        pin_init!(Self {
            xa <- Opaque::ffi_init(|xa| {
                // SAFETY: `xa` is valid for writes.
                unsafe { bindings::xa_init_flags(xa, 0) }
            }),
            _values: PhantomData,
        })
    }

    /// Puts a value in place `index`, and returns the one that was there.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; the value is dropped then.
    ///
    /// # Context
    ///
    /// Process context; sleeps (`GFP_KERNEL`).
    pub fn store(&self, index: usize, value: T) -> Result<Option<T>> {
        let ptr = value.into_foreign();
        // SAFETY: The array is initialised. The pointer is aligned as an entry must be.
        let old = unsafe { bindings::xa_store(self.xa.get(), index, ptr, bindings::GFP_KERNEL) };
        // SAFETY: `old` is what `xa_store()` returned.
        if let Err(error) = to_result(unsafe { bindings::xa_err(old) }) {
            // SAFETY: It was made above, and the array did not take it.
            drop(unsafe { T::from_foreign(ptr) });
            return Err(error);
        }
        // SAFETY: By the type invariant it is null, or a value that the table owned until now.
        Ok(unsafe { T::try_from_foreign(old) })
    }

    /// Takes the value out of place `index`. Readers may have it until a grace period has passed.
    ///
    /// Not in an interrupt.
    pub fn remove(&self, index: usize) -> Option<T> {
        // SAFETY: The array is initialised.
        let old = unsafe { bindings::xa_erase(self.xa.get(), index) };
        // SAFETY: By the type invariant it is null, or a value that the table owned until now.
        unsafe { T::try_from_foreign(old) }
    }

    /// Returns what a reader sees of the value in place `index`. Any context.
    pub fn get<'a>(&self, index: usize, rcu: &'a Guard) -> Option<T::RcuBorrowed<'a>>
    where
        T: 'a,
    {
        // SAFETY: The array is initialised.
        let ptr = unsafe { bindings::xa_load(self.xa.get(), index) };
        if ptr.is_null() {
            return None;
        }
        // SAFETY: By the type invariant it came from `into_foreign`. It was in the table in the
        // critical section of `rcu`, and is given back only after it was taken out.
        Some(unsafe { T::rcu_borrow(ptr, rcu) })
    }
}

#[pinned_drop]
impl<T: ForeignOwnableRcu> PinnedDrop for RcuTable<T> {
    fn drop(self: Pin<&mut Self>) {
        let mut index = 0;
        loop {
            // SAFETY: The array is initialised, and nobody else has it any more.
            let entry = unsafe {
                bindings::xa_find(self.xa.get(), &mut index, usize::MAX, bindings::XA_PRESENT)
            };
            if entry.is_null() {
                break;
            }
            drop(self.remove(index));
        }
        // SAFETY: The array is initialised, and not used after.
        unsafe { bindings::xa_destroy(self.xa.get()) };
    }
}
