// SPDX-License-Identifier: GPL-2.0

//! `/dev/sw_sync`: the ABI of the kernel's sw_sync, for programs that look for it.
//!
//! A timeline has a 32-bit value, which is counted up; a fence has signalled when the value has
//! reached its own. Fences may be created in any order, two of one value are one fence, and values
//! wrap.
//!
//! In here, and in the core, the timeline's value and the numbers of fences have 64 bits.
//! CREATE_FENCE takes the number nearest to the timeline's value whose lower half is the caller's
//! value ([`SeqnoOrder::nearest`]). So numbers don't wrap, however the calls of several threads
//! interleave.

use crate::{
    abi::Arg,
    export::Descriptor,
    name::Name,
    node::Common,
    users::UserSlot, //
};
use fence_uapi::*;
use kernel::{
    dma_buf::{
        ktime_get,
        Cause,
        Emission,
        Fence,
        FenceOps,
        Ktime,
        NewFences,
        SeqnoOrder,
        SyncFile,
        Timeline,
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

/// Below this many pending fences it isn't worth looking for those that nobody can see any more.
const PRUNE_FROM: u32 = 64;

/// The owner's data of a timeline.
#[pin_data]
pub(crate) struct SwSync {
    shared: Arc<Common>,
    /// The timeline's value. Users see the lower 32 bits.
    value: Atomic<u64>,
    /// With how many fences pending to look for those that nobody refers to.
    prune_at: Atomic<u32>,
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
}

/// The calls on a timeline.
trait Calls {
    fn register(this: ArcBorrow<'_, Self>) -> Result;
    fn make_room<'a>(&self, emission: Emission<'a, SwSync>) -> Result<Emission<'a, SwSync>>;
    fn create_fence(this: ArcBorrow<'_, Self>, arg: Arg) -> Result;
    fn increment(&self, arg: Arg) -> Result;
    fn get_deadline(&self, arg: Arg) -> Result;
    fn has_reached(&self, number: u64) -> bool;
}

impl Calls for Timeline<SwSync> {
    /// Makes the timeline known to GET_DEADLINE of others, before it has a fence.
    ///
    /// Several threads may do so at a time: it is the same timeline that they store.
    fn register(this: ArcBorrow<'_, Self>) -> Result {
        if !this.registered.load(Relaxed) {
            this.shared.sw_sync.insert(this.into())?;
            this.registered.store(true, Relaxed);
        }
        Ok(())
    }

    /// Sees to it that one more fence may be pending.
    ///
    /// A fence whose descriptors are all closed is pending until it signals or times out, where the
    /// kernel's sw_sync forgets it. So that they don't add up, they are pruned whenever the pending
    /// fences have doubled.
    ///
    /// A signal ends the pruning early, and the call goes on with the room there is. It fails with
    /// `ERESTARTSYS` only if there is none then, and with `EAGAIN` if there is none without a
    /// signal.
    fn make_room<'a>(&self, emission: Emission<'a, SwSync>) -> Result<Emission<'a, SwSync>> {
        let max = self.shared.limits.max_pending;
        if emission.pending() < self.prune_at.load(Relaxed).min(max) {
            return Ok(emission);
        }
        let (emission, full) = match emission.prune() {
            Ok(pruned) => {
                let next = pruned.pending().saturating_mul(2);
                self.prune_at.store(next.max(PRUNE_FROM), Relaxed);
                (pruned, EAGAIN)
            }
            Err(unfinished) => (unfinished, ERESTARTSYS),
        };
        if emission.pending() >= max {
            return Err(full);
        }
        Ok(emission)
    }

    fn create_fence(this: ArcBorrow<'_, Self>, arg: Arg) -> Result {
        let mut descriptor = Descriptor::reserve()?;
        let mut data: sw_sync_create_fence_data = arg.read()?;
        data.fence = descriptor.number();
        let new = NewFences::alloc(1, GFP_KERNEL_ACCOUNT)?;
        Self::register(this)?;

        let emission = this.make_room(this.emission()?)?;
        let number = SeqnoOrder::nearest(this.value.load(Relaxed), data.value);
        let expires = ktime_get().saturating_add(this.shared.limits.sw_sync_timeout);
        match emission.emit_at(new, number, expires) {
            Ok(emitted) => {
                for fence in emitted.fences() {
                    descriptor.attach(fence)?;
                }
                arg.write(&mut data)?;
                emitted.commit_unless(|| this.has_reached(number));
            }
            Err(fence) => {
                descriptor.attach(&fence)?;
                arg.write(&mut data)?;
            }
        }
        descriptor.install();
        Ok(())
    }

    fn increment(&self, arg: Arg) -> Result {
        let by = u64::from(arg.read::<u32>()?);
        // A step of 2^31 or more reaches everything that is pending, as a fence is never created
        // further ahead.
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

    /// Tells whether the timeline's value has reached a number.
    fn has_reached(&self, number: u64) -> bool {
        SeqnoOrder::is_up_to(number, self.value.load(Relaxed))
    }
}

/// The open timelines that have had a fence, by the numbers of their contexts.
///
/// GET_DEADLINE may be asked of any timeline for a fence of any other.
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

    fn insert(&self, timeline: Arc<Timeline<SwSync>>) -> Result {
        let reservation = RBTreeNodeReservation::new(GFP_KERNEL_ACCOUNT)?;
        if let Entry::Vacant(place) = self.timelines.lock().entry(timeline.number()) {
            place.insert(timeline, reservation);
        }
        Ok(())
    }

    fn remove(&self, number: u64) {
        let node = self.timelines.lock().remove_node(&number);
        // Outside the lock: it may be the last reference but one.
        drop(node);
    }

    /// Returns the deadline of a fence of an open timeline. `EINVAL` if it is of none.
    fn deadline(&self, fence: &Fence) -> Result<Option<Ktime>> {
        let timeline = self.timelines.lock().get(&fence.context()).cloned();
        timeline.ok_or(EINVAL)?.deadline(fence)
    }
}

/// `/dev/sw_sync`.
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
        // As for a file without `poll`, which the kernel's sw_sync is.
        Ready::ALWAYS
    }
}

#[vtable]
impl MiscDevice for Node {
    type Ptr = Arc<Timeline<SwSync>>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        // Files are opened by `PollDevice::open`, which has the data of the device.
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
