// SPDX-License-Identifier: GPL-2.0

//! The parts of Perfetto's schema (perfetto/trace/*.proto) that fencectl writes, with the names and
//! numbers of the schema.

#![allow(missing_docs)]

use prost::{Message, Oneof};

/// A trace file.
#[derive(Clone, PartialEq, Message)]
pub struct Trace {
    #[prost(message, repeated, tag = "1")]
    pub packet: Vec<TracePacket>,
}

/// A packet of the file. It has exactly one kind of content.
#[derive(Clone, PartialEq, Message)]
pub struct TracePacket {
    #[prost(uint64, optional, tag = "8")]
    pub timestamp: Option<u64>,
    #[prost(uint32, optional, tag = "10")]
    pub trusted_packet_sequence_id: Option<u32>,
    #[prost(message, optional, tag = "1")]
    pub ftrace_events: Option<FtraceEventBundle>,
    #[prost(message, optional, tag = "11")]
    pub track_event: Option<TrackEvent>,
    #[prost(message, optional, tag = "60")]
    pub track_descriptor: Option<TrackDescriptor>,
}

/// The kernel's events on one processor.
#[derive(Clone, PartialEq, Message)]
pub struct FtraceEventBundle {
    #[prost(uint32, optional, tag = "1")]
    pub cpu: Option<u32>,
    #[prost(message, repeated, tag = "2")]
    pub event: Vec<FtraceEvent>,
    #[prost(bool, optional, tag = "3")]
    pub lost_events: Option<bool>,
}

/// An event of the kernel.
#[derive(Clone, PartialEq, Message)]
pub struct FtraceEvent {
    #[prost(uint64, optional, tag = "1")]
    pub timestamp: Option<u64>,
    #[prost(uint32, optional, tag = "2")]
    pub pid: Option<u32>,
    #[prost(oneof = "DmaFence", tags = "414, 415, 416, 417, 418")]
    pub event: Option<DmaFence>,
}

/// The kinds of `dma_fence` events.
#[derive(Clone, PartialEq, Oneof)]
pub enum DmaFence {
    #[prost(message, tag = "414")]
    Init(DmaFenceEvent),
    #[prost(message, tag = "415")]
    Emit(DmaFenceEvent),
    #[prost(message, tag = "416")]
    Signaled(DmaFenceEvent),
    #[prost(message, tag = "417")]
    WaitStart(DmaFenceEvent),
    #[prost(message, tag = "418")]
    WaitEnd(DmaFenceEvent),
}

/// The fields of all `dma_fence` events.
#[derive(Clone, PartialEq, Message)]
pub struct DmaFenceEvent {
    #[prost(uint32, optional, tag = "1")]
    pub context: Option<u32>,
    #[prost(string, optional, tag = "2")]
    pub driver: Option<String>,
    #[prost(uint32, optional, tag = "3")]
    pub seqno: Option<u32>,
    #[prost(string, optional, tag = "4")]
    pub timeline: Option<String>,
}

/// The definition of a track.
#[derive(Clone, PartialEq, Message)]
pub struct TrackDescriptor {
    #[prost(uint64, optional, tag = "1")]
    pub uuid: Option<u64>,
    #[prost(string, optional, tag = "2")]
    pub name: Option<String>,
    #[prost(uint64, optional, tag = "5")]
    pub parent_uuid: Option<u64>,
}

/// An event on a track: the beginning or the end of a slice, or an instant.
#[derive(Clone, PartialEq, Message)]
pub struct TrackEvent {
    #[prost(message, repeated, tag = "4")]
    pub debug_annotations: Vec<DebugAnnotation>,
    #[prost(int32, optional, tag = "9")]
    pub r#type: Option<i32>,
    #[prost(uint64, optional, tag = "11")]
    pub track_uuid: Option<u64>,
    #[prost(string, optional, tag = "23")]
    pub name: Option<String>,
}

/// A named value that belongs to a track event.
#[derive(Clone, PartialEq, Message)]
pub struct DebugAnnotation {
    #[prost(uint64, optional, tag = "3")]
    pub uint_value: Option<u64>,
    #[prost(string, optional, tag = "6")]
    pub string_value: Option<String>,
    #[prost(string, optional, tag = "10")]
    pub name: Option<String>,
}
