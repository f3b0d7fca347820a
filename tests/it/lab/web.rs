//! Networks that let only the web through.

use std::io;
use std::time::Instant;

use bayou_tests::certificate::Certificate;
use bayou_tests::node::Node;
use bayou_tests::process::Peer;
use bayou_tests::town::{Router, Town};

use super::possible;
use super::routers::{QUIC, TCP, options, tell};

/// Bob sits where only TLS goes out, to port 443, and a box looks into each connection whether it is that. Of two nodes the
/// one that speaks plain WebSocket there is not reached; the other is, and so he is, too.
#[test]
#[allow(clippy::disallowed_methods, reason = "how long it takes is told, and decides nothing")]
fn a_network_that_lets_only_tls_out_is_left_by_wss() -> io::Result<()> {
    let Some(town) = possible(Town::new(&[Router::Preserving, Router::Inspecting], 2))? else { return Ok(()) };
    let certificate = Certificate::of(&[&Town::node_address(0)])?;
    let at = |number: usize, way: &str| format!("/ip4/{}/{way}", Town::node_address(number));
    let listen = [at(0, "udp/4001/quic-v1"), at(0, "tcp/443/tls/ws")];
    let node = Node::start_with(&town.node(0), &listen, &certificate.settings())?;
    let plain = Node::start(&town.node(1), &[at(1, "tcp/443/ws")])?;

    let (mut alice, mut bob) = (Peer::new("alice")?.at(&town.home(0)), Peer::new("bob")?.at(&town.home(1)));
    let conversation = alice.begins("out of the cage")?;
    alice.says(&conversation, "who comes?")?;
    alice.uses(&node.address("quic-v1")?)?;
    alice.serve_with(&options(QUIC))?;
    alice.is_reachable()?;

    bob.uses(&node.address("/tls/ws")?)?;
    bob.uses(&plain.address("/ws")?)?;
    let mut trusting = options(&format!("{QUIC} {TCP}"));
    trusting.extend(["--tls-roots".into(), certificate.chain().display().to_string()]);
    bob.serve_with(&trusting)?;
    bob.address_on("/tls/ws/p2p/")?;

    let start = Instant::now();
    bob.joins(&alice.invite(&conversation)?)?;
    bob.enters(&conversation)?;
    bob.sees(&conversation, "who comes?")?;
    let took = start.elapsed();
    bob.says(&conversation, "it is me")?;
    alice.sees(&conversation, "it is me")?;
    let path = bob.path_to(&alice)?;
    tell("only TLS to port 443", "relayed", (&path, &path), took);
    assert_eq!(path, "relayed");

    let nodes = bob.command(&["node", "list"])?;
    let (secured, not) = (&nodes[0]["nodes"][0], &nodes[0]["nodes"][1]);
    assert_eq!((&secured["reachable"], &not["reachable"]), (&true.into(), &false.into()), "{nodes:?}");
    Ok(())
}
