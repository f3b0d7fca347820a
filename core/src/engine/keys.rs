//! The keys of the index, drawn. All of it is derived and can be rebuilt.
//!
//! ```text
//! r  conversation u32  id 25                  → Row              the timeline, oldest first
//! g  conversation u32  id 25                  → Row              messages that disappeared: without words, shown to nobody
//! d  conversation u32  id 25                  → Row              messages of forked chains that count no more
//! x  conversation u32  ms u64  id 25          → ()               when messages disappear that are still here
//! o  conversation u32  id 25                  → [Entry]          annotations that wait for their message
//! h  conversation u32  segment u32            → SegmentHeads
//! f  conversation u32  segment u32  actor 16  → ms u64, fork 32  chains that were found to be forked, and where they end
//! w  conversation u32  segment u32  hash 32   → EntryId          bodies that have not arrived, and whose row lacks them
//! c  conversation u32  segment u32  actor 16  → Author           who writes a chain, and under which grant
//! a  conversation u32  segment u32  actor 16  device 32 → u32    how much of our chain a member was heard to have
//! e  conversation u32  segment u32  hash 32   → ()                erased bodies, until the next snapshot has taken them off the disk
//! m  conversation u32  node 8  segment u32  actor 16 → Mark      how far our chain is in a mailbox, and under which epoch
//! i  conversation u32  node 8  name 8         → RecordHash       under which epoch an item or box is in a mailbox
//! l  conversation u32  node 8  day u64  epoch 32 → u64           how far a topic was read in a mailbox
//! b  conversation u32  node 8                 → u64              when a mailbox was begun, as it said last
//! p  peer 32                                  → Known            where peers were last reached
//! ```
//!
//! Conversations are numbered in the order in which this home joined them: short keys, and stable over a rebuild.

use crate::conversation::EntryId;
use crate::id::{ActorId, DeviceId, PayloadId, PeerId, RecordHash};
use crate::time::Timestamp;

/// Which part of the index a key is in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Rows = b'r' as isize,
    Orphans = b'o' as isize,
    Heads = b'h' as isize,
    Wants = b'w' as isize,
    Acks = b'a' as isize,
    Authors = b'c' as isize,
    Erasing = b'e' as isize,
    Gone = b'g' as isize,
    Expiries = b'x' as isize,
    Disputes = b'f' as isize,
    Mailed = b'm' as isize,
    MailedItems = b'i' as isize,
    Looked = b'l' as isize,
    Disputed = b'd' as isize,
    Begun = b'b' as isize,
}

/// The key after every peer's.
pub(super) const PEERS: (&[u8], &[u8]) = (b"p", b"q");

fn prefix(part: Part, conversation: u32) -> Vec<u8> {
    let mut key = vec![part as u8];
    key.extend_from_slice(&conversation.to_be_bytes());
    key
}

fn join(mut key: Vec<u8>, parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

/// Returns the bounds of one conversation's keys in a part.
pub(super) fn all(part: Part, conversation: u32) -> (Vec<u8>, Vec<u8>) {
    let after = match conversation.checked_add(1) {
        Some(next) => prefix(part, next),
        None => vec![part as u8 + 1],
    };
    (prefix(part, conversation), after)
}

pub(super) fn row(conversation: u32, id: &EntryId) -> Vec<u8> {
    join(prefix(Part::Rows, conversation), &[&id.to_sortable()])
}

pub(super) fn gone(conversation: u32, id: &EntryId) -> Vec<u8> {
    join(prefix(Part::Gone, conversation), &[&id.to_sortable()])
}

pub(super) fn disputed(conversation: u32, id: &EntryId) -> Vec<u8> {
    join(prefix(Part::Disputed, conversation), &[&id.to_sortable()])
}

pub(super) fn expiry(conversation: u32, at: Timestamp, id: &EntryId) -> Vec<u8> {
    join(prefix(Part::Expiries, conversation), &[&at.0.to_be_bytes(), &id.to_sortable()])
}

/// Returns the key before those of all messages that disappear later than a moment.
pub(super) fn after(conversation: u32, at: Timestamp) -> Vec<u8> {
    join(prefix(Part::Expiries, conversation), &[&at.plus(1).0.to_be_bytes()])
}

/// Reads when what disappears, off the key.
pub(super) fn expiring(key: &[u8]) -> Option<(Timestamp, EntryId)> {
    let at = Timestamp(u64::from_be_bytes(*key.get(5..)?.first_chunk()?));
    Some((at, EntryId::from_sortable(key.get(13..)?)?))
}

/// Reads the id off the key of a row, one that is gone, or an orphan.
pub(super) fn id(key: &[u8]) -> Option<EntryId> {
    EntryId::from_sortable(key.get(5..)?)
}

pub(super) fn orphans(conversation: u32, id: &EntryId) -> Vec<u8> {
    join(prefix(Part::Orphans, conversation), &[&id.to_sortable()])
}

pub(super) fn heads(conversation: u32, segment: u32) -> Vec<u8> {
    join(prefix(Part::Heads, conversation), &[&segment.to_be_bytes()])
}

pub(super) fn want(conversation: u32, segment: u32, body: &PayloadId) -> Vec<u8> {
    join(prefix(Part::Wants, conversation), &[&segment.to_be_bytes(), &body.0])
}

pub(super) fn erasing(conversation: u32, segment: u32, body: &PayloadId) -> Vec<u8> {
    join(prefix(Part::Erasing, conversation), &[&segment.to_be_bytes(), &body.0])
}

pub(super) fn ack(conversation: u32, segment: u32, actor: &ActorId, device: &DeviceId) -> Vec<u8> {
    join(prefix(Part::Acks, conversation), &[&segment.to_be_bytes(), &actor.0, &device.0])
}

pub(super) fn author(conversation: u32, segment: u32, actor: &ActorId) -> Vec<u8> {
    join(prefix(Part::Authors, conversation), &[&segment.to_be_bytes(), &actor.0])
}

pub(super) fn dispute(conversation: u32, segment: u32, actor: &ActorId) -> Vec<u8> {
    join(prefix(Part::Disputes, conversation), &[&segment.to_be_bytes(), &actor.0])
}

/// Returns the bounds of what is noted of one mailbox of a conversation in a part.
pub(super) fn of_node(part: Part, conversation: u32, node: &[u8; 8]) -> (Vec<u8>, Vec<u8>) {
    let from = join(prefix(part, conversation), &[node]);
    (from.clone(), join(from, &[&[0xff; 48]]))
}

pub(super) fn mailed(conversation: u32, node: &[u8; 8], segment: u32, actor: &ActorId) -> Vec<u8> {
    join(prefix(Part::Mailed, conversation), &[node, &segment.to_be_bytes(), &actor.0])
}

/// Reads the chain off the key of what is mailed of it.
pub(super) fn mailed_chain(key: &[u8]) -> Option<(u32, ActorId)> {
    let rest = key.get(13..)?;
    Some((u32::from_be_bytes(*rest.first_chunk()?), ActorId(*rest.get(4..)?.first_chunk()?)))
}

pub(super) fn mailed_item(conversation: u32, node: &[u8; 8], name: &[u8; 8]) -> Vec<u8> {
    join(prefix(Part::MailedItems, conversation), &[node, name])
}

/// Reads the name off the key of an item that is mailed.
pub(super) fn mailed_name(key: &[u8]) -> Option<[u8; 8]> {
    key.get(13..)?.first_chunk().copied()
}

pub(super) fn looked(conversation: u32, node: &[u8; 8], day: u64, epoch: &RecordHash) -> Vec<u8> {
    join(prefix(Part::Looked, conversation), &[node, &day.to_be_bytes(), &epoch.0])
}

/// Reads day and epoch off the key of a topic.
pub(super) fn looked_topic(key: &[u8]) -> Option<(u64, RecordHash)> {
    let rest = key.get(13..)?;
    Some((u64::from_be_bytes(*rest.first_chunk()?), RecordHash(last32(key)?)))
}

pub(super) fn begun(conversation: u32, node: &[u8; 8]) -> Vec<u8> {
    join(prefix(Part::Begun, conversation), &[node])
}

pub(super) fn peer(peer: &PeerId) -> Vec<u8> {
    join(b"p".to_vec(), &[&peer.0])
}

/// Reads the segment number after the conversation.
pub(super) fn segment(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*key.get(5..)?.first_chunk()?))
}

/// Reads the 32-byte value at the end of a key.
pub(super) fn last32(key: &[u8]) -> Option<[u8; 32]> {
    key.last_chunk().copied()
}

/// Reads the actor after the segment.
pub(super) fn actor(key: &[u8]) -> Option<ActorId> {
    Some(ActorId(*key.get(9..)?.first_chunk()?))
}
