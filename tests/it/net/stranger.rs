//! A peer that is not ours: bare libp2p that opens the link stream and then does with it what a test wants.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use bayou_core::id::{Address, PeerId};
use bayou_core::net::peer_of;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, OneShotHandler, SubstreamProtocol,
    SwarmEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, Stream, StreamProtocol, Swarm, SwarmBuilder, identify, identity, noise, ping, tcp, yamux};
use tokio::task::JoinHandle;

const LINK: StreamProtocol = StreamProtocol::new("/bayou/link/1");

type Upgrade = ReadyUpgrade<StreamProtocol>;

/// Opens a link stream on every connection and hands it out.
#[derive(Default)]
pub(super) struct Opener(VecDeque<ToSwarm<Stream, Upgrade>>);

impl NetworkBehaviour for Opener {
    type ConnectionHandler = OneShotHandler<Upgrade, Upgrade, Stream>;
    type ToSwarm = Stream;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: libp2p::PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Self::ConnectionHandler, ConnectionDenied> {
        Ok(OneShotHandler::new(SubstreamProtocol::new(ReadyUpgrade::new(LINK), ()), Default::default()))
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer_id: libp2p::PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Self::ConnectionHandler, ConnectionDenied> {
        let (handler, event) = (NotifyHandler::One(connection), ReadyUpgrade::new(LINK));
        self.0.push_back(ToSwarm::NotifyHandler { peer_id, handler, event });
        Ok(OneShotHandler::new(SubstreamProtocol::new(ReadyUpgrade::new(LINK), ()), Default::default()))
    }

    fn on_swarm_event(&mut self, _: FromSwarm) {}

    fn on_connection_handler_event(&mut self, _: libp2p::PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        // A meeting place speaks no link.
        self.0.extend(event.ok().map(ToSwarm::GenerateEvent));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Stream, Upgrade>> {
        self.0.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    opener: Opener,
    ping: ping::Behaviour,
    identify: identify::Behaviour,
}

/// The stranger's swarm goes on (and answers pings) until this is dropped.
pub(super) struct Stranger {
    pub(super) peer: PeerId,
    pub(super) stream: Stream,
    driver: JoinHandle<()>,
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Stranger {
    /// Dials and opens the link stream. Nothing is said on it yet.
    pub(super) async fn dial(secret: u8, address: &Address) -> Stranger {
        let mut swarm = swarm(secret);
        swarm.dial(address.0.parse::<Multiaddr>().unwrap()).unwrap();
        let stream = loop {
            if let SwarmEvent::Behaviour(BehaviourEvent::Opener(stream)) = swarm.select_next_some().await {
                break stream;
            }
        };
        let driver = tokio::spawn(async move {
            loop {
                swarm.select_next_some().await;
            }
        });
        Stranger { peer: peer_of(&[secret; 32]), stream, driver }
    }

    /// Dials and makes the handshake, as the one that chooses or the one that follows.
    pub(super) async fn link(secret: u8, address: &Address, other: PeerId) -> Stranger {
        let mut stranger = Stranger::dial(secret, address).await;
        stranger.write(&frame(b"bayou\0\x01\0\0\0\0\0\0\0\x07\0")).await;
        assert!(stranger.read().await.starts_with(b"bayou"));
        if stranger.peer < other {
            stranger.write(&frame(&[1])).await;
            assert_eq!(stranger.read().await, [2]);
        } else {
            assert_eq!(stranger.read().await, [1]);
            stranger.write(&frame(&[2])).await;
        }
        stranger
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    pub(super) async fn read(&mut self) -> Vec<u8> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).await.unwrap();
        let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    /// Waits for the other end to hang up; what it says before is passed over.
    pub(super) async fn hung_up(&mut self) {
        let mut bytes = [0; 1024];
        while self.stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
    }
}

pub(super) fn frame(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

/// Dials an address and returns what is said of itself by whoever answers: protocol version, agent, addresses; and
/// whether it answers a ping.
pub(super) async fn question(address: &Address) -> (identify::Info, std::time::Duration) {
    let mut swarm = swarm(250);
    swarm.dial(address.0.parse::<Multiaddr>().unwrap()).unwrap();
    let (mut said, mut pinged) = (None, None);
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { info, .. })) => {
                said = Some(info);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) => pinged = event.result.ok(),
            _ => {}
        }
        if let (Some(info), Some(rtt)) = (&said, pinged) {
            return (info.clone(), rtt);
        }
    }
}

fn swarm(secret: u8) -> Swarm<Behaviour> {
    let key = identity::Keypair::ed25519_from_bytes([secret; 32]).unwrap();
    SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_quic()
        .with_behaviour(|key| Behaviour {
            opener: Opener::default(),
            ping: ping::Behaviour::default(),
            identify: identify::Behaviour::new(identify::Config::new("/test/1".into(), key.public())),
        })
        .unwrap()
        .build()
}
