//! Who we are, and how others come to us: this device's identity, and links that invite to a conversation.
//!
//! Today an identity is one device with a name. Users with a recovery phrase and several devices, certificates and
//! verification come next; they belong in this room.

mod invite;

pub use invite::{BadInvite, Invite};

use serde::{Deserialize, Serialize};

use crate::crypto::{DeviceKey, Secret};

/// The identity of a home, as it is kept. Secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct Identity {
    /// What the person calls themselves.
    pub name: String,
    /// The seed of the device key.
    device: Secret,
    /// The seed of the transport key. Not the device's: others learn which device it is only on a link.
    transport: Secret,
}

impl Identity {
    /// Makes an identity from two random seeds.
    pub fn new(name: String, device: [u8; 32], transport: [u8; 32]) -> Self {
        Identity { name, device: Secret::new(device), transport: Secret::new(transport) }
    }

    /// Returns the device key.
    pub fn device_key(&self) -> DeviceKey {
        DeviceKey::from_seed(self.device.expose())
    }

    /// Returns the seed of the transport key.
    pub fn transport_seed(&self) -> &[u8; 32] {
        self.transport.expose()
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(redacted)")
    }
}
