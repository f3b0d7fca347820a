//! Peers as processes of their own, which can be killed and frozen as the system does it.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bayou_core::id::Address;
use bayou_core::net::{NetEvent, peer_of};
use tokio::time::Instant;

use super::end::{End, QUIC, TCP};

/// A process that runs the test below this, which dials us and stays.
struct Peer(Child);

impl Peer {
    fn start(secret: u8, dial: &Address) -> Peer {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["net::process::a_peer_in_a_process_of_its_own", "--exact", "--ignored"])
            .env("BAYOU_TEST_SECRET", secret.to_string())
            .env("BAYOU_TEST_DIAL", &dial.0)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Peer(child)
    }

    fn freeze(&self) {
        let frozen = Command::new("kill").args(["-STOP", &self.0.id().to_string()]).status().unwrap();
        assert!(frozen.success());
    }
}

impl Drop for Peer {
    /// Kills by SIGKILL: no word of farewell.
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
#[ignore = "is started by the tests below"]
async fn a_peer_in_a_process_of_its_own() {
    let Ok(dial) = std::env::var("BAYOU_TEST_DIAL") else { return };
    let secret = std::env::var("BAYOU_TEST_SECRET").unwrap().parse().unwrap();
    let listen = if dial.contains("/tcp/") { TCP } else { QUIC };
    let mut me = End::restart(secret, std::process::id().into(), listen).await;
    me.net.dial(None, vec![Address(dial)]);
    while me.events.recv().await.is_some() {}
}

async fn a_killed_peer_is_back_soon(listen: &str) {
    // Whether the killed peer is the one that chooses or not.
    for secret in [1, 3] {
        let mut bob = End::start(2, listen).await;
        let peer = peer_of(&[secret; 32]);
        let killed = Peer::start(secret, &bob.address);
        let first = bob.link_up(peer).await;
        drop(killed);
        let start = Instant::now();
        let _back = Peer::start(secret, &bob.address);
        assert_eq!(bob.next().await, NetEvent::LinkDown(peer));
        let second = bob.link_up(peer).await;
        assert_ne!(first, second, "another start, another binding");
        println!("back after {:?}", start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(2), "took {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_killed_peer_is_back_within_two_seconds_over_quic() {
    a_killed_peer_is_back_soon(QUIC).await;
}

#[tokio::test]
async fn a_killed_peer_is_back_within_two_seconds_over_tcp() {
    a_killed_peer_is_back_soon(TCP).await;
}

#[tokio::test]
async fn a_frozen_peer_is_noticed() {
    for listen in [TCP, QUIC] {
        let mut bob = End::start(2, listen).await;
        let frozen = Peer::start(1, &bob.address);
        let peer = peer_of(&[1; 32]);
        bob.link_up(peer).await;
        frozen.freeze();
        let start = Instant::now();
        bob.link_down(peer).await;
        println!("noticed after {:?}", start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(16), "took {:?}", start.elapsed());
    }
}
