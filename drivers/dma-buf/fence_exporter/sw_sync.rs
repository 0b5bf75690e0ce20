// SPDX-License-Identifier: GPL-2.0

//! `/dev/sw_sync`: the ABI of the kernel's sw_sync, for programs that look for it.
//!
//! A timeline has a 32-bit value, which is counted up; a fence has signalled when the value has reached
//! its own. Fences may be created in any order, two of one value are one fence, and values wrap.

use crate::{
    abi::Arg,
    export::Descriptor,
    name::Name,
    node::Shared,
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
        Seqno32Order,
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

/// From how far ahead on a fence is created with care, and from which step on INC takes care.
///
/// Fences are in the order of signed differences, which holds as long as all are less than 2^31
/// ahead of what has signalled. That lags behind the value by the steps of those who have added and
/// not signalled yet.
const FAR: i32 = 1 << 30;
const LARGE: u32 = 1 << 16;

/// The owner's data of a timeline.
#[pin_data]
pub(crate) struct SwSync {
    shared: Arc<Shared>,
    value: Atomic<u32>,
    /// With how many fences pending to look for those that nobody refers to.
    prune_at: Atomic<u32>,
    registered: AtomicFlag,
    _slot: UserSlot,
}

impl FenceOps for SwSync {
    type OwnerModule = crate::LocalModule;
    type Shared = Published<Name>;
    type Order = Seqno32Order;
    const DRIVER_NAME: &'static CStr = c"fence_exporter";
    const CLOSED: Error = ENOENT;

    fn timeline_name(name: View<'_, Self>) -> &CStr {
        name.as_c_str()
    }
}

/// The calls on a timeline.
trait Calls {
    fn register(this: ArcBorrow<'_, Self>) -> Result;
    fn make_room<'a>(&self, emission: Emission<'a, SwSync>) -> Result<Emission<'a, SwSync>>;
    fn catch_up<'a>(&self, emission: Emission<'a, SwSync>) -> Emission<'a, SwSync>;
    fn create_fence(this: ArcBorrow<'_, Self>, arg: Arg) -> Result;
    fn increment(&self, arg: Arg) -> Result;
    fn advance(&self, step: u32);
    fn get_deadline(&self, arg: Arg) -> Result;
    fn has_reached(&self, value: u32) -> bool;
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
    fn make_room<'a>(&self, mut emission: Emission<'a, SwSync>) -> Result<Emission<'a, SwSync>> {
        let max = self.shared.limits.max_pending;
        if emission.pending() >= self.prune_at.load(Relaxed).min(max) {
            emission = emission.prune();
            let next = emission.pending().saturating_mul(2);
            self.prune_at.store(next.max(PRUNE_FROM), Relaxed);
        }
        if emission.pending() >= max {
            return Err(EAGAIN);
        }
        Ok(emission)
    }

    /// Signals what has been reached, though others are about to: it must not be pending still when
    /// a fence is that is far ahead.
    fn catch_up<'a>(&self, emission: Emission<'a, SwSync>) -> Emission<'a, SwSync> {
        emission.unlocked(|| {
            self.signal(self.value.load(Relaxed).into(), Ok(()), Cause::Done);
        })
    }

    fn create_fence(this: ArcBorrow<'_, Self>, arg: Arg) -> Result {
        let mut descriptor = Descriptor::reserve()?;
        let mut data: sw_sync_create_fence_data = arg.read()?;
        data.fence = descriptor.number();
        let value = data.value;
        let new = NewFences::alloc(1, GFP_KERNEL_ACCOUNT)?;
        Self::register(this)?;

        let mut emission = this.make_room(this.emission()?)?;
        // While emission is ours, no step is large. What is far behind may be ahead after some.
        let ahead = value.wrapping_sub(this.value.load(Relaxed)) as i32;
        if ahead >= FAR {
            emission = this.catch_up(emission);
        }
        let expires = ktime_get().saturating_add(this.shared.limits.sw_sync_timeout);
        match emission.emit_at(new, value, expires) {
            Ok(emitted) => {
                for fence in emitted.fences() {
                    descriptor.attach(fence)?;
                }
                arg.write(&mut data)?;
                emitted.commit_unless(|| ahead <= 0 || this.has_reached(value));
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
        let by: u32 = arg.read()?;
        if by < LARGE {
            self.advance(by);
            return Ok(());
        }
        // One at a time, and nobody creates a fence meanwhile.
        let emission = self.emission()?;
        let emission = emission.unlocked(|| {
            // Fences are compared by signed differences: further steps would skip some.
            let first = by.min(i32::MAX as u32);
            let second = (by - first).min(i32::MAX as u32);
            for step in [first, second, by - first - second] {
                self.advance(step);
            }
        });
        drop(emission);
        Ok(())
    }

    fn advance(&self, step: u32) {
        let value = self.value.fetch_add(step, Full).wrapping_add(step);
        self.signal(value.into(), Ok(()), Cause::Done);
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

    /// Tells whether the timeline's value has reached `value`, by the kernel's reckoning: half of all
    /// values are behind it.
    fn has_reached(&self, value: u32) -> bool {
        value.wrapping_sub(self.value.load(Relaxed)) as i32 <= 0
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
    type Data = Arc<Shared>;
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
