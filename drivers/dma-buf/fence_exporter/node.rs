// SPDX-License-Identifier: GPL-2.0

//! The data that the device nodes share.

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
    sync::Arc, //
};

/// The data that all timelines of all nodes share.
#[pin_data]
pub(crate) struct Common {
    pub(crate) limits: Limits,
    users: Arc<Users>,
    /// The open timelines of `/dev/sw_sync`.
    #[pin]
    pub(crate) sw_sync: Registry,
}

impl Common {
    pub(crate) fn new(limits: Limits) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            limits,
            users: Arc::pin_init(Users::new(), GFP_KERNEL)?,
            sw_sync <- Registry::new(),
        })
    }

    /// Counts one more timeline of the calling user, or fails with `EMFILE`.
    pub(crate) fn open(&self) -> Result<UserSlot> {
        self.users.clone().open(self.limits.max_timelines)
    }
}
