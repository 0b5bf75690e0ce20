// SPDX-License-Identifier: GPL-2.0

//! Ctrl-C while a scenario is played: fencectl submits no more jobs, and reports what was done.

use fence_exporter::{Error, Result};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use std::{
    sync::{
        atomic::{AtomicUsize, Ordering},
        Arc,
    },
    time::Duration,
};

/// How long it may take at most until fencectl notices the signal.
const PATIENCE: Duration = Duration::from_millis(100);

/// A request to end: the number of the signal that arrived, or 0.
#[derive(Debug, Default)]
pub struct Stop(Arc<AtomicUsize>);

impl Stop {
    /// Begins to catch SIGINT and SIGTERM.
    pub fn listen() -> Result<Self> {
        let stop = Self::default();
        for signal in [SIGINT, SIGTERM] {
            flag::register_usize(signal, stop.0.clone(), signal as usize)
                .map_err(|error| Error::io("cannot take Ctrl-C", &error))?;
        }
        Ok(stop)
    }

    /// Returns whether a signal has arrived.
    pub fn is_asked(&self) -> bool {
        self.exit_status().is_some()
    }

    /// Returns the exit status that a shell reports for a program which the signal ended, or `None`
    /// if no signal has arrived.
    pub fn exit_status(&self) -> Option<u8> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(128 + signal as u8),
        }
    }

    /// Returns the longest time to wait without calling [`is_asked`](Self::is_asked).
    pub fn patience(&self) -> Duration {
        PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_the_exit_status() {
        let stop = Stop::default();
        assert!(!stop.is_asked());
        assert_eq!(stop.exit_status(), None);
        stop.0.store(SIGINT as usize, Ordering::Relaxed);
        assert!(stop.is_asked());
        assert_eq!(stop.exit_status(), Some(130));
    }
}
