// SPDX-License-Identifier: GPL-2.0

//! `fencectl watch`: shows the timelines live in the terminal.

mod page;

pub use page::Sort;

use crate::{
    cli::WatchArgs,
    output::{counted, Output},
};
use crossterm::{
    cursor::{Hide, MoveTo, Show},
    event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    execute, queue,
    style::{Attribute, Print, SetAttribute},
    terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen},
};
use fence_exporter::{
    clock,
    process::{self, Scan},
    Error, Node, Result,
};
use page::{Line, Page};
use serde_json::json;
use std::{
    collections::HashMap,
    io::{self, stdout, IsTerminal, Write},
    process::ExitCode,
    thread::sleep,
    time::Instant,
};

/// The assumed size of a terminal that does not report its size, such as a serial line.
const SIZE: (u16, u16) = (80, 24);
/// `fencectl watch`.
pub fn run(args: &WatchArgs, output: Output) -> Result<ExitCode> {
    Node::FenceExporter.check()?;
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
    let failed = |error: io::Error| Error::io("cannot show a live view", &error);
    let screen = Screen::enter().map_err(failed)?;
    let result = view(args);
    drop(screen);
    result?.map_err(failed)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a line of JSON for each look at the timelines.
fn lines(args: &WatchArgs, output: Output) -> Result<ExitCode> {
    let mut looks = 0;
    loop {
        let Scan { timelines, unseen } = process::scan()?;
        let look = json!({"time_ns": clock::now(), "timelines": timelines, "unseen": unseen});
        output.line(&look.to_string());
        looks += 1;
        if args.count == Some(looks) || output.is_broken() {
            return Ok(ExitCode::SUCCESS);
        }
        sleep(args.interval);
    }
}

/// The terminal in the mode for the live view. Dropping this value restores the usual mode.
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

/// Shows the live view until the user leaves it. The outer error is about reading the timelines,
/// the inner one about the terminal.
fn view(args: &WatchArgs) -> Result<io::Result<()>> {
    let mut rates = Rates::default();
    let mut view = View {
        page: Page::new(args.sort, args.filter.clone()),
        typing: false,
    };
    let mut looks = 0;
    loop {
        let scan = process::scan()?;
        rates.look(&scan);
        looks += 1;
        let next = Instant::now() + args.interval;
        // After a key was pressed, the same scan is drawn again at once.
        loop {
            let after = draw(&scan, &rates, &mut view).and_then(|()| match args.count {
                Some(count) if count == looks => Ok(After::Leave),
                _ => view.keys(next),
            });
            match after {
                Ok(After::Draw) => {}
                Ok(After::Look) => break,
                Ok(After::Leave) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            }
        }
    }
}

/// The page that is shown, and whether the user is typing a filter.
struct View {
    page: Page,
    typing: bool,
}

/// What to do after the timelines were drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum After {
    /// Draw the same scan again.
    Draw,
    /// Look at the timelines again.
    Look,
    /// End the live view.
    Leave,
}

impl View {
    /// Waits for keys until the time `next` of the next look. Returns earlier if a key was pressed
    /// or the size of the terminal changed.
    fn keys(&mut self, next: Instant) -> io::Result<After> {
        while event::poll(next.saturating_duration_since(Instant::now()))? {
            match event::read()? {
                Event::Key(key) if key.kind == KeyEventKind::Press => return Ok(self.key(key)),
                Event::Resize(..) => return Ok(After::Draw),
                _ => {}
            }
        }
        Ok(After::Look)
    }

    fn key(&mut self, key: KeyEvent) -> After {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if control => return After::Leave,
            KeyCode::Enter | KeyCode::Esc if self.typing => self.typing = false,
            KeyCode::Backspace if self.typing => {
                self.page.filter.pop();
            }
            KeyCode::Char(char) if self.typing => self.page.filter.push(char),
            KeyCode::Char('q') | KeyCode::Esc => return After::Leave,
            KeyCode::Char('/') => {
                self.page.filter.clear();
                self.typing = true;
            }
            KeyCode::Char('s') => self.page.sort = self.page.sort.next(),
            KeyCode::Up | KeyCode::Char('k') => self.page.scroll(-1),
            KeyCode::Down | KeyCode::Char('j') => self.page.scroll(1),
            KeyCode::PageUp => self.page.turn(-1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.page.turn(1),
            KeyCode::Home => self.page.home(),
            KeyCode::End => self.page.end(),
            _ => {}
        }
        After::Draw
    }
}

/// How many fences complete per second, for each context.
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
            .map(|state| (state.context, state.signaled_seqno))
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

/// Draws the timelines over the previous ones. Nothing is cleared before, so the screen does not
/// flicker.
fn draw(scan: &Scan, rates: &Rates, view: &mut View) -> io::Result<()> {
    let (width, height) = match terminal::size() {
        Ok((width @ 1.., height @ 1..)) => (width, height),
        _ => SIZE,
    };
    let title = match scan.timelines.len() {
        // The module may have been removed, and may be loaded again later.
        0 => match Node::FenceExporter.check() {
            Ok(()) => "no timeline is open".to_owned(),
            Err(error) => error.cause,
        },
        count => counted(count, "timeline"),
    };
    let unseen = match scan.unseen {
        0 => String::new(),
        count => format!("; {count} processes could not be looked into: run it as root"),
    };
    let leaves = match view.typing {
        true => "Enter ends the filter",
        false => "q leaves",
    };
    let mut lines = vec![(Attribute::Bold, format!("{title}{unseen} ({leaves})"))];
    let timelines = scan.timelines.iter().map(|held| Line {
        held,
        rate: rates.rates.get(&held.state.context).copied(),
    });
    let size = (width.into(), height.into());
    lines.extend(view.page.lines(timelines.collect(), size, clock::now()));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let mut view = View {
            page: Page::default(),
            typing: false,
        };
        let mut press = |code, modifiers| view.key(KeyEvent::new(code, modifiers));
        let none = KeyModifiers::NONE;
        assert_eq!(press(KeyCode::Char('q'), none), After::Leave);
        assert_eq!(
            press(KeyCode::Char('c'), KeyModifiers::CONTROL),
            After::Leave
        );
        // While a filter is typed, the characters are not commands.
        for char in "/sqx".chars() {
            assert_eq!(press(KeyCode::Char(char), none), After::Draw);
        }
        press(KeyCode::Backspace, none);
        press(KeyCode::Enter, none);
        press(KeyCode::Char('s'), none);
        assert_eq!(press(KeyCode::Esc, none), After::Leave);
        assert_eq!(view.page.filter, "sq");
        assert_eq!(view.page.sort, Sort::Name);
    }
}
