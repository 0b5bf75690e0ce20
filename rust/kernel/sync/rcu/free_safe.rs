// SPDX-License-Identifier: GPL-2.0

//! What a value promises to be freed by RCU without a destructor.

use super::{
    Guard,
    UnsafePinned, //
};
use crate::prelude::*;

/// Values that can be unshared, and freed one grace period later without a destructor.
///
/// # What a view may contain
///
/// Only what stays valid, and is not accessed exclusively by anybody, until one grace period after
/// [`drop_before_gp`](Self::drop_before_gp). A view has no method that would make the value
/// reachable for readers anew (register a waiter, link a child), and it does not hand out `&Self`:
/// its borrow is that of the guard, and the owner may be gone before the guard is.
///
/// # Why `&mut` is sound while readers have views
///
/// The owner may have a `Pin<&mut Self>`, and [`drop_before_gp`](Self::drop_before_gp) is given
/// one, while readers look on. Such a reference claims exclusive access to the value, but for
/// fields that contain [`UnsafePinned`]; and what a view reaches is in these. Nothing is reached
/// both by a plain `&mut` and by a view.
///
/// # What happens to destructors
///
/// None runs in an [`RcuFreeBox`](super::RcuFreeBox), which refuses a type that has one. What is
/// the owner's alone is in a `ManuallyDrop`, and [`drop_before_gp`](Self::drop_before_gp) drops it;
/// that is in an [`UnsafePinned`], too, since a reader may just be making a view of the whole.
/// What readers see can't be dropped by then, nor later: it has no destructor, or it is in a box of
/// its own ([`RcuOnce`](super::RcuOnce)), or the whole is in an [`RcuBox`](super::RcuBox). A value
/// that never was in a box, and so is not unshared, leaks what is in its `ManuallyDrop` fields.
///
/// # Examples
///
/// [`Published`] is the simplest implementer. A larger one is composed of others by
/// [`rcu_view!`](crate::rcu_view). By hand, with a part that is dropped when the whole is unshared:
///
/// ```
/// use core::mem::ManuallyDrop;
/// use kernel::sync::rcu::{self, RcuFreeBox, RcuFreeSafe, UnsafePinned};
///
/// #[pin_data]
/// struct Route {
///     /// What readers see.
///     #[pin]
///     metric: UnsafePinned<u32>,
///     /// The owner's alone.
///     #[pin]
///     log: UnsafePinned<ManuallyDrop<KVec<u32>>>,
/// }
///
/// // SAFETY: A view has the metric only, which is never written. Both fields are `UnsafePinned`.
/// // There is no way to a route but the box, so that no reader must be kept out.
/// unsafe impl RcuFreeSafe for Route {
///     type RcuView<'a> = &'a u32;
///
///     fn rcu_view<'a>(self: Pin<&'a Self>, _rcu: &'a rcu::Guard) -> &'a u32 {
///         // SAFETY: It is initialised, and never accessed exclusively.
///         unsafe { &*self.get_ref().metric.get() }
///     }
///
///     unsafe fn drop_before_gp(self: Pin<&mut Self>) {
///         // SAFETY: This is called once, and no view has it.
///         unsafe { ManuallyDrop::drop(&mut *self.log.get()) };
///     }
/// }
///
/// let route: RcuFreeBox<_> = RcuFreeBox::pin_init(
///     pin_init!(Route {
///         metric: UnsafePinned::new(3),
///         log: UnsafePinned::new(ManuallyDrop::new(KVec::new())),
///     }),
///     GFP_KERNEL,
/// )?;
/// assert_eq!(*route.rcu_view(&rcu::read_lock()), 3);
/// # Ok::<(), Error>(())
/// ```
///
/// # Safety
///
/// An implementer promises:
///
/// - Once [`drop_before_gp`](Self::drop_before_gp) has returned, no reader that begins a critical
///   section from then on reaches the value. A store that keeps them out (a pointer cleared, an
///   element unlinked, a flag that readers test) has been made before it returns, by whomsoever.
/// - What a view reaches stays valid and is not accessed exclusively until one grace period after
///   [`drop_before_gp`](Self::drop_before_gp) has returned. It is in fields that contain
///   [`UnsafePinned`] or an equivalent, so that neither a `Pin<&mut Self>` nor `drop_before_gp`
///   claims exclusive access to it; in particular `Self` is not [`Unpin`].
/// - [`rcu_view`](Self::rcu_view) is given a `Pin<&Self>` while `drop_before_gp` may run: that
///   writes only to what is in an [`UnsafePinned`] or an `UnsafeCell`, also if no reader looks at
///   it.
/// - Safe code can't overwrite a value: an owner has a `Pin<&mut Self>`, and [`Pin::set`] would
///   drop what readers reach. So there are initialisers only ([`PinInit`]), and no way to have a
///   `Self` that could be moved.
/// - A value that is composed of others keeps readers out before it runs the `drop_before_gp` of
///   its parts: the memory of a part may be queued to be freed from then on.
/// - Everything that must be given up is given up by [`drop_before_gp`](Self::drop_before_gp):
///   no destructor runs later.
/// - [`drop_before_gp`](Self::drop_before_gp) does not sleep: the owner may be dropped in atomic
///   context unless the implementer's documentation says otherwise.
pub unsafe trait RcuFreeSafe {
    /// What a reader sees of the value.
    type RcuView<'a>
    where
        Self: 'a;

    /// Returns what readers see, for as long as they stay in the critical section of `rcu`.
    fn rcu_view<'a>(self: Pin<&'a Self>, rcu: &'a Guard) -> Self::RcuView<'a>;

    /// Unshares the value.
    ///
    /// Readers that have begun may hold views until the end of their critical sections: this method
    /// does not access exclusively what views reach.
    ///
    /// # Safety
    ///
    /// It is called once. From then on the value is used through views only, and by those readers
    /// only whose critical sections began before it returned. The memory stays for a grace period
    /// that begins after that.
    unsafe fn drop_before_gp(self: Pin<&mut Self>);
}

/// A value without a destructor that readers share as it is.
///
/// Whoever wants to change it does so through interior mutability ([`Atomic`], [`SetOnce`], a spin
/// lock).
///
/// [`Atomic`]: crate::sync::atomic::Atomic
/// [`SetOnce`]: crate::sync::SetOnce
///
/// # Examples
///
/// ```
/// use kernel::sync::rcu::{self, Published, RcuFreeBox};
///
/// let answer: RcuFreeBox<_> = RcuFreeBox::pin_init(Published::new(42), GFP_KERNEL)?;
/// assert_eq!(*answer.rcu_view(&rcu::read_lock()), 42);
/// # Ok::<(), Error>(())
/// ```
#[pin_data]
pub struct Published<T> {
    #[pin]
    value: UnsafePinned<T>,
}

impl<T: Sync> Published<T> {
    const NO_DESTRUCTOR: () = assert!(
        !core::mem::needs_drop::<T>(),
        "a published value's destructor would never run: use `RcuBox`"
    );

    /// Publishes `value`.
    pub fn new(value: T) -> impl PinInit<Self> {
        const { Self::NO_DESTRUCTOR };
        pin_init!(Self {
            value: UnsafePinned::new(value),
        })
    }

    /// Publishes a value that is initialised in place.
    pub fn pin_new<E>(init: impl PinInit<T, E>) -> impl PinInit<Self, E> {
        const { Self::NO_DESTRUCTOR };
        pin_init!(Self {
            value <- UnsafePinned::pin_init(init),
        }? E)
    }
}

impl<T> core::ops::Deref for Published<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The value was initialised by the constructor and is never accessed exclusively:
        // this type has no method that would.
        unsafe { &*self.value.get() }
    }
}

// SAFETY: How readers come to the value is up to what contains it; nothing is reached through the
// value itself. It is in an `UnsafePinned`, is never accessed exclusively, and has no destructor,
// as the constructors assert.
unsafe impl<T: Sync> RcuFreeSafe for Published<T> {
    type RcuView<'a>
        = &'a T
    where
        T: 'a;

    fn rcu_view<'a>(self: Pin<&'a Self>, _rcu: &'a Guard) -> &'a T {
        self.get_ref()
    }

    unsafe fn drop_before_gp(self: Pin<&mut Self>) {}
}

/// Composes an [`RcuFreeSafe`] of fields that are [`RcuFreeSafe`].
///
/// It declares the view, a structure with the views of the fields that are named, and implements
/// the trait: the outer `drop_before_gp` runs that of each of these fields, in the order they are
/// named in. Fields that are not named are the owner's alone. The type must use `#[pin_data]`, and
/// the fields must be `#[pin]`: they do not compile otherwise.
///
/// # Examples
///
/// ```
/// use kernel::sync::rcu::{self, Published, RcuFreeBox};
///
/// #[pin_data]
/// struct Device {
///     #[pin]
///     id: Published<u32>,
///     #[pin]
///     name: Published<&'static str>,
///     opened: u32,
/// }
///
/// kernel::rcu_view! {
///     /// What readers see of a device.
///     struct DeviceView of Device {
///         id: Published<u32>,
///         name: Published<&'static str>,
///     }
/// }
///
/// let device: RcuFreeBox<_> = RcuFreeBox::pin_init(
///     pin_init!(Device {
///         id <- Published::new(7),
///         name <- Published::new("seven"),
///         opened: 0,
///     }),
///     GFP_KERNEL,
/// )?;
/// let rcu = rcu::read_lock();
/// assert_eq!(*device.rcu_view(&rcu).name, "seven");
/// # drop(rcu);
/// # assert_eq!(device.opened, 0);
/// # assert_eq!(*device.id, 7);
/// # Ok::<(), Error>(())
/// ```
#[macro_export]
macro_rules! rcu_view {
    (
        $(#[$attr:meta])*
        $vis:vis struct $view:ident of $type:ty {
            $($(#[$field_attr:meta])* $field:ident : $field_type:ty),* $(,)?
        }
    ) => {
        $(#[$attr])*
        $vis struct $view<'a> {
            $(
                $(#[$field_attr])*
                pub $field: <$field_type as $crate::sync::rcu::RcuFreeSafe>::RcuView<'a>,
            )*
        }

        // SAFETY: Each field that the view reaches keeps the promises for itself, and its
        // `drop_before_gp` is run once. `project()` is that of `#[pin_data]`, which returns a
        // `Pin<&mut _>` to the field of that name, and only for one that is structurally pinned.
        // The assertions below hold `Self` to that, and to not being `Unpin`. That a part can't be
        // overwritten is a promise of the part, and the whole can't be had without its parts.
        unsafe impl $crate::sync::rcu::RcuFreeSafe for $type {
            type RcuView<'a> = $view<'a>;

            fn rcu_view<'a>(
                self: ::core::pin::Pin<&'a Self>,
                rcu: &'a $crate::sync::rcu::Guard,
            ) -> $view<'a> {
                let this = self.get_ref();
                $view {
                    $(
                        // SAFETY: The field is structurally pinned: `drop_before_gp` below
                        // compiles.
                        $field: unsafe { ::core::pin::Pin::new_unchecked(&this.$field) }
                            .rcu_view(rcu),
                    )*
                }
            }

            unsafe fn drop_before_gp(self: ::core::pin::Pin<&mut Self>) {
                let this = self.project();
                $({
                    let field: ::core::pin::Pin<&mut $field_type> = this.$field;
                    // SAFETY: The caller's promise for the whole holds for each part.
                    unsafe { $crate::sync::rcu::RcuFreeSafe::drop_before_gp(field) };
                })*
            }
        }

        const _: () = {
            // Whoever implements this trait by hand needs `unsafe`. With `#[pin_data]`, a
            // `project()` of another making does not compile.
            const fn uses_pin_data<T: ::pin_init::__internal::HasPinData>() {}
            uses_pin_data::<$type>();

            // Two implementations for an `Unpin` type make the call ambiguous.
            trait NotUnpin<A> {
                fn not_unpin() {}
            }
            impl<T: ?Sized> NotUnpin<()> for T {}
            impl<T: ?Sized + ::core::marker::Unpin> NotUnpin<u8> for T {}
            let _ = <$type as NotUnpin<_>>::not_unpin;
        };
    };
}
