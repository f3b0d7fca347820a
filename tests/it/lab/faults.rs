//! What befalls two peers behind routers: nodes die and come back, cables are pulled, processes are killed.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use bayou_tests::process::Peer;
use bayou_tests::town::{Router, Town};

use super::possible;
use super::routers::{Pair, QUIC, options, start_node, tell};

/// How long the cable is out: longer than any of our timeouts for a dead connection.
const PULLED: Duration = Duration::from_secs(14);

#[test]
#[allow(clippy::disallowed_methods, reason = "how long it takes is told, and decides nothing")]
fn a_relay_that_was_killed_and_came_back_is_used_again() -> io::Result<()> {
    let Some(mut pair) = Pair::new([Router::Symmetric; 2], [QUIC, QUIC], 1)? else { return Ok(()) };
    pair.meet("relay killed: before", "relayed")?;
    pair.nodes[0].kill9()?;
    let (peer, other) = (&pair.alice, &pair.bob);
    peer.parts_from(other)?;
    pair.alice.says(&pair.conversation, "said while there is no way")?;
    pair.nodes[0].restart()?;
    let start = Instant::now();
    pair.bob.sees(&pair.conversation, "said while there is no way")?;
    tell("relay killed: after it came back", "relayed", ("relayed", &pair.bob.path_to(&pair.alice)?), start.elapsed());
    pair.talk("over the node that came back", 3)
}

#[test]
#[allow(clippy::disallowed_methods, reason = "how long it takes is told, and decides nothing")]
fn another_node_takes_over_from_one_that_is_gone() -> io::Result<()> {
    let Some(mut pair) = Pair::new([Router::Symmetric; 2], [QUIC, QUIC], 2)? else { return Ok(()) };
    pair.meet("one of two nodes killed: before", "relayed")?;
    // Over which of the two they talk is theirs to choose; so each is killed once.
    for gone in 0..2 {
        pair.nodes[gone].kill9()?;
        let start = Instant::now();
        let said = format!("said without node {gone}");
        pair.alice.says(&pair.conversation, &said)?;
        pair.bob.sees(&pair.conversation, &said)?;
        let path = pair.bob.path_to(&pair.alice)?;
        tell(&format!("node {gone} of two killed"), "relayed", ("relayed", &path), start.elapsed());
        pair.nodes[gone].restart()?;
        pair.alice.is_reachable()?;
    }
    pair.talk("over what is left", 2)
}

#[test]
#[allow(clippy::disallowed_methods, reason = "how long it takes is told, and decides nothing")]
fn peers_that_know_each_other_talk_on_when_the_node_is_gone_for_good() -> io::Result<()> {
    let Some(mut pair) = Pair::new([Router::Preserving; 2], [QUIC, QUIC], 1)? else { return Ok(()) };
    pair.meet("node gone for good: before", "direct")?;
    pair.nodes[0].kill9()?;
    let start = Instant::now();
    pair.talk("without a node", 3)?;
    // Longer than it takes to notice that a node is gone.
    sleep(PULLED);
    pair.talk("long without a node", 3)?;
    tell("node gone for good", "direct", ("direct", &pair.bob.path_to(&pair.alice)?), start.elapsed());
    Ok(())
}

#[test]
#[allow(clippy::disallowed_methods, reason = "how long it takes is told, and decides nothing")]
fn what_was_said_while_a_cable_was_out_arrives_when_it_is_back() -> io::Result<()> {
    let Some(mut pair) = Pair::new([Router::Preserving; 2], [QUIC, QUIC], 1)? else { return Ok(()) };
    pair.meet("cable out: before", "direct")?;
    pair.town.pull(1)?;
    pair.alice.says(&pair.conversation, "can you hear me?")?;
    pair.bob.says(&pair.conversation, "I hear nothing")?;
    sleep(PULLED);
    pair.town.plug(1)?;
    let start = Instant::now();
    pair.bob.sees(&pair.conversation, "can you hear me?")?;
    pair.alice.sees(&pair.conversation, "I hear nothing")?;
    let took = start.elapsed();
    pair.bob.comes_to(&pair.alice, "direct")?;
    tell("cable out for 14 s", "direct", (&pair.bob.path_to(&pair.alice)?, "direct"), took);
    pair.talk("after the cable was out", 3)
}

#[test]
#[allow(clippy::disallowed_methods, reason = "how long it takes is told, and decides nothing")]
fn a_peer_that_was_killed_is_found_again_under_its_name() -> io::Result<()> {
    let Some(mut pair) = Pair::new([Router::Preserving; 2], [QUIC, QUIC], 1)? else { return Ok(()) };
    pair.meet("peer killed: before", "direct")?;
    pair.bob.kill9()?;
    pair.alice.says(&pair.conversation, "are you still there?")?;
    let start = Instant::now();
    pair.serve_bob()?;
    pair.bob.sees(&pair.conversation, "are you still there?")?;
    let took = start.elapsed();
    pair.bob.comes_to(&pair.alice, "direct")?;
    tell("peer killed and started again", "direct", (&pair.bob.path_to(&pair.alice)?, "direct"), took);
    pair.talk("after one was killed", 3)
}

/// Alice invites and goes; carol, who is a member, answers whoever comes with alice's link.
#[test]
#[allow(clippy::disallowed_methods, reason = "how long it takes is told, and decides nothing")]
fn any_member_who_is_there_answers_who_comes_with_a_link() -> io::Result<()> {
    let Some(town) = possible(Town::new(&[Router::Symmetric; 3], 1))? else { return Ok(()) };
    let node = start_node(&town, 0)?;
    let mut peers = Vec::new();
    for (number, name) in ["alice", "bob", "carol"].into_iter().enumerate() {
        let peer = Peer::new(name)?.at(&town.home(number));
        peer.uses(&node.address("quic-v1")?)?;
        peers.push(peer);
    }
    let conversation = peers[0].begins("the open door")?;
    // Nobody serves yet, and still the link leads to alice.
    let link = peers[0].invite(&conversation)?;
    for who in [0, 2] {
        peers[who].serve_with(&options(QUIC))?;
        peers[who].is_reachable()?;
    }
    peers[2].joins(&link)?;
    peers[2].enters(&conversation)?;
    let link = peers[0].invite(&conversation)?;
    peers[0].says(&conversation, "I am off")?;
    peers[2].sees(&conversation, "I am off")?;
    peers[0].stop()?;
    let start = Instant::now();
    peers[1].serve_with(&options(QUIC))?;
    peers[1].joins(&link)?;
    peers[1].enters(&conversation)?;
    peers[1].sees(&conversation, "I am off")?;
    let path = peers[1].path_to(&peers[2])?;
    tell("who invited is away", "relayed", ("relayed", &path), start.elapsed());
    Ok(())
}
