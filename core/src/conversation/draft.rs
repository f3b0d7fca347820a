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

#[cfg(test)]
mod tests {
    use automerge::transaction::{CommitOptions, Transactable};
    use automerge::{AutoCommit, ObjId, ROOT, ReadDoc};

    use super::super::chain::{ChainHeader, Vector};
    use super::super::gate::{Outcome, Sent};
    use super::super::proof::{Verified, sign};
    use super::super::schema::SegmentId;
    use super::super::segment::Segment;
    use super::*;
    use crate::crypto::DeviceKey;
    use crate::id::{ConversationId, RecordHash};

    /// Commits the same entries as `draft` writes, in a document with the genesis and one chain.
    fn commit(shadow: &mut AutoCommit, actor: ActorId, at: Hlc, records: &[(Place, Vec<u8>)]) -> Vec<u8> {
        for (number, (place, record)) in (0..).zip(records) {
            let (_, map): (_, ObjId) = shadow.get(ROOT, place.name()).unwrap().unwrap();
            shadow.put(map, EntryId { at, actor, number }.to_key(), ScalarValue::Bytes(record.clone())).unwrap();
        }
        let hash = shadow.commit_with(CommitOptions::default().with_time(0)).unwrap();
        shadow.get_change_by_hash(&hash).unwrap().raw_bytes().to_vec()
    }

    #[test]
    fn automerge_itself_would_write_the_same_changes() {
        let id = SegmentId { conversation: ConversationId([7; 32]), number: 0 };
        let key = DeviceKey::from_seed(&[1; 32]);
        let header = ChainHeader::new(key.device(), RecordHash([0; 32]), [0; 16], Vector::new());
        let mut segment = Segment::open(id, None, &[]).unwrap();
        let actor = header.actor(segment.genesis().hash());
        let mut shadow = AutoCommit::new().with_actor(automerge::ActorId::from(actor.0));
        shadow.apply_changes([segment.genesis().change().clone()]).unwrap();

        let (m, x) = (Place::Messages, Place::Annotations);
        let turns: [&[Place]; 8] = [&[m], &[m, x], &[x], &[x, m, m], &[m; 40], &[x; 2], &[m, x, m, x, m], &[m]];
        for (turn, places) in (1..).zip(turns) {
            let record = |(at, place): (usize, &Place)| (*place, vec![at as u8; (at * turn as usize * 7) % 300]);
            let records: Vec<_> = places.iter().enumerate().map(record).collect();
            let at = Hlc { ms: 1_700_000_000_000 + turn, counter: turn as u16 };
            let (hash, change) = draft(segment.genesis(), segment.chain(&actor), actor, at, &records);
            assert_eq!(change, commit(&mut shadow, actor, at, &records), "turn {turn}");
            assert_eq!(hash.0, shadow.get_heads()[0].0);

            let header = (turn == 1).then(|| header.clone());
            let signature = sign(&key, id, hash, header.as_ref());
            let run = segment.gate(vec![Sent { change, header, signature, payloads: vec![] }]);
            let Ok(Outcome::Next(gated)) = run else { panic!("{run:?}") };
            let run = Verified::check(gated).unwrap();
            segment.admit(&run);
            segment.apply(vec![run]).unwrap();
        }
    }
}
