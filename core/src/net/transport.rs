//! Which ways lead to a peer: QUIC first, TCP with Noise and Yamux next, WebSocket where nothing else is let through, and
//! all of these over a relay; names by DNS; and the swarm over them.

use std::io;
use std::path::Path;
use std::time::Duration;

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::transport::timeout::TransportTimeout;
use libp2p::core::upgrade;
use libp2p::identity::Keypair;
use libp2p::swarm::NetworkBehaviour;
use libp2p::{Multiaddr, PeerId, Swarm, Transport, dns, noise, quic, relay, swarm, tcp, websocket, yamux};

use super::NetError;
use super::address::keypair;
use super::tls::Roots;
use crate::id::Address;

/// Listened to when the configuration names nothing: QUIC and TCP on every interface, ports of the system's choice.
const EVERYWHERE: [&str; 4] =
    ["/ip4/0.0.0.0/udp/0/quic-v1", "/ip4/0.0.0.0/tcp/0", "/ip6/::/udp/0/quic-v1", "/ip6/::/tcp/0"];

/// Bytes that a peer may have under way to us on one QUIC stream before we have read them.
const MAX_UNREAD_STREAM: u32 = 2 * 1024 * 1024;

/// The same over all streams of a connection.
const MAX_UNREAD_CONNECTION: u32 = 3 * 1024 * 1024;

/// Streams that a peer may have open on one connection. Between peers four are used (link, identify, ping both ways); to a
/// node one more for each circuit that goes over it.
const MAX_STREAMS: u32 = 256;

/// How long a connection may take to come up, from the first packet to the last handshake.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a connection without a link is kept.
pub(super) const IDLE: Duration = Duration::from_secs(10);

/// The most bytes of one frame of WebSocket, which a stranger may send before they say who they are. Ours hold what Noise
/// and Yamux write at once, some 100 KiB.
pub(super) const MAX_WEB_FRAME: usize = 1024 * 1024;

type Ways = Boxed<(PeerId, StreamMuxerBox)>;

/// Builds the swarm of a peer. Over relays it reaches others and is reached: `behaviour` is given the part that does it.
pub(super) fn build<B: NetworkBehaviour>(
    secret: &[u8; 32],
    roots: &Roots,
    idle: Duration,
    behaviour: impl FnOnce(relay::client::Behaviour) -> B,
) -> Result<Swarm<B>, NetError> {
    let key = keypair(secret);
    let (relayed, relay) = relay::client::new(key.public().to_peer_id());
    let relayed = relayed
        .upgrade(upgrade::Version::V1Lazy)
        .authenticate(noise(&key)?)
        .multiplex(yamux())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let ways = relayed.or_transport(ways(&key, roots)?).map(|either, _| either.into_inner());
    let ways = TransportTimeout::new(ways, PATIENCE).boxed();
    let config = swarm::Config::with_tokio_executor().with_smart_dial().with_idle_connection_timeout(idle);
    Ok(Swarm::new(ways, behaviour(relay), key.public().to_peer_id(), config))
}

/// Joins the transports. WebSocket stands before the resolver: it has one of its own, as it must know the name that the
/// other end's certificate is for.
fn ways(key: &Keypair, roots: &Roots) -> Result<Ways, NetError> {
    let start = |reason: io::Error| NetError::Start(reason.to_string());
    let plain = quic::tokio::Transport::new(quic(quic::Config::new(key)))
        .map(|(peer, connection), _| (peer, StreamMuxerBox::new(connection)))
        .or_transport(
            tcp_transport()
                .upgrade(upgrade::Version::V1Lazy)
                .authenticate(noise(key)?)
                .multiplex(yamux())
                .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer))),
        )
        .map(|either, _| either.into_inner());
    // A machine that never saw a network may have no resolver; numbers still lead to its neighbours.
    if cfg!(unix) && !Path::new("/etc/resolv.conf").exists() {
        tracing::info!("no resolver is configured; addresses with names will not be found");
        return Ok(web(key, roots, tcp_transport())?.or_transport(plain).map(|either, _| either.into_inner()).boxed());
    }
    let web = web(key, roots, dns::tokio::Transport::system(tcp_transport()).map_err(start)?)?;
    let plain = dns::tokio::Transport::system(plain).map_err(start)?;
    Ok(web.or_transport(plain).map(|either, _| either.into_inner()).boxed())
}

/// The way to nodes in networks that let only the web through.
fn web<T>(key: &Keypair, roots: &Roots, below: T) -> Result<Ways, NetError>
where
    T: Transport + Send + Unpin + 'static,
    T::Output: AsyncRead + AsyncWrite + Unpin + Send,
    T::Error: Send + Sync,
    T::Dial: Send,
    T::ListenerUpgrade: Send,
{
    let mut web = websocket::Config::new(below);
    web.set_tls_config(roots.client());
    web.set_max_data_size(MAX_WEB_FRAME);
    Ok(web
        .upgrade(upgrade::Version::V1Lazy)
        .authenticate(noise(key)?)
        .multiplex(yamux())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)))
        .boxed())
}

fn tcp_transport() -> tcp::tokio::Transport {
    tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
}

fn noise(key: &Keypair) -> Result<noise::Config, NetError> {
    noise::Config::new(key).map_err(|reason| NetError::Start(reason.to_string()))
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
