// SPDX-License-Identifier: GPL-2.0

//! Memory that is shared although a `Pin<&mut _>` to it exists.

use crate::prelude::*;
use core::{
    cell::UnsafeCell,
    marker::PhantomPinned, //
};

/// A value that readers may reach while a mutable reference to what contains it exists.
///
/// A `&mut` promises the compiler that nothing else reaches the memory behind it. That promise is
/// not made for a type that is not [`Unpin`]: a `Pin<&mut T>` to it is passed without `noalias`.
/// This type is not [`Unpin`], and neither is a type that has it as a field. What readers reach of
/// a value in an [`RcuFreeBox`](super::RcuFreeBox) must be in fields of this type; wrapping the
/// whole value from the outside would not do, since [`RcuFreeSafe::drop_before_gp`] is given the
/// value itself.
///
/// Its destructor is that of `T`, run when what contains it is dropped. An
/// [`RcuFreeBox`](super::RcuFreeBox) runs none, and refuses a value that has one: put it into a
/// `ManuallyDrop`.
///
/// It does what `core::pin::UnsafePinned` will do when modules may use it.
///
/// # Examples
///
/// ```
/// use kernel::sync::rcu::UnsafePinned;
///
/// #[pin_data]
/// struct Channel {
///     /// Readers have it.
///     #[pin]
///     number: UnsafePinned<u32>,
///     /// The owner's alone.
///     sent: u32,
/// }
///
/// impl Channel {
///     fn send(self: Pin<&mut Self>) {
///         *self.project().sent += 1;
///     }
/// }
///
/// let mut channel = KBox::pin_init(
///     pin_init!(Channel {
///         number: UnsafePinned::new(7),
///         sent: 0,
///     }),
///     GFP_KERNEL,
/// )?;
/// // SAFETY: It is initialised, there for as long as the reference is used, and never written.
/// let reader = unsafe { &*channel.number.get() };
/// // The `Pin<&mut Channel>` that this makes would claim a plain `u32` for itself.
/// channel.as_mut().send();
/// assert_eq!((*reader, channel.sent), (7, 1));
/// # Ok::<(), Error>(())
/// ```
///
/// [`RcuFreeSafe::drop_before_gp`]: super::RcuFreeSafe::drop_before_gp
#[repr(transparent)]
pub struct UnsafePinned<T: ?Sized> {
    _pin: PhantomPinned,
    value: UnsafeCell<T>,
}

// SAFETY: A shared reference gives away no more than a raw pointer. Whoever dereferences it argues
// for that access; those that only make shared references of it need `T: Sync`.
unsafe impl<T: ?Sized + Sync> Sync for UnsafePinned<T> {}

impl<T> UnsafePinned<T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self {
            _pin: PhantomPinned,
            value: UnsafeCell::new(value),
        }
    }

    /// Initialises the value in place.
    pub fn pin_init<E>(init: impl PinInit<T, E>) -> impl PinInit<Self, E> {
        let init = move |slot: *mut Self| {
            // SAFETY: `Self` is transparent over `T` (the marker has no size), so `slot` is valid
            // for a `T`; it is not moved after, as the caller promises for `Self`.
            unsafe { pin_init::raw_try_init(slot.cast::<T>(), init) }
        };
        // SAFETY: An initialised and pinned `T` is an initialised and pinned `Self`. On failure
        // `init` has left nothing to clean up.
        unsafe { pin_init::pin_init_from_closure(init) }
    }
}

impl<T: ?Sized> UnsafePinned<T> {
    /// Returns a pointer to the value. Dereferencing it is the caller's to argue for.
    pub const fn get(&self) -> *mut T {
        self.value.get()
    }
}
