// SPDX-License-Identifier: GPL-2.0
// error: expected `&PollCondVar`, found `PollNotifier

//! Hazard 24: a view has nothing that would let a reader in anew, like waiting for a condition.

use kernel::{
    prelude::*,
    sync::{
        poll::{
            PollCondVar,
            PollTable, //
        },
        rcu::{
            Guard,
            RcuFreeKBox, //
        },
    },
};

pub fn wait<'a>(table: &PollTable<'a>, condition: &'a RcuFreeKBox<PollCondVar>, rcu: &'a Guard) {
    #[cfg(right)]
    table.register_wait(condition);
    #[cfg(not(right))]
    table.register_wait(condition.with_rcu(rcu));
}
