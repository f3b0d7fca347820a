//! Which ways lead to a peer: QUIC first, TCP with Noise and Yamux next, names by DNS; and the swarm over them.

use std::path::Path;
use std::time::Duration;

use libp2p::swarm::NetworkBehaviour;
use libp2p::{Multiaddr, Swarm, SwarmBuilder, noise, quic, swarm, tcp, yamux};

use super::NetError;
use super::address::keypair;
use crate::id::Address;

/// Listened to when the configuration names nothing: QUIC and TCP on every interface, ports of the system's choice.
const EVERYWHERE: [&str; 4] =
    ["/ip4/0.0.0.0/udp/0/quic-v1", "/ip4/0.0.0.0/tcp/0", "/ip6/::/udp/0/quic-v1", "/ip6/::/tcp/0"];

/// Bytes that a peer may have under way to us on one QUIC stream before we have read them.
const MAX_UNREAD_STREAM: u32 = 2 * 1024 * 1024;

/// The same over all streams of a connection.
const MAX_UNREAD_CONNECTION: u32 = 3 * 1024 * 1024;

/// Streams that a peer may have open on one connection. We use four: link, identify and ping both ways.
const MAX_STREAMS: u32 = 64;

/// How long a connection without a link is kept.
const IDLE: Duration = Duration::from_secs(10);

/// Builds a swarm of this behaviour.
pub(super) fn build<B: NetworkBehaviour>(secret: &[u8; 32], behaviour: B) -> Result<Swarm<B>, NetError> {
    let start = |reason: &dyn std::fmt::Display| NetError::Start(reason.to_string());
    let builder = SwarmBuilder::with_existing_identity(keypair(secret))
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux)
        .map_err(|e| start(&e))?
        .with_quic_config(quic);
    let configure = |config: swarm::Config| config.with_smart_dial().with_idle_connection_timeout(IDLE);
    // A machine that never saw a network may have no resolver; numbers still lead to its neighbours.
    if cfg!(unix) && !Path::new("/etc/resolv.conf").exists() {
        tracing::info!("no resolver is configured; addresses with names will not be found");
        let builder = builder.with_behaviour(|_| behaviour).map_err(|e| start(&e))?;
        return Ok(builder.with_swarm_config(configure).build());
    }
    let builder = builder.with_dns().map_err(|e| start(&e))?.with_behaviour(|_| behaviour).map_err(|e| start(&e))?;
    Ok(builder.with_swarm_config(configure).build())
}

/// Listens where the configuration says. Each named address must work; of the default ones, one must.
pub(super) fn listen<B: NetworkBehaviour>(swarm: &mut Swarm<B>, addresses: &[Address]) -> Result<(), NetError> {
    let mut listen_on = |address: &Address| {
        let parsed: Multiaddr = address.0.parse().map_err(|_| NetError::BadAddress(address.0.clone()))?;
        let refused = |e: &dyn std::fmt::Display| NetError::Listen { address: address.clone(), reason: e.to_string() };
        swarm.listen_on(parsed).map(|_| ()).map_err(|e| refused(&e))
    };
    if !addresses.is_empty() {
        return addresses.iter().try_for_each(listen_on);
    }
    let tried: Vec<_> = EVERYWHERE.iter().map(|text| listen_on(&Address((*text).to_owned()))).collect();
    if tried.iter().any(Result::is_ok) { Ok(()) } else { tried.into_iter().collect() }
}

fn yamux() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(MAX_STREAMS as usize);
    config
}

fn quic(mut config: quic::Config) -> quic::Config {
    config.max_stream_data = MAX_UNREAD_STREAM;
    config.max_connection_data = MAX_UNREAD_CONNECTION;
    config.max_concurrent_stream_limit = MAX_STREAMS;
    config
}
