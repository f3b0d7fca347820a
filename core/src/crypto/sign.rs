//! Ed25519 signatures, each under a context so that a signature for one purpose is never one for another.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::id::DeviceId;

/// A signature: 64 bytes (RFC 8032).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signature(#[serde(with = "serde_bytes")] pub [u8; 64]);

impl Signature {
    /// Stands where a signature will be. Never valid.
    pub const NONE: Signature = Signature([0; 64]);
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(…)")
    }
}

/// The signature does not belong to these bytes and this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not valid")]
pub struct BadSignature;

/// The secret key of this device. Never leaves it; prints as redacted.
#[derive(Clone)]
pub struct DeviceKey(SigningKey);

impl DeviceKey {
    /// Makes the key that belongs to a seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        DeviceKey(SigningKey::from_bytes(seed))
    }

    /// Returns the public key.
    pub fn device(&self) -> DeviceId {
        DeviceId(self.0.verifying_key().to_bytes())
    }

    /// Signs the concatenation of `context` and `parts`. The same rule for delimiting as in [`hash`](super::hash()).
    pub fn sign(&self, context: &'static str, parts: &[&[u8]]) -> Signature {
        Signature(self.0.sign(&message(context, parts)).to_bytes())
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey({}, redacted)", self.device().fmt_short())
    }
}

/// Checks a signature, strictly: no weak keys, no malleable encodings, so that all peers judge alike.
///
/// # Errors
/// [`BadSignature`] when it was not made by `device` over `context` and `parts`.
pub fn verify(
    device: &DeviceId,
    context: &'static str,
    parts: &[&[u8]],
    signature: &Signature,
) -> Result<(), BadSignature> {
    let key = VerifyingKey::from_bytes(&device.0).map_err(|_| BadSignature)?;
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    key.verify_strict(&message(context, parts), &signature).map_err(|_| BadSignature)
}

fn message(context: &'static str, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(context.len() + 1 + parts.iter().map(|p| p.len()).sum::<usize>());
    bytes.extend_from_slice(context.as_bytes());
    bytes.push(0);
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}
