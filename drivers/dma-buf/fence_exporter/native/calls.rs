// SPDX-License-Identifier: GPL-2.0

//! The calls on a timeline of `/dev/fence_exporter`.

use super::{
    Native,
    Setup, //
};
use crate::{
    abi::{
        self,
        Arg, //
    },
    agenda::Entry,
    engine::{
        InFence,
        Job,
        JobReservation, //
    },
    events::{
        Events,
        NewQueue, //
    },
    export::{
        Descriptor,
        Descriptors, //
    },
    name::Name,
};
use core::mem::offset_of;
use fence_uapi::*;
use kernel::{
    dma_buf::{
        ktime_get,
        Cause,
        Ktime,
        NewFences,
        SyncFile,
        Timeline,
        KTIME_MAX, //
    },
    prelude::*,
    sync::ArcBorrow,
    uaccess::{
        UserPtr,
        UserSlice, //
    },
};

/// The flags of SETUP that there are.
const SETUP_FLAGS: u32 = FENCE_EXPORTER_SETUP_EVENTS | FENCE_EXPORTER_SETUP_ENGINE;

/// The calls on a timeline.
pub(crate) trait Calls {
    fn events(&self) -> &Events;
    fn tell_timed_out(&self, seqno: u64);
    fn set_up(&self, arg: Arg) -> Result;
    fn create(&self, arg: Arg) -> Result;
    fn signal_now(&self, arg: Arg) -> Result;
    fn signal_at(&self, arg: Arg) -> Result;
    fn run_agenda(&self);
    fn submit(this: ArcBorrow<'_, Self>, arg: Arg) -> Result;
    fn info(&self) -> fence_exporter_info;
}

impl Calls for Timeline<Native> {
    fn events(&self) -> &Events {
        &self.shared_data().get_ref().events
    }

    fn tell_timed_out(&self, seqno: u64) {
        self.events().push(FENCE_EXPORTER_EVENT_TIMEOUT, seqno, 0);
    }

    fn set_up(&self, arg: Arg) -> Result {
        let request: fence_exporter_setup = arg.read()?;
        let name = Name::check(&request.name)?;
        if request.flags & !SETUP_FLAGS != 0 || request.pad != 0 {
            return Err(EINVAL);
        }
        let limits = &self.shared.limits;
        let timeout = match Ktime::try_from(request.timeout_ns) {
            Ok(0) => limits.timeout,
            Ok(timeout) if timeout <= limits.max_timeout => timeout,
            _ => return Err(EINVAL),
        };
        let events = if request.flags & FENCE_EXPORTER_SETUP_EVENTS != 0 {
            Some(NewQueue::new()?)
        } else {
            None
        };
        // Whoever emits waits; nothing below fails.
        let emission = self.emission()?;
        if emission.last() != 0 || self.setup.as_ref().is_some() {
            return Err(EBUSY);
        }
        let shown = self.shared_data().get_ref();
        shown.name.set(name);
        if let Some(events) = events {
            shown.events.keep(events);
        }
        self.setup.populate(Setup {
            timeout,
            flags: request.flags,
        });
        Ok(())
    }

    fn create(&self, arg: Arg) -> Result {
        let request: fence_exporter_create = arg.read()?;
        if !(1..=FENCE_EXPORTER_MAX_FENCES).contains(&request.count) || request.flags != 0 {
            return Err(EINVAL);
        }
        self.check_driven(false)?;
        let fences = NewFences::alloc(request.count, GFP_KERNEL_ACCOUNT)?;
        let mut descriptors = Descriptors::reserve(request.count as usize)?;
        let fds = usize::try_from(request.fds).map_err(|_| EFAULT)?;
        let size = request.count as usize * size_of::<i32>();
        let mut fds = UserSlice::new(UserPtr::from_addr(fds), size).writer();
        descriptors.write_numbers(&mut fds)?;

        let emission = self.emission()?;
        // SETUP may have come in between.
        self.check_driven(false)?;
        if emission.pending().saturating_add(request.count) > self.shared.limits.max_pending {
            return Err(EAGAIN);
        }
        let first_seqno = emission.last() + 1;
        let expires = ktime_get().saturating_add(self.timeout());
        let emitted = emission.emit(fences, expires);
        descriptors.attach(emitted.fences())?;
        arg.write_field(offset_of!(fence_exporter_create, first_seqno), first_seqno)?;
        emitted.commit();
        descriptors.install();
        Ok(())
    }

    fn signal_now(&self, arg: Arg) -> Result {
        const ANSWER: usize = offset_of!(fence_exporter_signal, signalled);

        let request: fence_exporter_signal = arg.read()?;
        let status = abi::status(request.status)?;
        if request.flags != 0 || request.seqno > self.last() {
            return Err(EINVAL);
        }
        self.check_driven(false)?;
        self.run_agenda();
        // What can't be answered must not happen. Unless others signal meanwhile, this is the
        // answer: numbers have no gaps.
        let expected = request.seqno.saturating_sub(self.signalled_up_to());
        arg.write_field(ANSWER, expected)?;
        let signalled = self.signal(request.seqno, status, Cause::Done) as u64;
        if signalled != expected {
            // What is done is done: whoever has taken the page away meanwhile gets no answer.
            let _ = arg.write_field(ANSWER, signalled);
        }
        Ok(())
    }

    fn signal_at(&self, arg: Arg) -> Result {
        let request: fence_exporter_signal_at = arg.read()?;
        let entry = Entry {
            seqno: request.seqno,
            status: abi::status(request.status)?,
        };
        let time = Ktime::try_from(request.time_ns).map_err(|_| EINVAL)?;
        if request.flags != 0 || request.seqno > self.last() {
            return Err(EINVAL);
        }
        self.check_driven(false)?;
        if time <= ktime_get() {
            // What was due before that time, or came before with that time.
            self.run_due(time);
            self.signal(entry.seqno, entry.status, Cause::Done);
            return Ok(());
        }
        let signalled = self.signalled_up_to();
        if entry.seqno <= signalled {
            return Ok(());
        }
        self.agenda
            .add(time, entry, self.shared.limits.max_pending, signalled)?;
        self.wake_at(time);
        Ok(())
    }

    /// Does what SIGNAL_AT asked for by now, if there is something: the timer may be late.
    ///
    /// The clock is read only if something was asked for.
    #[inline]
    fn run_agenda(&self) {
        if let Some(first) = self.agenda.next_due() {
            let now = ktime_get();
            if first <= now {
                self.run_due(now);
            }
        }
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
            fd => {
                let fence = SyncFile::fence_of_fd(fd)?;
                Some(InFence::new(this.into(), &fence)?)
            }
        };
        let reservation = JobReservation::new(GFP_KERNEL_ACCOUNT)?;
        let fences = NewFences::alloc(1, GFP_KERNEL_ACCOUNT)?;
        let mut descriptor = Descriptor::reserve()?;

        let emission = this.emission()?;
        if emission.pending() >= this.shared.limits.max_pending {
            return Err(EAGAIN);
        }
        // The engine completes the fence in any case: it knows when the timeout begins.
        let emitted = emission.emit(fences, KTIME_MAX);
        for fence in emitted.fences() {
            descriptor.attach(fence)?;
        }
        request.out_fence = descriptor.number();
        request.seqno = emitted.last();
        arg.write(&mut request)?;
        let submitted = ktime_get();
        let job = Job {
            submitted,
            limit: submitted.saturating_add(this.shared.limits.max_timeout),
            // What is longer than that times out.
            duration: Ktime::try_from(request.duration_ns).unwrap_or(KTIME_MAX),
            status,
            in_fence,
        };
        emitted.commit();
        this.engine.push(reservation, request.seqno, job);
        descriptor.install();
        this.wake_at(ktime_get());
        Ok(())
    }

    fn info(&self) -> fence_exporter_info {
        let counts = self.counts();
        let setup = self.setup();
        let (deadline, has_deadline) = match self.earliest_deadline() {
            Some(deadline) => (deadline, FENCE_EXPORTER_INFO_DEADLINE),
            None => (0, 0),
        };
        fence_exporter_info {
            name: *self.shared_data().get_ref().name.bytes(),
            context: self.number(),
            last_seqno: counts.committed,
            signalled_seqno: counts.completed,
            pending: counts.pending,
            signalled: counts.done,
            timed_out: counts.timed_out,
            cancelled: counts.cancelled,
            deadline_ns: deadline as u64,
            timeout_ns: setup.timeout as u64,
            flags: setup.flags | has_deadline,
            pad: 0,
        }
    }
}

const _: () = assert!(
    FENCE_EXPORTER_SETUP_EVENTS == FENCE_EXPORTER_INFO_EVENTS
        && FENCE_EXPORTER_SETUP_ENGINE == FENCE_EXPORTER_INFO_ENGINE
        && SETUP_FLAGS & FENCE_EXPORTER_INFO_DEADLINE == 0,
    "INFO answers the flags of SETUP, and flags of its own"
);
