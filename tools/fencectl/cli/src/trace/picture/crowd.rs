// SPDX-License-Identifier: GPL-2.0

//! A timeline with more fences at once than can be told apart: how many are pending, over time.

use super::{class, lanes, place, Outcome, Paths, Scale, Timeline};
use svg::node::element::{Group, Path, Text};

/// The strip below, where failures and deadlines are.
const STRIP: f64 = 10.0;

/// Draws it.
pub fn draw(timeline: &Timeline, scale: &Scale, top: f64, height: f64) -> Group {
    let steps = lanes::depth(&timeline.fences);
    let most = steps
        .iter()
        .map(|(_, count)| *count)
        .max()
        .unwrap_or(1)
        .max(1);
    let floor = top + height - STRIP;
    let y = |count: usize| place(floor - (floor - top - 4.0) * count as f64 / most as f64);
    let mut data = String::new();
    let mut last = f64::NEG_INFINITY;
    let mut highest = 0;
    for (time, count) in &steps {
        let x = scale.x(*time);
        highest = highest.max(*count);
        // Several in half a pixel: the highest is what is seen.
        if x - last < 0.5 && *count != 0 {
            continue;
        }
        let begin = if data.is_empty() {
            format!("M{} {floor}", place(x))
        } else {
            format!("H{}", place(x))
        };
        data += &format!("{begin}V{}", y(if *count == 0 { 0 } else { highest }));
        last = x;
        highest = 0;
    }
    data += &format!("V{floor}z");
    let mut strip = Paths::default();
    for fence in &timeline.fences {
        if let Outcome::Failed(_) = fence.outcome {
            let x = scale.x(fence.end);
            strip.add(class(fence), [x, floor + 1.0, x + 1.5, floor + STRIP]);
        } else if fence.missed() {
            let x = scale.x(fence.end);
            strip.add("late", [x, floor + 1.0, x + 1.5, floor + STRIP]);
        }
    }
    let peak = steps
        .iter()
        .find(|(_, count)| *count == most)
        .map_or(0, |(time, _)| *time);
    let x = scale.x(peak);
    let label = Text::new(format!("{most} pending"))
        .set("class", "s")
        .set("y", place(top + 12.0));
    Group::new()
        .add(
            Path::new()
                .set("class", "ok")
                .set("fill-opacity", 0.75)
                .set("d", data),
        )
        .add(strip.draw())
        .add(if x > super::WIDTH - 150.0 {
            label.set("x", place(x - 90.0))
        } else {
            label.set("x", place(x + 8.0))
        })
}
