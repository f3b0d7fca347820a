//! At which nodes we hold a place: a reservation makes us reachable over the node's relay. Pure.
//!
//! A place is held at up to two nodes, so that one may go. Which two: at first all are dialled, and who answers first gets
//! the first place; the second goes to the nearest of the others, by round trip in bands. Within a band a hash of the two
//! ids decides, so that many peers spread over equally near nodes. libp2p renews a reservation and does not make a lost
//! one again; that is done here: at once the first time, then after waits that double, each with a part that differs from
//! peer to peer, so that a node that comes back is not run over by all.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::id::{Address, PeerId};

/// Places that are held.
const PLACES: usize = 2;

/// Nodes that are kept.
pub(super) const MAX_NODES: usize = 8;

/// Addresses that are kept of one node.
const MAX_ADDRESSES: usize = 8;

/// How long after the first answer others may come and be nearer, for the second place.
const GRACE: Duration = Duration::from_millis(250);

/// How long QUIC is tried alone. Punching needs to know how the router shows the port at which we listen by QUIC, and that
/// is seen only where a node was reached by it.
const HEAD_START: Duration = Duration::from_millis(500);

/// How long a node may take to grant a place.
const PATIENCE: Duration = Duration::from_secs(10);

/// The first wait after a failure; each further one takes twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Round trips that differ by less count as equal.
const BAND_MS: u128 = 20;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Connect to the node.
    Dial(PeerId, Vec<Address>),
    /// Ask it for a place.
    Reserve(PeerId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Away,
    Dialling,
    /// Connected, since then.
    Here(Instant),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    None,
    /// Asked for; given up then.
    Asked(Instant),
    Held,
}

#[derive(Debug)]
struct Node {
    addresses: Vec<Address>,
    way: Way,
    place: Place,
    dialled: Option<Instant>,
    /// Addresses that are dialled then if no connection has come.
    others: Option<(Instant, Vec<Address>)>,
    round_trip: Option<Duration>,
    failures: u32,
    /// It is left alone until then.
    rests: Option<Instant>,
}

/// The nodes, and how we stand with each.
#[derive(Debug)]
pub(super) struct Reservations {
    me: PeerId,
    nodes: BTreeMap<PeerId, Node>,
}

impl Reservations {
    pub(super) fn new(me: PeerId) -> Reservations {
        Reservations { me, nodes: BTreeMap::new() }
    }

    /// Takes these nodes and no others; returns those that are to be left.
    pub(super) fn set(&mut self, nodes: Vec<(PeerId, Address)>) -> Vec<PeerId> {
        let mut before = std::mem::take(&mut self.nodes);
        for (peer, address) in nodes {
            if self.nodes.len() >= MAX_NODES && !self.nodes.contains_key(&peer) {
                continue;
            }
            let known = before.remove(&peer).map(|node| Node { addresses: Vec::new(), ..node });
            let node = self.nodes.entry(peer).or_insert_with(|| known.unwrap_or_else(Node::new));
            if node.addresses.len() < MAX_ADDRESSES && !node.addresses.contains(&address) {
                node.addresses.push(address);
            }
        }
        before.into_keys().collect()
    }

    pub(super) fn contains(&self, peer: &PeerId) -> bool {
        self.nodes.contains_key(peer)
    }

    /// A connection to a node is up.
    pub(super) fn connected(&mut self, peer: &PeerId, now: Instant) {
        if let Some(node) = self.nodes.get_mut(peer) {
            // The handshake takes a few round trips, at all nodes alike; pings tell it better later.
            let handshake = node.dialled.take().map(|dialled| now.duration_since(dialled) / 4);
            node.round_trip = node.round_trip.or(handshake);
            node.others = None;
            if !matches!(node.way, Way::Here(_)) {
                node.way = Way::Here(now);
            }
        }
    }

    /// A node answered a ping.
    pub(super) fn answered(&mut self, peer: &PeerId, round_trip: Duration) {
        if let Some(node) = self.nodes.get_mut(peer) {
            node.round_trip = Some(round_trip);
        }
    }

    /// The last connection to a node is gone, or a dial failed.
    pub(super) fn lost(&mut self, peer: &PeerId, now: Instant) {
        let me = self.me;
        let Some(node) = self.nodes.get_mut(peer) else { return };
        if let (Way::Dialling, Some((at, _))) = (node.way, &mut node.others) {
            *at = now;
            return;
        }
        match (node.way, node.place) {
            // One that had no place for us may end: it is idle.
            (Way::Here(_), Place::None) => {}
            _ => node.fail(me, peer, now),
        }
        node.way = Way::Away;
        node.place = Place::None;
    }

    /// A node granted a place.
    pub(super) fn granted(&mut self, peer: &PeerId) {
        if let Some(node) = self.nodes.get_mut(peer) {
            node.place = Place::Held;
            node.failures = 0;
            node.rests = None;
        }
    }

    /// A node refused a place, or took it back.
    pub(super) fn refused(&mut self, peer: &PeerId, now: Instant) {
        let me = self.me;
        if let Some(node) = self.nodes.get_mut(peer).filter(|node| node.place != Place::None) {
            node.place = Place::None;
            node.fail(me, peer, now);
        }
    }

    /// A node does not serve us: it wants another token than it was shown, or one at all.
    pub(super) fn turned_away(&mut self, peer: &PeerId, now: Instant) {
        let me = self.me;
        if let Some(node) = self.nodes.get_mut(peer) {
            node.place = Place::None;
            node.fail(me, peer, now);
        }
    }

    /// The network changed: what failed may work now.
    pub(super) fn hurry(&mut self) {
        for node in self.nodes.values_mut() {
            node.failures = 0;
            node.rests = None;
        }
    }

    /// Returns what is to be done now, and takes it for done.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Wanted> {
        let me = self.me;
        let late = |node: &Node| matches!(node.place, Place::Asked(until) if until <= now);
        for (peer, node) in self.nodes.iter_mut().filter(|(_, node)| late(node)) {
            node.place = Place::None;
            node.fail(me, peer, now);
        }
        self.nodes.values_mut().for_each(|node| node.rests = node.rests.filter(|until| *until > now));
        let mut wanted = Vec::new();
        while let Some(peer) = self.next_place(now) {
            let Some(node) = self.nodes.get_mut(&peer) else { break };
            node.place = Place::Asked(now + PATIENCE);
            wanted.push(Wanted::Reserve(peer));
        }
        for peer in self.next_dials() {
            let Some(node) = self.nodes.get_mut(&peer) else { continue };
            (node.way, node.dialled) = (Way::Dialling, Some(now));
            let is_quic = |address: &Address| address.0.contains("/quic-v1");
            let (first, others): (Vec<_>, Vec<_>) = node.addresses.iter().cloned().partition(is_quic);
            let (first, others) = if first.is_empty() { (others, first) } else { (first, others) };
            node.others = Some((now + HEAD_START, others)).filter(|(_, others)| !others.is_empty());
            wanted.push(Wanted::Dial(peer, first));
        }
        for (peer, node) in &mut self.nodes {
            if let Some((_, others)) = node.others.take_if(|(at, _)| *at <= now) {
                wanted.push(Wanted::Dial(*peer, others));
            }
        }
        wanted
    }

    /// Returns when to ask [`Reservations::due`] again if nothing happens.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let lacking = self.taken() < PLACES;
        let times = self.nodes.values().flat_map(|node| {
            let patience = if let Place::Asked(until) = node.place { Some(until) } else { None };
            let grace = match (node.way, node.place) {
                (Way::Here(since), Place::None) if lacking && node.rests.is_none() => Some(since + GRACE),
                _ => None,
            };
            let others = node.others.as_ref().map(|(at, _)| *at);
            // Whoever does not rest and is not wanted now is looked at again when something happens.
            [patience, grace, others, node.rests.filter(|_| lacking)]
        });
        times.flatten().min()
    }

    fn taken(&self) -> usize {
        self.nodes.values().filter(|node| node.place != Place::None).count()
    }

    /// Returns the node that is to be asked for the next place.
    fn next_place(&self, now: Instant) -> Option<PeerId> {
        let taken = self.taken();
        let here = || {
            self.nodes.iter().filter_map(|(peer, node)| match (node.way, node.place) {
                (Way::Here(since), Place::None) if node.rests.is_none() => Some((peer, node, since)),
                _ => None,
            })
        };
        let settled = !self.nodes.values().any(|node| node.way == Way::Dialling)
            || here().any(|(_, _, since)| now.duration_since(since) >= GRACE);
        if taken >= PLACES || (taken > 0 && !settled) {
            return None;
        }
        here().min_by_key(|(peer, node, _)| self.rank(peer, node)).map(|(peer, _, _)| *peer)
    }

    /// Returns whom to dial: at first all, later as many as places are missing.
    fn next_dials(&self) -> Vec<PeerId> {
        let coming = |node: &&Node| {
            let here = matches!(node.way, Way::Here(_)) && node.place == Place::None && node.rests.is_none();
            here || node.way == Way::Dialling
        };
        let missing = PLACES.saturating_sub(self.taken() + self.nodes.values().filter(coming).count());
        let mut away: Vec<_> =
            self.nodes.iter().filter(|(_, node)| node.way == Way::Away && node.rests.is_none()).collect();
        away.sort_by_key(|(peer, node)| self.rank(peer, node));
        let is_new = |node: &Node| node.round_trip.is_none() && node.failures == 0;
        let chosen = away.iter().enumerate().filter(|(at, (_, node))| *at < missing || is_new(node));
        chosen.map(|(_, (peer, _))| **peer).collect()
    }

    fn rank(&self, peer: &PeerId, node: &Node) -> (u32, u128, u64) {
        let band = node.round_trip.map_or(u128::MAX, |time| time.as_millis() / BAND_MS);
        (node.failures, band, share(self.me, peer, 0))
    }
}

impl Node {
    fn new() -> Node {
        Node {
            addresses: Vec::new(),
            way: Way::Away,
            place: Place::None,
            dialled: None,
            others: None,
            round_trip: None,
            failures: 0,
            rests: None,
        }
    }

    fn fail(&mut self, me: PeerId, peer: &PeerId, now: Instant) {
        let wait = FIRST_WAIT.saturating_mul(1 << self.failures.min(10)).min(LONGEST_WAIT);
        self.failures = self.failures.saturating_add(1);
        // Between half of it and all.
        let part = share(me, peer, self.failures) % 1024;
        self.rests = Some(now + wait / 2 + wait.mul_f64(part as f64 / 2048.0));
    }
}

/// Returns a number that differs from pair to pair, and from try to try.
fn share(me: PeerId, node: &PeerId, failures: u32) -> u64 {
    let mut hash = blake3::Hasher::new_derive_key("bayou 2026 spread over nodes");
    hash.update(me.as_bytes()).update(node.as_bytes()).update(&failures.to_be_bytes());
    let [a, b, c, d, e, f, g, h, ..] = *hash.finalize().as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests;
