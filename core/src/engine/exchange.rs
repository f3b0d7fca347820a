//! Sync with one peer: heads, then what is missing, then bodies that are missing.
//!
//! ```text
//! Heads ──►                      at link-up, when a conversation is met, when heads moved; every half minute while they differ
//!        ◄── Heads               (the other does the same by itself)
//! Have(tips) ──►                 for each segment whose digest differs, a few at a time
//!        ◄── Changes(runs …)     several frames an answer; the next Have goes out before the disk has answered
//! Want(bodies) ──►  ◄── Payloads
//! ```

use std::collections::BTreeSet;

use super::conversation::Conversation;
use super::durable::{Pending, frames};
use super::inbound::Reception;
use super::links::Told;
use super::watchdog::{Cure, MAX_WATCHED, Owed};
use super::{Effect, Engine, View, keys, rows, stream};
use crate::conversation::{AuthoredPayload, EntryId, Payload, SegmentId, Sent, Tail, Vector};
use crate::crypto;
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

/// How often heads are told again on a link where they differ from what either end told last; of a large conversation on one
/// link in turn.
const HEADS_EVERY_MS: u64 = 30_000;

/// How often they are told even if nothing moved, for whatever nobody thought of.
const ALL_HEADS_EVERY_MS: u64 = 15 * 60_000;

/// How often a peer may be told in vain. What it has may change half a minute before it says so, and its frames take a
/// while.
const MAX_UNANSWERED: u8 = 3;

/// Segments that a peer which does not get on is asked for once more at a time.
const MAX_ASKED_AGAIN: usize = 4;

/// The most segments that a peer may name in its heads.
const MAX_SEGMENTS: usize = 16 * 1024;

impl Engine {
    pub(super) fn tell_heads(&mut self, now: Timestamp, peer: PeerId, conversation: ConversationId) {
        let Some(frame) = self.heads_for(peer, conversation) else { return };
        if let Some(link) = self.links.get_mut(&peer) {
            let unanswered = link.told.get(&conversation).map_or(0, |told| told.unanswered);
            link.told.insert(conversation, Told { at: now, looked: now, digest: digest(&frame), unanswered });
        }
        self.send(peer, &frame);
    }

    /// Returns what a linked peer may know of what we have.
    fn heads_for(&self, peer: PeerId, conversation: ConversationId) -> Option<Frame> {
        let (known, link) = (self.conversations.get(&conversation)?, self.links.get(&peer)?);
        let from = link.device.map_or(u32::MAX, |device| known.reads_from(&device));
        let segments = known.heads.range(from..).map(|(number, heads)| (*number, heads.digest)).collect();
        Some(Frame::Heads { conversation, controls: known.controls, segments })
    }

    /// Tells a peer again what we have, where it has something else or was told something else, and asks for bodies that
    /// are missing. Where both have told the same, nothing can be missed, and it is enough to say so now and then.
    pub(super) fn tell_again(&mut self, now: Timestamp, peer: PeerId) {
        let Some(link) = self.links.get(&peer) else { return };
        let is_due = |told: &Told| now < told.looked || now.since(told.looked) >= HEADS_EVERY_MS;
        let round = now.0.checked_div(HEADS_EVERY_MS).unwrap_or(0);
        let shared = link.shared.iter().filter(|id| self.gossip.has_turn(id, &peer, round));
        let due = shared.filter(|id| link.told.get(id).is_none_or(is_due));
        for id in due.copied().collect::<Vec<ConversationId>>() {
            let Some(ours) = self.heads_for(peer, id).map(|frame| digest(&frame)) else { continue };
            let Some(link) = self.links.get_mut(&peer) else { return };
            let heard = link.heard.get(&id).copied();
            let same = heard == Some(ours);
            let is_recent = |told: &&mut Told| told.at <= now && now.since(told.at) < ALL_HEADS_EVERY_MS;
            match link.told.get_mut(&id).filter(|told| same && told.digest == ours).filter(is_recent) {
                Some(told) => told.looked = now,
                None => self.tell_heads(now, peer, id),
            }
            if heard.is_some() && !same {
                self.miss_answer(now, peer, id);
            }
            self.ask_for_bodies(peer, id);
        }
    }

    /// Counts how often a peer was told in vain that we have something else: it says what it has as often as we do, until
    /// both have the same.
    fn miss_answer(&mut self, now: Timestamp, peer: PeerId, id: ConversationId) {
        let Some(told) = self.links.get_mut(&peer).and_then(|link| link.told.get_mut(&id)) else { return };
        told.unanswered = told.unanswered.saturating_add(1);
        if told.unanswered > MAX_UNANSWERED {
            self.watchdog.silent(now, peer, id);
        }
    }

    /// Looks after linked peers who do not get on.
    pub(super) fn watch(&mut self, now: Timestamp, view: &dyn View) {
        let (links, conversations) = (&self.links, &self.conversations);
        self.watchdog.review(|peer, id, owed| {
            let (Some(link), Some(known)) = (links.get(peer), conversations.get(id)) else { return false };
            let has = |number: &u32, digest: &[u8; 8]| known.heads.get(number).is_some_and(|h| h.digest == *digest);
            owed.segments.retain(|number, digest| !has(number, digest));
            owed.controls.take_if(|controls| *controls == known.controls);
            // What we ask of a peer that does not keep up is dropped. Its heads are told anew when it does.
            link.shared.contains(id) && !link.congested
        });
        for cure in self.watchdog.due(now) {
            match cure {
                Cure::Ask(peer, id, owed) => {
                    self.tell_heads(now, peer, id);
                    if owed.controls.is_some() {
                        self.ask_for_controls(peer, id);
                    }
                    for number in owed.segments.into_keys().take(MAX_ASKED_AGAIN) {
                        self.have(peer, SegmentId { conversation: id, number }, view);
                    }
                }
                Cure::Redial(peer) => self.redial(now, peer),
            }
        }
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
        let segments = segments.get(..MAX_SEGMENTS).unwrap_or(segments);
        let controls_differ = conversation.controls != controls;
        let differ = |(number, digest): &&(u32, [u8; 8])| {
            conversation.heads.get(number).is_none_or(|heads| heads.digest != *digest)
        };
        let owed = Owed {
            controls: controls_differ.then_some(controls),
            segments: segments.iter().filter(differ).take(MAX_WATCHED).copied().collect(),
            heads: false,
        };
        if controls_differ {
            self.ask_for_controls(peer, id);
        }
        let Some(link) = self.links.get_mut(&peer) else { return };
        if !link.shared.contains(&id) {
            // They know that we are in before we know that they are.
            link.early.insert(id, segments.to_vec());
            return;
        }
        let told = Frame::Heads { conversation: id, controls, segments: segments.to_vec() };
        link.heard.insert(id, digest(&told));
        if let Some(told) = link.told.get_mut(&id) {
            told.unanswered = 0;
        }
        self.watchdog.told(now, peer, id, owed);
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
        if reception != Reception::Futile {
            self.watchdog.gave(now, peer);
        }
        if answer == Answer::Complete {
            self.watchdog.gave_all(peer, id);
        }
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
                self.tell_row(now, id, &message, &row, view);
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

/// Returns a digest of what is told.
fn digest(heads: &Frame) -> [u8; 8] {
    let hash = crypto::hash("bayou/1/told", &[&heads.encode()]);
    let [digest @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = hash;
    digest
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
