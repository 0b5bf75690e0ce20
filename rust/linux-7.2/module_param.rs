// SPDX-License-Identifier: GPL-2.0

//! Support for module parameters.
//!
//! The `module!` macro of Linux 7.2 does not accept parameters of type `bool`. The macro of this
//! file passes `i8` to it instead of `bool`. The types of this file then treat a parameter of type
//! `i8` as a `bool`.

use crate::{
    prelude::*,
    str::{
        kstrtobool,
        CStr, //
    },
    sync::SetOnce, //
};
#[doc(no_inline)]
pub use ::kernel::module_param::*;

/// A type that the `module!` macro of Linux 7.2 accepts for a parameter.
pub trait Known {
    /// The type of the value of such a parameter.
    type Value: Copy;
}

macro_rules! impl_known {
    ($($type:ty => $value:ty),*) => {
        $(
            impl Known for $type {
                type Value = $value;
            }
        )*
    };
}
impl_known!(i8 => bool, u8 => u8, i16 => i16, u16 => u16, i32 => i32, u32 => u32);
impl_known!(i64 => i64, u64 => u64, isize => isize, usize => usize);

/// A wrapper for kernel parameters, which the `module!` macro instantiates.
#[repr(C)]
pub struct ModuleParamAccess<T: Known> {
    // Must be the first field: the functions of `kernel_param_ops` get a pointer to it.
    value: SetOnce<T::Value>,
    default: T::Value,
}

impl<T: Known> ModuleParamAccess<T> {
    #[doc(hidden)]
    pub const fn new(default: T::Value) -> Self {
        Self {
            value: SetOnce::new(),
            default,
        }
    }

    /// Returns a copy of the parameter value.
    #[inline]
    pub fn value(&self) -> T::Value {
        self.value.copy().unwrap_or(self.default)
    }

    /// Returns a pointer to `self`.
    pub const fn as_void_ptr(&self) -> *mut c_void {
        core::ptr::from_ref(self).cast_mut().cast()
    }
}

/// Sets a parameter of type `bool`.
///
/// # Safety
///
/// Callers must ensure that `text` is a null-terminated string, and that `param` is a parameter
/// that the `module!` macro has made from an `i8`.
unsafe extern "C" fn set_bool(
    text: *const c_char,
    param: *const crate::bindings::kernel_param,
) -> c_int {
    let set = || -> Result {
        // SAFETY: By the safety requirements, `text` points to a null-terminated string.
        let value = kstrtobool(unsafe { CStr::from_char_ptr(text) })?;
        // SAFETY: By the safety requirements, the argument of `param` is a static
        // `ModuleParamAccess<i8>`, which begins with a `SetOnce<bool>`.
        let place = unsafe { &*(*param).__bindgen_anon_1.arg.cast::<SetOnce<bool>>() };
        place.populate(value).then_some(()).ok_or(EEXIST)
    };
    set().map_or_else(Error::to_errno, |()| 0)
}

#[doc(hidden)]
pub static PARAM_OPS_I8: crate::bindings::kernel_param_ops = crate::bindings::kernel_param_ops {
    flags: 0,
    set: Some(set_bool),
    get: None,
    free: None,
};

/// Declares a kernel module.
#[doc(hidden)]
#[macro_export]
macro_rules! module_with_bool {
    (@find [$($before:tt)*] params: { $($params:tt)* } $(,)?) => {
        $crate::module_with_bool!(@params [$($before)*] [] $($params)*);
    };
    (@find [$($before:tt)*] $next:tt $($rest:tt)*) => {
        $crate::module_with_bool!(@find [$($before)* $next] $($rest)*);
    };
    (@find [$($all:tt)*]) => {
        $crate::macros::module! { $($all)* }
    };
    (@params [$($before:tt)*] [$($done:tt)*] $name:ident: bool $fields:tt $(, $($rest:tt)*)?) => {
        $crate::module_with_bool!(
            @params [$($before)*] [$($done)* $name: i8 $fields,] $($($rest)*)?
        );
    };
    (@params [$($before:tt)*] [$($done:tt)*] $name:ident: $type:ident $fields:tt $(, $($rest:tt)*)?) => {
        $crate::module_with_bool!(
            @params [$($before)*] [$($done)* $name: $type $fields,] $($($rest)*)?
        );
    };
    (@params [$($before:tt)*] [$($done:tt)*]) => {
        $crate::macros::module! { $($before)* params: { $($done)* }, }
    };
    ($($all:tt)*) => {
        $crate::module_with_bool!(@find [] $($all)*);
    };
}
