//! The members of a conversation: what follows from the set of its control records.

use std::collections::BTreeMap;

use super::{Control, ControlRecord};
use crate::crypto;
use crate::id::{DeviceId, RecordHash};
use crate::time::Timestamp;

/// A member as others see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What they call themselves. Not unique.
    pub name: String,
    /// When they joined or took this name, by their own clock.
    pub since: Timestamp,
}

/// The set of a conversation's control records, and what follows from it.
#[derive(Debug, Clone, Default)]
pub struct Members {
    records: BTreeMap<RecordHash, ControlRecord>,
    title: Option<String>,
    by_device: BTreeMap<DeviceId, (RecordHash, Member)>,
}

impl Members {
    /// Adds a record; returns whether it was new. The result does not depend on the order of additions.
    pub fn insert(&mut self, record: ControlRecord) -> bool {
        if self.records.contains_key(&record.hash()) {
            return false;
        }
        let (name, since) = match record.said() {
            Control::Genesis { title, name, at, .. } => {
                self.title = Some(title.clone());
                (name, *at)
            }
            Control::Join { name, at } => (name, *at),
        };
        let newer = match self.by_device.get(&record.author()) {
            Some((hash, member)) => (since, record.hash()) > (member.since, *hash),
            None => true,
        };
        if newer {
            self.by_device.insert(record.author(), (record.hash(), Member { name: name.clone(), since }));
        }
        self.records.insert(record.hash(), record);
        true
    }

    /// Tells whether the device is a member.
    pub fn contains(&self, device: &DeviceId) -> bool {
        self.by_device.contains_key(device)
    }

    /// Returns the member that a device belongs to.
    pub fn get(&self, device: &DeviceId) -> Option<&Member> {
        self.by_device.get(device).map(|(_, member)| member)
    }

    /// Returns all members, in order of device.
    pub fn iter(&self) -> impl Iterator<Item = (&DeviceId, &Member)> {
        self.by_device.iter().map(|(device, (_, member))| (device, member))
    }

    /// Returns how many members there are.
    pub fn len(&self) -> usize {
        self.by_device.len()
    }

    /// Tells whether no record is known yet.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns the title, once the genesis record is known.
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// Returns all records, in order of hash.
    pub fn records(&self) -> impl Iterator<Item = &ControlRecord> {
        self.records.values()
    }

    /// Returns a digest of the set: equal exactly if two peers hold the same records.
    pub fn digest(&self) -> [u8; 32] {
        let hashes: Vec<&[u8]> = self.records.keys().map(RecordHash::as_bytes).collect();
        crypto::hash("bayou/1/control set", &hashes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::ControlError;
    use crate::crypto::DeviceKey;
    use crate::id::ConversationId;

    fn genesis(key: &DeviceKey) -> ControlRecord {
        let said = Control::Genesis { title: "t".into(), name: "alice".into(), salt: [7; 16], at: Timestamp(1) };
        ControlRecord::genesis(said, key)
    }

    #[test]
    fn the_set_says_the_same_in_any_order() {
        let (alice, bob) = (DeviceKey::from_seed(&[1; 32]), DeviceKey::from_seed(&[2; 32]));
        let first = genesis(&alice);
        let conversation = first.conversation();
        let join = |name: &str, at| {
            ControlRecord::sign(Control::Join { name: name.into(), at: Timestamp(at) }, conversation, &bob)
        };
        let records = [first, join("bob", 5), join("robert", 9)];
        let (mut forwards, mut backwards) = (Members::default(), Members::default());
        records.iter().for_each(|r| assert!(forwards.insert(r.clone())));
        records.iter().rev().for_each(|r| assert!(backwards.insert(r.clone())));
        assert!(!forwards.insert(records[0].clone()));
        assert_eq!(forwards.digest(), backwards.digest());
        for members in [forwards, backwards] {
            assert_eq!(members.title(), Some("t"));
            assert_eq!(members.get(&bob.device()).unwrap().name, "robert");
            assert_eq!(members.len(), 2);
        }
    }

    #[test]
    fn a_record_is_bound_to_its_author_its_conversation_and_its_bytes() {
        let key = DeviceKey::from_seed(&[1; 32]);
        let record = genesis(&key);
        let conversation = record.conversation();
        assert_eq!(ControlRecord::open(record.bytes(), conversation), Ok(record.clone()));
        assert_eq!(ControlRecord::open(record.bytes(), ConversationId([9; 32])), Err(ControlError::Foreign));
        let join = ControlRecord::sign(Control::Join { name: "a".into(), at: Timestamp(1) }, conversation, &key);
        assert_eq!(ControlRecord::open(join.bytes(), ConversationId([9; 32])), Err(ControlError::Signature));
        for at in 0..record.bytes().len() {
            let mut flipped = record.bytes().to_vec();
            flipped[at] ^= 1;
            assert!(ControlRecord::open(&flipped, conversation).is_err(), "byte {at}");
        }
    }
}
