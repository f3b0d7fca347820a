//! Links over a node: how they come up, how they become direct, and how far a peer is willing to go.

use bayou_core::id::{Address, Namespace, PeerId};
use bayou_core::net::{ChosenNode, Circle, Net, NetConfig, NetEvent, through, with_peer};
use bytes::Bytes;

use super::bootstrap::Node;
use super::end::{End, QUIC, config};

/// Frames that each end sends while the link moves; fewer than may wait.
const FRAMES: u32 = 900;

fn start(secret: u8, node: &Address, circle: Circle) -> End {
    let config = NetConfig {
        nodes: vec![ChosenNode { address: node.clone(), token: None }],
        circle,
        ..config(secret, u64::from(secret), QUIC)
    };
    let (net, events) = Net::start(config).unwrap();
    End { net, events, address: Address(String::new()) }
}

impl End {
    /// Waits until the node makes it reachable, and returns how.
    async fn reachable(&mut self) -> Address {
        let me = self.peer();
        let way = self.until(|event| match event {
            NetEvent::Listening(address) if address.0.contains("/p2p-circuit") => Some(address),
            _ => None,
        });
        with_peer(&way.await, me)
    }

    /// Waits for the link to another, and returns whether it goes over a relay.
    async fn is_up(&mut self, other: PeerId) -> bool {
        self.until(|event| match event {
            NetEvent::LinkUp { peer, relayed, .. } if peer == other => Some(relayed),
            _ => None,
        })
        .await
    }

    /// Takes what comes from the other until all frames are there and the link is direct.
    async fn takes_all(&mut self, other: PeerId) {
        let (mut next, mut moved) = (0, false);
        while next < FRAMES || !moved {
            match self.next().await {
                NetEvent::Moved { peer, relayed, .. } if peer == other => moved = !relayed,
                NetEvent::LinkDown(peer) if peer == other => panic!("the link went down"),
                NetEvent::Frame(peer, frame) if peer == other => {
                    assert_eq!(frame, next.to_be_bytes().as_slice(), "in order, and none is missing");
                    next += 1;
                }
                _ => {}
            }
        }
    }

    /// Sends the numbered frames, as fast as the queue takes them.
    fn sends_all(&self, other: PeerId) {
        for number in 0..FRAMES {
            self.net.send(other, Bytes::copy_from_slice(&number.to_be_bytes()));
        }
    }
}

#[tokio::test]
async fn a_link_moves_from_a_node_to_a_direct_connection_and_loses_no_frame() {
    let home = tempfile::tempdir().unwrap();
    let mut node = Node::start(home.path(), &[QUIC]);
    let at = node.address();
    let (mut alice, mut bob) = (start(31, &at, Circle::Anywhere), start(32, &at, Circle::OwnNodes));
    let way = alice.reachable().await;
    bob.reachable().await;
    bob.net.dial(None, vec![way]);
    let (a, b) = (alice.peer(), bob.peer());
    assert_eq!(tokio::join!(alice.is_up(b), bob.is_up(a)), (true, true), "over the node at first");
    alice.sends_all(b);
    bob.sends_all(a);
    tokio::join!(alice.takes_all(b), bob.takes_all(a));
}

#[tokio::test]
async fn who_looks_for_the_same_is_found_at_the_node() {
    let home = tempfile::tempdir().unwrap();
    let mut node = Node::start(home.path(), &[QUIC]);
    let at = node.address();
    let (mut alice, mut bob) = (start(33, &at, Circle::Anywhere), start(34, &at, Circle::Anywhere));
    let (common, other) = (Namespace([1; 16]), Namespace([2; 16]));
    alice.net.register(vec![common]);
    alice.reachable().await;
    bob.net.register(vec![common, other]);
    bob.reachable().await;
    let a = alice.peer();
    loop {
        // Alice's registration may still be under way.
        bob.net.seek(vec![common]);
        let found = bob.until(|event| if let NetEvent::Found(peer, ways) = event { Some((peer, ways)) } else { None });
        if let Ok((peer, ways)) = tokio::time::timeout(std::time::Duration::from_secs(1), found).await {
            assert_eq!(peer, a);
            assert!(ways.contains(&through(&at)), "{ways:?}");
            break;
        }
    }
}

#[tokio::test]
async fn a_peer_goes_no_farther_than_it_is_told() {
    let home = tempfile::tempdir().unwrap();
    let mut node = Node::start(home.path(), &[QUIC]);
    let at = node.address();
    let mut alice = start(35, &at, Circle::Anywhere);
    let way = alice.reachable().await;
    // One uses no node at all, the other one of its own.
    let own = with_peer(&Address("/ip4/127.0.0.1/udp/9/quic-v1".into()), PeerId([7; 32]));
    for (secret, node, circle) in [(36, &at, Circle::Lan), (37, &own, Circle::OwnNodes)] {
        let mut bob = start(secret, node, circle);
        bob.net.dial(None, vec![way.clone()]);
        let reason = bob.dial_failed().await;
        assert!(reason.contains("farther"), "{reason}");
    }
}
