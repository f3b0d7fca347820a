//! What follows from the control records of a conversation: who is in, what counts, and why the rest does not.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::devices::{DeviceStatus, Devices};
use super::graph::Rank;
use super::said::{History, MessageName, Role};
use crate::id::{Address, CutHash, DeviceId, RecordHash, UserId};

/// Why a record does not count. It may count later, when more records are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Void {
    /// What it cites as its right is not a grant that could ever count.
    #[error("no grant gives its author a right")]
    NoGrant,
    /// The role of its author does not allow it.
    #[error("its author's role does not allow it")]
    BeyondRole,
    /// It concerns someone who is not junior to its author.
    #[error("it concerns someone who does not rank below its author")]
    NotJunior,
    /// Another holds the grant that it cites.
    #[error("its author does not hold the grant that it cites")]
    NotTheirs,
    /// The grant that it cites does not count.
    #[error("the grant that it cites does not count")]
    GrantVoid,
    /// Its author was removed by someone who had not seen it.
    #[error("its author was removed")]
    Removed,
    /// Its author handed the conversation over and had not seen it then.
    #[error("its author had handed the conversation over")]
    HandedOver,
    /// The owner cannot leave; they can hand over.
    #[error("the owner cannot leave before handing over")]
    OwnerStays,
    /// No certificate of the device that signed it is known.
    #[error("the device that signed it is not certified")]
    DeviceUnknown,
    /// The device that signed it was retired, and no cut lists it.
    #[error("the device that signed it was retired")]
    DeviceRetired,
    /// The invite is not one, offers something else, or the proof is wrong.
    #[error("the invite does not fit")]
    BadInvite,
    /// The invite was withdrawn by someone who had not seen it used here.
    #[error("the invite was withdrawn")]
    InviteRevoked,
    /// The invite was used up by others.
    #[error("the invite was used up")]
    InviteUsedUp,
    /// There are [`MAX_MEMBERS`](super::MAX_MEMBERS) members before.
    #[error("the conversation is full")]
    Full,
    /// In a conversation of two nobody is let in or put out, and both may do the same.
    #[error("this conversation is between two")]
    OfTwo,
    /// Its author said more than [`MAX_RECORDS`](super::MAX_RECORDS) things before.
    #[error("its author said too many things")]
    TooMany,
}

/// Where a grant stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It counts.
    Live,
    /// It counted; these removals, which all count, ended it.
    Removed(BTreeSet<RecordHash>),
    /// It does not count.
    Void(Void),
}

impl Standing {
    /// Returns what ended the grant.
    pub(super) fn ends(&self) -> impl Iterator<Item = RecordHash> + '_ {
        let ends = match self {
            Standing::Removed(by) => Some(by),
            Standing::Live | Standing::Void(_) => None,
        };
        ends.into_iter().flatten().copied()
    }
}

/// A grant, as it was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who holds it.
    pub user: UserId,
    /// Whom it was given to, before they moved to another root.
    pub given_to: UserId,
    /// What it gives. Of an owner who handed over: [`Role::Member`].
    pub role: Role,
    /// The first segment that its holder may read.
    pub since: u32,
    /// Where it stands.
    pub standing: Standing,
    /// What counts of the chains that were written under it, once it was removed.
    pub cuts: BTreeSet<CutHash>,
    /// What others added to that.
    pub extended: BTreeSet<CutHash>,
    pub(super) rank: Rank,
}

impl Grant {
    /// Returns the cuts by which it ended, and what others added to them.
    pub fn all_cuts(&self) -> impl Iterator<Item = CutHash> + '_ {
        self.cuts.iter().chain(&self.extended).copied()
    }
}

/// Someone who is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// The highest role that they have.
    pub role: Role,
    /// The most senior grant that gives it: what they act under.
    pub grant: RecordHash,
    /// All their grants that count.
    pub grants: BTreeSet<RecordHash>,
}

/// The settings that hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// What the conversation is called.
    pub title: String,
    /// What it is about.
    pub topic: String,
    /// What newcomers may read.
    pub history: History,
    /// After how many seconds messages disappear; 0: never.
    pub disappear: u32,
    /// The nodes where mail waits for who is away.
    pub mailboxes: Vec<Address>,
}

/// A group key that someone announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The commitment to its secret.
    pub commitment: [u8; 32],
    /// How far from the genesis: of several that exclude all who were removed the highest is used, then the smallest hash.
    pub generation: u32,
    /// Whether its author knew of every removal that counts, so that nobody who was removed holds it.
    pub excludes_removed: bool,
}

/// An invite that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// What is offered.
    pub role: Role,
    /// How many more users may come in through it.
    pub left: u32,
    /// Whether it was withdrawn.
    pub withdrawn: bool,
}

/// A cut of a retired device that counts, and how far it reaches: to grants that are not senior to `rank`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct DeviceCutBy {
    pub(super) rank: Rank,
    pub(super) user: UserId,
    pub(super) cut: CutHash,
}

/// What follows from a set of records. Two peers with the same records have the same ruling, byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ruling {
    pub(super) grants: BTreeMap<RecordHash, Grant>,
    pub(super) members: BTreeMap<UserId, Participant>,
    pub(super) users: BTreeMap<UserId, Devices>,
    pub(super) void: BTreeMap<RecordHash, Void>,
    pub(super) settings: Settings,
    pub(super) hidden: BTreeSet<MessageName>,
    pub(super) erased: BTreeSet<MessageName>,
    pub(super) epochs: BTreeMap<RecordHash, EpochRecord>,
    pub(super) offers: BTreeMap<RecordHash, Offer>,
    pub(super) device_cuts: BTreeMap<DeviceId, BTreeSet<DeviceCutBy>>,
    pub(super) is_direct: bool,
}

impl Ruling {
    /// Returns everyone who is in, by user.
    pub fn members(&self) -> &BTreeMap<UserId, Participant> {
        &self.members
    }

    /// Tells whether this is a conversation of two, to whom nobody is added.
    pub fn is_direct(&self) -> bool {
        self.is_direct
    }

    /// Returns a user's role; `None` if they are not in.
    pub fn role(&self, user: &UserId) -> Option<Role> {
        self.members.get(user).map(|member| member.role)
    }

    /// Returns the owner, once the genesis is known.
    pub fn owner(&self) -> Option<UserId> {
        self.members.iter().find(|(_, member)| member.role == Role::Owner).map(|(user, _)| *user)
    }

    /// Tells whether a device is a user's at present.
    pub fn is_device_of(&self, device: &DeviceId, user: &UserId) -> bool {
        self.users.get(user).and_then(|devices| devices.status(device)) == Some(DeviceStatus::Valid)
    }

    /// Returns what is known of a user's devices, name and prekeys.
    pub fn devices(&self, user: &UserId) -> Option<&Devices> {
        self.users.get(user)
    }

    /// Tells whether a device of anyone who is known was retired.
    pub fn is_any_device_retired(&self) -> bool {
        self.users.values().any(Devices::is_any_retired)
    }

    /// Returns the devices of everyone who is in, with their users: to whom group keys are sealed.
    pub fn member_devices(&self) -> impl Iterator<Item = (UserId, DeviceId)> + '_ {
        let devices = |user: &UserId| self.users.get(user).into_iter().flat_map(Devices::valid);
        self.members.keys().flat_map(move |user| devices(user).map(|(device, _)| (*user, device)))
    }

    /// Returns all grants that are known, as they were judged.
    pub fn grants(&self) -> &BTreeMap<RecordHash, Grant> {
        &self.grants
    }

    /// Tells whether a grant opened a segment, so that chains may begin there whatever is in the one before.
    pub fn opens(&self, segment: u32) -> bool {
        self.grants.values().any(|grant| grant.since == segment && !matches!(grant.standing, Standing::Void(_)))
    }

    /// Returns the newest segment that a grant opened.
    pub fn newest_opened(&self) -> u32 {
        let counts = self.grants.values().filter(|grant| !matches!(grant.standing, Standing::Void(_)));
        counts.map(|grant| grant.since).max().unwrap_or(0)
    }

    /// Returns the first segment that someone who is in may read.
    pub fn reads_from(&self, user: &UserId) -> Option<u32> {
        let grants = self.members.get(user)?.grants.iter().filter_map(|grant| self.grants.get(grant));
        grants.map(|grant| grant.since).min()
    }

    /// Returns the records that do not count, and why.
    pub fn void(&self) -> &BTreeMap<RecordHash, Void> {
        &self.void
    }

    /// Returns the settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Tells whether a message is hidden from all.
    pub fn hides(&self, message: &MessageName) -> bool {
        self.hidden.contains(message) || self.erases(message)
    }

    /// Tells whether a message is to be erased on every peer.
    pub fn erases(&self, message: &MessageName) -> bool {
        self.erased.contains(message)
    }

    /// Returns the messages that are to be erased.
    pub fn erased(&self) -> &BTreeSet<MessageName> {
        &self.erased
    }

    /// Returns the cuts that say what counts of a user's retired device.
    pub fn device_cuts(&self, user: &UserId, device: &DeviceId) -> impl Iterator<Item = CutHash> {
        let cuts = self.device_cuts.get(device).into_iter().flatten();
        cuts.filter(move |by| by.user == *user).map(|by| by.cut)
    }

    /// Returns the group keys that were announced and count.
    pub fn epochs(&self) -> &BTreeMap<RecordHash, EpochRecord> {
        &self.epochs
    }

    /// Returns the group key to send with: `None` means that someone must make one.
    pub fn current_epoch(&self) -> Option<RecordHash> {
        let clean = self.epochs.iter().filter(|(_, epoch)| epoch.excludes_removed);
        clean.max_by_key(|(hash, epoch)| (epoch.generation, std::cmp::Reverse(**hash))).map(|(hash, _)| *hash)
    }

    /// Returns the invites that count.
    pub fn offers(&self) -> &BTreeMap<RecordHash, Offer> {
        &self.offers
    }

    /// Returns the cuts that bound a chain.
    pub(super) fn cuts(&self) -> impl Iterator<Item = CutHash> + '_ {
        let devices = self.device_cuts.values().flatten().map(|by| by.cut);
        self.grants.values().flat_map(Grant::all_cuts).chain(devices)
    }
}
