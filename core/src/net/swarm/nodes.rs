//! Nodes: holding a place at them, asking them who else is there, and learning from them how we are seen.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::rendezvous::client::Event as RendezvousEvent;
use libp2p::swarm::DialError;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, identify, relay, rendezvous, request_response, upnp};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::Hub;
use crate::id::{Address, Namespace, PeerId};
use crate::net::address::{bare, is_loopback, is_relayed, ours, split_peer, theirs};
use crate::net::behaviour::BehaviourEvent;
use crate::net::circle::admits;
use crate::net::rendezvous::Question;
use crate::net::reservation::Wanted;
use crate::net::{ChosenNode, Circle, MAX_FOUND, NetEvent, NodeNews, failure, mailbox};

/// How long after the first of our listeners the others are waited for.
const OTHERS: Duration = Duration::from_millis(100);

/// The most peers that one answer of a node may name.
const MAX_ANSWER: u64 = 64;

impl Hub {
    /// Uses these nodes and no others.
    pub(super) fn use_nodes(&mut self, nodes: &[ChosenNode]) {
        let nodes = if self.circle == Circle::Lan { &[] } else { nodes };
        let split = nodes.iter().filter_map(|node| Some((split_peer(&node.address).ok()?, &node.token)));
        let named: Vec<_> = split.filter_map(|((address, peer), token)| Some((peer?, address, token))).collect();
        let tokens: BTreeMap<_, _> =
            named.iter().filter_map(|(peer, _, token)| Some((*peer, (*token).clone()?))).collect();
        let before = std::mem::replace(&mut self.tokens, tokens);
        let chosen: Vec<_> = named.into_iter().map(|(peer, address, _)| (peer, address)).collect();
        self.nodes = chosen.iter().map(|(peer, _)| *peer).collect();
        self.show_new_tokens(&before);
        for gone in self.reservations.set(chosen) {
            // An error only says that it is gone already.
            self.swarm.disconnect_peer_id(theirs(gone)).ok();
            self.rendezvous.lost(&gone);
        }
    }

    /// Asks for places, and asks about peers.
    pub(super) fn look_after_nodes(&mut self, now: Instant) {
        for wanted in self.reservations.due(now) {
            match wanted {
                Wanted::Dial(node, addresses) => self.dial_node(node, &addresses, now),
                Wanted::Reserve(node) => self.reserve(node, now),
            }
        }
        for question in self.rendezvous.due(now) {
            self.ask(question, now);
        }
    }

    fn dial_node(&mut self, node: PeerId, addresses: &[Address], now: Instant) {
        let ways = addresses.iter().filter_map(|address| address.0.parse().ok()).collect();
        let options = DialOpts::peer_id(theirs(node)).condition(PeerCondition::Disconnected).addresses(ways).build();
        self.swarm.behaviour_mut().link.leave_out(options.connection_id());
        if self.swarm.dial(options).is_ok() {
            return;
        }
        // Somebody else's dial may have brought it.
        if self.swarm.is_connected(&theirs(node)) {
            self.on_node_reached(node, now);
        } else {
            self.reservations.lost(&node, now);
        }
    }

    fn reserve(&mut self, node: PeerId, now: Instant) {
        let over = self.lines.values().find(|line| line.route.peer == node && line.route.dialed);
        let place = over.and_then(|line| line.route.address.0.parse::<Multiaddr>().ok());
        let place = place.map(|way| way.with(Protocol::P2p(theirs(node))).with(Protocol::P2pCircuit));
        match place.map(|place| self.swarm.listen_on(place)) {
            Some(Ok(listener)) => {
                self.places.insert(listener, node);
            }
            _ => self.reservations.refused(&node, now),
        }
    }

    fn ask(&mut self, question: Question, now: Instant) {
        let rendezvous = &mut self.swarm.behaviour_mut().rendezvous;
        match question {
            Question::Register(node, namespace) => {
                if rendezvous.register(foreign(namespace), theirs(node), None).is_err() {
                    self.rendezvous.refused(&node, namespace, now);
                }
            }
            Question::Unregister(node, namespace) => rendezvous.unregister(foreign(namespace), theirs(node)),
            Question::Discover(node, namespace) => {
                rendezvous.discover(Some(foreign(namespace)), None, Some(MAX_ANSWER), theirs(node));
            }
        }
    }

    /// A connection is up, perhaps to a node. It is shown the token that is kept for it, and used when it has answered; one
    /// for which none is kept is used at once, and asked whether it wants one.
    pub(super) fn on_node_connected(&mut self, peer: PeerId, now: Instant) {
        if !self.reservations.contains(&peer) {
            return;
        }
        let token = self.tokens.get(&peer).map_or(Vec::new(), |token| token.to_vec());
        if token.is_empty() {
            self.on_node_reached(peer, now);
        }
        self.swarm.behaviour_mut().token.send_request(&theirs(peer), token);
    }

    /// Shows nodes that are connected a token which was none, or another, before.
    fn show_new_tokens(&mut self, before: &BTreeMap<PeerId, Zeroizing<Vec<u8>>>) {
        let news = self.tokens.iter().filter(|(peer, token)| before.get(*peer) != Some(*token));
        let news: Vec<_> = news.map(|(peer, token)| (theirs(*peer), token.to_vec())).collect();
        for (peer, token) in news {
            if self.swarm.is_connected(&peer) {
                self.swarm.behaviour_mut().token.send_request(&peer, token);
            }
            self.reservations.hurry();
        }
    }

    /// A node answered what it was shown.
    pub(super) fn on_token(&mut self, event: request_response::Event<Vec<u8>, bool>) {
        use request_response::{Event, Message, OutboundFailure};
        let (peer, admitted) = match event {
            Event::Message { peer, message: Message::Response { response, .. }, .. } => (peer, response),
            // A relay that knows no tokens asks for none.
            Event::OutboundFailure { peer, error: OutboundFailure::UnsupportedProtocols, .. } => (peer, true),
            _ => return,
        };
        let Some(node) = ours(&peer).filter(|peer| self.reservations.contains(peer)) else { return };
        self.say(NetEvent::Node(node, NodeNews::Admitted(admitted)));
        let now = Instant::now();
        match admitted {
            true => self.on_node_reached(node, now),
            false => self.reservations.turned_away(&node, now),
        }
    }

    /// A dial came to nothing, perhaps of a node.
    pub(super) fn on_node_missed(&mut self, peer: &libp2p::PeerId, error: &DialError) {
        if let Some(node) = ours(peer).filter(|peer| self.reservations.contains(peer))
            && let Some((_, why)) = failure::explain(error).into_iter().next()
        {
            self.say(NetEvent::Node(node, NodeNews::Unreached(why)));
        }
    }

    pub(super) fn on_node_reached(&mut self, peer: PeerId, now: Instant) {
        if self.reservations.contains(&peer) {
            self.reservations.connected(&peer, now);
            self.rendezvous.connected(peer, now);
        }
    }

    pub(super) fn on_node_lost(&mut self, peer: &libp2p::PeerId) {
        if let Some(peer) = ours(peer) {
            self.reservations.lost(&peer, Instant::now());
            self.rendezvous.lost(&peer);
        }
    }

    pub(super) fn on_listening(&mut self, listener: ListenerId, address: &Multiaddr) {
        let now = Instant::now();
        self.say(NetEvent::Listening(bare(address)));
        if let Some(node) = self.places.get(&listener) {
            tracing::info!(node = node.fmt_short(), "reachable over a node");
            self.reservations.granted(node);
            self.rendezvous.reachable(node, true);
            return;
        }
        self.ready.get_or_insert(now + OTHERS);
        if !is_loopback(address) {
            self.reservations.hurry();
            self.punch.changed(now);
        }
    }

    /// We cannot be reached at an address any more. When an interface is gone, what others saw of us over it is void, too.
    pub(super) fn on_silent(&mut self, address: &Multiaddr) {
        self.say(NetEvent::Silent(bare(address)));
        if is_relayed(address) {
            return;
        }
        let seen: Vec<_> = self.swarm.external_addresses().filter(|address| !is_relayed(address)).cloned().collect();
        for address in seen {
            self.swarm.remove_external_address(&address);
            self.say(NetEvent::Silent(bare(&address)));
        }
        self.rendezvous.moved();
        self.punch.changed(Instant::now());
    }

    pub(super) fn on_confirmed(&mut self, address: &Multiaddr) {
        // A place at a node is told of by its listener.
        if !is_relayed(address) {
            self.say(NetEvent::Listening(bare(address)));
            self.rendezvous.moved();
        }
    }

    pub(super) fn on_listener_closed(
        &mut self,
        listener: ListenerId,
        addresses: &[Multiaddr],
        reason: Result<(), io::Error>,
    ) {
        for address in addresses {
            self.say(NetEvent::Silent(bare(address)));
        }
        match (self.places.remove(&listener), reason) {
            (Some(node), _) => {
                tracing::info!(node = node.fmt_short(), "no longer reachable over a node");
                self.reservations.refused(&node, Instant::now());
                self.rendezvous.reachable(&node, false);
            }
            (None, Err(error)) => tracing::warn!(%error, "a listener closed"),
            (None, Ok(())) => {}
        }
    }

    pub(super) fn on_reachability(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                let relays = info.protocols.contains(&relay::HOP_PROTOCOL_NAME);
                if let Some(node) = ours(&peer_id).filter(|peer| self.reservations.contains(peer)) {
                    let keeps_mail = info.protocols.contains(&mailbox::PROTOCOL);
                    self.say(NetEvent::Node(node, NodeNews::KeepsMail(keeps_mail)));
                }
                let is_node = relays || ours(&peer_id).is_some_and(|peer| self.reservations.contains(&peer));
                if is_node && !is_relayed(&info.observed_addr) && self.swarm.behaviour_mut().seen.at(info.observed_addr)
                {
                    self.punch.changed(Instant::now());
                }
            }
            BehaviourEvent::Rendezvous(event) => self.on_rendezvous(event),
            // What the router maps comes as a confirmed address.
            BehaviourEvent::Upnp(upnp::Event::GatewayNotFound) => {
                tracing::debug!("no router lets us ask it for a way in");
            }
            _ => {}
        }
    }

    fn on_rendezvous(&mut self, event: RendezvousEvent) {
        let now = Instant::now();
        match event {
            RendezvousEvent::Registered { rendezvous_node, ttl, namespace } => {
                if let (Some(node), Some(namespace)) = (ours(&rendezvous_node), own(&namespace)) {
                    self.rendezvous.registered(&node, namespace, Duration::from_secs(ttl), now);
                }
            }
            RendezvousEvent::RegisterFailed { rendezvous_node, namespace, error } => {
                if let (Some(node), Some(namespace)) = (ours(&rendezvous_node), own(&namespace)) {
                    tracing::debug!(node = node.fmt_short(), ?error, "a node does not let us be found");
                    self.rendezvous.refused(&node, namespace, now);
                }
            }
            RendezvousEvent::Discovered { registrations, .. } => {
                for registration in registrations.iter().take(MAX_ANSWER as usize) {
                    self.on_found(ours(&registration.record.peer_id()), registration.record.addresses());
                }
            }
            RendezvousEvent::DiscoverFailed { error, .. } => tracing::debug!(?error, "a node did not say who is there"),
            RendezvousEvent::Expired { .. } => {}
        }
    }

    fn on_found(&mut self, peer: Option<PeerId>, addresses: &[Multiaddr]) {
        let Some(peer) = peer.filter(|peer| *peer != self.me) else { return };
        let admitted = addresses.iter().filter(|address| admits(self.circle, &self.nodes, address));
        let addresses: Vec<Address> = admitted.take(MAX_FOUND).map(bare).collect();
        if !addresses.is_empty() && self.links.linked(peer).is_none() {
            self.say(NetEvent::Found(peer, addresses));
        }
    }
}

fn foreign(namespace: Namespace) -> rendezvous::Namespace {
    rendezvous::Namespace::new(namespace.to_string()).expect("32 digits are not too long")
}

fn own(namespace: &rendezvous::Namespace) -> Option<Namespace> {
    namespace.to_string().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_survives_the_way_to_a_node_and_back() {
        let namespace = Namespace([7; 16]);
        assert_eq!(own(&foreign(namespace)), Some(namespace));
        assert_eq!(own(&rendezvous::Namespace::from_static("everyone")), None);
    }
}
