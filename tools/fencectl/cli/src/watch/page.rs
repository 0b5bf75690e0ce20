// SPDX-License-Identifier: GPL-2.0

//! A page of the live view: which timelines are shown, and in which order.

use crate::{
    list::{aligned_to, cells, holders_text, COLUMNS},
    output::deadline_text,
};
use clap::ValueEnum;
use crossterm::style::Attribute;
use fence_exporter::process::Held;
use std::cmp::Reverse;

/// The least width of a terminal on which all columns are shown.
const WIDE: usize = 100;
/// How many characters of a name are shown on a narrower terminal.
const NARROW_NAME: usize = 15;
/// How many lines do not show timelines: the title, the head, and the last line.
const FRAME: usize = 3;
/// The gap between columns.
const GAP: &str = "  ";

/// The order of the timelines.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Sort {
    /// By their contexts, which is the order in which the timelines were opened.
    #[default]
    Context,
    /// By their names.
    Name,
    /// By the number of pending fences, the most first.
    Pending,
    /// By the number of failed fences, the most first.
    Failed,
    /// By the earliest deadline.
    Deadline,
    /// By the number of fences that complete per second, the most first.
    Rate,
}

impl Sort {
    const ALL: [(Self, &str); 6] = [
        (Self::Context, "context"),
        (Self::Name, "name"),
        (Self::Pending, "pending"),
        (Self::Failed, "failed"),
        (Self::Deadline, "deadline"),
        (Self::Rate, "done/s"),
    ];

    fn place(self) -> usize {
        let place = Self::ALL.iter().position(|(sort, _)| *sort == self);
        place.unwrap_or(0)
    }

    /// Returns the next order.
    pub fn next(self) -> Self {
        Self::ALL[(self.place() + 1) % Self::ALL.len()].0
    }

    fn name(self) -> &'static str {
        Self::ALL[self.place()].1
    }
}

/// A timeline, and how many of its fences complete per second.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The timeline.
    pub held: &'a Held,
    /// The rate; `None` if the timeline is new, so that no rate is known.
    pub rate: Option<f64>,
}

impl Line<'_> {
    /// Returns how many fences have failed. If the module does not tell, these are the ones that
    /// certainly have.
    fn failed(&self) -> u64 {
        let state = &self.held.state;
        state.failed.unwrap_or(state.timed_out + state.cancelled)
    }

    /// Returns how many fences have failed, and the last error.
    fn failed_text(&self) -> String {
        match self.held.state.last_failed {
            Some(last) => format!("{} {}", self.failed(), last.status),
            None => self.failed().to_string(),
        }
    }
}

/// The state of the page.
#[derive(Debug, Default)]
pub struct Page {
    /// The order.
    pub sort: Sort,
    /// The filter: only timelines whose name or holder contains this text are shown.
    pub filter: String,
    /// The index of the first timeline that is shown.
    top: usize,
    /// The widths of the columns. They only grow, so that the columns do not move back and forth.
    widths: Vec<usize>,
    /// The width of the terminal for which `widths` was computed.
    width: usize,
    /// How many timelines fit on the page.
    fitting: usize,
    /// How many timelines pass the filter.
    count: usize,
}

impl Page {
    /// Makes the page at its beginning.
    pub fn new(sort: Sort, filter: String) -> Self {
        Self {
            sort,
            filter,
            ..Self::default()
        }
    }

    /// Scrolls by `lines` lines, down if positive.
    pub fn scroll(&mut self, lines: isize) {
        self.top = self.top.saturating_add_signed(lines).min(self.last_top());
    }

    /// Scrolls by `pages` pages, down if positive.
    pub fn turn(&mut self, pages: isize) {
        self.scroll(pages * self.fitting.max(1) as isize);
    }

    /// Scrolls to the end.
    pub fn end(&mut self) {
        self.top = self.last_top();
    }

    /// Scrolls to the beginning.
    pub fn home(&mut self) {
        self.top = 0;
    }

    fn last_top(&self) -> usize {
        self.count.saturating_sub(self.fitting)
    }

    /// Returns the lines below the title: the head, the timelines that fit, and a last line that
    /// says how many do not fit.
    pub fn lines(
        &mut self,
        mut timelines: Vec<Line<'_>>,
        (width, height): (usize, usize),
        now: u64,
    ) -> Vec<(Attribute, String)> {
        if self.width != width {
            self.width = width;
            self.widths.clear();
        }
        timelines.retain(|line| self.is_shown(line.held));
        self.order(&mut timelines);
        self.count = timelines.len();
        self.fitting = height.saturating_sub(FRAME).max(1);
        self.top = self.top.min(self.last_top());
        let end = (self.top + self.fitting).min(self.count);
        let mut rows = vec![(Attribute::Reverse, head(width))];
        for line in &timelines[self.top..end] {
            let state = &line.held.state;
            let late = state.deadline_ns.is_some_and(|deadline| deadline < now);
            let attribute = if line.failed() > 0 || late {
                Attribute::Bold
            } else {
                Attribute::Reset
            };
            rows.push((attribute, row(line, width, now)));
        }
        let cells: Vec<_> = rows.iter().map(|(_, cells)| cells.as_slice()).collect();
        let texts = aligned_to(&cells, GAP, &mut self.widths);
        let attributes = rows.iter().map(|(attribute, _)| *attribute);
        let mut lines: Vec<_> = attributes.zip(texts).collect();
        lines.push((Attribute::Dim, self.besides(end)));
        lines
    }

    fn is_shown(&self, held: &Held) -> bool {
        held.state.name.contains(&self.filter) || holders_text(&held.holders).contains(&self.filter)
    }

    fn order(&self, timelines: &mut [Line<'_>]) {
        match self.sort {
            Sort::Context => timelines.sort_by_key(|line| line.held.state.context),
            Sort::Name => timelines.sort_by(|a, b| a.held.state.name.cmp(&b.held.state.name)),
            Sort::Pending => timelines.sort_by_key(|line| Reverse(line.held.state.pending)),
            Sort::Failed => timelines.sort_by_key(|line| Reverse(line.failed())),
            Sort::Deadline => {
                timelines.sort_by_key(|line| line.held.state.deadline_ns.unwrap_or(u64::MAX));
            }
            Sort::Rate => {
                let rate = |line: &Line<'_>| line.rate.unwrap_or(-1.0);
                timelines.sort_by(|a, b| rate(b).total_cmp(&rate(a)));
            }
        }
    }

    /// Returns the last line: how many timelines are above and below, and what the keys do.
    fn besides(&self, end: usize) -> String {
        let below = self.count - end;
        let more = match (self.top, below) {
            (0, 0) => String::new(),
            (0, below) => format!("{below} more below; "),
            (above, 0) => format!("{above} more above; "),
            (above, below) => format!("{above} more above, {below} below; "),
        };
        let filter = match self.filter.as_str() {
            "" => "/ filters".to_owned(),
            filter => format!("only \"{filter}\""),
        };
        format!(
            "{more}by {}: s sorts, arrows scroll, {filter}",
            self.sort.name()
        )
    }
}

fn head(width: usize) -> Vec<String> {
    let columns: Vec<_> = match width {
        WIDE.. => COLUMNS[..COLUMNS.len() - 1]
            .iter()
            .copied()
            .chain(["DONE/S", "HELD BY"])
            .collect(),
        _ => vec![
            "CTX", "NAME", "PENDING", "DONE/S", "FAILED", "DEADLINE", "HELD BY",
        ],
    };
    columns.into_iter().map(str::to_owned).collect()
}

/// Returns the cells of a timeline. The holders are the last cell, because their text can be of any
/// length.
fn row(line: &Line<'_>, width: usize, now: u64) -> Vec<String> {
    let state = &line.held.state;
    let rate = line
        .rate
        .map_or("-".to_owned(), |rate| format!("{rate:.0}"));
    if width >= WIDE {
        let mut cells = cells(line.held, now).to_vec();
        cells.insert(cells.len() - 1, rate);
        return cells;
    }
    vec![
        state.context.to_string(),
        state.name.chars().take(NARROW_NAME).collect(),
        state.pending.to_string(),
        rate,
        line.failed_text(),
        state
            .deadline_ns
            .map_or("-".to_owned(), |deadline| deadline_text(deadline, now)),
        holders_text(&line.held.holders),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use fence_exporter::{process::Holder, LastFailed, State, Status};

    /// Returns 200 timelines, `t0` to `t199`.
    fn many() -> Vec<Held> {
        (0..200)
            .map(|number| Held {
                state: State {
                    name: format!("t{number}"),
                    context: number + 1,
                    pending: number % 7,
                    failed: Some(u64::from(number == 150)),
                    last_failed: (number == 150).then_some(LastFailed {
                        seqno: 7,
                        status: Status::TIMED_OUT,
                    }),
                    deadline_ns: (number == 120).then_some(1_234_500_000),
                    ..State::default()
                },
                holders: vec![Holder {
                    pid: 100 + number as u32,
                    comm: "app".to_owned(),
                    fds: vec![3],
                }],
            })
            .collect()
    }

    fn lines<'a>(held: &'a [Held]) -> Vec<Line<'a>> {
        held.iter()
            .map(|held| Line {
                held,
                rate: Some(60.0),
            })
            .collect()
    }

    fn texts(page: &mut Page, held: &[Held]) -> Vec<String> {
        let lines = page.lines(lines(held), (80, 24), 0);
        lines.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn what_does_not_fit_is_counted_and_scrolled_to() {
        let held = many();
        let mut page = Page::default();
        let shown = texts(&mut page, &held);
        // One of the 24 lines is the title.
        assert_eq!(shown.len(), 23);
        assert!(
            shown[1].contains("t0 ") && shown[21].contains("t20 "),
            "{shown:?}"
        );
        assert!(
            shown[22].starts_with("179 more below; by context"),
            "{}",
            shown[22]
        );
        page.scroll(1);
        page.turn(1);
        let shown = texts(&mut page, &held);
        assert!(shown[1].contains("t22 "), "{}", shown[1]);
        assert!(
            shown[22].starts_with("22 more above, 157 below"),
            "{}",
            shown[22]
        );
        page.end();
        assert!(texts(&mut page, &held)[22].starts_with("179 more above;"));
        page.turn(1);
        assert!(texts(&mut page, &held)[21].contains("t199 "));
        // Most of the timelines are closed.
        assert!(texts(&mut page, &held[..5])[5].contains("t4 "));
        page.scroll(-1000);
        assert!(texts(&mut page, &held)[1].contains("t0 "));
    }

    #[test]
    fn all_columns_fit_the_usual_terminal() {
        let mut held = many();
        // The row with the longest cells.
        held[150].state.name = "fifteen letters and more".to_owned();
        held[150].state.deadline_ns = Some(1_234_500_000);
        let mut page = Page {
            filter: "fifteen".to_owned(),
            ..Page::default()
        };
        let shown = texts(&mut page, &held);
        assert!(shown[0].contains("HELD BY"), "{}", shown[0]);
        assert!(
            shown[1].ends_with("1 -ETIMEDOUT  in 1234.5 ms  250:3 (app)"),
            "{}",
            shown[1]
        );
        assert!(shown.iter().all(|line| line.len() <= 80), "{shown:?}");
        // A wide terminal has more columns.
        let shown = page.lines(lines(&held), (120, 24), 0);
        assert!(shown[0].1.contains("LAST ERROR"), "{}", shown[0].1);
        assert!(shown[1].1.contains("7: -ETIMEDOUT"), "{}", shown[1].1);
        // A module that does not tell how many fences failed.
        held[150].state = State {
            name: "fifteen".to_owned(),
            timed_out: 2,
            cancelled: 1,
            ..State::default()
        };
        assert!(texts(&mut page, &held)[1].contains("  3  "));
    }

    #[test]
    fn columns_do_not_jump() {
        let mut held = many();
        let mut page = Page::default();
        let head = |page: &mut Page, held: &[Held]| texts(page, held)[0].clone();
        held[0].state.name = "a longer name".to_owned();
        let wide = head(&mut page, &held);
        held[0].state.name = "short".to_owned();
        assert_eq!(head(&mut page, &held), wide);
    }

    #[test]
    fn orders_and_filters() {
        let held = many();
        let first = |sort| {
            let mut page = Page {
                sort,
                ..Page::default()
            };
            texts(&mut page, &held)[1].clone()
        };
        for (sort, name) in [
            (Sort::Context, "t0 "),
            (Sort::Name, "t0 "),
            (Sort::Pending, "t6 "),
            (Sort::Failed, "t150 "),
            (Sort::Deadline, "t120 "),
            (Sort::Rate, "t0 "),
        ] {
            assert!(first(sort).contains(name), "{sort:?}: {}", first(sort));
        }
        let mut sort = Sort::default();
        for _ in Sort::ALL {
            sort = sort.next();
        }
        assert_eq!(sort, Sort::default());
        let mut page = Page {
            filter: "t19".to_owned(),
            ..Page::default()
        };
        let shown = texts(&mut page, &held);
        assert_eq!(shown.len(), 13);
        assert!(shown[12].ends_with("only \"t19\""), "{}", shown[12]);
        // The filter also applies to the holders.
        page.filter = "299:".to_owned();
        assert!(texts(&mut page, &held)[1].contains("t199 "));
    }
}
