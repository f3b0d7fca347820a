//! The vault: seals all that a home puts on disk, and opens it again, with a key derived from the home's.
//!
//! ```text
//! home key ── derive ──► data key ── XChaCha20-Poly1305 ──► nonce 24 ‖ ciphertext ‖ tag 16
//!                                    place: (length u32 ‖ part) …
//! ```
//!
//! Nonces are drawn at random for every sealing: 192 bits, so that neither a restored backup nor a copied home needs a
//! counter to be kept right. The cipher does not commit to its key; what is sealed under others than the data key names
//! its key (the keyring), and the places that are sealed for (`store/seal.rs` lists them) are told apart by their first part.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::key::HomeKey;
use crate::crypto::{self, Entropy, SEAL_OVERHEAD, Secret};
use crate::store::MAX_SEAL;

const _: () = assert!(SEAL_OVERHEAD <= MAX_SEAL);

/// Seals and opens what a home keeps.
pub struct Vault {
    key: Secret,
    nonces: Mutex<Entropy>,
}

impl Vault {
    /// Makes the vault of a home. `seed` is random and used once: nonces come from it.
    pub fn new(home: &HomeKey, seed: [u8; 32]) -> Vault {
        Vault { key: home.derive("bayou/1/home/data"), nonces: Mutex::new(Entropy::from_seed(seed)) }
    }

    /// Seals bytes for a place, under the key of the home.
    pub fn seal(&self, place: &[&[u8]], plain: &[u8]) -> Vec<u8> {
        self.seal_under(&self.key, place, plain)
    }

    /// Opens what was sealed for this place; `None` if it was not, or was changed.
    pub fn open(&self, place: &[&[u8]], sealed: &[u8]) -> Option<Vec<u8>> {
        Vault::open_under(&self.key, place, sealed)
    }

    pub(super) fn seal_under(&self, key: &Secret, place: &[&[u8]], plain: &[u8]) -> Vec<u8> {
        let nonce = self.nonces.lock().unwrap_or_else(PoisonError::into_inner).bytes();
        crypto::seal(key, nonce, &joined(place), plain)
    }

    pub(super) fn open_under(key: &Secret, place: &[&[u8]], sealed: &[u8]) -> Option<Vec<u8>> {
        crypto::open(key, &joined(place), sealed).ok()
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(redacted)")
    }
}

/// Joins the parts of a place so that no two places are the same bytes.
fn joined(place: &[&[u8]]) -> Vec<u8> {
    let delimited = |part: &&[u8]| [&(part.len() as u32).to_be_bytes(), *part].concat();
    place.iter().flat_map(delimited).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use std::path::Path;

    use super::*;
    use crate::node::Keyring;
    use crate::store::conformance;
    use crate::store::disk::DiskStore;

    fn vault(key: u8, seed: u8) -> Arc<Vault> {
        Arc::new(Vault::new(&HomeKey::new(Secret::new([key; 32])), [seed; 32]))
    }

    fn keyring(home: &Path, key: u8, seed: u8) -> Arc<Keyring> {
        Arc::new(Keyring::new(home, vault(key, seed)))
    }

    #[test]
    fn a_sealed_store_passes_the_acceptance_tests() {
        let homes = Mutex::new(Vec::new());
        conformance::run(|| {
            let home = tempfile::tempdir().unwrap();
            let store = DiskStore::open(home.path(), keyring(home.path(), 1, 2)).unwrap().0;
            homes.lock().unwrap().push(home);
            Box::new(store)
        });
    }

    #[test]
    fn a_sealed_store_is_opened_again_by_the_same_key_only() {
        let home = tempfile::tempdir().unwrap();
        conformance::write_story(&DiskStore::open(home.path(), keyring(home.path(), 1, 2)).unwrap().0);
        let (store, opened) = DiskStore::open(home.path(), keyring(home.path(), 1, 3)).unwrap();
        assert!(opened.damage.is_empty() && opened.index_rebuilt.is_none(), "{opened:?}");
        conformance::check_story(&store);
        drop(store);
        assert!(DiskStore::open(home.path(), keyring(home.path(), 9, 4)).is_err());
    }

    #[test]
    fn a_pack_opens_where_it_was_sealed_and_no_two_are_alike() {
        let vault = vault(1, 2);
        let sealed = vault.seal(&[b"leaf", b"fence"], b"plain");
        assert_ne!(sealed, vault.seal(&[b"leaf", b"fence"], b"plain"));
        assert_eq!(vault.open(&[b"leaf", b"fence"], &sealed).as_deref(), Some(b"plain".as_slice()));
        for moved in [[b"leaf".as_slice(), b"other"], [b"leaff", b"ence"], [b"", b"leaffence"]] {
            assert_eq!(vault.open(&moved, &sealed), None);
        }
    }
}
