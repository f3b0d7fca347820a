//! Where peers can be reached, and when to try again.
//!
//! A peer is dialled when it is known to share a conversation, was named by a person or announced itself; after each
//! failure the wait doubles, from half a second up to a minute. Who was seen last comes first: they are likeliest to be
//! there still. A few are dialled at a time, so that a long absence does not end in a storm.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{Address, ConversationId, DeviceId, PeerId};
use crate::time::Timestamp;

/// Peers that are remembered.
const MAX_PEERS: usize = 4096;

/// Addresses that are remembered of one peer.
const MAX_ADDRESSES: usize = 8;

/// Peers of which only others told: so that whoever tells of many who do not exist leaves room for those who do.
const MAX_HEARSAY: usize = MAX_PEERS / 2;

/// Conversations that are remembered of one peer.
const MAX_CONVERSATIONS: usize = 64;

const FIRST_WAIT_MS: u64 = 500;
const LONGEST_WAIT_MS: u64 = 60_000;

/// What is remembered of a peer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// The one that worked last comes first.
    pub(super) addresses: Vec<Address>,
    /// When there was a link last; zero if never.
    pub(super) seen: Timestamp,
    /// The device that proved to be there.
    pub(super) device: Option<DeviceId>,
    /// In which of our conversations it was found, or said to be.
    pub(super) conversations: BTreeSet<ConversationId>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Redial {
    at: Timestamp,
    wait: u64,
}

/// The address book.
#[derive(Debug, Default)]
pub(super) struct AddressBook {
    peers: BTreeMap<PeerId, (Known, Redial)>,
    /// Addresses that a person named without saying whose they are.
    nameless: BTreeMap<Address, Redial>,
    /// Why a dial of a peer came to nothing last, since there was a link.
    failures: BTreeMap<PeerId, String>,
}

impl AddressBook {
    /// Notes addresses of a peer, best first; tells whether that changed what is known. When the book is full, who was
    /// not seen for the longest time makes room.
    pub(super) fn note(&mut self, peer: PeerId, addresses: impl IntoIterator<Item = Address>) -> bool {
        if !self.peers.contains_key(&peer) && self.peers.len() >= MAX_PEERS {
            let oldest = self.peers.iter().min_by_key(|(_, (known, _))| known.seen).map(|(peer, _)| *peer);
            oldest.and_then(|oldest| self.peers.remove(&oldest));
        }
        let (known, _) = self.peers.entry(peer).or_default();
        let mut better: Vec<Address> = Vec::new();
        for address in addresses.into_iter().chain(known.addresses.iter().cloned()) {
            if !better.contains(&address) && better.len() < MAX_ADDRESSES {
                better.push(address);
            }
        }
        let changed = better != known.addresses;
        known.addresses = better;
        changed
    }

    /// Notes what another said of a peer: it stands behind what is known already. Tells whether that changed what is known.
    pub(super) fn hear(&mut self, peer: PeerId, addresses: impl IntoIterator<Item = Address>) -> bool {
        if !self.peers.contains_key(&peer) && self.peers.len() >= MAX_HEARSAY {
            return false;
        }
        let (known, _) = self.peers.entry(peer).or_default();
        let before = known.addresses.len();
        for address in addresses {
            if !known.addresses.contains(&address) && known.addresses.len() < MAX_ADDRESSES {
                known.addresses.push(address);
            }
        }
        known.addresses.len() > before
    }

    /// Notes that a peer is in a conversation; tells whether that was not known.
    pub(super) fn shares(&mut self, peer: PeerId, conversation: ConversationId) -> bool {
        let known = self.peers.get_mut(&peer).map(|(known, _)| &mut known.conversations);
        known.is_some_and(|known| known.len() < MAX_CONVERSATIONS && known.insert(conversation))
    }

    /// Takes in what was remembered of a peer before this start.
    pub(super) fn recall(&mut self, peer: PeerId, remembered: Known) {
        self.note(peer, remembered.addresses);
        if let Some((known, _)) = self.peers.get_mut(&peer) {
            (known.seen, known.device) = (remembered.seen, remembered.device);
            known.conversations = remembered.conversations;
        }
    }

    /// Notes an address that someone named, whoever may be there.
    pub(super) fn note_nameless(&mut self, address: Address) {
        if self.nameless.len() < MAX_ADDRESSES {
            self.nameless.entry(address).or_default();
        }
    }

    /// Notes a link: the peer was reached, possibly at an address whose owner was not known.
    pub(super) fn linked(&mut self, peer: PeerId, address: &Address, now: Timestamp) {
        self.nameless.remove(address);
        self.failures.remove(&peer);
        if let Some((known, redial)) = self.peers.get_mut(&peer) {
            known.seen = now;
            *redial = Redial::default();
        }
    }

    /// Notes when a link was there last; tells whether the peer is known.
    pub(super) fn seen(&mut self, peer: PeerId, now: Timestamp) -> bool {
        self.peers.get_mut(&peer).map(|(known, _)| known.seen = known.seen.max(now)).is_some()
    }

    /// Notes which device proved to be a peer's; tells whether that is new.
    pub(super) fn proved(&mut self, peer: PeerId, device: DeviceId) -> bool {
        let known = self.peers.get_mut(&peer).map(|(known, _)| known).filter(|known| known.device != Some(device));
        known.map(|known| known.device = Some(device)).is_some()
    }

    /// Notes that a dial of a peer came to nothing.
    pub(super) fn failed(&mut self, peer: PeerId, why: String) {
        if self.peers.contains_key(&peer) {
            self.failures.insert(peer, why);
        }
    }

    /// Returns why a dial of a peer came to nothing last, if there was no link since.
    pub(super) fn failure(&self, peer: &PeerId) -> Option<&String> {
        self.failures.get(peer)
    }

    /// Has a peer dialled again soon.
    pub(super) fn hurry(&mut self, peer: PeerId) {
        if let Some((_, redial)) = self.peers.get_mut(&peer) {
            *redial = Redial::default();
        }
    }

    /// Returns the peers that are not linked and might be dialled now, who was seen last first.
    pub(super) fn ready(&self, now: Timestamp, linked: impl Fn(&PeerId) -> bool) -> Vec<PeerId> {
        let ready = |(peer, (known, redial)): &(&PeerId, &(Known, Redial))| {
            !linked(peer) && !known.addresses.is_empty() && redial.is_due(now)
        };
        let mut ready: Vec<_> = self.peers.iter().filter(ready).collect();
        ready.sort_by_key(|(_, (known, _))| Reverse(known.seen));
        ready.into_iter().map(|(peer, _)| *peer).collect()
    }

    /// Returns where to dial a peer, and notes when to try next.
    pub(super) fn dial(&mut self, now: Timestamp, peer: &PeerId) -> Option<Vec<Address>> {
        let (known, redial) = self.peers.get_mut(peer)?;
        redial.wait(now);
        Some(known.addresses.clone())
    }

    /// Returns the addresses to dial now at which nobody is known, and notes when to try next.
    pub(super) fn dial_nameless(&mut self, now: Timestamp) -> Vec<Address> {
        let due = self.nameless.iter_mut().filter(|(_, redial)| redial.is_due(now));
        due.map(|(address, redial)| {
            redial.wait(now);
            address.clone()
        })
        .collect()
    }

    pub(super) fn get(&self, peer: &PeerId) -> Option<&Known> {
        self.peers.get(peer).map(|(known, _)| known)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&PeerId, &Known)> {
        self.peers.iter().map(|(peer, (known, _))| (peer, known))
    }
}

impl Redial {
    /// Tells whether it is time; also if that is further ahead than any wait: then the clock was set back.
    fn is_due(&self, now: Timestamp) -> bool {
        now >= self.at || self.at.since(now) > LONGEST_WAIT_MS
    }

    fn wait(&mut self, now: Timestamp) {
        self.wait = (self.wait * 2).clamp(FIRST_WAIT_MS, LONGEST_WAIT_MS);
        self.at = now.plus(self.wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u16) -> PeerId {
        let [a, b] = number.to_be_bytes();
        PeerId(std::array::from_fn(|at| if at == 0 { a } else { b }))
    }

    fn at(number: u16) -> Address {
        Address(format!("/ip4/192.0.2.7/tcp/{number}"))
    }

    #[test]
    fn who_was_seen_last_comes_first_and_who_was_dialled_waits() {
        let mut book = AddressBook::default();
        for number in 0..40 {
            book.recall(
                peer(number),
                Known { addresses: vec![at(number)], seen: Timestamp(u64::from(number)), ..Known::default() },
            );
        }
        let now = Timestamp(1_000_000);
        assert_eq!(book.ready(now, |who| *who == peer(39)), (0..39).rev().map(peer).collect::<Vec<_>>());
        assert_eq!(book.dial(now, &peer(38)), Some(vec![at(38)]));
        assert_eq!(book.ready(now, |_| false)[..2], [39, 37].map(peer));
        assert_eq!(book.ready(now.plus(FIRST_WAIT_MS), |_| false)[..2], [39, 38].map(peer));
    }

    #[test]
    fn a_full_book_forgets_who_was_not_seen_for_longest() {
        let mut book = AddressBook::default();
        for number in 0..MAX_PEERS as u16 {
            book.recall(
                peer(number),
                Known { addresses: vec![at(number)], seen: Timestamp(u64::from(number) + 5), ..Known::default() },
            );
        }
        assert!(book.note(peer(u16::MAX), [at(1)]));
        assert!(book.get(&peer(0)).is_none() && book.get(&peer(1)).is_some());
        // Whom nobody has ever seen goes first.
        assert!(book.note(peer(u16::MAX - 1), [at(1)]));
        assert!(book.get(&peer(u16::MAX)).is_none() && book.get(&peer(1)).is_some());
    }
}
