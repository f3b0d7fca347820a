//! When a link that goes over a relay is to become direct. Pure, but for the small behaviour at the end.
//!
//! A relayed link carries frames at once; underneath two things are tried. **Dialling** where the peer says it listens:
//! it may be in the same network or have a public address. **Punching** (libp2p's dcutr): over a relayed connection both
//! agree on a moment and dial each other at the addresses at which a node saw them. dcutr tries it as soon as a relayed
//! connection is up, three times, and never again on it. So a *probe* is made now and then: one more relayed connection that
//! serves this alone. That happens soon when our addresses change, and at growing intervals otherwise.

use std::collections::{BTreeMap, VecDeque};
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
    dummy,
};
use libp2p::{Multiaddr, PeerId as Libp2pPeer};
use tokio::time::Instant;

use crate::id::{Address, PeerId};

/// How long after our addresses changed it is tried again: more may be on their way.
const SOON: Duration = Duration::from_secs(1);

/// The first wait for another try; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(30);

/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(900);

/// How long a probe may take: dcutr's three attempts, with a transport that gives up after some seconds.
pub(super) const PROBE: Duration = Duration::from_secs(30);

/// Addresses at which we were seen that are kept in mind.
const MAX_SEEN: usize = 16;

/// What is to be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Try {
    /// Dial the peer where it listens.
    Dial(PeerId, Vec<Address>),
    /// Make a relayed connection to it for dcutr.
    Probe(PeerId, Address),
}

/// The peers that are linked over a relay. No more than links.
#[derive(Debug, Default)]
pub(super) struct Punch {
    peers: BTreeMap<PeerId, Relayed>,
}

#[derive(Debug)]
struct Relayed {
    /// The way over a relay, if we know one that we can dial.
    way: Option<Address>,
    listens: Vec<Address>,
    wait: Duration,
    dial_at: Option<Instant>,
    probe_at: Instant,
}

impl Punch {
    /// A relayed link is up, perhaps since long. `way`: how it was dialled, if we dialled it.
    pub(super) fn linked(&mut self, peer: PeerId, way: Option<Address>, listens: &[Address], now: Instant) {
        let is_relayed = |address: &&Address| address.0.contains("/p2p-circuit");
        let way = way.or_else(|| listens.iter().find(is_relayed).cloned());
        let listens: Vec<_> = listens.iter().filter(|address| !is_relayed(address)).cloned().collect();
        let dial_at = Some(now).filter(|_| !listens.is_empty());
        let relayed = Relayed { way, listens, wait: FIRST_WAIT, dial_at, probe_at: now + FIRST_WAIT };
        self.peers.entry(peer).or_insert(relayed);
    }

    /// A link is direct now, or gone.
    pub(super) fn over(&mut self, peer: &PeerId) {
        self.peers.remove(peer);
    }

    /// Our addresses changed, or more is known of how others see us.
    pub(super) fn changed(&mut self, now: Instant) {
        for relayed in self.peers.values_mut() {
            relayed.wait = FIRST_WAIT;
            relayed.probe_at = relayed.probe_at.min(now + SOON);
            relayed.dial_at = Some(relayed.probe_at).filter(|_| !relayed.listens.is_empty());
        }
    }

    /// Returns what is to be tried now, and takes it for tried.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Try> {
        let mut tries = Vec::new();
        for (peer, relayed) in &mut self.peers {
            if relayed.dial_at.is_some_and(|at| at <= now) {
                relayed.dial_at = None;
                tries.push(Try::Dial(*peer, relayed.listens.clone()));
            }
            if relayed.probe_at <= now {
                relayed.wait = relayed.wait.saturating_mul(2).min(LONGEST_WAIT);
                relayed.probe_at = now + relayed.wait;
                tries.extend(relayed.way.clone().map(|way| Try::Probe(*peer, way)));
            }
        }
        tries
    }

    /// Returns when to ask [`Punch::due`] again if nothing happens.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.peers.values().flat_map(|relayed| [relayed.dial_at, Some(relayed.probe_at)]).flatten().min()
    }
}

/// Tells the swarm at which addresses nodes saw us, as they saw them.
///
/// identify puts our listening port in place of the observed one. Behind a router that changes ports that is an address at
/// which nobody can reach us, and dcutr knows no other.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The newest last.
    known: VecDeque<Multiaddr>,
    waiting: VecDeque<Multiaddr>,
}

impl Seen {
    /// Takes note of an address at which a node saw us; tells whether it is new.
    pub(super) fn at(&mut self, address: Multiaddr) -> bool {
        if self.known.contains(&address) {
            return false;
        }
        if self.known.len() >= MAX_SEEN {
            self.known.pop_front();
        }
        if self.waiting.len() < MAX_SEEN {
            self.waiting.push_back(address.clone());
        }
        self.known.push_back(address);
        true
    }
}

impl NetworkBehaviour for Seen {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = std::convert::Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: Libp2pPeer,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: Libp2pPeer,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, _: FromSwarm) {}

    fn on_connection_handler_event(&mut self, _: Libp2pPeer, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.waiting.pop_front().map_or(Poll::Pending, |at| Poll::Ready(ToSwarm::NewExternalAddrCandidate(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: PeerId = PeerId([1; 32]);

    fn address(text: &str) -> Address {
        Address(text.into())
    }

    #[test]
    fn a_relayed_peer_is_dialled_at_once_and_probed_less_and_less_often() {
        let start = Instant::now();
        let (way, at) = (address("/ip4/192.0.2.7/tcp/1/p2p/x/p2p-circuit"), address("/ip4/10.0.0.1/tcp/1"));
        let mut punch = Punch::default();
        punch.linked(PEER, None, &[way.clone(), at.clone()], start);
        assert_eq!(punch.due(start), [Try::Dial(PEER, vec![at])]);
        let (mut now, mut waits) = (start, Vec::new());
        for _ in 0..8 {
            let next = punch.next_due().unwrap();
            waits.push((next - now).as_secs());
            now = next;
            assert_eq!(punch.due(now), [Try::Probe(PEER, way.clone())]);
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 900, 900, 900]);
    }

    #[test]
    fn it_is_tried_again_soon_when_our_addresses_change_and_never_when_it_is_direct() {
        let start = Instant::now();
        let mut punch = Punch::default();
        punch.linked(PEER, Some(address("/a/p2p-circuit")), &[address("/b")], start);
        punch.due(start);
        punch.changed(start);
        punch.changed(start + SOON / 2);
        let tries = punch.due(start + SOON);
        assert_eq!(
            tries,
            [Try::Dial(PEER, vec![address("/b")]), Try::Probe(PEER, address("/a/p2p-circuit"))],
            "many changes at once are one"
        );
        punch.over(&PEER);
        assert_eq!((punch.due(start + LONGEST_WAIT), punch.next_due()), (vec![], None));
    }
}
