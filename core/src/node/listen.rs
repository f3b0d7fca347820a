//! Where we listen: at each start where we did last, so that others find us where they knew us.
//!
//! ```text
//! <home>/listen   sealed: addresses where we listened last, one a line; may be deleted
//! ```

use std::fs;
use std::path::Path;

use super::nodes::Nodes;
use super::{Network, NodeError, Vault, home};
use crate::id::Address;
use crate::identity::Profile;
use crate::net::{Net, NetConfig, NetEvents};

const PLACE: [&[u8]; 2] = [b"file", b"listen"];

/// Starts the network where we listened last, so that others find us; somewhere else if that is taken.
pub(super) fn start(
    home: &Path,
    vault: &Vault,
    profile: &Profile,
    network: &Network,
    nodes: &Nodes,
) -> Result<(Net, NetEvents), NodeError> {
    let [a, b, c, d, e, f, g, h] = home::random()?;
    let boot = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    let config = |listen| NetConfig {
        secret: *profile.transport_seed().expose(),
        listen,
        mdns: network.mdns,
        boot,
        nodes: nodes.all(),
        roots: network.roots.clone(),
        circle: network.circle,
        upnp: network.upnp && !nodes.all().is_empty(),
    };
    if !network.listen.is_empty() {
        return Ok(Net::start(config(network.listen.clone()))?);
    }
    match Net::start(config(listened(home, vault))) {
        Ok(started) => Ok(started),
        Err(error) => {
            tracing::info!("listening elsewhere than last time: {error}");
            Ok(Net::start(config(Vec::new()))?)
        }
    }
}

/// Returns where we listened last, so that others find us where they knew us.
fn listened(home: &Path, vault: &Vault) -> Vec<Address> {
    let sealed = fs::read(home.join("listen")).unwrap_or_default();
    let text = vault.open(&PLACE, &sealed).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    text.lines().filter(|line| !line.is_empty()).map(|line| Address(line.to_owned())).collect()
}

/// Notes where we listen: our ports at any address.
pub(super) fn note(home: &Path, vault: &Vault, listening: &[Address]) {
    let mut anywhere: Vec<String> = listening.iter().filter_map(at_any_address).collect();
    anywhere.sort();
    anywhere.dedup();
    if let Err(error) = fs::write(home.join("listen"), vault.seal(&PLACE, anywhere.join("\n").as_bytes())) {
        tracing::debug!(%error, "where we listen was not noted");
    }
}

/// Replaces the host of an address by "any": interfaces come and go, the port is what others know.
fn at_any_address(address: &Address) -> Option<String> {
    // A way over a node, and what a node or the router said of us, is no port of ours.
    if address.0.contains("/p2p-circuit") {
        return None;
    }
    let port = |rest: &str| rest.split_once('/').map(|(_, port)| port.to_owned());
    match (address.0.strip_prefix("/ip4/"), address.0.strip_prefix("/ip6/")) {
        (Some(rest), _) => Some(format!("/ip4/0.0.0.0/{}", port(rest)?)),
        (_, Some(rest)) => Some(format!("/ip6/::/{}", port(rest)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_port_of_an_address_is_noted() {
        let noted = |address: &str| at_any_address(&Address(address.into()));
        assert_eq!(noted("/ip4/192.0.2.7/udp/4001/quic-v1").as_deref(), Some("/ip4/0.0.0.0/udp/4001/quic-v1"));
        assert_eq!(noted("/ip6/2001:db8::7/tcp/4001").as_deref(), Some("/ip6/::/tcp/4001"));
        assert_eq!(noted("/ip4/192.0.2.7/tcp/4001/p2p/x/p2p-circuit"), None);
        assert_eq!(noted("/dns/example.org/tcp/443/wss"), None);
    }
}
