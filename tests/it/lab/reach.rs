//! Being reached without a relay, and again after moving to another network.

use std::io;
use std::time::Instant;

use bayou_tests::town::{Router, Town};

use super::routers::{Pair, QUIC, tell};

/// Nobody can punch through a symmetric router to one that keeps ports. But alice's router opens a port when it is asked to.
#[test]
#[allow(clippy::disallowed_methods, reason = "how long it takes is told, and decides nothing")]
fn a_router_that_is_asked_by_upnp_lets_peers_in() -> io::Result<()> {
    let Some(mut pair) = Pair::asking([Router::Igd, Router::Symmetric], [QUIC, QUIC], 1)? else { return Ok(()) };
    let start = Instant::now();
    let outside = pair.alice.address_on(&Town::router_address(0))?;
    tell("UPnP: a port is open", "direct", ("none", &outside), start.elapsed());
    pair.meet("UPnP", "direct")?;
    pair.nodes[0].kill9()?;
    pair.talk("without a node, over the open port", 3)
}

/// The same with a port that a person opened at the router: a node dials there, and says that it works.
#[test]
#[allow(clippy::disallowed_methods, reason = "how long it takes is told, and decides nothing")]
fn a_port_that_is_forwarded_is_confirmed_by_autonat_and_used() -> io::Result<()> {
    const FORWARDED: &str = "/ip4/0.0.0.0/udp/4001/quic-v1";
    let routers = [Router::Forwarding, Router::Symmetric];
    let Some(mut pair) = Pair::new(routers, [FORWARDED, QUIC], 1)? else { return Ok(()) };
    let start = Instant::now();
    let outside = pair.alice.address_on(&Town::router_address(0))?;
    tell("autonat: the forwarded port is confirmed", "direct", ("none", &outside), start.elapsed());
    pair.meet("a forwarded port", "direct")?;
    // Where nothing is forwarded, nothing is confirmed.
    let bob = pair.bob.command(&["status"])?;
    assert!(!bob[0]["addresses"].to_string().contains(&Town::router_address(1)), "{bob:?}");
    pair.nodes[0].kill9()?;
    pair.talk("without a node, over the forwarded port", 3)
}

/// Bob carries his machine to another house: other address, other router. The link comes back over the relay, and is punched
/// once more.
#[test]
#[allow(clippy::disallowed_methods, reason = "how long it takes is told, and decides nothing")]
fn who_moves_to_another_network_is_linked_again_and_punched_again() -> io::Result<()> {
    let Some(mut pair) = Pair::new([Router::Preserving; 3], [QUIC, QUIC], 1)? else { return Ok(()) };
    pair.meet("before moving", "direct")?;
    pair.town.moves(1, 2)?;
    pair.alice.says(&pair.conversation, "where are you?")?;
    let start = Instant::now();
    pair.bob.sees(&pair.conversation, "where are you?")?;
    let heard = start.elapsed();
    tell("moved to another network: heard again", "direct", ("relayed", "direct"), heard);
    pair.bob.is_back_on(&pair.alice, "direct")?;
    tell("moved to another network: direct again", "direct", ("relayed", "direct"), start.elapsed());
    pair.talk("after moving", 3)
}
