//! Sealing to a public key: HPKE base mode (RFC 9180), one suite: X25519-HKDF-SHA256, HKDF-SHA256, ChaCha20-Poly1305.
//!
//! ```text
//! box = version u8 (1) ‖ encapsulated key 32 ‖ ciphertext ‖ tag 16
//! ```
//!
//! Base mode proves nothing about who sealed; that is the business of the signed record around the box.

use std::fmt;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _};
use serde::{Deserialize, Serialize};

use super::{BadSeal, Entropy, Secret};

type Suite = X25519HkdfSha256;
type PrivateKey = <Suite as hpke::Kem>::PrivateKey;
type PublicKey = <Suite as hpke::Kem>::PublicKey;
type Encapsulated = <Suite as hpke::Kem>::EncappedKey;

const VERSION: u8 = 1;

/// By how many bytes a box is longer than what is in it.
pub const BOX_OVERHEAD: usize = 1 + 32 + 16;

/// A public key to which boxes are sealed: 32 bytes (RFC 7748).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BoxAddress(#[serde(with = "serde_bytes")] pub [u8; 32]);

/// The secret key that opens boxes.
#[derive(Clone)]
pub struct BoxKey {
    key: PrivateKey,
    address: BoxAddress,
}

impl BoxKey {
    /// Makes the key that belongs to a seed (RFC 9180, DeriveKeyPair).
    pub fn from_seed(seed: &Secret) -> Self {
        let (key, public) = Suite::derive_keypair(seed.expose());
        BoxKey { key, address: BoxAddress(public.to_bytes().into()) }
    }

    /// Returns the public key.
    pub fn address(&self) -> BoxAddress {
        self.address
    }

    /// Opens a box that was sealed to this key for `purpose` and `place`.
    ///
    /// # Errors
    /// [`BadSeal`] when it was not, or was changed.
    pub fn open(&self, purpose: &'static str, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, BadSeal> {
        let Some((&VERSION, rest)) = sealed.split_first() else { return Err(BadSeal) };
        let (key, text) = rest.split_first_chunk::<32>().ok_or(BadSeal)?;
        let key = Encapsulated::from_bytes(key).map_err(|_| BadSeal)?;
        let info = purpose.as_bytes();
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, Suite>(
            &OpModeR::Base,
            &self.key,
            &key,
            info,
            text,
            place,
        )
        .map_err(|_| BadSeal)
    }
}

impl fmt::Debug for BoxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxKey(redacted)")
    }
}

/// Seals `plain` so that only the key behind `to` opens it, for one purpose and place.
///
/// # Errors
/// [`BadSeal`] when `to` is not a usable public key.
pub fn seal_to(
    to: &BoxAddress,
    purpose: &'static str,
    place: &[u8],
    plain: &[u8],
    rng: &mut Entropy,
) -> Result<Vec<u8>, BadSeal> {
    let to = PublicKey::from_bytes(&to.0).map_err(|_| BadSeal)?;
    let (key, text) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, Suite>(
        &OpModeS::Base,
        &to,
        purpose.as_bytes(),
        plain,
        place,
        rng.source(),
    )
    .map_err(|_| BadSeal)?;
    Ok([&[VERSION], key.to_bytes().as_slice(), &text].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_opens_for_whom_it_was_sealed_and_where() {
        let mut rng = Entropy::from_seed([3; 32]);
        let (key, other) = (BoxKey::from_seed(&Secret::new([1; 32])), BoxKey::from_seed(&Secret::new([2; 32])));
        let sealed = seal_to(&key.address(), "test", b"here", b"plain", &mut rng).unwrap();
        assert_eq!(sealed.len(), 5 + BOX_OVERHEAD);
        assert_eq!(key.open("test", b"here", &sealed).as_deref(), Ok(b"plain".as_slice()));
        assert_eq!(other.open("test", b"here", &sealed), Err(BadSeal));
        assert_eq!(key.open("other", b"here", &sealed), Err(BadSeal));
        assert_eq!(key.open("test", b"there", &sealed), Err(BadSeal));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open("test", b"here", &changed), Err(BadSeal), "byte {at}");
            assert_eq!(key.open("test", b"here", &sealed[..at]), Err(BadSeal), "cut at {at}");
        }
    }

    #[test]
    fn a_weak_address_is_refused() {
        let mut rng = Entropy::from_seed([3; 32]);
        assert_eq!(seal_to(&BoxAddress([0; 32]), "test", b"", b"plain", &mut rng), Err(BadSeal));
    }
}
