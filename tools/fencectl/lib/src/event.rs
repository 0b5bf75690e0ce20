// SPDX-License-Identifier: GPL-2.0

//! Events of a timeline.

use crate::{
    uapi::{
        fence_exporter_event, FENCE_EXPORTER_EVENT_DEADLINE, FENCE_EXPORTER_EVENT_OVERFLOW,
        FENCE_EXPORTER_EVENT_SIGNALED, FENCE_EXPORTER_EVENT_TIMEOUT, FENCE_EXPORTER_EVENT_WAIT,
    },
    Status,
};
use serde::{Serialize, Serializer};
use std::{fmt, str::FromStr};
use zerocopy::FromBytes;

/// The kind of an event: what has happened to a fence of a timeline.
///
/// ```
/// use fence_exporter::EventKind;
/// assert_eq!("timeout".parse(), Ok(EventKind::Timeout));
/// assert_eq!(EventKind::Timeout.to_string(), "timeout");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EventKind {
    /// Somebody began to wait for the fence.
    Wait,
    /// Somebody set a deadline on the fence: [`Event::value`] (ns).
    Deadline,
    /// The fence timed out: it and all fences before it completed with `-ETIMEDOUT`.
    Timeout,
    /// The queue was full, and [`Event::value`] events were lost.
    Overflow,
    /// A [`signal_at`](crate::Timeline::signal_at) or a job signaled the fence and all fences
    /// before it, with the status [`Event::status`].
    Signaled,
    /// A kind with this number, which a newer module has and this crate does not know.
    Unknown(u32),
}

impl EventKind {
    /// All kinds that this crate knows.
    pub const KNOWN: [Self; 5] = [
        Self::Wait,
        Self::Deadline,
        Self::Timeout,
        Self::Overflow,
        Self::Signaled,
    ];

    fn number(self) -> u32 {
        match self {
            Self::Wait => FENCE_EXPORTER_EVENT_WAIT,
            Self::Deadline => FENCE_EXPORTER_EVENT_DEADLINE,
            Self::Timeout => FENCE_EXPORTER_EVENT_TIMEOUT,
            Self::Overflow => FENCE_EXPORTER_EVENT_OVERFLOW,
            Self::Signaled => FENCE_EXPORTER_EVENT_SIGNALED,
            Self::Unknown(number) => number,
        }
    }

    fn from_number(number: u32) -> Self {
        let known = Self::KNOWN.iter().find(|kind| kind.number() == number);
        known.copied().unwrap_or(Self::Unknown(number))
    }

    /// Returns the kinds whose bits are set in `mask`.
    pub(crate) fn of_mask(mask: u32) -> Vec<Self> {
        (0..u32::BITS)
            .filter(|number| mask & 1 << number != 0)
            .map(Self::from_number)
            .collect()
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wait => f.pad("wait"),
            Self::Deadline => f.pad("deadline"),
            Self::Timeout => f.pad("timeout"),
            Self::Overflow => f.pad("overflow"),
            Self::Signaled => f.pad("signaled"),
            Self::Unknown(number) => f.pad(&format!("type-{number}")),
        }
    }
}

impl Serialize for EventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Parses the name of a kind that this crate knows.
impl FromStr for EventKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::KNOWN.iter().find(|kind| kind.to_string() == text);
        known.copied().ok_or_else(|| {
            format!(
                "\"{text}\" is no kind of event; there are {}",
                names(&Self::KNOWN)
            )
        })
    }
}

/// Returns the names of `kinds` as a list for a message.
pub(crate) fn names(kinds: &[EventKind]) -> String {
    let names: Vec<_> = kinds.iter().map(EventKind::to_string).collect();
    names.join(", ")
}

/// Which events a timeline queues.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Events<'a> {
    /// No events: the timeline has no queue.
    #[default]
    None,
    /// Events of all kinds, including kinds that later modules add.
    All,
    /// Events of these kinds. [`EventKind::Overflow`] is always queued as well.
    Only(&'a [EventKind]),
}

impl Events<'_> {
    /// Returns the event mask for SETUP, where 0 means all kinds. Returns `None` if the number of a
    /// kind is too large for the mask.
    pub(crate) fn mask(self) -> Option<u32> {
        match self {
            Self::None | Self::All => Some(0),
            Self::Only(kinds) => {
                let bit = |kind: EventKind| 1u32.checked_shl(kind.number());
                kinds
                    .iter()
                    .chain([&EventKind::Overflow])
                    .try_fold(0, |mask, kind| Some(mask | bit(*kind)?))
            }
        }
    }
}

/// An event of a timeline.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Event {
    /// The kind of the event.
    pub kind: EventKind,
    /// When the event happened (ns).
    pub time_ns: u64,
    /// The sequence number of the fence.
    pub seqno: u64,
    /// A value whose meaning depends on the kind: see [`EventKind`].
    pub value: i64,
}

impl Event {
    /// Returns the status that the fences were signaled with. Returns `None` for events of other
    /// kinds than [`EventKind::Signaled`].
    pub fn status(&self) -> Option<Status> {
        (self.kind == EventKind::Signaled).then(|| match i32::try_from(self.value) {
            Ok(status @ ..0) => Status(status),
            _ => Status::SIGNALED,
        })
    }
}

impl From<&fence_exporter_event> for Event {
    fn from(event: &fence_exporter_event) -> Self {
        Self {
            kind: EventKind::from_number(event.type_),
            time_ns: event.time_ns,
            seqno: event.seqno,
            value: event.value as i64,
        }
    }
}

/// Splits what read(2) returned into events.
///
/// Each event begins with the same fields and contains its own length, because the events of later
/// modules may be longer than those that this crate knows.
pub(crate) fn walk(mut bytes: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    while let Ok((event, _)) = fence_exporter_event::read_from_prefix(bytes) {
        events.push(Event::from(&event));
        // Each step skips at least one known event. So the loop ends even if a length is wrong.
        let length = (event.length as usize).max(size_of::<fence_exporter_event>());
        bytes = bytes.get(length..).unwrap_or_default();
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::IntoBytes;

    fn bytes(type_: u32, length: u32, seqno: u64, value: i64) -> Vec<u8> {
        let mut event = fence_exporter_event {
            type_,
            length,
            time_ns: 1,
            seqno,
            value: value as u64,
        };
        let mut bytes = event.as_mut_bytes().to_vec();
        bytes.resize(bytes.len().max(length as usize), 0xff);
        bytes
    }

    #[test]
    fn events_are_walked_by_their_length() {
        let read = [
            bytes(FENCE_EXPORTER_EVENT_WAIT, 32, 1, 0),
            bytes(77, 48, 2, 0),
            bytes(FENCE_EXPORTER_EVENT_SIGNALED, 40, 3, -5),
        ];
        let events = walk(&read.concat());
        let kinds: Vec<_> = events
            .iter()
            .map(|event| (event.kind, event.seqno))
            .collect();
        assert_eq!(
            kinds,
            [
                (EventKind::Wait, 1),
                (EventKind::Unknown(77), 2),
                (EventKind::Signaled, 3)
            ]
        );
        assert_eq!(events[2].status(), Some(Status(-5)));
        assert_eq!(events[0].status(), None);
    }

    #[test]
    fn the_walk_ends_whatever_the_length() {
        for length in [0, 1, u32::MAX >> 16] {
            let mut read = bytes(FENCE_EXPORTER_EVENT_WAIT, 32, 1, 0);
            read[4..8].copy_from_slice(&u32::to_ne_bytes(length));
            assert_eq!(walk(&read).len(), 1, "{length}");
        }
        assert!(walk(&[0; 31]).is_empty());
    }

    #[test]
    fn a_job_that_ended_well_signaled() {
        let events = walk(&bytes(FENCE_EXPORTER_EVENT_SIGNALED, 32, 1, 0));
        assert_eq!(events[0].status(), Some(Status::SIGNALED));
    }

    #[test]
    fn masks() {
        assert_eq!(Events::All.mask(), Some(0));
        // The mask for no kinds must not be 0, which means all kinds.
        assert_eq!(Events::Only(&[]).mask(), Some(1 << 4));
        let some = [EventKind::Wait, EventKind::Unknown(31)];
        assert_eq!(Events::Only(&some).mask(), Some(1 << 1 | 1 << 4 | 1 << 31));
        assert_eq!(Events::Only(&[EventKind::Unknown(32)]).mask(), None);
        assert_eq!(
            EventKind::of_mask(1 << 1 | 1 << 31),
            [EventKind::Wait, EventKind::Unknown(31)]
        );
    }

    #[test]
    fn kinds_are_read_as_written() {
        for kind in EventKind::KNOWN {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert!("type-6".parse::<EventKind>().is_err());
    }
}
