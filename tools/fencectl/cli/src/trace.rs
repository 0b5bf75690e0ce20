// SPDX-License-Identifier: GPL-2.0

//! `fencectl trace` and `fencectl draw`: the fences of a command, recorded and drawn.
//!
//! - [`tracefs`] records events in tracefs.
//! - [`record`] runs the command during the recording.
//! - [`parse`] reads the text of the recording.
//! - [`fences`] makes timelines and fences from the events.
//! - [`lanes`] assigns the fences to lanes.
//! - [`picture`] and [`perfetto`] write the two files.

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
use fence_exporter::{Error, Kind, Result};
use fences::{Fence, Outcome, Recording, UNBOUND};
use serde::Serialize;
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};
use tracefs::Statuses;

/// `fencectl trace`.
pub fn run(args: &TraceArgs, output: Output) -> Result<ExitCode> {
    let recorded = record::record(args)?;
    write(
        &with_extension(&args.output, "ftrace"),
        recorded.text.as_bytes(),
    )?;
    let summary = write_drawings(&recorded.text, &args.output)?;
    // The standard output belongs to the command that was recorded. So the summary as text goes to
    // the standard error.
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
    let mut text = fs::read_to_string(&args.file).map_err(|error| Error::io(what(), &error))?;
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

/// The summary of a fence.
#[derive(Debug, Serialize)]
struct FenceSummary {
    seqno: u32,
    status: String,
    cause: Option<String>,
    begin_ns: u64,
    end_ns: u64,
    deadlines_ns: Vec<u64>,
}

impl From<&Fence> for FenceSummary {
    fn from(fence: &Fence) -> Self {
        Self {
            seqno: fence.seqno,
            status: fence.outcome.to_string(),
            cause: fence.cause.clone(),
            begin_ns: fence.begin,
            end_ns: fence.end,
            deadlines_ns: fence.deadlines.clone(),
        }
    }
}

/// The summary of a timeline.
#[derive(Debug, Serialize)]
struct TimelineSummary {
    name: String,
    driver: String,
    context: u32,
    fences: usize,
    failed: usize,
    unknown: usize,
    pending: usize,
    late: usize,
    outcomes: Vec<FenceSummary>,
}

/// The summary of a recording.
#[derive(Debug, Serialize)]
struct Summary {
    picture: PathBuf,
    perfetto: PathBuf,
    lost: u64,
    statuses: Option<&'static str>,
    timelines: Vec<TimelineSummary>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum =
            |count: fn(&TimelineSummary) -> usize| self.timelines.iter().map(count).sum::<usize>();
        let fences = sum(|timeline| timeline.fences);
        let unknown = sum(|timeline| timeline.unknown);
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
        let statuses = self.statuses.and_then(Statuses::from_name);
        match statuses {
            Some(Statuses::NotRecorded) => writeln!(
                f,
                "statuses not recorded: this kernel has no fence_exporter events; is the module loaded?"
            )?,
            Some(Statuses::Dropped) => writeln!(
                f,
                "the module was removed: what was recorded before that, the kernel has dropped"
            )?,
            _ if unknown > 0 => writeln!(
                f,
                "{unknown} of unknown outcome: no event of their driver tells it"
            )?,
            _ => {}
        }
        if self
            .timelines
            .iter()
            .any(|timeline| timeline.name == UNBOUND)
        {
            writeln!(
                f,
                "Perfetto leaves timelines out that are called \"{UNBOUND}\": only fencectl's own tracks show them"
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
        failed: timeline.count(|fence| matches!(fence.outcome, Outcome::Failed(_))),
        unknown: timeline.count(|fence| fence.outcome == Outcome::Unknown),
        pending: timeline.count(|fence| fence.outcome == Outcome::Pending),
        late: timeline.count(Fence::missed),
        outcomes: timeline.fences.iter().map(Into::into).collect(),
    });
    Ok(Summary {
        picture,
        perfetto,
        lost: events.lost,
        statuses: events.statuses.map(Statuses::name),
        timelines: timelines.collect(),
    })
}

/// Appends an extension to a prefix, which may contain dots itself.
fn with_extension(prefix: &Path, extension: &str) -> PathBuf {
    let mut name = prefix.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

/// Fails if one of the files of a recording cannot be written.
fn check_output(prefix: &Path) -> Result<()> {
    ["ftrace", "svg", "pftrace"]
        .iter()
        .try_for_each(|extension| check_writable(&with_extension(prefix, extension)))
}

/// Fails if a file cannot be written. Leaves its contents alone, and leaves no new file behind.
fn check_writable(path: &Path) -> Result<()> {
    let is_new = !path.exists();
    let mut options = fs::OpenOptions::new();
    options
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| unwritable(path, &error))?;
    if is_new {
        let _ = fs::remove_file(path);
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    Error {
        kind: Kind::Refused,
        ..Error::io(format!("cannot write {}", path.display()), error)
    }
}
