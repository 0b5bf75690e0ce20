// SPDX-License-Identifier: GPL-2.0

//! Time, from left to right.

use super::{place, LEFT, RIGHT, TOP, WIDTH};
use svg::node::element::{Group, Line, Text};

/// How times become places.
pub struct Scale {
    /// When the recording began.
    pub begin: u64,
    /// When it ended.
    pub end: u64,
    /// How many places a nanosecond is.
    pub per_ns: f64,
}

impl Scale {
    /// The place of a time; the nearest end for one that is not in the recording.
    pub fn x(&self, time: u64) -> f64 {
        let ns = time as f64 - self.begin as f64;
        (LEFT + ns * self.per_ns).clamp(LEFT, WIDTH - RIGHT)
    }

    /// The place of a deadline, which may be after the end of the recording: then it has none.
    pub fn deadline(&self, time: u64) -> Option<f64> {
        (time <= self.end).then(|| self.x(time))
    }
}

/// A line at each round time.
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
