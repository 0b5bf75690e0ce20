// SPDX-License-Identifier: GPL-2.0

//! The picture: a bar for each fence, from when it was made to when it signalled.
//!
//! A timeline has as many lanes as fences were pending at once. Where that are too many, how many are pending
//! is drawn over time instead: a thousand lines that can't be told apart say less.

mod bars;
mod crowd;
mod legend;
mod paths;
mod scale;

use super::{
    fences::{Fence, Outcome, Recording, Timeline},
    lanes,
};
use crate::output::{counted, time_text};
use fence_exporter::Status;
use paths::Paths;
use scale::Scale;
use svg::{
    node::element::{Group, Line, Rectangle, Style, Text},
    Document,
};

const WIDTH: f64 = 1200.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 74.0;
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
.d{fill:#8f63b8;stroke:#fff;stroke-width:.6}.m{stroke:#fff;stroke-width:1.6;fill:none}";

/// Draws a recording.
pub fn draw(recording: &Recording) -> String {
    // A recording of one moment has a width, too.
    let span = (recording.end - recording.begin).max(1000);
    let scale = Scale {
        begin: recording.begin,
        end: recording.end,
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
        .add(scale::axis(&scale, span, y - GAP / 2.0))
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
        "{} of {} in {}",
        counted(fences, "fence"),
        counted(recording.timelines.len(), "timeline"),
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
    let mut told = counted(timeline.fences.len(), "fence");
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
    fn deadlines_within_the_recording() {
        let deadline = |time: u64| {
            let fence = |event, time| {
                format!("p-1 [000] ..... {time}: dma_fence_{event}: driver=d timeline=t context=7 seqno=1\n")
            };
            let note = format!(
                "p-1 [000] ..... 1.1: tracing_mark_write: fencectl: deadline context=7 seqno=1 time_ns={time}\n"
            );
            let text = fence("init", "1.0") + &note + &fence("signaled", "2.0");
            let picture = draw(&Recording::new(&parse(&text)));
            // One is in the legend.
            picture.matches("class=\"d\"").count() - 1
        };
        assert_eq!([1_500_000_000, 2_500_000_000].map(deadline), [1, 0]);
    }

    #[test]
    fn nothing_is_drawn_too() {
        assert!(draw(&Recording::default()).contains("</svg>"));
    }
}
