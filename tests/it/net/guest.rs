//! A bootstrap node's guests: bare libp2p that takes what the node offers. Two of them meet through it, and talk.

use std::time::Duration;

use bayou_core::id::Address;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::core::upgrade::Version;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder, Transport, autonat, identify, identity, kad, noise,
    relay, rendezvous, tcp, websocket, yamux,
};
use tokio::time::timeout;

use super::bootstrap::Node;
use super::end::{QUIC, TCP};
use super::stranger::Opener;

/// How long anything may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(NetworkBehaviour)]
struct Behaviour {
    opener: Opener,
    identify: identify::Behaviour,
    relay: relay::client::Behaviour,
    rendezvous: rendezvous::client::Behaviour,
    autonat: autonat::v2::client::Behaviour,
    kademlia: kad::Behaviour<kad::store::MemoryStore>,
}

/// A guest, and where its node is.
struct Guest {
    swarm: Swarm<Behaviour>,
    node: Multiaddr,
}

impl Guest {
    /// Connects to a node.
    async fn at(node: &Address) -> Guest {
        let key = identity::Keypair::generate_ed25519();
        let swarm = SwarmBuilder::with_existing_identity(key)
            .with_tokio()
            .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_quic()
            .with_other_transport(|key| {
                let web = websocket::Config::new(tcp::tokio::Transport::default());
                let web = web.upgrade(Version::V1).authenticate(noise::Config::new(key).unwrap());
                web.multiplex(yamux::Config::default())
            })
            .unwrap()
            .with_relay_client(noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|key, relay| Behaviour {
                opener: Opener::default(),
                identify: identify::Behaviour::new(identify::Config::new("/test/1".into(), key.public())),
                relay,
                rendezvous: rendezvous::client::Behaviour::new(key.clone()),
                autonat: autonat::v2::client::Behaviour::default(),
                kademlia: {
                    let (me, config) = (key.public().to_peer_id(), StreamProtocol::new("/bayou/kad/1"));
                    kad::Behaviour::with_config(me, kad::store::MemoryStore::new(me), kad::Config::new(config))
                },
            })
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(PATIENCE))
            .build();
        let mut guest = Guest { swarm, node: node.0.parse().unwrap() };
        guest.swarm.dial(guest.node.clone()).unwrap();
        guest
            .until(|event| {
                matches!(event, SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { .. })))
                    .then_some(())
            })
            .await;
        guest
    }

    fn node(&self) -> PeerId {
        let Some(libp2p::multiaddr::Protocol::P2p(peer)) = self.node.iter().last() else { panic!("{}", self.node) };
        peer
    }

    async fn until<T>(&mut self, mut wanted: impl FnMut(SwarmEvent<BehaviourEvent>) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = wanted(self.swarm.select_next_some().await) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, found).await.expect("it happens in time")
    }

    async fn reserve(&mut self) {
        self.swarm.listen_on(self.node.clone().with(libp2p::multiaddr::Protocol::P2pCircuit)).unwrap();
        let (mut accepted, mut confirmed) = (false, false);
        self.until(|event| {
            match event {
                SwarmEvent::Behaviour(BehaviourEvent::Relay(relay::client::Event::ReservationReqAccepted {
                    ..
                })) => accepted = true,
                SwarmEvent::ExternalAddrConfirmed { .. } => confirmed = true,
                SwarmEvent::ListenerClosed { reason, .. } => panic!("no reservation: {reason:?}"),
                _ => {}
            }
            (accepted && confirmed).then_some(())
        })
        .await;
    }

    async fn register(&mut self, name: &str) {
        let (name, node) = (rendezvous::Namespace::new(name.into()).unwrap(), self.node());
        self.swarm.behaviour_mut().rendezvous.register(name, node, Some(7200)).unwrap();
        self.until(|event| match event {
            SwarmEvent::Behaviour(BehaviourEvent::Rendezvous(rendezvous::client::Event::Registered { .. })) => Some(()),
            SwarmEvent::Behaviour(BehaviourEvent::Rendezvous(other)) => panic!("{other:?}"),
            _ => None,
        })
        .await;
    }

    async fn discover(&mut self, name: &str) -> Vec<Multiaddr> {
        let (name, node) = (rendezvous::Namespace::new(name.into()).unwrap(), self.node());
        self.swarm.behaviour_mut().rendezvous.discover(Some(name), None, None, node);
        self.until(|event| match event {
            SwarmEvent::Behaviour(BehaviourEvent::Rendezvous(rendezvous::client::Event::Discovered {
                registrations,
                ..
            })) => Some(registrations.iter().flat_map(|found| found.record.addresses().to_vec()).collect()),
            SwarmEvent::Behaviour(BehaviourEvent::Rendezvous(other)) => panic!("{other:?}"),
            _ => None,
        })
        .await
    }

    /// Asks for all registrations, and tells whether that is refused.
    async fn nothing_without_a_name(&mut self) -> bool {
        let node = self.node();
        self.swarm.behaviour_mut().rendezvous.discover(None, None, None, node);
        self.until(|event| match event {
            SwarmEvent::Behaviour(BehaviourEvent::Rendezvous(event)) => {
                Some(matches!(event, rendezvous::client::Event::DiscoverFailed { .. }))
            }
            _ => None,
        })
        .await
    }

    /// Waits for a stream on a relayed connection.
    async fn stream(&mut self) -> Stream {
        self.until(|event| match event {
            SwarmEvent::Behaviour(BehaviourEvent::Opener(stream)) => Some(stream),
            SwarmEvent::OutgoingConnectionError { error, .. } => panic!("{error}"),
            _ => None,
        })
        .await
    }

    /// Goes on in the background, for as long as the test runs.
    fn go_on(mut self) {
        tokio::spawn(async move {
            loop {
                self.swarm.select_next_some().await;
            }
        });
    }
}

/// libp2p's own relay would hang up after 128 KiB.
async fn two_guests_meet_and_talk(listen: &str) {
    const TALK: usize = 1024 * 1024;
    let home = tempfile::tempdir().unwrap();
    let mut node = Node::start(home.path(), &[listen]);
    let node = node.address();
    let (mut alice, mut bob) = (Guest::at(&node).await, Guest::at(&node).await);
    bob.reserve().await;
    bob.register("today").await;
    assert_eq!(alice.discover("another day").await, []);
    assert!(alice.nothing_without_a_name().await, "names are not told to who does not know them");
    let found = alice.discover("today").await;
    let relayed = found.iter().find(|address| address.to_string().contains("/p2p-circuit")).expect("through the node");
    alice.swarm.dial(relayed.clone()).unwrap();
    let (mut to_bob, mut from_alice) = tokio::join!(alice.stream(), bob.stream());
    alice.go_on();
    bob.go_on();
    let said = async {
        to_bob.write_all(&vec![7; TALK]).await.unwrap();
        to_bob.flush().await.unwrap();
    };
    let mut heard = vec![0; TALK];
    let heard_all = async { from_alice.read_exact(&mut heard).await.unwrap() };
    timeout(PATIENCE, async { tokio::join!(said, heard_all) }).await.expect("it all comes through");
    assert!(heard.iter().all(|byte| *byte == 7));
}

#[tokio::test]
async fn two_guests_meet_and_talk_through_a_node_over_quic() {
    two_guests_meet_and_talk(QUIC).await;
}

#[tokio::test]
async fn two_guests_meet_and_talk_through_a_node_over_tcp() {
    two_guests_meet_and_talk(TCP).await;
}

#[tokio::test]
async fn two_guests_meet_and_talk_through_a_node_over_websocket() {
    two_guests_meet_and_talk("/ip4/127.0.0.1/tcp/0/ws").await;
}
