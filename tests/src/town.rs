//! Homes behind routers, and nodes on the street that joins them: a small internet of network namespaces.
//!
//! ```text
//!   home 0                router 0                  street                 node 0
//!   by…-h0                by…-r0                    by…-street             by…-n0
//!   eth0 10.1.0.2 ─────── lan 10.1.0.1
//!                         eth0 45.0.0.11 ────────── bridge ─────────────── eth0 45.0.0.1
//!   home 1                router 1                  │
//!   eth0 10.2.0.2 ─────── lan, eth0 45.0.0.12 ──────┘
//! ```
//!
//! Each router lets nobody in who was not asked, as routers at home do, and translates addresses by iptables. The street's
//! addresses count as public ones: ports are opened for no others. They lead nowhere, as nothing leads out of here.

use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::igd::Igd;
use crate::lan::ip;

/// What a router does with the ports of what goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Router {
    /// It keeps them.
    Preserving,
    /// It puts others in their place, the same for every destination.
    Remapping,
    /// It puts others in their place, new ones for each destination.
    Symmetric,
    /// It keeps them, and lets out nothing but TCP to port 443.
    Captive,
    /// The same, and looks into it: what does not begin as TLS does is dropped.
    Inspecting,
    /// It keeps them, and opens ports when it is asked to by UPnP.
    Igd,
    /// It keeps them, and what comes to UDP port 4001 it passes on to the home.
    Forwarding,
}

/// What goes out by a router that looks into it: connections whose first bytes are those of TLS, and packets that only
/// open or acknowledge.
const INSPECTION: [&str; 4] = [
    "-p tcp --dport 443 -m u32 --u32 0>>22&0x3C@12>>26&0x3C@0>>16=0x1603 -j CONNMARK --set-mark 1",
    "-m connmark --mark 1 -j ACCEPT",
    "-p tcp --dport 443 -m length --length 0:60 -j ACCEPT",
    "-j DROP",
];

/// The street with all that stands on it; taken down when dropped.
pub struct Town {
    name: String,
    homes: usize,
    nodes: usize,
    /// The daemons of routers that open ports.
    igds: Vec<Igd>,
}

impl Town {
    /// Sets up a home behind each of the routers, and so many nodes.
    ///
    /// # Errors
    /// When this machine lets us make no namespaces, or has no iptables; the message says why.
    pub fn new(routers: &[Router], nodes: usize) -> io::Result<Town> {
        // Unique among the towns of this process, and among processes.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("bt{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut town = Town { name, homes: routers.len(), nodes, igds: Vec::new() };
        let street = town.street();
        ip(&format!("netns add {street}"))?;
        ip(&format!("-n {street} link add br0 type bridge"))?;
        ip(&format!("-n {street} link set br0 up"))?;
        for number in 0..nodes {
            town.put(&town.node(number), &format!("n{number}"), &Town::node_address(number))?;
        }
        for (number, router) in routers.iter().enumerate() {
            town.build(number, *router)?;
        }
        Ok(town)
    }

    /// Returns the namespace of a home, counted from 0.
    pub fn home(&self, number: usize) -> String {
        format!("{}-h{number}", self.name)
    }

    /// Returns the namespace of a node, counted from 0.
    pub fn node(&self, number: usize) -> String {
        format!("{}-n{number}", self.name)
    }

    /// Returns the address of a node.
    pub fn node_address(number: usize) -> String {
        format!("45.0.0.{}", number + 1)
    }

    /// Returns the address of a router on the street.
    pub fn router_address(number: usize) -> String {
        format!("45.0.0.{}", number + 11)
    }

    /// Carries the machine of a home to another house: from now on it is behind that router.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn moves(&self, home: usize, router: usize) -> io::Result<()> {
        let (home, gate, inside) = (self.home(home), self.router(router), router + 1);
        ip(&format!("-n {home} link set eth0 down"))?;
        ip(&format!("-n {gate} link add guest type veth peer name eth1 netns {home}"))?;
        ip(&format!("-n {gate} addr add 10.{inside}.1.1/24 dev guest"))?;
        ip(&format!("-n {gate} link set guest up"))?;
        ip(&format!("-n {home} addr add 10.{inside}.1.2/24 dev eth1"))?;
        ip(&format!("-n {home} link set eth1 up"))?;
        ip(&format!("-n {home} route add default via 10.{inside}.1.1"))
    }

    /// Pulls the cable between a home and its router.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn pull(&self, home: usize) -> io::Result<()> {
        ip(&format!("-n {} link set lan down", self.router(home)))
    }

    /// Puts the cable back.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn plug(&self, home: usize) -> io::Result<()> {
        ip(&format!("-n {} link set lan up", self.router(home)))
    }

    fn build(&mut self, number: usize, router: Router) -> io::Result<()> {
        let (home, gate, inside) = (self.home(number), self.router(number), number + 1);
        let outside = Town::router_address(number);
        self.put(&gate, &format!("r{number}"), &outside)?;
        ip(&format!("netns add {home}"))?;
        ip(&format!("-n {home} link set lo up"))?;
        ip(&format!("-n {gate} link add lan type veth peer name eth0 netns {home}"))?;
        ip(&format!("-n {gate} addr add 10.{inside}.0.1/24 dev lan"))?;
        ip(&format!("-n {gate} link set lan up"))?;
        ip(&format!("-n {home} addr add 10.{inside}.0.2/24 dev eth0"))?;
        ip(&format!("-n {home} link set eth0 up"))?;
        ip(&format!("-n {home} route add default via 10.{inside}.0.1"))?;
        inside_of(&gate, "sysctl -qw net.ipv4.ip_forward=1")?;
        self.rule(number, router, &gate)
    }

    /// Gives a router its rules.
    fn rule(&mut self, number: usize, router: Router, gate: &str) -> io::Result<()> {
        let (outside, home) = (Town::router_address(number), format!("10.{}.0.2", number + 1));
        let translate = "iptables -t nat -A POSTROUTING -o eth0";
        match router {
            Router::Symmetric => inside_of(gate, &format!("{translate} -j MASQUERADE --random-fully"))?,
            Router::Remapping => {
                for protocol in ["udp", "tcp"] {
                    let ports = format!("-p {protocol} -j SNAT --to-source {outside}:20000-20999");
                    inside_of(gate, &format!("{translate} {ports}"))?;
                }
            }
            _ => inside_of(gate, &format!("{translate} -j MASQUERADE"))?,
        }
        let rules: &[&str] = match router {
            Router::Captive => &["-p tcp --dport 443 -j ACCEPT", "-j DROP"],
            Router::Inspecting => &INSPECTION,
            _ => &[],
        };
        for rule in rules {
            inside_of(gate, &format!("iptables -A FORWARD -i lan {rule}"))?;
        }
        if router == Router::Igd {
            self.igds.push(Igd::start(gate)?);
        }
        if router == Router::Forwarding {
            let forward = format!("-i eth0 -p udp --dport 4001 -j DNAT --to-destination {home}");
            inside_of(gate, &format!("iptables -t nat -A PREROUTING {forward}"))?;
        }
        if matches!(router, Router::Igd | Router::Forwarding) {
            inside_of(gate, "iptables -A FORWARD -i eth0 -m conntrack --ctstate DNAT -j ACCEPT")?;
        }
        for way in ["FORWARD", "INPUT"] {
            let answers = format!("iptables -A {way} -i eth0 -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT");
            inside_of(gate, &answers)?;
            inside_of(gate, &format!("iptables -A {way} -i eth0 -j DROP"))?;
        }
        Ok(())
    }

    /// Puts a namespace on the street.
    fn put(&self, host: &str, port: &str, address: &str) -> io::Result<()> {
        let street = self.street();
        ip(&format!("netns add {host}"))?;
        ip(&format!("-n {host} link set lo up"))?;
        ip(&format!("-n {street} link add {port} type veth peer name eth0 netns {host}"))?;
        ip(&format!("-n {street} link set {port} master br0 up"))?;
        ip(&format!("-n {host} addr add {address}/24 dev eth0"))?;
        ip(&format!("-n {host} link set eth0 up"))
    }

    fn router(&self, number: usize) -> String {
        format!("{}-r{number}", self.name)
    }

    fn street(&self) -> String {
        format!("{}-street", self.name)
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        // Some may not exist if setting up failed half-way; the rest must go all the same.
        let homes = (0..self.homes).flat_map(|number| [self.home(number), self.router(number)]);
        let nodes = (0..self.nodes).map(|number| self.node(number));
        for host in homes.chain(nodes).chain([self.street()]) {
            ip(&format!("netns del {host}")).ok();
        }
    }
}

fn inside_of(host: &str, command: &str) -> io::Result<()> {
    let output = Command::new("ip").args(["netns", "exec", host]).args(command.split(' ')).output()?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{command}: {}", complaint.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_reach_the_nodes_and_nobody_reaches_a_home() {
        let Ok(town) = Town::new(&[Router::Preserving, Router::Symmetric], 1) else {
            println!("skipped: this machine lets us make no network namespaces, or has no iptables");
            return;
        };
        let reaches = |host: &str, address: &str| {
            let script = format!("echo hello > /dev/udp/{address}/9 && exec 3<>/dev/tcp/{address}/7");
            let mut bash = Command::new("timeout");
            bash.args(["1", "ip", "netns", "exec", host, "bash", "-c", &script]).output().unwrap()
        };
        // Nobody listens there, and says so: that is an answer.
        let answer = reaches(&town.home(0), &Town::node_address(0));
        assert!(String::from_utf8_lossy(&answer.stderr).contains("refused"), "{answer:?}");
        let silence = reaches(&town.node(0), "45.0.0.12");
        assert_eq!(silence.status.code(), Some(124), "{silence:?}");
    }
}
