//! What every connection of a meeting place does: it passes the guard, says who it is, is pinged, and finds the roles
//! that are switched on.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use libp2p::kad::store::{MemoryStore, MemoryStoreConfig};
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{Multiaddr, PeerId, StreamProtocol, autonat, identify, kad, ping, relay};
use tokio::time::Instant;

use super::buckets::Buckets;
use super::counts::Counts;
use super::guard::{Guard, Shown};
use super::subnet::{Subnet, ip_of};
use super::{Bounds, MeetingConfig, Welcome, rendezvous};
use crate::net::address::theirs;
use crate::net::{behaviour, mailbox, peer_of, split_peer, token};

/// Under this name our nodes answer each other's questions; the world's public table is another.
const KADEMLIA: StreamProtocol = StreamProtocol::new("/bayou/kad/1");

/// How often a connection is pinged: what a dead TCP connection is noticed by.
const PING_EVERY: Duration = Duration::from_secs(15);

/// How many times as many as in a minute may come at once from one subnet.
const BURST: u32 = 10;

/// How long a peer may take to send a request to the mailbox and to take the answer.
const MAIL_PATIENCE: Duration = Duration::from_secs(20);

/// Requests to the mailbox that may be under way on one connection.
const MAIL_AT_ONCE: usize = 4;

/// The peers that hold a reservation.
pub(super) type Reserved = Arc<Mutex<HashSet<PeerId>>>;

/// The behaviour of a meeting place.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    // First, so that it is asked first.
    pub(super) guard: Guard,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    relay: Toggle<relay::Behaviour>,
    autonat: Toggle<autonat::v2::server::Behaviour>,
    pub(super) rendezvous: Toggle<rendezvous::Behaviour>,
    kademlia: Toggle<kad::Behaviour<MemoryStore>>,
    pub(super) token: token::Behaviour,
    pub(super) mailbox: Toggle<request_response::Behaviour<mailbox::Codec>>,
}

impl Behaviour {
    pub(super) fn new(config: &MeetingConfig, counts: &Arc<Counts>, reserved: &Reserved, shown: &Shown) -> Behaviour {
        let (me, roles, bounds) = (theirs(peer_of(&config.secret)), config.roles, &config.bounds);
        let nodes = nodes(config);
        let known = nodes.iter().map(|(peer, _)| *peer).collect();
        Behaviour {
            guard: Guard::new(*bounds, config.lists.clone(), known, counts.clone(), shown.clone()),
            identify: behaviour::identify(&config.secret),
            ping: ping::Behaviour::new(ping::Config::new().with_interval(PING_EVERY)),
            relay: roles.relay.then(|| relay(me, bounds, counts, reserved, shown)).into(),
            autonat: roles.autonat.then(autonat::v2::server::Behaviour::default).into(),
            rendezvous: roles.rendezvous.then(rendezvous::behaviour).into(),
            kademlia: roles.rendezvous.then(|| kademlia(me, nodes)).into(),
            token: token::behaviour(ProtocolSupport::Inbound),
            mailbox: config.mail.is_some().then(mailbox).into(),
        }
    }
}

/// Returns the other nodes that the operator named. What is no address was refused before.
fn nodes(config: &MeetingConfig) -> Vec<(PeerId, Multiaddr)> {
    let parts = config.nodes.iter().filter_map(|address| split_peer(address).ok());
    parts.filter_map(|(address, peer)| Some((theirs(peer?), address.0.parse().ok()?))).collect()
}

/// libp2p's own limits are made for introductions: 128 KiB or two minutes, and a chat goes silent.
fn relay(me: PeerId, bounds: &Bounds, counts: &Arc<Counts>, reserved: &Reserved, shown: &Shown) -> relay::Behaviour {
    let (asked, served) = (shown.clone(), shown.clone());
    let (counts, reserved) = (counts.clone(), reserved.clone());
    let mut rate = Buckets::new(bounds.new_reservations_per_subnet, bounds.new_reservations_per_subnet * BURST);
    let reservation = move |peer: PeerId, from: &Multiaddr, _| {
        let renews = reserved.lock().unwrap_or_else(PoisonError::into_inner).contains(&peer);
        let welcome = match counts.welcome() {
            Welcome::Open => true,
            Welcome::Full => renews,
            Welcome::Draining => false,
        };
        welcome && asked.serves(&peer) && ip_of(from).is_none_or(|ip| rate.take(Subnet::of(ip), Instant::now()))
    };
    let mut rate = Buckets::new(bounds.new_circuits_per_subnet, bounds.new_circuits_per_subnet * BURST);
    let circuit = move |peer: PeerId, from: &Multiaddr, _| {
        served.serves(&peer) && ip_of(from).is_none_or(|ip| rate.take(Subnet::of(ip), Instant::now()))
    };
    let config = relay::Config {
        max_reservations: bounds.reservations as usize,
        // libp2p refuses when there are *more* than this.
        max_reservations_per_peer: bounds.reservations_per_peer.saturating_sub(1) as usize,
        reservation_duration: bounds.reservation,
        reservation_rate_limiters: vec![Box::new(reservation)],
        max_circuits: bounds.circuits as usize,
        max_circuits_per_peer: bounds.circuits_per_peer.saturating_sub(1) as usize,
        max_circuit_duration: bounds.circuit,
        max_circuit_bytes: bounds.circuit_bytes,
        circuit_src_rate_limiters: vec![Box::new(circuit)],
    };
    // A peer that renews at three quarters does so once an hour; that it asks a hundred times is a fault or an attack.
    let config =
        config.reservation_rate_per_peer(NonZeroU32::new(30).unwrap_or(NonZeroU32::MIN), Duration::from_secs(60));
    let config = config.circuit_src_per_peer(NonZeroU32::new(200).unwrap_or(NonZeroU32::MIN), Duration::from_secs(2));
    let mut relay = relay::Behaviour::new(me, config);
    // It is a relay because its operator says so, whether or not it knows by which address the world sees it.
    relay.set_status(Some(relay::Status::Enable));
    relay
}

fn mailbox() -> request_response::Behaviour<mailbox::Codec> {
    let config = request_response::Config::default()
        .with_request_timeout(MAIL_PATIENCE)
        .with_max_concurrent_streams(MAIL_AT_ONCE);
    let protocols = [(mailbox::PROTOCOL, ProtocolSupport::Inbound)];
    request_response::Behaviour::with_codec(mailbox::Codec::new(), protocols, config)
}

/// Knows which peer is where, and keeps nothing else: records of any kind are refused.
fn kademlia(me: PeerId, nodes: Vec<(PeerId, Multiaddr)>) -> kad::Behaviour<MemoryStore> {
    let mut config = kad::Config::new(KADEMLIA);
    config
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_provider_publication_interval(None);
    let nothing = MemoryStoreConfig { max_records: 0, max_provided_keys: 0, ..MemoryStoreConfig::default() };
    let mut kademlia = kad::Behaviour::with_config(me, MemoryStore::with_config(me, nothing), config);
    kademlia.set_mode(Some(kad::Mode::Server));
    for (peer, address) in nodes {
        kademlia.add_address(&peer, address);
    }
    kademlia
}
