//! What concerns this home alone: facts in the stream [`StreamId::Local`](crate::id::StreamId::Local).

use serde::{Deserialize, Serialize};

use crate::authority::Authority;
use crate::conversation::EntryId;
use crate::id::{ConversationId, RecordHash, UserId};
use crate::identity::{LinkPeers, Registers};

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
    /// The nonce that goes into the names of our chains, as long as we are the same instance: nobody else goes on from
    /// what is kept here. A copy, a restored backup or a cloned machine is another, and draws another.
    Nonce { instance: [u8; 32], nonce: [u8; 16] },
    /// A conversation was read up to an entry.
    Read { conversation: ConversationId, upto: EntryId },
    /// We hold a link that invites to a conversation, and ask to be let in. The first of these facts and
    /// [`Fact::Joined`] about each conversation number the conversations.
    Joining { conversation: ConversationId, link: String },
    /// A record of our own user's log. On disk alone: in memory it is in the log.
    Own(serde_bytes::ByteBuf),
    /// We left a conversation.
    Left { conversation: ConversationId },
    /// A person said no to someone who wants to be let in by an invite.
    Refused { conversation: ConversationId, user: UserId, invite: RecordHash },
    /// What our user's devices agreed on. On disk alone: in memory it is among the registers.
    Register(serde_bytes::ByteBuf),
    /// Our user's own picture. On disk alone: in memory it is beside the log.
    Avatar(serde_bytes::ByteBuf),
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

/// Writes the image: the facts without those that later ones replace, what is held of our user's log, and of each register
/// the one that holds.
pub(super) fn compact(facts: &[Fact], own: &Authority, registers: &Registers) -> Vec<u8> {
    let replaced = |at: usize, fact: &Fact| {
        facts.iter().skip(at + 1).any(|later| match (fact, later) {
            (Fact::Nonce { .. }, Fact::Nonce { .. }) => true,
            (Fact::Read { conversation: a, .. }, Fact::Read { conversation: b, .. }) => a == b,
            _ => false,
        })
    };
    let kept = facts.iter().enumerate().filter(|(at, fact)| !replaced(*at, fact)).map(|(_, fact)| fact.clone());
    let log = own.users().flat_map(|user| own.user_records(user));
    let log = log.map(|record| Fact::Own(record.bytes().to_vec().into()));
    let avatars = own.avatars().map(|avatar| Fact::Avatar(avatar.bytes().to_vec().into()));
    let registers = registers.iter().map(|register| Fact::Register(register.bytes().to_vec().into()));
    let kept: Vec<Fact> = kept.chain(log).chain(avatars).chain(registers).collect();
    postcard::to_stdvec(&kept).expect("facts always encode")
}

pub(super) fn encode(fact: &Fact) -> Vec<u8> {
    postcard::to_stdvec(fact).expect("a fact always encodes")
}
