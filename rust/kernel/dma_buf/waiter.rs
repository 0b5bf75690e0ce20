// SPDX-License-Identifier: GPL-2.0

//! Being told when a fence signals.

use super::{
    module_ref::ModuleRef,
    Fence, //
};
use crate::{
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
use core::mem::offset_of;

/// What is done when a fence signals.
pub trait FenceCallback: Send + Sync + 'static {
    /// The module that the implementation stands in: `crate::LocalModule`. A waiter pins it.
    type OwnerModule: ModuleMetadata;

    /// The fence has signalled.
    ///
    /// # Context
    ///
    /// Called under the lock of `fence`, with interrupts off. It may ask [`Fence::error`], which
    /// takes no lock; [`Fence::status`] would wait for itself. It may not signal another fence: all
    /// fences have one lock class, and two that do so crosswise deadlock. It may not drop a
    /// [`Waiter`] on `fence`, nor put a fence of another driver. Hand over to a timer or to work.
    fn signalled(&self, fence: &Fence);
}

/// A callback on a fence.
///
/// It is called at most once. Dropping the waiter takes it back: when the drop has returned, it has
/// either run to its end or will never run. The drop takes the fence's lock in any case, also if
/// the callback is known to have begun: that it has begun doesn't mean that it has ended.
///
/// A module needs no barrier for it: after the drop nothing of it is called, and until then it pins
/// the module.
///
/// # Context
///
/// Drop it where the fence's lock may be taken: not in a callback of the same fence.
///
/// # Invariants
///
/// `cb.node` is an initialised list head. If `cb` was added to a fence, it is `fence`, on which a
/// reference is held; it is removed before the memory is freed. It is added at most once, which
/// `begun` tells.
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
///     fn signalled(&self, _fence: &Fence) {
///         self.0.add(1, Relaxed);
///     }
/// }
///
/// fn wait_for(fence: &Fence) -> Result<Pin<KBox<Waiter<Count>>>> {
///     KBox::try_pin_init(Waiter::new(fence, Count(Atomic::new(0))), GFP_KERNEL)
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
    // Last: the callback's text must be there until it can't be called any more.
    _module: ModuleRef,
}

// SAFETY: A callback may be removed on any CPU; the rest is `Send`.
unsafe impl<T: FenceCallback> Send for Waiter<T> {}
// SAFETY: `cb` is used by the C side only, under the fence's lock; the rest is `Sync`.
unsafe impl<T: FenceCallback> Sync for Waiter<T> {}

impl<T: FenceCallback> Waiter<T> {
    /// Returns an initialiser that adds `callback` to `fence`.
    ///
    /// # Errors
    ///
    /// `ENOENT` if the fence has signalled: the callback is not called. `ENODEV` if the module is
    /// being unloaded.
    ///
    /// # Context
    ///
    /// Takes the fence's lock, and asks its issuer to enable signalling.
    pub fn new(fence: &Fence, callback: T) -> impl PinInit<Self, Error> {
        Self::prepare(fence, callback).pin_chain(Self::begin)
    }

    /// Returns an initialiser for a waiter that has not begun to wait: [`begin`](Self::begin) does.
    ///
    /// Nothing can be noticed of it: for a caller that may still fail after it has allocated the
    /// waiter, or that wants to wait later.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the module is being unloaded.
    pub fn prepare(fence: &Fence, callback: T) -> impl PinInit<Self, Error> {
        const { assert!(offset_of!(Self, cb) == 0) };
        let fence: ARef<Fence> = fence.into();
        // INVARIANT: The list head is initialised, and `cb` was not added.
        try_pin_init!(Self {
            _module: ModuleRef::new(this_module::<T::OwnerModule>())?,
            fence,
            callback,
            begun: false,
            cb <- Opaque::ffi_init(|cb: *mut bindings::dma_fence_cb| {
                // SAFETY: `cb` is valid for writes, and pinned.
                unsafe { bindings::INIT_LIST_HEAD(&raw mut (*cb).node) }
            }),
        })
    }

    /// Begins to wait. Wraps `dma_fence_add_callback()`.
    ///
    /// # Errors
    ///
    /// `ENOENT` if the fence has signalled, or the waiter has begun before: the callback is not
    /// called, or not once more.
    ///
    /// # Context
    ///
    /// Takes the fence's lock, and asks its issuer to enable signalling: any context in which that
    /// lock is not held, nor a lock that one of the fence's callbacks takes.
    pub fn begin(self: Pin<&mut Self>) -> Result {
        let this = self.project();
        if core::mem::replace(this.begun, true) {
            return Err(ENOENT);
        }
        // SAFETY: `cb` is pinned, and valid until the drop removes it; by the type invariant it was
        // not added before. All fields of the waiter are initialised, so `signalled` may be called.
        // `fence` is initialised, and a reference to it is held.
        to_result(unsafe {
            bindings::dma_fence_add_callback(
                this.fence.as_raw(),
                this.cb.get(),
                Some(Self::signalled),
            )
        })
    }

    /// Returns the fence.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Returns what is called.
    pub fn callback(&self) -> &T {
        &self.callback
    }

    /// # Safety
    ///
    /// Callers must be the dma-fence core, and must hold the lock of the fence.
    unsafe extern "C" fn signalled(
        fence: *mut bindings::dma_fence,
        cb: *mut bindings::dma_fence_cb,
    ) {
        // SAFETY: `cb` is at the start of a waiter, which can't go before the fence's lock is let
        // go: its drop takes it.
        let this = unsafe { &*cb.cast::<Self>() };
        // SAFETY: The core signals a fence that is initialised; the waiter holds a reference.
        this.callback.signalled(unsafe { Fence::from_raw(fence) });
    }
}

#[pinned_drop]
impl<T: FenceCallback> PinnedDrop for Waiter<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant the callback was added to this fence, or its list head says
        // that it is on no list. The call takes the fence's lock, so that a callback which is
        // running has ended when it returns.
        unsafe { bindings::dma_fence_remove_callback(self.fence.as_raw(), self.cb.get()) };
    }
}
