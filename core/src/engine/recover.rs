//! From what is kept to a running engine. Whatever the index lacks is rebuilt from the segments.

use std::collections::{BTreeMap, BTreeSet};

use super::address_book::{AddressBook, Known};
use super::bundles::Exports;
use super::conversation::{Author, Conversation};
use super::entrance::Joining;
use super::facts::{self, Fact};
use super::io::{Effect, Ticket, View};
use super::mail::Mail;
use super::rendezvous::Rendezvous;
use super::repeats::Repeats;
use super::shelf::Shelf;
use super::upkeep::Tails;
use super::watchdog::Watchdog;
use super::{Engine, keys, rows};
use crate::authority::{Authority, Avatar, Item, UserRecord};
use crate::conversation::{Entry, EntryId, Place, SegmentId};
use crate::crypto::{self, Entropy};
use crate::gossip::Gossip;
use crate::id::{ConversationId, DeviceId, PayloadId, PeerId, StreamId};
use crate::identity::{JoinLink, Profile, Register, Registers};
use crate::store::{Lsn, StoreError};
use crate::sync::{SegmentHeads, Waiting};
use crate::time::{Clock, Timestamp};

/// What an engine needs to start.
pub struct Config {
    /// Who we are.
    pub profile: Profile,
    /// The records of our user's log that the home was made with, each as bytes.
    pub log: Vec<Vec<u8>>,
    /// Whether our user came back by the recovery phrase, so that others must tell where the user was.
    pub is_back: bool,
    /// Our name on the network.
    pub peer: PeerId,
    /// Names this instance of the home: the same as at the last start if what is kept is just what that start left and
    /// nobody else goes on from there; else drawn anew.
    pub instance: [u8; 32],
    /// The seed of all randomness.
    pub seed: [u8; 32],
}

/// Why an engine cannot start.
#[derive(Debug, thiserror::Error)]
#[error("this home cannot be opened: {0}")]
pub struct OpenError(#[from] StoreError);

impl Engine {
    /// Starts from what is kept. The effects are to be executed before the first input is handled.
    ///
    /// # Errors
    /// When what is kept cannot be read at all. Single damaged segments are reported as problems and left out.
    pub fn open(config: Config, now: Timestamp, view: &dyn View) -> Result<(Self, Vec<Effect>), OpenError> {
        let local = view.read(StreamId::Local)?;
        let (facts, unreadable) = facts::read(local.image.as_deref(), &local.tail);
        let mut engine = Engine {
            key: config.profile.device_key(),
            profile: config.profile,
            own: Authority::new(ConversationId([0; 32])),
            registers: Registers::default(),
            unsaid: BTreeSet::new(),
            is_back: config.is_back,
            guiding: None,
            sought: Timestamp(0),
            groups: BTreeMap::new(),
            peer: config.peer,
            nonce: [0; 16],
            rng: Entropy::from_seed(config.seed),
            clock: Clock::default(),
            facts: Vec::new(),
            conversations: BTreeMap::new(),
            shelf: Shelf::default(),
            repeats: Repeats::default(),
            waiting: Waiting::default(),
            mail: Mail::default(),
            exports: Exports::default(),
            links: BTreeMap::new(),
            watchdog: Watchdog::default(),
            gossip: Gossip::new(config.peer, crypto::hash("bayou/1/seed of gossip", &[&config.seed])),
            book: AddressBook::default(),
            rendezvous: Rendezvous::default(),
            listening: Vec::new(),
            pending: BTreeMap::new(),
            next: Ticket { generation: 0, number: 0 },
            complete: view.last(),
            durable: None,
            tails: Tails::default(),
            problem: None,
            effects: Vec::new(),
            written: BTreeMap::new(),
            stale: Vec::new(),
        };
        if unreadable > 0 {
            engine.problem(format!("{unreadable} of this home's own facts could not be read"));
        }
        engine.recall(facts, config.instance);
        engine.read_own_log(&config.log);
        engine.read_conversations(now, view)?;
        engine.recall_people();
        engine.read_secrets(now, view)?;
        view.streams().into_iter().for_each(|stream| engine.tails.found(stream, view.backlog(stream)));
        engine.read_peers(now, view)?;
        engine.stale = engine.stale_segments(view);
        // What was kept before a crash may not have been carried out.
        for id in engine.conversations.keys().copied().collect::<Vec<_>>() {
            engine.extend_cuts(now, id, view);
            engine.enforce_all(now, id, view);
        }
        engine.tell_all_own();
        let effects = std::mem::take(&mut engine.effects);
        Ok((engine, effects))
    }

    fn recall(&mut self, facts: Vec<Fact>, instance: [u8; 32]) {
        let numbers: BTreeMap<ConversationId, u32> = facts::numbers(&facts).into_iter().zip(0..).collect();
        let number = |conversation: &ConversationId| numbers.get(conversation).copied();
        let mut known = None;
        for fact in &facts {
            match fact {
                Fact::Joining { conversation, link } => {
                    if let (Ok(link), Some(number)) = (JoinLink::from_link(link), number(conversation)) {
                        let fresh = || Conversation::new(*conversation, number, [0; 32]);
                        let known = self.conversations.entry(*conversation).or_insert_with(fresh);
                        known.joining = Some(Joining::new(link));
                    }
                }
                Fact::Own(bytes) => drop(UserRecord::open(bytes).map(|record| self.own.insert_user(record))),
                Fact::Register(bytes) => {
                    if let Ok(register) = Register::open(bytes, &self.profile.user) {
                        self.registers.merge(register);
                    }
                }
                Fact::Avatar(bytes) => drop(Avatar::open(bytes).map(|avatar| self.own.insert_avatar(avatar))),
                Fact::Left { conversation } => {
                    self.conversations.get_mut(conversation).into_iter().for_each(|known| known.left = true);
                }
                Fact::Refused { conversation, user, invite } => {
                    if let Some(known) = self.conversations.get_mut(conversation) {
                        known.refused.insert((*user, *invite));
                    }
                }
                Fact::Joined { conversation, secret, peers } => {
                    let Some(number) = number(conversation) else { continue };
                    let known = Conversation::new(*conversation, number, *secret);
                    self.conversations.insert(*conversation, known);
                    for (peer, addresses) in peers.iter().filter(|(peer, _)| *peer != self.peer) {
                        self.book.note(*peer, addresses.iter().cloned());
                    }
                }
                Fact::Nonce { instance, nonce } => known = Some((*instance, *nonce)),
                Fact::Read { conversation, upto } => {
                    if let Some(conversation) = self.conversations.get_mut(conversation) {
                        conversation.read = *upto;
                    }
                }
            }
        }
        self.facts = facts
            .into_iter()
            .filter(|fact| !matches!(fact, Fact::Own(_) | Fact::Avatar(_) | Fact::Register(_)))
            .collect();
        match known {
            Some((same, nonce)) if same == instance => self.nonce = nonce,
            _ => {
                self.nonce = self.rng.bytes();
                self.note(Fact::Nonce { instance, nonce: self.nonce });
            }
        }
    }

    /// Takes in what the home was made with, if this is its first start.
    fn read_own_log(&mut self, born: &[Vec<u8>]) {
        let user = self.profile.user;
        for record in born.iter().filter_map(|bytes| UserRecord::open(bytes).ok()) {
            if record.user() == user && self.own.insert_user(record.clone()) {
                self.note(Fact::Own(record.bytes().to_vec().into()));
            }
        }
        self.own.ruling();
    }

    fn read_conversations(&mut self, now: Timestamp, view: &dyn View) -> Result<(), StoreError> {
        let ids: Vec<ConversationId> = self.conversations.keys().copied().collect();
        for id in ids {
            self.read_authority(id, view)?;
            let Some(conversation) = self.conversations.get_mut(&id) else { continue };
            conversation.was_in = conversation.devices.contains_key(&self.key.device());
            conversation.read_index(view)?;
            for part in [keys::Part::Rows, keys::Part::Gone, keys::Part::Disputed] {
                let (from, to) = keys::all(part, conversation.number);
                let newest = view.scan(&from, &to, 1, true)?;
                if let Some(newest) = newest.first().and_then(|(key, _)| keys::id(key)) {
                    self.clock.observe(newest.at, now);
                }
            }
        }
        Ok(())
    }

    /// Reads what is kept of a conversation's authority.
    pub(super) fn read_authority(&mut self, id: ConversationId, view: &dyn View) -> Result<(), StoreError> {
        let kept = view.read(StreamId::Control(id))?;
        let compacted: Vec<serde_bytes::ByteBuf> =
            kept.image.and_then(|image| postcard::from_bytes(&image).ok()).unwrap_or_default();
        let items = compacted.into_iter().map(serde_bytes::ByteBuf::into_vec).chain(kept.tail);
        let items = items.filter_map(|bytes| Item::open(&bytes, id).ok()).collect();
        if let Some(conversation) = self.conversations.get_mut(&id) {
            conversation.authority = Authority::new(id);
            conversation.kept.clear();
            conversation.add(items);
        }
        Ok(())
    }

    /// Gives up a conversation that was not kept.
    pub(super) fn forget_conversation(&mut self, id: ConversationId) {
        self.conversations.remove(&id);
        self.facts.retain(|fact| match fact {
            Fact::Joined { conversation, .. } | Fact::Joining { conversation, .. } => *conversation != id,
            _ => true,
        });
    }

    fn read_peers(&mut self, now: Timestamp, view: &dyn View) -> Result<(), StoreError> {
        let ids: Vec<ConversationId> = self.conversations.keys().copied().collect();
        ids.into_iter().for_each(|id| self.count(now, id));
        for (key, value) in view.scan(keys::PEERS.0, keys::PEERS.1, usize::MAX, false)? {
            let (Some(peer), Ok(known)) = (keys::last32(&key), postcard::from_bytes::<Known>(&value)) else { continue };
            let conversations = known.conversations.clone();
            self.book.recall(PeerId(peer), known);
            conversations.into_iter().for_each(|id| self.shares(now, PeerId(peer), id));
        }
        Ok(())
    }

    /// Returns the segments that the index does not include, newest first.
    fn stale_segments(&self, view: &dyn View) -> Vec<SegmentId> {
        let unknown = |stream: &StreamId| match stream {
            StreamId::Segment(id, number) => self.conversations.get(id).is_some_and(|c| !c.heads.contains_key(number)),
            _ => false,
        };
        let unknown: Vec<StreamId> = view.streams().into_iter().filter(unknown).collect();
        let stale: BTreeSet<StreamId> = view.unindexed().into_iter().chain(unknown).collect();
        let segment = |stream| match stream {
            StreamId::Segment(conversation, number) => Some(SegmentId { conversation, number }),
            _ => None,
        };
        stale.into_iter().rev().filter_map(segment).collect()
    }

    /// Folds one segment again that the index does not include, then lets some messages disappear that are due. To be
    /// called after [`Engine::open`] until it returns `None`, the effects executed each time: a whole home does not fit
    /// into memory.
    pub fn rebuild(&mut self, now: Timestamp, view: &dyn View) -> Option<Vec<Effect>> {
        let Some(id) = self.stale.pop() else {
            let ids: Vec<ConversationId> = self.conversations.keys().copied().collect();
            let went = ids.into_iter().filter(|id| self.moderate(now, *id, view)).count() > 0;
            let went = self.expire(now, view) || went;
            self.written.clear();
            return went.then(|| std::mem::take(&mut self.effects));
        };
        match self.shelf.settled(id, view) {
            Ok(segment) => {
                let (entries, heads) = (segment.entries(), SegmentHeads::of(&segment));
                let disputes = self.note_disputes(id, view);
                self.effects.push(Effect::Index(disputes, Lsn(0)));
                self.fold_again(now, id, entries, heads, view);
                self.enforce_all(now, id.conversation, view);
            }
            Err(error) => self.problem(error.to_string()),
        }
        if self.stale.is_empty() {
            self.effects.push(Effect::Index(Vec::new(), self.complete));
        }
        self.written.clear();
        Some(std::mem::take(&mut self.effects))
    }

    fn fold_again(&mut self, now: Timestamp, id: SegmentId, entries: Vec<Entry>, heads: SegmentHeads, view: &dyn View) {
        let me = self.key.device();
        let own: BTreeSet<_> = entries.iter().filter(|e| e.device == me).map(|e| e.id.actor).collect();
        let authors: BTreeMap<_, _> =
            entries.iter().map(|e| (e.id.actor, Author { device: e.device, grant: e.grant })).collect();
        let mut ops = self.note_heads(id, heads);
        ops.extend(authors.into_iter().filter_map(|(actor, author)| self.note_author(id, actor, author)));
        ops.extend(own.into_iter().flat_map(|actor| self.note_own_chain(id, actor)));
        let stale = self.stale_rows(id, &entries, view);
        match self.fold(id.conversation, now, entries, true, view) {
            Ok(folded) => ops.extend(folded),
            Err(error) => self.problem(error.to_string()),
        }
        self.effects.push(Effect::Index(ops, Lsn(0)));
        if !stale.is_empty() {
            self.fold_anew(now, id.conversation, &stale, view);
        }
    }

    /// Returns the rows in which the index may have something of a segment that is not in it any more: a chain was
    /// shortened, and the index had not heard of it.
    fn stale_rows(&mut self, id: SegmentId, entries: &[Entry], view: &dyn View) -> BTreeSet<EntryId> {
        let disputed = self.shelf.get(id, view).map(|segment| segment.disputed()).unwrap_or_default();
        let disputed = disputed.into_iter().filter(|entry| entry.place == Place::Messages).map(|entry| entry.id);
        let Some(conversation) = self.conversations.get(&id.conversation).filter(|c| c.may_have_shrunk(id.number))
        else {
            return BTreeSet::new();
        };
        let here: BTreeSet<EntryId> = entries.iter().map(|entry| entry.id).collect();
        let all = |part| {
            let (from, to) = keys::all(part, conversation.number);
            view.scan(&from, &to, usize::MAX, false).unwrap_or_default()
        };
        let rows = [all(keys::Part::Rows), all(keys::Part::Gone), all(keys::Part::Disputed)].concat();
        let rows = rows.iter().filter_map(|(key, row)| Some((keys::id(key)?, rows::decode(row)?)));
        let gone =
            |entry: &EntryId| conversation.authors.contains_key(&(id.number, entry.actor)) && !here.contains(entry);
        let stale = rows.filter(|(message, row)| {
            let said = row.edits.iter().map(|edit| &edit.id).chain(row.marks.iter().map(|mark| &mark.id));
            // Who deleted a message is not noted in its row, and whether an admin had it erased may have changed.
            gone(message) || row.is_erased() || row.disputed || said.into_iter().any(gone)
        });
        stale.map(|(message, _)| message).chain(disputed).collect()
    }
}

impl Conversation {
    /// Tells whether chains of a segment may have become shorter.
    fn may_have_shrunk(&self, segment: u32) -> bool {
        self.is_anyone_bounded() || self.forked.contains(&segment)
    }

    /// Reads what the index has of the conversation.
    fn read_index(&mut self, view: &dyn View) -> Result<(), StoreError> {
        let all = |part| {
            let (from, to) = keys::all(part, self.number);
            view.scan(&from, &to, usize::MAX, false)
        };
        for (key, value) in all(keys::Part::Heads)? {
            let (Some(segment), Ok(heads)) = (keys::segment(&key), postcard::from_bytes(&value)) else { continue };
            self.heads.insert(segment, heads);
        }
        self.forked = all(keys::Part::Disputes)?.iter().filter_map(|(key, _)| keys::segment(key)).collect();
        self.orphans = all(keys::Part::Orphans)?.iter().filter_map(|(key, _)| keys::id(key)).collect();
        for (key, value) in all(keys::Part::Wants)? {
            let (segment, hash, row) = (keys::segment(&key), keys::last32(&key), EntryId::from_sortable(&value));
            if let (Some(segment), Some(hash), Some(row)) = (segment, hash, row) {
                self.wants.insert((segment, PayloadId(hash)), row);
            }
        }
        for (key, _) in all(keys::Part::Erasing)? {
            let (Some(segment), Some(hash)) = (keys::segment(&key), keys::last32(&key)) else { continue };
            self.erasing.insert((segment, PayloadId(hash)), false);
        }
        let (from, to) = keys::all(keys::Part::Expiries, self.number);
        let next = view.scan(&from, &to, 1, false)?;
        self.expires = next.first().and_then(|(key, _)| keys::expiring(key)).map(|(at, _)| at);
        for (key, value) in all(keys::Part::Acks)? {
            let place = keys::segment(&key).zip(keys::actor(&key));
            let (Some(place), Some(device), Ok(seq)) = (place, keys::last32(&key), postcard::from_bytes(&value)) else {
                continue;
            };
            self.acks.entry(place).or_default().insert(DeviceId(device), seq);
        }
        for (key, value) in all(keys::Part::Authors)? {
            if let (Some(place), Ok(author)) =
                (keys::segment(&key).zip(keys::actor(&key)), postcard::from_bytes(&value))
            {
                self.authors.insert(place, author);
            }
        }
        Ok(())
    }
}
