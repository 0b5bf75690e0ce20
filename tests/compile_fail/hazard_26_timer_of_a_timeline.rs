// SPDX-License-Identifier: GPL-2.0
// error: the method `start_scoped` exists for struct `core::pin::Pin<&Timeline<O>>`

//! Hazard 26: the timer is started and cancelled by its timeline only.

use kernel::{
    dma_buf::{
        FenceOps,
        Timeline, //
    },
    prelude::*,
    time::{
        hrtimer::ScopedHrTimerPointer,
        Instant, //
    },
};

pub fn start<O: FenceOps>(timeline: Pin<&Timeline<O>>) {
    #[cfg(right)]
    let _ = (timeline.number(), Instant::<kernel::time::Monotonic>::now());
    #[cfg(not(right))]
    timeline.start_scoped(Instant::now(), || ());
}
