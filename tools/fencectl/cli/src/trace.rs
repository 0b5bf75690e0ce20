// SPDX-License-Identifier: GPL-2.0

//! `fencectl trace` and `fencectl draw`: the fences of a command, recorded and drawn.
//!
//! [`tracefs`] records, [`record`] runs the command meanwhile, [`parse`] reads the recording's text,
//! [`fences`] makes timelines of it, [`lanes`] lays them out, [`picture`] and [`perfetto`] write them.

mod fences;
mod lanes;
mod parse;
mod perfetto;
mod picture;
mod record;
mod tracefs;

use crate::{
    cli::{DrawArgs, TraceArgs},
    output::{counted, Output},
};
use fence_exporter::{Error, Result};
use fences::{Outcome, Recording};
use serde::Serialize;
use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// `fencectl trace`.
pub fn run(args: &TraceArgs, output: Output) -> Result<ExitCode> {
    let recorded = record::record(args)?;
    write(
        &with_extension(&args.output, "ftrace"),
        recorded.text.as_bytes(),
    )?;
    let summary = write_drawings(&recorded.text, &args.output)?;
    // What the command printed is its own; ours goes where errors go.
    if output.json {
        output.say(&summary);
    } else {
        eprintln!("{summary}");
    }
    Ok(ExitCode::from(recorded.status))
}

/// `fencectl draw`.
pub fn draw(args: &DrawArgs, output: Output) -> Result<ExitCode> {
    let what = || format!("cannot draw {}", args.file.display());
    let mut text =
        fs::read_to_string(&args.file).map_err(|error| Error::usage(what(), error.to_string()))?;
    if let Some(title) = &args.title {
        text.insert_str(0, &parse::title_line(title));
    }
    let prefix = args
        .output
        .clone()
        .unwrap_or_else(|| args.file.with_extension(""));
    let summary = write_drawings(&text, &prefix)?;
    if summary.timelines.is_empty() {
        return Err(
            Error::usage(what(), "there is no dma_fence event in it").remedy(
                "it must be the text of a trace: PREFIX.ftrace, or a copy of tracefs' file `trace`",
            ),
        );
    }
    output.say(&summary);
    Ok(ExitCode::SUCCESS)
}

/// What was recorded of a timeline.
#[derive(Debug, Serialize)]
struct TimelineSummary {
    name: String,
    driver: String,
    context: u32,
    fences: usize,
    failed: usize,
    pending: usize,
}

/// What was recorded.
#[derive(Debug, Serialize)]
struct Summary {
    picture: PathBuf,
    perfetto: PathBuf,
    lost: u64,
    timelines: Vec<TimelineSummary>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fences: usize = self.timelines.iter().map(|timeline| timeline.fences).sum();
        writeln!(
            f,
            "{} of {}",
            counted(fences, "fence"),
            counted(self.timelines.len(), "timeline")
        )?;
        if self.lost > 0 {
            writeln!(
                f,
                "{} events were lost: trace with a larger --buffer",
                self.lost
            )?;
        }
        writeln!(f, "picture:          {}", self.picture.display())?;
        write!(f, "ui.perfetto.dev:  {}", self.perfetto.display())
    }
}

fn write_drawings(text: &str, prefix: &Path) -> Result<Summary> {
    let events = parse::parse(text);
    let recording = Recording::new(&events);
    let (picture, perfetto) = (
        with_extension(prefix, "svg"),
        with_extension(prefix, "pftrace"),
    );
    write(&picture, picture::draw(&recording).as_bytes())?;
    write(&perfetto, &perfetto::encode(&events, &recording))?;
    let timelines = recording.timelines.iter().map(|timeline| TimelineSummary {
        name: timeline.name.clone(),
        driver: timeline.driver.clone(),
        context: timeline.context,
        fences: timeline.fences.len(),
        failed: timeline
            .fences
            .iter()
            .filter(|fence| matches!(fence.outcome, Outcome::Failed(_)))
            .count(),
        pending: timeline
            .fences
            .iter()
            .filter(|fence| fence.outcome == Outcome::Pending)
            .count(),
    });
    Ok(Summary {
        picture,
        perfetto,
        lost: events.lost,
        timelines: timelines.collect(),
    })
}

/// A prefix may have dots of its own.
fn with_extension(prefix: &Path, extension: &str) -> PathBuf {
    let mut name = prefix.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|error| {
        Error::usage(
            format!("cannot write {}", path.display()),
            error.to_string(),
        )
    })
}
