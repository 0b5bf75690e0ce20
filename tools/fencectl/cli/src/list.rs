// SPDX-License-Identifier: GPL-2.0

//! `fencectl list`.

use crate::output::{deadline_text, Output};
use fence_exporter::{
    clock,
    process::{self, Held, Holder, Scan},
    Node, Result,
};
use serde::Serialize;
use std::{fmt, process::ExitCode};

/// The columns for a timeline, in `list` and in the live view.
pub const COLUMNS: [&str; 9] = [
    "CONTEXT",
    "NAME",
    "DRIVEN BY",
    "CREATED",
    "PENDING",
    "FAILED",
    "LAST ERROR",
    "DEADLINE",
    "HELD BY",
];

/// Returns the cells of a timeline's row, in the order of [`COLUMNS`].
pub fn cells(held: &Held, now: u64) -> [String; COLUMNS.len()] {
    let state = &held.state;
    [
        state.context.to_string(),
        state.name.clone(),
        if state.engine { "submit" } else { "signal" }.to_owned(),
        state.last_seqno.to_string(),
        state.pending.to_string(),
        state
            .failed
            .map_or("?".to_owned(), |failed| failed.to_string()),
        state.last_failed.map_or("-".to_owned(), |last| {
            format!("{}: {}", last.seqno, last.status)
        }),
        state
            .deadline_ns
            .map_or("-".to_owned(), |deadline| deadline_text(deadline, now)),
        holders_text(&held.holders),
    ]
}

/// Returns the text for the processes that have a file open.
pub fn holders_text(holders: &[Holder]) -> String {
    let holders: Vec<_> = holders
        .iter()
        .map(|holder| {
            let fds: Vec<_> = holder.fds.iter().map(u32::to_string).collect();
            format!("{}:{} ({})", holder.pid, fds.join(","), holder.comm)
        })
        .collect();
    holders.join(" ")
}

/// Formats rows of cells as lines with aligned columns, with `gap` between the columns.
pub fn aligned(rows: &[&[String]], gap: &str) -> Vec<String> {
    aligned_to(rows, gap, &mut Vec::new())
}

/// Formats rows of cells as [`aligned`] does. Each column is at least as wide as its entry in
/// `widths`. The function widens the entries of columns that need more.
pub fn aligned_to(rows: &[&[String]], gap: &str, widths: &mut Vec<usize>) -> Vec<String> {
    let columns = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    widths.resize(widths.len().max(columns), 0);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row.iter()) {
            *width = (*width).max(cell.len());
        }
    }
    let line = |row: &&[String]| {
        let cells = row
            .iter()
            .zip(widths.iter())
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
    let scan = process::scan()?;
    // Without the module there are no timelines either. That is reported as an error.
    if scan.timelines.is_empty() {
        Node::FenceExporter.check()?;
    }
    output.say(&List(scan));
    Ok(ExitCode::SUCCESS)
}
