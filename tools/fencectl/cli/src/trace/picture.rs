// SPDX-License-Identifier: GPL-2.0

//! The picture: an SVG file with a bar for each fence, from its creation to its signal.
//!
//! A timeline has as many lanes as fences were pending at once. If there are too many lanes to tell
//! apart, the timeline is drawn as a crowd instead: a curve of how many fences are pending over
//! time.

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
use paths::Paths;
use scale::Scale;
use svg::{
    node::element::{Definitions, Group, Line, Path, Pattern, Rectangle, Style, Text},
    Document,
};

const WIDTH: f64 = 1200.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 74.0;
const GAP: f64 = 10.0;
/// A timeline with more lanes than this is drawn as a crowd.
const MOST_LANES: usize = 40;
/// The height that the lanes of all timelines together may have, if it does not make a lane lower
/// than the first of [`LANE_HEIGHTS`].
const LANES_HEIGHT: f64 = 760.0;
/// The lowest and the highest height of a lane.
const LANE_HEIGHTS: [f64; 2] = [4.0, 20.0];
const CROWD_HEIGHT: f64 = 96.0;
/// The least height of a timeline: its name and its results stand beside it, in two lines.
const LEAST_HEIGHT: f64 = 34.0;

const STYLE: &str = "text{font:12px sans-serif;fill:#24292f}.t{font-size:16px;font-weight:bold}\
.n{font-weight:bold}.s{font-size:11px;fill:#57606a}.l{font-size:10px;fill:#fff;text-anchor:middle}\
.u{fill:#24292f}.a{font-size:11px;fill:#57606a;text-anchor:middle}.g{stroke:#d0d7de;stroke-width:1}\
.ok{fill:#3b75af}.late{fill:#8f63b8}.error{fill:#cf222e}.timeout{fill:#d9730d}.gone{fill:#8c959f}\
.pending{fill:#9ec5e8}.unknown{fill:url(#unknown)}.w{stroke:#0b2540;stroke-width:2}.k{stroke:#1a7f37;stroke-width:3}\
.d{fill:#8f63b8;stroke:#fff;stroke-width:.6}\
.o{stroke:#8f63b8;stroke-width:1.2;stroke-dasharray:3 2;fill:none}.m{stroke:#fff;stroke-width:1.6;fill:none}";

/// Draws a recording, and returns the text of the SVG file.
pub fn draw(recording: &Recording) -> String {
    // A recording with a single event would have no width.
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
        .add(hatching())
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

/// Returns the definition of the hatching, which fills fences whose outcome is not known.
fn hatching() -> Definitions {
    let pattern = Pattern::new()
        .set("id", "unknown")
        .set("width", 6)
        .set("height", 6)
        .set("patternUnits", "userSpaceOnUse")
        .set("patternTransform", "rotate(45)");
    let ground = Rectangle::new()
        .set("width", 6)
        .set("height", 6)
        .set("fill", "#d8dee4");
    let stroke = Path::new()
        .set("d", "M1.5 0v6")
        .set("stroke", "#8c959f")
        .set("stroke-width", 2);
    Definitions::new().add(pattern.add(ground).add(stroke))
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
    let failed = timeline.count(|fence| matches!(fence.outcome, Outcome::Failed(_)));
    let missed = timeline.count(Fence::missed);
    let unknown = timeline.count(|fence| fence.outcome == Outcome::Unknown);
    let mut told = counted(timeline.fences.len(), "fence");
    for (count, what) in [(failed, "failed"), (missed, "late"), (unknown, "unknown")] {
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

/// Returns the CSS class of a fence, which sets its color.
fn class(fence: &Fence) -> &'static str {
    match (fence.outcome, fence.cause.as_deref()) {
        (Outcome::Pending, _) => "pending",
        (Outcome::Unknown, _) => "unknown",
        (Outcome::Signaled, _) => "ok",
        (Outcome::Failed(_), Some("timed_out")) => "timeout",
        (Outcome::Failed(_), Some("cancelled" | "closed" | "unwound")) => "gone",
        (Outcome::Failed(_), _) => "error",
    }
}

/// Rounds a coordinate to a tenth of a pixel, which keeps the file small and makes no visible
/// difference.
fn place(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::parse::parse;

    /// Draws a timeline of `count` fences: one is created every `every` us and is pending for
    /// `pending` us.
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

    /// Draws a fence from 1 s to 2 s, with the module's events in between. Returns the picture
    /// without the legend.
    fn fence(events: &[(&str, &str)]) -> String {
        let line = |time: &str, name: &str, rest: &str| {
            format!("p-1 [0] . {time}: {name}: driver=d timeline=t context=7 seqno=1 {rest}\n")
        };
        let between: String = events
            .iter()
            .map(|(name, rest)| line("1.5", name, rest))
            .collect();
        let text =
            line("1.0", "dma_fence_init", "") + &between + &line("2.0", "dma_fence_signaled", "");
        let picture = draw(&Recording::new(&parse(&text)));
        let body = picture.split_once("</style>").expect("it has a style").1;
        // Only the legend has `<rect>` elements with a class.
        let legend = body.find("<rect class=").expect("it has a legend");
        body[..legend].to_owned()
    }

    #[test]
    fn each_outcome_has_its_color() {
        let status = |status: i32, cause: &str| {
            let rest = format!("status={status} cause={cause} timestamp=1500000000");
            fence(&[("fence_signaled", &rest)])
        };
        for (picture, class, told) in [
            (status(0, "done"), "ok", "t 1: signaled after 500.0 ms"),
            (status(-5, "done"), "error", "t 1: -EIO after"),
            (status(-110, "done"), "error", "t 1: -ETIMEDOUT after"),
            (
                status(-110, "timed_out"),
                "timeout",
                "t 1: -ETIMEDOUT (timed_out) after",
            ),
            (
                status(-5, "cancelled"),
                "gone",
                "t 1: -EIO (cancelled) after",
            ),
            (
                status(-125, "closed"),
                "gone",
                "t 1: -ECANCELED (closed) after",
            ),
            (fence(&[]), "unknown", "t 1: unknown after"),
        ] {
            assert!(picture.contains(told), "{told}: {picture}");
            for other in ["ok", "error", "timeout", "gone", "unknown"] {
                let is_there = picture.contains(&format!("class=\"{other}\""));
                assert_eq!(is_there, other == class, "{told}: {other}");
            }
        }
        assert!(fence(&[]).contains("1 fence, 1 unknown"));
    }

    #[test]
    fn each_deadline_points_at_its_time_and_belongs_to_its_fence() {
        // The fence extends from LEFT to WIDTH - RIGHT.
        for (deadlines, marks) in [
            (&[][..], &[][..]),
            (&["1500000000"], &["M683 "]),
            (&["1250000000", "1500000000"], &["M436.5 ", "M683 "]),
            // A deadline outside of the picture is drawn at the edge, and points to the side.
            (&["9000000000"], &["M1176 "]),
            (&["0"], &["M190 "]),
        ] {
            let rests: Vec<_> = deadlines
                .iter()
                .map(|deadline| format!("deadline={deadline}"))
                .collect();
            let events: Vec<_> = rests
                .iter()
                .map(|rest| ("fence_deadline", rest.as_str()))
                .collect();
            let picture = fence(&events);
            assert_eq!(
                picture.matches("class=\"d\"").count(),
                marks.len(),
                "{picture}"
            );
            for mark in marks {
                assert!(picture.contains(mark), "{deadlines:?}: {picture}");
            }
        }
        let picture = fence(&[
            ("fence_deadline", "deadline=1250000000"),
            ("fence_deadline", "deadline=9000000000"),
        ]);
        assert!(
            picture.contains("wanted after 250.0 ms, 8000.0 ms"),
            "{picture}"
        );
    }

    #[test]
    fn nothing_is_drawn_too() {
        assert!(draw(&Recording::default()).contains("</svg>"));
    }
}
