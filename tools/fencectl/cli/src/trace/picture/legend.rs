// SPDX-License-Identifier: GPL-2.0

//! Draws the legend, which explains the colors and marks.

use super::{bars::triangle, place};
use svg::node::element::{Group, Path, Rectangle, Text};

/// The height of the legend.
pub const HEIGHT: f64 = 34.0;

const COLORS: [(&str, &str); 7] = [
    ("ok", "signaled"),
    ("late", "after its deadline"),
    ("error", "error"),
    ("timeout", "timed out"),
    ("gone", "cancelled, closed"),
    ("unknown", "unknown"),
    ("pending", "still pending"),
];

/// Draws the legend below `top`.
pub fn draw(top: f64) -> Group {
    let y = top + 18.0;
    let mut x = 12.0;
    let mut group = Group::new();
    let text = |group: Group, x: &mut f64, told: &str| {
        let text = Text::new(told)
            .set("class", "s")
            .set("x", place(*x + 22.0))
            .set("y", place(y + 4.0));
        *x += 44.0 + told.len() as f64 * 6.0;
        group.add(text)
    };
    for (class, told) in COLORS {
        let color = Rectangle::new()
            .set("class", class)
            .set("x", place(x))
            .set("y", place(y - 6.0));
        group = group.add(color.set("width", 16).set("height", 12));
        group = text(group, &mut x, told);
    }
    for (class, told) in [("w", "somebody waits"), ("k", "a thread sleeps")] {
        let data = format!("M{} {}h16", place(x), place(y));
        group = group.add(Path::new().set("class", class).set("d", data));
        group = text(group, &mut x, told);
    }
    group = group.add(triangle(x + 8.0, y - 3.0, 6.0, None));
    text(group, &mut x, "deadline")
}
