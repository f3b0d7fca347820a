//! Whom to dial, where, and what is said when it fails.

use std::collections::BTreeMap;

use libp2p::Multiaddr;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError};
use tokio::time::Instant;

use super::Hub;
use crate::id::{Address, PeerId};
use crate::net::address::{bare, ours, split_peer, theirs};
use crate::net::circle::admits;
use crate::net::punch::Try;
use crate::net::{NetEvent, failure};

impl Hub {
    pub(super) fn on_dial_error(&mut self, connection: ConnectionId, peer: Option<&libp2p::PeerId>, error: &DialError) {
        self.probes.remove(&connection);
        if let Some(peer) = peer.filter(|peer| !self.swarm.is_connected(peer)) {
            self.on_node_lost(peer);
            self.on_node_missed(peer, error);
        }
        if self.dialling.remove(&connection) {
            self.explain(peer.and_then(ours), error);
        }
    }

    fn explain(&mut self, peer: Option<PeerId>, error: &DialError) {
        for (address, reason) in failure::explain(error) {
            self.say(NetEvent::DialFailed(peer, address, reason));
        }
    }

    pub(super) fn on_discovered(&mut self, found: Vec<(libp2p::PeerId, Multiaddr)>) {
        let mut by_peer: BTreeMap<PeerId, Vec<Address>> = BTreeMap::new();
        for (peer, address) in found {
            if let Some(peer) = ours(&peer) {
                by_peer.entry(peer).or_default().push(bare(&address));
            }
        }
        for (peer, addresses) in by_peer {
            self.say(NetEvent::Discovered(peer, addresses.clone()));
            if self.links.linked(peer).is_none() {
                self.discovery.found(peer, addresses, Instant::now());
            }
        }
    }

    pub(super) fn dial_discovered(&mut self, now: Instant) {
        while let Some((peer, addresses)) = self.discovery.take_due(now) {
            self.dial(Some(peer), addresses);
        }
    }

    pub(super) fn dial(&mut self, peer: Option<PeerId>, addresses: Vec<Address>) {
        let mut known: BTreeMap<PeerId, Vec<Multiaddr>> = BTreeMap::new();
        for address in addresses {
            match self.target(peer, &address) {
                Ok((_, Some(named))) if named == self.me => {
                    self.say(NetEvent::DialFailed(peer, address, failure::OURSELVES.to_owned()));
                }
                Ok((parsed, Some(named))) => known.entry(named).or_default().push(parsed),
                Ok((parsed, None)) => self.attempt(None, DialOpts::unknown_peer_id().address(parsed).build()),
                Err(reason) => self.say(NetEvent::DialFailed(peer, address, reason)),
            }
        }
        for (peer, addresses) in known {
            let options = DialOpts::peer_id(theirs(peer))
                .condition(PeerCondition::DisconnectedAndNotDialing)
                .addresses(addresses)
                .build();
            self.attempt(Some(peer), options);
        }
    }

    /// Tries to bring links from relays to direct connections.
    pub(super) fn look_for_better_ways(&mut self, now: Instant) {
        for better in self.punch.due(now) {
            let (peer, ways) = match &better {
                Try::Dial(peer, listens) => (*peer, listens.clone()),
                Try::Probe(peer, way) => (*peer, vec![way.clone()]),
            };
            let ways: Vec<Multiaddr> =
                ways.iter().filter_map(|way| self.target(Some(peer), way).ok()).map(|(way, _)| way).collect();
            if ways.is_empty() {
                continue;
            }
            let options = DialOpts::peer_id(theirs(peer)).condition(PeerCondition::Always).addresses(ways).build();
            if matches!(better, Try::Dial(..)) {
                self.attempt(Some(peer), options);
                continue;
            }
            let connection = options.connection_id();
            self.swarm.behaviour_mut().link.leave_out(connection);
            self.probes.insert(connection);
            if self.swarm.dial(options).is_err() {
                self.probes.remove(&connection);
            }
        }
    }

    fn attempt(&mut self, peer: Option<PeerId>, options: DialOpts) {
        let connection = options.connection_id();
        self.dialling.insert(connection);
        if let Err(error) = self.swarm.dial(options) {
            self.dialling.remove(&connection);
            self.explain(peer, &error);
        }
    }

    /// Reads where to dial, and whom to expect there.
    fn target(&self, peer: Option<PeerId>, address: &Address) -> Result<(Multiaddr, Option<PeerId>), String> {
        let (bare, named) = split_peer(address).map_err(|error| error.to_string())?;
        if peer.is_some() && named.is_some() && peer != named {
            return Err("the address names another peer".to_owned());
        }
        let parsed = bare.0.parse().map_err(|_| "not an address".to_owned())?;
        if !admits(self.circle, &self.nodes, &parsed) {
            return Err("it leads farther than this peer is set to go".to_owned());
        }
        Ok((parsed, peer.or(named)))
    }
}
