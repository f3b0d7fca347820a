//! The frames that two linked peers exchange.
//!
//! ```text
//! frame = version u8 (1) ‖ postcard(Frame), at most 1 MiB in all
//!
//!   Prove     device 32, signature 64 over the link's binding, sender's and receiver's peer id
//!   Share     tags: 16 bytes for each conversation, keyed by its secret; strangers learn nothing
//!   Heads     conversation, digest of its control set, per segment (number, 8 bytes of the digest of its heads)
//!   Names     conversation, 8 bytes of the name of each item of its authority that the sender has: "send the others"
//!   Controls  conversation, items of its authority: control records, users' records, cuts
//!   Have      conversation, segment, per chain its length and 8 bytes of its newest hash: "send what is beyond"
//!   Changes   conversation, segment, runs, whether more follows, is to be asked for, or that is all: the answer to Have
//!   Push      conversation, segment, who was told already, over how many links it came, runs: new changes, unasked
//!   Ack       conversation, segment, version vector of chains that are durable here now
//!   Want      conversation, segment, payload ids
//!   Payloads  conversation, segment, payloads with their authors: the answer to Want
//!   Forks     conversation, segment, proofs that chains were written twice
//!   Ask       conversation, epochs that the sender lacks
//!   Boxes     conversation, boxes with epochs for the receiver: the answer to Ask, and unasked for a new epoch
//!   Announce  conversation, newest changes of chains: "ask me for them if nobody else brings them"
//!   Graft     conversation, how much of chains the sender has: "send what is beyond, and push them from now on"
//!   Prune     conversation, chains: "do not push them to me, announce only"
//!   Nearby    conversation, members' peers and where they may be reached
//!   Enough    "I have links enough; if you have, too, close this one"
//!
//!   Knock     tag of an invite on this link: "are you of the conversation that I was invited to?"
//!   Door      the same invite's tag the other way, and the record that made it: "I am"
//!   Enter     conversation, invite, proof that the sender holds its link, the sender's log: "let me in"
//!   Welcome   conversation and its secret
//!   Wait      conversation: a person has to say yes first
//!   Turned    conversation, why nobody is let in by this link
//!
//!   Return    tag of a user on this link: "a device of a user who is back: do you know the user?"
//!   Known     the same user's tag the other way: "we are in a conversation together"
//!   Mine      the log of the sender's user: "this device is the user's"
//!   Own       8 bytes of the name of each record and register of the user that the sender has: "send the others"
//!   Owned     records and registers of the user; as Own for the user's own devices only
//!   Linking   a message of a linking, see `identity::linking`
//!
//!   AtHome    tag of a contact link, the other way, and the log of the sender's user: "the person whose link it is"
//!   Request   proof that the sender holds the link, a secret for the conversation, a message, the sender's log
//! ```
//!
//! `docs/wire-format.md` shows the bytes. Kinds are only ever added at the end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::conversation::{AuthoredPayload, ForkProof, Sent, Vector};
use crate::crypto::Signature;
use crate::id::{ActorId, Address, ConversationId, DeviceId, PayloadId, PeerId, RecordHash};

const VERSION: u8 = 1;

/// The largest frame, in bytes.
pub const MAX_FRAME: usize = 1024 * 1024;

/// The beginning of a peer id: enough to tell the few peers of a conversation apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Told([u8; 4]);

impl From<PeerId> for Told {
    fn from(peer: PeerId) -> Self {
        let [a, b, c, d, ..] = peer.0;
        Told([a, b, c, d])
    }
}

/// A change of a chain, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct News {
    /// The segment that the chain is in.
    pub segment: u32,
    /// The chain.
    pub actor: ActorId,
    /// Where in the chain; in a `Graft` zero if the sender has nothing of it.
    pub seq: u32,
    /// Over how many links it came to the sender, as far as that is known.
    pub hops: u8,
}

/// A peer, and where it may be reached; the likeliest place comes first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whereabouts {
    /// The peer.
    pub peer: PeerId,
    /// Its addresses.
    pub addresses: Vec<Address>,
}

/// How far an answer to `Have` goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Another frame of the same answer follows.
    Continues,
    /// There is more, to be asked for with a new vector.
    More,
    /// That is all.
    Complete,
}

/// What one peer says to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are told in the table of the module")]
pub enum Frame {
    /// First on each link: which device this is.
    Prove { device: DeviceId, signature: Signature },
    /// Which conversations the sender has, told only to who has them too.
    Share { tags: Vec<[u8; 16]> },
    /// What the sender has of a conversation.
    Heads { conversation: ConversationId, controls: [u8; 32], segments: Vec<(u32, [u8; 8])> },
    /// Items of the conversation's authority.
    Controls { conversation: ConversationId, items: Vec<serde_bytes::ByteBuf> },
    /// What the sender has of a segment; asks for what is beyond it.
    Have { conversation: ConversationId, segment: u32, tips: Tips },
    /// What is beyond a vector.
    Changes { conversation: ConversationId, segment: u32, runs: Vec<Vec<Sent>>, answer: Answer },
    /// New changes.
    Push { conversation: ConversationId, segment: u32, told: Vec<Told>, hops: u8, runs: Vec<Vec<Sent>> },
    /// What the sender now keeps durably.
    Ack { conversation: ConversationId, segment: u32, vector: Vector },
    /// Bodies that the sender lacks.
    Want { conversation: ConversationId, segment: u32, bodies: Vec<PayloadId> },
    /// Bodies that were wanted.
    Payloads { conversation: ConversationId, segment: u32, payloads: Vec<AuthoredPayload> },
    /// Chains that were written twice.
    Forks { conversation: ConversationId, segment: u32, proofs: Vec<ForkProof> },
    /// What the sender has of the conversation's authority; asks for the rest.
    Names { conversation: ConversationId, names: Vec<[u8; 8]> },
    /// Somebody was invited and looks for who knows of it.
    Knock { tag: [u8; 16] },
    /// The sender is a member and knows the invite.
    Door { tag: [u8; 16], invite: RecordHash },
    /// Somebody was invited and shows it.
    Enter { conversation: ConversationId, invite: RecordHash, proof: Signature, log: Vec<serde_bytes::ByteBuf> },
    /// Who entered is a member now.
    Welcome { conversation: ConversationId, secret: [u8; 32] },
    /// Who wants to enter has to wait until a person says yes.
    Wait { conversation: ConversationId },
    /// Who wants to enter cannot.
    Turned { conversation: ConversationId, why: Turned },
    /// A device of a user who is back looks for who knows the user.
    Return { tag: [u8; 16] },
    /// The sender is in a conversation with the user.
    Known { tag: [u8; 16] },
    /// The sender's device is the user's whose log this is.
    Mine { log: Vec<serde_bytes::ByteBuf> },
    /// What the sender has of what the user's devices share; asks for the rest.
    Own { names: Vec<[u8; 8]> },
    /// Some of what the user's devices share.
    Owned { items: Vec<serde_bytes::ByteBuf> },
    /// A step on the way of a new device to its user.
    Linking {
        #[serde(with = "serde_bytes")]
        message: Vec<u8>,
    },
    /// The sender lacks these group keys.
    Ask { conversation: ConversationId, epochs: Vec<RecordHash> },
    /// Group keys, each in a box for the receiver.
    Boxes { conversation: ConversationId, boxes: Vec<serde_bytes::ByteBuf> },
    /// The sender's device is that of the user whose contact link was knocked by.
    AtHome { tag: [u8; 16], log: Vec<serde_bytes::ByteBuf> },
    /// Somebody wants to talk one to one.
    Request { proof: Signature, secret: [u8; 32], message: String, log: Vec<serde_bytes::ByteBuf> },
    /// The sender has these changes, and all before them.
    Announce { conversation: ConversationId, news: Vec<News> },
    /// The sender lacks what is beyond these changes, and wants these chains pushed.
    Graft { conversation: ConversationId, chains: Vec<News> },
    /// The sender was pushed what it had of these chains: it wants announcements only.
    Prune { conversation: ConversationId, chains: Vec<(u32, ActorId)> },
    /// Other members' peers.
    Nearby { conversation: ConversationId, peers: Vec<Whereabouts> },
    /// The sender could do without this link.
    Enough,
}

/// Why nobody is let in by a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Turned {
    /// It is over.
    Expired,
    /// Others used it up.
    UsedUp,
    /// It was withdrawn, or whoever made it is out.
    Withdrawn,
    /// A person said no.
    Refused,
    /// Who asks was removed, and the link is older than that: it takes an admin, or another link.
    Removed,
}

/// How much of each chain a peer has, with the first bytes of the newest change's hash.
pub type Tips = BTreeMap<ActorId, (u32, [u8; 8])>;

/// The bytes are not a frame of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a frame of version {VERSION}")]
pub struct BadFrame;

impl Frame {
    /// Encodes the frame.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![VERSION]).expect("a frame always encodes")
    }

    /// Decodes a frame. Its parts take at most 24 bytes of memory for each byte: an empty list is one byte long.
    ///
    /// # Errors
    /// [`BadFrame`] when the bytes are too many, of another version, malformed, or not what [`Frame::encode`] writes: a
    /// frame has one form.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadFrame> {
        if bytes.len() > MAX_FRAME {
            return Err(BadFrame);
        }
        let Some((&VERSION, encoded)) = bytes.split_first() else { return Err(BadFrame) };
        let frame: Frame = postcard::from_bytes(encoded).map_err(|_| BadFrame)?;
        if frame.encode() == bytes { Ok(frame) } else { Err(BadFrame) }
    }

    /// Returns the conversation that the frame is about, if it is for who is in it.
    pub fn conversation(&self) -> Option<ConversationId> {
        match self {
            Frame::Prove { .. }
            | Frame::Share { .. }
            | Frame::Knock { .. }
            | Frame::Door { .. }
            | Frame::Enter { .. }
            | Frame::Welcome { .. }
            | Frame::Wait { .. }
            | Frame::Turned { .. }
            | Frame::Return { .. }
            | Frame::Known { .. }
            | Frame::Mine { .. }
            | Frame::Own { .. }
            | Frame::Owned { .. }
            | Frame::Linking { .. }
            | Frame::AtHome { .. }
            | Frame::Request { .. }
            | Frame::Enough => None,
            Frame::Heads { conversation, .. }
            | Frame::Controls { conversation, .. }
            | Frame::Have { conversation, .. }
            | Frame::Changes { conversation, .. }
            | Frame::Push { conversation, .. }
            | Frame::Ack { conversation, .. }
            | Frame::Want { conversation, .. }
            | Frame::Payloads { conversation, .. }
            | Frame::Forks { conversation, .. }
            | Frame::Names { conversation, .. }
            | Frame::Ask { conversation, .. }
            | Frame::Boxes { conversation, .. }
            | Frame::Announce { conversation, .. }
            | Frame::Graft { conversation, .. }
            | Frame::Prune { conversation, .. }
            | Frame::Nearby { conversation, .. } => Some(*conversation),
        }
    }
}
