// SPDX-License-Identifier: GPL-2.0

//! The ioctls of a timeline of `/dev/fence_exporter`. Their errors are listed in
//! `include/uapi/linux/fence_exporter.h`.

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
        self,
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
        Emission,
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

/// A mask of all flags of SETUP.
const SETUP_FLAGS: u32 = FENCE_EXPORTER_SETUP_EVENTS | FENCE_EXPORTER_SETUP_ENGINE;

/// The most in-fences of a job.
const MAX_IN_FENCES: usize = FENCE_EXPORTER_MAX_IN_FENCES as usize;

/// The ioctls of a timeline, and what they share. All are called in process context, unless their
/// comment names another.
pub(crate) trait Calls {
    /// Returns the events of the timeline. Any context.
    fn events(&self) -> &Events;
    /// Adds the event that fences up to `seqno` have timed out. Any context.
    fn tell_timed_out(&self, seqno: u64);
    /// Adds the event that a SIGNAL_AT or a job has signaled all fences up to `seqno`. Any context.
    fn tell_signaled(&self, seqno: u64, status: Result);
    /// QUERY: returns what the module can do, and its limits.
    fn query(&self) -> fence_exporter_query;
    /// Takes the right to emit. If another thread has it, waits, or fails with `EAGAIN` if
    /// `nonblocking` is set. Fails with `ERESTARTSYS` if a signal to the task arrives during the
    /// wait.
    fn turn(&self, nonblocking: bool) -> Result<Emission<'_, Native>>;
    /// SETUP: configures the timeline, once, before its first fence.
    fn set_up(&self, arg: Arg, nonblocking: bool) -> Result;
    /// CREATE: creates fences with the next numbers.
    fn create(&self, arg: Arg, nonblocking: bool) -> Result;
    /// SIGNAL: signals all fences up to a number.
    fn signal_now(&self, arg: Arg) -> Result;
    /// SIGNAL_AT: signals all fences up to a number at a given time.
    fn signal_at(&self, arg: Arg) -> Result;
    /// SIGNAL_AT with `FENCE_EXPORTER_SIGNAL_AT_CANCEL`: removes entries of the agenda.
    fn cancel_signal_at(&self, arg: Arg, request: &fence_exporter_signal_at) -> Result;
    /// Does the entries of the agenda that are due now, since the timer may be late.
    fn run_agenda(&self);
    /// Does the first entry of the agenda, or a batch of it, if it is due by `time`. Also called in
    /// softirq context.
    fn run_first_entry(&self, time: Ktime);
    /// SUBMIT: queues a job on the engine.
    fn submit(this: ArcBorrow<'_, Self>, arg: Arg, nonblocking: bool) -> Result;
    /// INFO: returns what the timeline is and has done.
    fn info(&self) -> fence_exporter_info;
    /// EXPORT: makes another descriptor for a pending fence.
    fn export(&self, arg: Arg) -> Result;
}

impl Calls for Timeline<Native> {
    fn events(&self) -> &Events {
        &self.shared_data().get_ref().events
    }

    fn tell_timed_out(&self, seqno: u64) {
        self.events().push(FENCE_EXPORTER_EVENT_TIMEOUT, seqno, 0);
    }

    fn tell_signaled(&self, seqno: u64, status: Result) {
        let status = status.map_or_else(Error::to_errno, |()| 0);
        self.events().push(
            FENCE_EXPORTER_EVENT_SIGNALED,
            seqno,
            i64::from(status) as u64,
        );
    }

    fn query(&self) -> fence_exporter_query {
        let limits = &self.shared.limits;
        let (sw_sync, sw_sync_timeout) = if limits.sw_sync {
            (FENCE_EXPORTER_FEATURE_SW_SYNC, limits.sw_sync_timeout)
        } else {
            (0, 0)
        };
        fence_exporter_query {
            features: u64::from(FENCE_EXPORTER_FEATURE_FAILED | sw_sync),
            default_timeout_ns: limits.timeout as u64,
            max_timeout_ns: limits.max_timeout as u64,
            sw_sync_timeout_ns: sw_sync_timeout as u64,
            max_pending: limits.max_pending,
            max_timelines: limits.max_timelines,
            max_fences: FENCE_EXPORTER_MAX_FENCES,
            max_in_fences: FENCE_EXPORTER_MAX_IN_FENCES,
            max_events: events::CAPACITY as u32,
            event_types: events::TYPES,
        }
    }

    #[inline(always)]
    fn turn(&self, nonblocking: bool) -> Result<Emission<'_, Native>> {
        if nonblocking {
            self.try_emission()
        } else {
            self.emission()
        }
    }

    fn set_up(&self, arg: Arg, nonblocking: bool) -> Result {
        let request: fence_exporter_setup = arg.read()?;
        let name = Name::check(&request.name)?;
        let keeps_events = request.flags & FENCE_EXPORTER_SETUP_EVENTS != 0;
        let masked = if keeps_events { events::TYPES } else { 0 };
        if request.flags & !SETUP_FLAGS != 0 || request.event_mask & !masked != 0 {
            return Err(EINVAL);
        }
        let limits = &self.shared.limits;
        let timeout = match Ktime::try_from(request.timeout_ns) {
            Ok(0) => limits.timeout,
            Ok(timeout) if timeout <= limits.max_timeout => timeout,
            _ => return Err(EINVAL),
        };
        let events = if keeps_events {
            Some(NewQueue::new(request.event_mask)?)
        } else {
            None
        };
        // Waits until no other thread is emitting. After the check below nothing can fail.
        let emission = self.turn(nonblocking)?;
        if emission.last() != 0 || self.setup.as_ref().is_some() {
            return Err(EBUSY);
        }
        let shown = self.shared_data().get_ref();
        if let Some(name) = name {
            shown.name.set(name);
        }
        if let Some(events) = events {
            shown.events.keep(events);
        }
        self.setup.populate(Setup {
            timeout,
            flags: request.flags,
        });
        Ok(())
    }

    fn create(&self, arg: Arg, nonblocking: bool) -> Result {
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

        let emission = self.turn(nonblocking)?;
        // Another thread may have called SETUP since the first check.
        self.check_driven(false)?;
        if emission.pending().saturating_add(request.count) > self.shared.limits.max_pending {
            return Err(ENOSPC);
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
        const ANSWER: usize = offset_of!(fence_exporter_signal, signaled);

        let request: fence_exporter_signal = arg.read()?;
        let status = abi::status(request.status)?;
        if request.flags != 0 || request.seqno > self.last() {
            return Err(EINVAL);
        }
        self.check_driven(false)?;
        self.run_agenda();
        // Write the answer first: if it can't be written, nothing must be signaled. The answer is
        // right unless other threads signal meanwhile, since numbers have no gaps.
        let expected = request.seqno.saturating_sub(self.signaled_up_to());
        arg.write_field(ANSWER, expected)?;
        let signaled = self.signal(request.seqno, status, Cause::Done) as u64;
        if signaled != expected {
            // The fences have signaled. If the caller's memory was unmapped meanwhile, the caller
            // gets no answer.
            let _ = arg.write_field(ANSWER, signaled);
        }
        Ok(())
    }

    fn signal_at(&self, arg: Arg) -> Result {
        let request: fence_exporter_signal_at = arg.read()?;
        if request.flags == FENCE_EXPORTER_SIGNAL_AT_CANCEL {
            return self.cancel_signal_at(arg, &request);
        }
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
            // First do what is due before that time, and the earlier calls for the same time.
            self.run_due(time);
            if self.signal(entry.seqno, entry.status, Cause::Done) > 0 {
                self.tell_signaled(entry.seqno, entry.status);
            }
            return Ok(());
        }
        let signaled = self.signaled_up_to();
        if entry.seqno <= signaled {
            return Ok(());
        }
        self.agenda
            .add(time, entry, self.shared.limits.max_pending, signaled)?;
        self.wake_at(time);
        Ok(())
    }

    fn cancel_signal_at(&self, arg: Arg, request: &fence_exporter_signal_at) -> Result {
        const ANSWER: usize = offset_of!(fence_exporter_signal_at, cancelled);

        if request.status != 0 || request.time_ns != 0 || request.seqno > self.last() {
            return Err(EINVAL);
        }
        self.check_driven(false)?;
        // Entries that are due take effect before the call, even if the timer is late.
        self.run_agenda();
        // Write the answer first: if it can't be written, nothing must be removed.
        arg.write_field(ANSWER, 0)?;
        let cancelled = self.agenda.cancel(request.seqno, ktime_get());
        if cancelled > 0 {
            // The entries were removed. If the caller's memory was unmapped meanwhile, the caller
            // gets no answer.
            let _ = arg.write_field(ANSWER, cancelled);
        }
        Ok(())
    }

    // Reads the clock only if there is an entry.
    #[inline]
    fn run_agenda(&self) {
        if let Some(first) = self.agenda.next_due() {
            let now = ktime_get();
            if first <= now {
                self.run_due(now);
            }
        }
    }

    fn run_first_entry(&self, time: Ktime) {
        if let Some(entry) = self.agenda.run_first(self, time) {
            self.tell_signaled(entry.seqno, entry.status);
        }
    }

    fn submit(this: ArcBorrow<'_, Self>, arg: Arg, nonblocking: bool) -> Result {
        let mut request: fence_exporter_submit = arg.read()?;
        let status = abi::status(request.status)?;
        if request.flags != 0 || request.in_count > FENCE_EXPORTER_MAX_IN_FENCES {
            return Err(EINVAL);
        }
        this.check_driven(true)?;
        let in_fences = in_fences(this, &request)?;
        let reservation = JobReservation::new(GFP_KERNEL_ACCOUNT)?;
        let fences = NewFences::alloc(1, GFP_KERNEL_ACCOUNT)?;
        let mut descriptor = Descriptor::reserve()?;

        let emission = this.turn(nonblocking)?;
        if emission.pending() >= this.shared.limits.max_pending {
            return Err(ENOSPC);
        }
        // The engine always completes the fence, and knows when the timeout begins. So the fence
        // needs no timeout of its own.
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
            // A job with a longer duration times out.
            duration: Ktime::try_from(request.duration_ns).unwrap_or(KTIME_MAX),
            status,
            in_fences,
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
        let (failed_seqno, failed_status) = counts
            .last_failure
            .map_or((0, 0), |last| (last.seqno, last.error.to_errno()));
        fence_exporter_info {
            name: self.shared_data().get_ref().name.bytes(),
            context: self.number(),
            last_seqno: counts.committed,
            signaled_seqno: counts.completed,
            pending: counts.pending,
            signaled: counts.done,
            timed_out: counts.timed_out,
            cancelled: counts.cancelled,
            deadline_ns: deadline as u64,
            timeout_ns: setup.timeout as u64,
            flags: setup.flags | has_deadline,
            event_mask: self.events().mask(),
            failed: counts.failed,
            failed_seqno,
            failed_status,
            reserved: 0,
        }
    }

    fn export(&self, arg: Arg) -> Result {
        let mut request: fence_exporter_export = arg.read()?;
        if request.flags != 0 || request.seqno == 0 || request.seqno > self.last() {
            return Err(EINVAL);
        }
        let fence = self.pending_fence(request.seqno).ok_or(ENOENT)?;
        let mut descriptor = Descriptor::reserve()?;
        descriptor.attach(&fence)?;
        request.fd = descriptor.number();
        arg.write(&mut request)?;
        descriptor.install();
        Ok(())
    }
}

/// Returns the in-fences of a job. Fails with `EFAULT`, `EBADF` or `ENOMEM`.
fn in_fences(
    timeline: ArcBorrow<'_, Timeline<Native>>,
    request: &fence_exporter_submit,
) -> Result<KVec<InFence>> {
    let mut fds = [0i32; MAX_IN_FENCES];
    let count = request.in_count as usize;
    let fds = fds.get_mut(..count).ok_or(EINVAL)?;
    if fds.is_empty() {
        return Ok(KVec::new());
    }
    let from = usize::try_from(request.in_fences).map_err(|_| EFAULT)?;
    UserSlice::new(UserPtr::from_addr(from), size_of_val(fds))
        .reader()
        .read_slice(fds.as_mut_bytes())?;
    let mut in_fences = KVec::with_capacity(count, GFP_KERNEL_ACCOUNT)?;
    for &fd in &*fds {
        let fence = SyncFile::fence_of_fd(fd)?;
        in_fences.push_within_capacity(InFence::new(timeline.into(), &fence)?)?;
    }
    Ok(in_fences)
}

const _: () = assert!(
    FENCE_EXPORTER_SETUP_EVENTS == FENCE_EXPORTER_INFO_EVENTS
        && FENCE_EXPORTER_SETUP_ENGINE == FENCE_EXPORTER_INFO_ENGINE
        && SETUP_FLAGS & FENCE_EXPORTER_INFO_DEADLINE == 0,
    "INFO answers the flags of SETUP, and flags of its own"
);
