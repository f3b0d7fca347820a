//! One control record: what it says, who signed it, and how it is named.
//!
//! ```text
//! record = postcard { said: bytes, author: 32, signature: 64 }      said = postcard(Control)
//! hash   = BLAKE3("bayou/1/control", record)
//! conversation id = hash of its genesis record
//! signed bytes    = "bayou/1/control" 0 ‖ conversation id (32 zero bytes for a genesis) ‖ said
//! ```

use serde::{Deserialize, Serialize};

use crate::crypto::{self, DeviceKey, Signature};
use crate::id::{ConversationId, DeviceId, RecordHash};
use crate::time::Timestamp;

const CONTEXT: &str = "bayou/1/control";

/// The longest title, in bytes.
pub const MAX_TITLE: usize = 200;

/// The longest name, in bytes.
pub const MAX_NAME: usize = 100;

/// The largest encoded record, in bytes.
const MAX_RECORD: usize = 1024;

/// What a control record says. Kinds are only ever added at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Control {
    /// Begins a conversation; its author is the first member.
    Genesis {
        /// What the conversation is called; at most [`MAX_TITLE`] bytes.
        title: String,
        /// The author's name; at most [`MAX_NAME`] bytes.
        name: String,
        /// Random, so that two conversations never have the same id.
        salt: [u8; 16],
        /// When, by the author's clock. For display only.
        at: Timestamp,
    },
    /// Makes its author a member.
    Join {
        /// The member's name; at most [`MAX_NAME`] bytes.
        name: String,
        /// When, by the author's clock. Of several records of one device the newest counts.
        at: Timestamp,
    },
}

/// A control record whose signature was checked. There is no other way to come by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlRecord {
    said: Control,
    author: DeviceId,
    hash: RecordHash,
    conversation: ConversationId,
    bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(with = "serde_bytes")]
    said: Vec<u8>,
    author: DeviceId,
    signature: Signature,
}

/// Why bytes are not a control record of the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The bytes do not have the form of a record, or break a limit.
    #[error("not a control record")]
    Malformed,
    /// The signature is wrong.
    #[error("the control record's signature is not valid")]
    Signature,
    /// It belongs to another conversation.
    #[error("the control record belongs to another conversation")]
    Foreign,
}

impl ControlRecord {
    /// Signs a record that begins a conversation.
    pub fn genesis(said: Control, key: &DeviceKey) -> Self {
        ControlRecord::make(said, None, key)
    }

    /// Signs a record for an existing conversation.
    pub fn sign(said: Control, conversation: ConversationId, key: &DeviceKey) -> Self {
        ControlRecord::make(said, Some(conversation), key)
    }

    fn make(said: Control, conversation: Option<ConversationId>, key: &DeviceKey) -> Self {
        let encoded = postcard::to_stdvec(&said).expect("a control record always encodes");
        let signature = key.sign(CONTEXT, &[scope(conversation).as_bytes(), &encoded]);
        let wire = Wire { said: encoded, author: key.device(), signature };
        let bytes = postcard::to_stdvec(&wire).expect("a control record always encodes");
        ControlRecord::named(said, key.device(), conversation, bytes)
    }

    fn named(said: Control, author: DeviceId, conversation: Option<ConversationId>, bytes: Vec<u8>) -> Self {
        let hash = RecordHash(crypto::hash(CONTEXT, &[&bytes]));
        let conversation = conversation.unwrap_or(ConversationId(hash.0));
        ControlRecord { said, author, hash, conversation, bytes }
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
        let said: Control = exactly(&wire.said)?;
        let (fits, within) = match &said {
            Control::Genesis { title, name, .. } => (title.len() <= MAX_TITLE && name.len() <= MAX_NAME, None),
            Control::Join { name, .. } => (name.len() <= MAX_NAME, Some(conversation)),
        };
        if !fits {
            return Err(ControlError::Malformed);
        }
        crypto::verify(&wire.author, CONTEXT, &[scope(within).as_bytes(), &wire.said], &wire.signature)
            .map_err(|_| ControlError::Signature)?;
        let record = ControlRecord::named(said, wire.author, within, bytes.to_vec());
        if record.conversation == conversation { Ok(record) } else { Err(ControlError::Foreign) }
    }

    /// Returns what the record says.
    pub fn said(&self) -> &Control {
        &self.said
    }

    /// Returns the device that signed it.
    pub fn author(&self) -> DeviceId {
        self.author
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
}

fn scope(conversation: Option<ConversationId>) -> ConversationId {
    conversation.unwrap_or(ConversationId([0; 32]))
}

/// Decodes a value that fills `bytes` to the last one and is written the way we would write it.
fn exactly<T: Serialize + for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, ControlError> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|_| ControlError::Malformed)?;
    let again = postcard::to_stdvec(&value).map_err(|_| ControlError::Malformed)?;
    if rest.is_empty() && again == bytes { Ok(value) } else { Err(ControlError::Malformed) }
}
