//! Everything that is held of a conversation's authority, and the questions that others ask of it.

use std::collections::{BTreeMap, BTreeSet};

use super::avatar::Avatar;
use super::cut::{Cut, Mark};
use super::devices::Devices;
use super::graph::Graph;
use super::pass::{Pass, resolve};
use super::ruling::{Ruling, Void};
use super::signed::{MAX_PARENTS, Record};
use super::user::UserRecord;
use super::user_log::UserLog;
use super::verdict::{self, ChainOf, Reach, Verdict};
use crate::crypto;
use crate::id::{ConversationId, CutHash, DeviceId, RecordHash, UserId};

/// The most users whose logs are held. A local bound: what is dropped can be asked for again.
pub const MAX_USERS: usize = 8192;

/// The most cuts that are held beside those that bound a chain: a cut may come before the records by which it does. A local
/// bound: what is dropped can be asked for again.
const MAX_LOOSE_CUTS: usize = 64;

/// Something that is named and not held: ask others for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missing {
    /// A control record.
    Record(RecordHash),
    /// A record of a user's log.
    UserRecord(UserId, RecordHash),
    /// The log of a user of whom no device that signed a record is certified.
    UserLog(UserId),
    /// A cut.
    Cut(CutHash),
}

/// All that is held: control records, the logs of users, and cuts. It only grows, and what follows from it does not
/// depend on the order in which it grew.
#[derive(Debug, Clone)]
pub struct Authority {
    conversation: ConversationId,
    graph: Graph,
    logs: BTreeMap<UserId, UserLog>,
    /// Users whose logs grew since the ruling was made.
    grown: BTreeSet<UserId>,
    cuts: BTreeMap<CutHash, Cut>,
    /// The pictures that the users' present profiles name, as far as they are here.
    avatars: BTreeMap<[u8; 32], Avatar>,
    ruling: Ruling,
    /// The cuts that bound a chain by that ruling. Those of records that do not count are nobody's concern: anyone could
    /// bring any number of them.
    bounding: BTreeSet<CutHash>,
    /// Whether something was added since the ruling was made.
    stale: bool,
    /// Whether records were forgotten since that was asked.
    has_forgotten: bool,
}

impl Authority {
    /// Begins with nothing.
    pub fn new(conversation: ConversationId) -> Self {
        Authority {
            conversation,
            graph: Graph::default(),
            logs: BTreeMap::new(),
            grown: BTreeSet::new(),
            cuts: BTreeMap::new(),
            avatars: BTreeMap::new(),
            ruling: Ruling::default(),
            bounding: BTreeSet::new(),
            stale: false,
            has_forgotten: false,
        }
    }

    /// Returns the conversation.
    pub fn conversation(&self) -> ConversationId {
        self.conversation
    }

    /// Adds a control record; returns whether it was new. One whose parents are not here yet waits for them.
    pub fn insert(&mut self, record: Record) -> bool {
        if record.conversation() != self.conversation || self.graph.contains(&record.hash()) {
            return false;
        }
        let hash = record.hash();
        let users = &self.ruling.users;
        let is_certified = |user: &UserId, device: &DeviceId| certified(users, user, device);
        self.stale |= self.graph.insert(record, is_certified) > 0;
        self.graph.contains(&hash)
    }

    /// Adds a record of a user's log; returns whether it was new.
    pub fn insert_user(&mut self, record: UserRecord) -> bool {
        let user = record.user();
        if !self.logs.contains_key(&user) && self.logs.len() >= MAX_USERS {
            return false;
        }
        let new = self.logs.entry(user).or_default().insert(record);
        if new {
            self.grown.insert(user);
        }
        new
    }

    /// Adds the bytes behind the name of a cut; returns whether they were new and are held.
    pub fn insert_cut(&mut self, cut: Cut) -> bool {
        self.ruling();
        let hash = cut.hash();
        let loose = || self.cuts.keys().filter(|held| !self.bounding.contains(held)).count();
        if self.cuts.contains_key(&hash) || (!self.bounding.contains(&hash) && loose() >= MAX_LOOSE_CUTS) {
            return false;
        }
        self.cuts.insert(hash, cut);
        true
    }

    /// Adds a picture that a profile names; returns whether it was new. Nobody's concern is one that none names.
    pub fn insert_avatar(&mut self, avatar: Avatar) -> bool {
        self.ruling();
        let is_named = self.ruling.users.values().any(|user| user.avatar() == Some(avatar.hash()));
        is_named && self.avatars.insert(avatar.hash(), avatar).is_none()
    }

    /// Returns what follows from all that is held. Costs a pass over all grants after something was added.
    pub fn ruling(&mut self) -> &Ruling {
        let grown = std::mem::take(&mut self.grown);
        let may_show_otherwise = !grown.is_empty() && !self.avatars.is_empty();
        for user in grown {
            let Some(devices) = self.logs.get(&user).map(UserLog::devices) else { continue };
            self.stale |= self.ruling.users.get(&user) != Some(&devices);
            self.ruling.users.insert(user, devices);
        }
        if may_show_otherwise {
            let named: BTreeSet<[u8; 32]> = self.ruling.users.values().filter_map(Devices::avatar).collect();
            self.avatars.retain(|hash, _| named.contains(hash));
        }
        if self.stale {
            self.has_forgotten |= self.graph.shed();
            let users = std::mem::take(&mut self.ruling.users);
            let sum = Ruling::sum(&self.graph, &users, &Pass::run(&self.graph, &users));
            self.ruling = Ruling { users, ..sum };
            self.bounding = self.ruling.cuts().collect();
            self.stale = false;
        }
        &self.ruling
    }

    /// Forgets what devices that nobody certified said beyond [`MAX_STRANGE`](super::MAX_STRANGE) records. To be called when
    /// all logs were added that came with them.
    pub fn shed_strange(&mut self) {
        self.ruling();
        let users = &self.ruling.users;
        if self.graph.shed_strange(|user, device| certified(users, user, device)) {
            (self.has_forgotten, self.stale) = (true, true);
            self.ruling();
        }
    }

    /// Tells whether records were forgotten, since this was asked, because their authors say too much. They may be wanted
    /// again.
    pub fn has_forgotten(&mut self) -> bool {
        std::mem::take(&mut self.has_forgotten)
    }

    /// Returns what followed when [`Authority::ruling`] was last asked.
    pub fn last_ruling(&self) -> &Ruling {
        &self.ruling
    }

    /// Judges a change of a chain.
    pub fn judge(&mut self, chain: &ChainOf, change: Mark) -> Verdict {
        self.ruling();
        verdict::judge(&self.ruling, &self.cuts, chain, change)
    }

    /// Tells whether an invite lets somebody in only if an admin says so: they were removed, and it is older than that.
    pub fn shuts_out(&self, user: &UserId, invite: &RecordHash) -> bool {
        let removals = self.ruling.put_out.get(&resolve(&self.ruling.users, *user)).into_iter().flatten();
        let Some(invite) = self.graph.find(invite) else { return false };
        removals.filter_map(|by| self.graph.find(by)).any(|by| !self.graph.knows_of(invite, by))
    }

    /// Returns how far a chain counts: where a rebuild ends, and which branch of a fork is kept.
    pub fn reach(&mut self, chain: &ChainOf) -> Reach {
        self.ruling();
        verdict::reach(&self.ruling, &self.cuts, chain)
    }

    /// Returns what a new record names as its parents: the records that nobody has followed up, those that count and
    /// the newest first, at most [`MAX_PARENTS`].
    pub fn heads(&mut self) -> Vec<RecordHash> {
        self.ruling();
        let ends = self.graph.ends().filter_map(|at| self.graph.node(at));
        let mut heads: Vec<_> = ends
            .map(|node| {
                let hash = node.record.hash();
                (self.ruling.void.contains_key(&hash), std::cmp::Reverse(node.generation), hash)
            })
            .collect();
        heads.sort_unstable();
        heads.into_iter().take(MAX_PARENTS).map(|(.., hash)| hash).collect()
    }

    /// Returns what a new record of a user's log names as its parents.
    pub fn user_heads(&self, user: &UserId) -> Vec<RecordHash> {
        self.logs.get(user).map(UserLog::heads).unwrap_or_default()
    }

    /// Returns what is named and not held, in order.
    pub fn missing(&mut self) -> BTreeSet<Missing> {
        self.ruling();
        let records = self.graph.missing().map(Missing::Record);
        let logs = self.logs.iter().flat_map(|(user, log)| log.missing().map(|hash| Missing::UserRecord(*user, hash)));
        let unknown = self.ruling.void.iter().filter(|(_, void)| **void == Void::DeviceUnknown);
        let authors = unknown.filter_map(|(hash, _)| self.graph.node(self.graph.find(hash)?));
        let users = authors.map(|node| Missing::UserLog(node.record.user()));
        let cuts = self.bounding.iter().filter(|hash| !self.cuts.contains_key(hash)).copied().map(Missing::Cut);
        records.chain(logs).chain(users).chain(cuts).collect()
    }

    /// Returns a digest of the set, as the last ruling saw it: equal exactly if two peers hold the same records and logs in
    /// their place, and the same of the cuts that bound a chain and of the pictures that profiles name.
    pub fn digest(&self) -> [u8; 32] {
        let logs = self.logs.values().flat_map(|log| log.records().into_keys());
        let hashes: Vec<RecordHash> = self.graph.placed().copied().chain(logs).collect();
        let cuts = self.cuts.keys().filter(|hash| self.bounding.contains(hash)).map(CutHash::as_bytes);
        let avatars = self.avatars.keys().map(<[u8; 32]>::as_slice);
        let parts: Vec<&[u8]> = hashes.iter().map(RecordHash::as_bytes).chain(cuts).chain(avatars).collect();
        crypto::hash("bayou/1/authority set", &parts)
    }

    /// Returns all control records that are in their place, each after all that it has seen: by generation, then by hash.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.graph.ordered().map(|(_, node)| &node.record)
    }

    /// Returns a control record that is in its place.
    pub fn record(&self, hash: &RecordHash) -> Option<&Record> {
        Some(&self.graph.node(self.graph.find(hash)?)?.record)
    }

    /// Returns the records of a user's log, in order of hash.
    pub fn user_records(&self, user: &UserId) -> impl Iterator<Item = &UserRecord> {
        self.logs.get(user).into_iter().flat_map(|log| log.records().into_values())
    }

    /// Returns the users of whose logs anything is held.
    pub fn users(&self) -> impl Iterator<Item = &UserId> {
        self.logs.keys()
    }

    /// Tells whether the cut bounds a chain, by the last ruling.
    pub(super) fn is_bound_by(&self, cut: &CutHash) -> bool {
        self.bounding.contains(cut)
    }

    /// Returns a cut that is held.
    pub fn cut(&self, hash: &CutHash) -> Option<&Cut> {
        self.cuts.get(hash)
    }

    /// Returns a picture that is held.
    pub fn avatar(&self, hash: &[u8; 32]) -> Option<&Avatar> {
        self.avatars.get(hash)
    }

    /// Returns the pictures that are held, in order of hash.
    pub fn avatars(&self) -> impl Iterator<Item = &Avatar> {
        self.avatars.values()
    }

    /// Returns the cuts that are held, in order of hash.
    pub fn cuts(&self) -> impl Iterator<Item = &Cut> {
        self.cuts.values()
    }
}

/// Tells whether a user's log certified a device, whatever became of it.
fn certified(users: &BTreeMap<UserId, Devices>, user: &UserId, device: &DeviceId) -> bool {
    users.get(user).is_some_and(|devices| devices.status(device).is_some())
}
