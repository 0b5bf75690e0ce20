// SPDX-License-Identifier: GPL-2.0

//! As much of the `kernel` crate, in user space, as the RCU boxes of `rust/kernel` need.
//!
//! The parts that matter to what is tested are as exact as they can be here: RCU (`rcu.rs`) orders
//! no more than the kernel's does, and memory that is freed too early is noticed by the checker.
//! The rest is just enough to compile.

#![allow(missing_docs, clippy::all)]

pub mod alloc;
pub mod bindings;
mod rcu;

pub use core::ffi;

pub mod error {
    use core::ffi::c_int;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Error(c_int);

    pub type Result<T = (), E = Error> = core::result::Result<T, E>;

    pub mod code {
        use super::Error;

        pub const ENOMEM: Error = Error(-12);
        pub const EBUSY: Error = Error(-16);
        pub const EINVAL: Error = Error(-22);
    }

    impl From<crate::alloc::AllocError> for Error {
        fn from(_: crate::alloc::AllocError) -> Self {
            code::ENOMEM
        }
    }

    impl From<core::convert::Infallible> for Error {
        fn from(never: core::convert::Infallible) -> Self {
            match never {}
        }
    }

    pub fn to_result(errno: c_int) -> Result {
        if errno < 0 {
            Err(Error(errno))
        } else {
            Ok(())
        }
    }
}

pub mod init {
    use crate::{
        alloc::{AllocError, Flags},
        error::{self, Error},
    };
    use pin_init::{Init, PinInit};

    pub trait InPlaceInit<T>: Sized {
        type PinnedSelf;

        fn try_pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Self::PinnedSelf, E>
        where
            E: From<AllocError>;

        fn pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> error::Result<Self::PinnedSelf>
        where
            Error: From<E>,
        {
            let init = move |slot: *mut T| {
                // SAFETY: `slot` is valid for writes and pinned, as the caller of this closure
                // ensures.
                unsafe { pin_init::raw_try_init(slot, init) }.map_err(Error::from)
            };
            // SAFETY: The closure does what `init` does, and only converts the error.
            Self::try_pin_init(unsafe { pin_init::pin_init_from_closure(init) }, flags)
        }

        fn try_init<E>(init: impl Init<T, E>, flags: Flags) -> Result<Self, E>
        where
            E: From<AllocError>;
    }
}

#[macro_export]
macro_rules! try_pin_init {
    ($($args:tt)*) => {
        ::pin_init::pin_init!(
            #[default_error($crate::error::Error)]
            $($args)*
        )
    }
}

pub mod types {
    use core::{
        cell::UnsafeCell,
        ffi::c_void,
        marker::PhantomPinned,
        mem::MaybeUninit, //
    };
    use pin_init::PinInit;

    #[repr(transparent)]
    pub struct Opaque<T> {
        value: UnsafeCell<MaybeUninit<T>>,
        _pin: PhantomPinned,
    }

    impl<T> Opaque<T> {
        pub const fn uninit() -> Self {
            Self {
                value: UnsafeCell::new(MaybeUninit::uninit()),
                _pin: PhantomPinned,
            }
        }

        pub const fn get(&self) -> *mut T {
            UnsafeCell::get(&self.value).cast()
        }

        pub fn ffi_init(init: impl FnOnce(*mut T)) -> impl PinInit<Self> {
            // SAFETY: Any bytes are a valid `Opaque`, so the closure initializes `slot` in any
            // case.
            unsafe {
                pin_init::pin_init_from_closure(move |slot: *mut Self| {
                    init(slot.cast());
                    Ok(())
                })
            }
        }
    }

    pub unsafe trait ForeignOwnable: Sized {
        const FOREIGN_ALIGN: usize;
        type Borrowed<'a>
        where
            Self: 'a;
        type BorrowedMut<'a>
        where
            Self: 'a;

        fn into_foreign(self) -> *mut c_void;
        unsafe fn from_foreign(ptr: *mut c_void) -> Self;
        unsafe fn try_from_foreign(ptr: *mut c_void) -> Option<Self> {
            // SAFETY: `ptr` is from `into_foreign`, as the caller ensures unless it is null.
            (!ptr.is_null()).then(|| unsafe { Self::from_foreign(ptr) })
        }
        unsafe fn borrow<'a>(ptr: *mut c_void) -> Self::Borrowed<'a>;
        unsafe fn borrow_mut<'a>(ptr: *mut c_void) -> Self::BorrowedMut<'a>;
    }
}

pub mod module {
    use core::ffi::CStr;

    pub struct ThisModule(*mut crate::bindings::module);

    // SAFETY: A `ThisModule` is an address that threads only read.
    unsafe impl Sync for ThisModule {}

    impl ThisModule {
        pub const unsafe fn from_ptr(ptr: *mut crate::bindings::module) -> Self {
            Self(ptr)
        }

        pub const fn as_ptr(&self) -> *mut crate::bindings::module {
            self.0
        }
    }

    pub trait ModuleMetadata {
        const NAME: &'static CStr;
        const THIS_MODULE: ThisModule;
    }

    pub const fn this_module<M: ModuleMetadata>() -> &'static ThisModule {
        &M::THIS_MODULE
    }
}

pub mod sync {
    // The kernel's own.
    mod set_once;
    pub use set_once::SetOnce;

    pub mod atomic;
    pub mod rcu {
        pub use crate::rcu::*;
    }

    pub struct Arc<T>(std::sync::Arc<T>);

    impl<T> Arc<T> {
        pub fn new(value: T, _: crate::alloc::Flags) -> Result<Self, crate::alloc::AllocError> {
            Ok(Self(std::sync::Arc::new(value)))
        }
    }

    impl<T> Clone for Arc<T> {
        fn clone(&self) -> Self {
            Self(self.0.clone())
        }
    }

    impl<T> core::ops::Deref for Arc<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }
}

pub mod prelude {
    pub use crate::{
        alloc::{
            Box,
            KBox,
            GFP_KERNEL, //
        },
        error::{
            code::*,
            Error,
            Result, //
        },
        init::InPlaceInit,
        module::ThisModule,
        try_pin_init,
    };
    pub use core::{
        ffi::{
            c_int,
            c_void,
            CStr, //
        },
        pin::Pin, //
    };
    pub use pin_init::{
        init,
        pin_data,
        pin_init,
        pinned_drop,
        Init,
        PinInit, //
    };
}
