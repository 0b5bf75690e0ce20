// SPDX-License-Identifier: GPL-2.0

//! Callbacks that run when a fence signals.

use super::{
    module_ref::ModuleRef,
    Fence, //
};
use crate::{
    alloc::Flags,
    bindings,
    error::to_result,
    module::{
        this_module,
        ModuleMetadata, //
    },
    prelude::*,
    sync::aref::ARef,
    types::Opaque, //
};
use core::{
    convert::Infallible,
    mem::{
        offset_of,
        ManuallyDrop, //
    }, //
};

/// A callback that runs when a fence signals.
///
/// It is code that runs under a spinlock. [`Complete`](super::Complete) and
/// [`QueueWork`](super::QueueWork) are ready to use.
pub trait FenceCallback: Send + Sync + 'static {
    /// The module that contains the implementation: `crate::LocalModule`. A waiter pins it.
    type OwnerModule: ModuleMetadata;

    /// Called when `fence` has signaled.
    ///
    /// # Context
    ///
    /// Under the lock of `fence`, with interrupts off. The callback:
    ///
    /// - may call [`Fence::error`], which takes no lock, but not [`Fence::status`], which takes the
    ///   lock of `fence`,
    /// - must not signal another fence: the locks of all fences are of one class, and two callbacks
    ///   that signal each other's fences deadlock,
    /// - must not drop a [`Waiter`] on `fence`, and must not put a fence of another driver.
    ///
    /// To do more, it must wake a timer or queue work.
    fn signaled(&self, fence: &Fence);
}

/// A callback that was not added to a fence, and why.
///
/// [`Waiter::boxed`] returns it, so that what the callback owns is not lost.
pub struct Refused<T> {
    error: Error,
    callback: T,
}

impl<T> Refused<T> {
    /// Returns the error: `ENOENT` if the fence has signaled.
    pub fn error(&self) -> Error {
        self.error
    }

    /// Returns the callback.
    pub fn into_callback(self) -> T {
        self.callback
    }
}

impl<T> From<Refused<T>> for Error {
    fn from(refused: Refused<T>) -> Self {
        refused.error
    }
}

/// A callback that was added to a fence.
///
/// The callback is called at most once. Dropping the waiter removes it. When the drop has returned,
/// the callback has either run to its end, or will never run. The drop always takes the fence's
/// lock, even if the callback is known to have begun, since it may not have ended yet.
///
/// A module needs no barrier for its waiters. A waiter pins the module, and none of the module's
/// code is called for the waiter after it is dropped.
///
/// # Context
///
/// A waiter may be dropped wherever the fence's lock may be taken: not in a callback of the same
/// fence.
///
/// # Invariants
///
/// `cb.node` is an initialized list head. If `cb` was added to a fence, that fence is `fence`, and
/// a reference to it is held. `cb` is removed before its memory is freed. `cb` is added at most
/// once: `begun` is whether that was tried.
///
/// # Examples
///
/// ```
/// use kernel::dma_buf::{Fence, FenceCallback, Waiter};
/// use kernel::sync::atomic::{ordering::Relaxed, Atomic};
///
/// /// Counts.
/// struct Count(Atomic<u32>);
///
/// impl FenceCallback for Count {
///     type OwnerModule = crate::LocalModule;
///
///     fn signaled(&self, _fence: &Fence) {
///         self.0.add(1, Relaxed);
///     }
/// }
///
/// fn wait_for(fence: &Fence) -> Result<Pin<KBox<Waiter<Count>>>> {
///     KBox::try_pin_init(Waiter::new(fence, Count(Atomic::new(0))), GFP_KERNEL)
/// }
/// ```
///
/// A fence that has signaled calls nothing, and the data of the callback is of use at once:
///
/// ```
/// use kernel::dma_buf::{Fence, FenceCallback, Waiter};
/// use kernel::sync::{Arc, Completion};
///
/// /// Completes what it owns.
/// struct Done(Arc<Completion>);
///
/// impl FenceCallback for Done {
///     type OwnerModule = crate::LocalModule;
///
///     fn signaled(&self, _fence: &Fence) {
///         self.0.complete_all();
///     }
/// }
///
/// fn complete_with(
///     fence: &Fence,
///     done: Done,
/// ) -> Result<Option<Pin<KBox<Waiter<Done>>>>> {
///     match Waiter::boxed(fence, done, GFP_KERNEL) {
///         Ok(waiter) => Ok(Some(waiter)),
///         Err(refused) if refused.error() == ENOENT => {
///             refused.into_callback().0.complete_all();
///             Ok(None)
///         }
///         Err(refused) => Err(refused.into()),
///     }
/// }
/// ```
#[pin_data(PinnedDrop)]
#[repr(C)]
pub struct Waiter<T: FenceCallback> {
    #[pin]
    cb: Opaque<bindings::dma_fence_cb>,
    fence: ARef<Fence>,
    callback: T,
    begun: bool,
    // Must be the last field: it keeps the module loaded until the callback can't be called any
    // more.
    _module: ModuleRef,
}

// SAFETY: A callback may be removed on any CPU. The other fields are `Send`.
unsafe impl<T: FenceCallback> Send for Waiter<T> {}
// SAFETY: Only the C side uses `cb`, under the fence's lock. The other fields are `Sync`.
unsafe impl<T: FenceCallback> Sync for Waiter<T> {}

impl<T: FenceCallback> Waiter<T> {
    /// Returns an initializer for a waiter that adds `callback` to `fence`.
    ///
    /// # Errors
    ///
    /// - `ENOENT` if the fence has signaled. The callback is then not called.
    /// - `ENODEV` if the module is being unloaded.
    ///
    /// # Context
    ///
    /// As for [`begin`](Self::begin).
    pub fn new(fence: &Fence, callback: T) -> impl PinInit<Self, Error> {
        Self::prepare(fence, callback).pin_chain(Self::begin)
    }

    /// Makes a waiter that adds `callback` to `fence`. If that fails, gives the callback back.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new), and `ENOMEM`.
    ///
    /// # Context
    ///
    /// As for [`begin`](Self::begin). Allocates with `flags`.
    pub fn boxed(fence: &Fence, callback: T, flags: Flags) -> Result<Pin<KBox<Self>>, Refused<T>> {
        let refused = |error, callback| Err(Refused { error, callback });
        let module = match ModuleRef::new(this_module::<T::OwnerModule>()) {
            Ok(module) => module,
            Err(error) => return refused(error, callback),
        };
        let memory = match KBox::<Self>::new_uninit(flags) {
            Ok(memory) => memory,
            Err(error) => return refused(error.into(), callback),
        };
        let init = Self::assemble::<Infallible>(fence.into(), callback, module);
        let Ok(mut waiter) = memory.write_pin_init(init);
        match waiter.as_mut().begin() {
            Ok(()) => Ok(waiter),
            Err(error) => refused(error, Self::into_callback(waiter)),
        }
    }

    /// Ends a waiter, and returns its callback.
    ///
    /// When this returns, the callback has either run to its end, or will never run.
    ///
    /// # Context
    ///
    /// Like the drop of a waiter.
    pub fn into_callback(waiter: Pin<KBox<Self>>) -> T {
        // SAFETY: What is moved out of the waiter below is only its callback, which is not pinned.
        let waiter = KBox::into_raw(unsafe { Pin::into_inner_unchecked(waiter) });
        // SAFETY: The waiter is valid. As in the drop, the callback has ended after this call, and
        // will not be called any more. So the C side does not use the waiter any more.
        unsafe {
            bindings::dma_fence_remove_callback((*waiter).fence.as_raw(), (*waiter).cb.get())
        };
        // SAFETY: The waiter is valid, and nobody else has it. What is read here is not dropped by
        // the box below, which drops nothing.
        let (callback, fence, module) = unsafe {
            (
                (&raw const (*waiter).callback).read(),
                (&raw const (*waiter).fence).read(),
                (&raw const (*waiter)._module).read(),
            )
        };
        // SAFETY: The pointer is from `into_raw()` above. `ManuallyDrop` has the same layout.
        drop(unsafe { KBox::from_raw(waiter.cast::<ManuallyDrop<Self>>()) });
        drop(fence);
        drop(module);
        callback
    }

    /// Returns an initializer for a waiter that does not wait yet: [`begin`](Self::begin) makes it
    /// wait.
    ///
    /// It does nothing to the fence but take a reference. So it is for callers that may still fail
    /// after they have allocated the waiter, or that want to wait later.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the module is being unloaded, or if its `init` has not succeeded yet.
    pub fn prepare(fence: &Fence, callback: T) -> impl PinInit<Self, Error> {
        let fence: ARef<Fence> = fence.into();
        pin_init::pin_init_scope(move || {
            let module = ModuleRef::new(this_module::<T::OwnerModule>())?;
            Ok(Self::assemble::<Error>(fence, callback, module))
        })
    }

    /// Returns an initializer for a waiter that does not wait yet, which can't fail.
    fn assemble<E: From<Infallible>>(
        fence: ARef<Fence>,
        callback: T,
        module: ModuleRef,
    ) -> impl PinInit<Self, E> {
        const { assert!(offset_of!(Self, cb) == 0) };
        // INVARIANT: `cb.node` is initialized, and `cb` was not added.
        try_pin_init!(Self {
            _module: module,
            fence,
            callback,
            begun: false,
            cb <- Opaque::ffi_init(|cb: *mut bindings::dma_fence_cb| {
                // SAFETY: `cb` is valid for writes and pinned.
                unsafe { bindings::INIT_LIST_HEAD(&raw mut (*cb).node) }
            }),
        }? E)
    }

    /// Begins to wait: adds the callback to the fence. Wraps `dma_fence_add_callback()`.
    ///
    /// # Errors
    ///
    /// `ENOENT` if the fence has signaled, in which case the callback is not called. `ENOENT` also
    /// if the waiter has begun before, in which case the callback is not added again.
    ///
    /// # Context
    ///
    /// Takes the fence's lock, and makes its issuer enable signaling: any context in which that
    /// lock is not held, nor a lock that one of the fence's callbacks takes.
    pub fn begin(self: Pin<&mut Self>) -> Result {
        let this = self.project();
        if core::mem::replace(this.begun, true) {
            return Err(ENOENT);
        }
        // SAFETY: `cb` is pinned, and valid until the drop removes it. By the type invariant it was
        // not added before. All fields of the waiter are initialized, so `signaled` may be called.
        // `fence` is initialized, and a reference to it is held.
        to_result(unsafe {
            bindings::dma_fence_add_callback(
                this.fence.as_raw(),
                this.cb.get(),
                Some(Self::signaled),
            )
        })
    }

    /// Returns the fence that the waiter is for.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Returns the callback.
    pub fn callback(&self) -> &T {
        &self.callback
    }

    /// # Safety
    ///
    /// Callers must be the dma-fence core, and must hold the lock of the fence.
    unsafe extern "C" fn signaled(
        fence: *mut bindings::dma_fence,
        cb: *mut bindings::dma_fence_cb,
    ) {
        // Not a reference to the whole waiter: the owner may have an exclusive one to `begun`.
        //
        // SAFETY: `cb` is at the start of a waiter. The caller holds the fence's lock, which the
        // drop of the waiter takes. So the waiter is not freed before this returns. Nobody has an
        // exclusive reference to its `callback`.
        let callback = unsafe { &(*cb.cast::<Self>()).callback };
        // SAFETY: The fence that the core signals is initialized. The waiter holds a reference to
        // it.
        callback.signaled(unsafe { Fence::from_raw(fence) });
    }
}

#[pinned_drop]
impl<T: FenceCallback> PinnedDrop for Waiter<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant, either `cb` was added to this fence, or its list head is
        // initialized and on no list. The call takes the fence's lock, so a callback that is
        // running has ended when the call returns.
        unsafe { bindings::dma_fence_remove_callback(self.fence.as_raw(), self.cb.get()) };
    }
}
