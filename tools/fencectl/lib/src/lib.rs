// SPDX-License-Identifier: GPL-2.0

//! Timelines of `/dev/fence_exporter` and `/dev/sw_sync`, and the `sync_file` descriptors of their
//! fences.
//!
//! This crate is a thin safe layer over the ioctls, for `fencectl` and for tests. It keeps no state
//! of its own: a [`Timeline`] is an open file, and a [`SyncFile`] is a descriptor. An [`Error`]
//! names its cause and the remedy. If a call exceeded one of the module's [`Limits`], the error
//! names that limit.
//!
//! A timeline creates fences and signals them. Each fence is a descriptor that any process or
//! driver can wait for:
//!
//! ```no_run
//! use fence_exporter::{Setup, Status, Timeline};
//! use std::time::Duration;
//!
//! let timeline = Timeline::open()?;
//! timeline.setup(&Setup { name: Some("example"), ..Setup::default() })?;
//! let created = timeline.create(1)?;
//! let fence = &created.fences[0];
//! assert_eq!(fence.wait(Some(Duration::ZERO))?, Status::PENDING);
//! timeline.signal(created.first, Status::OK)?;
//! assert_eq!(fence.wait(None)?, Status::SIGNALED);
//! # Ok::<(), fence_exporter::Error>(())
//! ```
//!
//! An engine is a timeline that runs jobs. A job waits for fences, and signals a fence of its own
//! when the job ends:
//!
//! ```no_run
//! use fence_exporter::{Events, Setup, Status, Timeline};
//! use std::{os::fd::AsFd, time::Duration};
//!
//! let (gpu, display) = (Timeline::open()?, Timeline::open()?);
//! for engine in [&gpu, &display] {
//!     engine.setup(&Setup { engine: true, events: Events::All, ..Setup::default() })?;
//! }
//! let drawn = gpu.submit(Duration::from_millis(5), &[], Status::OK)?;
//! let shown = display.submit(Duration::from_millis(1), &[drawn.fence.as_fd()], Status::OK)?;
//! assert_eq!(shown.fence.wait(None)?, Status::SIGNALED);
//! for event in display.events()? {
//!     println!("{}: fence {} at {} ns", event.kind, event.seqno, event.time_ns);
//! }
//! # Ok::<(), fence_exporter::Error>(())
//! ```
//!
//! All times are nanoseconds of `CLOCK_MONOTONIC` ([`clock`]).

pub mod clock;
mod device;
mod error;
mod event;
mod ioctl;
mod limits;
pub mod process;
mod refusal;
mod state;
mod status;
mod sw_sync;
mod sync_file;
mod timeline;

pub use device::Node;
pub use error::{Error, Kind, Result};
pub use event::{Event, EventKind, Events};
pub use limits::Limits;
pub use state::{LastFailed, State};
pub use status::Status;
pub use sw_sync::SwSync;
pub use sync_file::{Contents, Fence, SyncFile};
pub use timeline::{Created, Setup, Submission, Timeline};

/// The C structures and constants, which `build.rs` generates from the headers.
#[allow(missing_docs, non_camel_case_types, dead_code, clippy::all)]
mod uapi {
    include!(concat!(env!("OUT_DIR"), "/uapi.rs"));
}
