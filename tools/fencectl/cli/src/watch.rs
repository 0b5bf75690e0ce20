// SPDX-License-Identifier: GPL-2.0

//! `fencectl watch`: the timelines, live in the terminal.

use crate::{
    cli::WatchArgs,
    list,
    output::{counted, Output},
};
use crossterm::{
    cursor::{Hide, MoveTo, Show},
    event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
    execute, queue,
    style::{Attribute, Print, SetAttribute},
    terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen},
};
use fence_exporter::{
    clock,
    process::{self, Scan},
    Error, Result,
};
use serde_json::json;
use std::{
    collections::HashMap,
    io::{self, stdout, IsTerminal, Write},
    process::ExitCode,
    thread::sleep,
    time::{Duration, Instant},
};

/// What a terminal has that doesn't tell, such as a serial line.
const SIZE: (u16, u16) = (80, 24);
/// Between columns.
const GAP: &str = "  ";

/// `fencectl watch`.
pub fn run(args: &WatchArgs, output: Output) -> Result<ExitCode> {
    if output.json {
        return lines(args, output);
    }
    if !stdout().is_terminal() {
        return Err(
            Error::usage("cannot show a live view", "the output is no terminal").remedy(
                "fencectl list prints it once, fencectl watch --json prints a line for each look",
            ),
        );
    }
    let failed = |error: io::Error| Error::usage("cannot show a live view", error.to_string());
    let screen = Screen::enter().map_err(failed)?;
    let result = view(args);
    drop(screen);
    result?.map_err(failed)?;
    Ok(ExitCode::SUCCESS)
}

/// A line of JSON for each look.
fn lines(args: &WatchArgs, output: Output) -> Result<ExitCode> {
    let mut looks = 0;
    loop {
        let Scan { timelines, unseen } = process::scan()?;
        let look = json!({"time_ns": clock::now(), "timelines": timelines, "unseen": unseen});
        output.line(&look.to_string());
        looks += 1;
        if args.count == Some(looks) {
            return Ok(ExitCode::SUCCESS);
        }
        sleep(args.interval);
    }
}

/// The terminal, while it belongs to the view.
struct Screen;

impl Screen {
    fn enter() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let screen = Self;
        execute!(stdout(), EnterAlternateScreen, Hide)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = execute!(stdout(), LeaveAlternateScreen, Show);
        let _ = terminal::disable_raw_mode();
    }
}

/// The view, until somebody leaves it. The inner error is the terminal's.
fn view(args: &WatchArgs) -> Result<io::Result<()>> {
    let mut rates = Rates::default();
    let mut looks = 0;
    loop {
        let scan = process::scan()?;
        rates.look(&scan);
        if let Err(error) = draw(&scan, &rates) {
            return Ok(Err(error));
        }
        looks += 1;
        if args.count == Some(looks) {
            return Ok(Ok(()));
        }
        match leave(args.interval) {
            Ok(false) => {}
            Ok(true) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// Waits for the next look; answers whether somebody has asked to leave.
fn leave(interval: Duration) -> io::Result<bool> {
    let end = Instant::now() + interval;
    while event::poll(end.saturating_duration_since(Instant::now()))? {
        let Event::Key(key) = event::read()? else {
            return Ok(false);
        };
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let asked = match key.code {
            KeyCode::Char('c') => control,
            KeyCode::Char('q') | KeyCode::Esc => true,
            _ => false,
        };
        if asked && key.kind == KeyEventKind::Press {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many fences complete in a second, for each context.
#[derive(Default)]
struct Rates {
    last: HashMap<u64, u64>,
    rates: HashMap<u64, f64>,
    at: Option<Instant>,
}

impl Rates {
    fn look(&mut self, scan: &Scan) {
        let now = Instant::now();
        let elapsed = self.at.replace(now).map(|at| (now - at).as_secs_f64());
        let states = scan.timelines.iter().map(|held| &held.state);
        let done: HashMap<_, _> = states
            .map(|state| (state.context, state.signalled_seqno))
            .collect();
        self.rates = done
            .iter()
            .filter_map(|(context, done)| {
                let before = self.last.get(context)?;
                Some((
                    *context,
                    done.saturating_sub(*before) as f64 / elapsed?.max(1e-3),
                ))
            })
            .collect();
        self.last = done;
    }
}

/// Draws a look, over the one before, so that nothing flickers.
fn draw(scan: &Scan, rates: &Rates) -> io::Result<()> {
    let (width, height) = match terminal::size() {
        Ok((width @ 1.., height @ 1..)) => (width, height),
        _ => SIZE,
    };
    let title = match scan.timelines.len() {
        0 => "no timeline is open".to_owned(),
        count => counted(count, "timeline"),
    };
    let unseen = match scan.unseen {
        0 => String::new(),
        count => format!("; {count} processes could not be looked into: run it as root"),
    };
    let mut lines = vec![(Attribute::Bold, format!("{title}{unseen} (q leaves)"))];
    lines.extend(table(scan, rates));
    let mut out = stdout().lock();
    for (row, (attribute, line)) in (0..height).zip(&lines) {
        let line: String = line.chars().take(width.into()).collect();
        queue!(out, MoveTo(0, row), SetAttribute(*attribute), Print(line))?;
        queue!(
            out,
            SetAttribute(Attribute::Reset),
            Clear(ClearType::UntilNewLine)
        )?;
    }
    if lines.len() < height.into() {
        queue!(
            out,
            MoveTo(0, lines.len() as u16),
            Clear(ClearType::FromCursorDown)
        )?;
    }
    out.flush()
}

/// The table: its head, and a line for each timeline, bold where fences have failed.
fn table(scan: &Scan, rates: &Rates) -> Vec<(Attribute, String)> {
    let now = clock::now();
    let head = list::COLUMNS
        .map(str::to_owned)
        .into_iter()
        .chain(["DONE/S".to_owned()])
        .collect();
    let mut rows: Vec<(Attribute, Vec<String>)> = vec![(Attribute::Reverse, head)];
    for held in &scan.timelines {
        let state = &held.state;
        let late = state.deadline_ns.is_some_and(|deadline| deadline < now);
        let failed = state.timed_out > 0 || state.cancelled > 0 || late;
        let attribute = if failed {
            Attribute::Bold
        } else {
            Attribute::Reset
        };
        let rate = rates.rates.get(&state.context);
        let rate = rate.map_or("-".to_owned(), |rate| format!("{rate:.0}"));
        rows.push((
            attribute,
            list::cells(held, now).into_iter().chain([rate]).collect(),
        ));
    }
    // Who holds it is of any length: it stands last.
    for (_, cells) in &mut rows {
        let last = cells.len() - 1;
        cells.swap(last - 1, last);
    }
    let rows_of_cells: Vec<_> = rows.iter().map(|(_, cells)| cells.as_slice()).collect();
    let lines = list::aligned(&rows_of_cells, GAP);
    rows.iter()
        .map(|(attribute, _)| *attribute)
        .zip(lines)
        .collect()
}
