//! The mailbox: a node keeps sealed envelopes for people who are never online together, and can open none.
//!
//! Envelopes lie under a **topic**, which is the hash of a public key; whoever holds the secret half of that key (the
//! members of a conversation, for one day each) may put and get. So a mailbox needs no accounts, knows no member, and
//! outsiders can neither fill nor empty it:
//!
//! ```text
//!   member                                          node
//!     Put: key, time, signature, envelope   ──────▶   desk: signature? clock? how often?
//!                                                     whoever keeps: appended and durable
//!     Kept                                  ◀──────
//!     Get: key, time, signature, after      ──────▶   desk …
//!     Batch: envelopes after that, in order ◀──────   at most 1 MiB; says where to go on
//! ```
//!
//! Both are signed for this one node and for now ([`PutRequest`], [`GetRequest`]), so that what one node received is of no
//! use at another. Putting the same envelope twice is the same as putting it once.
//!
//! `wire` has the bytes, `codec` carries them over a stream, `client` is the asking half; the answering one stands at a meeting place
//! (`meeting/desk`).
//! Where envelopes are kept is not known here: `bayou-bootstrap` does that.

pub(super) mod client;
mod codec;
mod wire;

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::crypto::{self, DeviceKey, Signature};
use crate::id::{DeviceId, EnvelopeId, PeerId, Topic};

pub(super) use codec::{Codec, PROTOCOL};
pub use wire::{BadWire, decode_answer, decode_request, encode_answer, encode_request};

/// The largest envelope, in bytes.
pub const MAX_ENVELOPE: usize = 64 * 1024;

/// The smallest, which bounds how many a batch may hold.
pub const MIN_ENVELOPE: usize = 256;

/// The most bytes of envelopes in one answer.
pub const MAX_BATCH: usize = 1024 * 1024;

/// How far a request's time may be from the node's.
pub const MAX_CLOCK_ERROR: Duration = Duration::from_secs(10 * 60);

/// What a put is signed for: `Sign(PUT, node's peer id ‖ time u64 ‖ envelope's id)`.
pub const PUT: &str = "bayou/1/mailbox/put";

/// What a get is signed for: `Sign(GET, node's peer id ‖ time u64 ‖ after u64)`.
pub const GET: &str = "bayou/1/mailbox/get";

/// "Keep this."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutRequest {
    /// The public key whose hash is the topic.
    pub key: [u8; 32],
    /// When it was signed, in milliseconds since 1970.
    pub time: u64,
    /// Over [`PUT`] and what stands there.
    pub signature: Signature,
    /// What is to be kept; [`MIN_ENVELOPE`] to [`MAX_ENVELOPE`] bytes.
    pub envelope: Vec<u8>,
}

/// "What have you there?"
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetRequest {
    /// The public key whose hash is the topic.
    pub key: [u8; 32],
    /// When it was signed, in milliseconds since 1970.
    pub time: u64,
    /// Over [`GET`] and what stands there.
    pub signature: Signature,
    /// Only what came after this; 0 for all. An answer says where it ends.
    pub after: u64,
}

/// What a member asks of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// To keep something.
    Put(PutRequest),
    /// To hand something over.
    Get(GetRequest),
}

/// What a mailbox says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The envelope is on disk.
    Kept,
    /// Envelopes, in the order in which they came.
    Batch(Batch),
    /// No, and why.
    Refused(Refusal),
}

/// Envelopes of one topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The envelopes; at most [`MAX_BATCH`] bytes together.
    pub envelopes: Vec<Vec<u8>>,
    /// What to ask for next: what comes after this.
    pub cursor: u64,
    /// Whether there is more already.
    pub more: bool,
    /// When the mailbox was begun, in milliseconds since 1970: another time says that what lay there before is gone.
    pub begun: u64,
}

/// Why a mailbox does not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bytes are no request of this version.
    #[error("the mailbox did not understand: one of the two programs is older")]
    Malformed,
    /// The signature is not that of the topic's key.
    #[error("the mailbox found the signature wrong")]
    Signature,
    /// The request's time is not the node's, which is given here in milliseconds since 1970.
    #[error("the mailbox's clock and this one's differ by more than ten minutes")]
    Clock(u64),
    /// Too many requests; one may be made again after so many seconds.
    #[error("the mailbox had too many requests; try again in {0} s")]
    TooOften(u32),
    /// The topic holds as much as one may.
    #[error("the mailbox holds as much of this conversation and day as it may")]
    TopicFull,
    /// The node holds as much as it may.
    #[error("the mailbox is full; use another node")]
    NodeFull,
    /// The node takes no more envelopes, because it will be switched off. It still hands out what it has.
    #[error("the mailbox will be switched off; use another node")]
    Draining,
    /// The node serves only who shows a token.
    #[error("the mailbox serves only who shows a token: ask its operator for one")]
    Token,
    /// The node cannot do it now.
    #[error("the mailbox is busy; try again later")]
    Busy,
}

/// What whoever keeps envelopes is to do.
#[derive(Debug)]
pub struct Letter {
    /// Under which topic.
    pub topic: Topic,
    /// What.
    pub errand: Errand,
    /// Where the answer goes. Who asked may be gone by then.
    pub answer: oneshot::Sender<Answer>,
}

/// What is to be done under a topic.
#[derive(Debug)]
pub enum Errand {
    /// To keep an envelope; [`Answer::Kept`] when it is durable, also when it was there already.
    Put(EnvelopeId, Vec<u8>),
    /// To hand out what came after this cursor.
    Get(u64),
}

/// Where letters come out. While they wait there, further ones are refused as busy.
pub type Letters = mpsc::Receiver<Letter>;

impl PutRequest {
    /// Signs with the secret half of a topic's key.
    pub fn signed(secret: &[u8; 32], node: PeerId, time: u64, envelope: Vec<u8>) -> PutRequest {
        let key = DeviceKey::from_seed(secret);
        let signature = key.sign(PUT, &[node.as_bytes(), &time.to_be_bytes(), &id_of(&envelope).0]);
        PutRequest { key: key.device().0, time, signature, envelope }
    }
}

impl GetRequest {
    /// Signs with the secret half of a topic's key.
    pub fn signed(secret: &[u8; 32], node: PeerId, time: u64, after: u64) -> GetRequest {
        let key = DeviceKey::from_seed(secret);
        let signature = key.sign(GET, &[node.as_bytes(), &time.to_be_bytes(), &after.to_be_bytes()]);
        GetRequest { key: key.device().0, time, signature, after }
    }
}

impl Request {
    /// Returns where the envelope lies.
    pub fn topic(&self) -> Topic {
        let (Request::Put(PutRequest { key, .. }) | Request::Get(GetRequest { key, .. })) = self;
        topic_of(key)
    }

    /// Returns when it was signed.
    pub fn time(&self) -> u64 {
        let (Request::Put(PutRequest { time, .. }) | Request::Get(GetRequest { time, .. })) = self;
        *time
    }

    /// Tells whether the holder of the key signed it for this node.
    pub fn is_signed_for(&self, node: PeerId) -> bool {
        let verify = |key: &[u8; 32], context, parts: &[&[u8]], signature| {
            crypto::verify(&DeviceId(*key), context, parts, signature).is_ok()
        };
        match self {
            Request::Put(put) => {
                let parts: [&[u8]; 3] = [node.as_bytes(), &put.time.to_be_bytes(), &id_of(&put.envelope).0];
                verify(&put.key, PUT, &parts, &put.signature)
            }
            Request::Get(get) => {
                let parts: [&[u8]; 3] = [node.as_bytes(), &get.time.to_be_bytes(), &get.after.to_be_bytes()];
                verify(&get.key, GET, &parts, &get.signature)
            }
        }
    }
}

/// Returns the topic that a key opens: the first 16 bytes of its hash.
pub fn topic_of(key: &[u8; 32]) -> Topic {
    let hash = crypto::hash("bayou/1/topic", &[key]);
    Topic(std::array::from_fn(|at| hash.get(at).copied().unwrap_or_default()))
}

/// Returns the name of an envelope: the hash of its bytes.
pub fn id_of(envelope: &[u8]) -> EnvelopeId {
    EnvelopeId(crypto::hash("bayou/1/envelope", &[envelope]))
}
