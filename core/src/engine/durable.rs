//! After the disk: what is kept now is applied, folded into rows, acknowledged and passed on.
//!
//! Our own changes and everyone else's meet here and take the same path. Batches that became durable together are
//! applied together, one document at a time.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::controls::Then;
use super::conversation::Author;
use super::inbound::Source;
use super::io::{CallId, Effect, Ticket, View};
use super::{Engine, keys, machine};
use crate::conversation::{AuthoredPayload, EntryId, Fork, SegmentId, Sent, Verified};
use crate::envelope::{Frame, News, Told};
use crate::gossip;
use crate::id::{ActorId, ConversationId, DeviceId, PayloadId, PeerId, RecordHash, StreamId};
use crate::identity::RegisterKey;
use crate::rpc::Reply;
use crate::store::{IndexOp, Lsn};
use crate::sync::SegmentHeads;
use crate::time::Timestamp;

/// What is to be done once a batch is durable.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are runs")]
pub(super) enum Pending {
    /// Apply a run. `sent` is the form in which it was kept and is passed on.
    Run { id: SegmentId, run: Verified, sent: Vec<Sent>, origin: Origin },
    /// Tell others of items of an authority, and carry out what follows from them.
    Controls { id: ConversationId, items: Vec<Vec<u8>>, from: Option<PeerId>, then: Then },
    /// Nothing more, but a chain was shortened.
    Shortened(SegmentId),
    /// Show bodies that were missing.
    Bodies(SegmentId, Vec<AuthoredPayload>),
    /// Nothing more, but try again if it is not kept.
    Erased(SegmentId, PayloadId),
    /// Freeze a chain.
    Forked { id: SegmentId, fork: Fork, from: Option<PeerId> },
    /// Begin to take part in a conversation or to look for who lets us in, and answer who asked for it.
    Joined { call: CallId, id: ConversationId },
    /// Nothing more, but try again if it is not kept.
    Epochs(ConversationId),
    /// Answer who asked for it.
    Reply(CallId, Box<Reply>),
    /// Tell our user's other devices of items, and front ends of registers.
    Own(Vec<Vec<u8>>, Vec<RegisterKey>),
    /// Hand over to a new device of our user's, and answer who said yes.
    Certified { call: CallId, peer: PeerId, message: Vec<u8> },
    /// Nothing more.
    Nothing,
}

/// Who a run is from.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// Us: answer the call with the id of what was written.
    Own(CallId, EntryId),
    /// A peer.
    Peer(Source),
}

/// Own messages of each conversation of which followers are told when more members have them.
const MAX_RECENT: usize = 16;

/// A run that is durable and not yet applied.
pub(super) struct DurableRun {
    run: Verified,
    /// The form in which it is passed on; taken out when it was.
    sent: Vec<Sent>,
    changes: usize,
    origin: Origin,
}

/// Runs that became durable together, by segment.
pub(super) type DurableRuns = BTreeMap<SegmentId, Vec<DurableRun>>;

/// Forks that became durable together. They come after the runs, which may be of the same chains.
pub(super) type DurableForks = Vec<(SegmentId, Fork, Option<PeerId>)>;

/// A run that is applied now.
struct Applied {
    actor: ActorId,
    seq: u32,
    device: DeviceId,
    grant: RecordHash,
    origin: Origin,
}

/// Frames are told apart by what they name: runs with the same audience share one. In large conversations each chain has its
/// own.
type Audience = (Option<ActorId>, Vec<Told>, Option<PeerId>, u8);

/// Runs for one audience, by chain, and where each ends.
type Share = (Vec<News>, Vec<(ActorId, Vec<Sent>)>);

impl Engine {
    pub(super) fn persisted(&mut self, now: Timestamp, tickets: Vec<(Ticket, Lsn)>, view: &dyn View) {
        let mut runs = DurableRuns::new();
        let (mut forks, mut others) = (DurableForks::new(), Vec::new());
        let complete = tickets.iter().map(|(_, lsn)| *lsn).fold(self.complete, Lsn::max);
        for (ticket, _) in tickets {
            for pending in self.pending.remove(&ticket).unwrap_or_default() {
                match pending {
                    Pending::Run { id, run, sent, origin } => {
                        let changes = sent.len();
                        runs.entry(id).or_default().push(DurableRun { run, sent, changes, origin });
                    }
                    Pending::Forked { id, fork, from } => forks.push((id, fork, from)),
                    other => others.push(other),
                }
            }
        }
        for pending in others {
            self.settled(now, pending, view);
        }
        for (id, runs) in &mut runs {
            self.pass_on(now, *id, runs);
        }
        self.durable = Some((runs, forks, complete));
        self.effects.push(Effect::Continue);
    }

    /// Goes on with what became durable, after others were told: they need not wait for our own rows.
    pub(super) fn go_on(&mut self, now: Timestamp, view: &dyn View) {
        let Some((runs, forks, complete)) = self.durable.take() else { return };
        for (id, runs) in runs {
            self.apply(now, id, runs, view);
        }
        for (id, fork, from) in forks {
            self.freeze(now, id, fork, from, view);
        }
        // Only now is everything that follows from these batches on its way into the index. A crash after half of it
        // must not pass for all.
        self.complete = complete;
        self.effects.push(Effect::Index(Vec::new(), complete));
    }

    fn settled(&mut self, now: Timestamp, pending: Pending, view: &dyn View) {
        match pending {
            Pending::Controls { id, items, from, then } => self.controls_settled(now, id, items, from, then, view),
            Pending::Shortened(id) => self.shelf.release(id, 1),
            Pending::Bodies(id, payloads) => self.bodies_settled(now, id, payloads, view),
            Pending::Erased(id, _) => self.shelf.release(id, 1),
            Pending::Joined { call, id } => self.joined(now, call, id),
            Pending::Reply(call, reply) => self.reply(call, Ok(*reply)),
            Pending::Own(items, keys) => self.own_settled(now, &items, &keys),
            Pending::Epochs(_) => self.tails.grew(StreamId::Secrets, 1, now),
            Pending::Certified { call, peer, message } => self.certified_now(call, peer, message),
            Pending::Run { .. } | Pending::Forked { .. } | Pending::Nothing => {}
        }
    }

    /// Applies runs to their segment and does all that follows from them.
    fn apply(&mut self, now: Timestamp, id: SegmentId, runs: Vec<DurableRun>, view: &dyn View) {
        let count = runs.len();
        self.tails.grew(super::stream(id), runs.iter().map(|run| run.changes).sum(), now);
        let (mut verified, mut applied) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for DurableRun { run, origin, .. } in runs {
            let gated = run.gated();
            self.clock.observe(gated.last(), now);
            let (actor, seq, device, grant) = (gated.actor(), gated.seq(), gated.device(), gated.grant());
            applied.push(Applied { actor, seq, device, grant, origin });
            verified.push(run);
        }
        let (entries, heads) = match self.shelf.get(id, view) {
            Ok(segment) => match segment.apply(verified) {
                Ok(entries) => (entries, SegmentHeads::of(segment)),
                Err(error) => {
                    self.shelf.close(id);
                    return self.problem(error.to_string());
                }
            },
            Err(error) => return self.problem(error.to_string()),
        };
        self.shelf.release(id, count);
        let mut ops = self.note_heads(id, heads);
        ops.extend(
            applied
                .iter()
                .filter_map(|run| self.note_author(id, run.actor, Author { device: run.device, grant: run.grant })),
        );
        let me = self.key.device();
        let is_own = applied.iter().any(|run| matches!(run.origin, Origin::Own(..)));
        for run in applied.iter().filter(|run| run.device == me) {
            ops.extend(self.note_own_chain(id, run.actor));
            self.note_recent(id, run);
        }
        match self.fold(id.conversation, now, entries, false, view) {
            Ok(folded) => ops.extend(folded),
            Err(error) => self.problem(error.to_string()),
        }
        self.effects.push(Effect::Index(ops, self.complete));
        self.acknowledge(id, &applied);
        let chains: BTreeSet<(u32, ActorId)> = applied.iter().map(|run| (id.number, run.actor)).collect();
        self.answer(now, id, applied);
        // The ruling may have changed while these were on their way to disk.
        self.enforce(now, id.conversation, &Vec::from_iter(chains), view);
        self.retry_waiting(now, id.conversation, id.number, view);
        if is_own {
            self.stir_mail(now, id.conversation);
            self.send_mail(now, id.conversation, view);
        }
    }

    pub(super) fn note_heads(&mut self, id: SegmentId, heads: SegmentHeads) -> Vec<IndexOp> {
        let Some(conversation) = self.conversations.get_mut(&id.conversation) else { return Vec::new() };
        let value = postcard::to_stdvec(&heads).expect("heads always encode");
        conversation.heads.insert(id.number, heads);
        vec![IndexOp::Put(keys::heads(conversation.number, id.number), value)]
    }

    /// Notes who writes a chain.
    pub(super) fn note_author(&mut self, id: SegmentId, actor: ActorId, author: Author) -> Option<IndexOp> {
        let conversation = self.conversations.get_mut(&id.conversation)?;
        let known = conversation.authors.insert((id.number, actor), author);
        let value = postcard::to_stdvec(&author).expect("an author always encodes");
        known.is_none().then(|| IndexOp::Put(keys::author(conversation.number, id.number, &actor), value))
    }

    /// Notes that a chain is ours, so that it is told who has how much of it.
    pub(super) fn note_own_chain(&mut self, id: SegmentId, actor: ActorId) -> Option<IndexOp> {
        let me = self.key.device();
        let conversation = self.conversations.get_mut(&id.conversation)?;
        let acks = conversation.acks.entry((id.number, actor)).or_default();
        acks.insert(me, u32::MAX).is_none().then(|| conversation.put_ack(id.number, actor, me, u32::MAX))
    }

    fn note_recent(&mut self, id: SegmentId, run: &Applied) {
        let Origin::Own(_, entry) = &run.origin else { return };
        let Some(conversation) = self.conversations.get_mut(&id.conversation) else { return };
        if conversation.recent.len() >= MAX_RECENT {
            conversation.recent.pop_front();
        }
        conversation.recent.push_back((id.number, run.seq, *entry));
    }

    /// Tells those who wrote the runs that they are durable here too; of large conversations once a second.
    fn acknowledge(&mut self, id: SegmentId, applied: &[Applied]) {
        let mut acks: Vec<(PeerId, &Applied)> = Vec::new();
        for run in applied.iter().filter(|run| matches!(run.origin, Origin::Peer(_))) {
            let author = self.links.iter().find(|(_, link)| link.device == Some(run.device)).map(|(peer, _)| *peer);
            acks.extend(author.map(|peer| (peer, run)));
        }
        let late = self.gossip.is_large(&id.conversation);
        for (peer, run) in &acks {
            let Some(link) = self.links.get_mut(peer) else { continue };
            link.unacknowledged.entry(id).or_default().insert(run.actor, run.seq);
        }
        for (peer, _) in acks.iter().filter(|_| !late) {
            self.acknowledge_late(*peer);
        }
    }

    /// Tells a peer what became durable here of chains that it wrote.
    pub(super) fn acknowledge_late(&mut self, peer: PeerId) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        for (id, vector) in std::mem::take(&mut link.unacknowledged) {
            self.send(peer, &Frame::Ack { conversation: id.conversation, segment: id.number, vector });
        }
    }

    /// Pushes new changes on: our own, and those that were pushed to us.
    fn pass_on(&mut self, now: Timestamp, id: SegmentId, runs: &mut [DurableRun]) {
        let large = self.gossip.is_large(&id.conversation);
        let mut audiences: BTreeMap<Audience, Share> = BTreeMap::new();
        for durable in runs {
            let (actor, seq) = (durable.run.gated().actor(), durable.run.gated().seq());
            let chain = large.then_some(actor);
            let audience = match &durable.origin {
                Origin::Own(..) => (chain, Vec::new(), None, 0),
                Origin::Peer(Source { from, told: Some(told), hops }) => (chain, told.clone(), *from, *hops),
                Origin::Peer(Source { told: None, .. }) => continue,
            };
            let (news, runs) = audiences.entry(audience).or_default();
            news.push(News { segment: id.number, actor, seq, hops: 0 });
            runs.push((actor, std::mem::take(&mut durable.sent)));
        }
        for ((_, told, from, hops), (news, runs)) in audiences {
            let input = gossip::Input::New { conversation: id.conversation, news, from, told, hops };
            self.push(now, id, input, runs);
        }
    }

    /// Answers our own calls, and has others told that heads moved by what we fetched.
    fn answer(&mut self, now: Timestamp, id: SegmentId, applied: Vec<Applied>) {
        let (mut fetched, mut unasked) = (BTreeMap::<PeerId, Vec<News>>::new(), false);
        for run in applied {
            match run.origin {
                Origin::Own(call, entry) => self.written_now(call, &entry),
                Origin::Peer(Source { from: Some(from), told: None, .. }) => {
                    let news = News { segment: id.number, actor: run.actor, seq: run.seq, hops: 0 };
                    fetched.entry(from).or_default().push(news);
                }
                Origin::Peer(Source { from: None, .. }) => unasked = true,
                Origin::Peer(_) => {}
            }
        }
        for (from, news) in fetched {
            let large = self.gossip.is_large(&id.conversation);
            self.gossip(now, gossip::Input::Fetched(id.conversation, from, news));
            if large {
                continue;
            }
            if let Some(link) = self.links.get_mut(&from) {
                link.news.insert(id.conversation);
            }
            self.tell_news(now, from);
        }
        if unasked {
            self.sharing(id.conversation).into_iter().for_each(|peer| self.tell_heads(now, peer, id.conversation));
        }
    }

    /// Pushes runs to whom gossip names for them.
    fn push(&mut self, now: Timestamp, id: SegmentId, input: gossip::Input, runs: Vec<(ActorId, Vec<Sent>)>) {
        let (mut peers, mut told, mut hops) = (Vec::new(), Vec::new(), 0);
        for effect in self.gossip.handle(now, input) {
            match effect {
                gossip::Effect::Push(to, named, links) => (peers, told, hops) = (to, named, links),
                other => self.fulfil(now, other),
            }
        }
        let open = |peer: &PeerId| self.links.get(peer).is_some_and(|link| !link.congested);
        peers.retain(|peer| self.is_shared(peer, &id.conversation) && open(peer));
        if peers.is_empty() {
            return;
        }
        let (conversation, segment) = (id.conversation, id.number);
        for runs in frames(runs) {
            let frame = Bytes::from(Frame::Push { conversation, segment, told: told.clone(), hops, runs }.encode());
            self.effects.extend(peers.iter().map(|peer| Effect::Send(*peer, frame.clone())));
        }
    }

    /// Tells others that heads moved, once nothing more is to be fetched from the peer that had the news.
    pub(super) fn tell_news(&mut self, now: Timestamp, from: PeerId) {
        let Some(link) = self.links.get_mut(&from).filter(|link| link.pull.is_idle()) else { return };
        for conversation in std::mem::take(&mut link.news) {
            for peer in self.sharing(conversation).into_iter().filter(|peer| *peer != from) {
                self.tell_heads(now, peer, conversation);
            }
        }
    }

    /// Undoes what was not kept: the calls are answered with the error, and segments whose chains ran ahead are closed.
    pub(super) fn not_persisted(&mut self, ticket: Ticket, why: &str, view: &dyn View) {
        if ticket.generation == self.next.generation {
            self.next.generation += 1;
            self.shelf.forget_pending();
            self.problem(why);
        }
        for pending in self.pending.remove(&ticket).unwrap_or_default() {
            match pending {
                Pending::Run { origin: Origin::Own(call, entry), .. } => self.not_written(call, &entry, why),
                Pending::Joined { call, id } => {
                    self.forget_conversation(id);
                    self.reply(call, Err(machine(why)));
                }
                Pending::Controls { id, then, .. } => {
                    // What counted already must not count: it may be lost for ever.
                    if let Err(error) = self.read_authority(id, view) {
                        self.problem(error.to_string());
                    }
                    if let Then::Reply(call, _) = then {
                        self.reply(call, Err(machine(why)));
                    }
                }
                Pending::Reply(call, _) => self.reply(call, Err(machine(why))),
                Pending::Epochs(id) => self.epochs_not_kept(id),
                Pending::Erased(id, body) => self.erase_later(id, body),
                _ => {}
            }
        }
    }
}

/// Joins runs of one chain that follow each other, and cuts them into frames of a bounded size.
///
/// Cuts fall only between runs as they came, so that each piece ends at a signature that was checked.
pub(super) fn frames(runs: Vec<(ActorId, Vec<Sent>)>) -> Vec<Vec<Vec<Sent>>> {
    let (mut frames, mut frame, mut weight) = (Vec::new(), BTreeMap::<ActorId, Vec<Sent>>::new(), 0);
    for (actor, run) in runs {
        let size: usize = run.iter().map(Sent::weight).sum();
        if weight > 0 && weight + size > super::exchange::FRAME_BUDGET {
            frames.push(std::mem::take(&mut frame).into_values().collect());
            weight = 0;
        }
        weight += size;
        frame.entry(actor).or_default().extend(run);
    }
    frames.push(frame.into_values().collect());
    frames
}
