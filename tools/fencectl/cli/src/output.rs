// SPDX-License-Identifier: GPL-2.0

//! Answers and errors, as text or as JSON.

use fence_exporter::{Error, Kind};
use rustix::io::Errno;
use serde::Serialize;
use serde_json::json;
use std::{
    env,
    fmt::Display,
    io::{self, stdout, IsTerminal, Write},
    process::ExitCode,
    sync::OnceLock,
};

/// The exit status if an expectation was not met.
pub const UNEXPECTED: u8 = 1;
/// The exit status if a fence was still pending when the time to wait had passed.
pub const TIME_OVER: u8 = 124;

/// The exit status if the reader of the answers is gone. A shell reports the same status for a
/// program that SIGPIPE ended.
pub const READER_GONE: u8 = 141;

/// The first error of writing to the standard output.
static FAILURE: OnceLock<Errno> = OnceLock::new();

/// How answers are printed.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Whether answers and errors are JSON.
    pub json: bool,
}

impl Output {
    /// Prints an answer, as text or as a line of JSON.
    pub fn say(self, answer: &(impl Serialize + Display)) {
        let text = if self.json {
            serde_json::to_string(answer)
                .unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
        } else {
            answer.to_string()
        };
        self.line(&text);
    }

    /// Returns whether answers may have color: they are text for a terminal, and the user does not
    /// refuse color by the environment variable `NO_COLOR` (no-color.org).
    pub fn has_color(self) -> bool {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        !self.json && !refused && stdout().is_terminal()
    }

    /// Prints a line. If this fails, [`finish`](Self::finish) reports the error.
    pub fn line(self, text: &str) {
        if self.is_broken() {
            return;
        }
        let mut stdout = stdout().lock();
        self.take(
            writeln!(stdout, "{}", text.trim_end_matches('\n')).and_then(|()| stdout.flush()),
        );
    }

    /// Records the result of writing to the standard output.
    pub fn take(self, written: io::Result<()>) {
        if let Err(error) = written {
            let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
            // `set` does nothing if there is an error already: the first one is reported.
            let _ = FAILURE.set(errno);
        }
    }

    /// Returns whether an answer could not be written. Further answers are pointless then.
    pub fn is_broken(self) -> bool {
        FAILURE.get().is_some()
    }

    /// Returns the exit status of the program, which is `status` if all answers could be written.
    pub fn finish(self, status: ExitCode) -> ExitCode {
        match FAILURE.get() {
            None => status,
            // The reader has closed the pipe. That needs no message.
            Some(&Errno::PIPE) => ExitCode::from(READER_GONE),
            Some(&errno) => {
                let error = Error::refused("cannot write to the standard output", errno);
                let error = match errno {
                    Errno::NOSPC => error.because("there is no space left where it goes"),
                    _ => error,
                };
                self.complain(&error);
                exit_status(&error)
            }
        }
    }

    /// Prints an error on the standard error.
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

/// Returns the exit status for an error.
pub fn exit_status(error: &Error) -> ExitCode {
    ExitCode::from(match error.kind {
        Kind::Usage => 2,
        Kind::Device => 3,
        Kind::Refused => 4,
        Kind::Unexpected => UNEXPECTED,
        Kind::TimeOver => TIME_OVER,
    })
}

/// Returns a count with its noun, in the singular or the plural.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Returns the text for a deadline: how far it is ahead, or how long ago it was. A deadline of 0 is
/// shown as `0`: time 0 is the boot of the machine.
pub fn deadline_text(deadline_ns: u64, now: u64) -> String {
    match deadline_ns {
        0 => "0".to_owned(),
        deadline if deadline < now => format!("{} ago", time_text(now - deadline)),
        deadline => format!("in {}", time_text(deadline - now)),
    }
}

/// Returns the text for a duration in nanoseconds.
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
