// SPDX-License-Identifier: GPL-2.0

//! What the nodes share.

use crate::{
    limits::Limits,
    sw_sync::Registry,
    users::{
        UserSlot,
        Users, //
    },
};
use kernel::{
    prelude::*,
    sync::{
        atomic::AtomicFlag,
        Arc, //
    },
};

/// What all timelines of all nodes share.
#[pin_data]
pub(crate) struct Common {
    pub(crate) limits: Limits,
    /// Whether all nodes are there.
    pub(crate) loaded: AtomicFlag,
    users: Arc<Users>,
    /// The open timelines of the compatible node.
    #[pin]
    pub(crate) sw_sync: Registry,
}

impl Common {
    pub(crate) fn new(limits: Limits) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            limits,
            loaded: AtomicFlag::new(false),
            users: Arc::pin_init(Users::new(), GFP_KERNEL)?,
            sw_sync <- Registry::new(),
        })
    }

    /// Counts one more timeline of the calling user, or fails with `EMFILE`.
    pub(crate) fn open(&self) -> Result<UserSlot> {
        self.users.clone().open(self.limits.max_timelines)
    }
}
