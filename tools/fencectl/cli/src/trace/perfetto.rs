// SPDX-License-Identifier: GPL-2.0

//! Writes a recording in Perfetto's protobuf format, which ui.perfetto.dev and trace_processor
//! read.
//!
//! The file has the kernel's own events, from which Perfetto draws its `fence-<timeline>-<context>`
//! tracks, as for a recording of a device. For these tracks, Perfetto assumes that fences signal in
//! the order in which they were created, and it knows no errors. So the file also has tracks that
//! are made here, with a slice for each fence, its status and cause, and its deadlines.

mod schema;

use super::{
    fences::{Fence, Outcome, Recording},
    lanes,
    parse::{Action, Event, Events},
};
use crate::output::time_text;
use prost::Message;
use schema::{
    DebugAnnotation, DmaFence, DmaFenceEvent, FtraceEvent, FtraceEventBundle, Trace, TracePacket,
    TrackDescriptor, TrackEvent,
};
use std::collections::BTreeMap;

/// The sequence ID of all packets that are made here: Perfetto treats them as written by one
/// writer.
const SEQUENCE: u32 = 1;

const SLICE_BEGIN: i32 = 1;
const SLICE_END: i32 = 2;
const INSTANT: i32 = 3;

/// Returns the bytes of the file.
pub fn encode(events: &Events, recording: &Recording) -> Vec<u8> {
    let mut packet = bundles(events);
    let mut tracks = Tracks {
        packets: Vec::new(),
        slices: Vec::new(),
        last: 0,
    };
    tracks.add(recording);
    packet.append(&mut tracks.packets);
    tracks
        .slices
        .sort_by_key(|(time, order, _)| (*time, *order));
    packet.extend(
        tracks
            .slices
            .into_iter()
            .map(|(time, _, event)| TracePacket {
                timestamp: Some(time),
                track_event: Some(event),
                ..ours()
            }),
    );
    Trace { packet }.encode_to_vec()
}

fn ours() -> TracePacket {
    TracePacket {
        trusted_packet_sequence_id: Some(SEQUENCE),
        ..Default::default()
    }
}

/// Returns the kernel's events, as one bundle for each processor.
fn bundles(events: &Events) -> Vec<TracePacket> {
    let mut cpus: BTreeMap<u32, Vec<FtraceEvent>> = BTreeMap::new();
    for event in &events.events {
        cpus.entry(event.cpu)
            .or_default()
            .extend(ftrace_event(event));
    }
    let lost = (events.lost > 0).then_some(true);
    let bundle = |(cpu, event)| FtraceEventBundle {
        cpu: Some(cpu),
        event,
        lost_events: lost,
    };
    cpus.into_iter()
        .map(|cpu| TracePacket {
            ftrace_events: Some(bundle(cpu)),
            ..ours()
        })
        .collect()
}

fn ftrace_event(event: &Event) -> Option<FtraceEvent> {
    let event_of = match event.action {
        Action::Init => DmaFence::Init,
        Action::Emit => DmaFence::Emit,
        Action::Signaled => DmaFence::Signaled,
        Action::WaitStart => DmaFence::WaitStart,
        Action::WaitEnd => DmaFence::WaitEnd,
        // Perfetto's schema has no messages for these events.
        Action::EnableSignal | Action::Status { .. } | Action::Deadline { .. } => return None,
    };
    Some(FtraceEvent {
        timestamp: Some(event.time),
        pid: Some(event.pid),
        event: Some(event_of(DmaFenceEvent {
            context: Some(event.context),
            driver: Some(event.driver.clone()),
            seqno: Some(event.seqno),
            timeline: Some(event.timeline.clone()),
        })),
    })
}

/// The tracks that are made here: one for each timeline, and below it one for each lane.
struct Tracks {
    packets: Vec<TracePacket>,
    /// The events of the tracks: time, order among events of the same time (0, ends, come before 1,
    /// begins, and 2, instants), and the event.
    slices: Vec<(u64, u8, TrackEvent)>,
    last: u64,
}

impl Tracks {
    fn track(&mut self, name: String, parent: Option<u64>) -> u64 {
        self.last += 1;
        let descriptor = TrackDescriptor {
            uuid: Some(self.last),
            name: Some(name),
            parent_uuid: parent,
        };
        self.packets.push(TracePacket {
            track_descriptor: Some(descriptor),
            ..ours()
        });
        self.last
    }

    fn add(&mut self, recording: &Recording) {
        for timeline in &recording.timelines {
            let parent = self.track(
                format!("{} (context {})", timeline.name, timeline.context),
                None,
            );
            let lanes = lanes::assign(&timeline.fences);
            let count = lanes.iter().max().map_or(0, |most| most + 1);
            let tracks: Vec<_> = (0..count)
                .map(|_| self.track("fences".to_owned(), Some(parent)))
                .collect();
            for (fence, lane) in timeline.fences.iter().zip(lanes) {
                self.fence(fence, tracks[lane], recording);
            }
        }
    }

    fn fence(&mut self, fence: &Fence, track: u64, recording: &Recording) {
        let late = fence.outcome == Outcome::Signaled && fence.missed();
        let mut status = fence.outcome.to_string();
        let mut name = fence.seqno.to_string();
        match fence.outcome {
            Outcome::Pending => {}
            Outcome::Signaled if late => {
                status += ", late";
                name += " late";
            }
            Outcome::Signaled => {}
            Outcome::Unknown | Outcome::Failed(_) => name += &format!(" {}", fence.told()),
        }
        let mut notes = vec![text("status", status)];
        notes.extend(fence.cause.clone().map(|cause| text("cause", cause)));
        self.event(fence.begin, 1, SLICE_BEGIN, track, Some(name), notes);
        if let Some(from) = fence.waited_from.filter(|from| *from < fence.end) {
            self.event(
                from,
                2,
                INSTANT,
                track,
                Some("somebody waits".to_owned()),
                Vec::new(),
            );
        }
        for deadline in &fence.deadlines {
            self.deadline(fence, *deadline, track, recording);
        }
        self.event(fence.end, 0, SLICE_END, track, None, Vec::new());
    }

    /// Adds a deadline as an instant at its time. A deadline that is far outside of the recording
    /// would stretch the view until the recording is too small to see. So it is drawn where the
    /// fence begins, and its name says how far away it is.
    fn deadline(&mut self, fence: &Fence, deadline: u64, track: u64, recording: &Recording) {
        let span = recording.end - recording.begin;
        let near = recording.begin..=recording.end.saturating_add(span);
        let mut name = format!("deadline of {}", fence.seqno);
        let mut time = deadline;
        if !near.contains(&deadline) {
            time = fence.begin;
            let far = time_text(deadline.abs_diff(time));
            let side = if deadline < time { "before" } else { "after" };
            name += &format!(", {far} {side} it was made");
        }
        let note = DebugAnnotation {
            name: Some("deadline_ns".to_owned()),
            uint_value: Some(deadline),
            ..Default::default()
        };
        self.event(time, 2, INSTANT, track, Some(name), vec![note]);
    }

    fn event(
        &mut self,
        time: u64,
        order: u8,
        kind: i32,
        track: u64,
        name: Option<String>,
        notes: Vec<DebugAnnotation>,
    ) {
        let event = TrackEvent {
            r#type: Some(kind),
            track_uuid: Some(track),
            name,
            debug_annotations: notes,
        };
        self.slices.push((time, order, event));
    }
}

fn text(name: &str, value: String) -> DebugAnnotation {
    DebugAnnotation {
        name: Some(name.to_owned()),
        string_value: Some(value),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::parse::parse;

    #[test]
    fn what_is_written_can_be_read() {
        let text = "\
p-1 [001] ..... 1.0: dma_fence_init: driver=d timeline=t context=7 seqno=3
p-1 [001] ..... 1.1: dma_fence_enable_signal: driver=d timeline=t context=7 seqno=3
p-1 [000] ..... 1.5: dma_fence_signaled: driver=d timeline=t context=7 seqno=3
";
        let events = parse(text);
        let trace = Trace::decode(encode(&events, &Recording::new(&events)).as_slice()).unwrap();
        let bundles: Vec<_> = trace
            .packet
            .iter()
            .filter_map(|packet| packet.ftrace_events.as_ref())
            .collect();
        assert_eq!(
            bundles
                .iter()
                .map(|bundle| (bundle.cpu, bundle.event.len()))
                .collect::<Vec<_>>(),
            [(Some(0), 1), (Some(1), 1)]
        );
        let kinds: Vec<_> = trace
            .packet
            .iter()
            .filter_map(|packet| packet.track_event.as_ref()?.r#type)
            .collect();
        assert_eq!(kinds, [SLICE_BEGIN, INSTANT, SLICE_END]);
        let names: Vec<_> = trace
            .packet
            .iter()
            .filter_map(|packet| packet.track_descriptor.as_ref()?.name.clone())
            .collect();
        assert_eq!(names, ["t (context 7)", "fences"]);
    }

    /// Returns the slices and instants of a fence: second, name, notes. The events are one second
    /// apart.
    fn slices(events: &[(&str, &str)]) -> Vec<String> {
        let line = |(second, (name, rest)): (usize, &(&str, &str))| {
            format!("p-1 [0] . {second}.0: {name}: driver=d timeline=t context=7 seqno=3{rest}\n")
        };
        let events = parse(&events.iter().enumerate().map(line).collect::<String>());
        let trace = Trace::decode(encode(&events, &Recording::new(&events)).as_slice()).unwrap();
        let note = |note: &DebugAnnotation| {
            let value = note.uint_value.map(|value| value.to_string());
            let value = note.string_value.clone().or(value).unwrap();
            format!(" {}={value}", note.name.as_ref().unwrap())
        };
        let told = |packet: &TracePacket| {
            let event = packet.track_event.as_ref()?;
            let notes: String = event.debug_annotations.iter().map(note).collect();
            let second = packet.timestamp? / 1_000_000_000;
            Some(format!("{second} {}{notes}", event.name.as_ref()?))
        };
        trace.packet.iter().filter_map(told).collect()
    }

    #[test]
    fn a_fence_has_its_status_cause_and_deadlines() {
        let [init, signaled] = [("dma_fence_init", ""), ("dma_fence_signaled", "")];
        assert_eq!(
            slices(&[
                init,
                ("fence_deadline", " deadline=1500000000"),
                ("fence_deadline", " deadline=9000000000000"),
                (
                    "fence_signaled",
                    " status=-110 cause=timed_out timestamp=3000000000"
                ),
                signaled,
            ]),
            [
                "0 3 -ETIMEDOUT (timed_out) status=-ETIMEDOUT cause=timed_out",
                "0 deadline of 3, 9000.0 s after it was made deadline_ns=9000000000000",
                "1 deadline of 3 deadline_ns=1500000000",
            ]
        );
        let done = (
            "fence_signaled",
            " status=0 cause=done timestamp=2000000000",
        );
        let late = ("fence_deadline", " deadline=1000000000");
        assert_eq!(slices(&[init, signaled]), ["0 3 unknown status=unknown"]);
        assert_eq!(
            slices(&[init, ("dma_fence_emit", ""), done])[0],
            "0 3 status=signaled cause=done"
        );
        assert_eq!(
            slices(&[init, late, done])[0],
            "0 3 late status=signaled, late cause=done"
        );
        assert_eq!(slices(&[init, late])[0], "0 3 status=pending");
    }
}
