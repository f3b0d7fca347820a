//! BLAKE3 under a context, the SHA-256 of Automerge's format and the SHA-512 of safety numbers.

use sha2::Digest as _;

/// Returns the BLAKE3 hash of `parts` under `context`.
///
/// Parts are not delimited: all but one must have a fixed length, or carry their length.
pub fn hash(context: &'static str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// Returns the BLAKE3 keyed hash of `parts`; only who holds `key` can compute it.
pub fn keyed_hash(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// Returns the SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(bytes).into()
}

/// Returns the SHA-512 of the concatenation of `parts`. The same rule for delimiting as in [`hash`].
pub fn sha512(parts: &[&[u8]]) -> [u8; 64] {
    let mut hasher = sha2::Sha512::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}
