// SPDX-License-Identifier: GPL-2.0

//! `/dev/fence_exporter`: the timeline behind each file.

use crate::{
    agenda::Agenda,
    engine::Engine,
    events::Events,
    name::Name,
    node::Common,
    users::UserSlot, //
};
use fence_uapi::*;
use kernel::{
    dma_buf::{
        trace,
        EmissionOrder,
        FenceOps,
        Ktime,
        Reason,
        Timeline,
        TracedFence,
        View, //
    },
    prelude::*,
    sync::{
        rcu::Published,
        Arc,
        SetOnce, //
    },
};

mod calls;
mod device;

pub(crate) use self::{
    calls::Calls,
    device::Node, //
};

/// The data that callbacks of a timeline's fences see.
#[pin_data]
pub(crate) struct Shown {
    #[pin]
    name: Published<Name>,
    #[pin]
    events: Events,
}

kernel::rcu_view! {
    /// The view of [`Shown`] that callbacks of fences get.
    pub(crate) struct ShownView of Shown {
        name: Published<Name>,
        events: Events,
    }
}

/// The settings that SETUP makes.
#[derive(Clone, Copy)]
struct Setup {
    /// The timeout of each fence, in ns.
    timeout: Ktime,
    /// The flags of SETUP.
    flags: u32,
}

/// The owner's data of a timeline.
#[pin_data]
pub(crate) struct Native {
    shared: Arc<Common>,
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
    type Order = EmissionOrder;
    const DRIVER_NAME: &'static CStr = c"fence_exporter";
    const CLOSED: Error = ECANCELED;

    fn timeline_name(shown: View<'_, Self>) -> &CStr {
        shown.name.as_c_str()
    }

    fn enable_signaling(shown: View<'_, Self>, seqno: u64) {
        shown.events.push(FENCE_EXPORTER_EVENT_WAIT, seqno, 0);
    }

    fn set_deadline(shown: View<'_, Self>, seqno: u64, deadline: Ktime) {
        let deadline = deadline as u64;
        shown
            .events
            .push(FENCE_EXPORTER_EVENT_DEADLINE, seqno, deadline);
    }

    fn trace_signaled(fence: TracedFence<'_, Self>, status: Result, reason: Reason, time: Ktime) {
        trace::fence_signaled(fence, status, reason, time);
    }

    fn trace_deadline(fence: TracedFence<'_, Self>, deadline: Ktime) {
        trace::fence_deadline(fence, deadline);
    }

    fn timed_out(timeline: &Timeline<Self>, seqno: u64) {
        timeline.tell_timed_out(seqno);
    }

    fn next_due(timeline: &Timeline<Self>) -> Option<Ktime> {
        if timeline.is_engine() {
            timeline.engine.next_due(timeline)
        } else {
            timeline.agenda.next_due()
        }
    }

    fn run_due(timeline: &Timeline<Self>, time: Ktime) {
        if timeline.is_engine() {
            timeline.engine.run_first(timeline, time);
        } else {
            timeline.run_first_entry(time);
        }
    }
}

impl Native {
    /// Returns an initializer for a timeline's data. It fails with `EMFILE` if the user has too
    /// many timelines open.
    fn new(shared: Arc<Common>) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _slot: shared.open()?,
            shared,
            setup: SetOnce::new(),
            agenda <- Agenda::new(),
            engine <- Engine::new(),
        })
    }

    /// Returns the settings of SETUP, or the defaults before it.
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

    /// Returns whether the timeline is driven by SUBMIT.
    #[inline]
    fn is_engine(&self) -> bool {
        self.setup().flags & FENCE_EXPORTER_SETUP_ENGINE != 0
    }

    /// Fails with `EBUSY` unless the timeline is driven by SUBMIT (if `by_engine`) or by SIGNAL (if
    /// not).
    fn check_driven(&self, by_engine: bool) -> Result {
        if self.is_engine() == by_engine {
            Ok(())
        } else {
            Err(EBUSY)
        }
    }
}
