// SPDX-License-Identifier: GPL-2.0

//! The progress of a scenario, for a person who waits.

use crate::output::time_text;
use std::{
    io::{stderr, IsTerminal, Write},
    time::{Duration, Instant},
};

/// The time between two updates at a terminal.
const LIVE: Duration = Duration::from_secs(1);
/// The time between two lines if the standard error is not a terminal but a log.
const LOGGED: Duration = Duration::from_secs(60);

/// Prints the progress on the standard error from time to time. At a terminal it is one line that
/// is overwritten.
pub struct Progress {
    begin: Instant,
    told: Instant,
    live: bool,
    shown: bool,
    frames: u32,
}

impl Progress {
    /// Begins to measure the time, for a scenario of `frames` frames.
    pub fn new(frames: u32) -> Self {
        Self {
            begin: Instant::now(),
            told: Instant::now(),
            live: stderr().is_terminal(),
            shown: false,
            frames,
        }
    }

    /// Prints the progress if it is time. A fence of `frame` has ended, and `wrong` fences in all
    /// were wrong.
    pub fn at(&mut self, frame: u32, wrong: u64) {
        let every = if self.live { LIVE } else { LOGGED };
        if self.told.elapsed() < every {
            return;
        }
        self.told = Instant::now();
        self.shown = true;
        let text = text(frame, self.frames, self.begin.elapsed(), wrong);
        // The line overwrites the previous one. The escape sequence clears the rest of a longer
        // one.
        let _ = match self.live {
            true => write!(stderr(), "\r{text}\x1b[K"),
            false => writeln!(stderr(), "{text}"),
        };
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.live && self.shown {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

fn text(frame: u32, frames: u32, elapsed: Duration, wrong: u64) -> String {
    let seconds = |time: f64| time_text((time * 1e9) as u64);
    let left =
        elapsed.as_secs_f64() / f64::from(frame.max(1)) * f64::from(frames - frame.min(frames));
    let wrong = match wrong {
        0 => String::new(),
        wrong => format!(", {wrong} WRONG"),
    };
    format!("frame {frame} of {frames}, {} left{wrong}", seconds(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told() {
        let told = |frame, wrong| text(frame, 216_000, Duration::from_secs(36), wrong);
        assert_eq!(told(2160, 0), "frame 2160 of 216000, 3564.0 s left");
        assert_eq!(told(216_000, 2), "frame 216000 of 216000, 0 left, 2 WRONG");
    }
}
