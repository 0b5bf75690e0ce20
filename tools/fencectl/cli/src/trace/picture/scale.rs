// SPDX-License-Identifier: GPL-2.0

//! The time axis, from left to right.

use super::{place, LEFT, RIGHT, TOP, WIDTH};
use svg::node::element::{Group, Line, Text};

/// Converts times to horizontal positions.
pub struct Scale {
    /// When the recording began.
    pub begin: u64,
    /// When it ended.
    pub end: u64,
    /// The width of a nanosecond.
    pub per_ns: f64,
}

impl Scale {
    /// Returns the position of a time. For a time outside of the recording, returns the nearer
    /// edge.
    pub fn x(&self, time: u64) -> f64 {
        let ns = time as f64 - self.begin as f64;
        (LEFT + ns * self.per_ns).clamp(LEFT, WIDTH - RIGHT)
    }

    /// Returns on which side of the picture a time is, or `None` if it is inside.
    pub fn beyond(&self, time: u64) -> Option<Side> {
        if time < self.begin {
            Some(Side::Before)
        } else {
            (time > self.end).then_some(Side::After)
        }
    }
}

/// A side of the picture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// Before the recording began.
    Before,
    /// After it ended.
    After,
}

/// Draws the axis: a line and a label at each round time.
pub fn axis(scale: &Scale, span: u64, bottom: f64) -> Group {
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

/// Returns the step of the axis: 1, 2 or 5 times a power of ten, so that there are about ten steps.
/// The step is at least a microsecond.
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

#[cfg(test)]
mod tests {
    use super::round_step;

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
