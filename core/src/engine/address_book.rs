//! Where peers can be reached, and when to try again.
//!
//! A peer is dialled when it is known to share a conversation, was named by a person or announced itself; after each
//! failure the wait doubles, from half a second up to a minute.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{Address, DeviceId, PeerId};
use crate::time::Timestamp;

/// Peers that are remembered.
const MAX_PEERS: usize = 4096;

/// Addresses that are remembered of one peer.
const MAX_ADDRESSES: usize = 8;

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
    /// Notes addresses of a peer, best first; tells whether that changed what is known.
    pub(super) fn note(&mut self, peer: PeerId, addresses: impl IntoIterator<Item = Address>) -> bool {
        if !self.peers.contains_key(&peer) && self.peers.len() >= MAX_PEERS {
            return false;
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
        let mut due = Vec::new();
        for (peer, (known, redial)) in &mut self.peers {
            if !linked(peer) && !known.addresses.is_empty() && redial.is_due(now) {
                due.push((Some(*peer), known.addresses.clone()));
            }
        }
        for (address, redial) in &mut self.nameless {
            if redial.is_due(now) {
                due.push((None, vec![address.clone()]));
            }
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
    fn is_due(&mut self, now: Timestamp) -> bool {
        // Further ahead than any wait: the clock was set back.
        if now < self.at && self.at.since(now) <= LONGEST_WAIT_MS {
            return false;
        }
        self.wait = (self.wait * 2).clamp(FIRST_WAIT_MS, LONGEST_WAIT_MS);
        self.at = now.plus(self.wait);
        true
    }
}
