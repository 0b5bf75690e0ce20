// SPDX-License-Identifier: GPL-2.0

//! The recording in Perfetto's protobuf form, which ui.perfetto.dev and trace_processor read.
//!
//! The kernel's events are in it as such: Perfetto draws its tracks `fence-<timeline>-<context>` of them, as
//! on a device. It takes those for first in, first out, and knows no errors; so there are tracks of our own
//! as well, with a slice for each fence, its status, and its deadline.

mod schema;

use super::{
    fences::{Fence, Outcome, Recording},
    lanes,
    parse::{Action, Event, Events, Fact},
};
use prost::Message;
use schema::{
    DebugAnnotation, DmaFence, DmaFenceEvent, FtraceEvent, FtraceEventBundle, Trace, TracePacket,
    TrackDescriptor, TrackEvent,
};
use std::collections::BTreeMap;

/// All packets of ours are of one writer.
const SEQUENCE: u32 = 1;

const SLICE_BEGIN: i32 = 1;
const SLICE_END: i32 = 2;
const INSTANT: i32 = 3;

/// Makes the file.
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

/// The kernel's events: a bundle for each processor.
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
    let Fact::Fence {
        action,
        driver,
        timeline,
        context,
        seqno,
    } = &event.fact
    else {
        return None;
    };
    let fence = DmaFenceEvent {
        context: Some(*context),
        driver: Some(driver.clone()),
        seqno: Some(*seqno),
        timeline: Some(timeline.clone()),
    };
    Some(FtraceEvent {
        timestamp: Some(event.time),
        pid: Some(event.pid),
        event: Some(match action {
            Action::Init => DmaFence::Init(fence),
            Action::Emit => DmaFence::Emit(fence),
            Action::Signaled => DmaFence::Signaled(fence),
            Action::WaitStart => DmaFence::WaitStart(fence),
            Action::WaitEnd => DmaFence::WaitEnd(fence),
            // Perfetto has no such event.
            Action::EnableSignal => return None,
        }),
    })
}

/// Tracks of our own: one for each timeline, below it one for each lane.
struct Tracks {
    packets: Vec<TracePacket>,
    /// Time, place among those of one time (ends before begins), event.
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
                self.fence(fence, tracks[lane]);
            }
            for deadline in &timeline.deadlines {
                self.event(
                    *deadline,
                    2,
                    INSTANT,
                    parent,
                    Some("deadline".to_owned()),
                    Vec::new(),
                );
            }
        }
    }

    fn fence(&mut self, fence: &Fence, track: u64) {
        let (status, name) = match fence.outcome {
            Outcome::Pending => ("pending".to_owned(), format!("{}", fence.seqno)),
            Outcome::Signalled if fence.missed() => (
                "signalled, late".to_owned(),
                format!("{} late", fence.seqno),
            ),
            Outcome::Signalled => ("signalled".to_owned(), format!("{}", fence.seqno)),
            Outcome::Failed(status) => (status.to_string(), format!("{} {status}", fence.seqno)),
        };
        let status = DebugAnnotation {
            name: Some("status".to_owned()),
            string_value: Some(status),
        };
        self.event(fence.begin, 1, SLICE_BEGIN, track, Some(name), vec![status]);
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
        if let Some(deadline) = fence.deadline {
            self.event(
                deadline,
                2,
                INSTANT,
                track,
                Some(format!("deadline of {}", fence.seqno)),
                Vec::new(),
            );
        }
        self.event(fence.end, 0, SLICE_END, track, None, Vec::new());
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
}
