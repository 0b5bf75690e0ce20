// SPDX-License-Identifier: GPL-2.0

//! Files that export fences to user space.

use super::Fence;
use crate::{
    bindings,
    fs::File,
    prelude::*,
    sync::aref::ARef, //
};
use core::ptr::NonNull;

/// A `sync_file`: a file that exports a fence.
///
/// It holds a reference to its fence. Installing a descriptor can't be undone, so that must be the
/// last step:
///
/// 1. reserve a descriptor ([`FileDescriptorReservation::get_unused_fd_flags`]),
/// 2. make the fence and its file,
/// 3. write the number of the reserved descriptor to user space,
/// 4. [`fd_install`] the file.
///
/// C header: [`include/linux/sync_file.h`](srctree/include/linux/sync_file.h)
///
/// # Examples
///
/// ```
/// # use kernel::{
/// #     dma_buf::{ktime_get, EmissionOrder, FenceOps, NewFences, Timeline, View},
/// #     sync::{aref::ARef, rcu::Published},
/// # };
/// use kernel::{
///     dma_buf::{Fence, SyncFile},
///     fs::file::{flags::O_CLOEXEC, FileDescriptorReservation},
/// };
///
/// /// Gives the current process a descriptor, whose number `tell` tells it.
/// fn export(fence: &Fence, tell: impl FnOnce(u32) -> Result) -> Result {
///     let fd = FileDescriptorReservation::get_unused_fd_flags(O_CLOEXEC)?;
///     let file = SyncFile::new(fence)?;
///     tell(fd.reserved_fd())?;
///     fd.fd_install(file.into_file());
///     Ok(())
/// }
///
/// # struct Queue;
/// #
/// # impl FenceOps for Queue {
/// #     type OwnerModule = crate::LocalModule;
/// #     type Shared = Published<&'static CStr>;
/// #     type Order = EmissionOrder;
/// #     const DRIVER_NAME: &'static CStr = c"device";
/// #     const CLOSED: Error = ECANCELED;
/// #
/// #     fn timeline_name(name: View<'_, Self>) -> &CStr {
/// #         name
/// #     }
/// # }
/// #
/// # let shared = Published::new(c"queue");
/// # let queue = KBox::try_pin_init(Timeline::new(shared, Ok(Queue)), GFP_KERNEL)?;
/// # let memory = NewFences::alloc(1, GFP_KERNEL)?;
/// # let emitted = queue.emission()?.emit(memory, ktime_get() + 10_000_000_000);
/// # let fence: ARef<Fence> = emitted.fences().next().ok_or(EINVAL)?.into();
/// # emitted.commit();
/// // Who can't be told gets none.
/// assert_eq!(export(&fence, |_fd| Err(EFAULT)), Err(EFAULT));
/// // No number of anybody's.
/// assert!(matches!(SyncFile::fence_of_fd(-1), Err(EBADF)));
/// # Ok::<(), Error>(())
/// ```
///
/// [`FileDescriptorReservation::get_unused_fd_flags`]:
///     crate::fs::file::FileDescriptorReservation::get_unused_fd_flags
/// [`fd_install`]: crate::fs::file::FileDescriptorReservation::fd_install
pub struct SyncFile(ARef<File>);

impl SyncFile {
    /// Makes a file for `fence`. Wraps `sync_file_create()`.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if there is no memory, or if the system has reached its limit of open files.
    ///
    /// # Context
    ///
    /// Process context; may sleep.
    pub fn new(fence: &Fence) -> Result<Self> {
        // SAFETY: By the type invariant `fence` is initialized. The call takes a reference for the
        // file.
        let sync_file = unsafe { bindings::sync_file_create(fence.as_raw()) };
        if sync_file.is_null() {
            return Err(ENOMEM);
        }
        // SAFETY: `sync_file` was made just now. Its file is not null, and this function owns the
        // only reference to it.
        let file = unsafe { NonNull::new_unchecked(bindings::sync_file_file(sync_file)) };
        // SAFETY: This function owns the reference to the file. `File` is transparent over `struct
        // file`. The file has no descriptor yet, so no `fdget_pos()` call for it is active.
        Ok(Self(unsafe { ARef::from_raw(file.cast::<File>()) }))
    }

    /// Returns the file, so that a descriptor can be installed for it.
    pub fn into_file(self) -> ARef<File> {
        self.0
    }

    /// Returns the fence of the descriptor `fd` of the current process. Wraps
    /// `sync_file_get_fence()`.
    ///
    /// If the file has several fences, the call returns one fence that signals when all have
    /// signaled.
    ///
    /// # Errors
    ///
    /// `EBADF` if `fd` is not a descriptor of a `sync_file`.
    ///
    /// # Context
    ///
    /// Process context.
    pub fn fence_of_fd(fd: i32) -> Result<ARef<Fence>> {
        // SAFETY: `sync_file_get_fence()` may be called with any number.
        let fence = unsafe { bindings::sync_file_get_fence(fd) };
        let fence = NonNull::new(fence).ok_or(EBADF)?;
        // SAFETY: The call above returned a reference, which this function owns.
        Ok(unsafe { Fence::take_raw(fence) })
    }
}
