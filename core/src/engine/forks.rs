//! Forks: from two changes that contradict each other to the same, shorter chain on every peer.
//!
//! Who is sent a change for a place where its chain has another puts the two side by side; if both are signed, that is a
//! proof. It is kept like anything else, and once it is durable the chain is frozen, what it said behind the place is
//! taken out of the rows, and others are told. Who asks for a segment is given the proofs about it first.
//!
//! What was taken out stays readable, in rows of its own that count for nothing. When a cut names an end of the chain
//! (see `cuts`), that beats the proof: what leads there counts again.
//!
//! Two peers may each have another end of a chain and nothing that the other lacks. So whoever asks names the hash of each
//! chain's newest change; where it is not ours, we send our change for that place, and the other sees the fork.

use std::collections::BTreeSet;

use super::conversation::Author;
use super::durable::Pending;
use super::io::{Effect, View};
use super::{Engine, keys, rows, stream};
use crate::conversation::{
    End, Entry, EntryId, Fork, ForkProof, Place, Record as Said, SegmentId, Sent, Settled, Tail,
};
use crate::envelope::{Answer, Frame, Tips};
use crate::id::{ActorId, ConversationId, PeerId};
use crate::store::{IndexOp, Record};
use crate::sync::SegmentHeads;
use crate::time::Timestamp;

/// Forked chains of one segment that are remembered. Who forks more chains than that is not stopped from it, but each of
/// these costs them a chain and a signature; the peers then differ in those.
const MAX_FORKS: usize = 1024;

impl Engine {
    /// Looks for the proof that a refused run forks its chain, and has it kept.
    pub(super) fn prove_fork(&mut self, id: SegmentId, run: &[Sent], view: &dyn View) -> bool {
        let Ok(segment) = self.shelf.settled(id, view) else { return false };
        let proof = run.iter().find_map(|sent| segment.contradicted_by(sent));
        proof.is_some_and(|proof| self.take_fork(id, proof, None, view).is_ok())
    }

    /// Takes in what a peer says are forks.
    pub(super) fn take_forks(&mut self, peer: PeerId, id: SegmentId, proofs: Vec<ForkProof>, view: &dyn View) {
        for proof in proofs {
            if self.take_fork(id, proof, Some(peer), view).is_err() {
                return self.misbehaved(peer, "it sent a proof of a fork that proves nothing");
            }
        }
    }

    fn take_fork(&mut self, id: SegmentId, proof: ForkProof, from: Option<PeerId>, view: &dyn View) -> Result<(), ()> {
        let Ok(segment) = self.shelf.get(id, view) else { return Ok(()) };
        let fork = proof.check(segment.genesis(), id).map_err(drop)?;
        let known = segment.forks().find(|known| known.actor() == fork.actor());
        if known.map_or(segment.forks().count() >= MAX_FORKS, |known| !fork.outranks(known)) {
            return Ok(());
        }
        let bytes = postcard::to_stdvec(&Tail::Fork(Box::new(fork.proof().clone()))).expect("a record always encodes");
        self.shelf.hold(id, 1);
        self.persist(vec![Record { stream: stream(id), bytes }], vec![Pending::Forked { id, fork, from }]);
        Ok(())
    }

    /// Freezes a chain whose fork is durable now, and does all that follows from it.
    pub(super) fn freeze(&mut self, now: Timestamp, id: SegmentId, fork: Fork, from: Option<PeerId>, view: &dyn View) {
        self.shelf.release(id, 1);
        self.tails.grew(stream(id), 1, now);
        let (proof, actor) = (fork.proof().clone(), fork.actor());
        // Also of a chain of which nothing was ever let in.
        let author = Author { device: proof.header.device, grant: proof.header.grant };
        let mut ops = Vec::from_iter(self.note_author(id, actor, author));
        let dispute = self.tell_dispute(now, id, &fork);
        let frozen = self.shelf.get(id, view).map(|segment| (segment.freeze(fork), SegmentHeads::of(segment)));
        let gone = match frozen {
            Ok((Ok(Some(gone)), _)) => gone,
            Ok((Ok(None), _)) => return,
            Ok((Err(error), _)) => {
                self.shelf.close(id);
                return self.problem(error.to_string());
            }
            Err(error) => return self.problem(error.to_string()),
        };
        let Ok(heads) = self.shelf.get(id, view).map(|segment| SegmentHeads::of(segment)) else { return };
        ops.extend(self.note_heads(id, heads));
        ops.extend(self.note_disputes(id, view));
        self.effects.push(Effect::Index(ops, self.complete));
        self.unsay(now, id.conversation, &gone, view);
        self.problem("a device wrote two histories: what it wrote after they part is not shown");
        self.effects.extend(dispute);
        let frame = Frame::Forks { conversation: id.conversation, segment: id.number, proofs: vec![proof] };
        for peer in self.sharing(id.conversation).into_iter().filter(|peer| Some(*peer) != from) {
            self.send(peer, &frame);
        }
        self.enforce(now, id.conversation, &[(id.number, actor)], view);
    }

    /// Lets a forked chain count as far as a cut says, or no longer so, and has that kept.
    pub(super) fn name_end(
        &mut self,
        now: Timestamp,
        id: SegmentId,
        actor: ActorId,
        end: Option<End>,
        view: &dyn View,
    ) {
        let moved = match self.shelf.get(id, view).map(|segment| segment.name_end(actor, end)) {
            Ok(Ok(Some(moved))) => moved,
            Ok(Ok(None)) => return,
            Ok(Err(error)) => {
                self.shelf.close(id);
                return self.problem(error.to_string());
            }
            Err(error) => return self.problem(error.to_string()),
        };
        let bytes = postcard::to_stdvec(&Tail::End(actor, end)).expect("a record always encodes");
        self.shelf.hold(id, 1);
        self.persist(vec![Record { stream: stream(id), bytes }], vec![Pending::Shortened(id)]);
        let Ok(heads) = self.shelf.get(id, view).map(|segment| SegmentHeads::of(segment)) else { return };
        let ops = self.note_heads(id, heads);
        self.effects.push(Effect::Index(ops, self.complete));
        self.unsay(now, id.conversation, &moved.gone, view);
        self.unsay(now, id.conversation, &moved.back, view);
        for entry in moved.back.iter().filter(|entry| entry.place == Place::Messages) {
            self.tell_kept_row(now, id.conversation, &entry.id, view);
        }
    }

    fn tell_kept_row(&mut self, now: Timestamp, id: ConversationId, message: &EntryId, view: &dyn View) {
        let Some(number) = self.conversations.get(&id).map(|conversation| conversation.number) else { return };
        let row = rows::written_or_kept(&self.written, view, &keys::row(number, message));
        if let Some(row) = row.and_then(|bytes| rows::decode(&bytes)).filter(|row| !row.is_over(now)) {
            self.tell_row(now, id, message, &row, view);
        }
    }

    /// Takes back what entries did to the rows, or has them do it again: their own messages, and messages that they were
    /// about, are folded again from all that is left.
    pub(super) fn unsay(&mut self, now: Timestamp, id: ConversationId, gone: &[Entry], view: &dyn View) {
        let own = gone.iter().filter(|entry| entry.place == Place::Messages).map(|entry| entry.id);
        let rows: BTreeSet<EntryId> = own.chain(gone.iter().filter_map(about)).collect();
        if !rows.is_empty() {
            self.fold_anew(now, id, &rows, view);
        }
    }

    /// Forgets some rows and folds them again from all that is in the documents.
    pub(super) fn fold_anew(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        messages: &BTreeSet<EntryId>,
        view: &dyn View,
    ) {
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        conversation.orphans.retain(|message| !messages.contains(message));
        let unwanted: Vec<_> =
            conversation.wants.extract_if(.., |_, row| messages.contains(row)).map(|(want, _)| want).collect();
        let (number, segments) = (conversation.number, Vec::from_iter(conversation.heads.keys().copied()));
        let (mut left, mut aside) = (Vec::new(), Vec::new());
        let matters =
            |entry: &Entry| messages.contains(&entry.id) || about(entry).is_some_and(|m| messages.contains(&m));
        for segment in segments {
            if let Ok(open) = self.shelf.settled(SegmentId { conversation: id, number: segment }, view) {
                left.extend(open.entries().into_iter().filter(matters));
                aside.extend(open.disputed().into_iter().filter(matters));
            }
        }
        let places = [keys::row, keys::gone, keys::disputed, keys::orphans];
        let keys = messages.iter().flat_map(|row| places.map(|place| place(number, row)));
        // Who follows is told of a row whose time has come: the fold puts it aside and says nothing.
        let mut expiries = Vec::new();
        for message in messages {
            let read = |place: fn(u32, &EntryId) -> Vec<u8>| {
                rows::written_or_kept(&self.written, view, &place(number, message))
            };
            let shown = read(keys::row);
            let is_shown = shown.is_some();
            let row = shown.or_else(|| read(keys::disputed)).and_then(|bytes| rows::decode(&bytes));
            let at = row.and_then(|row| row.expires);
            expiries.extend(at.map(|at| keys::expiry(number, at, message)));
            let leaves = at.is_some_and(|at| at <= now) || aside.iter().any(|entry| entry.id == *message);
            if is_shown && leaves {
                self.tell_gone(id, message);
            }
        }
        let wants = unwanted.iter().map(|(segment, body)| keys::want(number, *segment, body));
        let removed: Vec<IndexOp> = keys.chain(wants).chain(expiries).map(IndexOp::Remove).collect();
        for op in &removed {
            if let IndexOp::Remove(key) = op {
                self.written.insert(key.clone(), None);
            }
        }
        self.effects.push(Effect::Index(removed, self.complete));
        let folded = self.fold_with(id, now, true, view, BTreeSet::new(), |fold| {
            left.into_iter().try_for_each(|entry| fold.add(entry))?;
            aside.into_iter().try_for_each(|entry| fold.dispute(entry))
        });
        match folded {
            Ok(ops) => self.effects.push(Effect::Index(ops, self.complete)),
            Err(error) => self.problem(error.to_string()),
        }
    }

    /// Gives who asked for a segment the proofs about it, and our changes where theirs are others.
    pub(super) fn give_forks(&mut self, peer: PeerId, id: SegmentId, tips: &Tips, view: &dyn View) {
        let (conversation, number) = (id.conversation, id.number);
        let Ok(segment) = self.shelf.settled(id, view) else { return };
        let proofs: Vec<ForkProof> = segment.forks().map(|fork| fork.proof().clone()).collect();
        let others: Vec<Sent> = tips.iter().filter_map(|(actor, tip)| other(&segment, actor, *tip)).collect();
        for proof in proofs {
            self.send(peer, &Frame::Forks { conversation, segment: number, proofs: vec![proof] });
        }
        for sent in others {
            let (runs, answer) = (vec![vec![sent]], Answer::Continues);
            self.send(peer, &Frame::Changes { conversation, segment: number, runs, answer });
        }
    }
}

/// Returns our change for a place where a peer has another.
fn other(segment: &Settled<'_>, actor: &ActorId, (seq, hash): (u32, [u8; 8])) -> Option<Sent> {
    let differs = segment.hash(actor, seq)?.0.first_chunk() != Some(&hash);
    differs.then(|| segment.change(actor, seq)).flatten()
}

/// Returns the message that an entry is about.
pub(super) fn about(entry: &Entry) -> Option<EntryId> {
    match &entry.record {
        Said::About(target, _) => Some(target.message),
        _ => None,
    }
}
