// SPDX-License-Identifier: GPL-2.0

//! Misc devices that can be polled.
//!
//! The `kernel` crate's [`MiscDevice`] has no hook for `poll(2)`. This one adds it. It also does
//! without `generic_file_open()` and `compat_ptr_ioctl()`, which a kernel that is trimmed to KMI
//! lists does not export, and leaves all else as it is.
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

/// What a file is ready for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready(bindings::__poll_t);

impl Ready {
    /// Nothing.
    pub const NOTHING: Self = Self(0);
    /// What a file is that has no `poll` (`DEFAULT_POLLMASK`).
    pub const ALWAYS: Self = Self(0x1 | 0x4 | 0x40 | 0x100);
    /// There is something to read (`EPOLLIN | EPOLLRDNORM`).
    pub const READABLE: Self = Self(0x1 | 0x40);
}

/// A misc device that can be polled, and that has data of its own.
///
/// The private data of its files is in an [`Arc`]. What is lent for `poll` must stay where it is
/// until the file is released, as those who wait do; not every [`ForeignOwnable`] lends such a
/// thing: one may make it for the borrow.
///
/// Files are opened by [`PollDevice::open`]. [`MiscDevice::open`], which knows of no data, is
/// called for a device that is registered by [`MiscDeviceRegistration`] only; it may fail.
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
/// /// A device that counts how often it is opened; a file knows which one it is.
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
    /// What the device has for all files that are opened of it.
    ///
    /// It borrows nothing: safe code may leak a registration, and then files are opened of the
    /// device after a borrow has ended.
    type Data: Send + Sync + 'static;

    /// The private data of a file.
    type Private: Send + Sync + 'static;

    /// Opens a file of the device, and returns the private data of the file.
    ///
    /// Process context; may sleep. The mutex of all misc devices is held: no misc device is
    /// registered or deregistered meanwhile.
    fn open(file: &File, device: &PollDeviceRegistration<Self>) -> Result<Arc<Self::Private>>;

    /// Tells what the file is ready for, after registering the caller with the conditions that may
    /// change it.
    ///
    /// Process context.
    fn poll<'a>(private: &'a Self::Private, table: &PollTable<'a>) -> Ready;
}

/// Tells whether a read or write must not wait for something to happen.
///
/// Either the file is in non-blocking mode (`O_NONBLOCK`), or this call alone must not wait
/// (`IOCB_NOWAIT`). io_uring sets the latter when it reads or writes in the thread that submits,
/// once `poll` has said that the file is ready, and expects `EAGAIN` if that has changed since.
///
/// Any context. `fcntl(2)` may change the mode at any time: call this once for each read or write.
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
    // `fcntl(2)` may write the flags meanwhile: the volatile read stands for READ_ONCE().
    //
    // SAFETY: By the type invariant of `Kiocb`, `kiocb` is valid, and so is its file.
    let flags = unsafe { (&raw const (*(*kiocb).ki_filp).f_flags).read_volatile() };
    nowait || flags & O_NONBLOCK != 0
}

/// A registration of a misc device that can be polled.
///
/// It must be dropped before the text of its module is freed, so it belongs into the data of the
/// module, which is dropped when the module is unloaded. The compiler does not see to that:
/// `mem::forget` is safe. If a registration is forgotten and the module is unloaded, the next
/// `open(2)` of the device uses memory that is freed. That is so for every registration of the
/// `kernel` crate, and can't be prevented here: if the registration held a reference to its module,
/// as other types of this crate do, the module could never be unloaded.
///
/// # Invariants
///
/// - `inner` is registered by `misc_register()` with the table of `T`, and deregistered when this
///   is dropped. It is at the start: `open` casts a pointer to it to one to the whole.
/// - `data` was initialised before `inner` was registered.
#[repr(C)]
#[pin_data(PinnedDrop)]
pub struct PollDeviceRegistration<T: PollDevice> {
    #[pin]
    inner: Opaque<bindings::miscdevice>,
    data: T::Data,
    // Invariant in `T`: a subtype of `T` (`for<'a> fn(&'a ())` is one of `fn(&'static ())`) may
    // have data of another type.
    _device: PhantomData<fn(T) -> T>,
}

// SAFETY: A misc device may be deregistered on any thread; the data is `Send`.
unsafe impl<T: PollDevice> Send for PollDeviceRegistration<T> {}
// SAFETY: A shared reference gives one to the data, which is `Sync`.
unsafe impl<T: PollDevice> Sync for PollDeviceRegistration<T> {}

impl<T: PollDevice> PollDeviceRegistration<T> {
    const FOPS: bindings::file_operations = {
        let raw = MiscDeviceOptions { name: c"" }.into_raw::<T>();
        // SAFETY: `into_raw` sets the pointer to a constant table.
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

    /// Registers a misc device.
    ///
    /// # Errors
    ///
    /// Those of `misc_register()`: `EBUSY`, `ENOMEM`, `EEXIST`.
    pub fn register(options: MiscDeviceOptions, data: T::Data) -> impl PinInit<Self, Error> {
        // The device is there for users as soon as `inner` is registered: it comes last.
        try_pin_init!(Self {
            data,
            _device: PhantomData,
            inner <- Opaque::try_ffi_init(move |slot: *mut bindings::miscdevice| {
                let mut misc = options.into_raw::<T>();
                misc.fops = &Self::FOPS;
                // SAFETY: `slot` is valid for writes.
                unsafe { slot.write(misc) };
                // SAFETY: It was written just now. It is pinned, and deregistered before it goes.
                to_result(unsafe { bindings::misc_register(slot) })
            }),
        })
    }

    /// Returns the data of the device. Any context.
    pub fn data(&self) -> &T::Data {
        &self.data
    }

    /// The `kernel` crate's, but for `generic_file_open()`: that looks at the size of a file, and a
    /// device has none.
    ///
    /// # Safety
    ///
    /// Callers must be opening `file`, which must be one of a misc device that was registered here.
    unsafe extern "C" fn open(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: `misc_open()` has set the private data to the `struct miscdevice` that was
        // registered. By the type invariant that is the start of a `Self`, since the table that has
        // this function is of `T`. `misc_open()` holds the mutex that `misc_deregister()` takes, so
        // that this stays registered for the duration of the call. The data is initialised.
        let device = unsafe { &*(*file).private_data.cast::<Self>() };
        // SAFETY: The file is valid for the duration of this call. It is in no table yet, where
        // `fdget_pos()` could find it.
        match <T as PollDevice>::open(unsafe { File::from_raw_file(file) }, device) {
            Ok(private) => {
                // SAFETY: The private data is for `open` to set.
                unsafe { (*file).private_data = private.into_foreign() };
                0
            }
            Err(error) => error.to_errno(),
        }
    }

    /// Does what `compat_ptr_ioctl()` does.
    ///
    /// # Safety
    ///
    /// Callers must ensure that `file` is open, and is one of a misc device that was registered
    /// here.
    #[cfg(CONFIG_COMPAT)]
    unsafe extern "C" fn compat_ioctl(
        file: *mut bindings::file,
        cmd: c_uint,
        arg: c_ulong,
    ) -> c_long {
        // SAFETY: `open` has set the private data by `into_foreign`, and `release`, which takes it
        // back, is not called while an operation runs.
        let device = unsafe { <T::Ptr as ForeignOwnable>::borrow((*file).private_data) };
        // SAFETY: The file is open for the duration of this call. `ioctl(2)` gets it by `fdget()`,
        // so that no `fdget_pos()` is active on this thread.
        let file = unsafe { File::from_raw_file(file) };
        // SAFETY: `compat_ptr()` computes an address, and uses nothing that is there.
        let arg = unsafe { bindings::compat_ptr(arg) };
        match T::ioctl(device, file, cmd, arg) {
            Ok(value) => value as c_long,
            Err(error) => error.to_errno() as c_long,
        }
    }

    /// # Safety
    ///
    /// Callers must ensure that `file` is open, and is one of a misc device that was registered
    /// here. `table` must be null or valid.
    unsafe extern "C" fn poll(
        file: *mut bindings::file,
        table: *mut bindings::poll_table,
    ) -> bindings::__poll_t {
        // SAFETY: `open` has set the private data by `into_foreign`, and `release`, which takes it
        // back, is not called while an operation runs.
        let private = unsafe { <T::Ptr as ForeignOwnable>::borrow((*file).private_data) };
        // SAFETY: The file is open for the duration of this call; it has no position.
        let file = unsafe { File::from_raw_file(file) };
        // SAFETY: This is that call, and what is borrowed is in the `Arc` that is the file's
        // private data.
        T::poll(&private, &unsafe { PollTable::from_raw(table, file) }).0
    }
}

#[pinned_drop]
impl<T: PollDevice> PinnedDrop for PollDeviceRegistration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant it is registered.
        unsafe { bindings::misc_deregister(self.inner.get()) };
    }
}
