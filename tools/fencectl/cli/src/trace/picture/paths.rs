// SPDX-License-Identifier: GPL-2.0

//! Rectangles of one colour as one path: a tenth of the size of as many elements.
//!
//! Where thousands are closer than can be told apart, one that failed must still be seen: it is drawn over
//! those that did not, and wide enough.

use super::place;
use std::collections::BTreeMap;
use svg::node::element::{Group, Path};

/// The classes, by what is drawn over what.
const CLASSES: [&str; 6] = ["ok", "pending", "gone", "late", "timeout", "error"];
/// From this one on, something went wrong.
const WRONG: usize = 2;
/// How wide they are at least.
const LEAST_WIDTHS: [f64; 2] = [0.8, 1.5];

/// Rectangles, by the place of their class.
#[derive(Default)]
pub struct Paths(BTreeMap<usize, Vec<[f64; 4]>>);

impl Paths {
    /// Adds one: left, top, right, bottom. What can't be told from the last one of its class is one with it.
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

    /// Draws them.
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
