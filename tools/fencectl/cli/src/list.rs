// SPDX-License-Identifier: GPL-2.0

//! `fencectl list`.

use crate::output::{deadline_text, Output};
use fence_exporter::{
    clock,
    process::{self, Held, Scan},
    Result,
};
use serde::Serialize;
use std::{fmt, process::ExitCode};

/// The columns of a timeline, here and in the live view.
pub const COLUMNS: [&str; 9] = [
    "CONTEXT",
    "NAME",
    "DRIVEN BY",
    "CREATED",
    "PENDING",
    "TIMED OUT",
    "CANCELLED",
    "DEADLINE",
    "HELD BY",
];

/// The cells of a timeline.
pub fn cells(held: &Held, now: u64) -> [String; COLUMNS.len()] {
    let state = &held.state;
    let holders: Vec<_> = held
        .holders
        .iter()
        .map(|holder| {
            let fds: Vec<_> = holder.fds.iter().map(u32::to_string).collect();
            format!("{}:{} ({})", holder.pid, fds.join(","), holder.comm)
        })
        .collect();
    [
        state.context.to_string(),
        state.name.clone(),
        if state.engine { "submit" } else { "signal" }.to_owned(),
        state.last_seqno.to_string(),
        state.pending.to_string(),
        state.timed_out.to_string(),
        state.cancelled.to_string(),
        state
            .deadline_ns
            .map_or("-".to_owned(), |deadline| deadline_text(deadline, now)),
        holders.join(" "),
    ]
}

/// Lines of cells that stand one below the other.
pub fn aligned(rows: &[&[String]], gap: &str) -> Vec<String> {
    let columns = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let width = |column| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(String::len)
            .max()
    };
    let widths: Vec<_> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let line = |row: &&[String]| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join(gap).trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[derive(Serialize)]
#[serde(transparent)]
struct List(Scan);

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = clock::now();
        let mut rows = vec![COLUMNS.map(str::to_owned)];
        rows.extend(self.0.timelines.iter().map(|held| cells(held, now)));
        let rows: Vec<_> = rows.iter().map(|cells| cells.as_slice()).collect();
        for line in aligned(&rows, "  ") {
            writeln!(f, "{line}")?;
        }
        if self.0.timelines.is_empty() {
            writeln!(f, "(no timeline is open)")?;
        }
        if self.0.unseen > 0 {
            writeln!(
                f,
                "{} processes could not be looked into: run it as root to see all",
                self.0.unseen
            )?;
        }
        Ok(())
    }
}

/// `fencectl list`.
pub fn run(output: Output) -> Result<ExitCode> {
    output.say(&List(process::scan()?));
    Ok(ExitCode::SUCCESS)
}
