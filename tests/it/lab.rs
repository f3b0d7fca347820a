//! Stories in a network of their own: each peer in a network namespace, on one bridge with no way out, or behind routers
//! that translate addresses (`routers`, `faults`).
//!
//! Where this machine lets us make no namespaces they are skipped, and say so; under `cargo xtask lab` (which sets
//! `BAYOU_LAB`) that is a failure.

mod faults;
mod reach;
mod routers;
mod web;

use std::io;
use std::time::{Duration, Instant};

use bayou_tests::lan::Lan;
use bayou_tests::process::Peer;

/// Returns a network, or `None` when there can be none here and that is all right.
fn lan(hosts: usize) -> io::Result<Option<Lan>> {
    possible(Lan::new(hosts))
}

fn possible<T>(network: io::Result<T>) -> io::Result<Option<T>> {
    match network {
        Ok(network) => Ok(Some(network)),
        Err(reason) if std::env::var_os("BAYOU_LAB").is_some() => Err(reason),
        Err(reason) => {
            println!("skipped: no network namespaces here ({reason})");
            Ok(None)
        }
    }
}

#[test]
fn three_peers_without_internet_find_each_other_by_mdns_alone() -> io::Result<()> {
    let Some(lan) = lan(3)? else { return Ok(()) };
    let mut peers = Vec::new();
    for (number, name) in ["alice", "bob", "carol"].into_iter().enumerate() {
        peers.push(Peer::new(name)?.at(&lan.host(number)));
    }
    let conversation = peers[0].begins("on the island")?;
    peers[0].invites(&peers[1], &conversation)?;
    peers[0].invites(&peers[2], &conversation)?;
    // Nobody is told an address.
    peers.iter_mut().try_for_each(|peer| peer.serve_with(&[]))?;
    peers.iter().skip(1).try_for_each(|peer| peer.enters(&conversation))?;
    for (speaker, words) in ["is anyone there?", "yes", "I am, too"].into_iter().enumerate() {
        peers[speaker].says(&conversation, words)?;
        for peer in &mut peers {
            peer.sees(&conversation, words)?;
        }
    }
    peers[1].kill9()?;
    peers[0].says(&conversation, "where is bob?")?;
    peers[1].serve_with(&[])?;
    peers[1].sees(&conversation, "where is bob?")?;
    let timeline = peers[0].timeline(&conversation)?;
    assert_eq!(timeline.len(), 4);
    assert_eq!(timeline, peers[1].timeline(&conversation)?);
    Ok(())
}

#[test]
#[allow(clippy::disallowed_methods, reason = "how long it takes is what is asked here")]
fn who_comes_to_a_network_is_heard_within_a_second() -> io::Result<()> {
    let Some(lan) = lan(2)? else { return Ok(()) };
    let (mut alice, mut bob) = (Peer::new("alice")?.at(&lan.host(0)), Peer::new("bob")?.at(&lan.host(1)));
    let conversation = alice.begins("in the hall")?;
    alice.invites(&bob, &conversation)?;
    alice.says(&conversation, "who comes?")?;
    alice.serve_with(&[])?;
    bob.serve_with(&[])?;
    bob.enters(&conversation)?;
    bob.stop()?;
    let mut best = Duration::MAX;
    for round in 0..3 {
        let said = format!("here I am {round}");
        bob.says(&conversation, &said)?;
        let start = Instant::now();
        bob.serve_with(&[])?;
        bob.sees(&conversation, "who comes?")?;
        alice.sees(&conversation, &said)?;
        println!("heard {} ms after the second peer was started", start.elapsed().as_millis());
        best = best.min(start.elapsed());
        bob.stop()?;
    }
    assert!(best < Duration::from_secs(1), "{best:?}");
    Ok(())
}
