//! A local network of its own: hosts as network namespaces on one bridge, without a default route, so without internet.
//!
//! ```text
//!   by4711-0-h0        by4711-0-h1        by4711-0-h2         one namespace each, with only `lo` and `eth0`
//!     eth0 10.77.0.10    eth0 10.77.0.11    eth0 10.77.0.12
//!       └──────────┐        │        ┌──────────┘
//!                  p0 ── br0 ── p2                            namespace by4711-0-br; nothing leads out of it
//! ```

use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A network; taken down when dropped.
pub struct Lan {
    name: String,
    hosts: usize,
}

impl Lan {
    /// Sets up a network with so many hosts.
    ///
    /// # Errors
    /// When this machine lets us make no namespaces; the message says why.
    pub fn new(hosts: usize) -> io::Result<Lan> {
        // Unique among the networks of this process, and among processes.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("by{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let lan = Lan { name, hosts };
        let bridge = lan.bridge();
        ip(&format!("netns add {bridge}"))?;
        // Without snooping, multicast reaches every port at once: mDNS needs no querier.
        ip(&format!("-n {bridge} link add br0 type bridge mcast_snooping 0"))?;
        ip(&format!("-n {bridge} link set br0 up"))?;
        for number in 0..hosts {
            lan.add(number)?;
        }
        Ok(lan)
    }

    /// Returns the namespace of a host, counted from 0.
    pub fn host(&self, number: usize) -> String {
        format!("{}-h{number}", self.name)
    }

    /// Returns the address of a host.
    pub fn address(number: usize) -> String {
        format!("10.77.0.{}", number + 10)
    }

    fn add(&self, number: usize) -> io::Result<()> {
        let (host, bridge, address) = (self.host(number), self.bridge(), Lan::address(number));
        ip(&format!("netns add {host}"))?;
        ip(&format!("-n {host} link set lo up"))?;
        ip(&format!("-n {bridge} link add p{number} type veth peer name eth0 netns {host}"))?;
        ip(&format!("-n {bridge} link set p{number} master br0 up"))?;
        ip(&format!("-n {host} addr add {address}/24 dev eth0"))?;
        ip(&format!("-n {host} link set eth0 up"))
    }

    fn bridge(&self) -> String {
        format!("{}-br", self.name)
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        // Some may not exist if setting up failed half-way; the rest must go all the same.
        for number in 0..self.hosts {
            ip(&format!("netns del {}", self.host(number))).ok();
        }
        ip(&format!("netns del {}", self.bridge())).ok();
    }
}

pub(crate) fn ip(arguments: &str) -> io::Result<()> {
    let output = Command::new("ip").args(arguments.split(' ')).output()?;
    if output.status.success() {
        Ok(())
    } else {
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!("ip {arguments}: {}", complaint.trim())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_reach_each_other_and_leave_nothing_behind() {
        let Ok(lan) = Lan::new(2) else {
            println!("skipped: this machine lets us make no network namespaces");
            return;
        };
        let neighbours = |host: &str| {
            let output = Command::new("ip").args(["-n", host, "route", "show"]).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let (first, name) = (lan.host(0), lan.name.clone());
        assert!(neighbours(&first).contains("10.77.0.0/24"), "{}", neighbours(&first));
        assert!(!neighbours(&first).contains("default"), "{}", neighbours(&first));
        drop(lan);
        let left = Command::new("ip").args(["netns", "list"]).output().unwrap();
        assert!(!String::from_utf8(left.stdout).unwrap().contains(&name));
    }
}
