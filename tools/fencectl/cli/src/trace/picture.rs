// SPDX-License-Identifier: GPL-2.0

//! The picture: a bar for each fence, from when it was made to when it signalled.
//!
//! A timeline has as many lanes as fences were pending at once. Where that are too many, how many are pending
//! is drawn over time instead: a thousand lines that can't be told apart say less.

mod bars;
mod crowd;
mod legend;
mod paths;

use super::{
    fences::{Fence, Outcome, Recording, Timeline},
    lanes,
};
use crate::output::time_text;
use fence_exporter::Status;
use paths::Paths;
use svg::{
    node::element::{Group, Line, Rectangle, Style, Text},
    Document,
};

const WIDTH: f64 = 1200.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 66.0;
const GAP: f64 = 10.0;
/// Where there are more lanes than this, a timeline is drawn as a crowd.
const MOST_LANES: usize = 40;
/// What the lanes of all timelines together may take up, as long as one is no lower than the second.
const LANES_HEIGHT: f64 = 760.0;
const LANE_HEIGHTS: [f64; 2] = [4.0, 20.0];
const CROWD_HEIGHT: f64 = 96.0;
/// A timeline has its name and what came of it beside it.
const LEAST_HEIGHT: f64 = 34.0;

const STYLE: &str = "text{font:12px sans-serif;fill:#24292f}.t{font-size:16px;font-weight:bold}\
.n{font-weight:bold}.s{font-size:11px;fill:#57606a}.l{font-size:10px;fill:#fff;text-anchor:middle}\
.a{font-size:11px;fill:#57606a;text-anchor:middle}.g{stroke:#d0d7de;stroke-width:1}\
.ok{fill:#3b75af}.late{fill:#8f63b8}.error{fill:#cf222e}.timeout{fill:#d9730d}.gone{fill:#8c959f}\
.pending{fill:#9ec5e8}.w{stroke:#0b2540;stroke-width:2}.k{stroke:#1a7f37;stroke-width:3}\
.d{fill:#8f63b8;stroke:#fff;stroke-width:.6}.m{stroke:#fff;stroke-width:1.6;fill:none}\
.e{stroke:#cf222e;stroke-width:2;fill:none}\
.h{stroke:#fff;stroke-width:3px;paint-order:stroke}";

/// How times become places.
struct Scale {
    begin: u64,
    per_ns: f64,
}

impl Scale {
    fn x(&self, time: u64) -> f64 {
        let ns = time as f64 - self.begin as f64;
        (LEFT + ns * self.per_ns).clamp(LEFT, WIDTH - RIGHT)
    }
}

/// Draws a recording.
pub fn draw(recording: &Recording) -> String {
    // A recording of one moment has a width, too.
    let span = (recording.end - recording.begin).max(1000);
    let scale = Scale {
        begin: recording.begin,
        per_ns: (WIDTH - LEFT - RIGHT) / span as f64,
    };
    let lanes: Vec<_> = recording
        .timelines
        .iter()
        .map(|timeline| lanes::assign(&timeline.fences))
        .collect();
    let counts: Vec<_> = lanes
        .iter()
        .map(|lanes| lanes.iter().max().map_or(1, |most| most + 1))
        .collect();
    let drawn: usize = counts.iter().filter(|count| **count <= MOST_LANES).sum();
    let lane_height = (LANES_HEIGHT / drawn.max(1) as f64).clamp(LANE_HEIGHTS[0], LANE_HEIGHTS[1]);

    let mut body = Group::new();
    let mut y = TOP;
    for ((timeline, lanes), count) in recording.timelines.iter().zip(&lanes).zip(&counts) {
        let height = if *count > MOST_LANES {
            CROWD_HEIGHT
        } else {
            *count as f64 * lane_height
        };
        body = body.add(label(timeline, y));
        body = body.add(if *count > MOST_LANES {
            crowd::draw(timeline, &scale, y, height)
        } else {
            bars::draw(timeline, lanes, &scale, y, lane_height)
        });
        y += height.max(LEAST_HEIGHT) + GAP;
        body = body.add(rule(0.0, WIDTH, y - GAP / 2.0));
    }
    let height = y + legend::HEIGHT;
    Document::new()
        .set("viewBox", format!("0 0 {WIDTH} {height}"))
        .set("width", WIDTH)
        .set("height", height)
        .add(Style::new(STYLE))
        .add(
            Rectangle::new()
                .set("width", WIDTH)
                .set("height", height)
                .set("fill", "#fff"),
        )
        .add(title(recording, span))
        .add(axis(&scale, span, y - GAP / 2.0))
        .add(body)
        .add(legend::draw(y))
        .to_string()
}

fn title(recording: &Recording, span: u64) -> Group {
    let fences: usize = recording
        .timelines
        .iter()
        .map(|timeline| timeline.fences.len())
        .sum();
    let count = format!(
        "{fences} fences of {} timelines in {}",
        recording.timelines.len(),
        time_text(span)
    );
    Group::new()
        .add(
            Text::new(&*recording.title)
                .set("class", "t")
                .set("x", 12)
                .set("y", 24),
        )
        .add(Text::new(count).set("class", "s").set("x", 12).set("y", 42))
}

/// A line at each round time.
fn axis(scale: &Scale, span: u64, bottom: f64) -> Group {
    let step = round_step(span);
    let unit = if step >= 1_000_000_000 {
        (1e9, "s")
    } else if step >= 1_000_000 {
        (1e6, "ms")
    } else {
        (1e3, "us")
    };
    let mut group = Group::new();
    for time in (0..=span).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
        let x = scale.x(scale.begin + time);
        let line = Line::new()
            .set("class", "g")
            .set("x1", place(x))
            .set("x2", place(x));
        group = group.add(line.set("y1", TOP - 8.0).set("y2", place(bottom)));
        let text = Text::new(format!("{} {}", time as f64 / unit.0, unit.1));
        group = group.add(
            text.set("class", "a")
                .set("x", place(x))
                .set("y", TOP - 13.0),
        );
    }
    group
}

/// 1, 2 or 5 of a power of ten, for about ten steps, at least a microsecond.
fn round_step(span: u64) -> u64 {
    let mut step = 1000u64;
    while span / step > 12 {
        let power = 10u64.pow(step.ilog10());
        step = match step / power {
            1 => 2 * power,
            2 => 5 * power,
            _ => 10 * power,
        };
    }
    step
}

fn label(timeline: &Timeline, y: f64) -> Group {
    let failed = timeline
        .fences
        .iter()
        .filter(|fence| matches!(fence.outcome, Outcome::Failed(_)))
        .count();
    let missed = timeline
        .fences
        .iter()
        .filter(|fence| fence.missed())
        .count();
    let mut told = format!("{} fences", timeline.fences.len());
    for (count, what) in [(failed, "failed"), (missed, "late")] {
        if count > 0 {
            told += &format!(", {count} {what}");
        }
    }
    Group::new()
        .add(
            Text::new(shortened(&timeline.name, 24))
                .set("class", "n")
                .set("x", 12)
                .set("y", place(y + 13.0)),
        )
        .add(
            Text::new(told)
                .set("class", "s")
                .set("x", 12)
                .set("y", place(y + 28.0)),
        )
}

fn shortened(name: &str, most: usize) -> String {
    match name.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &name[..at]),
        None => name.to_owned(),
    }
}

fn rule(from: f64, to: f64, y: f64) -> Line {
    Line::new()
        .set("class", "g")
        .set("x1", place(from))
        .set("x2", place(to))
        .set("y1", place(y))
        .set("y2", place(y))
}

/// How a fence is coloured.
fn class(fence: &Fence) -> &'static str {
    match fence.outcome {
        Outcome::Pending => "pending",
        Outcome::Signalled => "ok",
        Outcome::Failed(Status::TIMED_OUT) => "timeout",
        Outcome::Failed(Status::CANCELED) => "gone",
        Outcome::Failed(_) => "error",
    }
}

/// A tenth of a pixel is as exact as can be seen.
fn place(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::parse::parse;

    /// Timelines of fences that are made every `every` us and pending for `pending` us.
    fn drawing(count: u64, every: u64, pending: u64) -> String {
        let mut text = String::new();
        for seqno in 1..=count {
            for (event, time) in [
                ("init", seqno * every),
                ("signaled", seqno * every + pending),
            ] {
                text += &format!(
                    "p-1 [000] ..... {}.{:06}: dma_fence_{event}: driver=d timeline=<gpu> context=7 seqno={seqno}\n",
                    time / 1_000_000,
                    time % 1_000_000
                );
            }
        }
        draw(&Recording::new(&parse(&text)))
    }

    #[test]
    fn few_fences_have_their_numbers() {
        let picture = drawing(20, 1000, 900);
        for seqno in 1..=20 {
            assert!(
                picture.contains(&format!("\n{seqno}\n</text>"))
                    || picture.contains(&format!(">{seqno}</text>")),
                "{seqno}"
            );
        }
        assert!(picture.contains("&lt;gpu&gt;"), "names are escaped");
    }

    #[test]
    fn many_fences_stay_small() {
        for (every, pending) in [(1000, 900), (100, 3000), (1, 1_000_000)] {
            let size = drawing(2000, every, pending).len();
            assert!(size < 150_000, "{every} {pending}: {size}");
        }
    }

    #[test]
    fn nothing_is_drawn_too() {
        assert!(draw(&Recording::default()).contains("</svg>"));
    }

    #[test]
    fn steps_are_round() {
        for (span, step) in [
            (0, 1000),
            (12_000, 1000),
            (13_000, 2000),
            (200_000_000, 20_000_000),
            (700_000, 100_000),
        ] {
            assert_eq!(round_step(span), step, "{span}");
        }
    }
}
