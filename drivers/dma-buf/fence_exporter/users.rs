// SPDX-License-Identifier: GPL-2.0

//! How many timelines each user has open.
//!
//! The kernel's own counts (`ucounts`) are not exported to modules.

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

/// The users that have timelines open, and how many.
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
    /// `EMFILE` if the user has `max` open already.
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

/// A timeline that counts for a user.
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
