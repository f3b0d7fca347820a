//! Where we listen: at the same place as last time, if it is free.

use std::path::Path;

use super::nodes::Nodes;
use super::{Network, NodeError, Vault, home};
use crate::identity::Profile;
use crate::net::{Net, NetConfig, NetEvents};

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
    match Net::start(config(home::listened(home, vault))) {
        Ok(started) => Ok(started),
        Err(error) => {
            tracing::info!("listening elsewhere than last time: {error}");
            Ok(Net::start(config(Vec::new()))?)
        }
    }
}
