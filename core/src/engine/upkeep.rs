//! The tick: dial again, look for who is missing, tell heads again, ask again, compact, let messages disappear.
//!
//! A stream is compacted when its tail has grown past 256 records and a quarter of what its snapshot holds, when
//! something in it was erased, or when it has been quiet for ten minutes: one stream a tick, so that nobody waits long, and
//! more when many are due, so that a start never finds long tails.
//!
//! A wall clock may be set back by years. Whoever waits for a time that is further ahead than he would ever wait stops
//! waiting.

use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use super::facts::{self, Fact};
use super::io::{Effect, View};
use crate::conversation::{EntryId, SegmentId};
use crate::gossip;
use crate::id::{ConversationId, PeerId, StreamId};
use crate::time::Timestamp;

const MIN_TAIL: usize = 256;
const QUIET_MS: u64 = 600_000;

/// The most snapshots of one tick. Each takes some milliseconds.
const MAX_COMPACTED: usize = 8;

/// How long a failed snapshot waits before it is tried again.
const RETRY_MS: u64 = 60_000;

/// What came to each stream since its snapshot, as far as we saw.
#[derive(Debug, Default)]
pub(super) struct Tails(BTreeMap<StreamId, TailState>);

#[derive(Debug, Default, Clone, Copy)]
struct TailState {
    records: usize,
    compacted: usize,
    erased: bool,
    /// When something came last.
    at: Timestamp,
    /// After a snapshot failed: when to try again.
    retry: Timestamp,
    /// A snapshot is on its way to disk.
    writing: bool,
}

impl Tails {
    pub(super) fn grew(&mut self, stream: StreamId, records: usize, now: Timestamp) {
        let state = self.0.entry(stream).or_default();
        state.records += records;
        state.at = now;
    }

    /// Takes note of what was kept before this start.
    pub(super) fn found(&mut self, stream: StreamId, records: usize) {
        self.0.entry(stream).or_default().records = records;
    }

    pub(super) fn erased(&mut self, stream: StreamId) {
        self.0.entry(stream).or_default().erased = true;
    }

    fn due(&self, now: Timestamp) -> Vec<StreamId> {
        let due = |state: &TailState| {
            let grown = state.records > MIN_TAIL.max(state.compacted / 4);
            let waits = now < state.retry && state.retry <= now.plus(RETRY_MS);
            let quiet = now < state.at || now.since(state.at) > QUIET_MS;
            !state.writing && !waits && (grown || state.erased || (state.records > 0 && quiet))
        };
        self.0.iter().filter(|(_, state)| due(state)).map(|(stream, _)| *stream).collect()
    }
}

impl Engine {
    pub(super) fn tick(&mut self, now: Timestamp, view: &dyn View) {
        let linked: BTreeSet<PeerId> = self.links.keys().copied().collect();
        for address in self.book.dial_nameless(now) {
            self.effects.push(Effect::Dial(None, vec![address]));
        }
        let ready = self.book.ready(now, |peer| linked.contains(peer));
        self.gossip(now, gossip::Input::Ready(ready));
        for peer in linked {
            let Some(link) = self.links.get_mut(&peer) else { continue };
            link.pull.expire(now);
            link.forget_knock();
            self.tell_again(now, peer);
            self.ask(now, peer, view);
            self.acknowledge_late(peer);
        }
        self.watch(now, view);
        if let Err(error) = self.shelf.settle() {
            self.problem(error.to_string());
        }
        self.look_for_others(now);
        self.knock_again(now);
        self.answer_late_joins(now);
        self.give_up_late_devices(now);
        self.tell_own(now);
        self.look_after_epochs(now);
        self.mail(now, view);
        self.erase_again(view);
        // First, as nothing is compacted while an erasure is on its way to disk.
        self.compact(view, now);
        self.expire(now, view);
    }

    fn compact(&mut self, view: &dyn View, now: Timestamp) {
        let due = self.tails.due(now);
        let mut left = due.len().div_ceil(2).min(MAX_COMPACTED);
        for stream in due {
            if left == 0 {
                return;
            }
            left -= usize::from(self.compact_one(stream, view));
        }
    }

    /// Has the snapshot of a stream written; returns whether it could be now.
    fn compact_one(&mut self, stream: StreamId, view: &dyn View) -> bool {
        // Nothing that is on its way to disk may end up behind the image and under the key that goes.
        let erased = self.tails.0.get(&stream).is_some_and(|state| state.erased);
        if erased && !self.pending.is_empty() {
            return false;
        }
        let image = match stream {
            StreamId::Local => Some(facts::compact(&self.facts, &self.own, &self.registers)),
            StreamId::Secrets => Some(self.secrets_image()),
            StreamId::Control(id) => self.conversations.get(&id).map(|conversation| {
                let items = conversation.authority.items_beyond(&BTreeSet::new());
                let items: Vec<_> = items.iter().map(|item| serde_bytes::ByteBuf::from(item.to_bytes())).collect();
                postcard::to_stdvec(&items).expect("items always encode")
            }),
            StreamId::Segment(conversation, number) => {
                let id = SegmentId { conversation, number };
                self.shelf.settled(id, view).ok().and_then(|segment| segment.image())
            }
        };
        // While something is on its way to disk there is no image; the next tick tries again.
        let (Some(image), Some(state)) = (image, self.tails.0.get_mut(&stream)) else { return false };
        state.writing = true;
        state.compacted += state.records;
        state.records = 0;
        state.erased = false;
        self.effects.push(Effect::Snapshot(stream, self.complete, image, erased));
        true
    }

    pub(super) fn snapshotted(&mut self, now: Timestamp, stream: StreamId, result: Result<(), String>) {
        if let Some(state) = self.tails.0.get_mut(&stream) {
            state.writing = false;
            if result.is_err() {
                // What is to be compacted away may have been erased.
                state.erased = true;
                state.retry = now.plus(RETRY_MS);
            }
            // What was erased after the image was made waits for the next.
            if let (StreamId::Segment(conversation, number), false) = (stream, state.erased) {
                self.erased(SegmentId { conversation, number });
            }
        }
        if let Err(error) = result {
            self.problem(error);
        }
    }

    /// Notes that a conversation was read.
    pub(super) fn mark_read(&mut self, id: ConversationId, upto: EntryId) {
        let Some(conversation) = self.conversations.get_mut(&id).filter(|c| c.read < upto) else { return };
        conversation.read = upto;
        self.note(Fact::Read { conversation: id, upto });
        self.tell_read(id, upto);
    }
}
