// SPDX-License-Identifier: GPL-2.0

//! Draws a timeline with too many fences at once as a crowd: how many fences are pending, over
//! time.

use super::{class, lanes, place, Fence, Outcome, Paths, Scale, Timeline};
use svg::node::element::{Group, Path, Text};

/// The height of the strip below the curve, which shows failures, missed deadlines and fences that
/// are still pending.
const STRIP: f64 = 10.0;
/// The space above the curve, for the label that says how many fences are pending at most.
const HEADROOM: f64 = 16.0;
/// The width of a column: the smallest horizontal difference that can be seen.
const COLUMN: f64 = 0.5;

/// Draws the timeline.
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
            Outcome::Failed(_) | Outcome::Unknown => mark(class(fence), end, end + 1.5),
            Outcome::Pending => mark(class(fence), scale.x(fence.begin), end),
            Outcome::Signaled if fence.missed() => mark("late", end, end + 1.5),
            Outcome::Signaled => {}
        }
    }
    let is_unknown = |fence: &Fence| fence.outcome == Outcome::Unknown;
    let area = if timeline.fences.iter().any(is_unknown) {
        "unknown"
    } else {
        "ok"
    };
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
                .set("class", area)
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

/// Reduces the curve to at most one step for each column. `steps` are positions, and how many
/// fences are pending from there on. A column shows the most that are pending in it, so that a
/// short peak is visible.
fn outline(steps: impl Iterator<Item = (f64, usize)>) -> Vec<(f64, usize)> {
    let mut columns: Vec<(u64, usize)> = Vec::new();
    let mut left = 0;
    for (x, count) in steps {
        let column = (x / COLUMN) as u64;
        match columns.last_mut() {
            Some((last, most)) if *last == column => *most = count.max(*most),
            last => {
                // The last column shows its peak. The columns between it and this one show the
                // number that was left at its end.
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
            // The peak of a burst is drawn until the number is lower.
            (
                vec![(1.0, 1), (1.1, 2), (1.2, 3), (9.0, 2)],
                vec![(1.0, 3), (9.0, 2)],
            ),
            // A fence that is pending only within one column is visible.
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
