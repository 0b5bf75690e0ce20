// SPDX-License-Identifier: GPL-2.0

//! A timeline as bars.

use super::{class, place, Fence, Outcome, Paths, Scale, Timeline};
use fence_exporter::Status;
use std::collections::BTreeMap;
use svg::node::element::{Group, Path, Text, Title};

/// The height of a lane from which on a bar has a number and marks in it.
const ROOMY: f64 = 10.0;
/// From this width on, a bar is kept apart from the next one.
const BROAD: f64 = 4.0;
const APART: f64 = 0.7;
/// The width of a digit.
const DIGIT: f64 = 6.0;
/// What a mark takes up at the end of a bar.
const MARK: f64 = 11.0;

/// Draws it.
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
    // Where only some have their number, it is no help.
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
            let deadline = fence.deadline.and_then(|time| scale.deadline(time));
            // What is beyond the deadline is late.
            match deadline.filter(|_| fence.missed() && fence.outcome == Outcome::Signalled) {
                Some(x) if x > area[0] => {
                    bars.add(class(fence), [area[0], area[1], x, area[3]]);
                    bars.add("late", [x, area[1], area[2], area[3]]);
                }
                Some(_) => bars.add("late", area),
                None => bars.add(class(fence), area),
            }
            if lane_height >= ROOMY {
                group = group.add(details(timeline, fence, scale, area, numbered));
            } else if let Some(x) = deadline {
                group = group.add(triangle(x, y, 3.0));
            }
        }
    }
    for x in timeline
        .deadlines
        .iter()
        .filter_map(|time| scale.deadline(*time))
    {
        group = group.add(triangle(x, top, 6.0));
    }
    Group::new().add(bars.draw()).add(group)
}

/// Whether the number of a fence, and the mark of one that failed, fit into its bar.
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

/// What there is room for: the number, waits, the deadline, a mark where it failed.
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
            .set("class", "l")
            .set("x", place((left + end) / 2.0));
        group = group.add(label.set("y", place((top + bottom) / 2.0 + 3.0)));
    }
    if let Some(from) = fence.waited_from {
        group = group.add(line("w", scale.x(from), right));
    }
    for (from, to, _) in &fence.sleeps {
        group = group.add(line("k", scale.x(*from), scale.x((*to).min(fence.end))));
    }
    if let Some(x) = fence.deadline.and_then(|time| scale.deadline(time)) {
        group = group.add(triangle(x, top, 6.0));
    }
    if let Outcome::Failed(status) = fence.outcome {
        if right - left > MARK {
            group = group.add(mark(status, right, (top + bottom) / 2.0));
        }
    }
    if group.get_children().is_empty() {
        return group;
    }
    group.add(Title::new(told(timeline, fence)))
}

/// What a pointer that rests on a fence is told.
fn told(timeline: &Timeline, fence: &Fence) -> String {
    let outcome = match fence.outcome {
        Outcome::Pending => "pending".to_owned(),
        Outcome::Signalled => "signalled".to_owned(),
        Outcome::Failed(status) => status.to_string(),
    };
    let span = crate::output::time_text(fence.end - fence.begin);
    format!("{} {}: {outcome} after {span}", timeline.name, fence.seqno)
}

/// A deadline: it points at its time.
pub fn triangle(x: f64, top: f64, size: f64) -> Path {
    let (x, top) = (place(x), place(top));
    Path::new().set("class", "d").set(
        "d",
        format!("M{x} {}l-{size} -{size}h{}z", top + size, 2.0 * size),
    )
}

/// How a fence failed: a bar for a timeout, a stroke for cancelled, a cross for an error.
fn mark(status: Status, right: f64, y: f64) -> Path {
    let (x, y) = (place(right - 6.0), place(y));
    let data = match status {
        Status::TIMED_OUT => format!("M{} {}v9M{} {}v9", x - 1.5, y - 4.5, x + 1.5, y - 4.5),
        Status::CANCELED => format!("M{} {}l6 -7", x - 3.0, y + 3.5),
        _ => format!("M{} {}l7 7m0 -7l-7 7", x - 3.5, y - 3.5),
    };
    Path::new().set("class", "m").set("d", data)
}
