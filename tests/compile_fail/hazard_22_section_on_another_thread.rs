// SPDX-License-Identifier: GPL-2.0
// error: cannot be shared between threads

//! Hazard 22: a signalling section belongs to the thread that began it.

use kernel::{
    dma_buf::signalling,
    prelude::*, //
};

fn elsewhere<T: Send>(_work: T) {}

pub fn carry() {
    signalling(|section| {
        #[cfg(right)]
        let _ = section;
        #[cfg(not(right))]
        elsewhere(section);
    });
}
