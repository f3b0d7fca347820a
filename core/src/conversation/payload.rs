//! Bodies, which can be taken away: the signed record holds only a hash, the body travels and is kept beside it.
//!
//! The hash is salted, so that a short body cannot be guessed from the record that outlives it. A body is kept under the
//! hash *and* the author of the record that names it: who names the hash of another's body and deletes that message
//! erases nothing but their own.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::crypto;
use crate::id::{DeviceId, PayloadHash, PayloadId};

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

    /// Returns the name under which it is kept as the body of something that `author` wrote.
    pub fn id(&self, author: &DeviceId) -> PayloadId {
        id_of(author, &self.hash())
    }

    /// Tells whether it is as small as a payload must be. The hash alone does not prove that: a record may lie about
    /// the length.
    pub(super) fn fits(&self) -> bool {
        self.body.len() <= MAX_BODY
    }
}

/// A payload that travels without the record that names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthoredPayload {
    /// The device that wrote the record.
    pub author: DeviceId,
    /// The body.
    pub payload: Payload,
}

impl AuthoredPayload {
    /// Returns the name under which it is kept.
    pub fn id(&self) -> PayloadId {
        self.payload.id(&self.author)
    }
}

/// Returns the name of the body that a record of `author` refers to by its hash.
pub(super) fn id_of(author: &DeviceId, hash: &PayloadHash) -> PayloadId {
    PayloadId(crypto::hash("bayou/1/payload of", &[author.as_bytes(), hash.as_bytes()]))
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Payload({} bytes)", self.body.len())
    }
}

/// The payloads of one segment: those that are held, and those that were erased and are refused for ever.
#[derive(Debug, Clone, Default)]
pub struct Payloads {
    held: BTreeMap<PayloadId, AuthoredPayload>,
    erased: BTreeSet<PayloadId>,
}

impl Payloads {
    /// Returns a payload.
    pub fn get(&self, id: &PayloadId) -> Option<&AuthoredPayload> {
        self.held.get(id)
    }

    /// Takes a payload in, unless it was erased or is too large; returns whether it is held now.
    pub fn insert(&mut self, authored: AuthoredPayload) -> bool {
        let id = authored.id();
        let welcome = authored.payload.fits() && !self.erased.contains(&id);
        if welcome {
            self.held.insert(id, authored);
        }
        welcome
    }

    /// Erases a payload and refuses it from now on; returns whether that is news.
    pub fn erase(&mut self, id: PayloadId) -> bool {
        self.held.remove(&id);
        self.erased.insert(id)
    }

    /// Lets go of a payload that nothing refers to any more.
    pub(super) fn drop(&mut self, id: &PayloadId) {
        self.held.remove(id);
    }

    /// Tells whether a payload was erased.
    pub fn is_erased(&self, id: &PayloadId) -> bool {
        self.erased.contains(id)
    }

    /// Returns all that are held, in order of name.
    pub fn held(&self) -> impl Iterator<Item = &AuthoredPayload> {
        self.held.values()
    }

    /// Returns the names of all that were erased, in order.
    pub fn erased(&self) -> impl Iterator<Item = &PayloadId> {
        self.erased.iter()
    }
}
