//! When to dial a peer that was found on the local network.
//!
//! Two peers that find each other do so in the same moment, and would make two connections. So the smaller peer dials
//! at once, and the larger waits a second for it: long enough for that dial, short enough if the smaller one cannot.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::id::{Address, PeerId};

/// How long the larger peer waits for the smaller one's dial.
const COURTESY: Duration = Duration::from_secs(1);

/// Peers that may wait to be dialled; whoever shouts more names into the local network is not listened to.
const MAX_WAITING: usize = 256;

/// Addresses that are kept of one peer.
const MAX_ADDRESSES: usize = 16;

/// The peers that were found and not dialled yet.
pub(super) struct Discovery {
    me: PeerId,
    waiting: BTreeMap<PeerId, Found>,
}

struct Found {
    due: Instant,
    addresses: Vec<Address>,
}

impl Discovery {
    pub(super) fn new(me: PeerId) -> Discovery {
        Discovery { me, waiting: BTreeMap::new() }
    }

    /// Takes note of a peer that was found.
    pub(super) fn found(&mut self, peer: PeerId, addresses: Vec<Address>, now: Instant) {
        if self.waiting.len() >= MAX_WAITING && !self.waiting.contains_key(&peer) {
            return;
        }
        let due = if self.me < peer { now } else { now + COURTESY };
        let found = self.waiting.entry(peer).or_insert(Found { due, addresses: Vec::new() });
        for address in addresses {
            if found.addresses.len() < MAX_ADDRESSES && !found.addresses.contains(&address) {
                found.addresses.push(address);
            }
        }
    }

    /// Returns when the next peer is to be dialled.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.waiting.values().map(|found| found.due).min()
    }

    /// Returns a peer that is to be dialled now, once.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(PeerId, Vec<Address>)> {
        let peer = *self.waiting.iter().find(|(_, found)| found.due <= now)?.0;
        self.waiting.remove(&peer).map(|found| (peer, found.addresses))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_peer_dials_at_once_and_the_larger_a_second_later() {
        let (small, large) = (PeerId([1; 32]), PeerId([2; 32]));
        let address = || vec![Address("/ip4/192.0.2.7/tcp/1".into())];
        let now = Instant::now();

        let mut at_small = Discovery::new(small);
        at_small.found(large, address(), now);
        assert_eq!(at_small.take_due(now), Some((large, address())));
        assert_eq!(at_small.take_due(now), None);

        let mut at_large = Discovery::new(large);
        at_large.found(small, address(), now);
        assert_eq!(at_large.take_due(now), None);
        assert_eq!(at_large.next_due(), Some(now + COURTESY));
        assert_eq!(at_large.take_due(now + COURTESY), Some((small, address())));
    }

    #[test]
    fn names_without_end_are_not_kept() {
        let mut discovery = Discovery::new(PeerId([0; 32]));
        let now = Instant::now();
        for n in 0..10_000u32 {
            let mut id = [1; 32];
            id[..4].copy_from_slice(&n.to_le_bytes());
            discovery.found(PeerId(id), vec![Address(format!("/ip4/192.0.2.7/tcp/{n}"))], now);
            discovery.found(PeerId([1; 32]), vec![Address(format!("/ip4/192.0.2.7/tcp/{n}"))], now);
        }
        assert!(discovery.waiting.len() <= MAX_WAITING);
        assert!(discovery.waiting.values().all(|found| found.addresses.len() <= MAX_ADDRESSES));
    }
}
