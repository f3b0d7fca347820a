//! A conversation's authority: exchanged with others, kept, and carried out.
//!
//! Whoever has another digest is sent the names of our items and sends back those that we lack. What we are sent counts
//! at once, for what is judged after it; others are told, and chains that reach too far are shortened, when it is durable.
//!
//! Items are given to members only. Two who were let in by different people may not know each other as members yet: they
//! show each other what their membership rests on, and no more.

use std::collections::BTreeSet;

use super::conversation::Conversation;
use super::durable::Pending;
use super::io::{CallId, View};
use super::{Engine, stream};
use crate::authority::{Item, ItemName, Reach, Standing};
use crate::conversation::{SegmentId, Tail};
use crate::envelope::Frame;
use crate::id::{ActorId, ConversationId, PeerId, StreamId, UserId};
use crate::rpc::{Event, Reply};
use crate::store::Record;
use crate::sync::SegmentHeads;
use crate::time::Timestamp;

/// About how many bytes of items go into one frame.
const FRAME_BUDGET: usize = 256 * 1024;

/// The most names in one frame: as many items as a conversation may have, and more.
const MAX_NAMES: usize = 64 * 1024;

/// What is to be done when items are durable.
#[derive(Debug, Clone)]
pub(super) enum Then {
    /// Nothing more.
    Nothing,
    /// Answer who asked for them to be written.
    Reply(CallId, Box<Reply>),
    /// Welcome whom they let in.
    Welcome(PeerId),
}

impl Engine {
    /// Asks for what another has of a conversation's authority and we have not.
    pub(super) fn ask_for_controls(&mut self, peer: PeerId, id: ConversationId) {
        let Some(conversation) = self.conversations.get(&id) else { return };
        let names = conversation.kept.iter().copied().take(MAX_NAMES).collect();
        self.send(peer, &Frame::Names { conversation: id, names });
    }

    /// Gives a member the items that they have not named.
    pub(super) fn give_controls(&mut self, peer: PeerId, id: ConversationId, names: Vec<ItemName>) {
        let is_shared = self.links.get(&peer).is_some_and(|link| link.shared.contains(&id));
        let Some(conversation) = self.conversations.get(&id).filter(|_| is_shared) else { return };
        let items = conversation.authority.items_beyond(&names.into_iter().collect());
        self.send_items(peer, id, items.iter().map(Item::to_bytes));
    }

    /// Shows to someone who is not known to be in what our own membership rests on, or what ended theirs.
    pub(super) fn introduce(&mut self, peer: PeerId, id: ConversationId, user: UserId) {
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        let items = conversation.authority.credentials(&user);
        self.send_items(peer, id, items.iter().map(Item::to_bytes));
    }

    fn send_items(&mut self, peer: PeerId, id: ConversationId, items: impl Iterator<Item = Vec<u8>>) {
        let (mut frame, mut weight) = (Vec::new(), 0);
        for bytes in items {
            if weight > 0 && weight + bytes.len() > FRAME_BUDGET {
                self.send(peer, &Frame::Controls { conversation: id, items: std::mem::take(&mut frame) });
                weight = 0;
            }
            weight += bytes.len();
            frame.push(bytes.into());
        }
        if !frame.is_empty() {
            self.send(peer, &Frame::Controls { conversation: id, items: frame });
        }
    }

    /// Takes items in that a peer sent.
    pub(super) fn controls(&mut self, peer: PeerId, id: ConversationId, items: &[serde_bytes::ByteBuf]) {
        let Some(conversation) = self.conversations.get(&id) else { return };
        let fresh = items.iter().filter(|bytes| Item::name_of(bytes).is_none_or(|n| !conversation.kept.contains(&n)));
        match fresh.map(|bytes| Item::open(bytes, id)).collect() {
            Ok(items) => self.take_items(id, items, vec![], Some(peer), Then::Nothing),
            Err(_) => self.misbehaved(peer, "it sent a control record that is not valid"),
        }
    }

    /// Takes items in and has those kept that found their place, with `with` in the same batch.
    pub(super) fn take_items(
        &mut self,
        id: ConversationId,
        items: Vec<Item>,
        mut with: Vec<Record>,
        from: Option<PeerId>,
        then: Then,
    ) {
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        let fresh: Vec<Vec<u8>> = conversation.add(items).iter().map(Item::to_bytes).collect();
        if fresh.is_empty() && matches!(then, Then::Nothing) {
            return;
        }
        let stream = StreamId::Control(id);
        with.extend(fresh.iter().map(|bytes| Record { stream, bytes: bytes.clone() }));
        self.persist(with, vec![Pending::Controls { id, items: fresh, from, then }]);
    }

    /// Tells others of items that are durable now, and does all that follows from them.
    pub(super) fn controls_settled(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        items: Vec<Vec<u8>>,
        from: Option<PeerId>,
        then: Then,
        view: &dyn View,
    ) {
        self.tails.grew(StreamId::Control(id), items.len(), now);
        // Who is no longer in hears why, before nothing more is said to them.
        for peer in self.sharing(id).into_iter().filter(|peer| Some(*peer) != from) {
            self.send_items(peer, id, items.iter().cloned());
        }
        self.carry_out(now, id, view);
        match then {
            Then::Nothing => {}
            Then::Reply(call, reply) => self.reply(call, Ok(*reply)),
            Then::Welcome(peer) => self.welcome(now, peer, id),
        }
    }

    /// Does what follows from a new ruling: who is met, which chains count how far, what need no longer wait.
    pub(super) fn carry_out(&mut self, now: Timestamp, id: ConversationId, view: &dyn View) {
        self.regard_all(now, id);
        self.enter(id);
        self.notice_removal(id);
        self.stay_out(now, id, view);
        self.enforce_all(id, view);
        self.retry_waiting(id, 0, view);
        self.sharing(id).into_iter().for_each(|peer| self.ask(now, peer, view));
    }

    /// Tells whoever follows that we are not in any more.
    fn notice_removal(&mut self, id: ConversationId) {
        let user = self.profile.user;
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        let is_in = conversation.member(&user).is_some();
        if std::mem::replace(&mut conversation.was_in, is_in) && !is_in {
            let (conversation, state) = (id.to_string(), "out".to_owned());
            self.effects.push(super::Effect::Emit(Event::Joining { conversation, state }));
        }
    }

    /// Shortens all chains of a conversation that reach further than the authority lets them.
    pub(super) fn enforce_all(&mut self, id: ConversationId, view: &dyn View) {
        let Some(conversation) = self.conversations.get(&id).filter(|c| c.is_anyone_bounded()) else { return };
        let chains: Vec<(u32, ActorId)> = conversation.authors.keys().copied().collect();
        self.enforce(id, &chains, view);
    }

    /// Shortens chains that reach further than the authority lets them.
    pub(super) fn enforce(&mut self, id: ConversationId, chains: &[(u32, ActorId)], view: &dyn View) {
        for (number, actor) in chains {
            let Some(conversation) = self.conversations.get_mut(&id) else { return };
            let Some(author) = conversation.authors.get(&(*number, *actor)).copied() else { continue };
            let held = conversation.heads.get(number).and_then(|heads| heads.vector.get(actor)).copied().unwrap_or(0);
            let place = SegmentId { conversation: id, number: *number };
            let end = match conversation.authority.reach(&author.of(*actor)) {
                Reach::Open | Reach::Unknown => continue,
                Reach::Until(last) if held < last.seq => continue,
                Reach::Until(last) => match self.shelf.get(place, view).map(|s| s.hash(actor, last.seq)) {
                    Ok(hash) if hash.is_none_or(|hash| hash == last.hash) => last.seq,
                    // Another branch of the chain counts: all of ours goes, and that one is fetched.
                    _ => 0,
                },
                Reach::Nowhere => 0,
            };
            if held > end {
                self.shorten(place, *actor, end, view);
            }
        }
    }

    fn shorten(&mut self, id: SegmentId, actor: ActorId, end: u32, view: &dyn View) {
        let shortened = match self.shelf.get(id, view).map(|segment| segment.shorten(actor, end)) {
            Ok(Ok(Some(shortened))) => shortened,
            Ok(Ok(None)) => return,
            Ok(Err(error)) => {
                self.shelf.close(id);
                return self.problem(error.to_string());
            }
            Err(error) => return self.problem(error.to_string()),
        };
        let (end, gone) = shortened;
        let Ok(heads) = self.shelf.get(id, view).map(|segment| SegmentHeads::of(segment)) else { return };
        let bytes = postcard::to_stdvec(&Tail::Cut(actor, end)).expect("a record always encodes");
        self.shelf.hold(id, 1);
        self.persist(vec![Record { stream: stream(id), bytes }], vec![Pending::Shortened(id)]);
        let ops = self.note_heads(id, heads);
        self.effects.push(super::Effect::Index(ops, self.complete));
        self.unsay(id.conversation, &gone, view);
    }
}

impl Conversation {
    /// Adds items; returns those that found their place by it.
    pub(super) fn add(&mut self, items: Vec<Item>) -> Vec<Item> {
        let (mut logs, mut cuts) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                Item::Record(_) => drop(self.authority.add(item)),
                Item::User(record) => logs.push(record),
                Item::Cut(cut) => cuts.push(cut),
            }
        }
        self.authority.ruling();
        let concerned: BTreeSet<UserId> = self.concerned();
        for record in logs.into_iter().filter(|record| concerned.contains(&record.user())) {
            self.authority.insert_user(record);
        }
        for cut in cuts {
            self.authority.insert_cut(cut);
        }
        let fresh = self.authority.items_beyond(&self.kept);
        self.kept.extend(fresh.iter().map(Item::name));
        self.judge_anew();
        fresh
    }

    /// Returns the users whose logs matter here: to whom anything was ever granted, and what they moved to.
    fn concerned(&self) -> BTreeSet<UserId> {
        let ruling = self.authority.last_ruling();
        ruling.grants().values().flat_map(|grant| [grant.user, grant.given_to]).collect()
    }

    /// Tells whether any chain may be bounded.
    pub(super) fn is_anyone_bounded(&self) -> bool {
        let ruling = self.authority.last_ruling();
        let ended = ruling.grants().values().any(|grant| grant.standing != Standing::Live);
        ended || ruling.is_any_device_retired()
    }
}
