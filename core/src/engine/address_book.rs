//! Where peers can be reached, and when to try again.
//!
//! A peer is dialled when it is known to share a conversation, was named by a person or announced itself; after each
//! failure the wait doubles, from half a second up to a minute.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{Address, ConversationId, PeerId};
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
}

impl AddressBook {
    /// Notes addresses of a peer, best first; tells whether that changed what is known.
    pub(super) fn note(&mut self, peer: PeerId, addresses: impl IntoIterator<Item = Address>) -> bool {
        if !self.peers.contains_key(&peer) && self.peers.len() >= MAX_PEERS {
            return false;
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

    /// Notes an address that someone named, whoever may be there.
    pub(super) fn note_nameless(&mut self, address: Address) {
        if self.nameless.len() < MAX_ADDRESSES {
            self.nameless.entry(address).or_default();
        }
    }

    /// Notes a link: the peer was reached, possibly at an address whose owner was not known.
    pub(super) fn linked(&mut self, peer: PeerId, address: &Address, now: Timestamp) {
        self.nameless.remove(address);
        if let Some((known, redial)) = self.peers.get_mut(&peer) {
            known.seen = now;
            *redial = Redial::default();
        }
    }

    /// Has a peer dialled again soon.
    pub(super) fn hurry(&mut self, peer: PeerId) {
        if let Some((_, redial)) = self.peers.get_mut(&peer) {
            *redial = Redial::default();
        }
    }

    /// Returns the peers that are not linked and might be dialled now.
    pub(super) fn ready(&self, now: Timestamp, linked: impl Fn(&PeerId) -> bool) -> Vec<PeerId> {
        let ready = |(peer, (known, redial)): &(&PeerId, &(Known, Redial))| {
            !linked(peer) && !known.addresses.is_empty() && redial.is_due(now)
        };
        self.peers.iter().filter(ready).map(|(peer, _)| *peer).collect()
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
