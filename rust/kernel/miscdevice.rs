// SPDX-License-Identifier: GPL-2.0

//! Misc devices that can be polled.
//!
//! [`MiscDevice`] of the `kernel` crate has no method for `poll(2)`. [`PollDevice`] adds one. It
//! also does without `generic_file_open()` and `compat_ptr_ioctl()`, which a kernel that is trimmed
//! to KMI lists does not export. All other file operations are those of the `kernel` crate.
//!
//! C header: [`include/linux/miscdevice.h`](srctree/include/linux/miscdevice.h)

use crate::{
    bindings,
    error::to_result,
    fs::{
        file::flags::O_NONBLOCK,
        File,
        Kiocb, //
    },
    prelude::*,
    sync::{
        poll::PollTable,
        Arc, //
    },
    types::{
        ForeignOwnable,
        Opaque, //
    },
};
#[doc(no_inline)]
pub use ::kernel::miscdevice::*;
use core::marker::PhantomData;

/// What a file is ready for: a set of `EPOLL…` bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready(bindings::__poll_t);

impl Ready {
    /// The file is ready for nothing.
    pub const NOTHING: Self = Self(0);
    /// The file is ready for reading and writing. So is any file that has no `poll`
    /// (`DEFAULT_POLLMASK`).
    pub const ALWAYS: Self = Self(0x1 | 0x4 | 0x40 | 0x100);
    /// The file is ready for reading (`EPOLLIN | EPOLLRDNORM`).
    pub const READABLE: Self = Self(0x1 | 0x40);
}

/// A misc device that can be polled, and that has data of its own.
///
/// The private data of a file is in an [`Arc`]. `poll` registers waiters with conditions in that
/// data, and the waiters may stay until the file is released. So the data must stay where it is
/// until then. That is so for an [`Arc`], but not for every [`ForeignOwnable`]: a type may create
/// the borrowed value for each borrow.
///
/// Both traits have a method `open`. The files of a [`PollDeviceRegistration`] are opened by
/// [`PollDevice::open`], which can reach the data of the device. [`MiscDevice`] requires an `open`,
/// too, but only a [`MiscDeviceRegistration`] calls that one. So the [`MiscDevice::open`] of a
/// device that implements this trait need only return an error.
///
/// A device that has data implements this trait even if it can't be polled. Its `poll` returns
/// [`Ready::ALWAYS`].
///
/// # Examples
///
/// ```
/// use kernel::{
///     fs::File,
///     miscdevice::{
///         MiscDevice, MiscDeviceOptions, MiscDeviceRegistration, PollDevice,
///         PollDeviceRegistration, Ready,
///     },
///     sync::{atomic::{ordering::Relaxed, Atomic}, poll::PollTable, Arc},
/// };
///
/// /// A device that counts how often it is opened. Each file keeps its number.
/// struct Counter;
///
/// #[vtable]
/// impl MiscDevice for Counter {
///     type Ptr = Arc<u32>;
///
///     fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Arc<u32>> {
///         Err(ENODEV)
///     }
/// }
///
/// impl PollDevice for Counter {
///     type Data = Atomic<u32>;
///     type Private = u32;
///
///     fn open(_file: &File, device: &PollDeviceRegistration<Self>) -> Result<Arc<u32>> {
///         Ok(Arc::new(device.data().fetch_add(1, Relaxed), GFP_KERNEL)?)
///     }
///
///     fn poll<'a>(_number: &'a u32, _table: &PollTable<'a>) -> Ready {
///         Ready::NOTHING
///     }
/// }
///
/// let options = MiscDeviceOptions { name: c"rust_counter" };
/// let device = KBox::pin_init(
///     PollDeviceRegistration::<Counter>::register(options, Atomic::new(0)),
///     GFP_KERNEL,
/// )?;
/// assert_eq!(device.data().load(Relaxed), 0);
/// # Ok::<(), Error>(())
/// ```
pub trait PollDevice: MiscDevice<Ptr = Arc<<Self as PollDevice>::Private>> {
    /// The data of the device, which all its files share.
    ///
    /// It must not borrow: safe code may leak a registration, and then files may be opened after
    /// the borrow has ended.
    type Data: Send + Sync + 'static;

    /// The private data of a file.
    type Private: Send + Sync + 'static;

    /// Opens a file of the device, and returns the private data of the file.
    ///
    /// `open(2)` fails with the error that this method returns. Until the `init` of the module has
    /// succeeded, `open(2)` fails with `ENODEV`, and this method is not called.
    ///
    /// Process context; may sleep. The mutex of all misc devices is held, so it must not register
    /// or deregister a misc device.
    fn open(file: &File, device: &PollDeviceRegistration<Self>) -> Result<Arc<Self::Private>>;

    /// Registers the caller with the conditions that may change the answer, then returns what the
    /// file is ready for.
    ///
    /// Process context. It must not wait until the file is ready.
    fn poll<'a>(private: &'a Self::Private, table: &PollTable<'a>) -> Ready;
}

/// Returns whether a read or write must not wait.
///
/// Either the file is in non-blocking mode (`O_NONBLOCK`), or this call alone must not wait
/// (`IOCB_NOWAIT`). io_uring sets `IOCB_NOWAIT` when it reads or writes in the submitting thread,
/// after `poll` has said that the file is ready. If the file is no longer ready, io_uring expects
/// `EAGAIN`.
///
/// Any context. Call it once for each read or write: `fcntl(2)` may change the mode at any time.
///
/// # Examples
///
/// ```
/// use kernel::{
///     fs::Kiocb,
///     iov::IovIterDest,
///     miscdevice::nonblocking,
///     sync::{
///         atomic::{ordering::Relaxed, AtomicFlag},
///         poll::PollCondVar,
///         Arc,
///     },
/// };
///
/// /// The private data of a file.
/// #[pin_data]
/// struct Bell {
///     #[pin]
///     rung: PollCondVar,
///     ringing: AtomicFlag,
/// }
///
/// /// The `read_iter` of a device: waits until the bell has rung.
/// fn read_iter(kiocb: Kiocb<'_, Arc<Bell>>, iov: &mut IovIterDest<'_>) -> Result<usize> {
///     let bell = kiocb.file();
///     if !nonblocking(&kiocb) {
///         bell.rung.wait_interruptible(|| bell.ringing.load(Relaxed))?;
///     } else if !bell.ringing.load(Relaxed) {
///         return Err(EAGAIN);
///     }
///     Ok(iov.copy_to_iter(b"!"))
/// }
/// ```
pub fn nonblocking<T: ForeignOwnable>(kiocb: &Kiocb<'_, T>) -> bool {
    let kiocb = kiocb.as_raw();
    // SAFETY: By the type invariant of `Kiocb`, `kiocb` is valid.
    let nowait = unsafe { bindings::kiocb_is_nowait(kiocb) };
    // `fcntl(2)` may write the flags at the same time. The volatile read is READ_ONCE().
    //
    // SAFETY: By the type invariant of `Kiocb`, `kiocb` is valid, and so is its file.
    let flags = unsafe { (&raw const (*(*kiocb).ki_filp).f_flags).read_volatile() };
    nowait || flags & O_NONBLOCK != 0
}

/// A registration of a misc device that can be polled.
///
/// A registration must be dropped before the text of its module is freed. So keep it in the data of
/// the module, which is dropped when the module is unloaded. The compiler does not enforce that:
/// `mem::forget` is safe. If a registration is forgotten and the module is unloaded, the next
/// `open(2)` of the device uses freed memory. Every registration of the `kernel` crate has this
/// gap, and it can't be closed here: if the registration held a reference to its module, as other
/// types of this crate do, the module could never be unloaded.
///
/// The module may also be freed because its `init` fails. Until `init` has succeeded, `open(2)`
/// therefore fails with `ENODEV`. So `init` may register several devices, and fail after the first.
///
/// # Invariants
///
/// - `inner` is registered by `misc_register()` with the table `FOPS` of `T`, and is deregistered
///   when the registration is dropped.
/// - `inner` is the first field: `open` casts a pointer to `inner` to a pointer to the
///   registration.
/// - `data` was initialized before `inner` was registered.
#[repr(C)]
#[pin_data(PinnedDrop)]
pub struct PollDeviceRegistration<T: PollDevice> {
    #[pin]
    inner: Opaque<bindings::miscdevice>,
    data: T::Data,
    // Makes the registration invariant in `T`: a subtype of `T` may have data of another type.
    // (`for<'a> fn(&'a ())` is a subtype of `fn(&'static ())`.)
    _device: PhantomData<fn(T) -> T>,
}

// SAFETY: A misc device may be deregistered on any thread, and `T::Data` is `Send`.
unsafe impl<T: PollDevice> Send for PollDeviceRegistration<T> {}
// SAFETY: A shared registration gives access only to a shared `T::Data`, which is `Sync`.
unsafe impl<T: PollDevice> Sync for PollDeviceRegistration<T> {}

impl<T: PollDevice> PollDeviceRegistration<T> {
    const FOPS: bindings::file_operations = {
        let raw = MiscDeviceOptions { name: c"" }.into_raw::<T>();
        // SAFETY: `into_raw` sets `raw.fops` to the address of a constant table.
        let fops = unsafe { *raw.fops };
        bindings::file_operations {
            open: Some(Self::open),
            poll: Some(Self::poll),
            #[cfg(CONFIG_COMPAT)]
            compat_ioctl: if T::HAS_IOCTL && !T::HAS_COMPAT_IOCTL {
                Some(Self::compat_ioctl)
            } else {
                fops.compat_ioctl
            },
            ..fops
        }
    };

    /// Returns an initializer that registers a misc device with `data`.
    ///
    /// # Errors
    ///
    /// - `EBUSY`: there is no free minor number.
    /// - `EEXIST`: there is a misc device of that name.
    /// - `ENOMEM`
    ///
    /// # Context
    ///
    /// The initializer runs in process context, and may sleep. It wraps `misc_register()`.
    pub fn register(options: MiscDeviceOptions, data: T::Data) -> impl PinInit<Self, Error> {
        // Users may open the device as soon as `inner` is registered, so `inner` comes last.
        try_pin_init!(Self {
            data,
            _device: PhantomData,
            inner <- Opaque::try_ffi_init(move |slot: *mut bindings::miscdevice| {
                let mut misc = options.into_raw::<T>();
                misc.fops = &Self::FOPS;
                // SAFETY: `slot` is valid for writes: `try_ffi_init` promises that.
                unsafe { slot.write(misc) };
                // SAFETY: `slot` was initialized above. It is pinned, and the destructor
                // deregisters it before its memory is freed.
                to_result(unsafe { bindings::misc_register(slot) })
            }),
        })
    }

    /// Returns the data of the device.
    ///
    /// Any context.
    pub fn data(&self) -> &T::Data {
        &self.data
    }

    /// The `open` file operation.
    ///
    /// Unlike that of the `kernel` crate, it does not call `generic_file_open()`, which checks the
    /// size of a file: a device has no size.
    ///
    /// # Safety
    ///
    /// Callers must be opening `file`, and `file` must be of a misc device that is registered by a
    /// `PollDeviceRegistration<T>`.
    unsafe extern "C" fn open(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: `file` is valid for the duration of this call, and so is its table.
        let module = unsafe { (*(*file).f_op).owner };
        // The loader writes `state` at the same time. The volatile read is READ_ONCE().
        //
        // SAFETY: If `module` is not null, it is valid: `misc_open()` has taken a reference to it.
        let live = module.is_null()
            || unsafe { (&raw const (*module).state).read_volatile() }
                == bindings::module_state_MODULE_STATE_LIVE;
        if !live {
            return ENODEV.to_errno();
        }
        // SAFETY: `misc_open()` has set the private data to the `struct miscdevice` that was
        // registered. The table that has this function is that of `T`, so by the type invariant the
        // `struct miscdevice` is the start of a `Self`, whose data is initialized. `misc_open()`
        // holds the mutex that `misc_deregister()` takes, so the device stays registered for the
        // duration of this call.
        let device = unsafe { &*(*file).private_data.cast::<Self>() };
        // SAFETY: `file` is valid for the duration of this call. It is in no descriptor table yet,
        // so `fdget_pos()` can't find it.
        match <T as PollDevice>::open(unsafe { File::from_raw_file(file) }, device) {
            Ok(private) => {
                // SAFETY: `file` is valid, and only its `open` accesses its private data now.
                unsafe { (*file).private_data = private.into_foreign() };
                0
            }
            Err(error) => error.to_errno(),
        }
    }

    /// The `compat_ioctl` file operation, for a `T` that has only `ioctl`. Does what
    /// `compat_ptr_ioctl()` does.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `file` is open, and was opened by [`open`](Self::open) of this
    /// type.
    #[cfg(CONFIG_COMPAT)]
    unsafe extern "C" fn compat_ioctl(
        file: *mut bindings::file,
        cmd: c_uint,
        arg: c_ulong,
    ) -> c_long {
        // SAFETY: `open` has set the private data to a pointer of `into_foreign`. `release`, which
        // calls `from_foreign`, does not run while another operation runs.
        let device = unsafe { <T::Ptr as ForeignOwnable>::borrow((*file).private_data) };
        // SAFETY: `file` is open for the duration of this call. `ioctl(2)` gets it by `fdget()`, so
        // no `fdget_pos()` is active on this thread.
        let file = unsafe { File::from_raw_file(file) };
        // SAFETY: `compat_ptr()` only computes an address. It does not access the memory there.
        let arg = unsafe { bindings::compat_ptr(arg) };
        match T::ioctl(device, file, cmd, arg) {
            Ok(value) => value as c_long,
            Err(error) => error.to_errno() as c_long,
        }
    }

    /// The `poll` file operation.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `file` is open, and was opened by [`open`](Self::open) of this
    /// type. `table` must be null or valid for the duration of this call.
    unsafe extern "C" fn poll(
        file: *mut bindings::file,
        table: *mut bindings::poll_table,
    ) -> bindings::__poll_t {
        // SAFETY: `open` has set the private data to a pointer of `into_foreign`. `release`, which
        // calls `from_foreign`, does not run while another operation runs.
        let private = unsafe { <T::Ptr as ForeignOwnable>::borrow((*file).private_data) };
        // SAFETY: `file` is open for the duration of this call. No `fdget_pos()` is active on this
        // thread: only reads, writes and seeks call it.
        let file = unsafe { File::from_raw_file(file) };
        // SAFETY: This is the `poll` operation of `file`, which was given `table`. `private` is in
        // the `Arc` that is the private data of `file`.
        T::poll(&private, &unsafe { PollTable::from_raw(table, file) }).0
    }
}

#[pinned_drop]
impl<T: PollDevice> PinnedDrop for PollDeviceRegistration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant, `inner` is registered.
        unsafe { bindings::misc_deregister(self.inner.get()) };
    }
}
