// SPDX-License-Identifier: GPL-2.0

//! Callbacks that are ready to use.

use super::{
    Fence,
    FenceCallback, //
};
use crate::{
    module::ModuleMetadata,
    prelude::*,
    sync::{
        Arc,
        Completion, //
    },
    workqueue::{
        HasWork,
        Queue,
        RawWorkItem,
        WorkItem, //
    },
};
use core::marker::PhantomData;

/// Completes a [`Completion`] when a fence signals.
///
/// This wakes all tasks that wait for the completion. A task that begins to wait later does not
/// sleep. To wait for one fence only, [`Fence::wait`] needs no callback.
///
/// `M` is the module of the caller, `crate::LocalModule`: see [`FenceCallback::OwnerModule`].
///
/// # Examples
///
/// ```
/// use kernel::dma_buf::{Complete, Fence, Waiter};
/// use kernel::sync::{Arc, Completion};
///
/// fn wait_for_both(first: &Fence, second: &Fence) -> Result {
///     for fence in [first, second] {
///         let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
///         let callback = Complete::<crate::LocalModule>::new(done.clone());
///         match Waiter::boxed(fence, callback, GFP_KERNEL) {
///             Ok(_waiter) => done.wait_for_completion(),
///             // It has signaled.
///             Err(refused) if refused.error() == ENOENT => {}
///             Err(refused) => return Err(refused.into()),
///         }
///     }
///     Ok(())
/// }
/// ```
pub struct Complete<M> {
    completion: Arc<Completion>,
    _module: PhantomData<fn() -> M>,
}

impl<M> Complete<M> {
    /// Returns a callback that completes `completion` for all who wait for it, now and later.
    pub fn new(completion: Arc<Completion>) -> Self {
        Self {
            completion,
            _module: PhantomData,
        }
    }
}

impl<M: ModuleMetadata + 'static> FenceCallback for Complete<M> {
    type OwnerModule = M;

    fn signaled(&self, _fence: &Fence) {
        self.completion.complete_all();
    }
}

/// Queues work when a fence signals.
///
/// The work runs in a context in which it may sleep, signal fences and drop waiters, also the one
/// that has queued it. If it is queued already, it runs once.
///
/// A waiter keeps the module loaded until it is dropped, and not until the work has run. The work
/// is like any other: the owner of its queue must see to it that it has ended.
///
/// # Examples
///
/// ```
/// use kernel::dma_buf::{Fence, QueueWork, Waiter};
/// use kernel::sync::Arc;
/// use kernel::workqueue::{self, impl_has_work, new_work, Work, WorkItem};
///
/// #[pin_data]
/// struct Job {
///     #[pin]
///     work: Work<Job>,
/// }
///
/// impl_has_work! {
///     impl HasWork<Self> for Job { self.work }
/// }
///
/// impl WorkItem for Job {
///     type Pointer = Arc<Job>;
///
///     fn run(_job: Arc<Job>) {
///         pr_info!("the fence has signaled\n");
///     }
/// }
///
/// type AfterFence = Waiter<QueueWork<Job, crate::LocalModule>>;
///
/// fn run_after(fence: &Fence, job: Arc<Job>) -> Result<Pin<KBox<AfterFence>>> {
///     Ok(Waiter::boxed(fence, QueueWork::new(workqueue::system(), job), GFP_KERNEL)?)
/// }
///
/// # fn job() -> Result<Arc<Job>> {
/// #     Arc::pin_init(pin_init!(Job { work <- new_work!("Job::work") }), GFP_KERNEL)
/// # }
/// ```
pub struct QueueWork<T, M, const ID: u64 = 0> {
    queue: &'static Queue,
    work: Arc<T>,
    _module: PhantomData<fn() -> M>,
}

impl<T, M, const ID: u64> QueueWork<T, M, ID> {
    /// Returns a callback that queues `work` on `queue`.
    pub fn new(queue: &'static Queue, work: Arc<T>) -> Self {
        Self {
            queue,
            work,
            _module: PhantomData,
        }
    }
}

impl<T, M, const ID: u64> FenceCallback for QueueWork<T, M, ID>
where
    T: WorkItem<ID, Pointer = Arc<T>> + HasWork<T, ID> + Send + Sync + 'static,
    Arc<T>: RawWorkItem<ID, EnqueueOutput = Result<(), Arc<T>>>,
    M: ModuleMetadata + 'static,
{
    type OwnerModule = M;

    fn signaled(&self, _fence: &Fence) {
        // If it is queued already, the reference comes back. It is not the last one: `self` has
        // another.
        let _ = self.queue.enqueue::<Arc<T>, ID>(self.work.clone());
    }
}
