// SPDX-License-Identifier: GPL-2.0

//! What the module can do, and its limits.

use crate::{
    uapi::{fence_exporter_query, FENCE_EXPORTER_FEATURE_SW_SYNC},
    EventKind,
};
use serde::Serialize;

/// What the module can do, and its limits. [`Timeline::limits`](crate::Timeline::limits) returns
/// them.
///
/// Most limits are parameters of the module, which do not change while the module is loaded.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Limits {
    /// The timeout of fences if the [`Setup`](crate::Setup) of their timeline asks for none (ns):
    /// the parameter `timeout_ms`.
    pub default_timeout_ns: u64,
    /// The longest timeout that a [`Setup`](crate::Setup) may ask for (ns): the parameter
    /// `max_timeout_ms`. Every job ends within this time after its submission.
    pub max_timeout_ns: u64,
    /// The timeout of the fences of `/dev/sw_sync` (ns): the parameter `sw_sync_timeout_ms`. `None`
    /// if the module is loaded with its parameter `sw_sync` off.
    pub sw_sync_timeout_ns: Option<u64>,
    /// The parameter `max_pending`. In each timeline, at most so many fences may be pending, at
    /// most so many jobs may be queued, and at most so many calls of
    /// [`signal_at`](crate::Timeline::signal_at) may wait for their time.
    pub max_pending: u32,
    /// How many timelines a user may have open at most: the parameter `max_timelines`.
    pub max_timelines: u32,
    /// How many fences one [`create`](crate::Timeline::create) may create at most.
    pub max_fences: u32,
    /// How many fences one [`submit`](crate::Timeline::submit) may wait for at most.
    pub max_in_fences: u32,
    /// How many events the queue of a timeline holds. Further events are lost, and counted.
    pub max_events: u32,
    /// The kinds of events that the module has.
    pub event_kinds: Vec<EventKind>,
}

impl From<fence_exporter_query> for Limits {
    fn from(query: fence_exporter_query) -> Self {
        let has_sw_sync = query.features & u64::from(FENCE_EXPORTER_FEATURE_SW_SYNC) != 0;
        Self {
            default_timeout_ns: query.default_timeout_ns,
            max_timeout_ns: query.max_timeout_ns,
            sw_sync_timeout_ns: has_sw_sync.then_some(query.sw_sync_timeout_ns),
            max_pending: query.max_pending,
            max_timelines: query.max_timelines,
            max_fences: query.max_fences,
            max_in_fences: query.max_in_fences,
            max_events: query.max_events,
            event_kinds: EventKind::of_mask(query.event_types),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_without_its_feature_is_not_there() {
        for (features, timeout) in [(0, None), (FENCE_EXPORTER_FEATURE_SW_SYNC, Some(7))] {
            let limits = Limits::from(fence_exporter_query {
                features: features.into(),
                sw_sync_timeout_ns: 7,
                ..Default::default()
            });
            assert_eq!(limits.sw_sync_timeout_ns, timeout);
        }
    }
}
