//! What every connection of ours does: it is counted, says who it is, is pinged, and carries a link. And what makes us
//! reachable: a place at a relay, punching through routers, asking nodes who else is there, and how they see us.

use std::time::Duration;

use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::request_response::ProtocolSupport;
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{autonat, dcutr, identify, mdns, ping, relay, rendezvous, upnp};

use super::address::keypair;
use super::punch::Seen;
use super::{Circle, NetConfig, link, mailbox, token};

/// The name under which identify introduces us; strangers of other networks are told apart by it.
const PROTOCOL: &str = "/bayou/1";

/// How often a connection is pinged. Together with [`DEAD_AFTER`] it finds a dead TCP connection, which would not
/// notice by itself.
pub(super) const PING_EVERY: Duration = Duration::from_secs(5);

/// A connection that answered no ping for so long is closed. libp2p's ping swallows the first failure in silence, so we
/// count ourselves.
pub(super) const DEAD_AFTER: Duration = Duration::from_secs(12);

/// Connections to one peer. Up to six are needed while a relayed way gives place to a direct one: it and a probe, a dial and
/// a punch from either side.
const MAX_CONNECTIONS_PER_PEER: u32 = 8;

/// Connections in all.
const MAX_CONNECTIONS: u32 = 512;

/// Connections on the way to being one, in each direction.
const MAX_PENDING: u32 = 128;

/// The behaviour of a peer.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    limits: connection_limits::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    mdns: Toggle<mdns::tokio::Behaviour>,
    pub(super) link: link::Behaviour,
    relay: relay::client::Behaviour,
    punch: dcutr::Behaviour,
    pub(super) seen: Seen,
    autonat: autonat::v2::client::Behaviour,
    pub(super) rendezvous: rendezvous::client::Behaviour,
    upnp: Toggle<upnp::tokio::Behaviour>,
    pub(super) mailbox: mailbox::client::Behaviour,
    pub(super) token: token::Behaviour,
}

impl Behaviour {
    pub(super) fn new(config: &NetConfig, relay: relay::client::Behaviour) -> Behaviour {
        let keypair = keypair(&config.secret);
        let asks_router = config.upnp && config.circle != Circle::Lan;
        Behaviour {
            limits: limits(),
            identify: identify(&config.secret),
            ping: ping(),
            mdns: config.mdns.then(|| mdns(&config.secret)).flatten().into(),
            link: link::Behaviour::default(),
            relay,
            punch: dcutr::Behaviour::new(keypair.public().to_peer_id()),
            seen: Seen::default(),
            autonat: autonat::v2::client::Behaviour::default(),
            rendezvous: rendezvous::client::Behaviour::new(keypair),
            upnp: asks_router.then(upnp::tokio::Behaviour::default).into(),
            mailbox: mailbox::client::behaviour(),
            token: token::behaviour(ProtocolSupport::Outbound),
        }
    }
}

pub(super) fn limits() -> connection_limits::Behaviour {
    let limits = ConnectionLimits::default()
        .with_max_pending_incoming(Some(MAX_PENDING))
        .with_max_pending_outgoing(Some(MAX_PENDING))
        .with_max_established(Some(MAX_CONNECTIONS))
        .with_max_established_per_peer(Some(MAX_CONNECTIONS_PER_PEER));
    connection_limits::Behaviour::new(limits)
}

/// Says no more than it must: neither our version nor the addresses of our local network.
pub(super) fn identify(secret: &[u8; 32]) -> identify::Behaviour {
    let config = identify::Config::new(PROTOCOL.to_owned(), keypair(secret).public())
        .with_agent_version("bayou".to_owned())
        .with_hide_listen_addrs(true)
        .with_cache_size(0);
    identify::Behaviour::new(config)
}

pub(super) fn ping() -> ping::Behaviour {
    ping::Behaviour::new(ping::Config::new().with_interval(PING_EVERY))
}

/// A machine whose interfaces cannot multicast still reaches peers that it is told of, so this is no reason to stop.
fn mdns(secret: &[u8; 32]) -> Option<mdns::tokio::Behaviour> {
    mdns::tokio::Behaviour::new(mdns::Config::default(), keypair(secret).public().to_peer_id())
        .inspect_err(|reason| tracing::warn!(%reason, "peers on the local network will not be found"))
        .ok()
}
