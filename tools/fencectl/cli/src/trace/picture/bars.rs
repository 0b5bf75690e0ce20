// SPDX-License-Identifier: GPL-2.0

//! Draws a timeline as bars, one for each fence.

use super::{class, place, scale::Side, Fence, Outcome, Paths, Scale, Timeline};
use crate::output::time_text;
use std::collections::BTreeMap;
use svg::node::element::{Group, Path, Text, Title};

/// The least height of a lane whose bars have a number and marks in them.
const ROOMY: f64 = 10.0;
/// A bar that is wider than this has a gap of [`APART`] to the next bar.
const BROAD: f64 = 4.0;
const APART: f64 = 0.7;
/// The width of a digit.
const DIGIT: f64 = 6.0;
/// The width of a mark at the end of a bar.
const MARK: f64 = 11.0;

/// Draws the timeline. `lanes` has the lane of each fence.
pub fn draw(
    timeline: &Timeline,
    lanes: &[usize],
    scale: &Scale,
    top: f64,
    lane_height: f64,
) -> Group {
    let mut bars = Paths::default();
    let mut group = Group::new();
    let room = |fence: &&Fence| has_room(fence, scale);
    // If most bars have no room for their number, the numbers of the others do not help.
    let numbered = timeline.fences.iter().filter(room).count() * 2 >= timeline.fences.len();
    let mut by_lane: BTreeMap<usize, Vec<&Fence>> = BTreeMap::new();
    for (fence, lane) in timeline.fences.iter().zip(lanes) {
        by_lane.entry(*lane).or_default().push(fence);
    }
    for (lane, fences) in by_lane {
        let y = top + lane as f64 * lane_height;
        for fence in fences {
            let (left, right) = (scale.x(fence.begin), scale.x(fence.end));
            let area = [
                left,
                y,
                if right - left > BROAD {
                    right - APART
                } else {
                    right
                },
                y + lane_height - lane_height.min(8.0) / 8.0,
            ];
            let late = fence.missed() && fence.outcome == Outcome::Signaled;
            // The part of the bar after the first deadline has the color for late fences.
            match fence
                .deadlines
                .first()
                .filter(|_| late)
                .map(|time| scale.x(*time))
            {
                Some(x) if x > area[0] => {
                    bars.add(class(fence), [area[0], area[1], x, area[3]]);
                    bars.add("late", [x, area[1], area[2], area[3]]);
                }
                Some(_) => bars.add("late", area),
                None => bars.add(class(fence), area),
            }
            if lane_height >= ROOMY {
                group = group.add(details(timeline, fence, scale, area, numbered));
            } else if !fence.deadlines.is_empty() {
                group = group.add(deadlines(timeline, fence, scale, y, 3.0));
            }
        }
    }
    Group::new().add(bars.draw()).add(group)
}

/// Returns whether the number of a fence fits into its bar, together with the mark if the fence
/// failed.
fn has_room(fence: &Fence, scale: &Scale) -> bool {
    let number = fence.seqno.to_string().len() as f64 * DIGIT + 4.0;
    scale.x(fence.end) - scale.x(fence.begin) > number + mark_width(fence)
}

fn mark_width(fence: &Fence) -> f64 {
    match fence.outcome {
        Outcome::Failed(_) => MARK,
        _ => 0.0,
    }
}

/// Draws the details of a fence that fit: its number, waits, deadlines, and the mark if it failed.
fn details(
    timeline: &Timeline,
    fence: &Fence,
    scale: &Scale,
    area: [f64; 4],
    numbered: bool,
) -> Group {
    let [left, top, right, bottom] = area;
    let line = |class, from: f64, to: f64| {
        let data = format!("M{} {}H{}", place(from), place(bottom - 1.5), place(to));
        Path::new().set("class", class).set("d", data)
    };
    let mut group = Group::new();
    if numbered && has_room(fence, scale) {
        let end = right - mark_width(fence);
        let label = Text::new(fence.seqno.to_string())
            .set(
                "class",
                if fence.outcome == Outcome::Unknown {
                    "l u"
                } else {
                    "l"
                },
            )
            .set("x", place((left + end) / 2.0));
        group = group.add(label.set("y", place((top + bottom) / 2.0 + 3.0)));
    }
    if let Some(from) = fence.waited_from {
        group = group.add(line("w", scale.x(from), right));
    }
    for (from, to, _) in &fence.sleeps {
        group = group.add(line("k", scale.x(*from), scale.x((*to).min(fence.end))));
    }
    if !fence.deadlines.is_empty() {
        group = group.add(deadlines(timeline, fence, scale, top, 6.0));
    }
    if mark_width(fence) > 0.0 && right - left > MARK {
        group = group.add(mark(class(fence), right, (top + bottom) / 2.0));
    }
    if group.get_children().is_empty() {
        return group;
    }
    group.add(Title::new(told(timeline, fence)))
}

/// Draws the deadlines of a fence. If a deadline is outside of the fence's bar, a line connects the
/// two, because there may be other fences at that place.
fn deadlines(timeline: &Timeline, fence: &Fence, scale: &Scale, top: f64, size: f64) -> Group {
    let (left, right) = (scale.x(fence.begin), scale.x(fence.end));
    let mut group = Group::new();
    for time in &fence.deadlines {
        let x = scale.x(*time);
        let nearest = x.clamp(left, right);
        if (x - nearest).abs() > size {
            let data = format!(
                "M{} {}H{}",
                place(nearest),
                place(top + size / 2.0),
                place(x)
            );
            group = group.add(Path::new().set("class", "o").set("d", data));
        }
        group = group.add(triangle(x, top, size, scale.beyond(*time)));
    }
    group.add(Title::new(told(timeline, fence)))
}

/// Returns the text that a viewer shows while the pointer rests on a fence.
fn told(timeline: &Timeline, fence: &Fence) -> String {
    let span = time_text(fence.end - fence.begin);
    let mut told = format!(
        "{} {}: {} after {span}",
        timeline.name,
        fence.seqno,
        fence.told()
    );
    let after = |deadline: &u64| match deadline.checked_sub(fence.begin) {
        Some(after) => time_text(after),
        None => format!("-{}", time_text(fence.begin - deadline)),
    };
    if !fence.deadlines.is_empty() {
        let deadlines: Vec<_> = fence.deadlines.iter().map(after).collect();
        told += &format!(", wanted after {}", deadlines.join(", "));
    }
    told
}

/// Draws the triangle for a deadline. It points down at its time. If the time is outside of the
/// picture, it points to the side `beyond`.
pub fn triangle(x: f64, top: f64, size: f64, beyond: Option<Side>) -> Path {
    let (x, top) = (place(x), place(top));
    let data = match beyond {
        None => format!("M{x} {}l-{size} -{size}h{}z", top + size, 2.0 * size),
        Some(Side::After) => format!("M{x} {top}l-{size} -{size}v{}z", 2.0 * size),
        Some(Side::Before) => format!("M{x} {top}l{size} -{size}v{}z", 2.0 * size),
    };
    Path::new().set("class", "d").set("d", data)
}

/// Draws the mark that says how a fence failed: a vertical bar for a timeout, a stroke for a
/// cancelled fence, a cross for an error.
fn mark(class: &str, right: f64, y: f64) -> Path {
    let (x, y) = (place(right - 6.0), place(y));
    let data = match class {
        "timeout" => format!("M{} {}v9M{} {}v9", x - 1.5, y - 4.5, x + 1.5, y - 4.5),
        "gone" => format!("M{} {}l6 -7", x - 3.0, y + 3.5),
        _ => format!("M{} {}l7 7m0 -7l-7 7", x - 3.5, y - 3.5),
    };
    Path::new().set("class", "m").set("d", data)
}
