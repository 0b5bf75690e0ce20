// SPDX-License-Identifier: GPL-2.0

//! Values of submissions, which are kept while later submissions need them.

use super::plan::{Plan, Turn};
use std::collections::HashMap;

/// A value for each submission that later submissions wait for. A value is dropped when the last of
/// these submissions has taken it.
///
/// A scenario may have millions of submissions. The window only has values of the last few frames:
/// as many frames as the jobs of the scenario look back.
#[derive(Debug)]
pub struct Window<T>(HashMap<Turn, (T, usize)>);

impl<T> Default for Window<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Clone> Window<T> {
    /// Keeps `value` for the submissions that wait for `turn`.
    pub fn keep(&mut self, plan: &Plan, turn: Turn, value: T) {
        let users = plan.users(turn);
        if users > 0 {
            self.0.insert(turn, (value, users));
        }
    }

    /// Returns the values of `turns`, for one submission that waits for all of them.
    pub fn take(&mut self, turns: &[Turn]) -> Vec<T> {
        turns
            .iter()
            .filter_map(|turn| self.take_one(*turn))
            .collect()
    }

    fn take_one(&mut self, turn: Turn) -> Option<T> {
        let (value, users) = self.0.get_mut(&turn)?;
        *users -= 1;
        if *users > 0 {
            return Some(value.clone());
        }
        self.0.remove(&turn).map(|(value, _)| value)
    }

    /// Returns how many values are kept.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::parse;
    use super::*;

    #[test]
    fn a_long_scenario_keeps_a_few() {
        let job = |name: &str, after: &str| {
            format!("[[job]]\nname='{name}'\nengine='gpu'\nduration='1ms'\nafter=[{after}]\n")
        };
        let text = [
            "title='t'\nframes=20000\nperiod='16.667ms'\n[engine.gpu]\n",
            &job("a", ""),
            &job("b", "'a'"),
            &job("c", "'a','b@-1'"),
            &job("d", "'c@-3'"),
            &job("e", "'a','c','d','e@-1'"),
        ];
        let plan = Plan::new(parse("f", text.concat()).unwrap()).unwrap();
        let mut window = Window::default();
        let (mut count, mut most, mut taken) = (0, 0, 0);
        for submission in plan.submissions() {
            taken += window.take(&submission.after).len();
            window.keep(&plan, submission.turn, ());
            count += 1;
            most = most.max(window.len());
        }
        assert_eq!(count, 5 * 20_000);
        // No value is missing. Of the eight names, three refer to an earlier frame, which does not
        // exist for the first frames.
        assert_eq!(taken, 8 * 20_000 - 1 - 3 - 1);
        assert!(most <= 10, "{most}");
        assert_eq!(window.len(), 0);
    }
}
