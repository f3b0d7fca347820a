//! Sync with one peer: heads, then what is missing, then bodies that are missing.
//!
//! ```text
//! Heads ──►                      at link-up, when a conversation is met, when heads moved, every half minute
//!        ◄── Heads               (the other does the same by itself)
//! Have(tips) ──►                 for each segment whose digest differs, a few at a time
//!        ◄── Changes(runs …)     several frames an answer; the next Have goes out before the disk has answered
//! Want(bodies) ──►  ◄── Payloads
//! ```

use std::collections::BTreeSet;

use super::conversation::Conversation;
use super::durable::{Pending, frames};
use super::inbound::Reception;
use super::{Effect, Engine, View, keys, rows, stream};
use crate::conversation::{AuthoredPayload, EntryId, Payload, SegmentId, Sent, Tail, Vector};
use crate::envelope::{Answer, Frame, MAX_FRAME, Tips};
use crate::id::{ActorId, ConversationId, DeviceId, PayloadId, PeerId};
use crate::store::{IndexOp, Record};
use crate::sync::covers;
use crate::time::Timestamp;

/// About how many bytes of changes go into one frame.
pub(super) const FRAME_BUDGET: usize = 512 * 1024;

/// About how many bytes of changes go into one answer. Several answers may wait for a peer, within the bound of its
/// queue.
pub(super) const ANSWER_BUDGET: usize = 2 * 1024 * 1024;

/// What a frame may weigh more than is reckoned.
const SLACK: usize = 64 * 1024;

/// The most bodies that are asked for or given in one frame.
const MAX_WANTS: usize = 256;

/// The most segments that a peer may name in its heads.
const MAX_SEGMENTS: usize = 16 * 1024;

impl Engine {
    pub(super) fn tell_heads(&mut self, now: Timestamp, peer: PeerId, conversation: ConversationId) {
        let (Some(known), Some(link)) = (self.conversations.get(&conversation), self.links.get(&peer)) else { return };
        let from = link.device.map_or(u32::MAX, |device| known.reads_from(&device));
        let segments = known.heads.range(from..).map(|(number, heads)| (*number, heads.digest)).collect();
        let frame = Frame::Heads { conversation, controls: known.controls, segments };
        if let Some(link) = self.links.get_mut(&peer) {
            link.heads_told = now;
        }
        self.send(peer, &frame);
    }

    pub(super) fn heads(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        id: ConversationId,
        controls: [u8; 32],
        segments: &[(u32, [u8; 8])],
        view: &dyn View,
    ) {
        let Some(conversation) = self.conversations.get(&id) else { return };
        if conversation.controls != controls {
            self.ask_for_controls(peer, id);
        }
        let Some(link) = self.links.get_mut(&peer) else { return };
        if !link.shared.contains(&id) {
            // They know that we are in before we know that they are.
            link.early.insert(id, segments.iter().copied().take(MAX_SEGMENTS).collect());
            return;
        }
        for (number, vector) in self.want(peer, id, segments) {
            self.heard(now, peer, id, number, &vector, view);
        }
        self.ask_for_bodies(peer, id);
        self.ask(now, peer, view);
    }

    /// Notes the segments in which a peer has something else than we; returns those in which it has the same.
    pub(super) fn want(&mut self, peer: PeerId, id: ConversationId, segments: &[(u32, [u8; 8])]) -> Vec<(u32, Vector)> {
        let mut equal = Vec::new();
        let (Some(conversation), Some(link)) = (self.conversations.get(&id), self.links.get_mut(&peer)) else {
            return equal;
        };
        for (number, digest) in segments.iter().take(MAX_SEGMENTS) {
            match conversation.heads.get(number) {
                Some(heads) if heads.digest == *digest => equal.push((*number, heads.vector.clone())),
                _ => link.pull.want(SegmentId { conversation: id, number: *number }),
            }
        }
        equal
    }

    /// Asks for the next segments that the peer is known to have more of.
    pub(super) fn ask(&mut self, now: Timestamp, peer: PeerId, view: &dyn View) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        for id in link.pull.ask(now) {
            self.have(peer, id, view);
        }
    }

    pub(super) fn have(&mut self, peer: PeerId, id: SegmentId, view: &dyn View) {
        match self.shelf.get(id, view) {
            Ok(segment) => {
                let tips = segment.tips();
                self.send(peer, &Frame::Have { conversation: id.conversation, segment: id.number, tips });
            }
            Err(error) => self.problem(error.to_string()),
        }
    }

    /// Answers with what the peer lacks, and notes what we lack.
    pub(super) fn give(&mut self, now: Timestamp, peer: PeerId, id: SegmentId, tips: &Tips, view: &dyn View) {
        if !self.may_read(peer, id) {
            return;
        }
        self.give_forks(peer, id, tips, view);
        let have = &tips.iter().map(|(actor, (seq, _))| (*actor, *seq)).collect();
        let (conversation, segment) = (id.conversation, id.number);
        self.heard(now, peer, conversation, segment, have, view);
        let due = self.due_bodies(id, now, view);
        let (lacking, missing) = match self.shelf.settled(id, view) {
            Ok(ours) => (!covers(&ours.admitted(), have), ours.missing(have, ANSWER_BUDGET, FRAME_BUDGET)),
            Err(error) => return self.problem(error.to_string()),
        };
        let (runs, complete) = missing;
        let mut frames = self.fit(id, runs, &due).into_iter().peekable();
        while let Some(runs) = frames.next() {
            let answer = match frames.peek() {
                Some(_) => Answer::Continues,
                None if complete => Answer::Complete,
                None => Answer::More,
            };
            self.send(peer, &Frame::Changes { conversation, segment, runs, answer });
        }
        if lacking {
            if let Some(link) = self.links.get_mut(&peer) {
                link.pull.want(id);
            }
            self.ask(now, peer, view);
        }
    }

    /// Cuts runs into frames, without bodies whose time has come.
    pub(super) fn fit(
        &self,
        id: SegmentId,
        mut runs: Vec<(ActorId, Vec<Sent>)>,
        due: &BTreeSet<PayloadId>,
    ) -> Vec<Vec<Vec<Sent>>> {
        for (actor, run) in runs.iter_mut().filter(|_| !due.is_empty()) {
            let author = self.conversations.get(&id.conversation).and_then(|c| c.authors.get(&(id.number, *actor)));
            let is_due = |payload: &Payload| author.is_some_and(|author| due.contains(&payload.id(&author.device)));
            run.iter_mut().for_each(|sent| sent.payloads.retain(|payload| !is_due(payload)));
        }
        let mut frames = frames(runs);
        for runs in &mut frames {
            if runs.iter().flatten().map(Sent::weight).sum::<usize>() > MAX_FRAME - SLACK {
                // A run that cannot be cut is too heavy with its bodies. They are asked for by themselves.
                runs.iter_mut().flatten().for_each(|sent| sent.payloads.clear());
            }
        }
        frames
    }

    /// Goes on after an answer: asks for the rest, or for the next segment, or tells others what was learned.
    ///
    /// What could not be let in before the segment that it builds on is asked for again later, and who has more but sends
    /// nothing of use is not asked on: the next exchange of heads tries again.
    pub(super) fn answered(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        id: SegmentId,
        answer: Answer,
        reception: Reception,
        view: &dyn View,
    ) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        if reception == Reception::Early {
            link.pull.defer(id);
        }
        let answer = match answer {
            Answer::More if reception == Reception::Futile => Answer::Complete,
            answer => answer,
        };
        match answer {
            _ if !link.pull.answered(id, answer == Answer::Complete, now) => {}
            Answer::Continues => {}
            Answer::More => self.have(peer, id, view),
            Answer::Complete => {
                self.ask(now, peer, view);
                self.tell_news(now, peer);
            }
        }
    }

    /// Notes what a peer was heard to have of our own chains.
    pub(super) fn heard(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        id: ConversationId,
        segment: u32,
        vector: &Vector,
        view: &dyn View,
    ) {
        let me = self.key.device();
        let Some(device) = self.links.get(&peer).and_then(|link| link.device).filter(|device| *device != me) else {
            return;
        };
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        let (ops, messages) = conversation.heard(device, segment, vector);
        let number = conversation.number;
        if !ops.is_empty() {
            self.effects.push(Effect::Index(ops, self.complete));
        }
        for message in messages {
            let row = view.get(&keys::row(number, &message)).ok().flatten();
            if let Some(row) = row.and_then(|bytes| rows::decode(&bytes)).filter(|row| !row.is_over(now)) {
                self.tell_row(id, &message, &row);
            }
        }
    }

    fn ask_for_bodies(&mut self, peer: PeerId, id: ConversationId) {
        let Some(conversation) = self.conversations.get(&id) else { return };
        let mut wanted: std::collections::BTreeMap<u32, Vec<PayloadId>> = Default::default();
        for (segment, body) in conversation.wants.keys().take(MAX_WANTS) {
            wanted.entry(*segment).or_default().push(*body);
        }
        for (segment, bodies) in wanted {
            self.send(peer, &Frame::Want { conversation: id, segment, bodies });
        }
    }

    pub(super) fn give_bodies(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        id: SegmentId,
        bodies: &[PayloadId],
        view: &dyn View,
    ) {
        if !self.may_read(peer, id) {
            return;
        }
        let due = self.due_bodies(id, now, view);
        let Ok(segment) = self.shelf.get(id, view) else { return };
        let mut budget = FRAME_BUDGET;
        let fits = |payload: &&AuthoredPayload| {
            budget = budget.saturating_sub(payload.payload.body.len() + 64);
            budget > 0
        };
        let found = bodies.iter().take(MAX_WANTS).filter(|body| !due.contains(body));
        let found = found.filter_map(|body| segment.payloads().get(body));
        let payloads: Vec<AuthoredPayload> = found.take_while(fits).cloned().collect();
        if !payloads.is_empty() {
            self.send(peer, &Frame::Payloads { conversation: id.conversation, segment: id.number, payloads });
        }
    }

    /// Keeps bodies that we lacked; anything else is ignored.
    pub(super) fn take_bodies(&mut self, id: SegmentId, payloads: Vec<AuthoredPayload>) {
        let Some(conversation) = self.conversations.get(&id.conversation) else { return };
        let wanted: Vec<AuthoredPayload> = payloads
            .into_iter()
            .filter(|payload| conversation.wants.contains_key(&(id.number, payload.id())))
            .collect();
        if !wanted.is_empty() {
            let bytes = postcard::to_stdvec(&Tail::Payloads(wanted.clone())).expect("a record always encodes");
            self.persist(vec![Record { stream: stream(id), bytes }], vec![Pending::Bodies(id, wanted)]);
        }
    }
}

impl Engine {
    /// Tells whether who is at the other end of a link may read a segment.
    pub(super) fn may_read(&self, peer: PeerId, id: SegmentId) -> bool {
        let device = self.links.get(&peer).and_then(|link| link.device);
        let conversation = self.conversations.get(&id.conversation);
        device.zip(conversation).is_some_and(|(device, known)| known.reads_from(&device) <= id.number)
    }
}

impl Conversation {
    /// Returns the first segment that who has a device may read; beyond all for who is not in.
    pub(super) fn reads_from(&self, device: &DeviceId) -> u32 {
        let user = self.devices.get(device);
        user.and_then(|user| self.authority.last_ruling().reads_from(user)).unwrap_or(u32::MAX)
    }

    /// Notes what a member has of our chains; returns what to write into the index, and our recent messages that it is
    /// now known to have.
    fn heard(&mut self, device: DeviceId, segment: u32, vector: &Vector) -> (Vec<IndexOp>, Vec<EntryId>) {
        let (mut ops, mut messages) = (Vec::new(), Vec::new());
        for (actor, seq) in vector {
            let Some(acks) = self.acks.get_mut(&(segment, *actor)) else { continue };
            let known = acks.get(&device).copied().unwrap_or(0);
            if *seq > known {
                acks.insert(device, *seq);
                ops.push(self.put_ack(segment, *actor, device, *seq));
                let newly = |(place, at, entry): &&(u32, u32, EntryId)| {
                    *place == segment && entry.actor == *actor && known < *at && *at <= *seq
                };
                messages.extend(self.recent.iter().filter(newly).map(|(_, _, entry)| *entry));
            }
        }
        (ops, messages)
    }

    pub(super) fn put_ack(&self, segment: u32, actor: ActorId, device: DeviceId, seq: u32) -> IndexOp {
        let value = postcard::to_stdvec(&seq).expect("a number always encodes");
        IndexOp::Put(keys::ack(self.number, segment, &actor, &device), value)
    }
}
