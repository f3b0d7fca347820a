//! Bodies, which can be taken away: the signed record holds only a hash, the body travels and is kept beside it.
//!
//! The hash is salted, so that a short body cannot be guessed from the record that outlives it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::crypto;
use crate::id::PayloadHash;

/// The largest body, in bytes. With its salt a payload is at most 32 KiB; anything larger is a file.
pub const MAX_BODY: usize = 32 * 1024 - 16;

/// A salted body.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// Random.
    pub salt: [u8; 16],
    /// UTF-8 text.
    pub body: String,
}

impl Payload {
    /// Returns the hash by which records refer to it.
    pub fn hash(&self) -> PayloadHash {
        PayloadHash(crypto::hash("bayou/1/payload", &[&self.salt, self.body.as_bytes()]))
    }

    /// Tells whether it is as small as a payload must be. The hash alone does not prove that: a record may lie about
    /// the length.
    pub(super) fn fits(&self) -> bool {
        self.body.len() <= MAX_BODY
    }
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Payload({} bytes)", self.body.len())
    }
}

/// The payloads of one segment: those that are held, and those that were erased and are refused for ever.
#[derive(Debug, Clone, Default)]
pub struct Payloads {
    held: BTreeMap<PayloadHash, Payload>,
    erased: BTreeSet<PayloadHash>,
}

impl Payloads {
    /// Returns a payload.
    pub fn get(&self, hash: &PayloadHash) -> Option<&Payload> {
        self.held.get(hash)
    }

    /// Takes a payload in, unless it was erased or is too large; returns whether it is held now.
    pub fn insert(&mut self, hash: PayloadHash, payload: Payload) -> bool {
        let welcome = payload.fits() && !self.erased.contains(&hash);
        if welcome {
            self.held.insert(hash, payload);
        }
        welcome
    }

    /// Erases a payload and refuses it from now on; returns whether that is news.
    pub fn erase(&mut self, hash: PayloadHash) -> bool {
        self.held.remove(&hash);
        self.erased.insert(hash)
    }

    /// Tells whether a payload was erased.
    pub fn is_erased(&self, hash: &PayloadHash) -> bool {
        self.erased.contains(hash)
    }

    /// Returns all that are held, in order of hash.
    pub fn held(&self) -> impl Iterator<Item = (&PayloadHash, &Payload)> {
        self.held.iter()
    }

    /// Returns the hashes of all that were erased, in order.
    pub fn erased(&self) -> impl Iterator<Item = &PayloadHash> {
        self.erased.iter()
    }
}
