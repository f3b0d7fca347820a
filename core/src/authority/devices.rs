//! Which devices are a user's: a pure function of the user's log.
//!
//! The root certifies devices, and a device that may enrol certifies further ones, at most [`MAX_DEPTH`] steps from the
//! root. The root may revoke any device, a device those at its own depth and below, and itself. So it is one walk from
//! the root down, depth by depth, under two rules:
//!
//! * What a revoked device said counts if each revocation of it has seen it.
//! * Devices at one depth that revoke each other are both suspended: nobody can tell which of them was stolen. The root
//!   decides, with a set.
//!
//! A [`UserSaid::DeviceSet`] begins anew: from then on only what has seen it counts, and revocations by the root. The
//! highest number holds; of two sets with one number, the devices that both list.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::user::{MAX_DEVICES, Prekey, UserRecord, UserSaid};
use super::user_log::Entry;
use crate::id::{DeviceId, RecordHash, UserId};
use crate::time::Timestamp;

/// How many certificates may stand between the root and a device.
pub const MAX_DEPTH: u32 = 3;

/// What a user's log says of a device that it certified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceStatus {
    /// It is the user's.
    Valid,
    /// It and another revoked each other; the root must decide.
    Suspended,
    /// It was revoked, or left out of a set.
    Revoked,
    /// The user has more than [`MAX_DEVICES`]; others come first.
    Surplus,
    /// The user is another root now.
    Moved,
}

/// What follows from a user's log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Devices {
    status: BTreeMap<DeviceId, DeviceStatus>,
    prekeys: BTreeMap<DeviceId, Prekey>,
    moved: Option<UserId>,
    profile: Option<(Timestamp, RecordHash)>,
    name: Option<String>,
    status_text: String,
    avatar: Option<[u8; 32]>,
}

impl Devices {
    /// Returns what is said of a device; `None` if nobody who may has certified it.
    pub fn status(&self, device: &DeviceId) -> Option<DeviceStatus> {
        self.status.get(device).copied()
    }

    /// Returns everything that is said of devices, in order.
    pub fn all(&self) -> impl Iterator<Item = (DeviceId, DeviceStatus)> {
        self.status.iter().map(|(device, status)| (*device, *status))
    }

    /// Tells whether any device is not valid.
    pub(super) fn is_any_retired(&self) -> bool {
        self.status.values().any(|status| *status != DeviceStatus::Valid)
    }

    /// Returns the devices that are valid, in order, with the newest prekey of each.
    pub fn valid(&self) -> impl Iterator<Item = (DeviceId, Option<&Prekey>)> {
        let valid = self.status.iter().filter(|(_, status)| **status == DeviceStatus::Valid);
        valid.map(|(device, _)| (*device, self.prekeys.get(device)))
    }

    /// Returns the root that the user moved to.
    pub fn moved(&self) -> Option<UserId> {
        self.moved
    }

    /// Returns the record with the user's profile, and when it was written, by its signer's clock.
    pub fn profile(&self) -> Option<(Timestamp, RecordHash)> {
        self.profile
    }

    /// Returns what the user says that they are up to.
    pub fn status_text(&self) -> &str {
        &self.status_text
    }

    /// Returns the name of the user's picture.
    pub fn avatar(&self) -> Option<[u8; 32]> {
        self.avatar
    }

    /// Returns what the user calls themselves. Not unique.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(super) fn judge(
        entries: &[Entry],
        prekeys: &BTreeMap<DeviceId, UserRecord>,
        profiles: &BTreeMap<Option<DeviceId>, UserRecord>,
    ) -> Self {
        let walk = Walk::run(entries, vec![true; entries.len()]);
        let moves = entries.iter().filter_map(|entry| match entry.record.said() {
            UserSaid::RootMove { to, .. } => Some((entry.generation, entry.record.hash(), *to)),
            _ => None,
        });
        let mut judged = Devices { moved: moves.min().map(|(.., to)| to), ..Devices::default() };
        judged.status = walk.status(judged.moved.is_some());
        let valid: Vec<DeviceId> = judged.valid().map(|(device, _)| device).collect();
        for device in &valid {
            let certified = entries.iter().filter_map(|entry| match entry.record.said() {
                UserSaid::DeviceCert { device: of, prekey, .. } if of == device => prekey.clone(),
                _ => None,
            });
            let renewed = prekeys.get(device).and_then(|record| match record.said() {
                UserSaid::Prekey(prekey) => Some(prekey.clone()),
                _ => None,
            });
            if let Some(newest) = renewed.into_iter().chain(certified).max_by(|a, b| (a.n, &a.key).cmp(&(b.n, &b.key)))
            {
                judged.prekeys.insert(*device, newest);
            }
        }
        let speaks = |signer: &Option<DeviceId>| signer.is_none_or(|d| judged.status(&d) == Some(DeviceStatus::Valid));
        let spoken = profiles.iter().filter(|(signer, _)| speaks(signer)).map(|(_, record)| record);
        if let Some(newest) = spoken.max_by_key(|record| (record.at(), record.hash())) {
            judged.profile = Some((newest.at(), newest.hash()));
            if let UserSaid::Profile { name, avatar, status } = newest.said() {
                judged.name = Some(name.clone());
                judged.status_text.clone_from(status);
                judged.avatar = *avatar;
            }
        }
        judged
    }
}

/// Where a device stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    depth: u32,
    may_enrol: bool,
    /// Of devices at one depth the one that was certified first comes first.
    since: (u32, RecordHash),
}

/// The walk from the root down.
struct Walk<'a> {
    entries: &'a [Entry],
    /// Which of the entries are looked at.
    within: Vec<bool>,
    /// The sets with the highest number.
    sets: Vec<usize>,
    places: BTreeMap<DeviceId, Place>,
    /// The revocations of each device that count.
    revoked: BTreeMap<DeviceId, Vec<usize>>,
    suspended: BTreeSet<DeviceId>,
    /// Certified, but left out of the set that counts.
    left_out: BTreeSet<DeviceId>,
}

impl<'a> Walk<'a> {
    fn run(entries: &'a [Entry], within: Vec<bool>) -> Self {
        let set = |entry: &Entry| match entry.record.said() {
            UserSaid::DeviceSet { n, .. } => Some(*n),
            _ => None,
        };
        let numbered = || entries.iter().zip(&within).map(|(entry, within)| set(entry).filter(|_| *within)).enumerate();
        let highest = numbered().filter_map(|(_, n)| n).max();
        let sets: Vec<usize> = numbered().filter(|(_, n)| n.is_some() && *n == highest).map(|(at, _)| at).collect();
        let mut walk = Walk {
            entries,
            within,
            sets,
            places: BTreeMap::new(),
            revoked: BTreeMap::new(),
            suspended: BTreeSet::new(),
            left_out: BTreeSet::new(),
        };
        walk.begin();
        for depth in 1..=MAX_DEPTH {
            walk.revoke_from_above(depth);
            walk.revoke_among_equals(depth);
            walk.enrol(depth);
        }
        walk
    }

    /// Tells whether a record counts beside the set that counts.
    fn after_the_set(&self, index: usize) -> bool {
        let Some(entry) = self.entries.get(index) else { return false };
        let root_revokes =
            entry.record.device().is_none() && matches!(entry.record.said(), UserSaid::DeviceRevoke { .. });
        let seen_by_set = self.sets.iter().any(|set| self.entries.get(*set).is_some_and(|set| set.has_seen(index)));
        self.sets.is_empty() || self.sets.iter().any(|set| entry.has_seen(*set)) || (root_revokes && !seen_by_set)
    }

    /// Returns what is said by `signer` and counts beside the set.
    fn said_by(&self, signer: Option<DeviceId>) -> Vec<(usize, &'a UserSaid)> {
        let looked_at = self.entries.iter().zip(&self.within).enumerate().filter(|(_, (_, within))| **within);
        let said = looked_at.map(|(at, (entry, _))| (at, entry)).filter(|(_, entry)| entry.record.device() == signer);
        said.filter(|(index, _)| self.after_the_set(*index)).map(|(index, e)| (index, e.record.said())).collect()
    }

    /// Tells whether what a device said counts, given the revocations of it that are known.
    fn stands(&self, index: usize, device: &DeviceId) -> bool {
        let revocations = self.revoked.get(device).into_iter().flatten();
        revocations.copied().all(|by| by == index || self.entries.get(by).is_some_and(|by| by.has_seen(index)))
    }

    fn at(&self, depth: u32) -> Vec<DeviceId> {
        self.places.iter().filter(|(_, place)| place.depth == depth).map(|(device, _)| *device).collect()
    }

    fn certify(&mut self, device: DeviceId, depth: u32, may_enrol: bool, index: usize) {
        let Some(entry) = self.entries.get(index) else { return };
        let since = (entry.generation, entry.record.hash());
        let place = self.places.entry(device).or_insert(Place { depth, may_enrol, since });
        if place.depth == depth {
            *place = Place { depth, may_enrol: place.may_enrol || may_enrol, since: place.since.min(since) };
        }
    }

    /// What the root says: the set, certificates and revocations.
    fn begin(&mut self) {
        let listed: Vec<(usize, BTreeMap<DeviceId, bool>)> = self
            .sets
            .iter()
            .filter_map(|index| match self.entries.get(*index)?.record.said() {
                UserSaid::DeviceSet { devices, .. } => Some((*index, devices.iter().copied().collect())),
                _ => None,
            })
            .collect();
        for (index, list) in &listed {
            for device in list.keys() {
                let flags: Option<Vec<bool>> = listed.iter().map(|(_, other)| other.get(device).copied()).collect();
                match flags {
                    Some(flags) => self.certify(*device, 1, flags.iter().all(|may| *may), *index),
                    None => drop(self.left_out.insert(*device)),
                }
            }
        }
        for (index, said) in self.said_by(None) {
            match said {
                UserSaid::DeviceCert { device, may_enrol, .. } => self.certify(*device, 1, *may_enrol, index),
                UserSaid::DeviceRevoke { device } => self.revoked.entry(*device).or_default().push(index),
                _ => {}
            }
        }
        // Whoever was the user's before the set, as the set has seen it, and is not in it, was retired by it.
        if !self.sets.is_empty() {
            let sets: Vec<&Entry> = self.sets.iter().filter_map(|set| self.entries.get(*set)).collect();
            let before = |at: usize| sets.iter().any(|set| set.has_seen(at));
            let before = Walk::run(self.entries, (0..self.entries.len()).map(before).collect());
            self.left_out.extend(before.places.into_keys().chain(before.left_out));
        }
    }

    /// Returns the revocations that a device at its depth may say.
    fn revokes(&self, by: DeviceId) -> Vec<(usize, DeviceId)> {
        let Some(place) = self.places.get(&by) else { return Vec::new() };
        let targets = self.said_by(Some(by)).into_iter().filter_map(|(index, said)| match said {
            UserSaid::DeviceRevoke { device } => Some((index, *device)),
            _ => None,
        });
        let below = |device: &DeviceId| self.places.get(device).is_some_and(|target| target.depth >= place.depth);
        targets.filter(|(_, device)| *device == by || (place.may_enrol && below(device))).collect()
    }

    /// Devices nearer to the root revoke those at this depth; each may revoke itself.
    fn revoke_from_above(&mut self, depth: u32) {
        let here = self.at(depth);
        let above: Vec<DeviceId> = (1..depth).flat_map(|depth| self.at(depth)).collect();
        for by in above.into_iter().chain(here.iter().copied()) {
            for (index, device) in self.revokes(by) {
                let own = device == by;
                let reaches = here.contains(&device) && (own || self.places.get(&by).is_some_and(|p| p.depth < depth));
                if reaches && (own || self.stands(index, &by)) {
                    self.revoked.entry(device).or_default().push(index);
                }
            }
        }
    }

    /// Equals revoke each other: who is in a circle is suspended; the rest follows from those whom nobody revokes.
    fn revoke_among_equals(&mut self, depth: u32) {
        let here = self.at(depth);
        let mut arrows: BTreeMap<DeviceId, Vec<(usize, DeviceId)>> = BTreeMap::new();
        for by in &here {
            let says = self.revokes(*by).into_iter().filter(|(_, device)| device != by && here.contains(device));
            arrows.insert(*by, says.filter(|(index, _)| self.stands(*index, by)).collect());
        }
        let reached = |from: &DeviceId| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![*from]);
            while let Some(device) = next.pop() {
                let to = arrows.get(&device).into_iter().flatten().map(|(_, device)| *device);
                next.extend(to.filter(|device| seen.insert(*device)));
            }
            seen
        };
        let reach: BTreeMap<DeviceId, BTreeSet<DeviceId>> =
            here.iter().map(|device| (*device, reached(device))).collect();
        let circles = |a: &DeviceId, b: &DeviceId| {
            reach.get(a).is_some_and(|to| to.contains(b)) && reach.get(b).is_some_and(|to| to.contains(a))
        };
        self.suspended.extend(here.iter().filter(|device| circles(device, device)));
        // Within a circle every revocation counts; then down from those that reach most: whoever revokes comes first.
        for (by, says) in &arrows {
            for (index, device) in says.iter().filter(|(_, device)| circles(by, device)) {
                self.revoked.entry(*device).or_default().push(*index);
            }
        }
        let mut order = here;
        let reaches = |d: &DeviceId| reach.get(d).map_or(0, |to| to.len() + usize::from(!to.contains(d)));
        order.sort_by_key(|device| (std::cmp::Reverse(reaches(device)), *device));
        for by in order {
            for (index, device) in arrows.get(&by).into_iter().flatten().filter(|(_, device)| !circles(&by, device)) {
                if self.stands(*index, &by) {
                    self.revoked.entry(*device).or_default().push(*index);
                }
            }
        }
    }

    /// Devices at this depth certify those below.
    fn enrol(&mut self, depth: u32) {
        for by in self.at(depth) {
            if depth == MAX_DEPTH || !self.places.get(&by).is_some_and(|place| place.may_enrol) {
                continue;
            }
            for (index, said) in self.said_by(Some(by)) {
                if let UserSaid::DeviceCert { device, may_enrol, .. } = said
                    && self.stands(index, &by)
                {
                    self.certify(*device, depth + 1, *may_enrol, index);
                }
            }
        }
    }

    fn status(&self, moved: bool) -> BTreeMap<DeviceId, DeviceStatus> {
        let mut status: BTreeMap<DeviceId, DeviceStatus> =
            self.left_out.iter().map(|device| (*device, DeviceStatus::Revoked)).collect();
        let mut valid = Vec::new();
        for (device, place) in &self.places {
            let suspended = self.suspended.contains(device);
            let by_circle_only = |index: &usize| {
                self.entries.get(*index).and_then(|e| e.record.device()).is_some_and(|by| self.suspended.contains(&by))
            };
            let revoked = self.revoked.get(device).is_some_and(|by| !suspended || !by.iter().all(by_circle_only));
            match (revoked, suspended) {
                (true, _) => drop(status.insert(*device, DeviceStatus::Revoked)),
                (false, true) => drop(status.insert(*device, DeviceStatus::Suspended)),
                (false, false) => valid.push((place.depth, place.since, *device)),
            }
        }
        valid.sort_unstable();
        for (at, (.., device)) in valid.into_iter().enumerate() {
            let fits = if at < MAX_DEVICES { DeviceStatus::Valid } else { DeviceStatus::Surplus };
            status.insert(device, if moved { DeviceStatus::Moved } else { fits });
        }
        status
    }
}
