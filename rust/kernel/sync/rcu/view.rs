// SPDX-License-Identifier: GPL-2.0

//! Values that are composed of others which readers view.

/// Composes an [`RcuFreeSafe`](crate::sync::rcu::RcuFreeSafe) of fields that are such.
///
/// It declares the view, a structure with the views of the fields that are named, and implements
/// the trait: the outer `drop_before_gp` runs that of each of these fields, in the order they are
/// named in. The view has a lifetime `'rcu`, that of the guard, before its other parameters.
///
/// Every field of the type is named: what readers don't see comes last, after `..`, without its
/// type. It must not have a destructor, and neither may the type itself. A field that is forgotten
/// does not compile.
///
/// Generic parameters are written as for `impl`, but in braces, before the structure; the view
/// takes those that it names. Documentation comes first, then `#[cfg]`, then `#[derive]`. A field
/// may have documentation and `#[cfg]`; the latter stands behind the dots of `..`.
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
///     registers: usize,
/// }
///
/// kernel::rcu_view! {
///     /// What readers see of a device.
///     struct DeviceView of Device {
///         id: Published<u32>,
///         name: Published<&'static str>,
///         ..registers
///     }
/// }
///
/// let device: RcuFreeBox<_> = RcuFreeBox::pin_init(
///     pin_init!(Device {
///         id <- Published::new(7),
///         name <- Published::new("seven"),
///         registers: 0x1000,
///     }),
///     GFP_KERNEL,
/// )?;
/// let rcu = rcu::read_lock();
/// assert_eq!(*device.rcu_view(&rcu).name, "seven");
/// # drop(rcu);
/// # assert_eq!(device.registers, 0x1000);
/// # assert_eq!(*device.id, 7);
/// # Ok::<(), Error>(())
/// ```
///
/// With parameters:
///
/// ```
/// use kernel::sync::rcu::{Published, RcuFreeSafe};
///
/// #[pin_data]
/// struct Pair<'x, T: Sync, const N: usize> {
///     #[pin]
///     first: Published<&'x T>,
///     #[cfg(CONFIG_64BIT)]
///     #[pin]
///     rest: Published<[u8; N]>,
/// }
///
/// kernel::rcu_view! {
///     impl{'x, T: Sync, const N: usize}
///     /// What readers see of a pair.
///     struct PairView<'x, T, N> of Pair<'x, T, N> {
///         first: Published<&'x T>,
///         #[cfg(CONFIG_64BIT)]
///         rest: Published<[u8; N]>,
///     }
/// }
/// # fn is_free_safe<T: RcuFreeSafe>() {}
/// # is_free_safe::<Pair<'static, u32, 4>>();
/// ```
#[macro_export]
macro_rules! rcu_view {
    (
        $(#[doc = $doc:literal])*
        $(#[cfg($cfg:meta)])*
        $(#[derive($($derive:tt)*)])*
        $vis:vis struct $($rest:tt)*
    ) => {
        $crate::rcu_view! {
            impl{}
            $(#[doc = $doc])*
            $(#[cfg($cfg)])*
            $(#[derive($($derive)*)])*
            $vis struct $($rest)*
        }
    };
    (
        impl{$($generics:tt)*}
        $(#[doc = $doc:literal])*
        $(#[cfg($cfg:meta)])*
        $(#[derive($($derive:tt)*)])*
        $vis:vis struct $view:ident $(<$($arg:tt),+>)? of $type:ty {
            $(
                $(#[doc = $field_doc:literal])*
                $(#[cfg($field_cfg:meta)])*
                $field:ident : $field_type:ty
            ),*
            $(, ..$(#[cfg($own_cfg:meta)])* $own:ident)*
            $(,)?
        }
    ) => {
        $crate::rcu_view! {
            @declare
            [$($generics)*]
            [$($($arg,)+)?]
            $(#[doc = $doc])*
            $(#[cfg($cfg)])*
            $(#[derive($($derive)*)])*
            $vis struct $view of $type {
                $($(#[doc = $field_doc])* $(#[cfg($field_cfg)])* $field: $field_type,)*
                $(..$(#[cfg($own_cfg)])* $own,)*
            }
        }
    };
    // A type of which readers see nothing, and the owner has all.
    (
        impl{$($generics:tt)*}
        $(#[doc = $doc:literal])*
        $(#[cfg($cfg:meta)])*
        $(#[derive($($derive:tt)*)])*
        $vis:vis struct $view:ident $(<$($arg:tt),+>)? of $type:ty {
            $(..$(#[cfg($own_cfg:meta)])* $own:ident),+ $(,)?
        }
    ) => {
        $crate::rcu_view! {
            @declare
            [$($generics)*]
            [$($($arg,)+)?]
            $(#[doc = $doc])*
            $(#[cfg($cfg)])*
            $(#[derive($($derive)*)])*
            $vis struct $view of $type {
                $(..$(#[cfg($own_cfg)])* $own,)*
            }
        }
    };
    (
        @declare
        [$($generics:tt)*]
        [$($arg:tt,)*]
        $(#[doc = $doc:literal])*
        $(#[cfg($cfg:meta)])*
        $(#[derive($($derive:tt)*)])*
        $vis:vis struct $view:ident of $type:ty {
            $(
                $(#[doc = $field_doc:literal])*
                $(#[cfg($field_cfg:meta)])*
                $field:ident : $field_type:ty,
            )*
            $(..$(#[cfg($own_cfg:meta)])* $own:ident,)*
        }
    ) => {
        $(#[doc = $doc])*
        $(#[cfg($cfg)])*
        $(#[derive($($derive)*)])*
        $vis struct $view<'rcu, $($generics)*>
        where
            $type: 'rcu,
        {
            $(
                $(#[doc = $field_doc])*
                $(#[cfg($field_cfg)])*
                pub $field: <$field_type as $crate::sync::rcu::RcuFreeSafe>::RcuView<'rcu>,
            )*
            _whole: ::core::marker::PhantomData<&'rcu $type>,
        }

        $(#[cfg($cfg)])*
        // SAFETY: Each named field is an `RcuFreeSafe`, and keeps the promises for itself. The
        // whole adds:
        // - Readers, validity, nothing anew: a view has the views of the fields, and nothing else;
        //   the whole closes no way of its own, so a caller admits nobody after the call.
        // - No exclusive access: both methods make shared references only.
        // - Parts: the caller has kept new readers out before the first one is unshared. Each is
        //   unshared once. It is a field of the whole, and of the type that it is said to be, as
        //   the patterns and the raw pointers below assert: those don't follow a `Deref`.
        // - Destructors: a field that is named keeps its promise; the others have no destructor, as
        //   the constant asserts, and neither has the whole: it could not be taken apart then. The
        //   pattern does not compile if a field is left out.
        unsafe impl<$($generics)*> $crate::sync::rcu::RcuFreeSafe for $type {
            type RcuView<'rcu>
                = $view<'rcu, $($arg),*>
            where
                Self: 'rcu;

            const DROPPED_BEFORE_GP: bool = {
                $(
                    $(#[cfg($field_cfg)])*
                    ::core::assert!(
                        $crate::sync::rcu::is_dropped_before_gp::<$field_type>(),
                        "a field has a destructor that would never run"
                    );
                )*
                #[allow(dead_code)]
                const fn has_destructor<S, F>(_: fn(&S) -> &F) -> bool {
                    ::core::mem::needs_drop::<F>()
                }
                $(
                    $(#[cfg($own_cfg)])*
                    ::core::assert!(
                        !has_destructor(|this: &Self| &this.$own),
                        "a field of the owner's has a destructor that would never run"
                    );
                )*
                true
            };

            unsafe fn rcu_view<'rcu>(
                self: ::core::pin::Pin<&'rcu Self>,
                rcu: &'rcu $crate::sync::rcu::Guard,
            ) -> $view<'rcu, $($arg),*> {
                let _ = rcu;
                let Self {
                    $($(#[cfg($field_cfg)])* $field,)*
                    $($(#[cfg($own_cfg)])* $own: _,)*
                } = self.get_ref();
                $view {
                    $(
                        $(#[cfg($field_cfg)])*
                        $field: {
                            let field: *const $field_type = &raw const *$field;
                            // SAFETY: It was made of a reference that is good for `'rcu`. The
                            // field is pinned: the caller promises that nobody has a `&mut` to the
                            // whole, now or later. The rest of the promise holds for each part.
                            unsafe {
                                <$field_type as $crate::sync::rcu::RcuFreeSafe>::rcu_view(
                                    ::core::pin::Pin::new_unchecked(&*field),
                                    rcu,
                                )
                            }
                        },
                    )*
                    _whole: ::core::marker::PhantomData,
                }
            }

            unsafe fn drop_before_gp(self: ::core::pin::Pin<&Self>) {
                // Never called: a type that has a destructor can't be taken apart.
                let _ = |this: Self| {
                    let Self {
                        $($(#[cfg($field_cfg)])* $field,)*
                        $($(#[cfg($own_cfg)])* $own,)*
                    } = this;
                    (
                        $($(#[cfg($field_cfg)])* $field,)*
                        $($(#[cfg($own_cfg)])* $own,)*
                    )
                };
                let Self {
                    $($(#[cfg($field_cfg)])* $field,)*
                    $($(#[cfg($own_cfg)])* $own: _,)*
                } = self.get_ref();
                $(
                    $(#[cfg($field_cfg)])*
                    {
                        let field: *const $field_type = &raw const *$field;
                        // SAFETY: It was made of a reference that is good for this call, and is
                        // pinned like the whole. The caller's promise for the whole holds for each
                        // part.
                        unsafe {
                            <$field_type as $crate::sync::rcu::RcuFreeSafe>::drop_before_gp(
                                ::core::pin::Pin::new_unchecked(&*field),
                            )
                        };
                    }
                )*
            }
        }
    };
}
