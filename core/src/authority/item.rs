//! What a conversation's authority rests on, as it is kept and as it travels: control records, records of users' logs,
//! cuts and avatars, each as bytes that name themselves.
//!
//! ```text
//! item = kind u8 ‖ bytes        0 control record   1 record of a user's log   2 cut   3 avatar
//! name = first 8 bytes of the item's hash
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::avatar::Avatar;
use super::cut::Cut;
use super::error::ControlError;
use super::pass::resolve;
use super::set::Authority;
use super::signed::Record;
use super::user::UserRecord;
use crate::id::{ConversationId, UserId};

/// Abbreviates an item: enough to say what one has. Who makes two items with one name hides the second of them.
pub type ItemName = [u8; 8];

/// One thing that authority rests on. Its signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A control record.
    Record(Record),
    /// A record of a user's log.
    User(UserRecord),
    /// A cut.
    Cut(Cut),
    /// A picture.
    Avatar(Avatar),
}

impl Item {
    /// Reads and checks an item of `conversation`.
    ///
    /// # Errors
    /// When the bytes are none, a signature is wrong, or it belongs to another conversation.
    pub fn open(bytes: &[u8], conversation: ConversationId) -> Result<Self, ControlError> {
        match bytes.split_first() {
            Some((0, bytes)) => Record::open(bytes, conversation).map(Item::Record),
            Some((1, bytes)) => UserRecord::open(bytes).map(Item::User),
            Some((2, bytes)) => Cut::open(bytes).map(Item::Cut),
            Some((3, bytes)) => Avatar::open(bytes).map(Item::Avatar),
            _ => Err(ControlError::Malformed),
        }
    }

    /// Returns the name of the item that the bytes would be, without checking them.
    pub fn name_of(bytes: &[u8]) -> Option<ItemName> {
        let hash = match bytes.split_first()? {
            (0, bytes) => Record::hash_of(bytes).0,
            (1, bytes) => UserRecord::hash_of(bytes).0,
            (2, bytes) => Cut::hash_of(bytes).0,
            (3, bytes) => Avatar::hash_of(bytes),
            _ => return None,
        };
        Some(abbreviate(&hash))
    }

    /// Writes the item.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Item::Record(record) => [&[0], record.bytes()].concat(),
            Item::User(record) => [&[1], record.bytes()].concat(),
            Item::Cut(cut) => [&[2], cut.to_bytes().as_slice()].concat(),
            Item::Avatar(avatar) => [&[3], avatar.bytes()].concat(),
        }
    }

    /// Returns its name.
    pub fn name(&self) -> ItemName {
        match self {
            Item::Record(record) => abbreviate(&record.hash().0),
            Item::User(record) => abbreviate(&record.hash().0),
            Item::Cut(cut) => abbreviate(&cut.hash().0),
            Item::Avatar(avatar) => abbreviate(&avatar.hash()),
        }
    }
}

/// Returns the name of the item with a hash.
pub fn abbreviate(hash: &[u8; 32]) -> ItemName {
    let [name @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *hash;
    name
}

impl Authority {
    /// Adds an item; returns whether it was new.
    pub fn add(&mut self, item: Item) -> bool {
        match item {
            Item::Record(record) => self.insert(record),
            Item::User(record) => self.insert_user(record),
            Item::Cut(cut) => self.insert_cut(cut),
            Item::Avatar(avatar) => self.insert_avatar(avatar),
        }
    }

    /// Returns the items in their place whose names are not among some: control records, logs, cuts that bound a chain,
    /// then pictures.
    pub fn items_beyond(&self, known: &BTreeSet<ItemName>) -> Vec<Item> {
        let unknown = |hash: &[u8; 32]| !known.contains(&abbreviate(hash));
        let records = self.records().filter(|record| unknown(&record.hash().0)).cloned().map(Item::Record);
        let logs = self.users().flat_map(|user| self.user_records(user));
        let logs = logs.filter(|record| unknown(&record.hash().0)).cloned().map(Item::User);
        let cuts =
            self.cuts().filter(|cut| self.is_bound_by(&cut.hash()) && unknown(&cut.hash().0)).cloned().map(Item::Cut);
        let avatars = self.avatars().filter(|avatar| unknown(&avatar.hash())).cloned().map(Item::Avatar);
        records.chain(logs).chain(cuts).chain(avatars).collect()
    }

    /// Returns what shows that a user is in, or out: the records on which their grants rest and those that ended them,
    /// with the logs of those who signed them and the cuts that they name.
    pub fn credentials(&mut self, user: &UserId) -> Vec<Item> {
        let ruling = self.ruling();
        let now = resolve(&ruling.users, *user);
        let grants: Vec<_> = ruling.grants().iter().filter(|(_, grant)| grant.user == now).collect();
        // Whoever moved to another root shows by the log of each that they did.
        let mut users: BTreeSet<UserId> = grants.iter().map(|(_, grant)| grant.given_to).chain([*user, now]).collect();
        let mut open: Vec<_> = grants.iter().flat_map(|(hash, grant)| grant.standing.ends().chain([**hash])).collect();
        let mut records = BTreeMap::new();
        while let Some(hash) = open.pop() {
            if records.contains_key(&hash) {
                continue;
            }
            if let Some(record) = self.record(&hash) {
                open.extend(record.sees());
                users.insert(record.user());
                records.insert(hash, record.clone());
            }
        }
        let logs = users.iter().flat_map(|user| self.user_records(user)).cloned().map(Item::User);
        let cuts = records.values().filter_map(|record| self.cut(&record.said().cut()?)).cloned().map(Item::Cut);
        let cuts: Vec<Item> = cuts.collect();
        records.into_values().map(Item::Record).chain(logs).chain(cuts).collect()
    }
}
