// SPDX-License-Identifier: GPL-2.0

//! The macro that composes a view from the views of fields.

/// Implements [`RcuFreeSafe`](crate::sync::rcu::RcuFreeSafe) for a structure whose fields implement
/// it.
///
/// A field whose readers see it, but which has a destructor, is in a box of its own: see
/// [`RcuOnce`](crate::sync::rcu::RcuOnce).
///
/// The macro declares the view, a structure with the views of the named fields, and implements the
/// trait. `drop_before_gp` of the whole calls `drop_before_gp` of each named field, in the order in
/// which they are named. The view has the lifetime `'rcu` of the guard before its other parameters.
///
/// Name every field of the type; otherwise the macro does not compile. Fields that readers must not
/// see come last, each after `..` and without its type. These fields must not have a destructor,
/// and neither must the type itself.
///
/// Generic parameters are written as for `impl`, but in braces, before the structure. The view
/// takes the parameters that it names. Documentation comes first, then `#[cfg]`, then `#[derive]`.
/// A field may have documentation and `#[cfg]`; the `#[cfg]` of a field after `..` is written after
/// the dots.
///
/// # Examples
///
/// ```
/// use kernel::sync::rcu::{self, Published, RcuFreeKBox};
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
/// let device: RcuFreeKBox<_> = RcuFreeKBox::pin_init(
///     pin_init!(Device {
///         id <- Published::new(7),
///         name <- Published::new("seven"),
///         registers: 0x1000,
///     }),
///     GFP_KERNEL,
/// )?;
/// let rcu = rcu::read_lock();
/// assert_eq!(*device.with_rcu(&rcu).name, "seven");
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
    // A type without a field that readers see.
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
        // SAFETY: Each named field is an `RcuFreeSafe`, which keeps the promises for itself. For
        // the whole:
        // - Readers, validity, nothing anew: a view has the views of the fields and nothing else.
        //   `drop_before_gp` of the whole closes no way, so its caller admits no reader after the
        //   call.
        // - No exclusive access: both methods make shared references only.
        // - Parts: the caller keeps new readers out before the first part is unshared. Each part is
        //   unshared once. Each part is a field of the whole and has the type that the macro was
        //   given: the patterns and the raw pointers below assert that, because they don't follow a
        //   `Deref`.
        // - Destructors: a named field keeps its promise. The other fields have no destructor, as
        //   the constant asserts. The whole has no destructor of its own, because a type that has
        //   one can't be taken apart. The patterns do not compile if a field is left out.
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
                            // SAFETY: `field` was made from a reference that is valid for `'rcu`.
                            // The field is pinned, because nobody has a `&mut` to the whole, now or
                            // later. The caller promises that, and keeps the promise about the
                            // critical section for each part.
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
                // Never called. It does not compile if the type has a destructor, because such a
                // type can't be taken apart.
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
                        // SAFETY: `field` was made from a reference that is valid for this call,
                        // and is pinned like the whole. The caller's promise for the whole holds
                        // for each part.
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
