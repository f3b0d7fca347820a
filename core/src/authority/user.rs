//! A signed record of a user's own log: which devices are theirs, and how they show themselves.
//!
//! ```text
//! record  = postcard { body: bytes, signature: 64 }
//! body    = postcard { version u8 (1), user 32, device: 32? (absent: the root signs), parents: [32] rising, at, said: bytes }
//! said    = postcard(UserSaid)
//! hash    = BLAKE3("bayou/1/user", record)
//! signed bytes = "bayou/1/user" 0 ‖ body
//! ```
//!
//! The log is the user's and goes wherever they are a member; so it names no conversation. What a retired device wrote
//! in one is said there, by [`Said::DeviceCut`](super::Said::DeviceCut).

use serde::{Deserialize, Serialize};

use super::error::{ControlError, MAX_NAME};
use super::signed::{MAX_PARENTS, MAX_RECORD, decode, exactly};
use crate::crypto::{self, DeviceKey, Signature};
use crate::id::{DeviceId, RecordHash, UserId};
use crate::time::Timestamp;

const CONTEXT: &str = "bayou/1/user";
const MOVE_CONTEXT: &str = "bayou/1/root move";
const VERSION: u8 = 1;
const KINDS: u8 = 6;

/// The most devices that a user may have at a time.
pub const MAX_DEVICES: usize = 8;

/// The longest status text, in bytes.
pub const MAX_STATUS: usize = 140;

/// The longest encoded prekey, in bytes; X-Wing's has 1216.
pub const MAX_PREKEY: usize = 1600;

/// A public key under which others seal to a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prekey {
    /// Counts the device's prekeys; the highest counts.
    pub n: u32,
    /// The key, with its suite in front; at most [`MAX_PREKEY`] bytes.
    #[serde(with = "serde_bytes")]
    pub key: Vec<u8>,
}

/// What a record of a user's log says. Kinds are only ever added at the end, before [`UserSaid::Unknown`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserSaid {
    /// A device is the user's.
    DeviceCert {
        /// The device.
        device: DeviceId,
        /// Whether it may certify others and revoke its equals and those below.
        may_enrol: bool,
        /// Its first prekey.
        prekey: Option<Prekey>,
    },
    /// A device is the user's no more.
    DeviceRevoke {
        /// The device.
        device: DeviceId,
    },
    /// These are the user's devices, whatever was said before. Only the root says it.
    DeviceSet {
        /// Counts the sets; the highest counts, of two with one number what both list.
        n: u32,
        /// The devices, and whether each may enrol; at most [`MAX_DEVICES`], rising.
        devices: Vec<(DeviceId, bool)>,
    },
    /// The user is from now on another root. Only the root says it.
    RootMove {
        /// The new root.
        to: UserId,
        /// The new root's consent, see [`UserRecord::consent`].
        consent: Signature,
    },
    /// The device that says it has a new prekey.
    Prekey(Prekey),
    /// How the user shows themselves. The newest, by its signer's clock, of those that valid devices say, counts.
    Profile {
        /// Their name; at most [`MAX_NAME`] bytes, no control characters.
        name: String,
        /// The hash of their picture, an [`Avatar`](super::Avatar).
        avatar: Option<[u8; 32]>,
        /// What they are up to; at most [`MAX_STATUS`] bytes, no control characters.
        status: String,
    },
    /// A kind that this version does not know: kept and passed on, without effect.
    #[serde(skip)]
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Body {
    version: u8,
    user: UserId,
    device: Option<DeviceId>,
    parents: Vec<RecordHash>,
    at: Timestamp,
    #[serde(with = "serde_bytes")]
    said: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(with = "serde_bytes")]
    body: Vec<u8>,
    signature: Signature,
}

/// A record of a user's log whose signature was checked. There is no other way to come by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    body: Body,
    said: UserSaid,
    hash: RecordHash,
    bytes: Vec<u8>,
}

impl UserRecord {
    /// Signs a record with the user's root key.
    pub fn by_root(said: UserSaid, parents: Vec<RecordHash>, at: Timestamp, root: &DeviceKey) -> Self {
        UserRecord::sign(said, UserId(root.device().0), None, parents, at, root)
    }

    /// Signs a record with the key of one of the user's devices.
    pub fn by_device(said: UserSaid, user: UserId, parents: Vec<RecordHash>, at: Timestamp, key: &DeviceKey) -> Self {
        UserRecord::sign(said, user, Some(key.device()), parents, at, key)
    }

    /// Signs, with the key of the new root, that it takes over for `old`.
    pub fn consent(old: UserId, new: &DeviceKey) -> Signature {
        new.sign(MOVE_CONTEXT, &[old.as_bytes()])
    }

    fn sign(
        said: UserSaid,
        user: UserId,
        device: Option<DeviceId>,
        mut parents: Vec<RecordHash>,
        at: Timestamp,
        key: &DeviceKey,
    ) -> Self {
        parents.sort_unstable();
        parents.dedup();
        parents.truncate(MAX_PARENTS);
        let encoded = postcard::to_stdvec(&said).expect("a record of a user always encodes");
        let body = Body { version: VERSION, user, device, parents, at, said: encoded };
        let bytes = postcard::to_stdvec(&body).expect("a record of a user always encodes");
        let signature = key.sign(CONTEXT, &[&bytes]);
        let bytes = postcard::to_stdvec(&Wire { body: bytes, signature }).expect("a record of a user always encodes");
        UserRecord { hash: UserRecord::hash_of(&bytes), body, said, bytes }
    }

    pub(super) fn hash_of(bytes: &[u8]) -> RecordHash {
        RecordHash(crypto::hash(CONTEXT, &[bytes]))
    }

    /// Reads and checks a record.
    ///
    /// # Errors
    /// When the bytes are no record or a signature is wrong. The answer depends on the bytes alone.
    pub fn open(bytes: &[u8]) -> Result<Self, ControlError> {
        if bytes.len() > MAX_RECORD {
            return Err(ControlError::Malformed);
        }
        let wire: Wire = exactly(bytes)?;
        let body: Body = exactly(&wire.body)?;
        let said = decode(&body.said, KINDS, UserSaid::Unknown)?;
        let rising = body.parents.is_sorted_by(|a, b| a < b) && body.parents.len() <= MAX_PARENTS;
        if body.version != VERSION || !rising || !fits(&said, body.device.is_none()) {
            return Err(ControlError::Malformed);
        }
        let signer = body.device.unwrap_or(DeviceId(body.user.0));
        crypto::verify(&signer, CONTEXT, &[&wire.body], &wire.signature).map_err(|_| ControlError::Signature)?;
        if let UserSaid::RootMove { to, consent } = &said {
            crypto::verify(&DeviceId(to.0), MOVE_CONTEXT, &[body.user.as_bytes()], consent)
                .map_err(|_| ControlError::Signature)?;
        }
        Ok(UserRecord { hash: UserRecord::hash_of(bytes), body, said, bytes: bytes.to_vec() })
    }

    /// Returns what it says.
    pub fn said(&self) -> &UserSaid {
        &self.said
    }

    /// Returns whose log it belongs to.
    pub fn user(&self) -> UserId {
        self.body.user
    }

    /// Returns the device that signed it; `None`: the root.
    pub fn device(&self) -> Option<DeviceId> {
        self.body.device
    }

    /// Returns what its signer had seen of the log.
    pub fn parents(&self) -> &[RecordHash] {
        &self.body.parents
    }

    /// Returns when it was written, by its signer's clock.
    pub fn at(&self) -> Timestamp {
        self.body.at
    }

    /// Returns its name.
    pub fn hash(&self) -> RecordHash {
        self.hash
    }

    /// Returns its bytes, for the store and for others.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn fits(said: &UserSaid, by_root: bool) -> bool {
    match said {
        UserSaid::DeviceCert { prekey, .. } => prekey.as_ref().is_none_or(|prekey| prekey.key.len() <= MAX_PREKEY),
        UserSaid::DeviceSet { devices, .. } => {
            by_root && devices.len() <= MAX_DEVICES && devices.is_sorted_by(|(a, _), (b, _)| a < b)
        }
        UserSaid::RootMove { .. } => by_root,
        UserSaid::Prekey(prekey) => !by_root && prekey.key.len() <= MAX_PREKEY,
        UserSaid::Profile { name, status, .. } => {
            let is_plain = |text: &str| !text.chars().any(char::is_control);
            name.len() <= MAX_NAME && status.len() <= MAX_STATUS && is_plain(name) && is_plain(status)
        }
        UserSaid::DeviceRevoke { .. } | UserSaid::Unknown => true,
    }
}
