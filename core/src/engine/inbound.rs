//! The way in, as one sentence: open the frame, gate each run, verify it, keep it. What follows is in `durable`.
//!
//! A run that cannot be let in *yet* waits: its chain has a gap, its author is not a member as far as we know, or we do
//! not hold the full segment that it opens the next one after. A run that can *never* be let in costs its sender the
//! link, unless the fault may be the author's alone: who passes on one side of a fork did nothing wrong.

use super::durable::{Origin, Pending};
use super::entrance;
use super::{Engine, View, stream};
use crate::authority::{ChainOf, Mark, Reach, Verdict};
use crate::conversation::{Gated, Outcome, Refusal, SegmentId, Sent, Tail, Verified};
use crate::envelope::{Frame, Told};
use crate::gossip;
use crate::id::{ActorId, ConversationId, PeerId};
use crate::store::Record;
use crate::sync::{Early, covers};
use crate::time::Timestamp;

/// Where runs came from.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Who sent them; `None`: nobody who is linked, they lay in a mailbox or in a file.
    pub(super) from: Option<PeerId>,
    /// Whom the frame named as told; `None` for an answer to a question.
    pub(super) told: Option<Vec<Told>>,
    /// Over how many links they came, if that is known.
    pub(super) hops: u8,
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
    /// It is here already.
    Known(ActorId),
    /// It may be let in later.
    Early,
    /// Never, and no honest peer would have passed it on.
    Faulty(&'static str),
    /// Never, but the sender need not know.
    Fork,
    /// Not as far as is known here; the sender may know better.
    Unentitled,
    /// This machine failed.
    Machine(String),
}

impl Engine {
    pub(super) fn frame(&mut self, now: Timestamp, peer: PeerId, bytes: &[u8], view: &dyn View) {
        let Ok(frame) = Frame::decode(bytes) else { return self.misbehaved(peer, "it sent a malformed frame") };
        if !self.is_heard(peer, &frame) {
            return;
        }
        let segment = |conversation, number| SegmentId { conversation, number };
        match frame {
            Frame::Prove { device, signature } => self.proved(now, peer, device, signature),
            Frame::Share { tags } => self.shared(now, peer, tags),
            Frame::Heads { conversation, controls, segments } => {
                self.heads(now, peer, conversation, controls, &segments, view);
            }
            Frame::Controls { conversation, items } => self.controls(now, peer, conversation, &items),
            Frame::Names { conversation, names } => self.give_controls(peer, conversation, names),
            Frame::Knock { tag } => self.knocked(peer, tag),
            Frame::Door { tag, invite } => self.door(now, peer, tag, invite),
            Frame::Enter { conversation, invite, proof, log } => {
                self.enters(now, peer, conversation, (invite, proof), &log);
            }
            Frame::Welcome { conversation, secret } => self.welcomed(now, peer, conversation, secret),
            Frame::Wait { conversation } => self.told(now, peer, conversation, entrance::Told::Wait),
            Frame::Turned { conversation, why } => self.told(now, peer, conversation, entrance::Told::Turned(why)),
            Frame::Ask { conversation, epochs } => self.asked_for_epochs(peer, conversation, &epochs),
            Frame::Boxes { conversation, boxes } => self.boxes(now, peer, conversation, &boxes),
            Frame::Return { tag } => self.returned(peer, tag),
            Frame::Known { tag } => self.known_here(peer, tag),
            Frame::Mine { log } => self.shown(now, peer, &log),
            Frame::Own { names } => self.give_own(peer, names),
            Frame::Owned { items } => self.owned(now, peer, &items),
            Frame::AtHome { tag, log } => self.at_home(peer, tag, &log),
            Frame::Request { proof, secret, message, log } => {
                self.requested(now, peer, (proof, secret, &message), &log);
            }
            Frame::Linking { message } => self.linking(now, peer, &message),
            Frame::Have { conversation, segment: number, tips } => {
                self.give(now, peer, segment(conversation, number), &tips, view);
            }
            Frame::Changes { conversation, segment: number, runs, answer } => {
                let id = segment(conversation, number);
                let reception = self.runs(now, id, runs, &Source { from: Some(peer), told: None, hops: 0 }, view);
                self.answered(now, peer, id, answer, reception, view);
            }
            Frame::Push { conversation, segment: number, told, hops, runs } => {
                let (id, source) = (segment(conversation, number), Source { from: Some(peer), told: Some(told), hops });
                self.runs(now, id, runs, &source, view);
                self.ask(now, peer, view);
            }
            Frame::Ack { conversation, segment, vector } => self.heard(now, peer, conversation, segment, &vector, view),
            Frame::Want { conversation, segment: number, bodies } => {
                self.give_bodies(now, peer, segment(conversation, number), &bodies, view);
            }
            Frame::Payloads { conversation, segment: number, payloads } => {
                self.take_bodies(segment(conversation, number), payloads);
            }
            Frame::Forks { conversation, segment: number, proofs } => {
                self.take_forks(peer, segment(conversation, number), proofs, view);
            }
            hint => self.hint(now, peer, hint, view),
        }
    }

    /// Tells whether a frame is for us to hear from this peer. We may have met the conversation only on one side yet; heads
    /// will be told again.
    fn is_heard(&self, peer: PeerId, frame: &Frame) -> bool {
        let Some(link) = self.links.get(&peer) else { return false };
        let shows = matches!(frame, Frame::Heads { .. } | Frame::Names { .. } | Frame::Controls { .. });
        let heard = if shows { &link.acquainted } else { &link.shared };
        frame.conversation().is_none_or(|id| heard.contains(&id))
    }

    /// Lets runs in, or lets them wait. All that are let in are kept as one batch.
    pub(super) fn runs(
        &mut self,
        now: Timestamp,
        id: SegmentId,
        runs: Vec<Vec<Sent>>,
        source: &Source,
        view: &dyn View,
    ) -> Reception {
        let (mut batch, mut pending, mut known, mut reception) = (vec![], vec![], vec![], Reception::Futile);
        for run in runs {
            match self.admit(now, id, run.clone(), view) {
                Ok(run) => {
                    reception = reception.max(Reception::Taken);
                    let sent = run.gated().to_sent();
                    let record = Tail::Run(sent);
                    let bytes = postcard::to_stdvec(&record).expect("a record always encodes");
                    batch.push(Record { stream: stream(id), bytes });
                    let Tail::Run(sent) = record else { continue };
                    pending.push(Pending::Run { id, run, sent, origin: Origin::Peer(source.clone()) });
                }
                Err(Rejected::Known(actor)) => {
                    reception = reception.max(Reception::Taken);
                    known.push((id.number, actor));
                }
                Err(Rejected::Early) => {
                    reception = Reception::Early;
                    self.waiting.add(Early { segment: id, from: source.from, run });
                    let link = source.from.filter(|_| source.told.is_some()).and_then(|peer| self.links.get_mut(&peer));
                    link.into_iter().for_each(|link| link.pull.want(id));
                }
                Err(Rejected::Fork) => {
                    // Without a change for the same place there is no proof yet: who sent this is asked for it.
                    if !self.prove_fork(id, &run, view) {
                        source.from.into_iter().for_each(|peer| self.have(peer, id, view));
                    }
                }
                Err(Rejected::Faulty(what)) => {
                    source.from.into_iter().for_each(|peer| self.misbehaved(peer, what));
                    break;
                }
                Err(Rejected::Unentitled) => {}
                Err(Rejected::Machine(error)) => self.problem(error),
            }
        }
        if !batch.is_empty() {
            self.shelf.hold(id, pending.len());
            self.persist(batch, pending);
        }
        if let Some(from) = source.from.filter(|_| source.told.is_some()) {
            self.gossip(now, gossip::Input::Stale(id.conversation, from, known, source.hops));
        }
        reception
    }

    fn admit(
        &mut self,
        now: Timestamp,
        id: SegmentId,
        mut run: Vec<Sent>,
        view: &dyn View,
    ) -> Result<Verified, Rejected> {
        let mut verified = self.verify(id, run.clone(), view)?;
        let surplus = self.entitled(id, verified.gated())?;
        if surplus > 0 {
            run.truncate(run.len().saturating_sub(surplus));
            verified = self.verify(id, run, view)?;
        }
        self.opens(id, verified.gated(), view)?;
        verified.leave_out_expired(now);
        self.leave_out_erased(id, &mut verified);
        let segment = self.shelf.get(id, view).map_err(|error| Rejected::Machine(error.to_string()))?;
        segment.admit(&verified);
        Ok(verified)
    }

    fn verify(&mut self, id: SegmentId, run: Vec<Sent>, view: &dyn View) -> Result<Verified, Rejected> {
        let segment = self.shelf.get(id, view).map_err(|error| Rejected::Machine(error.to_string()))?;
        match segment.gate(run) {
            Ok(Outcome::Next(gated)) => {
                Verified::check(gated).map_err(|_| Rejected::Faulty("it sent a change whose signature is wrong"))
            }
            Ok(Outcome::Known(actor)) => Err(Rejected::Known(actor)),
            Ok(Outcome::Early(_)) => Err(Rejected::Early),
            Err(Refusal::Fork) => Err(Rejected::Fork),
            Err(_) => Err(Rejected::Faulty("it sent a change that breaks the rules")),
        }
    }

    /// Asks the authority whether a run counts; returns how many changes at its end do not.
    fn entitled(&mut self, id: SegmentId, gated: &Gated) -> Result<usize, Rejected> {
        let chain = ChainOf { actor: gated.actor(), device: gated.device(), grant: gated.grant() };
        let conversation = self.conversations.get_mut(&id.conversation).ok_or(Rejected::Early)?;
        let places: Vec<_> = gated.places().collect();
        let Some((seq, hash)) = places.last().copied() else { return Err(Rejected::Unentitled) };
        match conversation.authority.judge(&chain, Mark { seq, hash }) {
            Verdict::Admit => Ok(0),
            Verdict::Park(_) => Err(Rejected::Early),
            Verdict::Refuse(_) => match conversation.authority.reach(&chain) {
                Reach::Until(last) if places.contains(&(last.seq, last.hash)) => {
                    Ok(places.iter().filter(|(seq, _)| *seq > last.seq).count())
                }
                _ => Err(Rejected::Unentitled),
            },
        }
    }

    /// Checks that whoever begins a chain in a later segment might: the one before it is full, or a grant opened it.
    fn opens(&mut self, id: SegmentId, gated: &Gated, view: &dyn View) -> Result<(), Rejected> {
        let Some(header) = gated.header().filter(|_| id.number > 0) else { return Ok(()) };
        let conversation = self.conversations.get(&id.conversation).ok_or(Rejected::Early)?;
        let ruling = conversation.authority.last_ruling();
        // Who may not read what was before cannot check it.
        let unseen = ruling.reads_from(&self.profile.user).is_some_and(|since| since >= id.number);
        if ruling.opens(id.number) || unseen {
            return Ok(());
        }
        // What is admitted there reaches the disk before this does.
        let before = SegmentId { number: id.number - 1, ..id };
        let before = self.shelf.get(before, view).map_err(|error| Rejected::Machine(error.to_string()))?;
        let covered = !header.opens.is_empty() && covers(&before.admitted(), &before.unforked(&header.opens));
        if covered { Ok(()) } else { Err(Rejected::Early) }
    }

    /// Tries again what waits in a conversation from a segment on.
    pub(super) fn retry_waiting(&mut self, now: Timestamp, conversation: ConversationId, from: u32, view: &dyn View) {
        if self.waiting.is_empty(conversation) {
            return;
        }
        for early in self.waiting.take(conversation, from) {
            let source = Source { from: early.from, told: Some(Vec::new()), hops: u8::MAX };
            self.runs(now, early.segment, vec![early.run], &source, view);
        }
    }
}
