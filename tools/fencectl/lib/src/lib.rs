// SPDX-License-Identifier: GPL-2.0

//! Timelines of `/dev/fence_exporter` and `/dev/sw_sync`, and the `sync_file` descriptors of their fences.
//!
//! A thin safe layer over the ioctls, for `fencectl` and for tests. Nothing here keeps state of its own:
//! a [`Timeline`] is an open file, a [`SyncFile`] is a descriptor. Errors tell the cause and the remedy.
//!
//! ```no_run
//! use fence_exporter::{Setup, Status, Timeline};
//! use std::time::Duration;
//!
//! let timeline = Timeline::open()?;
//! timeline.setup(&Setup { name: Some("example"), ..Setup::default() })?;
//! let created = timeline.create(1)?;
//! timeline.signal(created.first, Status::OK)?;
//! assert_eq!(created.fences[0].wait(Some(Duration::ZERO))?, Status::SIGNALLED);
//! # Ok::<(), fence_exporter::Error>(())
//! ```
//!
//! Times are `CLOCK_MONOTONIC` in nanoseconds ([`clock`]).

pub mod clock;
mod device;
mod error;
mod ioctl;
pub mod process;
mod state;
mod status;
mod sw_sync;
mod sync_file;
mod timeline;

pub use device::Node;
pub use error::{Error, Kind, Result};
pub use state::State;
pub use status::Status;
pub use sw_sync::SwSync;
pub use sync_file::{Fence, SyncFile};
pub use timeline::{Created, Event, EventKind, Setup, Submission, Timeline};

/// The C structures and numbers, as `build.rs` makes them from the headers.
#[allow(missing_docs, non_camel_case_types, dead_code, clippy::all)]
mod uapi {
    include!(concat!(env!("OUT_DIR"), "/uapi.rs"));
}
