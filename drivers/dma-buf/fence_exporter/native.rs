// SPDX-License-Identifier: GPL-2.0

//! `/dev/fence_exporter`: the node and the timeline behind each file.

use crate::{
    abi::{
        self,
        Arg, //
    },
    agenda::{
        Agenda,
        Entry, //
    },
    engine::{
        Engine,
        InFence,
        Job,
        JobReservation, //
    },
    events::{
        Event,
        EventQueue, //
    },
    export::{
        Export,
        Reserved, //
    },
    fdinfo,
    name::Name,
    node::Shared,
    users::UserSlot, //
};
use fence_uapi::*;
use kernel::{
    alloc::allocator::KVmalloc,
    dma_buf::{
        ktime_get,
        Cause,
        FenceOps,
        Ktime,
        Order,
        SyncFile,
        Timeline,
        View,
        KTIME_MAX, //
    },
    fs::{
        File,
        Kiocb, //
    },
    iov::IovIterDest,
    miscdevice::{
        nonblocking,
        MiscDevice,
        MiscDeviceRegistration,
        PollDevice,
        PollDeviceRegistration,
        Ready, //
    },
    prelude::*,
    seq_file::SeqFile,
    sync::{
        poll::PollTable,
        rcu::{
            Published,
            RcuFreeBox,
            RcuOnce, //
        },
        Arc,
        ArcBorrow,
        SetOnce, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    },
};

/// What the fences of a timeline show.
#[pin_data]
pub(crate) struct Shown {
    #[pin]
    name: Published<Name>,
    #[pin]
    events: RcuOnce<EventQueue, KVmalloc>,
}

kernel::rcu_view! {
    /// What callbacks of fences see.
    pub(crate) struct ShownView of Shown {
        name: Published<Name>,
        events: RcuOnce<EventQueue, KVmalloc>,
    }
}

/// What SETUP settles.
#[derive(Clone, Copy)]
struct Setup {
    timeout: Ktime,
    flags: u32,
}

/// The owner's data of a timeline.
#[pin_data]
pub(crate) struct Native {
    shared: Arc<Shared>,
    setup: SetOnce<Setup>,
    #[pin]
    agenda: Agenda,
    #[pin]
    engine: Engine,
    _slot: UserSlot,
}

impl FenceOps for Native {
    type OwnerModule = crate::LocalModule;
    type Shared = Shown;
    const DRIVER_NAME: &'static CStr = c"fence_exporter";
    const ORDER: Order = Order::Emission;
    const CLOSED: Error = ECANCELED;

    fn timeline_name(shown: View<'_, Self>) -> &CStr {
        shown.name.as_c_str()
    }

    fn enable_signaling(shown: View<'_, Self>, seqno: u64) {
        if let Some(events) = shown.events {
            events.push(Event::new(FENCE_EXPORTER_EVENT_WAIT, seqno, 0));
        }
    }

    fn set_deadline(shown: View<'_, Self>, seqno: u64, deadline: Ktime) {
        if let Some(events) = shown.events {
            let event = Event::new(FENCE_EXPORTER_EVENT_DEADLINE, seqno, deadline as u64);
            events.push(event);
        }
    }

    fn timed_out(timeline: &Timeline<Self>, seqno: u64) {
        timeline.tell_timed_out(seqno);
    }

    fn wake(timeline: &Timeline<Self>, now: Ktime) -> Option<Ktime> {
        if timeline.is_engine() {
            timeline.engine.run(timeline, now)
        } else {
            timeline.agenda.run(timeline, now)
        }
    }
}

impl Native {
    fn new(shared: Arc<Shared>) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _slot: shared.open()?,
            shared,
            setup: SetOnce::new(),
            agenda <- Agenda::new(),
            engine <- Engine::new(),
        })
    }

    fn setup(&self) -> Setup {
        self.setup.copy().unwrap_or(Setup {
            timeout: self.shared.limits.timeout,
            flags: 0,
        })
    }

    /// Returns the timeout of a fence, in ns.
    pub(crate) fn timeout(&self) -> Ktime {
        self.setup().timeout
    }

    fn is_engine(&self) -> bool {
        self.setup().flags & FENCE_EXPORTER_SETUP_ENGINE != 0
    }

    /// Fails with `EBUSY` unless the timeline is driven as the caller assumes.
    fn check_driven(&self, by_engine: bool) -> Result {
        if self.is_engine() == by_engine {
            Ok(())
        } else {
            Err(EBUSY)
        }
    }
}

/// The calls on a timeline.
pub(crate) trait Calls {
    fn events(&self) -> Option<Pin<&EventQueue>>;
    fn tell_timed_out(&self, seqno: u64);
    fn set_up(&self, arg: Arg) -> Result;
    fn create(&self, arg: Arg) -> Result;
    fn signal_now(&self, arg: Arg) -> Result;
    fn signal_at(&self, arg: Arg) -> Result;
    fn submit(this: ArcBorrow<'_, Self>, arg: Arg) -> Result;
    fn info(&self) -> fence_exporter_info;
}

impl Calls for Timeline<Native> {
    fn events(&self) -> Option<Pin<&EventQueue>> {
        self.shared_data().get_ref().events.get()
    }

    fn tell_timed_out(&self, seqno: u64) {
        if let Some(events) = self.events() {
            events.push(Event::new(FENCE_EXPORTER_EVENT_TIMEOUT, seqno, 0));
        }
    }

    fn set_up(&self, arg: Arg) -> Result {
        const FLAGS: u32 = FENCE_EXPORTER_SETUP_EVENTS | FENCE_EXPORTER_SETUP_ENGINE;

        let request: fence_exporter_setup = arg.read()?;
        let name = Name::check(&request.name)?;
        if request.flags & !FLAGS != 0 || request.pad != 0 {
            return Err(EINVAL);
        }
        let limits = &self.shared.limits;
        let timeout = match Ktime::try_from(request.timeout_ns) {
            Ok(0) => limits.timeout,
            Ok(timeout) if timeout <= limits.max_timeout => timeout,
            _ => return Err(EINVAL),
        };
        let events = if request.flags & FENCE_EXPORTER_SETUP_EVENTS != 0 {
            Some(RcuFreeBox::<_, KVmalloc>::pin_init(
                EventQueue::new(),
                GFP_KERNEL_ACCOUNT,
            )?)
        } else {
            None
        };
        // Whoever emits waits; nothing below fails.
        let _emission = self.emission();
        if self.counts().last != 0 || self.setup.as_ref().is_some() {
            return Err(EBUSY);
        }
        let shown = self.shared_data().get_ref();
        shown.name.set(name);
        if let Some(events) = events {
            shown.events.populate(events);
        }
        self.setup.populate(Setup {
            timeout,
            flags: request.flags,
        });
        Ok(())
    }

    fn create(&self, arg: Arg) -> Result {
        let mut request: fence_exporter_create = arg.read()?;
        if !(1..=FENCE_EXPORTER_MAX_FENCES).contains(&request.count) || request.flags != 0 {
            return Err(EINVAL);
        }
        self.check_driven(false)?;
        let count = request.count as usize;
        let mut reserved = KVec::with_capacity(count, GFP_KERNEL_ACCOUNT)?;
        for _ in 0..count {
            reserved.push(Reserved::new()?, GFP_KERNEL_ACCOUNT)?;
        }
        let fds = usize::try_from(request.fds).map_err(|_| EFAULT)?;
        let mut fds = UserSlice::new(UserPtr::from_addr(fds), count * size_of::<i32>()).writer();
        for reserved in &reserved {
            fds.write_slice(&reserved.fd().to_ne_bytes())?;
        }

        let emission = self.emission();
        // SETUP may have come in between.
        self.check_driven(false)?;
        if self.counts().pending.saturating_add(request.count) > self.shared.limits.max_pending {
            return Err(EAGAIN);
        }
        let mut exports = KVec::with_capacity(count, GFP_KERNEL_ACCOUNT)?;
        let expires = ktime_get().saturating_add(self.timeout());
        for reserved in reserved {
            let (fd, fence) = reserved.split();
            let export = Export::new(emission.emit(fence, expires), fd)?;
            exports.push(export, GFP_KERNEL_ACCOUNT)?;
        }
        request.first_seqno = exports.first().map_or(0, Export::seqno);
        arg.write(&mut request)?;
        for export in exports {
            export.install();
        }
        Ok(())
    }

    fn signal_now(&self, arg: Arg) -> Result {
        let mut request: fence_exporter_signal = arg.read()?;
        let status = abi::status(request.status)?;
        if request.flags != 0 || request.seqno > self.counts().last {
            return Err(EINVAL);
        }
        self.check_driven(false)?;
        // What can't be answered must not happen.
        request.signalled = 0;
        arg.write(&mut request)?;
        request.signalled = self.signal(request.seqno, status, Cause::Done) as u64;
        arg.write(&mut request)
    }

    fn signal_at(&self, arg: Arg) -> Result {
        let request: fence_exporter_signal_at = arg.read()?;
        let entry = Entry {
            seqno: request.seqno,
            status: abi::status(request.status)?,
        };
        let time = Ktime::try_from(request.time_ns).map_err(|_| EINVAL)?;
        if request.flags != 0 || request.seqno > self.counts().last {
            return Err(EINVAL);
        }
        self.check_driven(false)?;
        if time <= ktime_get() {
            self.signal(entry.seqno, entry.status, Cause::Done);
            return Ok(());
        }
        self.agenda
            .add(time, entry, self.shared.limits.max_pending)?;
        self.wake_at(time);
        Ok(())
    }

    fn submit(this: ArcBorrow<'_, Self>, arg: Arg) -> Result {
        let mut request: fence_exporter_submit = arg.read()?;
        let status = abi::status(request.status)?;
        if request.flags != 0 {
            return Err(EINVAL);
        }
        this.check_driven(true)?;
        let in_fence = match request.in_fence {
            -1 => None,
            fd => Some(InFence::new(this.into(), SyncFile::fence_of_fd(fd)?)?),
        };
        let reservation = JobReservation::new(GFP_KERNEL_ACCOUNT)?;
        let (fd, fence) = Reserved::new()?.split();

        let emission = this.emission();
        if this.counts().pending >= this.shared.limits.max_pending {
            return Err(EAGAIN);
        }
        // The engine sees to timeouts: they begin when it does with the job.
        let export = Export::new(emission.emit(fence, KTIME_MAX), fd)?;
        request.out_fence = export.fd();
        request.seqno = export.seqno();
        arg.write(&mut request)?;
        let job = Job {
            submitted: ktime_get(),
            // What is longer than that times out.
            duration: Ktime::try_from(request.duration_ns).unwrap_or(KTIME_MAX),
            status,
            in_fence,
        };
        let seqno = export.seqno();
        export.install_after(|| this.engine.push(reservation, seqno, job));
        this.wake_at(ktime_get());
        Ok(())
    }

    fn info(&self) -> fence_exporter_info {
        let counts = self.counts();
        let setup = self.setup();
        fence_exporter_info {
            name: *self.shared_data().get_ref().name.bytes(),
            context: self.number(),
            last_seqno: counts.last,
            signalled_seqno: counts.signalled_up_to,
            pending: counts.pending.into(),
            signalled: counts.done,
            timed_out: counts.timed_out,
            cancelled: counts.cancelled,
            deadline_ns: self.earliest_deadline().unwrap_or(0) as u64,
            timeout_ns: setup.timeout as u64,
            flags: setup.flags,
            pad: 0,
        }
    }
}

const _: () = assert!(
    FENCE_EXPORTER_SETUP_EVENTS == FENCE_EXPORTER_INFO_EVENTS
        && FENCE_EXPORTER_SETUP_ENGINE == FENCE_EXPORTER_INFO_ENGINE,
    "INFO answers the flags of SETUP"
);

/// `/dev/fence_exporter`.
pub(crate) struct Node;

#[vtable]
impl MiscDevice for Node {
    type Ptr = Arc<Timeline<Native>>;

    fn open(_file: &File, misc: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        let shared = PollDeviceRegistration::data(misc).ok_or(ENODEV)?;
        let shown = try_pin_init!(Shown {
            name <- Published::new(Name::of_current()),
            events <- RcuOnce::new(),
        });
        Arc::pin_init(
            Timeline::new(shown, Native::new(shared.clone())),
            GFP_KERNEL_ACCOUNT,
        )
    }

    fn release(timeline: Self::Ptr, _file: &File) {
        // Jobs hold references to the timeline as long as they wait for something.
        timeline.engine.clear();
    }

    fn ioctl(
        timeline: ArcBorrow<'_, Timeline<Native>>,
        _file: &File,
        cmd: u32,
        arg: usize,
    ) -> Result<isize> {
        const SETUP: u32 = abi::call(FENCE_EXPORTER_IOC_SETUP);
        const CREATE: u32 = abi::call(FENCE_EXPORTER_IOC_CREATE);
        const SIGNAL: u32 = abi::call(FENCE_EXPORTER_IOC_SIGNAL);
        const SIGNAL_AT: u32 = abi::call(FENCE_EXPORTER_IOC_SIGNAL_AT);
        const SUBMIT: u32 = abi::call(FENCE_EXPORTER_IOC_SUBMIT);
        const INFO: u32 = abi::call(FENCE_EXPORTER_IOC_INFO);

        let arg = Arg::new(cmd, arg);
        match abi::call(cmd) {
            SETUP => timeline.set_up(arg)?,
            CREATE => timeline.create(arg)?,
            SIGNAL => timeline.signal_now(arg)?,
            SIGNAL_AT => timeline.signal_at(arg)?,
            SUBMIT => Calls::submit(timeline, arg)?,
            INFO => arg.write(&mut timeline.info())?,
            _ => return Err(ENOTTY),
        }
        Ok(0)
    }

    fn read_iter(kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterDest<'_>) -> Result<usize> {
        let timeline = kiocb.file();
        let events = timeline.events().ok_or(EINVAL)?;
        events.read(iov, nonblocking(&kiocb))
    }

    fn show_fdinfo(timeline: ArcBorrow<'_, Timeline<Native>>, m: &SeqFile, _file: &File) {
        fdinfo::show(m, &timeline.info());
    }
}

impl PollDevice for Node {
    type Data = Arc<Shared>;

    fn poll<'a>(timeline: &'a ArcBorrow<'_, Timeline<Native>>, table: &PollTable<'a>) -> Ready {
        let Some(events) = timeline.events() else {
            return Ready::NOTHING;
        };
        let events = events.get_ref();
        table.register_wait(events.readable());
        if events.is_readable() {
            Ready::READABLE
        } else {
            Ready::NOTHING
        }
    }
}
