// SPDX-License-Identifier: GPL-2.0

//! Waiting for a condition, in `poll(2)` or in another call.
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

/// Creates an initializer of a condition with a lock class of its own:
/// [`PollCondVar`](crate::sync::poll::PollCondVar).
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
/// A condition is an [`RcuFreeSafe`], so it can be a part of another one. Unsharing the condition
/// removes what `epoll` still has registered with it (`wake_up_pollfree()`). `epoll` then needs one
/// grace period, which the box provides. The view of a condition can only notify: it can't register
/// a waiter.
///
/// The destructor calls `wake_up_pollfree()`, too. No waiter is left when it runs ([`PollTable`]
/// says why). The destructor is there so that a condition can't be in a
/// [`Published`](super::rcu::Published), which would give readers the condition itself:
/// [`Published`](super::rcu::Published) refuses types with a destructor.
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
///     /// For `read(2)`: waits until there are events, and takes all of them.
///     fn take(&self) -> Result<u32> {
///         let mut taken = 0;
///         self.some.wait_interruptible(|| {
///             taken = self.count.xchg(0, Relaxed);
///             taken > 0
///         })?;
///         Ok(taken)
///     }
///
///     /// For `poll(2)`: registers first, so that an event that comes after the check wakes.
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

// SAFETY: A `wait_queue_head` may be used and dropped on any thread.
unsafe impl Send for PollCondVar {}
// SAFETY: A `wait_queue_head` has a lock, which all functions that are called here take.
unsafe impl Sync for PollCondVar {}

impl PollCondVar {
    /// Returns an initializer. Use [`new_poll_condvar!`](crate::new_poll_condvar).
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
    /// Any context but NMI. On PREEMPT_RT, the lock of the wait queue may sleep, so callers must
    /// not be in a hard interrupt or hold a raw spinlock. Wraps `wake_up_all()`.
    pub fn notify_all(&self) {
        // SAFETY: `new` has initialized the wait queue.
        unsafe {
            bindings::__wake_up(
                self.wait_queue_head.get(),
                bindings::TASK_NORMAL,
                0,
                null_mut(),
            )
        };
    }

    /// Sleeps until `ready` returns true.
    ///
    /// `ready` is called before the thread sleeps, and after each wakeup. It may take spin locks,
    /// and must not sleep.
    ///
    /// Process context. Does what `wait_event_interruptible()` does.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` if a signal is pending and `ready` returns false.
    pub fn wait_interruptible(&self, mut ready: impl FnMut() -> bool) -> Result {
        let wait = Opaque::<bindings::wait_queue_entry>::uninit();
        // SAFETY: `wait` is valid for writes, and isn't moved before `finish_wait()` below.
        unsafe { bindings::init_wait_entry(wait.get(), 0) };
        let result = loop {
            // SAFETY: The wait queue and `wait` are initialized. `finish_wait()` below takes `wait`
            // off the queue.
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
            // SAFETY: The thread is in process context, and is on the wait queue with its state
            // set, because `prepare_to_wait_event()` has returned 0.
            unsafe { bindings::schedule() };
        };
        // SAFETY: The wait queue and `wait` are initialized. `wait` is not used after this.
        unsafe { bindings::finish_wait(self.wait_queue_head.get(), wait.get()) };
        result
    }
}

#[pinned_drop]
impl PinnedDrop for PollCondVar {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: `new` has initialized the wait queue.
        unsafe { bindings::wake_up_pollfree(self.wait_queue_head.get()) };
    }
}

/// The view of a [`PollCondVar`]: readers may only notify.
#[derive(Clone, Copy)]
pub struct PollNotifier<'a>(&'a PollCondVar);

impl PollNotifier<'_> {
    /// Wakes all waiters. See [`PollCondVar::notify_all`] for the context.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

// SAFETY:
// - Readers: they reach the condition through the value that contains it. The caller of
//   `drop_before_gp` keeps new readers out of that value. epoll reaches the wait queue through the
//   entries that `register_wait()` left on it. `wake_up_pollfree()` removes all these entries, and
//   epoll needs a grace period after that.
// - Validity, no exclusive access: the wait queue is in an `Opaque`, which is an `UnsafeCell`, and
//   stays initialized.
// - Nothing anew: the view adds no waiter to the wait queue.
// - Destructors: `drop_before_gp` does what the destructor does.
// - Context: `drop_before_gp` only takes spin locks.
unsafe impl RcuFreeSafe for PollCondVar {
    type RcuView<'a> = PollNotifier<'a>;

    const DROPPED_BEFORE_GP: bool = true;

    unsafe fn rcu_view<'a>(self: Pin<&'a Self>, _rcu: &'a Guard) -> PollNotifier<'a> {
        PollNotifier(self.get_ref())
    }

    unsafe fn drop_before_gp(self: Pin<&Self>) {
        // SAFETY: `new` has initialized the wait queue. The memory of the queue stays valid for a
        // grace period, as `wake_up_pollfree()` requires: the caller of this method promises that.
        unsafe { bindings::wake_up_pollfree(self.wait_queue_head.get()) };
    }
}

/// The `poll_table` of a call of a file's `poll` operation.
///
/// `'a` is the lifetime of the borrow of the file's private data.
///
/// # Why the condition must belong to the file
///
/// It is not enough that a condition is in an [`RcuFreeBox`](super::rcu::RcuFreeBox). When the
/// condition is unshared, `epoll`, AIO and io_uring remove their entries from the wait queue,
/// because they handle `POLLFREE`. `poll(2)` and `select(2)` do not: they remove their entries when
/// the call ends, under the lock of the wait queue, so the wait queue must be valid until then. All
/// these callers keep the file open until they have removed their entries. So a condition must stay
/// valid until the file is released, and `'a` enforces that.
///
/// # Invariants
///
/// `table` is null, or points to the valid `poll_table` of a call of `poll` for `file`.
pub struct PollTable<'a> {
    table: *mut bindings::poll_table,
    file: &'a File,
    // Makes the table invariant in `'a`: with a shorter lifetime, a condition could be registered
    // that is dropped before the file is released.
    _private_data: PhantomData<fn(&'a ()) -> &'a ()>,
}

impl<'a> PollTable<'a> {
    /// Wraps the `poll_table` that the `poll` operation of `file` was given.
    ///
    /// # Safety
    ///
    /// Callers must be in the `poll` operation of `file`, and `table` must be the argument of that
    /// operation. `'a` must be the lifetime of a borrow of the file's private data, or of a value
    /// that this data keeps until the file is released.
    pub(crate) unsafe fn from_raw(table: *mut bindings::poll_table, file: &'a File) -> Self {
        // INVARIANT: By the safety requirements, `table` is the argument of a `poll` operation of
        // `file`, which is null or valid.
        Self {
            table,
            file,
            _private_data: PhantomData,
        }
    }

    /// Registers the caller of `poll(2)` with a condition that is a part of the file's private
    /// data.
    ///
    /// A waiter keeps the file open, and `epoll` removes its entries before the file is released.
    /// So a condition that lives as long as the file's private data outlives its waiters.
    ///
    /// Process context. Wraps `poll_wait()`.
    pub fn register_wait(&self, condition: &'a PollCondVar) {
        // SAFETY: By the type invariant, `table` is null or valid, and `file` is valid. The wait
        // queue is initialized. It stays valid until the file is released, and no entry is left on
        // it then.
        unsafe {
            bindings::poll_wait(
                self.file.as_ptr(),
                condition.wait_queue_head.get(),
                self.table,
            )
        };
    }
}
