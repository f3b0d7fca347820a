//! One peer of the simulation: the machine, an address book, and what it holds.

use std::collections::{BTreeMap, HashMap};

use bayou_core::gossip::{Gossip, Input};
use bayou_core::time::Timestamp;

use super::event::{CONVERSATION, Piece, Who, peer_id};

/// Waits between dials, as in the engine's address book.
const FIRST_WAIT_MS: u64 = 500;
const LONGEST_WAIT_MS: u64 = 60_000;

/// One peer.
pub struct Peer {
    /// The machine.
    pub gossip: Gossip,
    /// Since when it runs.
    pub up: Option<u64>,
    /// When its alarm rings.
    pub alarm: Option<u64>,
    /// Who is linked, by which link, and when heads were last told.
    pub links: BTreeMap<Who, (u64, u64)>,
    /// How much it holds of each chain: on its disk or on the way there.
    pub admitted: BTreeMap<Who, u32>,
    /// How much it holds of each chain on its disk.
    pub held: BTreeMap<Who, u32>,
    /// Over how many links each change came.
    pub hops: HashMap<(Who, u32), u32>,
    /// Whom it could dial, when at the earliest, and how long to wait after that.
    book: BTreeMap<Who, (u64, u64)>,
}

impl Peer {
    /// Makes a peer that is down and knows nobody.
    pub fn new(who: Who, seed: [u8; 32]) -> Self {
        Peer {
            gossip: Gossip::new(peer_id(who), seed),
            up: None,
            alarm: None,
            links: BTreeMap::new(),
            admitted: BTreeMap::new(),
            held: BTreeMap::new(),
            hops: HashMap::new(),
            book: BTreeMap::new(),
        }
    }

    /// Starts it, with what is on its disk and in its address book.
    pub fn start(&mut self, who: Who, now: u64, members: usize, seed: [u8; 32]) {
        self.gossip = Gossip::new(peer_id(who), seed);
        (self.up, self.alarm) = (Some(now), None);
        self.admitted = self.held.clone();
        self.links.clear();
        self.book.values_mut().for_each(|redial| *redial = (now, 0));
        self.gossip.handle(Timestamp(now), Input::Crowd(CONVERSATION, members - 1));
        let known = self.book.keys().map(|other| peer_id(*other)).collect();
        self.gossip.handle(Timestamp(now), Input::Known(CONVERSATION, known));
    }

    /// Notes where another may be reached.
    pub fn learn(&mut self, other: Who, now: u64) {
        self.book.entry(other).or_insert((now, 0));
    }

    /// Notes a link, or the end of one: whoever was there is dialled again without a wait.
    pub fn hurry(&mut self, other: Who, now: u64) {
        self.book.insert(other, (now, 0));
    }

    /// Returns whom it might dial now.
    pub fn ready(&self, now: u64) -> Vec<Who> {
        let ready = |(other, (at, _)): &(&Who, &(u64, u64))| *at <= now && !self.links.contains_key(other);
        self.book.iter().filter(ready).map(|(other, _)| *other).collect()
    }

    /// Notes that another is dialled.
    pub fn dials(&mut self, other: Who, now: u64) {
        if let Some((at, wait)) = self.book.get_mut(&other) {
            *wait = (*wait * 2).clamp(FIRST_WAIT_MS, LONGEST_WAIT_MS);
            *at = now + *wait;
        }
    }

    /// Takes changes in that are new and follow on what it has; tells whether something before them is missing.
    pub fn admit(&mut self, pieces: &[Piece]) -> (Vec<Piece>, bool) {
        let (mut fresh, mut gap) = (Vec::new(), false);
        for piece in pieces {
            let has = self.admitted.entry(piece.author).or_insert(0);
            if piece.seq == *has + 1 {
                *has = piece.seq;
                fresh.push(*piece);
            }
            gap |= piece.seq > *has;
        }
        (fresh, gap)
    }

    /// Returns what it has on its disk beyond what another has.
    pub fn beyond(&self, has: impl Fn(Who) -> Option<u32>) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for (author, seq) in &self.held {
            let Some(has) = has(*author) else { continue };
            let hops = |seq| self.hops.get(&(*author, seq)).copied().unwrap_or(0) + 1;
            pieces.extend((has + 1..=*seq).map(|seq| Piece { author: *author, seq, hops: hops(seq) }));
        }
        pieces
    }
}
