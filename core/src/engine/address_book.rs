//! Where peers can be reached, and when to try again.
//!
//! A peer is dialled when it is known to share a conversation, was named by a person or announced itself; after each
//! failure the wait doubles, from half a second up to a minute. Who was seen last comes first: they are likeliest to be
//! there still. A few are dialled at a time, so that a long absence does not end in a storm.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{Address, DeviceId, PeerId};
use crate::time::Timestamp;

/// Peers that are remembered.
const MAX_PEERS: usize = 4096;

/// Addresses that are remembered of one peer.
const MAX_ADDRESSES: usize = 8;

/// Peers that are dialled at a time.
const MAX_DIALS: usize = 16;

const FIRST_WAIT_MS: u64 = 500;
const LONGEST_WAIT_MS: u64 = 60_000;

/// What is remembered of a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// The one that worked last comes first.
    pub(super) addresses: Vec<Address>,
    /// When there was a link last; zero if never.
    pub(super) seen: Timestamp,
    /// The device that proved to be there.
    pub(super) device: Option<DeviceId>,
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
        let unknown = || (Known { addresses: Vec::new(), seen: Timestamp(0), device: None }, Redial::default());
        let (known, _) = self.peers.entry(peer).or_insert_with(unknown);
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

    /// Takes in what was remembered of a peer before this start.
    pub(super) fn recall(&mut self, peer: PeerId, remembered: Known) {
        self.note(peer, remembered.addresses);
        if let Some((known, _)) = self.peers.get_mut(&peer) {
            (known.seen, known.device) = (remembered.seen, remembered.device);
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

    /// Returns whom to dial now, and when to try next is noted.
    pub(super) fn due(
        &mut self,
        now: Timestamp,
        linked: impl Fn(&PeerId) -> bool,
    ) -> Vec<(Option<PeerId>, Vec<Address>)> {
        let away = self.peers.iter_mut().filter(|(peer, (known, _))| !linked(peer) && !known.addresses.is_empty());
        let mut waiting: Vec<_> = away.filter(|(_, (_, redial))| redial.is_due(now)).collect();
        waiting.sort_by_key(|(_, (known, _))| Reverse(known.seen));
        let mut due = Vec::new();
        for (peer, (known, redial)) in waiting.into_iter().take(MAX_DIALS) {
            redial.tried(now);
            due.push((Some(*peer), known.addresses.clone()));
        }
        for (address, redial) in self.nameless.iter_mut().filter(|(_, redial)| redial.is_due(now)) {
            redial.tried(now);
            due.push((None, vec![address.clone()]));
        }
        due
    }

    pub(super) fn get(&self, peer: &PeerId) -> Option<&Known> {
        self.peers.get(peer).map(|(known, _)| known)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&PeerId, &Known)> {
        self.peers.iter().map(|(peer, (known, _))| (peer, known))
    }
}

impl Redial {
    fn is_due(&self, now: Timestamp) -> bool {
        // Further ahead than any wait: the clock was set back.
        now >= self.at || self.at.since(now) > LONGEST_WAIT_MS
    }

    fn tried(&mut self, now: Timestamp) {
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
    fn who_was_seen_last_is_dialled_first_and_few_at_a_time() {
        let mut book = AddressBook::default();
        for number in 0..40 {
            book.recall(
                peer(number),
                Known { addresses: vec![at(number)], seen: Timestamp(u64::from(number)), device: None },
            );
        }
        let now = Timestamp(1_000_000);
        let dialled: Vec<PeerId> =
            (0..3).flat_map(|_| book.due(now, |who| *who == peer(39))).filter_map(|d| d.0).collect();
        assert_eq!(dialled, (0..39).rev().map(peer).collect::<Vec<_>>());
        assert_eq!(book.due(now, |_| false), [(Some(peer(39)), vec![at(39)])]);
        assert_eq!(book.due(now.plus(FIRST_WAIT_MS), |_| false).len(), MAX_DIALS);
    }

    #[test]
    fn a_full_book_forgets_who_was_not_seen_for_longest() {
        let mut book = AddressBook::default();
        for number in 0..MAX_PEERS as u16 {
            book.recall(
                peer(number),
                Known { addresses: vec![at(number)], seen: Timestamp(u64::from(number) + 5), device: None },
            );
        }
        assert!(book.note(peer(u16::MAX), [at(1)]));
        assert!(book.get(&peer(0)).is_none() && book.get(&peer(1)).is_some());
        // Whom nobody has ever seen goes first.
        assert!(book.note(peer(u16::MAX - 1), [at(1)]));
        assert!(book.get(&peer(u16::MAX)).is_none() && book.get(&peer(1)).is_some());
    }
}
