//! The waiting room: runs that cannot be let in yet because something before them is missing.
//!
//! Waiting is a convenience, not a duty: what is turned away here is asked for again at the next exchange of heads. So
//! the room is small, and when it is full the newcomer goes. All that waits in a conversation is tried again whenever
//! something new comes into it: so few segments may wait, and one peer may fill a part of the room only.

use std::collections::{BTreeMap, BTreeSet};

use crate::conversation::{SegmentId, Sent};
use crate::id::{ConversationId, PeerId};

/// Changes that may wait in one segment.
const MAX_PER_SEGMENT: usize = 256;

/// Bytes that may wait in all, and of what one peer sent.
const MAX_BYTES: usize = 16 * 1024 * 1024;
const MAX_BYTES_EACH: usize = 4 * 1024 * 1024;

/// Segments in which something may wait in all, and of what one peer sent. Each is opened when it is tried again.
const MAX_SEGMENTS: usize = 16;
const MAX_SEGMENTS_EACH: usize = 4;

/// A run that came too early.
#[derive(Debug, Clone)]
pub struct Early {
    /// The segment that it is for.
    pub segment: SegmentId,
    /// Who sent it; `None`: nobody who is linked. Those count as one.
    pub from: Option<PeerId>,
    /// The run as it came.
    pub run: Vec<Sent>,
}

/// Runs that came too early, by segment.
#[derive(Debug, Default)]
pub struct Waiting {
    rooms: BTreeMap<SegmentId, Vec<Early>>,
    bytes: usize,
}

impl Waiting {
    /// Lets a run wait, if there is room.
    pub fn add(&mut self, early: Early) {
        let weight = weight(&early);
        let room = self.rooms.get(&early.segment).map_or(&[][..], Vec::as_slice);
        let changes: usize = room.iter().map(|early| early.run.len()).sum();
        let known = room.iter().any(|other| other.run == early.run);
        let fits = changes + early.run.len() <= MAX_PER_SEGMENT && self.bytes + weight <= MAX_BYTES;
        if !known && fits && self.has_room_for(&early, weight) {
            self.bytes += weight;
            self.rooms.entry(early.segment).or_default().push(early);
        }
    }

    /// Tells whether there is room for another segment, if it is one, and for more of the same peer.
    fn has_room_for(&self, early: &Early, weight: usize) -> bool {
        let same = self.rooms.values().flatten().filter(|other| other.from == early.from);
        let bytes: usize = same.clone().map(self::weight).sum();
        let segments: BTreeSet<SegmentId> = same.map(|other| other.segment).collect();
        let known = self.rooms.contains_key(&early.segment) || self.rooms.len() < MAX_SEGMENTS;
        let theirs = segments.contains(&early.segment) || segments.len() < MAX_SEGMENTS_EACH;
        known && theirs && bytes + weight <= MAX_BYTES_EACH
    }

    /// Takes out what waits in a conversation from segment `from` on: something arrived that it may have waited for.
    pub fn take(&mut self, conversation: ConversationId, from: u32) -> Vec<Early> {
        let first = SegmentId { conversation, number: from };
        let last = SegmentId { conversation, number: u32::MAX };
        let ids: Vec<SegmentId> = self.rooms.range(first..=last).map(|(id, _)| *id).collect();
        let taken: Vec<Early> = ids.iter().filter_map(|id| self.rooms.remove(id)).flatten().collect();
        self.bytes -= taken.iter().map(weight).sum::<usize>();
        taken
    }

    /// Tells whether nothing waits in a conversation.
    pub fn is_empty(&self, conversation: ConversationId) -> bool {
        let first = SegmentId { conversation, number: 0 };
        let last = SegmentId { conversation, number: u32::MAX };
        self.rooms.range(first..=last).next().is_none()
    }
}

fn weight(early: &Early) -> usize {
    early.run.iter().map(Sent::weight).sum()
}
