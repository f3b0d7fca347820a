//! Writing a change of one's own.
//!
//! The change is built from its parts: dependency, sequence number and operation counter are those of the author's own
//! chain. It comes out byte for byte as Automerge itself would commit it in a small shadow document that holds the
//! genesis and nothing but that chain (a test compares the two), but needs no such document to be kept or rebuilt.

use std::num::NonZeroU64;

use automerge::legacy::{Key, Op, OpType};
use automerge::{Change, ExpandedChange, ScalarValue};

use super::chain::Chain;
use super::key::EntryId;
use super::record::Place;
use super::schema::Genesis;
use crate::id::{ActorId, ChangeHash};
use crate::time::Hlc;

/// Writes the next change of a chain (or the first, without one): one entry for each record, all with the same stamp.
///
/// Returns the change's hash, which is to be signed, and its bytes, which are to go through the gate.
pub fn draft(
    genesis: &Genesis,
    chain: Option<&Chain>,
    actor: ActorId,
    at: Hlc,
    records: &[(Place, Vec<u8>)],
) -> (ChangeHash, Vec<u8>) {
    let put = |(number, (place, record)): (u8, &(Place, Vec<u8>))| Op {
        action: OpType::Put(ScalarValue::Bytes(record.clone())),
        obj: genesis.map(*place),
        key: Key::Map(EntryId { at, actor, number }.to_key().into()),
        pred: Vec::new().into(),
        insert: false,
    };
    let (seq, head, max_op) =
        chain.map_or((0, genesis.hash(), genesis.max_op()), |chain| (chain.tip.seq, chain.tip.head, chain.tip.max_op));
    let change = Change::from(ExpandedChange {
        operations: (0..=u8::MAX).zip(records).map(put).collect(),
        actor_id: automerge::ActorId::from(actor.0),
        hash: None,
        seq: u64::from(seq) + 1,
        start_op: NonZeroU64::MIN.saturating_add(max_op),
        time: 0,
        message: None,
        deps: vec![automerge::ChangeHash(head.0)],
        extra_bytes: vec![],
        author: None,
    });
    (ChangeHash(change.hash().0), change.raw_bytes().to_vec())
}
