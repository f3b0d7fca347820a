//! The files of a home that are not the store's: who we are, which instance of the home this is, and where we listened.
//!
//! ```text
//! <home>/identity   version u8 (1) ‖ postcard(Identity); secret, mode 0600
//! <home>/listen     addresses where we listened last, one a line; may be deleted
//! ```

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::NodeError;
use crate::authority::MAX_NAME;
use crate::crypto;
use crate::id::{Address, DeviceId, PeerId};
use crate::identity::Identity;

const VERSION: u8 = 1;

/// Who was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The name.
    pub name: String,
    /// The device.
    pub device: DeviceId,
    /// The peer's name on the network.
    pub peer: PeerId,
}

/// Makes a home and an identity in it.
///
/// # Errors
/// When somebody lives there already, the name cannot be used, or the folder cannot be written.
pub fn init(home: &Path, name: &str) -> Result<Identified, NodeError> {
    let name = name.trim();
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(NodeError::BadName);
    }
    let failed = |error: std::io::Error| NodeError::Io(format!("cannot write {}: {error}", home.display()));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(home).map_err(failed)?;
    let identity = Identity::new(name.to_owned(), random()?, random()?);
    let bytes = postcard::to_extend(&identity, vec![VERSION]).map_err(|error| NodeError::Io(error.to_string()))?;
    let path = home.join("identity");
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let mut file = file.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => NodeError::HomeExists(home.to_owned()),
        _ => failed(error),
    })?;
    let written = file.write_all(&bytes).and_then(|()| file.sync_all()).and_then(|()| fs::File::open(home)?.sync_all());
    if let Err(error) = written {
        // Half an identity would be in the way of the next attempt.
        fs::remove_file(&path).ok();
        return Err(failed(error));
    }
    Ok(identified(&identity))
}

pub(super) fn identified(identity: &Identity) -> Identified {
    Identified {
        name: identity.name.clone(),
        device: identity.device_key().device(),
        peer: crate::net::peer_of(identity.transport_seed()),
    }
}

pub(super) fn load(home: &Path) -> Result<Identity, NodeError> {
    let path = home.join("identity");
    let bytes = fs::read(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => NodeError::NoHome(home.to_owned()),
        _ => NodeError::Io(format!("cannot read {}: {error}", path.display())),
    })?;
    match bytes.split_first() {
        Some((&VERSION, bytes)) => postcard::from_bytes(bytes).map_err(|_| NodeError::BadIdentity(path)),
        _ => Err(NodeError::BadIdentity(path)),
    }
}

/// Names this instance of the home: the same files on the same running machine.
///
/// A copy has another inode, a restored backup or a clone of the machine another boot id.
pub(super) fn instance(home: &Path) -> Result<[u8; 32], NodeError> {
    let journal = home.join("journal");
    let of = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino()));
    let (device, inode) = of(&journal).map_err(|error| NodeError::Io(format!("{}: {error}", journal.display())))?;
    // Where the system tells no boot id, each start counts as another instance: a little larger, never wrong.
    let boot = match fs::read("/proc/sys/kernel/random/boot_id") {
        Ok(boot) => boot,
        Err(_) => random::<16>()?.to_vec(),
    };
    Ok(crypto::hash("bayou/1/instance", &[&device.to_be_bytes(), &inode.to_be_bytes(), &boot]))
}

/// Returns random bytes of the system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], NodeError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| NodeError::Io(format!("the system gives no randomness: {error}")))?;
    Ok(bytes)
}

/// Returns where we listened last, so that others find us where they knew us.
pub(super) fn listened(home: &Path) -> Vec<Address> {
    let text = fs::read_to_string(home.join("listen")).unwrap_or_default();
    text.lines().filter(|line| !line.is_empty()).map(|line| Address(line.to_owned())).collect()
}

/// Notes where we listen: our ports at any address.
pub(super) fn note_listening(home: &Path, listening: &[Address]) {
    let mut anywhere: Vec<String> = listening.iter().filter_map(at_any_address).collect();
    anywhere.sort();
    anywhere.dedup();
    if let Err(error) = fs::write(home.join("listen"), anywhere.join("\n")) {
        tracing::debug!(%error, "where we listen was not noted");
    }
}

/// Replaces the host of an address by "any": interfaces come and go, the port is what others know.
fn at_any_address(address: &Address) -> Option<String> {
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
        assert_eq!(noted("/dns/example.org/tcp/443/wss"), None);
    }
}
