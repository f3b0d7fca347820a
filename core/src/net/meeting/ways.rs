//! Which ways lead to a meeting place: QUIC, TCP with Noise and Yamux, and the same inside WebSocket, in TLS or not.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use libp2p::core::transport::OptionalTransport;
use libp2p::core::upgrade::Version;
use libp2p::swarm::NetworkBehaviour;
use libp2p::{Swarm, SwarmBuilder, Transport, noise, quic, swarm, tcp, websocket, yamux};

use super::wss::Wss;
use crate::net::NetError;
use crate::net::address::keypair;
use crate::net::tls::Shown;
use crate::net::transport::MAX_WEB_FRAME;

/// Bytes that a peer may have under way to us on one QUIC stream before we have read them. A node has thousands of
/// peers, so less than a peer allows.
const MAX_UNREAD_STREAM: u32 = 256 * 1024;

/// The same over all streams of a connection.
const MAX_UNREAD_CONNECTION: u32 = 512 * 1024;

/// Streams that a peer may have open on one connection; each relayed connection is one.
const MAX_STREAMS: u32 = 256;

/// How long a connection on which nothing happens is kept. A reservation or a relayed connection keeps it.
const IDLE: Duration = Duration::from_secs(30);

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Builds the swarm of a meeting place.
pub(super) fn build<B: NetworkBehaviour>(
    secret: &[u8; 32],
    certificate: Option<&Arc<Shown>>,
    behaviour: B,
) -> Result<Swarm<B>, NetError> {
    let start = |reason: &dyn std::fmt::Display| NetError::Start(reason.to_string());
    let key = keypair(secret);
    let noise = noise::Config::new(&key).map_err(|e| start(&e))?;
    let mut web = websocket::Config::new(tcp::tokio::Transport::new(tcp()));
    web.set_max_data_size(MAX_WEB_FRAME);
    let web = web.upgrade(Version::V1Lazy).authenticate(noise.clone()).multiplex(yamux()).timeout(HANDSHAKE);
    let secured = certificate.map(|shown| shown.acceptor()).transpose()?;
    let secured = secured.map(|acceptor| {
        let secured = Wss::new(tcp::tokio::Transport::new(tcp()), acceptor, MAX_WEB_FRAME);
        secured.upgrade(Version::V1Lazy).authenticate(noise).multiplex(yamux()).timeout(HANDSHAKE)
    });
    let secured = secured.map_or_else(OptionalTransport::none, OptionalTransport::some);
    let builder = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp(), noise::Config::new, yamux)
        .map_err(|e| start(&e))?
        .with_quic_config(quic)
        .with_other_transport(|_| secured)
        .map_err(|e| start(&e))?
        .with_other_transport(|_| web)
        .map_err(|e| start(&e))?;
    let configure = |config: swarm::Config| config.with_idle_connection_timeout(IDLE);
    // Only to find other nodes by name.
    if cfg!(unix) && !Path::new("/etc/resolv.conf").exists() {
        let builder = builder.with_behaviour(|_| behaviour).map_err(|e| start(&e))?;
        return Ok(builder.with_swarm_config(configure).build());
    }
    let builder = builder.with_dns().map_err(|e| start(&e))?.with_behaviour(|_| behaviour).map_err(|e| start(&e))?;
    Ok(builder.with_swarm_config(configure).build())
}

fn tcp() -> tcp::Config {
    tcp::Config::default().nodelay(true)
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
    config.handshake_timeout = HANDSHAKE;
    config
}
