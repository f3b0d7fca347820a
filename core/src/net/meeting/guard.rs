//! The door: who may connect, from where, and how many. Asked before the handshake, so that a refusal costs little.
//!
//! It also watches over what *we* dial. A stranger can make a node dial by asking to be dialled back (autonat), and an
//! address is easily named: of a machine behind our firewall, of a victim. So a peer is dialled only at an IP address
//! from which it is connected already, and other nodes at whatever address the operator gave.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
    dummy,
};
use libp2p::{Multiaddr, PeerId};
use tokio::time::Instant;

use super::buckets::Buckets;
use super::counts::{Counts, Number};
use super::subnet::{Subnet, ip_of};
use super::{Bounds, Lists, Token};
use crate::net::address::ours;

/// Dials that may be under way.
const MAX_DIALS: usize = 64;

/// How many times as many as in a minute may come at once from one subnet.
const BURST: u32 = 4;

/// How long a peer may take to show a token, where one is asked for.
const TOKEN_WITHIN: Duration = Duration::from_secs(10);

/// Why someone was not let in.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(&'static str);

/// The door.
pub(super) struct Guard {
    bounds: Bounds,
    lists: Lists,
    /// Peers that the operator named.
    nodes: HashSet<PeerId>,
    counts: Arc<Counts>,
    rate: Buckets<Subnet>,
    guests: HashMap<ConnectionId, Guest>,
    by_subnet: HashMap<Subnet, u32>,
    by_peer: HashMap<PeerId, u32>,
    pending: u32,
    dials: HashSet<ConnectionId>,
    /// Who showed a token, while they are connected. The roles ask, too.
    shown: Shown,
}

/// Who showed a token, or needs none.
#[derive(Clone, Default)]
pub(super) struct Shown(Arc<Mutex<Option<HashSet<PeerId>>>>);

impl Shown {
    /// Tells whether a peer is to be served.
    pub(super) fn serves(&self, peer: &PeerId) -> bool {
        self.lock().as_ref().is_none_or(|shown| shown.contains(peer))
    }

    fn lock(&self) -> MutexGuard<'_, Option<HashSet<PeerId>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection, or one on the way to being one.
struct Guest {
    ip: Option<IpAddr>,
    /// Who it is, once that is proven.
    peer: Option<PeerId>,
    since: Instant,
}

impl Guard {
    pub(super) fn new(
        bounds: Bounds,
        lists: Lists,
        nodes: HashSet<PeerId>,
        counts: Arc<Counts>,
        shown: Shown,
    ) -> Guard {
        *shown.lock() = lists.tokens.as_ref().map(|_| HashSet::new());
        let rate = Buckets::new(bounds.new_connections_per_subnet, bounds.new_connections_per_subnet * BURST);
        let (guests, by_subnet, by_peer) = (HashMap::new(), HashMap::new(), HashMap::new());
        let dials = HashSet::new();
        Guard { bounds, lists, nodes, counts, rate, guests, by_subnet, by_peer, pending: 0, dials, shown }
    }

    /// Replaces the lists, and returns the connections of those who are no longer let in.
    pub(super) fn set_lists(&mut self, lists: Lists) -> Vec<ConnectionId> {
        if lists.tokens != self.lists.tokens {
            *self.shown.lock() = lists.tokens.as_ref().map(|_| HashSet::new());
        }
        self.lists = lists;
        let out = self.guests.iter().filter(|(_, guest)| {
            guest.ip.is_some_and(|ip| self.is_blocked(ip)) || guest.peer.is_some_and(|peer| !self.is_let_in(&peer))
        });
        out.map(|(connection, _)| *connection).collect()
    }

    /// Takes a token from a peer; returns whether it is one of ours.
    pub(super) fn show(&self, peer: PeerId, token: &[u8]) -> bool {
        let Some(tokens) = &self.lists.tokens else { return true };
        let known = Token::of(token).is_some_and(|token| tokens.contains(&token));
        if let Some(shown) = self.shown.lock().as_mut().filter(|_| known && self.by_peer.contains_key(&peer)) {
            shown.insert(peer);
        }
        known
    }

    /// Returns connections whose peers owe a token for too long.
    pub(super) fn overdue(&self, now: Instant) -> Vec<ConnectionId> {
        let owes = |guest: &Guest| guest.peer.is_some_and(|p| !self.nodes.contains(&p) && !self.shown.serves(&p));
        let overdue = self.guests.iter().filter(|(_, guest)| now - guest.since > TOKEN_WITHIN && owes(guest));
        overdue.map(|(connection, _)| *connection).collect()
    }

    /// Returns from where a connection comes.
    pub(super) fn subnet_of(&self, connection: ConnectionId) -> Option<Subnet> {
        self.guests.get(&connection)?.ip.map(Subnet::of)
    }

    fn is_blocked(&self, ip: IpAddr) -> bool {
        self.lists.blocked_subnets.iter().any(|subnet| subnet.contains(ip))
    }

    fn is_let_in(&self, peer: &PeerId) -> bool {
        let Some(ours) = ours(peer) else { return false };
        let allowed = self.lists.allowed.as_ref().is_none_or(|allowed| allowed.contains(&ours));
        self.nodes.contains(peer) || allowed && !self.lists.blocked_peers.contains(&ours)
    }

    fn judge_address(&mut self, ip: Option<IpAddr>) -> Result<(), (&Number, Refused)> {
        if ip.is_some_and(|ip| self.is_blocked(ip)) {
            return Err((&self.counts.refused_blocked_total, Refused("the subnet is blocked")));
        }
        let from_there = ip.and_then(|ip| self.by_subnet.get(&Subnet::of(ip))).copied().unwrap_or(0);
        let full = self.pending >= self.bounds.pending
            || self.guests.len() >= self.bounds.connections as usize
            || from_there >= self.bounds.connections_per_subnet;
        if full {
            return Err((&self.counts.refused_busy_total, Refused("there are too many connections")));
        }
        if ip.is_some_and(|ip| !self.rate.take(Subnet::of(ip), Instant::now())) {
            return Err((&self.counts.refused_rate_total, Refused("the subnet connects too often")));
        }
        Ok(())
    }

    fn judge_peer(&self, peer: &PeerId) -> Result<(), (&Number, Refused)> {
        if !self.is_let_in(peer) {
            return Err((&self.counts.refused_blocked_total, Refused("the peer is not let in")));
        }
        if self.by_peer.get(peer).is_some_and(|connections| *connections >= self.bounds.connections_per_peer) {
            return Err((&self.counts.refused_busy_total, Refused("the peer has too many connections")));
        }
        Ok(())
    }

    fn enter(&mut self, connection: ConnectionId, ip: Option<IpAddr>) {
        self.guests.insert(connection, Guest { ip, peer: None, since: Instant::now() });
        self.pending += 1;
        if let Some(ip) = ip {
            *self.by_subnet.entry(Subnet::of(ip)).or_default() += 1;
        }
    }

    /// Takes note of who a guest is.
    fn recognise(&mut self, connection: ConnectionId, peer: PeerId, ip: Option<IpAddr>) {
        self.dials.remove(&connection);
        if !self.guests.contains_key(&connection) {
            self.enter(connection, ip);
        }
        if let Some(guest) = self.guests.get_mut(&connection) {
            guest.peer = Some(peer);
            self.pending = self.pending.saturating_sub(1);
            *self.by_peer.entry(peer).or_default() += 1;
        }
        self.counts.connections.up();
        self.counts.connections_total.up();
    }

    fn leave(&mut self, connection: ConnectionId) {
        let Some(guest) = self.guests.remove(&connection) else { return };
        match guest.peer {
            Some(peer) => {
                if forget_one(&mut self.by_peer, peer)
                    && let Some(shown) = self.shown.lock().as_mut()
                {
                    shown.remove(&peer);
                }
                self.counts.connections.down();
            }
            None => self.pending = self.pending.saturating_sub(1),
        }
        if let Some(ip) = guest.ip {
            forget_one(&mut self.by_subnet, Subnet::of(ip));
        }
    }

    /// Tells whether we may dial a peer at these addresses.
    fn may_dial(&self, peer: Option<PeerId>, addresses: &[Multiaddr]) -> bool {
        let Some(peer) = peer else { return false };
        if self.nodes.contains(&peer) {
            return true;
        }
        let known: HashSet<IpAddr> =
            self.guests.values().filter(|guest| guest.peer == Some(peer)).filter_map(|guest| guest.ip).collect();
        !addresses.is_empty()
            && addresses.iter().all(|address| ip_of(address).is_some_and(|ip| known.contains(&ip.to_canonical())))
    }
}

/// Takes one off a count, and forgets a count that is zero: strangers come under new names without end. Returns
/// whether it is.
fn forget_one<K: Eq + std::hash::Hash>(counts: &mut HashMap<K, u32>, key: K) -> bool {
    let Some(count) = counts.get_mut(&key) else { return true };
    *count -= 1;
    if *count == 0 {
        counts.remove(&key);
        return true;
    }
    false
}

impl NetworkBehaviour for Guard {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let ip = ip_of(remote).map(|ip| ip.to_canonical());
        if let Err((count, refused)) = self.judge_address(ip) {
            count.up();
            return Err(ConnectionDenied::new(refused));
        }
        self.enter(connection, ip);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        match self.judge_peer(&peer) {
            Ok(()) => Ok(dummy::ConnectionHandler),
            Err((count, refused)) => {
                count.up();
                Err(ConnectionDenied::new(refused))
            }
        }
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if self.dials.len() >= MAX_DIALS || !self.may_dial(peer, addresses) {
            self.counts.dial_backs_refused_total.up();
            return Err(ConnectionDenied::new(Refused("that address is not the peer's")));
        }
        self.dials.insert(connection);
        Ok(Vec::new())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionEstablished(made) => {
                let ip = ip_of(made.endpoint.get_remote_address()).map(|ip| ip.to_canonical());
                self.recognise(made.connection_id, made.peer_id, ip);
            }
            FromSwarm::ConnectionClosed(closed) => self.leave(closed.connection_id),
            FromSwarm::ListenFailure(failure) => {
                if self.guests.contains_key(&failure.connection_id) {
                    self.counts.failed_total.up();
                }
                self.leave(failure.connection_id);
            }
            FromSwarm::DialFailure(failure) => {
                self.dials.remove(&failure.connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}
