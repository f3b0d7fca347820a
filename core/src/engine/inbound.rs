//! The way in, as one sentence: open the frame, gate each run, verify it, keep it. What follows is in `durable`.
//!
//! A run that cannot be let in *yet* waits: its chain has a gap, its author is not a member as far as we know, or we do
//! not hold the full segment that it opens the next one after. A run that can *never* be let in costs its sender the
//! link, unless the fault may be the author's alone: who passes on one side of a fork did nothing wrong.

use std::collections::BTreeSet;

use super::durable::{Origin, Pending};
use super::{Engine, View, stream};
use crate::authority::{ControlError, ControlRecord};
use crate::conversation::{Outcome, Refusal, SegmentId, Sent, Tail, Verified};
use crate::envelope::{Frame, Told};
use crate::id::{ConversationId, PeerId, StreamId};
use crate::store::Record;
use crate::sync::{Early, covers};
use crate::time::Timestamp;

/// Where runs came from.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) from: PeerId,
    /// Whom the frame named as told; `None` for an answer to a question.
    pub(super) told: Option<Vec<Told>>,
}

/// What became of the runs of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reception {
    /// None was of any use.
    Futile,
    /// Some were let in, or were known.
    Taken,
    /// Some wait for others.
    Early,
}

/// Why a run was not let in.
enum Rejected {
    /// It may be let in later.
    Early,
    /// Never, and no honest peer would have passed it on.
    Faulty(&'static str),
    /// Never, but the sender need not know.
    Fork,
    /// This machine failed.
    Machine(String),
}

impl Engine {
    pub(super) fn frame(&mut self, now: Timestamp, peer: PeerId, bytes: &[u8], view: &dyn View) {
        let Ok(frame) = Frame::decode(bytes) else { return self.misbehaved(peer, "it sent a malformed frame") };
        let Some(link) = self.links.get(&peer) else { return };
        if frame.conversation().is_some_and(|id| !link.shared.contains(&id)) {
            // We may have met the conversation only on one side yet; heads will be told again.
            return;
        }
        let segment = |conversation, number| SegmentId { conversation, number };
        match frame {
            Frame::Prove { device, signature } => self.proved(now, peer, device, signature),
            Frame::Share { tags } => self.shared(now, peer, tags),
            Frame::Heads { conversation, controls, segments } => {
                self.heads(now, peer, conversation, controls, &segments, view);
            }
            Frame::Controls { conversation, records } => self.controls(peer, conversation, &records),
            Frame::Have { conversation, segment: number, tips } => {
                self.give(now, peer, segment(conversation, number), &tips, view);
            }
            Frame::Changes { conversation, segment: number, runs, answer } => {
                let id = segment(conversation, number);
                let reception = self.runs(id, runs, &Source { from: peer, told: None }, view);
                self.answered(now, peer, id, answer, reception, view);
            }
            Frame::Push { conversation, segment: number, told, runs } => {
                self.runs(segment(conversation, number), runs, &Source { from: peer, told: Some(told) }, view);
                self.ask(now, peer, view);
            }
            Frame::Ack { conversation, segment, vector } => self.heard(peer, conversation, segment, &vector, view),
            Frame::Want { conversation, segment: number, bodies } => {
                self.give_bodies(peer, segment(conversation, number), &bodies, view);
            }
            Frame::Payloads { conversation, segment: number, payloads } => {
                self.take_bodies(segment(conversation, number), payloads);
            }
            Frame::Forks { conversation, segment: number, proofs } => {
                self.take_forks(peer, segment(conversation, number), proofs, view);
            }
        }
    }

    /// Lets runs in, or lets them wait. All that are let in are kept as one batch.
    pub(super) fn runs(&mut self, id: SegmentId, runs: Vec<Vec<Sent>>, source: &Source, view: &dyn View) -> Reception {
        let (mut batch, mut pending, mut reception) = (Vec::new(), Vec::new(), Reception::Futile);
        for run in runs {
            match self.admit(id, run.clone(), view) {
                Ok(None) => reception = reception.max(Reception::Taken),
                Ok(Some(run)) => {
                    reception = reception.max(Reception::Taken);
                    let sent = run.gated().to_sent();
                    let record = Tail::Run(sent);
                    let bytes = postcard::to_stdvec(&record).expect("a record always encodes");
                    batch.push(Record { stream: stream(id), bytes });
                    let Tail::Run(sent) = record else { continue };
                    pending.push(Pending::Run { id, run, sent, origin: Origin::Peer(source.clone()) });
                }
                Err(Rejected::Early) => {
                    reception = Reception::Early;
                    self.waiting.add(Early { segment: id, from: source.from, run });
                    if let Some(link) = self.links.get_mut(&source.from).filter(|_| source.told.is_some()) {
                        link.pull.want(id);
                    }
                }
                Err(Rejected::Fork) => {
                    // Without a change for the same place there is no proof yet: who sent this is asked for it.
                    if !self.prove_fork(id, &run, view) {
                        self.have(source.from, id, view);
                    }
                }
                Err(Rejected::Faulty(what)) => {
                    self.misbehaved(source.from, what);
                    break;
                }
                Err(Rejected::Machine(error)) => self.problem(error),
            }
        }
        if !batch.is_empty() {
            self.shelf.hold(id, pending.len());
            self.persist(batch, pending);
        }
        reception
    }

    fn admit(&mut self, id: SegmentId, run: Vec<Sent>, view: &dyn View) -> Result<Option<Verified>, Rejected> {
        let segment = self.shelf.get(id, view).map_err(|error| Rejected::Machine(error.to_string()))?;
        let gated = match segment.gate(run) {
            Ok(Outcome::Next(gated)) => gated,
            Ok(Outcome::Known) => return Ok(None),
            Ok(Outcome::Early(_)) => return Err(Rejected::Early),
            Err(Refusal::Fork) => return Err(Rejected::Fork),
            Err(_) => return Err(Rejected::Faulty("it sent a change that breaks the rules")),
        };
        let conversation = self.conversations.get(&id.conversation).ok_or(Rejected::Early)?;
        if !conversation.members.contains(&gated.device()) {
            return Err(Rejected::Early);
        }
        if let Some(header) = gated.header().filter(|_| id.number > 0) {
            // What is admitted there reaches the disk before this does.
            let before = SegmentId { number: id.number - 1, ..id };
            let before = self.shelf.get(before, view).map_err(|error| Rejected::Machine(error.to_string()))?;
            if !covers(&before.admitted(), &before.unforked(&header.opens)) {
                return Err(Rejected::Early);
            }
        }
        let verified =
            Verified::check(gated).map_err(|_| Rejected::Faulty("it sent a change whose signature is wrong"))?;
        let segment = self.shelf.get(id, view).map_err(|error| Rejected::Machine(error.to_string()))?;
        segment.admit(&verified);
        Ok(Some(verified))
    }

    /// Tries again what waits in a conversation from a segment on.
    pub(super) fn retry_waiting(&mut self, conversation: ConversationId, from: u32, view: &dyn View) {
        if self.waiting.is_empty(conversation) {
            return;
        }
        for early in self.waiting.take(conversation, from) {
            let source = Source { from: early.from, told: Some(Vec::new()) };
            self.runs(early.segment, vec![early.run], &source, view);
        }
    }

    fn controls(&mut self, peer: PeerId, id: ConversationId, records: &[serde_bytes::ByteBuf]) {
        let Some(conversation) = self.conversations.get(&id) else { return };
        let known: BTreeSet<&[u8]> = conversation.members.records().map(ControlRecord::bytes).collect();
        let mut fresh = Vec::new();
        for bytes in records.iter().filter(|bytes| !known.contains(&bytes.as_slice())) {
            match ControlRecord::open(bytes, id) {
                Ok(record) => fresh.push(record),
                Err(ControlError::Malformed | ControlError::Signature | ControlError::Foreign) => {
                    return self.misbehaved(peer, "it sent a control record that is not valid");
                }
            }
        }
        if !fresh.is_empty() {
            let record = |r: &ControlRecord| Record { stream: StreamId::Control(id), bytes: r.bytes().to_vec() };
            let batch = fresh.iter().map(record).collect();
            self.persist(batch, vec![Pending::Controls { id, records: fresh, from: Some(peer) }]);
        }
    }
}
