//! Thirty-two secret bytes that leave no traces: wiped when dropped, redacted when printed.

use std::fmt;

use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret key or seed. Compares in constant time.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Secret(#[serde(with = "serde_bytes")] [u8; 32]);

impl Secret {
    /// Takes bytes in that are secret already.
    pub fn new(bytes: [u8; 32]) -> Self {
        Secret(bytes)
    }

    /// Returns the bytes. Whoever copies them has to wipe the copy.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Derives the secret for one purpose: HKDF-SHA256 (RFC 5869) without salt. Parts are not delimited: all but one must
    /// have a fixed length.
    pub fn derive(&self, purpose: &'static str, parts: &[&[u8]]) -> Secret {
        let mut info = vec![purpose.as_bytes(), &[0]];
        info.extend_from_slice(parts);
        let mut okm = Secret([0; 32]);
        Hkdf::<Sha256>::new(None, &self.0)
            .expand_multi_info(&info, &mut okm.0)
            .expect("32 bytes are far below the limit of HKDF");
        okm
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        blake3::Hash::from_bytes(self.0) == blake3::Hash::from_bytes(other.0) // Compares in constant time.
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_has_its_own_secret() {
        let secret = Secret::new([1; 32]);
        let one = secret.derive("test/one", &[b"a"]);
        assert_eq!(one, secret.derive("test/one", &[b"a"]));
        assert_ne!(one, secret.derive("test/two", &[b"a"]));
        assert_ne!(one, secret.derive("test/one", &[b"b"]));
        assert_ne!(one, Secret::new([2; 32]).derive("test/one", &[b"a"]));
        assert!(!format!("{secret:?}").contains('1'));
    }
}
