// SPDX-License-Identifier: GPL-2.0

//! Answers and errors, as text or as JSON.

use fence_exporter::{Error, Kind};
use serde::Serialize;
use serde_json::json;
use std::{
    fmt::Display,
    io::{stdout, ErrorKind, Write},
    process::{exit, ExitCode},
};

/// The exit status when an expectation was not met.
pub const UNEXPECTED: u8 = 1;
/// The exit status when the time was over.
pub const TIME_OVER: u8 = 124;

/// How to answer.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// In JSON.
    pub json: bool,
}

impl Output {
    /// Answers.
    pub fn say(self, answer: &(impl Serialize + Display)) {
        let text = if self.json {
            serde_json::to_string(answer)
                .unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
        } else {
            answer.to_string()
        };
        self.line(&text);
    }

    /// Prints a line. Whoever reads may go away: then there is nobody to work for.
    pub fn line(self, text: &str) {
        let mut stdout = stdout().lock();
        let written =
            writeln!(stdout, "{}", text.trim_end_matches('\n')).and_then(|()| stdout.flush());
        if written.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
            exit(0);
        }
    }

    /// Tells an error.
    pub fn complain(self, error: &Error) {
        if self.json {
            eprintln!(
                "{}",
                json!({"error": {
                    "what": error.what,
                    "errno": error.errno_name(),
                    "cause": error.cause,
                    "remedy": error.remedy,
                }})
            );
        } else {
            eprintln!("fencectl: {error}");
        }
    }
}

/// The exit status that tells an error.
pub fn exit_status(error: &Error) -> ExitCode {
    ExitCode::from(match error.kind {
        Kind::Usage => 2,
        Kind::Device => 3,
        Kind::Refused => 4,
    })
}

/// So many of something.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A deadline as a person reads it: when it is, or was. One of 0 is older than the machine.
pub fn deadline_text(deadline_ns: u64, now: u64) -> String {
    match deadline_ns {
        0 => "0".to_owned(),
        deadline if deadline < now => format!("{} ago", time_text(now - deadline)),
        deadline => format!("in {}", time_text(deadline - now)),
    }
}

/// A duration in nanoseconds as a person reads it.
pub fn time_text(ns: u64) -> String {
    match ns {
        0 => "0".to_owned(),
        1..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        1_000_000..10_000_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        _ => format!("{:.1} s", ns as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines() {
        let text = |deadline| deadline_text(deadline, 2_000_000_000);
        assert_eq!(text(0), "0");
        assert_eq!(text(1), "2000.0 ms ago");
        assert_eq!(text(1_999_999_000), "1.0 us ago");
        assert_eq!(text(2_000_000_000), "in 0");
        assert_eq!(text(2_000_000_500), "in 500 ns");
    }
}
