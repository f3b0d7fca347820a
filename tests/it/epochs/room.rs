//! Devices that add, remove and rotate, each with what it knows; and links that lose boxes.

use std::collections::{BTreeMap, BTreeSet};

use bayou_core::crypto::{BoxKey, Entropy, Secret};
use bayou_core::envelope::{Announced, Commitment, Due, EpochBox, Epochs, Recipient, Room, SealError, Sealed, Stale};
use bayou_core::id::{ConversationId, DeviceId, RecordHash};
use bayou_core::time::Timestamp;
use bayou_tests::dice::Dice;

pub(super) const CONVERSATION: ConversationId = ConversationId([0xb0; 32]);
const DEVICES: u8 = 6;

/// What a record says. A removal opens an epoch, too.
#[derive(Clone, Copy)]
enum Kind {
    Add(DeviceId),
    Remove(DeviceId),
    Epoch,
}

/// A record, with all that its maker knew.
pub(super) struct Record {
    kind: Kind,
    maker: DeviceId,
    knew: BTreeSet<RecordHash>,
    announced: Option<Announced>,
}

pub(super) struct Device {
    pub(super) id: DeviceId,
    pub(super) epochs: Epochs,
    /// The records that it knows, by when it learned of them.
    pub(super) records: BTreeMap<RecordHash, Timestamp>,
    key: BoxKey,
    /// Epochs that it held at any time.
    held: BTreeSet<RecordHash>,
}

pub(super) struct World {
    pub(super) seed: u64,
    pub(super) dice: Dice,
    pub(super) now: Timestamp,
    pub(super) devices: Vec<Device>,
    /// Who can reach whom: those of the same number.
    pub(super) groups: Vec<u64>,
    pub(super) all: BTreeMap<RecordHash, Record>,
    /// Each epoch under which something was sealed, with what the sender knew.
    pub(super) sealed: Vec<(RecordHash, BTreeSet<RecordHash>)>,
    rng: Entropy,
}

impl Record {
    pub(super) fn epoch_id(&self, id: RecordHash) -> Option<RecordHash> {
        self.announced.as_ref().map(|_| id)
    }

    pub(super) fn knew_with(&self, id: RecordHash) -> BTreeSet<RecordHash> {
        self.knew.iter().copied().chain([id]).collect()
    }
}

impl Device {
    pub(super) fn has(&self, epoch: RecordHash) -> bool {
        self.held.contains(&epoch)
    }

    fn receive(&mut self, sealed: &EpochBox, now: Timestamp) -> bool {
        let key = self.key.clone();
        let new = self.epochs.receive(sealed.clone(), |_| Some(key.clone()), now) == Ok(true);
        if new {
            self.held.insert(sealed.epoch);
        }
        new
    }
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed, 0xe0);
        let devices = (0..DEVICES).map(|number| {
            let (id, key) = (DeviceId([number; 32]), BoxKey::from_seed(&Secret::new([number; 32])));
            let epochs = Epochs::new(CONVERSATION, id);
            Device { id, epochs, records: BTreeMap::new(), key, held: BTreeSet::new() }
        });
        let rng = Entropy::from_seed(dice.bytes());
        let now = Timestamp(1_700_000_000_000);
        let groups = vec![0; usize::from(DEVICES)];
        let (all, sealed) = Default::default();
        let mut world = World { seed, dice, now, devices: devices.collect(), groups, all, sealed, rng };
        (0..4).for_each(|other| world.add(0, other));
        world
    }

    /// Picks a device that believes to be a member, if chance finds one soon.
    pub(super) fn rather_a_member(&mut self) -> usize {
        let picks = [self.anyone(), self.anyone(), self.anyone()];
        picks.into_iter().find(|who| self.is_member(*who)).unwrap_or(picks[0])
    }

    pub(super) fn anyone(&mut self) -> usize {
        self.dice.below(self.devices.len() as u64) as usize
    }

    /// The members, as a set of records has it: whoever was added by a record that no removal knew.
    fn members(&self, records: &BTreeSet<RecordHash>) -> BTreeSet<DeviceId> {
        let removals = || records.iter().filter(|id| matches!(self.all[*id].kind, Kind::Remove(_)));
        let added = records.iter().filter_map(|id| match self.all[id].kind {
            Kind::Add(device) => {
                let removed = removals().any(|removal| {
                    let Kind::Remove(gone) = self.all[removal].kind else { return false };
                    gone == device && self.all[removal].knew.contains(id)
                });
                (!removed).then_some(device)
            }
            _ => None,
        });
        added.collect()
    }

    fn known(&self, who: usize) -> BTreeSet<RecordHash> {
        self.devices[who].records.keys().copied().collect()
    }

    pub(super) fn is_member(&self, who: usize) -> bool {
        self.members(&self.known(who)).contains(&self.devices[who].id)
    }

    /// Those who are no members to who knows these records, and whom nobody added since.
    pub(super) fn gone(&self, records: &BTreeSet<RecordHash>) -> BTreeSet<DeviceId> {
        let members = self.members(records);
        let later = |device| {
            let mut others = self.all.iter().filter(|(id, _)| !records.contains(id));
            others.any(|(_, record)| matches!(record.kind, Kind::Add(added) if added == device))
        };
        let devices = self.devices.iter().map(|device| device.id);
        devices.filter(|device| !members.contains(device) && !later(*device)).collect()
    }

    fn room(&self, who: usize) -> Room {
        let known = self.known(who);
        let ids = self.members(&known);
        let rank = ids.iter().position(|id| *id == self.devices[who].id).unwrap_or_default() as u64;
        let recipient = |device: &Device| Recipient { device: device.id, prekey: 1, address: device.key.address() };
        let here = self.devices.iter().filter(|device| ids.contains(&device.id));
        let removals: Vec<_> = known.iter().filter(|id| matches!(self.all[*id].kind, Kind::Remove(_))).collect();
        let unaware = |epoch: &&RecordHash| {
            removals.iter().any(|removal| *removal != *epoch && !self.all[*epoch].knew.contains(*removal))
        };
        let epochs = known.iter().filter(|id| self.all[*id].announced.is_some());
        Room {
            members: here.map(|device| (device.id, recipient(device))).collect(),
            stale: epochs.filter(unaware).map(|id| (*id, Stale::Removal)).collect(),
            since: self.devices[who].records.values().max().copied().unwrap_or_default(),
            rank,
        }
    }

    pub(super) fn partition(&mut self) {
        let parts = self.dice.below(3) + 1;
        for at in 0..self.groups.len() {
            self.groups[at] = self.dice.below(parts);
        }
    }

    pub(super) fn add(&mut self, who: usize, other: usize) {
        let device = self.devices[other].id;
        if !self.members(&self.known(who)).contains(&device) {
            self.record(who, Kind::Add(device), None);
        }
    }

    pub(super) fn remove(&mut self, who: usize, other: usize) {
        let device = self.devices[other].id;
        if self.members(&self.known(who)).contains(&device) {
            self.open_epoch(who, Kind::Remove(device), false);
        }
    }

    /// Opens an epoch; a hollow one is announced by who has no secret for it.
    pub(super) fn rotate(&mut self, who: usize, hollow: bool) {
        self.open_epoch(who, Kind::Epoch, hollow);
    }

    fn open_epoch(&mut self, who: usize, kind: Kind, hollow: bool) {
        let secret = Secret::new(self.dice.bytes());
        let known = self.known(who);
        let mut recipients = self.members(&known);
        if let Kind::Remove(device) = kind {
            recipients.remove(&device);
        }
        // Whether records name whom they are for must not matter.
        if self.seed.is_multiple_of(2) {
            recipients.clear();
        }
        let before = known.iter().filter_map(|id| self.all[id].announced.as_ref().map(|epoch| epoch.generation));
        let generation = before.max().unwrap_or_default() + 1;
        let id = RecordHash([0; 32]);
        let (commitment, maker) = (Commitment::to(&secret), self.devices[who].id);
        let id = self.record(who, kind, Some(Announced { id, generation, commitment, maker, recipients, valid: true }));
        if hollow {
            return;
        }
        let room = self.room(who);
        let device = &mut self.devices[who];
        if device.epochs.adopt(id, secret, self.now).is_ok() {
            device.held.insert(id);
            device.epochs.box_for_all(&room, id, &mut self.rng).unwrap();
        }
    }

    fn record(&mut self, who: usize, kind: Kind, announced: Option<Announced>) -> RecordHash {
        let id = RecordHash(self.dice.bytes());
        let announced = announced.map(|announced| Announced { id, ..announced });
        let record = Record { kind, maker: self.devices[who].id, knew: self.known(who), announced };
        self.all.insert(id, record);
        self.learn(who, id);
        id
    }

    fn learn(&mut self, who: usize, id: RecordHash) {
        let device = &mut self.devices[who];
        if device.records.insert(id, self.now).is_none()
            && let Some(announced) = self.all[&id].announced.clone()
        {
            assert_eq!(announced.maker, self.all[&id].maker);
            // An epoch that is too old to matter is refused.
            let _ = device.epochs.announce(announced, self.now);
        }
    }

    /// Two devices tell each other all records; each box is lost with a chance of one in `lost`.
    pub(super) fn sync(&mut self, a: usize, b: usize, lost: u64) {
        if a == b || self.groups[a] != self.groups[b] {
            return;
        }
        for (from, to) in [(a, b), (b, a)] {
            let records = self.known(from);
            let lacked: Vec<RecordHash> = records.difference(&self.known(to)).copied().collect();
            lacked.into_iter().for_each(|id| self.learn(to, id));
            let boxes: Vec<EpochBox> = self.devices[from].epochs.boxes().cloned().collect();
            for sealed in boxes {
                if !self.dice.one_in(lost) {
                    self.devices[to].receive(&sealed, self.now);
                }
            }
        }
    }

    /// Does what is due on a device; returns how often it rotated and how often it was answered.
    pub(super) fn act(&mut self, who: usize) -> (usize, usize) {
        let (mut rotations, mut answers) = (0, 0);
        let room = self.room(who);
        for due in self.devices[who].epochs.due(&room, self.now) {
            match due {
                Due::Rotate { at, .. } if at <= self.now => {
                    self.rotate(who, false);
                    rotations += 1;
                }
                Due::Rotate { .. } => {}
                Due::Grant { epoch, device } => {
                    self.devices[who].epochs.box_for(&room, epoch, device, &mut self.rng).unwrap();
                }
                Due::Ask { epoch } => {
                    self.devices[who].epochs.asked(epoch, self.now);
                    for other in 0..self.devices.len() {
                        answers += usize::from(self.ask(who, other, epoch));
                    }
                }
            }
        }
        (rotations, answers)
    }

    /// One asks another for an epoch; returns whether it was given.
    pub(super) fn ask(&mut self, who: usize, other: usize, epoch: RecordHash) -> bool {
        if who == other || self.groups[who] != self.groups[other] {
            return false;
        }
        let (room, id) = (self.room(other), self.devices[who].id);
        let answer = self.devices[other].epochs.box_for(&room, epoch, id, &mut self.rng);
        answer.is_ok_and(|sealed| self.devices[who].receive(&sealed, self.now))
    }

    /// Seals on a device, and takes note of what it knew.
    pub(super) fn seal(&mut self, who: usize) -> bool {
        let Ok((epoch, _)) = self.envelope(who) else { return false };
        let known = self.known(who);
        self.sealed.push((epoch, known));
        true
    }

    pub(super) fn envelope(&mut self, who: usize) -> Result<(RecordHash, Sealed), SealError> {
        let room = self.room(who);
        self.devices[who].epochs.seal(&room, b"hello", self.now, &mut self.rng)
    }
}
