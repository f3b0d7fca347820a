//! One end of the network in a test: the handle, what happened there, and patience with a limit.

use std::time::Duration;

use bayou_core::id::{Address, PeerId};
use bayou_core::net::{Net, NetConfig, NetEvent, NetEvents, with_peer};
use bytes::Bytes;
use tokio::time::timeout;

pub(super) const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";
pub(super) const TCP: &str = "/ip4/127.0.0.1/tcp/0";

/// Longer than any wait in these tests should be on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct End {
    pub(super) net: Net,
    pub(super) events: NetEvents,
    /// With `/p2p/…`.
    pub(super) address: Address,
}

pub(super) fn config(secret: u8, boot: u64, listen: &str) -> NetConfig {
    NetConfig { secret: [secret; 32], listen: vec![Address(listen.into())], boot, ..NetConfig::default() }
}

impl End {
    pub(super) async fn start(secret: u8, listen: &str) -> End {
        End::restart(secret, u64::from(secret), listen).await
    }

    pub(super) async fn restart(secret: u8, boot: u64, listen: &str) -> End {
        let (net, events) = Net::start(config(secret, boot, listen)).unwrap();
        let mut end = End { net, events, address: Address(String::new()) };
        let bare = end.until(|event| if let NetEvent::Listening(address) = event { Some(address) } else { None }).await;
        end.address = with_peer(&bare, end.peer());
        end
    }

    pub(super) fn peer(&self) -> PeerId {
        self.net.peer()
    }

    /// Waits for the next event.
    pub(super) async fn next(&mut self) -> NetEvent {
        timeout(PATIENCE, self.events.recv()).await.expect("an event in time").expect("a running network")
    }

    /// Waits for an event that `wanted` finds something in; the others are passed over.
    pub(super) async fn until<T>(&mut self, mut wanted: impl FnMut(NetEvent) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.next().await) {
                return found;
            }
        }
    }

    /// Waits for the link to a peer and returns its binding.
    pub(super) async fn link_up(&mut self, other: PeerId) -> [u8; 32] {
        self.until(|event| match event {
            NetEvent::LinkUp { peer, binding, .. } if peer == other => Some(binding),
            _ => None,
        })
        .await
    }

    pub(super) async fn link_down(&mut self, other: PeerId) {
        self.until(|event| (event == NetEvent::LinkDown(other)).then_some(())).await;
    }

    /// Waits for the next frame of a peer. Fails when its link goes down instead.
    pub(super) async fn frame(&mut self, other: PeerId) -> Bytes {
        self.until(|event| match event {
            NetEvent::Frame(peer, frame) if peer == other => Some(frame),
            NetEvent::LinkDown(peer) if peer == other => panic!("the link went down"),
            _ => None,
        })
        .await
    }

    pub(super) async fn dial_failed(&mut self) -> String {
        self.until(|event| if let NetEvent::DialFailed(_, _, reason) = event { Some(reason) } else { None }).await
    }
}

/// Links two ends; the first dials.
pub(super) async fn link(alice: &mut End, bob: &mut End) {
    alice.net.dial(Some(bob.peer()), vec![bob.address.clone()]);
    linked(alice, bob).await;
}

/// Waits until two ends are linked.
pub(super) async fn linked(alice: &mut End, bob: &mut End) {
    let (a, b) = (alice.peer(), bob.peer());
    let (at_alice, at_bob) = tokio::join!(alice.link_up(b), bob.link_up(a));
    assert_eq!(at_alice, at_bob, "both ends know the link by one binding");
}
