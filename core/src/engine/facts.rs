//! What concerns this home alone: facts in the stream [`StreamId::Local`](crate::id::StreamId::Local).

use serde::{Deserialize, Serialize};

use crate::conversation::EntryId;
use crate::id::{ConversationId, RecordHash, UserId};
use crate::identity::LinkPeers;

/// A fact. Kinds are only ever added at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fact {
    /// We are in a conversation.
    Joined {
        conversation: ConversationId,
        secret: [u8; 32],
        /// Where the link that invited us said members can be reached.
        peers: LinkPeers,
    },
    /// The nonce that goes into the names of our chains, as long as we are the same instance: the same files on the
    /// same running machine. A copy, a restored backup or a cloned machine is another, and draws another.
    Nonce { instance: [u8; 32], nonce: [u8; 16] },
    /// A conversation was read up to an entry.
    Read { conversation: ConversationId, upto: EntryId },
    /// We hold a link that invites to a conversation, and ask to be let in. The first of these facts and
    /// [`Fact::Joined`] about each conversation number the conversations.
    Joining { conversation: ConversationId, link: String },
    /// A record of our own user's log.
    Own(serde_bytes::ByteBuf),
    /// We left a conversation.
    Left { conversation: ConversationId },
    /// A person said no to someone who wants to be let in by an invite.
    Refused { conversation: ConversationId, user: UserId, invite: RecordHash },
    /// What our user's devices agreed on.
    Register(serde_bytes::ByteBuf),
}

/// Reads the facts from the image and the tail of the local stream; what cannot be read is skipped and counted.
pub(super) fn read(image: Option<&[u8]>, tail: &[Vec<u8>]) -> (Vec<Fact>, usize) {
    let (mut facts, mut unreadable) = (Vec::new(), 0);
    match image.map(postcard::from_bytes::<Vec<Fact>>) {
        Some(Ok(compacted)) => facts = compacted,
        Some(Err(_)) => unreadable += 1,
        None => {}
    }
    for bytes in tail {
        match postcard::from_bytes(bytes) {
            Ok(fact) => facts.push(fact),
            Err(_) => unreadable += 1,
        }
    }
    (facts, unreadable)
}

/// Returns the conversations in the order of their numbers.
pub(super) fn numbers(facts: &[Fact]) -> Vec<ConversationId> {
    let mut numbers = Vec::new();
    for fact in facts {
        if let Fact::Joined { conversation, .. } | Fact::Joining { conversation, .. } = fact
            && !numbers.contains(conversation)
        {
            numbers.push(*conversation);
        }
    }
    numbers
}

/// Drops facts that later ones replace.
pub(super) fn compact(facts: &[Fact]) -> Vec<u8> {
    let replaced = |at: usize, fact: &Fact| {
        facts.iter().skip(at + 1).any(|later| match (fact, later) {
            (Fact::Nonce { .. }, Fact::Nonce { .. }) => true,
            (Fact::Read { conversation: a, .. }, Fact::Read { conversation: b, .. }) => a == b,
            _ => false,
        })
    };
    let kept: Vec<&Fact> = facts.iter().enumerate().filter(|(at, fact)| !replaced(*at, fact)).map(|(_, f)| f).collect();
    postcard::to_stdvec(&kept).expect("facts always encode")
}

pub(super) fn encode(fact: &Fact) -> Vec<u8> {
    postcard::to_stdvec(fact).expect("a fact always encodes")
}
