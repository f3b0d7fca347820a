//! Where each envelope lies: in memory, rebuilt at each start from what is on disk.

use std::collections::{BTreeMap, HashMap, HashSet};

use bayou_core::id::{EnvelopeId, Topic};

/// Envelopes that are kept at most; each takes about 150 bytes here.
const MAX_ENVELOPES: usize = 2_000_000;

/// Where an envelope lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// In the file of which day.
    pub(super) day: u64,
    /// Where in it.
    pub(super) offset: u32,
    /// How long it is.
    pub(super) length: u32,
    id: [u8; 16],
}

impl Place {
    pub(super) fn new(day: u64, offset: u32, length: u32, id: EnvelopeId) -> Place {
        Place { day, offset, length, id: short(id) }
    }
}

/// The envelopes of one topic.
#[derive(Default)]
struct Shelf {
    by_seq: BTreeMap<u64, Place>,
    ids: HashSet<[u8; 16]>,
    bytes: u64,
}

/// All of them.
#[derive(Default)]
pub(super) struct Index {
    topics: HashMap<Topic, Shelf>,
    envelopes: usize,
    last: u64,
}

impl Index {
    pub(super) fn topics(&self) -> usize {
        self.topics.len()
    }

    pub(super) fn envelopes(&self) -> usize {
        self.envelopes
    }

    /// Returns the bytes of a topic's envelopes.
    pub(super) fn bytes_of(&self, topic: Topic) -> u64 {
        self.topics.get(&topic).map_or(0, |shelf| shelf.bytes)
    }

    pub(super) fn is_full(&self) -> bool {
        self.envelopes >= MAX_ENVELOPES
    }

    /// Returns the highest number that was given.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn holds(&self, topic: Topic, id: EnvelopeId) -> bool {
        self.topics.get(&topic).is_some_and(|shelf| shelf.ids.contains(&short(id)))
    }

    pub(super) fn insert(&mut self, topic: Topic, seq: u64, place: Place) {
        let shelf = self.topics.entry(topic).or_default();
        self.last = self.last.max(seq);
        if shelf.ids.insert(place.id) && shelf.by_seq.insert(seq, place).is_none() {
            shelf.bytes += u64::from(place.length);
            self.envelopes += 1;
        }
    }

    /// Returns a topic's envelopes after this number, in order.
    pub(super) fn after(&self, topic: Topic, after: u64) -> impl Iterator<Item = (u64, Place)> {
        let from = after.checked_add(1);
        let shelf = self.topics.get(&topic).zip(from);
        shelf.into_iter().flat_map(|(shelf, from)| shelf.by_seq.range(from..)).map(|(seq, place)| (*seq, *place))
    }

    /// Forgets all that came before this day, and returns how many envelopes that were.
    pub(super) fn forget_before(&mut self, day: u64) -> usize {
        let before = self.envelopes;
        let envelopes = &mut self.envelopes;
        self.topics.retain(|_, shelf| {
            let ids = &mut shelf.ids;
            let of_topic = &mut shelf.bytes;
            shelf.by_seq.retain(|_, place| {
                let stays = place.day >= day;
                if !stays {
                    ids.remove(&place.id);
                    *of_topic -= u64::from(place.length);
                    *envelopes -= 1;
                }
                stays
            });
            !shelf.by_seq.is_empty()
        });
        before - self.envelopes
    }
}

/// Half of a hash tells envelopes of one topic apart as well, and takes half the memory.
fn short(id: EnvelopeId) -> [u8; 16] {
    std::array::from_fn(|at| id.0.get(at).copied().unwrap_or_default())
}
