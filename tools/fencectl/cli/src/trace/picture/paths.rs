// SPDX-License-Identifier: GPL-2.0

//! Draws all rectangles of one color as one path. The file is a tenth as large as with an element
//! for each rectangle.
//!
//! Thousands of fences can be too close to tell apart. Even then a fence that failed must be
//! visible. So it is drawn over the fences that did not fail, and has a larger least width.

use super::place;
use std::collections::BTreeMap;
use svg::node::element::{Group, Path};

/// The classes, in the order in which they are drawn: a later class is drawn over an earlier one.
const CLASSES: [&str; 7] = [
    "ok", "pending", "unknown", "gone", "late", "timeout", "error",
];
/// The first class of fences with which something went wrong.
const WRONG: usize = 3;
/// The least width of a rectangle: of a class before [`WRONG`], and from [`WRONG`] on.
const LEAST_WIDTHS: [f64; 2] = [0.8, 1.5];

/// The rectangles, by the index of their class in [`CLASSES`].
#[derive(Default)]
pub struct Paths(BTreeMap<usize, Vec<[f64; 4]>>);

impl Paths {
    /// Adds a rectangle: left, top, right, bottom. If it is narrow and next to the last rectangle
    /// of its class, the two become one, because they would look like one.
    pub fn add(&mut self, class: &'static str, [left, top, right, bottom]: [f64; 4]) {
        let level = CLASSES
            .iter()
            .position(|known| *known == class)
            .unwrap_or(0);
        let right = right.max(left + LEAST_WIDTHS[usize::from(level >= WRONG)]);
        let rectangles = self.0.entry(level).or_default();
        match rectangles.last_mut() {
            Some(last) if last[1] == top && left - last[2] < 0.5 && right - left < 2.0 => {
                last[2] = right.max(last[2])
            }
            _ => rectangles.push([left, top, right, bottom]),
        }
    }

    /// Draws the rectangles.
    pub fn draw(self) -> Group {
        let mut group = Group::new();
        for (level, rectangles) in self.0 {
            let data: String = rectangles
                .iter()
                .map(|[left, top, right, bottom]| {
                    let (width, height) = (place(right - left), place(bottom - top));
                    format!(
                        "M{} {}h{width}v{height}h-{width}z",
                        place(*left),
                        place(*top)
                    )
                })
                .collect();
            group = group.add(Path::new().set("class", CLASSES[level]).set("d", data));
        }
        group
    }
}

#[cfg(test)]
mod tests {
    use super::Paths;

    #[test]
    fn what_failed_is_over_the_rest_and_seen() {
        let mut paths = Paths::default();
        for (class, left) in [("ok", 1.0), ("error", 1.1), ("ok", 1.2), ("timeout", 1.3)] {
            paths.add(class, [left, 0.0, left + 0.1, 5.0]);
        }
        let drawn = paths.draw().to_string();
        let at = |text: &str| drawn.find(text).expect(text);
        assert!(at("\"ok\"") < at("\"timeout\"") && at("\"timeout\"") < at("\"error\""));
        assert!(drawn.contains("M1.1 0h1.5"), "{drawn}");
        assert!(
            drawn.contains("M1 0h1v5"),
            "those that are well are one: {drawn}"
        );
    }
}
