//! A conversation's authority: exchanged with others, kept, and carried out.
//!
//! Whoever has another digest is sent the names of our items and sends back those that we lack. What we are sent is
//! gathered and judged once a round, for each judgement is a pass over all that there is. Then it counts, for what is judged
//! after it; others are told, and chains that reach too far are shortened, when it is durable.
//!
//! Items are given to members only. Two who were let in by different people may not know each other as members yet: they
//! show each other what their membership rests on, and no more.

use std::collections::BTreeSet;

use super::Engine;
use super::conversation::Conversation;
use super::durable::Pending;
use super::io::{CallId, Effect, View};
use crate::authority::{ControlError, Item, ItemName, UserRecord};
use crate::envelope::Frame;
use crate::id::{ConversationId, PeerId, StreamId, UserId};
use crate::rpc::{Event, Reply};
use crate::store::Record;
use crate::time::Timestamp;

/// About how many bytes of items go into one frame.
const FRAME_BUDGET: usize = 256 * 1024;

/// The most names in one frame: as many items as a conversation may have, and more.
const MAX_NAMES: usize = 64 * 1024;

/// The most items that are gathered before they are judged.
const MAX_GATHERED: usize = 4096;

/// What is to be done when items are durable.
#[derive(Debug, Clone)]
pub(super) enum Then {
    /// Nothing more.
    Nothing,
    /// Answer who asked for them to be written.
    Reply(CallId, Box<Reply>),
    /// Welcome whom they let in, and answer who said yes.
    Welcome(PeerId, Option<CallId>),
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
        if items.is_empty() {
            // Who asked is to know that this was all.
            return self.send(peer, &Frame::Controls { conversation: id, items: Vec::new() });
        }
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
    pub(super) fn controls(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        id: ConversationId,
        items: &[serde_bytes::ByteBuf],
    ) {
        self.watchdog.gave_controls(peer, id);
        match self.open_items(id, items) {
            Ok(items) => {
                let of_us = self.of_us(&items);
                self.gather(peer, id, items);
                self.own_learned(now, of_us);
            }
            Err(_) => self.misbehaved(peer, "it sent a control record that is not valid"),
        }
    }

    /// Takes items in at once that came by no link; returns whether any of them did not find its place yet.
    pub(super) fn take_controls(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        items: &[serde_bytes::ByteBuf],
    ) -> Result<bool, ControlError> {
        let items = self.open_items(id, items)?;
        let (of_us, names): (_, Vec<ItemName>) = (self.of_us(&items), items.iter().map(Item::name).collect());
        self.take_items(id, items, vec![], None, Then::Nothing);
        self.own_learned(now, of_us);
        Ok(self.conversations.get(&id).is_some_and(|known| names.iter().any(|name| !known.kept.contains(name))))
    }

    /// Opens the items that are not here.
    fn open_items(&self, id: ConversationId, items: &[serde_bytes::ByteBuf]) -> Result<Vec<Item>, ControlError> {
        let Some(conversation) = self.conversations.get(&id) else { return Ok(vec![]) };
        let fresh = items.iter().filter(|bytes| Item::name_of(bytes).is_none_or(|n| !conversation.kept.contains(&n)));
        fresh.map(|bytes| Item::open(bytes, id)).collect()
    }

    /// Returns what items say of our own user.
    fn of_us(&self, items: &[Item]) -> Vec<UserRecord> {
        let of_us = |item: &Item| match item {
            Item::User(record) if record.user() == self.profile.user => Some(record.clone()),
            _ => None,
        };
        items.iter().filter_map(of_us).collect()
    }

    /// Puts items of a peer by, to be judged together with what else comes in this round.
    fn gather(&mut self, peer: PeerId, id: ConversationId, items: Vec<Item>) {
        let Some(conversation) = self.conversations.get_mut(&id).filter(|_| !items.is_empty()) else { return };
        conversation.gathered.extend(items.into_iter().map(|item| (peer, item)));
        if conversation.gathered.len() > MAX_GATHERED {
            return self.judge_gathered();
        }
        self.effects.push(Effect::Gather(peer));
    }

    /// Takes in what was gathered.
    pub(super) fn judge_gathered(&mut self) {
        let gathered = self.conversations.iter_mut().map(|(id, known)| (*id, std::mem::take(&mut known.gathered)));
        let gathered: Vec<_> = gathered.filter(|(_, items)| !items.is_empty()).collect();
        for (id, items) in gathered {
            let first = items.first().map(|(peer, _)| *peer);
            // Who sent all of it need not be told of it.
            let from = first.filter(|first| items.iter().all(|(peer, _)| peer == first));
            self.take_items(id, items.into_iter().map(|(_, item)| item).collect(), vec![], from, Then::Nothing);
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
        if from.is_none() {
            self.stir_mail(now, id);
        }
        // Who is no longer in hears why, before nothing more is said to them.
        for peer in self.sharing(id).into_iter().filter(|peer| Some(*peer) != from) {
            self.send_items(peer, id, items.iter().cloned());
        }
        self.tell_notices(id, &items);
        self.tell_profiles(id, &items);
        self.carry_out(now, id, view);
        match then {
            Then::Nothing => {}
            Then::Reply(call, reply) => self.reply(call, Ok(*reply)),
            Then::Welcome(peer, call) => {
                self.welcome(now, peer, id);
                call.into_iter().for_each(|call| self.reply(call, Ok(Reply::Done { done: true })));
            }
        }
    }

    /// Does what follows from a new ruling: who is met, which chains count how far, what need no longer wait.
    pub(super) fn carry_out(&mut self, now: Timestamp, id: ConversationId, view: &dyn View) {
        self.extend_cuts(now, id, view);
        self.announce_epochs(now, id);
        self.regard_all(now, id);
        self.enter(id);
        self.rest_if_blocked(now, id);
        self.notice_change(id);
        self.stay_out(now, id, view);
        self.moderate(now, id, view);
        self.enforce_all(now, id, view);
        self.retry_waiting(now, id, 0, view);
        self.sharing(id).into_iter().for_each(|peer| self.ask(now, peer, view));
    }

    /// Tells whoever follows that we are in now, or not any more.
    fn notice_change(&mut self, id: ConversationId) {
        let me = self.key.device();
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        let is_in = conversation.devices.contains_key(&me);
        if std::mem::replace(&mut conversation.was_in, is_in) != is_in {
            let (conversation, state) = (id.to_string(), if is_in { "in" } else { "out" }.to_owned());
            self.effects.push(Effect::Emit(Event::Joining { conversation, state }));
        }
    }
}

impl Conversation {
    /// Adds items; returns those that found their place by it.
    pub(super) fn add(&mut self, items: Vec<Item>) -> Vec<Item> {
        let (mut logs, mut cuts, mut avatars, mut grew) = (Vec::new(), Vec::new(), Vec::new(), self.kept.is_empty());
        for item in items {
            match item {
                Item::Record(_) => grew |= self.authority.add(item),
                Item::User(record) => logs.push(record),
                Item::Cut(cut) => cuts.push(cut),
                Item::Avatar(avatar) => avatars.push(avatar),
            }
        }
        // Whom a log says that its user moved to is of concern, too.
        while !logs.is_empty() {
            self.authority.ruling();
            let concerned: BTreeSet<UserId> = self.concerned();
            let (ours, others): (Vec<_>, _) = logs.into_iter().partition(|record| concerned.contains(&record.user()));
            logs = if ours.is_empty() { Vec::new() } else { others };
            for record in ours {
                grew |= self.authority.insert_user(record);
            }
        }
        for cut in cuts {
            grew |= self.authority.insert_cut(cut);
        }
        if !grew && avatars.is_empty() {
            return Vec::new();
        }
        self.authority.shed_strange();
        if self.authority.has_forgotten() {
            let held = self.authority.items_beyond(&BTreeSet::new()).iter().map(Item::name).collect();
            self.kept = self.kept.intersection(&held).copied().collect();
        }
        for avatar in avatars {
            self.authority.insert_avatar(avatar);
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
}
