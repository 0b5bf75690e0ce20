// SPDX-License-Identifier: GPL-2.0

//! A timeline with more fences at once than can be told apart: how many are pending, over time.

use super::{class, lanes, place, Outcome, Paths, Scale, Timeline};
use svg::node::element::{Group, Path, Text};

/// The strip below, where failures, missed deadlines and what is still pending are.
const STRIP: f64 = 10.0;
/// Above, where it is told how many are pending at most.
const HEADROOM: f64 = 16.0;
/// What can be told apart, across.
const COLUMN: f64 = 0.5;

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
    let y = |count: usize| place(floor - (floor - top - HEADROOM) * count as f64 / most as f64);
    let outline = outline(steps.iter().map(|(time, count)| (scale.x(*time), *count)));
    let mut data = format!(
        "M{} {floor}",
        place(outline.first().map_or(0.0, |(x, _)| *x))
    );
    for (x, count) in outline {
        data += &format!("H{}V{}", place(x), y(count));
    }
    data += &format!("V{floor}z");
    let mut strip = Paths::default();
    for fence in &timeline.fences {
        let end = scale.x(fence.end);
        let mut mark = |class, from, to| strip.add(class, [from, floor + 1.0, to, floor + STRIP]);
        match fence.outcome {
            Outcome::Failed(_) => mark(class(fence), end, end + 1.5),
            Outcome::Pending => mark(class(fence), scale.x(fence.begin), end),
            Outcome::Signalled if fence.missed() => mark("late", end, end + 1.5),
            Outcome::Signalled => {}
        }
    }
    let peak = steps
        .iter()
        .find(|(_, count)| *count == most)
        .map_or(0, |(time, _)| *time);
    let x = scale.x(peak);
    let label = Text::new(format!("{most} pending"))
        .set("class", "s")
        .set("y", place(top + HEADROOM - 4.0));
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
            label.set("x", place(x))
        })
}

/// From places and how many are pending from there on, the same with one for each column: the most that are
/// pending in it, so that what is brief is seen.
fn outline(steps: impl Iterator<Item = (f64, usize)>) -> Vec<(f64, usize)> {
    let mut columns: Vec<(u64, usize)> = Vec::new();
    let mut left = 0;
    for (x, count) in steps {
        let column = (x / COLUMN) as u64;
        match columns.last_mut() {
            Some((last, most)) if *last == column => *most = count.max(*most),
            last => {
                // What the last one has left stays until here.
                let drop = last.filter(|(last, most)| *most != left && last + 1 < column);
                let drop = drop.map(|(last, _)| (*last + 1, left));
                columns.extend(drop);
                columns.push((column, count));
            }
        }
        left = count;
    }
    if let Some((last, _)) = columns.last().filter(|(_, most)| *most != left) {
        columns.push((last + 1, left));
    }
    let place = |(column, count)| (column as f64 * COLUMN, count);
    columns.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::outline;

    #[test]
    fn the_most_of_a_column_and_then_what_is_left() {
        for (steps, expected) in [
            (vec![], vec![]),
            (vec![(1.0, 1), (2.0, 0)], vec![(1.0, 1), (2.0, 0)]),
            // A burst stays until it is less.
            (
                vec![(1.0, 1), (1.1, 2), (1.2, 3), (9.0, 2)],
                vec![(1.0, 3), (9.0, 2)],
            ),
            // One that is gone at once is seen.
            (
                vec![(1.0, 1), (1.1, 0), (9.0, 1), (9.1, 0)],
                vec![(1.0, 1), (1.5, 0), (9.0, 1), (9.5, 0)],
            ),
            (vec![(1.0, 5), (1.1, 4), (1.5, 3)], vec![(1.0, 5), (1.5, 3)]),
        ] {
            assert_eq!(outline(steps.clone().into_iter()), expected, "{steps:?}");
        }
    }
}
