// SPDX-License-Identifier: GPL-2.0

//! `/dev/fence_exporter`: timelines whose points are exported as sync_file descriptors.
//!
//! The `kernel` crate provides the mechanism: fences, contexts, and what RCU readers see. This
//! crate is the policy: which calls there are, what they refuse, how long a fence may stay pending,
//! and how many fences may be pending.

#![crate_name = "fence_exporter"]
#![forbid(unsafe_code)]

use kernel::{
    miscdevice::{
        MiscDeviceOptions,
        PollDeviceRegistration, //
    },
    prelude::*,
    sync::Arc, //
};

mod abi;
mod agenda;
mod engine;
mod events;
mod export;
mod fdinfo;
mod limits;
mod name;
mod native;
mod node;
mod sw_sync;
mod users;

module! {
    type: FenceExporter,
    name: "fence_exporter",
    authors: ["The fence_exporter developers"],
    description: "Timelines whose fences are exported as sync_file descriptors",
    license: "GPL",
    params: {
        timeout_ms: u32 {
            default: 2_000,
            description: "Milliseconds after which a fence completes with -ETIMEDOUT (1 to max_timeout_ms, default 2000)",
        },
        max_timeout_ms: u32 {
            default: 10_000,
            description: "The longest timeout that SETUP may ask for, in milliseconds (1 to 86400000, default 10000; more taints the kernel)",
        },
        max_pending: u32 {
            default: 16_384,
            description: "Fences that may be pending in a timeline (64 to 1048576, default 16384)",
        },
        max_timelines: u32 {
            default: 1_024,
            description: "Timelines that a user may have open (1 to 1048576, default 1024)",
        },
        sw_sync: bool {
            default: false,
            description: "Provide /dev/sw_sync, compatible with the kernel's sw_sync (default off)",
        },
        sw_sync_timeout_ms: u32 {
            default: 10_000,
            description: "As timeout_ms, for /dev/sw_sync (1 to 86400000, default 10000; more taints the kernel)",
        },
    },
}

/// The module: its device nodes. Files that are open share a [`node::Common`].
struct FenceExporter {
    _native: Pin<KBox<PollDeviceRegistration<native::Node>>>,
    _sw_sync: Option<Pin<KBox<PollDeviceRegistration<sw_sync::Node>>>>,
}

impl kernel::Module for FenceExporter {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let limits = limits::Limits::from_parameters();
        let shared = Arc::pin_init(node::Common::new(limits), GFP_KERNEL)?;
        let options = MiscDeviceOptions {
            name: c"fence_exporter",
        };
        let init = PollDeviceRegistration::register(options, shared.clone());
        let native = KBox::try_pin_init(init, GFP_KERNEL)?;
        let sw_sync = if limits.sw_sync {
            let options = MiscDeviceOptions { name: c"sw_sync" };
            let init = PollDeviceRegistration::register(options, shared.clone());
            Some(KBox::try_pin_init(init, GFP_KERNEL)?)
        } else {
            None
        };
        limits.taint_if_unsafe();
        Ok(Self {
            _native: native,
            _sw_sync: sw_sync,
        })
    }
}
