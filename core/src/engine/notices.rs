//! Notices: what happened in a conversation besides its messages, for people to read between them.
//!
//! Who came and went, who may do what, what it is called, whose devices changed: all of it is told from the control
//! records that count and from the users' logs, each time somebody asks. So nothing is kept for it, and two peers with the
//! same records tell the same. Forks alone leave a mark in the index, as they are not among the records.

use std::collections::{BTreeMap, BTreeSet};

use super::conversation::{Author, Conversation};
use super::io::{Effect, View};
use super::{Engine, keys, people};
use crate::authority::{
    DeviceStatus, Devices, Item, ItemName, Role, Said, Setting, Standing, UserRecord, UserSaid, abbreviate,
};
use crate::conversation::{EntryId, Fork, SegmentId};
use crate::crypto;
use crate::id::{ActorId, ConversationId, DeviceId, RecordHash, UserId};
use crate::rpc::{ErrorCode, Event, Notice, NoticeKind, Reply, RpcError};
use crate::store::{IndexOp, StoreError};
use crate::time::{Hlc, MAX_MS, Timestamp};

/// The most notices of one answer.
const MAX_NOTICES: u32 = 1000;

/// The most notices that are told at once: who has been away reads them.
const MAX_TOLD: usize = 50;

/// Something that happened.
struct Happening {
    /// What tells of it: a record, or the proof of a fork.
    source: [u8; 32],
    /// Its own name: the source's, if that tells of nothing else.
    id: [u8; 32],
    at: u64,
    by: UserId,
    kind: NoticeKind,
    who: Option<UserId>,
    what: Option<String>,
}

impl Happening {
    /// Returns where in the timeline it stands: before all messages of its moment.
    fn place(&self) -> EntryId {
        let [actor @ .., number, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = self.id;
        EntryId { at: Hlc { ms: self.at.min(MAX_MS), counter: 0 }, actor: ActorId(actor), number }
    }
}

/// The grants that count, as they are read one after the other.
#[derive(Default)]
struct Roll(BTreeMap<UserId, BTreeMap<RecordHash, Role>>);

impl Roll {
    fn role(&self, user: &UserId) -> Option<Role> {
        self.0.get(user)?.values().max().copied()
    }

    /// Changes someone's grants; returns what that is to them, if anything.
    fn change<T>(
        &mut self,
        user: UserId,
        change: impl FnOnce(&mut BTreeMap<RecordHash, Role>) -> T,
    ) -> Option<(NoticeKind, Option<Role>)> {
        let before = self.role(&user);
        change(self.0.entry(user).or_default());
        match (before, self.role(&user)) {
            (None, Some(role)) => Some((NoticeKind::Joined, Some(role))),
            (Some(_), None) => Some((NoticeKind::Removed, None)),
            (Some(before), Some(after)) if before != after => Some((NoticeKind::Role, Some(after))),
            _ => None,
        }
    }
}

impl Engine {
    /// Tells what happened in a conversation in a stretch of time: the newest of it, oldest first.
    pub(super) fn notices(
        &self,
        conversation: &str,
        after: u64,
        before: Option<u64>,
        limit: u32,
        view: &dyn View,
    ) -> Result<Reply, RpcError> {
        if limit == 0 {
            return Err(RpcError::new(ErrorCode::Invalid, "how many notices? at least 1"));
        }
        let id = self.find_conversation(conversation)?;
        let Some(conversation) = self.conversations.get(&id) else {
            return Err(RpcError::new(ErrorCode::NotFound, "no such conversation"));
        };
        let mut happened = conversation.happened(view)?;
        happened.retain(|one| one.at >= after && before.is_none_or(|before| one.at < before));
        // Stable: of what happened at one moment, causes stay before effects.
        happened.sort_by_key(|one| one.at);
        let first = happened.len().saturating_sub(limit.min(MAX_NOTICES) as usize);
        let notices = happened.iter().skip(first).map(|one| self.notice(conversation, one)).collect();
        Ok(Reply::Notices { conversation: id.to_string(), notices })
    }

    /// Tells all that happened in a conversation, each in its place in the timeline.
    pub(super) fn placed_notices(
        &self,
        conversation: &Conversation,
        view: &dyn View,
    ) -> Result<Vec<(EntryId, Notice)>, StoreError> {
        let happened = conversation.happened(view)?;
        let mut placed: Vec<(EntryId, Notice)> =
            happened.iter().map(|one| (one.place(), self.notice(conversation, one))).collect();
        placed.sort_by_key(|(place, _)| *place);
        Ok(placed)
    }

    /// Tells whoever follows what new items say.
    pub(super) fn tell_notices(&mut self, id: ConversationId, items: &[Vec<u8>]) {
        let Some(conversation) = self.conversations.get(&id).filter(|conversation| conversation.was_in) else { return };
        let names: BTreeSet<ItemName> = items.iter().filter_map(|bytes| Item::name_of(bytes)).collect();
        let is_new = |one: &Happening| names.contains(&abbreviate(&one.source));
        let new: Vec<Happening> = conversation.happenings().into_iter().filter(is_new).collect();
        let newest = new.iter().rev().take(MAX_TOLD).rev();
        let notices: Vec<(String, Notice)> =
            newest.map(|one| (one.place().to_place(), self.notice(conversation, one))).collect();
        for (key, notice) in notices {
            self.effects.push(Effect::Emit(Event::Notice { conversation: id.to_string(), key, notice }));
        }
    }

    fn notice(&self, conversation: &Conversation, happened: &Happening) -> Notice {
        let name = |user: &UserId| self.name_of(conversation, user);
        Notice {
            id: RecordHash(happened.id).to_string(),
            at: happened.at,
            by: name(&happened.by),
            user: happened.by.to_string(),
            kind: happened.kind,
            who: happened.who.as_ref().map(name),
            what: happened.what.clone(),
        }
    }

    /// Returns what to write into the index so that the forks of a segment are told of.
    pub(super) fn note_disputes(&mut self, id: SegmentId, view: &dyn View) -> Vec<IndexOp> {
        let Some(known) = self.conversations.get_mut(&id.conversation) else { return vec![] };
        let Ok(segment) = self.shelf.settled(id, view) else { return vec![] };
        if segment.forks().next().is_none() {
            return vec![];
        }
        known.forked.insert(id.number);
        let (entries, mut authors) = (segment.entries(), Vec::new());
        let ops = segment.forks().map(|fork| {
            let (actor, header) = (fork.actor(), &fork.proof().header);
            authors.push((actor, Author { device: header.device, grant: header.grant }));
            let last = entries.iter().filter(|entry| entry.id.actor == actor).map(|entry| entry.id.at.ms).max();
            let value = postcard::to_stdvec(&(last.unwrap_or(0), fork.name())).expect("numbers always encode");
            IndexOp::Put(keys::dispute(known.number, id.number, &actor), value)
        });
        let mut ops: Vec<IndexOp> = ops.collect();
        ops.extend(authors.into_iter().filter_map(|(actor, author)| self.note_author(id, actor, author)));
        ops
    }

    /// Tells whoever follows that a chain was found to be forked.
    pub(super) fn tell_dispute(&self, now: Timestamp, id: SegmentId, fork: &Fork) -> Option<Effect> {
        let conversation = self.conversations.get(&id.conversation)?;
        let dispute = conversation.dispute(id.number, &fork.actor(), now.0, fork.name())?;
        let (key, notice) = (dispute.place().to_place(), self.notice(conversation, &dispute));
        Some(Effect::Emit(Event::Notice { conversation: id.conversation.to_string(), key, notice }))
    }
}

impl Conversation {
    /// Returns all that happened.
    fn happened(&self, view: &dyn View) -> Result<Vec<Happening>, StoreError> {
        let mut happened = self.happenings();
        happened.extend(self.disputes(view)?);
        Ok(happened)
    }

    /// Returns what the records tell, each after what it rests on.
    fn happenings(&self) -> Vec<Happening> {
        let (authority, mut roll) = (&self.authority, Roll::default());
        let void = authority.last_ruling().void();
        let counting = authority.records().filter(|record| !void.contains_key(&record.hash()));
        let mut happened = Vec::new();
        for record in counting {
            let said = self.told(record.user(), record.hash(), record.said(), &mut roll);
            happened.extend(said.into_iter().map(|(kind, who, what)| Happening {
                source: record.hash().0,
                id: record.hash().0,
                at: record.at().0,
                by: record.user(),
                kind,
                who,
                what,
            }));
        }
        let came = happened.iter().filter(|one| matches!(one.kind, NoticeKind::Began | NoticeKind::Joined));
        let mut since: BTreeMap<UserId, u64> = BTreeMap::new();
        for (user, at) in came.map(|one| (one.who.unwrap_or(one.by), one.at)) {
            since.entry(user).or_insert(at);
        }
        if authority.last_ruling().is_direct() {
            // Nobody came in: it began when either said the first thing in it.
            let began = authority.records().find(|record| !matches!(record.said(), Said::Direct { .. }));
            since.extend(began.into_iter().flat_map(|first| self.users().map(|user| (*user, first.at().0))));
        }
        for (user, joined) in since {
            let logged = self.authority.user_records(&user).filter(|record| record.at().0 > joined);
            happened.extend(logged.flat_map(|record| self.of_user(user, record)));
        }
        happened
    }

    /// Returns what a control record tells: kind, about whom, and what.
    fn told(
        &self,
        by: UserId,
        hash: RecordHash,
        said: &Said,
        roll: &mut Roll,
    ) -> Option<(NoticeKind, Option<UserId>, Option<String>)> {
        let grants = self.authority.last_ruling().grants();
        let change = |user: UserId, change: Option<(NoticeKind, Option<Role>)>| {
            let (kind, role) = change?;
            Some((kind, Some(user), role.map(|role| people::role_name(role).to_owned())))
        };
        match said {
            Said::Genesis { title, .. } => {
                roll.change(by, |grants| grants.insert(hash, Role::Owner));
                Some((NoticeKind::Began, None, Some(title.clone())))
            }
            Said::Direct { .. } => {
                roll.change(by, |grants| grants.insert(hash, Role::Member));
                None
            }
            Said::Grant { role, .. } => {
                let grant = grants.get(&hash).filter(|grant| !matches!(grant.standing, Standing::Void(_)))?;
                change(grant.user, roll.change(grant.user, |grants| grants.insert(hash, *role)))
            }
            Said::Remove { grant, .. } => {
                let user = grants.get(grant)?.user;
                change(user, roll.change(user, |grants| grants.remove(grant)))
            }
            Said::Leave { .. } => {
                roll.change(by, BTreeMap::clear)?;
                Some((NoticeKind::Left, Some(by), None))
            }
            Said::HandOver { to } => {
                roll.change(by, |grants| grants.values_mut().for_each(|role| *role = Role::Member));
                change(*to, roll.change(*to, |grants| grants.insert(hash, Role::Owner)))
            }
            Said::Set(setting) => {
                let (kind, what) = match setting {
                    Setting::Title(title) => (NoticeKind::Title, title.clone()),
                    Setting::Topic(topic) => (NoticeKind::Topic, topic.clone()),
                    Setting::History(history) => (NoticeKind::History, people::history(*history).to_owned()),
                    Setting::Disappear(seconds) => (NoticeKind::Disappear, seconds.to_string()),
                    Setting::Mailboxes(nodes) => {
                        let nodes: Vec<&str> = nodes.iter().map(|node| node.0.as_str()).collect();
                        (NoticeKind::Mailboxes, nodes.join(" "))
                    }
                };
                Some((kind, None, Some(what)))
            }
            _ => None,
        }
    }

    /// Returns what a record of a user's log tells, that was made after they came in.
    fn of_user(&self, user: UserId, record: &UserRecord) -> Vec<Happening> {
        let Some(devices) = self.authority.last_ruling().devices(&user) else { return vec![] };
        let (source, at) = (record.hash().0, record.at().0);
        let told = |kind, what: String| Happening {
            source,
            id: source,
            at,
            by: user,
            kind,
            who: Some(user),
            what: Some(what),
        };
        let is_known = |device: &DeviceId| devices.status(device).is_some();
        match record.said() {
            UserSaid::DeviceCert { device, .. } if is_known(device) => {
                vec![told(NoticeKind::DeviceAdded, device.to_string())]
            }
            UserSaid::DeviceRevoke { device } if is_known(device) => {
                vec![told(NoticeKind::DeviceRetired, device.to_string())]
            }
            UserSaid::RootMove { to, .. } if devices.moved() == Some(*to) => {
                vec![told(NoticeKind::KeyChanged, to.to_string())]
            }
            UserSaid::DeviceSet { n, devices: listed } => {
                let listed: BTreeSet<DeviceId> = listed.iter().map(|(device, _)| *device).collect();
                let changes = self.changes_of_set(user, *n, &listed, devices).into_iter();
                let one = |(kind, device): (NoticeKind, DeviceId)| Happening {
                    id: crypto::hash("bayou/1/notice", &[&source, device.as_bytes()]),
                    ..told(kind, device.to_string())
                };
                changes.map(one).collect()
            }
            _ => vec![],
        }
    }

    /// Returns which devices a set of the root brought, and which it retired: no other record tells of them.
    fn changes_of_set(
        &self,
        user: UserId,
        number: u32,
        listed: &BTreeSet<DeviceId>,
        devices: &Devices,
    ) -> Vec<(NoticeKind, DeviceId)> {
        let (mut before, mut revoked) = (BTreeSet::new(), BTreeSet::new());
        let mut is_last = true;
        for record in self.authority.user_records(&user) {
            match record.said() {
                UserSaid::DeviceCert { device, .. } => drop(before.insert(*device)),
                UserSaid::DeviceRevoke { device } => drop(revoked.insert(*device)),
                UserSaid::DeviceSet { n, devices } => {
                    before.extend(devices.iter().map(|(device, _)| *device).filter(|_| *n < number));
                    is_last &= *n <= number;
                }
                _ => {}
            }
        }
        let known = |device: &&DeviceId| devices.status(device).is_some();
        let added = listed.difference(&before).filter(known);
        let is_retired = |device: &&DeviceId| devices.status(device) == Some(DeviceStatus::Revoked);
        let retired = before.difference(&revoked).filter(is_retired).filter(|_| is_last);
        let added = added.map(|device| (NoticeKind::DeviceAdded, *device));
        added.chain(retired.map(|device| (NoticeKind::DeviceRetired, *device))).collect()
    }

    /// Returns the forks that were found, each at the last message that stays of its chain.
    fn disputes(&self, view: &dyn View) -> Result<Vec<Happening>, StoreError> {
        let (from, to) = keys::all(keys::Part::Disputes, self.number);
        let marks = view.scan(&from, &to, MAX_NOTICES as usize, false)?;
        let disputes = marks.iter().filter_map(|(key, value)| {
            let (segment, actor): (u32, ActorId) = (keys::segment(key)?, keys::actor(key)?);
            let (at, source): (u64, [u8; 32]) = postcard::from_bytes(value).ok()?;
            self.dispute(segment, &actor, at, source)
        });
        Ok(disputes.collect())
    }

    fn dispute(&self, segment: u32, actor: &ActorId, at: u64, source: [u8; 32]) -> Option<Happening> {
        let author = self.authors.get(&(segment, *actor))?;
        let by = self.authority.last_ruling().grants().get(&author.grant)?.given_to;
        let what = Some(author.device.to_string());
        Some(Happening { source, id: source, at, by, kind: NoticeKind::Disputed, who: Some(by), what })
    }
}
