// SPDX-License-Identifier: GPL-2.0

//! `CLOCK_MONOTONIC`, the clock that fences and the module use.

use rustix::{
    thread::clock_nanosleep_absolute,
    time::{clock_gettime, ClockId, Timespec},
};

const SECOND: u64 = 1_000_000_000;

/// Returns the current time in nanoseconds.
pub fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * SECOND + now.tv_nsec as u64
}

/// Sleeps until the time `time_ns`. Returns at once if that time has passed.
pub fn sleep_until(time_ns: u64) {
    let time = Timespec {
        tv_sec: (time_ns / SECOND) as i64,
        tv_nsec: (time_ns % SECOND) as i64,
    };
    while clock_nanosleep_absolute(ClockId::Monotonic, &time).is_err() && now() < time_ns {}
}
