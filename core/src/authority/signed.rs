//! A signed control record.
//!
//! ```text
//! record  = postcard { body: bytes, signature: 64 }
//! body    = postcard { version u8 (1), user 32, device 32, auth: 32?, parents: [32] rising, at, said: bytes }
//! said    = postcard(Said)
//! hash    = BLAKE3("bayou/1/authority", record)
//! signed bytes = "bayou/1/authority" 0 ‖ conversation id (32 zero bytes for a genesis) ‖ body
//! ```
//!
//! `auth` is the grant that empowers the author, absent only in a genesis. `parents` are the records that nobody had
//! followed up when the author wrote. To name a record is to have seen it: a hash cannot be known before its record
//! is. So the records form a graph without circles, and what a record has seen can be read from it.

use serde::{Deserialize, Serialize};

use super::error::ControlError;
use super::said::{KINDS, Said, Via};
use crate::crypto::{self, DeviceKey, Signature};
use crate::id::{ConversationId, DeviceId, RecordHash, UserId};
use crate::time::Timestamp;

const CONTEXT: &str = "bayou/1/authority";
const INVITE_CONTEXT: &str = "bayou/1/invite";
const VERSION: u8 = 1;

/// The most parents that a record may name.
pub const MAX_PARENTS: usize = 16;

/// The largest encoded record, in bytes.
pub const MAX_RECORD: usize = 4096;

/// Everything that is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Body {
    version: u8,
    user: UserId,
    device: DeviceId,
    auth: Option<RecordHash>,
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

/// Who signs, by what right, and what they knew.
#[derive(Debug, Clone)]
pub struct Standpoint {
    /// The conversation; `None` for its genesis.
    pub conversation: Option<ConversationId>,
    /// The user for whom the device signs.
    pub user: UserId,
    /// The grant that empowers them; `None` for a genesis.
    pub auth: Option<RecordHash>,
    /// What they knew, as [`Authority::heads`](super::Authority::heads) says it. At most [`MAX_PARENTS`].
    pub parents: Vec<RecordHash>,
    /// When, by their clock. For display only.
    pub at: Timestamp,
}

/// A control record whose signature was checked. There is no other way to come by one.
///
/// That the device is the user's is not checked here: certificates may come later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    body: Body,
    said: Said,
    hash: RecordHash,
    conversation: ConversationId,
    bytes: Vec<u8>,
}

impl Record {
    /// Signs a record. Of more than [`MAX_PARENTS`] parents the first in order of hash are taken.
    pub fn sign(said: Said, from: Standpoint, key: &DeviceKey) -> Self {
        let mut parents = from.parents;
        parents.sort_unstable();
        parents.dedup();
        parents.truncate(MAX_PARENTS);
        let encoded = postcard::to_stdvec(&said).expect("a control record always encodes");
        let (user, device, auth, at) = (from.user, key.device(), from.auth, from.at);
        let body = Body { version: VERSION, user, device, auth, parents, at, said: encoded };
        let bytes = postcard::to_stdvec(&body).expect("a control record always encodes");
        let signature = key.sign(CONTEXT, &[&scope(from.conversation), &bytes]);
        let bytes = postcard::to_stdvec(&Wire { body: bytes, signature }).expect("a control record always encodes");
        Record::named(body, said, from.conversation, bytes)
    }

    /// Returns the records that two users' conversation begins with: the genesis, which gives the one with the smaller id
    /// their place, and the record that gives the other theirs. Both are members. They say nothing that anyone would have
    /// to sign, so that all devices of both make the same two, and one conversation, without having met.
    pub fn direct(one: UserId, other: UserId) -> [Self; 2] {
        let (one, other) = (one.min(other), one.max(other));
        let genesis = Record::unsigned(one, other, None);
        let place = Record::unsigned(other, one, Some(&genesis));
        [genesis, place]
    }

    fn unsigned(user: UserId, with: UserId, genesis: Option<&Record>) -> Self {
        let said = Said::Direct { with };
        let encoded = postcard::to_stdvec(&said).expect("a control record always encodes");
        let auth = genesis.map(Record::hash);
        let (device, parents, at) = (DeviceId([0; 32]), auth.into_iter().collect(), Timestamp(0));
        let body = Body { version: VERSION, user, device, auth, parents, at, said: encoded };
        let bytes = postcard::to_stdvec(&body).expect("a control record always encodes");
        let wire = Wire { body: bytes, signature: Signature::NONE };
        let bytes = postcard::to_stdvec(&wire).expect("a control record always encodes");
        Record::named(body, said, genesis.map(Record::conversation), bytes)
    }

    fn named(body: Body, said: Said, conversation: Option<ConversationId>, bytes: Vec<u8>) -> Self {
        let hash = Record::hash_of(&bytes);
        let conversation = conversation.unwrap_or(ConversationId(hash.0));
        Record { body, said, hash, conversation, bytes }
    }

    pub(super) fn hash_of(bytes: &[u8]) -> RecordHash {
        RecordHash(crypto::hash(CONTEXT, &[bytes]))
    }

    /// Reads and checks a record of `conversation`.
    ///
    /// # Errors
    /// When the bytes are no record, the signature is wrong, or it belongs to another conversation. The answer depends
    /// on the bytes and the conversation alone.
    pub fn open(bytes: &[u8], conversation: ConversationId) -> Result<Self, ControlError> {
        if bytes.len() > MAX_RECORD {
            return Err(ControlError::Malformed);
        }
        let wire: Wire = exactly(bytes)?;
        let body: Body = exactly(&wire.body)?;
        let said = decode(&body.said, KINDS, Said::Unknown)?;
        if let Said::Direct { with } = said {
            let of_two = Record::direct(body.user, with).into_iter().find(|record| record.bytes == bytes);
            let record = of_two.filter(|_| with != body.user).ok_or(ControlError::Malformed)?;
            return if record.conversation == conversation { Ok(record) } else { Err(ControlError::Foreign) };
        }
        let begins = matches!(said, Said::Genesis { .. });
        let rising = body.parents.is_sorted_by(|a, b| a < b) && body.parents.len() <= MAX_PARENTS;
        let rooted = body.auth.is_none() == begins && (!begins || body.parents.is_empty());
        if body.version != VERSION || !rising || !rooted || !said.fits() {
            return Err(ControlError::Malformed);
        }
        let within = (!begins).then_some(conversation);
        crypto::verify(&body.device, CONTEXT, &[&scope(within), &wire.body], &wire.signature)
            .map_err(|_| ControlError::Signature)?;
        let record = Record::named(body, said, within, bytes.to_vec());
        if record.conversation == conversation { Ok(record) } else { Err(ControlError::Foreign) }
    }

    /// Returns what it says.
    pub fn said(&self) -> &Said {
        &self.said
    }

    /// Returns the user for whom it was signed.
    pub fn user(&self) -> UserId {
        self.body.user
    }

    /// Returns the device that signed it.
    pub fn device(&self) -> DeviceId {
        self.body.device
    }

    /// Returns the grant that empowers its author; `None` for a genesis.
    pub fn auth(&self) -> Option<RecordHash> {
        self.body.auth
    }

    /// Returns when it was written, by its author's clock. For display only.
    pub fn at(&self) -> Timestamp {
        self.body.at
    }

    /// Returns its name.
    pub fn hash(&self) -> RecordHash {
        self.hash
    }

    /// Returns the conversation that it belongs to.
    pub fn conversation(&self) -> ConversationId {
        self.conversation
    }

    /// Returns its bytes, for the store and for others.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns every record that it names, and so has seen: parents, the grant, and what it is about.
    pub(super) fn sees(&self) -> impl Iterator<Item = RecordHash> + '_ {
        self.body.parents.iter().copied().chain(self.body.auth).chain(self.said.names())
    }
}

impl Via {
    /// Shows that `user` holds the invite's key.
    pub fn prove(invite: RecordHash, key: &DeviceKey, conversation: ConversationId, user: UserId) -> Self {
        let proof = key.sign(INVITE_CONTEXT, &[conversation.as_bytes(), invite.as_bytes(), user.as_bytes()]);
        Via { invite, proof }
    }

    /// Tells whether the proof was made with the key for this user.
    pub fn proves(&self, key: &DeviceId, conversation: ConversationId, user: UserId) -> bool {
        let parts = [conversation.as_bytes(), self.invite.as_bytes(), user.as_bytes()];
        crypto::verify(key, INVITE_CONTEXT, &parts, &self.proof).is_ok()
    }
}

fn scope(conversation: Option<ConversationId>) -> [u8; 32] {
    conversation.map_or([0; 32], |conversation| conversation.0)
}

/// Decodes one of the first `kinds` variants of an enum; later ones are `unknown`.
pub(super) fn decode<T: Serialize + for<'a> Deserialize<'a>>(
    bytes: &[u8],
    kinds: u8,
    unknown: T,
) -> Result<T, ControlError> {
    match bytes.first() {
        Some(kind) if *kind < kinds => exactly(bytes),
        Some(_) => Ok(unknown),
        None => Err(ControlError::Malformed),
    }
}

/// Decodes a value that fills `bytes` to the last one and is written the way we would write it.
pub(super) fn exactly<T: Serialize + for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, ControlError> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|_| ControlError::Malformed)?;
    let again = postcard::to_stdvec(&value).map_err(|_| ControlError::Malformed)?;
    if rest.is_empty() && again == bytes { Ok(value) } else { Err(ControlError::Malformed) }
}
