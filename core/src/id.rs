//! The names of things: fixed-size byte strings, each its own type.
//!
//! Lowest room of all. A `ConversationId` can never be passed where an `ActorId` is wanted, and every id prints short
//! in logs (`fmt_short`) and whole in `Display`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Declares an id of a fixed number of bytes.
macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Returns the first eight hexadecimal digits: enough for a log, too little to be the thing itself.
            pub fn fmt_short(&self) -> String {
                self.0.iter().take(4).map(|b| format!("{b:02x}")).collect()
            }

            /// Returns the bytes.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.fmt_short())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| ParseIdError)?;
                bytes.try_into().map($name).map_err(|_| ParseIdError)
            }
        }
    };
}

byte_id!(
    /// A conversation: the hash of its first control record.
    ConversationId,
    32
);
byte_id!(
    /// A user: the Ed25519 public key of their root, which the recovery phrase leads back to.
    UserId,
    32
);
byte_id!(
    /// A user, abbreviated for links: the first half of a BLAKE3 over the root key.
    UserFingerprint,
    16
);
byte_id!(
    /// A device: its Ed25519 public key.
    DeviceId,
    32
);
byte_id!(
    /// A device's chain in one segment: what Automerge calls an actor.
    ActorId,
    16
);
byte_id!(
    /// A change: Automerge's own SHA-256 over the change's chunk.
    ChangeHash,
    32
);
byte_id!(
    /// A payload: BLAKE3 over its salt and body.
    PayloadHash,
    32
);
byte_id!(
    /// A payload of one author: BLAKE3 over the author's device and the payload's hash. Bodies are kept, asked for and
    /// erased under it, so that nobody who names the hash of another's body has any power over that body.
    PayloadId,
    32
);
byte_id!(
    /// A control record: BLAKE3 over its signed bytes.
    RecordHash,
    32
);
byte_id!(
    /// A cut: BLAKE3 over its bytes.
    CutHash,
    32
);
byte_id!(
    /// A peer on the network: the Ed25519 public key of its transport. Not the device key; one per home.
    PeerId,
    32
);

byte_id!(
    /// A sealed envelope: BLAKE3 over its bytes.
    EnvelopeId,
    32
);
byte_id!(
    /// Where a conversation's envelopes lie on one day, for those who cannot read them.
    Topic,
    16
);
byte_id!(
    /// An invite: the Ed25519 public key that its link leads to.
    InviteId,
    32
);
byte_id!(
    /// Under which those who share a secret find each other at a node on one day; tells others nothing.
    Namespace,
    16
);

/// The text is not the hexadecimal form of the id that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected lower-case hexadecimal digits of the right length")]
pub struct ParseIdError;

/// A network address as text (a multiaddr, such as `/ip4/192.0.2.7/udp/4001/quic-v1`). Parsed only in `net`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address(pub String);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One part of what a home keeps; the unit in which the store reads, snapshots and forgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StreamId {
    /// Facts of this home that concern no other: which conversations it joined, its nonces, what was read.
    Local,
    /// The control records of one conversation.
    Control(ConversationId),
    /// One segment of one conversation: changes with their signatures and payloads.
    Segment(ConversationId, u32),
    /// Group keys and prekeys: what has to be erasable, and is in no conversation's documents.
    Secrets,
}

impl StreamId {
    /// Returns the conversation that the stream belongs to, if it belongs to one.
    pub fn conversation(&self) -> Option<ConversationId> {
        match self {
            StreamId::Local | StreamId::Secrets => None,
            StreamId::Control(conversation) | StreamId::Segment(conversation, _) => Some(*conversation),
        }
    }
}
