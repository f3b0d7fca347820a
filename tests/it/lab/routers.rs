//! Two homes behind routers that have never met, one node, one invite link.
//!
//! Each story prints a line: its name, the path that is expected in the end, the path over which the first message came, the
//! path in the end, and how long after `bayou join` the first message was read.

use std::io;
use std::time::{Duration, Instant};

use bayou_tests::node::Node;
use bayou_tests::process::Peer;
use bayou_tests::town::{Router, Town};

use super::possible;

pub(super) const QUIC: &str = "/ip4/0.0.0.0/udp/0/quic-v1";
pub(super) const TCP: &str = "/ip4/0.0.0.0/tcp/0";

/// Two peers in a town, and the node that both use.
pub(super) struct Pair {
    // Dropped in this order: the town last.
    pub(super) alice: Peer,
    pub(super) bob: Peer,
    pub(super) nodes: Vec<Node>,
    pub(super) town: Town,
    pub(super) conversation: String,
    listen: [String; 2],
    /// Whether they ask their routers for a way in.
    asks: bool,
}

impl Pair {
    /// Lets alice begin a conversation and serve behind the first router; bob serves behind the second, and knows nothing.
    pub(super) fn new<const N: usize>(
        routers: [Router; N],
        listen: [&str; 2],
        nodes: usize,
    ) -> io::Result<Option<Pair>> {
        Pair::begin(&routers, listen, nodes, false)
    }

    /// As [`Pair::new`], and both ask their routers for a way in.
    pub(super) fn asking(routers: [Router; 2], listen: [&str; 2], nodes: usize) -> io::Result<Option<Pair>> {
        Pair::begin(&routers, listen, nodes, true)
    }

    fn begin(routers: &[Router], listen: [&str; 2], nodes: usize, asks: bool) -> io::Result<Option<Pair>> {
        let Some(town) = possible(Town::new(routers, nodes))? else { return Ok(None) };
        let started: io::Result<Vec<Node>> = (0..nodes).map(|number| start_node(&town, number)).collect();
        let (alice, bob) = (Peer::new("alice")?.at(&town.home(0)), Peer::new("bob")?.at(&town.home(1)));
        let conversation = alice.begins("over the street")?;
        alice.says(&conversation, "who comes?")?;
        let listen = listen.map(Into::into);
        let mut pair = Pair { alice, bob, nodes: started?, town, conversation, listen, asks };
        for node in &pair.nodes {
            for (peer, listen) in [&pair.alice, &pair.bob].into_iter().zip(&pair.listen) {
                // Who listens by TCP alone cannot use UDP, or would.
                let ways: &[&str] =
                    if listen == TCP { &["/tcp/4001/p2p"] } else { &["quic-v1", "/tcp/4001/p2p", "/ws"] };
                ways.iter().try_for_each(|way| peer.uses(&node.address(way)?))?;
            }
        }
        pair.serve_alice()?;
        pair.serve_bob()?;
        Ok(Some(pair))
    }

    pub(super) fn serve_alice(&mut self) -> io::Result<()> {
        self.alice.serve_with(&self.options(0))?;
        self.alice.is_reachable()
    }

    pub(super) fn serve_bob(&mut self) -> io::Result<()> {
        self.bob.serve_with(&self.options(1))?;
        self.bob.is_reachable()
    }

    fn options(&self, who: usize) -> Vec<String> {
        let mut options = options(&self.listen[who]);
        options.retain(|option| option != "--no-upnp" || !self.asks);
        options
    }

    /// Lets bob come by a link, and prints how it went.
    #[allow(clippy::disallowed_methods, reason = "how long it takes is told, and decides nothing")]
    pub(super) fn meet(&mut self, name: &str, expected: &str) -> io::Result<()> {
        let link = self.alice.invite(&self.conversation)?;
        let start = Instant::now();
        self.bob.joins(&link)?;
        self.bob.enters(&self.conversation)?;
        self.bob.sees(&self.conversation, "who comes?")?;
        let took = start.elapsed();
        let first = self.bob.path_to(&self.alice)?;
        if expected == "direct" {
            self.bob.comes_to(&self.alice, "direct")?;
            self.alice.comes_to(&self.bob, "direct")?;
        }
        self.talk("met", 5)?;
        let last = self.bob.path_to(&self.alice)?;
        tell(name, expected, (&first, &last), took);
        assert_eq!(last, expected, "{name}");
        Ok(())
    }

    /// Lets both say some words, each seen by the other, and the timelines be equal.
    pub(super) fn talk(&mut self, about: &str, rounds: usize) -> io::Result<()> {
        for round in 0..rounds {
            let (one, other) = (format!("{about} {round}, says alice"), format!("{about} {round}, says bob"));
            self.alice.says(&self.conversation, &one)?;
            self.bob.says(&self.conversation, &other)?;
            self.bob.sees(&self.conversation, &one)?;
            self.alice.sees(&self.conversation, &other)?;
        }
        assert_eq!(self.alice.timeline(&self.conversation)?, self.bob.timeline(&self.conversation)?);
        Ok(())
    }
}

pub(super) fn options(listen: &str) -> Vec<String> {
    let mut options: Vec<String> = ["--no-mdns", "--no-upnp"].map(Into::into).into();
    options.extend(listen.split(' ').flat_map(|address| ["--listen".into(), address.into()]));
    options
}

pub(super) fn start_node(town: &Town, number: usize) -> io::Result<Node> {
    let at = Town::node_address(number);
    let listen = ["udp/4001/quic-v1", "tcp/4001", "tcp/443/ws"].map(|rest| format!("/ip4/{at}/{rest}"));
    Node::start(&town.node(number), &listen)
}

pub(super) fn tell(name: &str, expected: &str, (first, last): (&str, &str), took: Duration) {
    println!("lab: {name}: expected {expected}, first over {first}, in the end {last}, {} ms", took.as_millis());
}

fn meets(name: &str, routers: [Router; 2], listen: &str, expected: &str) -> io::Result<()> {
    match Pair::new(routers, [listen, listen], 1)? {
        Some(mut pair) => pair.meet(name, expected),
        None => Ok(()),
    }
}

#[test]
fn routers_that_keep_ports_are_punched_by_quic() -> io::Result<()> {
    meets("port-preserving, QUIC", [Router::Preserving; 2], QUIC, "direct")
}

#[test]
fn routers_that_keep_ports_are_punched_by_tcp() -> io::Result<()> {
    meets("port-preserving, TCP", [Router::Preserving; 2], TCP, "direct")
}

#[test]
fn routers_that_change_ports_are_punched_by_quic() -> io::Result<()> {
    meets("port-remapping, QUIC", [Router::Remapping; 2], QUIC, "direct")
}

#[test]
fn routers_that_change_ports_are_punched_by_tcp() -> io::Result<()> {
    meets("port-remapping, TCP", [Router::Remapping; 2], TCP, "direct")
}

#[test]
fn symmetric_routers_leave_quic_to_the_relay() -> io::Result<()> {
    meets("symmetric, QUIC", [Router::Symmetric; 2], QUIC, "relayed")
}

#[test]
fn symmetric_routers_leave_tcp_to_the_relay() -> io::Result<()> {
    meets("symmetric, TCP", [Router::Symmetric; 2], TCP, "relayed")
}

#[test]
fn one_symmetric_router_leaves_quic_to_the_relay() -> io::Result<()> {
    meets("symmetric and port-preserving, QUIC", [Router::Symmetric, Router::Preserving], QUIC, "relayed")
}

#[test]
fn a_network_that_lets_only_the_web_out_is_left_by_websocket() -> io::Result<()> {
    let both = format!("{QUIC} {TCP}");
    meets("only TCP to port 443", [Router::Preserving, Router::Captive], &both, "relayed")
}
