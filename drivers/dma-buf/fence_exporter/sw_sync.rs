// SPDX-License-Identifier: GPL-2.0

//! `/dev/sw_sync`: the ABI of the kernel's sw_sync, for programs that use it.
//!
//! A timeline has a 32-bit value, which programs count up. A fence signals when the value reaches
//! the fence's value. Fences may be created in any order. If two callers ask for the same value,
//! they get the same fence. Values wrap.
//!
//! Inside the driver, the value of the timeline and the numbers of fences have 64 bits.
//! CREATE_FENCE uses the number nearest to the timeline's value whose lower half is the caller's
//! value ([`SeqnoOrder::nearest`]). So numbers don't wrap, no matter how the calls of several
//! threads interleave.

use crate::{
    abi::Arg,
    export::Descriptor,
    name::Name,
    node::Common,
    users::UserSlot, //
};
use core::mem::offset_of;
use fence_uapi::*;
use kernel::{
    dma_buf::{
        ktime_get,
        trace,
        Cause,
        Emission,
        Fence,
        FenceOps,
        Ktime,
        NewFences,
        Reason,
        SeqnoOrder,
        SyncFile,
        Timeline,
        TracedFence,
        View, //
    },
    fs::File,
    miscdevice::{
        MiscDevice,
        MiscDeviceRegistration,
        PollDevice,
        PollDeviceRegistration,
        Ready, //
    },
    new_mutex,
    prelude::*,
    rbtree::{
        Entry,
        RBTree,
        RBTreeNodeReservation, //
    },
    sync::{
        atomic::{
            ordering::{
                Full,
                Relaxed, //
            },
            Atomic,
            AtomicFlag, //
        },
        poll::PollTable,
        rcu::Published,
        Arc,
        ArcBorrow,
        Mutex, //
    },
};

/// With fewer pending fences than this, the driver does not prune.
const PRUNE_FROM: u32 = 64;

/// The owner's data of a timeline.
#[pin_data]
pub(crate) struct SwSync {
    shared: Arc<Common>,
    /// The timeline's value. Users see the lower 32 bits.
    value: Atomic<u64>,
    /// The number of pending fences from which on they are pruned.
    prune_at: Atomic<u32>,
    /// Whether the timeline is in the [`Registry`].
    registered: AtomicFlag,
    _slot: UserSlot,
}

impl FenceOps for SwSync {
    type OwnerModule = crate::LocalModule;
    type Shared = Published<Name>;
    type Order = SeqnoOrder;
    const DRIVER_NAME: &'static CStr = c"sw_sync";
    const CLOSED: Error = ENOENT;

    fn timeline_name(name: View<'_, Self>) -> &CStr {
        name.as_c_str()
    }

    fn trace_signaled(fence: TracedFence<'_, Self>, status: Result, reason: Reason, time: Ktime) {
        trace::fence_signaled(fence, status, reason, time);
    }

    fn trace_deadline(fence: TracedFence<'_, Self>, deadline: Ktime) {
        trace::fence_deadline(fence, deadline);
    }
}

/// The ioctls of a timeline, and what they share.
trait Calls {
    fn register(this: ArcBorrow<'_, Self>) -> Result;
    fn make_room<'a>(&self, emission: Emission<'a, SwSync>) -> Result<Emission<'a, SwSync>>;
    fn prune<'a>(&self, emission: Emission<'a, SwSync>) -> Result<Emission<'a, SwSync>>;
    /// CREATE_FENCE: creates the fence of a value, or another descriptor for it if it is pending.
    fn create_fence(this: ArcBorrow<'_, Self>, arg: Arg) -> Result;
    /// INC: adds to the timeline's value, and signals the fences that it reaches.
    fn increment(&self, arg: Arg) -> Result;
    /// GET_DEADLINE: returns the deadline of a fence of any open timeline.
    fn get_deadline(&self, arg: Arg) -> Result;
    fn has_reached(&self, number: u64) -> bool;
}

impl Calls for Timeline<SwSync> {
    /// Adds the timeline to the [`Registry`], so that GET_DEADLINE of other timelines finds it. It
    /// is called before the first fence is created.
    ///
    /// Several threads may call this at a time, since all of them insert the same timeline.
    #[cold]
    fn register(this: ArcBorrow<'_, Self>) -> Result {
        this.shared.sw_sync.insert(this.into())?;
        this.registered.store(true, Relaxed);
        Ok(())
    }

    /// Ensures that one more fence may be pending: prunes if there are many.
    ///
    /// A fence whose descriptors are all closed stays pending until it signals or times out. (The
    /// kernel's sw_sync frees it at once.) So that such fences don't add up, the driver prunes them
    /// whenever the number of pending fences has doubled.
    ///
    /// Fails like [`prune`](Calls::prune).
    #[inline]
    fn make_room<'a>(&self, emission: Emission<'a, SwSync>) -> Result<Emission<'a, SwSync>> {
        let max = self.shared.limits.max_pending;
        if emission.pending() < self.prune_at.load(Relaxed).min(max) {
            return Ok(emission);
        }
        self.prune(emission)
    }

    /// Prunes, and ensures that one more fence may be pending.
    ///
    /// A signal to the task ends the pruning early, and the call uses the room that there is by
    /// then.
    ///
    /// Fails with `ENOSPC` if there is no room, or with `ERESTARTSYS` if a signal ended the pruning
    /// and there is no room.
    #[cold]
    fn prune<'a>(&self, emission: Emission<'a, SwSync>) -> Result<Emission<'a, SwSync>> {
        let max = self.shared.limits.max_pending;
        let (emission, full) = match emission.prune() {
            Ok(pruned) => {
                let next = pruned.pending().saturating_mul(2);
                self.prune_at.store(next.max(PRUNE_FROM), Relaxed);
                (pruned, ENOSPC)
            }
            Err(unfinished) => (unfinished, ERESTARTSYS),
        };
        if emission.pending() >= max {
            return Err(full);
        }
        Ok(emission)
    }

    fn create_fence(this: ArcBorrow<'_, Self>, arg: Arg) -> Result {
        const ANSWER: usize = offset_of!(sw_sync_create_fence_data, fence);

        let mut descriptor = Descriptor::reserve()?;
        let data: sw_sync_create_fence_data = arg.read()?;
        let new = NewFences::alloc(1, GFP_KERNEL_ACCOUNT)?;
        if !this.registered.load(Relaxed) {
            Self::register(this)?;
        }

        let emission = this.make_room(this.emission()?)?;
        let number = SeqnoOrder::nearest(this.value.load(Relaxed), data.value);
        let expires = ktime_get().saturating_add(this.shared.limits.sw_sync_timeout);
        match emission.emit_at(new, number, expires) {
            Ok(emitted) => {
                for fence in emitted.fences() {
                    descriptor.attach(fence)?;
                }
                arg.write_field(ANSWER, descriptor.number())?;
                emitted.commit_unless(|| this.has_reached(number));
            }
            Err(fence) => {
                descriptor.attach(&fence)?;
                arg.write_field(ANSWER, descriptor.number())?;
            }
        }
        descriptor.install();
        Ok(())
    }

    // Not inlined into `ioctl`, which needs more room on the stack for its other calls.
    #[inline(never)]
    fn increment(&self, arg: Arg) -> Result {
        let by = u64::from(arg.read::<u32>()?);
        // A step of 2^31 or more reaches every pending fence, since a new fence is less than 2^31
        // ahead.
        let value = self.value.fetch_add(by, Full).wrapping_add(by);
        self.signal(value, Ok(()), Cause::Done);
        Ok(())
    }

    fn get_deadline(&self, arg: Arg) -> Result {
        let mut data: sw_sync_get_deadline = arg.read()?;
        if data.deadline_ns != 0 || data.pad != 0 {
            return Err(EINVAL);
        }
        let fence = SyncFile::fence_of_fd(data.fence_fd).map_err(|_| EINVAL)?;
        let deadline = match self.deadline(&fence) {
            Err(_) => self.shared.sw_sync.deadline(&fence)?,
            known => known?,
        };
        data.deadline_ns = deadline.ok_or(ENOENT)? as u64;
        arg.write(&mut data)
    }

    /// Returns whether the timeline's value has reached a number.
    fn has_reached(&self, number: u64) -> bool {
        SeqnoOrder::is_up_to(number, self.value.load(Relaxed))
    }
}

/// The open timelines that have had a fence, by the numbers of their contexts.
///
/// GET_DEADLINE on any timeline accepts a fence of any other timeline.
#[pin_data]
pub(crate) struct Registry {
    #[pin]
    timelines: Mutex<RBTree<u64, Arc<Timeline<SwSync>>>>,
}

impl Registry {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            timelines <- new_mutex!(RBTree::new(), "fence_timelines"),
        })
    }

    /// Adds a timeline, unless it is there already. Fails with `ENOMEM`.
    fn insert(&self, timeline: Arc<Timeline<SwSync>>) -> Result {
        let reservation = RBTreeNodeReservation::new(GFP_KERNEL_ACCOUNT)?;
        if let Entry::Vacant(place) = self.timelines.lock().entry(timeline.number()) {
            place.insert(timeline, reservation);
        }
        Ok(())
    }

    /// Removes the timeline whose context has this number, if it is there.
    fn remove(&self, number: u64) {
        let node = self.timelines.lock().remove_node(&number);
        // Dropped outside the lock: this frees memory, and may put the last reference but the
        // caller's.
        drop(node);
    }

    /// Returns the deadline of a fence of an open timeline. Fails with `EINVAL` if no open timeline
    /// has the fence.
    fn deadline(&self, fence: &Fence) -> Result<Option<Ktime>> {
        let timeline = self.timelines.lock().get(&fence.context()).cloned();
        timeline.ok_or(EINVAL)?.deadline(fence)
    }
}

/// The device node `/dev/sw_sync`.
pub(crate) struct Node;

impl PollDevice for Node {
    type Data = Arc<Common>;
    type Private = Timeline<SwSync>;

    fn open(_file: &File, device: &PollDeviceRegistration<Self>) -> Result<Self::Ptr> {
        let shared = device.data();
        let owner = try_pin_init!(SwSync {
            _slot: shared.open()?,
            shared: shared.clone(),
            value: Atomic::new(0),
            prune_at: Atomic::new(PRUNE_FROM),
            registered: AtomicFlag::new(false),
        });
        Arc::pin_init(
            Timeline::new(Published::new(Name::of_current()?), owner),
            GFP_KERNEL_ACCOUNT,
        )
    }

    fn poll<'a>(_timeline: &'a Timeline<SwSync>, _table: &PollTable<'a>) -> Ready {
        // Like a file without `poll`: the kernel's sw_sync has none.
        Ready::ALWAYS
    }
}

#[vtable]
impl MiscDevice for Node {
    type Ptr = Arc<Timeline<SwSync>>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        // Not used: `PollDevice::open`, which gets the data of the device, opens files.
        Err(ENODEV)
    }

    fn release(timeline: Self::Ptr, _file: &File) {
        if timeline.registered.load(Relaxed) {
            timeline.shared.sw_sync.remove(timeline.number());
        }
    }

    fn ioctl(
        timeline: ArcBorrow<'_, Timeline<SwSync>>,
        _file: &File,
        cmd: u32,
        arg: usize,
    ) -> Result<isize> {
        let arg = Arg::new(cmd, arg);
        match cmd {
            SW_SYNC_IOC_CREATE_FENCE => Calls::create_fence(timeline, arg)?,
            SW_SYNC_IOC_INC => timeline.increment(arg)?,
            SW_SYNC_GET_DEADLINE => timeline.get_deadline(arg)?,
            _ => return Err(ENOTTY),
        }
        Ok(0)
    }
}
