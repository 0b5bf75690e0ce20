// SPDX-License-Identifier: GPL-2.0

//! Lanes: the fences of a timeline that are pending at the same time are drawn one above the other.

use super::fences::Fence;
use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
};

/// Assigns a lane to each fence: the lowest lane that no other fence has at that time. `fences`
/// must be sorted by their beginning.
pub fn assign(fences: &[Fence]) -> Vec<usize> {
    let mut free = BTreeSet::new();
    let mut busy: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut lanes = 0;
    fences
        .iter()
        .map(|fence| {
            while let Some(Reverse((_, lane))) = busy
                .peek()
                .copied()
                .filter(|Reverse((end, _))| *end <= fence.begin)
            {
                busy.pop();
                free.insert(lane);
            }
            let lane = free.pop_first().unwrap_or_else(|| {
                lanes += 1;
                lanes - 1
            });
            busy.push(Reverse((fence.end, lane)));
            lane
        })
        .collect()
}

/// Returns how many fences are pending, as steps: each is a time, and the number from that time on.
pub fn depth(fences: &[Fence]) -> Vec<(u64, usize)> {
    let mut changes: Vec<_> = fences
        .iter()
        .flat_map(|fence| [(fence.begin, 1), (fence.end, -1)])
        .collect();
    changes.sort_unstable();
    let mut pending = 0i64;
    let mut steps: Vec<(u64, usize)> = Vec::new();
    for (time, change) in changes {
        pending += change;
        let count = usize::try_from(pending).unwrap_or(0);
        match steps.last_mut() {
            Some(last) if last.0 == time => last.1 = count,
            _ => steps.push((time, count)),
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::fences::Outcome;

    fn fences(times: &[(u64, u64)]) -> Vec<Fence> {
        let fence = |&(begin, end): &(u64, u64)| Fence {
            seqno: 1,
            begin,
            end,
            outcome: Outcome::Signaled,
            cause: None,
            waited_from: None,
            sleeps: Vec::new(),
            deadlines: Vec::new(),
        };
        times.iter().map(fence).collect()
    }

    #[test]
    fn lanes_are_used_again_when_free() {
        assert_eq!(
            assign(&fences(&[
                (0, 10),
                (1, 5),
                (2, 9),
                (5, 6),
                (10, 11),
                (10, 12)
            ])),
            [0, 1, 2, 1, 0, 1]
        );
        assert_eq!(assign(&[]), [0usize; 0]);
    }

    #[test]
    fn depth_over_time() {
        assert_eq!(
            depth(&fences(&[(0, 10), (1, 5), (1, 10)])),
            [(0, 1), (1, 3), (5, 2), (10, 0)]
        );
    }
}
