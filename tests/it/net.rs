//! The network over real sockets on loopback: links, their choice, their end, and those who misuse them.

mod bootstrap;
mod end;
mod guest;
mod measure;
mod process;
mod relayed;
mod stranger;

use std::time::Duration;

use bayou_core::id::{Address, PeerId};
use bayou_core::net::{MAX_FRAME, Net, NetConfig, NetEvent, peer_of, split_peer, with_peer};
use bytes::Bytes;
use end::{End, QUIC, TCP, link, linked};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use stranger::{Stranger, frame};
use tokio::time::{Instant, sleep, timeout};

async fn frames_arrive_in_order(listen: &str) {
    let (mut alice, mut bob) = (End::start(1, listen).await, End::start(2, listen).await);
    link(&mut alice, &mut bob).await;
    for round in 0..4u32 {
        let numbers = || round * 500..(round + 1) * 500;
        for number in numbers() {
            alice.net.send(bob.peer(), Bytes::copy_from_slice(&number.to_be_bytes()));
            bob.net.send(alice.peer(), Bytes::copy_from_slice(&number.to_le_bytes()));
        }
        for number in numbers() {
            assert_eq!(bob.frame(alice.net.peer()).await[..], number.to_be_bytes());
            assert_eq!(alice.frame(bob.net.peer()).await[..], number.to_le_bytes());
        }
    }
}

#[tokio::test]
async fn two_peers_exchange_frames_in_order_over_quic() {
    frames_arrive_in_order(QUIC).await;
}

#[tokio::test]
async fn two_peers_exchange_frames_in_order_over_tcp() {
    frames_arrive_in_order(TCP).await;
}

#[tokio::test]
async fn a_link_tells_where_the_other_is_and_listens() {
    let (alice, mut bob) = (End::start(1, TCP).await, End::start(2, QUIC).await);
    alice.net.dial(None, vec![bob.address.clone()]);
    let (address, listens) = bob
        .until(|event| match event {
            NetEvent::LinkUp { address, listens, .. } => Some((address, listens)),
            _ => None,
        })
        .await;
    assert!(address.0.starts_with("/ip4/127.0.0.1/udp/"), "{address}");
    let listens: Vec<_> = listens.iter().map(|address| with_peer(address, alice.peer())).collect();
    assert_eq!(listens, [alice.address]);
}

#[tokio::test]
async fn the_largest_frame_passes_and_a_larger_one_ends_the_link() {
    for listen in [QUIC, TCP] {
        let (mut alice, mut bob) = (End::start(1, listen).await, End::start(2, listen).await);
        link(&mut alice, &mut bob).await;
        let largest = Bytes::from(vec![7; MAX_FRAME]);
        alice.net.send(bob.peer(), largest.clone());
        alice.net.send(bob.peer(), Bytes::from(vec![7; MAX_FRAME + 1]));
        alice.net.send(bob.peer(), Bytes::from_static(b"small"));
        assert_eq!(bob.frame(alice.peer()).await, largest);
        assert_eq!(bob.frame(alice.peer()).await, Bytes::from_static(b"small"), "we do not even send a larger one");

        let mut stranger = Stranger::link(9, &bob.address, bob.peer()).await;
        bob.link_up(stranger.peer).await;
        stranger.write(&(MAX_FRAME as u32 + 1).to_be_bytes()).await;
        bob.link_down(stranger.peer).await;
        stranger.hung_up().await;
    }
}

#[tokio::test]
async fn dials_that_cross_leave_one_connection_and_one_link() {
    for round in 0..20u8 {
        let listen = if round % 2 == 0 { QUIC } else { TCP };
        let (mut alice, mut bob) = (End::start(100 + round, listen).await, End::start(200 + round, listen).await);
        alice.net.dial(Some(bob.peer()), vec![bob.address.clone()]);
        bob.net.dial(Some(alice.peer()), vec![alice.address.clone()]);
        linked(&mut alice, &mut bob).await;
        alice.net.send(bob.peer(), Bytes::from_static(b"over"));
        bob.net.send(alice.peer(), Bytes::from_static(b"and back"));
        assert_eq!(bob.frame(alice.peer()).await, "over");
        assert_eq!(alice.frame(bob.peer()).await, "and back");
        let one_is_left = async {
            while alice.net.connections().await != 1 || bob.net.connections().await != 1 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(5), one_is_left).await.expect("one connection");
        // Nothing else may have happened, and nothing may be under way: the next thing heard is this frame. (Pings answer when
        // they do.)
        for (from, to) in [(&alice.net, &mut bob.events), (&bob.net, &mut alice.events)] {
            while let Some(event) = to.try_recv() {
                let quiet = matches!(event, NetEvent::Listening(_) | NetEvent::RoundTrip(..));
                assert!(quiet, "round {round}: {event:?}");
            }
            let other = if from.peer() == alice.net.peer() { bob.net.peer() } else { alice.net.peer() };
            from.send(other, Bytes::from_static(b"last"));
            let next = loop {
                match to.recv().await {
                    Some(NetEvent::RoundTrip(..)) => {}
                    next => break next,
                }
            };
            assert_eq!(next, Some(NetEvent::Frame(from.peer(), Bytes::from_static(b"last"))), "round {round}");
        }
    }
}

#[tokio::test]
async fn peers_that_find_each_other_on_the_local_network_link_once() {
    let found = |secret| {
        let config = NetConfig { secret: [secret; 32], mdns: true, boot: secret.into(), ..NetConfig::default() };
        Net::start(config).unwrap()
    };
    let ((alice, mut at_alice), (bob, mut at_bob)) = (found(31), found(32));
    let up = |events: &[NetEvent], other| {
        events.iter().filter(|event| matches!(event, NetEvent::LinkUp { peer, .. } if *peer == other)).count()
    };
    let (mut alices, mut bobs) = (Vec::new(), Vec::new());
    // Longer than the second that the larger peer waits before it dials as well.
    let ripe = sleep(Duration::from_secs(4));
    tokio::pin!(ripe);
    loop {
        tokio::select! {
            Some(event) = at_alice.recv() => alices.push(event),
            Some(event) = at_bob.recv() => bobs.push(event),
            () = &mut ripe => break,
        }
    }
    if !alices.iter().any(|event| matches!(event, NetEvent::Discovered(peer, _) if *peer == bob.peer())) {
        println!("skipped: no interface here carries multicast");
        return;
    }
    assert_eq!((up(&alices, bob.peer()), up(&bobs, alice.peer())), (1, 1));
    assert!(!alices.contains(&NetEvent::LinkDown(bob.peer())) && !bobs.contains(&NetEvent::LinkDown(alice.peer())));
}

#[tokio::test]
async fn a_linked_peer_is_not_dialled_again() {
    let (mut alice, mut bob) = (End::start(1, QUIC).await, End::start(2, QUIC).await);
    link(&mut alice, &mut bob).await;
    alice.net.dial(Some(bob.peer()), vec![bob.address.clone()]);
    bob.net.dial(Some(alice.peer()), vec![alice.address.clone()]);
    let (unnamed, _) = split_peer(&bob.address).unwrap();
    alice.net.dial(None, vec![unnamed]);
    let one_is_left = async {
        // The unnamed dial reaches bob, is found needless, and is closed.
        sleep(Duration::from_millis(500)).await;
        while alice.net.connections().await != 1 || bob.net.connections().await != 1 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), one_is_left).await.expect("one connection");
    alice.net.send(bob.peer(), Bytes::from_static(b"still here"));
    assert_eq!(bob.next().await, NetEvent::Frame(alice.peer(), Bytes::from_static(b"still here")));
}

#[tokio::test]
async fn who_closes_or_stops_is_gone_at_once() {
    let (mut alice, mut bob) = (End::start(1, QUIC).await, End::start(2, QUIC).await);
    link(&mut alice, &mut bob).await;
    alice.net.close(bob.peer());
    alice.link_down(bob.peer()).await;
    bob.link_down(alice.peer()).await;

    link(&mut alice, &mut bob).await;
    let start = Instant::now();
    let gone = alice.peer();
    alice.net.stop().await;
    bob.link_down(gone).await;
    assert!(start.elapsed() < Duration::from_secs(2), "took {:?}", start.elapsed());
}

#[tokio::test]
async fn a_failed_dial_says_why() {
    let (mut alice, bob) = (End::start(1, TCP).await, End::start(2, TCP).await);
    let (bobs_address, _) = split_peer(&bob.address).unwrap();

    alice.net.dial(None, vec![Address("/ip4/127.0.0.1/tcp/1".into())]);
    assert_eq!(alice.dial_failed().await, "refused: nobody listens there");

    alice.net.dial(Some(peer_of(&[77; 32])), vec![bobs_address]);
    assert_eq!(alice.dial_failed().await, "another peer answers there");

    alice.net.dial(None, vec![alice.address.clone()]);
    assert_eq!(alice.dial_failed().await, "that is this peer itself");

    let (alices_address, _) = split_peer(&alice.address).unwrap();
    alice.net.dial(None, vec![alices_address]);
    assert!(alice.dial_failed().await.contains("only this peer's own"));

    alice.net.dial(Some(bob.peer()), vec![alice.address.clone()]);
    assert_eq!(alice.dial_failed().await, "the address names another peer");

    alice.net.dial(None, vec![Address("nonsense".into())]);
    assert!(alice.dial_failed().await.contains("is not an address"));

    let mut meeting = bootstrap::Node::start(&tempfile::tempdir().unwrap().keep(), &[TCP]);
    alice.net.dial(None, vec![meeting.address()]);
    assert_eq!(alice.dial_failed().await, "it is not a Bayou peer");
}

#[tokio::test]
async fn a_wedged_peer_holds_up_nobody_and_is_given_up() {
    let (mut alice, mut bob) = (End::start(1, QUIC).await, End::start(2, QUIC).await);
    link(&mut alice, &mut bob).await;
    let wedged = Stranger::link(9, &alice.address, alice.peer()).await;
    alice.link_up(wedged.peer).await;

    let start = Instant::now();
    let chunk = Bytes::from(vec![0; 64 * 1024]);
    let congested = NetEvent::Congested(wedged.peer);
    loop {
        alice.net.send(wedged.peer, chunk.clone());
        if alice.events.try_recv().is_some_and(|event| event == congested) {
            break;
        }
        tokio::task::yield_now().await;
    }
    let mut slowest = Duration::ZERO;
    for number in 0..200u32 {
        let sent = Instant::now();
        alice.net.send(wedged.peer, chunk.clone());
        alice.net.send(bob.peer(), Bytes::copy_from_slice(&number.to_be_bytes()));
        assert_eq!(bob.frame(alice.peer()).await[..], number.to_be_bytes());
        slowest = slowest.max(sent.elapsed());
    }
    assert!(slowest < Duration::from_millis(500), "a frame to bob took {slowest:?}");

    assert_eq!(alice.next().await, NetEvent::LinkDown(wedged.peer), "congestion is said once, then the end");
    // After 20 s of standing still; sooner only if pings, too, find no way past the heap of frames.
    assert!(start.elapsed() > Duration::from_secs(10), "given up too early: {:?}", start.elapsed());
}

#[tokio::test]
async fn a_slow_peer_is_congested_and_then_drained() {
    let mut alice = End::start(1, TCP).await;
    let mut slow = Stranger::link(9, &alice.address, alice.peer()).await;
    alice.link_up(slow.peer).await;
    let chunk = Bytes::from(vec![0; 64 * 1024]);
    loop {
        alice.net.send(slow.peer, chunk.clone());
        if alice.events.try_recv().is_some_and(|event| event == NetEvent::Congested(slow.peer)) {
            break;
        }
        tokio::task::yield_now().await;
    }
    let peer = slow.peer;
    let reading = tokio::spawn(async move {
        loop {
            slow.read().await;
        }
    });
    assert_eq!(alice.next().await, NetEvent::Drained(peer));
    reading.abort();
}

#[tokio::test]
async fn a_silent_stranger_is_sent_away() {
    let alice = End::start(1, TCP).await;
    let mut silent = Stranger::dial(9, &alice.address).await;
    timeout(Duration::from_secs(20), silent.hung_up()).await.expect("hung up");
}

#[tokio::test]
async fn noise_ends_the_stranger_and_nobody_else() {
    let seed = 42;
    println!("seed {seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut alice, mut bob) = (End::start(1, TCP).await, End::start(2, TCP).await);
    link(&mut alice, &mut bob).await;
    for round in 0..40u8 {
        let mut noise = vec![0; random.next_u32() as usize % 4096];
        random.fill_bytes(&mut noise);
        if round % 2 == 0 {
            // At the handshake: noise, or noise behind an honest length.
            let mut stranger = Stranger::dial(50 + round, &alice.address).await;
            let bytes = if round % 4 == 0 { noise } else { frame(&noise) };
            futures::AsyncWriteExt::write_all(&mut stranger.stream, &bytes).await.ok();
            futures::AsyncWriteExt::close(&mut stranger.stream).await.ok();
            stranger.hung_up().await;
        } else {
            // After it: a frame that is cut off, or one that is too long.
            let mut stranger = Stranger::link(50 + round, &alice.address, alice.peer()).await;
            alice.link_up(stranger.peer).await;
            let length = if round % 4 == 1 { noise.len() as u32 + 1 } else { random.next_u32() | 1 << 31 };
            stranger.write(&[&length.to_be_bytes()[..], &noise].concat()).await;
            futures::AsyncWriteExt::close(&mut stranger.stream).await.ok();
            alice.link_down(stranger.peer).await;
        }
    }
    alice.net.send(bob.peer(), Bytes::from_static(b"well"));
    assert_eq!(bob.frame(alice.peer()).await, "well");
}

#[tokio::test]
async fn the_same_peer_with_a_new_boot_nonce_replaces_its_old_link() {
    // Whether the restarted peer is the one that chooses or not.
    for secret in [1, 3] {
        let mut bob = End::start(2, QUIC).await;
        let mut before = End::restart(secret, 1, QUIC).await;
        link(&mut before, &mut bob).await;
        let mut after = End::restart(secret, 2, QUIC).await;
        after.net.dial(Some(bob.peer()), vec![bob.address.clone()]);
        let restarted: PeerId = after.peer();
        assert_eq!(bob.next().await, NetEvent::LinkDown(restarted));
        let binding = bob.link_up(restarted).await;
        assert_eq!(after.link_up(bob.peer()).await, binding);
        before.link_down(bob.peer()).await;
    }
}
