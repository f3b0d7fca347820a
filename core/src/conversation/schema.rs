//! The shape of a segment: its deterministic first change, and the limits of all that follow.
//!
//! The genesis is a wire format: peers that open the same segment apart must arrive at the same hash, so nothing in it
//! may ever depend on anything but the conversation, the number and the schema version. A golden test freezes it.

use std::num::NonZeroU64;

use automerge::legacy::{Key, ObjectId, Op, OpId, OpType};
use automerge::{Change, ExpandedChange, ObjType};
use serde::{Deserialize, Serialize};

use super::record::Place;
use crate::crypto;
use crate::id::{ActorId, ChangeHash, ConversationId};

/// The version of the schema; part of every segment's genesis.
const SCHEMA: u8 = 1;

/// Changes after which writers move on to the next segment. Advice to writers, never a reason to refuse.
pub const SEGMENT_CHANGES: u64 = 2000;

/// The largest change, in bytes.
pub const MAX_CHANGE: usize = 64 * 1024;

/// The most operations in one change.
pub const MAX_OPS: u64 = 255;

/// The most changes in one chain.
pub const MAX_CHAIN_CHANGES: u32 = 20_000;

/// The most bytes of changes in one chain.
pub const MAX_CHAIN_BYTES: u64 = 64 * 1024 * 1024;

/// Names one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SegmentId {
    /// The conversation.
    pub conversation: ConversationId,
    /// Its place in the row, from 0.
    pub number: u32,
}

/// The first change of a segment: makes the two maps.
#[derive(Debug, Clone)]
pub struct Genesis {
    change: Change,
    actor: automerge::ActorId,
}

impl Genesis {
    /// Builds the genesis of a segment. The same on every peer.
    pub fn new(id: SegmentId) -> Self {
        let parts = [id.conversation.as_bytes(), &id.number.to_be_bytes(), &[SCHEMA]];
        let actor = automerge::ActorId::from(&crypto::hash("bayou/1/segment", &parts)[..16]);
        let operations = [Place::Messages, Place::Annotations].map(make_map).to_vec();
        let change = Change::from(ExpandedChange {
            operations,
            actor_id: actor.clone(),
            hash: None,
            seq: 1,
            start_op: NonZeroU64::MIN,
            time: 0,
            message: None,
            deps: vec![],
            extra_bytes: vec![],
            author: None,
        });
        Genesis { change, actor }
    }

    /// Returns its hash, on which the first change of every chain depends.
    pub fn hash(&self) -> ChangeHash {
        ChangeHash(self.change.hash().0)
    }

    /// Returns the largest operation counter in it, above which every chain begins to count.
    pub(super) fn max_op(&self) -> u64 {
        self.change.max_op()
    }

    pub(super) fn change(&self) -> &Change {
        &self.change
    }

    /// Returns the actor that wrote it and never writes again.
    pub(super) fn actor(&self) -> ActorId {
        actor_id(&self.actor).expect("the genesis actor has 16 bytes")
    }

    /// Returns the map that entries of a place are put into.
    pub(super) fn map(&self, place: Place) -> ObjectId {
        ObjectId::Id(OpId::new(place.op(), &self.actor))
    }

    /// Returns the place that an object is, if it is one of the two maps.
    pub(super) fn place(&self, object: &ObjectId) -> Option<Place> {
        [Place::Messages, Place::Annotations].into_iter().find(|place| self.map(*place) == *object)
    }
}

fn make_map(place: Place) -> Op {
    Op {
        action: OpType::Make(ObjType::Map),
        obj: ObjectId::Root,
        key: Key::Map(place.name().into()),
        pred: Vec::new().into(),
        insert: false,
    }
}

/// Converts Automerge's actor id to ours; `None` if it does not have 16 bytes.
pub(super) fn actor_id(actor: &automerge::ActorId) -> Option<ActorId> {
    actor.to_bytes().try_into().ok().map(ActorId)
}

#[cfg(test)]
mod tests {
    use automerge::transaction::{CommitOptions, Transactable};
    use automerge::{AutoCommit, ROOT};

    use super::*;

    fn id() -> SegmentId {
        SegmentId { conversation: ConversationId([7; 32]), number: 3 }
    }

    #[test]
    fn the_genesis_is_frozen() {
        assert_eq!(
            Genesis::new(id()).hash().to_string(),
            "b173825499e0844db7d338cf7afb12467e52c3af9356bc4fd64f0b5ca314dbf0"
        );
    }

    #[test]
    fn automerge_itself_would_write_the_same_genesis() {
        let genesis = Genesis::new(id());
        let mut doc = AutoCommit::new().with_actor(genesis.actor.clone());
        doc.put_object(ROOT, "m", ObjType::Map).unwrap();
        doc.put_object(ROOT, "x", ObjType::Map).unwrap();
        doc.commit_with(CommitOptions::default().with_time(0)).unwrap();
        assert_eq!(doc.get_heads(), [genesis.change.hash()]);
    }
}
