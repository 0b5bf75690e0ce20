// SPDX-License-Identifier: GPL-2.0

//! Waiting for a file to become ready, by `poll(2)` and otherwise.
//!
//! C headers: [`include/linux/poll.h`](srctree/include/linux/poll.h),
//! [`include/linux/wait.h`](srctree/include/linux/wait.h)

use crate::{
    bindings,
    fs::File,
    prelude::*,
    sync::{
        rcu::{
            Guard,
            RcuFreeSafe, //
        },
        LockClassKey, //
    },
    types::Opaque,
};
use core::{
    marker::PhantomData,
    ptr::null_mut, //
};

/// Creates a [`PollCondVar`](crate::sync::poll::PollCondVar) initialiser with a lock class of its
/// own.
#[macro_export]
macro_rules! new_poll_condvar {
    ($($name:literal)?) => {
        $crate::sync::poll::PollCondVar::new(
            $crate::optional_name!($($name)?), $crate::static_lock_class!()
        )
    };
}
pub use new_poll_condvar;

/// A condition that threads wait for, in `poll(2)` or in a call of their own.
///
/// It is an [`RcuFreeSafe`], and so can be a part of one: unsharing it lets go of what `epoll`
/// still has registered (`wake_up_pollfree()`), and the grace period that follows is the one that
/// `epoll` needs. Its view only notifies: it can't register a waiter.
///
/// The destructor does the same. No waiter is left when it runs ([`PollTable`] says why), but it
/// keeps the condition out of what would hand it to readers as it is, like
/// [`Published`](super::rcu::Published): that refuses what has a destructor.
///
/// # Examples
///
/// ```
/// use kernel::{
///     miscdevice::Ready,
///     new_poll_condvar,
///     sync::{
///         atomic::{ordering::Relaxed, Atomic},
///         poll::{PollCondVar, PollTable},
///     },
/// };
///
/// /// What a file counts.
/// #[pin_data]
/// struct Events {
///     #[pin]
///     some: PollCondVar,
///     count: Atomic<u32>,
/// }
///
/// impl Events {
///     fn add(&self) {
///         self.count.add(1, Relaxed);
///         self.some.notify_all();
///     }
///
///     /// For `read(2)`: waits until there are some, and takes them.
///     fn take(&self) -> Result<u32> {
///         let mut taken = 0;
///         self.some.wait_interruptible(|| {
///             taken = self.count.xchg(0, Relaxed);
///             taken > 0
///         })?;
///         Ok(taken)
///     }
///
///     /// For `poll(2)`: registers first, so that nothing is missed that comes after the look.
///     fn poll<'a>(&'a self, table: &PollTable<'a>) -> Ready {
///         table.register_wait(&self.some);
///         if self.count.load(Relaxed) > 0 {
///             Ready::READABLE
///         } else {
///             Ready::NOTHING
///         }
///     }
/// }
///
/// let events = KBox::pin_init(
///     pin_init!(Events {
///         some <- new_poll_condvar!("Events::some"),
///         count: Atomic::new(0),
///     }),
///     GFP_KERNEL,
/// )?;
/// events.add();
/// events.add();
/// assert_eq!(events.take()?, 2);
/// # Ok::<(), Error>(())
/// ```
#[pin_data(PinnedDrop)]
pub struct PollCondVar {
    #[pin]
    wait_queue_head: Opaque<bindings::wait_queue_head>,
}

// SAFETY: A wait queue may be used on any thread.
unsafe impl Send for PollCondVar {}
// SAFETY: A wait queue has a lock of its own.
unsafe impl Sync for PollCondVar {}

impl PollCondVar {
    /// Returns an initialiser. Use [`new_poll_condvar!`](crate::new_poll_condvar).
    pub fn new(name: &'static CStr, key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self {
            wait_queue_head <- Opaque::ffi_init(|head| {
                // SAFETY: `head` is valid for writes and pinned; `name` and `key` are `'static`.
                unsafe {
                    bindings::__init_waitqueue_head(head, name.as_char_ptr(), key.as_ptr())
                }
            }),
        })
    }

    /// Wakes all waiters.
    ///
    /// Any context but NMI; on PREEMPT_RT, where the wait queue's lock may sleep, not in a hard
    /// interrupt and not with a raw spinlock held. C function: `wake_up_all()`.
    pub fn notify_all(&self) {
        // SAFETY: The wait queue is initialised.
        unsafe {
            bindings::__wake_up(
                self.wait_queue_head.get(),
                bindings::TASK_NORMAL,
                0,
                null_mut(),
            )
        };
    }

    /// Sleeps until `ready` is true. It is asked before, and after every notification; it may take
    /// spin locks, and must not sleep.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` if a signal is pending.
    pub fn wait_interruptible(&self, mut ready: impl FnMut() -> bool) -> Result {
        let wait = Opaque::<bindings::wait_queue_entry>::uninit();
        // SAFETY: `wait` is valid for writes, and doesn't move until `finish_wait()` below.
        unsafe { bindings::init_wait_entry(wait.get(), 0) };
        let result = loop {
            // SAFETY: Both are initialised.
            let interrupted = unsafe {
                bindings::prepare_to_wait_event(
                    self.wait_queue_head.get(),
                    wait.get(),
                    bindings::TASK_INTERRUPTIBLE as c_int,
                )
            };
            if ready() {
                break Ok(());
            }
            if interrupted != 0 {
                break Err(ERESTARTSYS);
            }
            // SAFETY: Process context; the state was set above, as nothing interrupts.
            unsafe { bindings::schedule() };
        };
        // SAFETY: Both are initialised; the entry is not used after.
        unsafe { bindings::finish_wait(self.wait_queue_head.get(), wait.get()) };
        result
    }
}

#[pinned_drop]
impl PinnedDrop for PollCondVar {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: The wait queue is initialised.
        unsafe { bindings::wake_up_pollfree(self.wait_queue_head.get()) };
    }
}

/// What readers may do with a [`PollCondVar`]: notify.
#[derive(Clone, Copy)]
pub struct PollNotifier<'a>(&'a PollCondVar);

impl PollNotifier<'_> {
    /// Wakes all waiters. The context is that of [`PollCondVar::notify_all`].
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

// SAFETY:
// - Readers come to it through what it is a part of, of which new ones are kept out by the caller
//   of `drop_before_gp`. epoll comes to it through what `register_wait()` left on the queue, all of
//   which `wake_up_pollfree()` takes off; it is what needs the grace period.
// - Validity, no exclusive access: the wait queue is in an `Opaque`, which is an `UnsafeCell`, and
//   stays as it is.
// - Nothing anew: the view adds nobody to the wait queue.
// - Destructors: `drop_before_gp` does what the destructor does. It takes a spin lock only.
unsafe impl RcuFreeSafe for PollCondVar {
    type RcuView<'a> = PollNotifier<'a>;

    const DROPPED_BEFORE_GP: bool = true;

    unsafe fn rcu_view<'a>(self: Pin<&'a Self>, _rcu: &'a Guard) -> PollNotifier<'a> {
        PollNotifier(self.get_ref())
    }

    unsafe fn drop_before_gp(self: Pin<&Self>) {
        // SAFETY: The wait queue is initialised. What is on it goes now, and is not waited for: the
        // memory stays for a grace period, as the call requires.
        unsafe { bindings::wake_up_pollfree(self.wait_queue_head.get()) };
    }
}

/// The `poll_table` of a call of a file's `poll`.
///
/// `'a` is the time for which the file's private data is borrowed.
///
/// # Why the condition must be the file's
///
/// That a condition is in an [`RcuFreeBox`](super::rcu::RcuFreeBox) would not be enough. Unsharing
/// it lets go of `epoll`, AIO and io_uring, which know `POLLFREE`. `poll(2)` and `select(2)` don't:
/// what they have left on the wait queue they take off when the call ends, under the queue's lock,
/// which must be there then. All of them keep the file open meanwhile. So it is the file that a
/// condition has to outlive, and `'a` says so.
///
/// # Invariants
///
/// The pointer is null or that of a valid `poll_table`, for a call on `file`.
pub struct PollTable<'a> {
    table: *mut bindings::poll_table,
    file: &'a File,
    // Invariant in `'a`: a shorter one would let a condition in that is gone before the file is.
    _private_data: PhantomData<fn(&'a ()) -> &'a ()>,
}

impl<'a> PollTable<'a> {
    /// Wraps the pointer.
    ///
    /// # Safety
    ///
    /// Callers must be in the `poll` operation of `file`, to which `table` was given. What is
    /// borrowed for `'a` must be the private data of the file, or what that data keeps until the
    /// file is released.
    pub(crate) unsafe fn from_raw(table: *mut bindings::poll_table, file: &'a File) -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            table,
            file,
            _private_data: PhantomData,
        }
    }

    /// Registers the caller of `poll(2)` with a condition that is a part of the file's private
    /// data.
    ///
    /// Whoever waits for a file keeps it open, and `epoll` lets go of a file before it is released:
    /// a condition that lives as long as the file's private data outlives its waiters.
    pub fn register_wait(&self, condition: &'a PollCondVar) {
        // SAFETY: By the type invariant the table is null or valid and the file is; the wait queue
        // is initialised and stays until the file is released, when nobody is on it any more.
        unsafe {
            bindings::poll_wait(
                self.file.as_ptr(),
                condition.wait_queue_head.get(),
                self.table,
            )
        };
    }
}
