//! What is held of one user's log.
//!
//! Certificates, revocations, sets and moves form a small graph that only grows; prekeys and profiles are registers, of
//! which only the newest of each signer is held. When more than [`MAX_LOG`] records form the graph, those with the
//! smallest (generation, hash) are held. No record is smaller than one that it has seen, so what is held stays whole,
//! and is the same on every peer.

use std::collections::{BTreeMap, BTreeSet};

use super::devices::Devices;
use super::signed::MAX_PARENTS;
use super::user::{UserRecord, UserSaid};
use crate::id::{DeviceId, RecordHash};

/// The most records that form the graph of one log.
pub const MAX_LOG: usize = 256;

/// The most records that wait for what they have seen. A local bound: what is dropped can be asked for again.
const MAX_EARLY: usize = 64;

/// A record in its place in the graph.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) record: UserRecord,
    /// The longest way to a record without parents.
    pub(super) generation: u32,
    /// One bit for each entry that it has seen.
    past: Vec<u64>,
}

impl Entry {
    /// Tells whether it has seen the entry at `index`.
    pub(super) fn has_seen(&self, index: usize) -> bool {
        self.past.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }
}

/// What is held of one user's log.
#[derive(Debug, Clone, Default)]
pub(super) struct UserLog {
    entries: Vec<Entry>,
    index: BTreeMap<RecordHash, usize>,
    prekeys: BTreeMap<DeviceId, UserRecord>,
    /// By signer; `None`: the root.
    profiles: BTreeMap<Option<DeviceId>, UserRecord>,
    early: BTreeMap<RecordHash, UserRecord>,
}

impl UserLog {
    /// Adds a record; returns whether it is now held and was not before. What comes early waits.
    pub(super) fn insert(&mut self, record: UserRecord) -> bool {
        if self.index.contains_key(&record.hash()) || self.early.contains_key(&record.hash()) {
            return false;
        }
        let hash = record.hash();
        if !self.place(record) {
            return self.early.contains_key(&hash);
        }
        // What waited may have waited for this.
        let mut again = true;
        while again {
            again = false;
            for (_, record) in std::mem::take(&mut self.early) {
                again |= self.place(record);
            }
        }
        if self.entries.len() > MAX_LOG {
            self.shrink();
        }
        true
    }

    /// Puts a record in its place, or among the early; returns whether it found its place.
    fn place(&mut self, record: UserRecord) -> bool {
        match record.said() {
            UserSaid::Prekey(_) | UserSaid::Profile { .. } => self.register(record),
            _ => {
                let known: Option<Vec<usize>> = record.parents().iter().map(|p| self.index.get(p).copied()).collect();
                let Some(parents) = known else { return self.wait(record) };
                let mut entry = Entry { record, generation: 0, past: vec![0; self.entries.len() / 64 + 1] };
                for (parent, index) in parents.iter().filter_map(|index| Some((self.entries.get(*index)?, *index))) {
                    entry.generation = entry.generation.max(parent.generation + 1);
                    entry.past.iter_mut().zip(&parent.past).for_each(|(word, seen)| *word |= seen);
                    entry.past.get_mut(index / 64).into_iter().for_each(|word| *word |= 1 << (index % 64));
                }
                self.index.insert(entry.record.hash(), self.entries.len());
                self.entries.push(entry);
                true
            }
        }
    }

    /// Keeps a prekey or profile if it is newer than the one held. One of an unknown device waits for its certificate.
    fn register(&mut self, record: UserRecord) -> bool {
        let signer = record.device();
        if signer.is_some_and(|device| !self.certified(&device)) {
            return self.wait(record);
        }
        let age = |record: &UserRecord| match record.said() {
            UserSaid::Prekey(prekey) => (u64::from(prekey.n), record.hash()),
            _ => (record.at().0, record.hash()),
        };
        let held = match (record.said(), signer) {
            (UserSaid::Prekey(_), Some(device)) => self.prekeys.get(&device),
            _ => self.profiles.get(&signer),
        };
        if held.is_some_and(|held| age(held) >= age(&record)) {
            return false;
        }
        match (record.said(), signer) {
            (UserSaid::Prekey(_), Some(device)) => drop(self.prekeys.insert(device, record)),
            _ => drop(self.profiles.insert(signer, record)),
        }
        true
    }

    fn wait(&mut self, record: UserRecord) -> bool {
        if self.early.len() < MAX_EARLY {
            self.early.insert(record.hash(), record);
        }
        false
    }

    fn certified(&self, device: &DeviceId) -> bool {
        self.entries.iter().any(|entry| match entry.record.said() {
            UserSaid::DeviceCert { device: certified, .. } => certified == device,
            UserSaid::DeviceSet { devices, .. } => devices.iter().any(|(listed, _)| listed == device),
            _ => false,
        })
    }

    /// Gives up what is beyond the limit.
    fn shrink(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_by_key(|entry| (entry.generation, entry.record.hash()));
        entries.truncate(MAX_LOG);
        self.index.clear();
        for entry in entries {
            self.place(entry.record);
        }
        let (prekeys, profiles) = (std::mem::take(&mut self.prekeys), std::mem::take(&mut self.profiles));
        for record in prekeys.into_values().chain(profiles.into_values()) {
            self.register(record);
        }
    }

    /// Returns every record that is held and in its place, in order of hash.
    pub(super) fn records(&self) -> BTreeMap<RecordHash, &UserRecord> {
        let graph = self.entries.iter().map(|entry| &entry.record);
        graph.chain(self.prekeys.values()).chain(self.profiles.values()).map(|record| (record.hash(), record)).collect()
    }

    /// Returns the records that no other has seen: the parents of the next one.
    pub(super) fn heads(&self) -> Vec<RecordHash> {
        let seen: BTreeSet<RecordHash> =
            self.entries.iter().flat_map(|entry| entry.record.parents()).copied().collect();
        let mut heads: Vec<&Entry> = self.entries.iter().filter(|e| !seen.contains(&e.record.hash())).collect();
        heads.sort_by_key(|entry| (std::cmp::Reverse(entry.generation), entry.record.hash()));
        heads.iter().take(MAX_PARENTS).map(|entry| entry.record.hash()).collect()
    }

    /// Returns the records that others have seen and that are not held.
    pub(super) fn missing(&self) -> impl Iterator<Item = RecordHash> {
        let named = self.early.values().flat_map(|record| record.parents());
        named.filter(|hash| !self.index.contains_key(hash) && !self.early.contains_key(hash)).copied()
    }

    /// Evaluates the log.
    pub(super) fn devices(&self) -> Devices {
        Devices::judge(&self.entries, &self.prekeys, &self.profiles)
    }
}
