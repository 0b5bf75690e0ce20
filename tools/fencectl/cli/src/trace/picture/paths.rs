// SPDX-License-Identifier: GPL-2.0

//! Rectangles of one colour as one path: a tenth of the size of as many elements.

use super::place;
use std::collections::BTreeMap;
use svg::node::element::{Group, Path};

/// Rectangles, by class.
#[derive(Default)]
pub struct Paths(BTreeMap<&'static str, Vec<[f64; 4]>>);

impl Paths {
    /// Adds one: left, top, right, bottom. What can't be told from the last one of its class is one with it.
    pub fn add(&mut self, class: &'static str, [left, top, right, bottom]: [f64; 4]) {
        let right = right.max(left + 0.8);
        let rectangles = self.0.entry(class).or_default();
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
        for (class, rectangles) in self.0 {
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
            group = group.add(Path::new().set("class", class).set("d", data));
        }
        group
    }
}
