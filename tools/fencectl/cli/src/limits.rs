// SPDX-License-Identifier: GPL-2.0

//! `fencectl limits`, and the command `limits` of a session.

use crate::{
    list::aligned,
    output::{time_text, Output},
};
use fence_exporter::{EventKind, Limits, Result, Timeline};
use serde::Serialize;
use std::{fmt, process::ExitCode};

/// The limits, shown as a table that also names the module parameter of each limit.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Table(pub Limits);

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = &self.0;
        let kinds: Vec<_> = limits
            .event_kinds
            .iter()
            .map(EventKind::to_string)
            .collect();
        let rows = [
            ["LIMIT", "VALUE", "MODULE PARAMETER"].map(str::to_owned),
            row(
                "default timeout",
                time_text(limits.default_timeout_ns),
                "timeout_ms",
            ),
            row(
                "longest timeout",
                time_text(limits.max_timeout_ns),
                "max_timeout_ms",
            ),
            match limits.sw_sync_timeout_ns {
                Some(timeout) => row(
                    "timeout of sw_sync",
                    time_text(timeout),
                    "sw_sync_timeout_ms",
                ),
                None => row("timeout of sw_sync", "no sw_sync", "sw_sync"),
            },
            row(
                "fences pending in a timeline",
                limits.max_pending,
                "max_pending",
            ),
            row("timelines of a user", limits.max_timelines, "max_timelines"),
            row("fences of a create", limits.max_fences, "-"),
            row("in-fences of a submit", limits.max_in_fences, "-"),
            row("events in a queue", limits.max_events, "-"),
            row("kinds of events", kinds.join(" "), "-"),
        ];
        let rows: Vec<_> = rows.iter().map(|cells| cells.as_slice()).collect();
        for line in aligned(&rows, "  ") {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

fn row(what: &str, value: impl fmt::Display, parameter: &str) -> [String; 3] {
    [what.to_owned(), value.to_string(), parameter.to_owned()]
}

/// `fencectl limits`.
pub fn run(output: Output) -> Result<ExitCode> {
    output.say(&Table(Timeline::open()?.limits()?));
    Ok(ExitCode::SUCCESS)
}
