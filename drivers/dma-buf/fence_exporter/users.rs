// SPDX-License-Identifier: GPL-2.0

//! Counts how many timelines each user has open.
//!
//! The kernel's own counters (`ucounts`) are not exported to modules.

use kernel::{
    new_mutex,
    prelude::*,
    rbtree::{
        Entry,
        RBTree,
        RBTreeNodeReservation, //
    },
    sync::{
        Arc,
        Mutex, //
    },
    task::Kuid, //
};

/// The number of open timelines of each user that has any, by uid.
#[pin_data]
pub(crate) struct Users {
    #[pin]
    counts: Mutex<RBTree<u32, u32>>,
}

impl Users {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            counts <- new_mutex!(RBTree::new(), "fence_users"),
        })
    }

    /// Counts one more timeline of the calling user.
    ///
    /// Fails with `EMFILE` if the user has `max` timelines open already, and with `ENOMEM`. Process
    /// context.
    pub(crate) fn open(self: Arc<Self>, max: u32) -> Result<UserSlot> {
        let uid = Kuid::current_euid().into_raw().val;
        let reservation = RBTreeNodeReservation::new(GFP_KERNEL)?;
        {
            let mut counts = self.counts.lock();
            let count = match counts.entry(uid) {
                Entry::Vacant(place) => place.insert(0, reservation),
                Entry::Occupied(count) => count.into_mut(),
            };
            if *count >= max {
                return Err(EMFILE);
            }
            *count += 1;
        }
        Ok(UserSlot { users: self, uid })
    }
}

/// The count of one open timeline of a user. Dropping it decrements the count.
pub(crate) struct UserSlot {
    users: Arc<Users>,
    uid: u32,
}

impl Drop for UserSlot {
    fn drop(&mut self) {
        let mut counts = self.users.counts.lock();
        let Some(count) = counts.get_mut(&self.uid) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            let _node = counts.remove_node(&self.uid);
        }
    }
}
