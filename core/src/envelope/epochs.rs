//! The epochs of one conversation, as one member's device knows them.
//!
//! ```text
//!   record ──announce──> known ──adopt (made here), receive (a box that opens)──> held ──37 days after a later one──> gone
//! ```
//!
//! Anyone may open an epoch: several may do so at once, some may be useless, and a maker may not have known of a removal.
//! So nothing here asks which epoch is *the* one. **Any** held epoch opens envelopes; for sealing the device takes, of
//! those that it holds, the one with the highest generation, then the lowest id, among the usable ones:
//!
//! * the record is valid, and its maker and all whom it names are members still;
//! * its maker knew of every removal that counts now. For who knew an epoch before they were removed may have been given
//!   it by anyone; who makes an epoch knowing of a removal gives it to nobody removed, and nor does who holds it,
//!   because the epoch's record brings the removal with it.
//!
//! An epoch that we cannot open is never chosen, so a box that was lost or a maker who lies cannot silence anyone; it is
//! asked for, and whoever holds it answers. An epoch is deleted 37 days after a later one was learned: then every mailbox
//! has dropped what was sealed under it. The last one held is never deleted. What is so old is not taken in again.

mod due;
mod kept;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::seal::{OpenError, Opened, Sealed, TooLarge};
use super::{BadBox, Commitment, Epoch, EpochBox, Recipient, WriteKey, boxes, day};
use crate::crypto::{BoxKey, Entropy, Secret};
use crate::id::{ConversationId, DeviceId, RecordHash};
use crate::time::Timestamp;

pub use due::{Due, PATIENCE_MS, WEEK_MS, Why};
pub use kept::Unreadable;

/// The most devices that an epoch may name.
pub const MAX_RECIPIENTS: usize = 1024;

/// The most epochs that are known at once, held or not.
pub const MAX_EPOCHS: usize = 256;

/// The most epochs that are held at once; beyond, the least of them goes.
pub const MAX_HELD: usize = 64;

/// The most boxes that are kept for one device and epoch: one may be garbage.
pub const MAX_BOXES_EACH: usize = 4;

/// The most boxes that are kept in all: 2.3 MiB.
pub const MAX_BOXES: usize = 16 * 1024;

/// How long an epoch outlives its successor, and a box the news of its epoch: 30 days in a mailbox, and a week.
pub const KEEP_MS: u64 = 37 * 24 * 60 * 60 * 1000;

/// Which of two epochs is rather used: the higher generation, then the lower id.
type Order = (u64, Reverse<RecordHash>);

/// What the control records say of an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// The record that opened it.
    pub id: RecordHash,
    /// How many epochs were opened before it, one after the other, as far as its maker knew.
    pub generation: u64,
    /// The hash of its secret.
    pub commitment: Commitment,
    /// Who opened it.
    pub maker: DeviceId,
    /// Who should have it, as far as the record says; at most [`MAX_RECIPIENTS`].
    pub recipients: BTreeSet<DeviceId>,
    /// Whether the record counts.
    pub valid: bool,
}

/// Why an epoch's maker did not know what we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stale {
    /// A member was removed, and the maker had not heard of it.
    Removal,
    /// A device was revoked, and the maker had not heard of it.
    Revocation,
}

/// What the control records say of the conversation, at one moment.
#[derive(Debug, Clone, Default)]
pub struct Room {
    /// The devices of the members, ours among them.
    pub members: BTreeMap<DeviceId, Recipient>,
    /// The epochs whose makers did not know of every removal and revocation that counts now.
    pub stale: BTreeMap<RecordHash, Stale>,
    /// When we learned of the newest of all that.
    pub since: Timestamp,
    /// Our place among the members, from zero: who is first moves first.
    pub rank: u64,
}

/// Why something said of an epoch is not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EpochError {
    /// No record announced the epoch.
    #[error("no record announced this epoch: bring the control records first")]
    Unknown,
    /// It was deleted, or is as old as one that was.
    #[error("the epoch is too old: its envelopes are gone from all mailboxes; ask members for the history")]
    Expired,
    /// The record names too many devices.
    #[error("the epoch names more than {MAX_RECIPIENTS} devices")]
    Recipients,
    /// There are too many epochs or boxes.
    #[error("too many epochs or boxes are kept already: ask a member when this one is needed")]
    Full,
    /// It is not held here, so it cannot be handed on.
    #[error("the epoch is not held here: ask another member")]
    NotHeld,
    /// Who asks is not a member.
    #[error("the device is not a member's")]
    NotMember,
    /// It is for a prekey that is gone.
    #[error("the epoch box is for a prekey that is not kept any more: ask another member for the epoch")]
    Prekey,
    /// The box is of no use.
    #[error(transparent)]
    Box(#[from] BadBox),
}

/// Why nothing was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// No epoch that is held may be used for sending. [`Epochs::due`] says what to do.
    #[error("no epoch that is held may be used: ask for one, or open one")]
    NoEpoch,
    /// Too much for one envelope.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

/// The epochs of one conversation.
#[derive(Debug)]
pub struct Epochs {
    conversation: ConversationId,
    me: DeviceId,
    known: BTreeMap<RecordHash, Known>,
    /// Boxes for others and ours, each with its epoch and device in front.
    boxes: BTreeSet<EpochBox>,
    /// What is below is deleted, and stays so.
    floor: Option<Order>,
    /// Deleted, and not yet told to the store.
    dropped: Vec<RecordHash>,
}

#[derive(Debug)]
struct Known {
    announced: Announced,
    learned: Timestamp,
    held: Option<Held>,
    /// How often it was asked for, and when to ask again.
    asked: u32,
    ask_at: Timestamp,
}

#[derive(Debug)]
struct Held {
    epoch: Epoch,
    since: Timestamp,
}

impl Known {
    fn new(announced: Announced, learned: Timestamp) -> Self {
        Known { announced, learned, held: None, asked: 0, ask_at: learned }
    }

    fn order(&self) -> Order {
        (self.announced.generation, Reverse(self.announced.id))
    }
}

impl Epochs {
    /// Begins without any epoch, for one device.
    pub fn new(conversation: ConversationId, me: DeviceId) -> Self {
        let (known, boxes, floor, dropped) = Default::default();
        Epochs { conversation, me, known, boxes, floor, dropped }
    }

    /// Takes in what the records say of an epoch; again, whenever they say something else.
    ///
    /// # Errors
    /// When it names too many devices, is older than what was deleted, or too many better ones are known.
    pub fn announce(&mut self, announced: Announced, now: Timestamp) -> Result<(), EpochError> {
        if announced.recipients.len() > MAX_RECIPIENTS {
            return Err(EpochError::Recipients);
        }
        if let Some(known) = self.known.get_mut(&announced.id) {
            known.announced = announced;
            return Ok(());
        }
        let known = Known::new(announced, now);
        if self.floor.is_some_and(|floor| known.order() < floor) {
            return Err(EpochError::Expired);
        }
        if self.known.len() >= MAX_EPOCHS {
            // What is held stays: many announcements of nothing must not take a key away.
            let unheld = self.known.values().filter(|known| known.held.is_none());
            let least = unheld.min_by_key(|known| known.order()).map(|known| (known.order(), known.announced.id));
            let Some((_, least)) = least.filter(|(order, _)| *order < known.order()) else {
                return Err(EpochError::Full);
            };
            self.forget(least);
        }
        self.known.insert(known.announced.id, known);
        Ok(())
    }

    /// Hears that what once was announced counts no more.
    pub fn withdraw(&mut self, is_withdrawn: impl Fn(&RecordHash) -> bool) {
        let gone = self.known.iter_mut().filter(|(id, _)| is_withdrawn(id));
        gone.for_each(|(_, known)| known.announced.valid = false);
    }

    /// Holds an epoch that was opened here.
    ///
    /// # Errors
    /// When no record announced it, or the record commits to another secret.
    pub fn adopt(&mut self, id: RecordHash, secret: Secret, now: Timestamp) -> Result<(), EpochError> {
        let known = self.known.get_mut(&id).ok_or(EpochError::Unknown)?;
        if Commitment::to(&secret) != known.announced.commitment {
            return Err(BadBox::Commitment.into());
        }
        if known.held.is_none() {
            known.held = Some(Held { epoch: Epoch::new(secret, self.conversation, id), since: now });
            self.limit_held(id);
        }
        Ok(())
    }

    /// Takes a box in, and the epoch with it when the box is for us. `key` finds our prekeys by number.
    ///
    /// Returns whether an epoch is held now that was not before: its secret has to be kept.
    ///
    /// # Errors
    /// When the epoch is not known or too old, there are too many boxes, or one of ours does not open. A box for us that
    /// opens is taken in even if there is no place to keep it for others.
    pub fn receive(
        &mut self,
        sealed: EpochBox,
        key: impl Fn(u32) -> Option<BoxKey>,
        now: Timestamp,
    ) -> Result<bool, EpochError> {
        let known = self.known.get(&sealed.epoch).ok_or(EpochError::Unknown)?;
        if sealed.device == self.me {
            if known.held.is_some() {
                return Ok(false);
            }
            let key = key(sealed.prekey).ok_or(EpochError::Prekey)?;
            let secret = sealed.open(self.conversation, &key, known.announced.commitment)?;
            self.adopt(sealed.epoch, secret, now)?;
            return Ok(true);
        }
        if now.since(known.learned) >= KEEP_MS {
            return Err(EpochError::Expired);
        }
        let same = self.boxes_for(sealed.epoch, sealed.device).count();
        let known_already = self.boxes.contains(&sealed);
        if !known_already && (same >= MAX_BOXES_EACH || self.boxes.len() >= MAX_BOXES) {
            return Err(EpochError::Full);
        }
        self.boxes.insert(sealed);
        Ok(false)
    }

    /// Boxes a held epoch for all members but us, and keeps the boxes. Also returns the devices to which none can be
    /// sealed.
    ///
    /// # Errors
    /// [`EpochError::NotHeld`].
    pub fn box_for_all(
        &mut self,
        room: &Room,
        id: RecordHash,
        rng: &mut Entropy,
    ) -> Result<(Vec<EpochBox>, Vec<DeviceId>), EpochError> {
        let held = self.held(id).ok_or(EpochError::NotHeld)?;
        let to: Vec<Recipient> = room.members.values().filter(|to| to.device != self.me).copied().collect();
        let (sealed, unusable) = boxes(held.epoch.secret(), self.conversation, id, &to, rng);
        let place = MAX_BOXES.saturating_sub(self.boxes.len());
        self.boxes.extend(sealed.iter().take(place).cloned());
        Ok((sealed, unusable))
    }

    /// Boxes a held epoch for one member: a newcomer, or who asked for it.
    ///
    /// # Errors
    /// When the epoch is not held, the device is no member's, or its prekey is not usable.
    pub fn box_for(
        &mut self,
        room: &Room,
        id: RecordHash,
        device: DeviceId,
        rng: &mut Entropy,
    ) -> Result<EpochBox, EpochError> {
        let held = self.held(id).ok_or(EpochError::NotHeld)?;
        let to = room.members.get(&device).ok_or(EpochError::NotMember)?;
        let sealed = EpochBox::seal(held.epoch.secret(), self.conversation, id, to, rng)?;
        if self.boxes.len() < MAX_BOXES && self.boxes_for(id, device).count() < MAX_BOXES_EACH {
            self.boxes.insert(sealed.clone());
        }
        Ok(sealed)
    }

    /// Returns the boxes that are kept for others.
    pub fn boxes(&self) -> impl Iterator<Item = &EpochBox> {
        self.boxes.iter()
    }

    /// Returns the epoch under which to seal now, if there is one.
    pub fn current(&self, room: &Room) -> Option<RecordHash> {
        let held = self.known.values().filter(|known| known.held.is_some());
        held.filter(|known| usable(known, room)).max_by_key(|known| known.order()).map(|known| known.announced.id)
    }

    /// Seals content under the current epoch, for the topic of today. Also returns the epoch: when it is not the current
    /// one any more and nobody acknowledged the content, it is to be sealed again.
    ///
    /// # Errors
    /// When there is no epoch to use, or more than fits.
    pub fn seal(
        &self,
        room: &Room,
        content: &[u8],
        now: Timestamp,
        rng: &mut Entropy,
    ) -> Result<(RecordHash, Sealed), SealError> {
        let id = self.current(room).ok_or(SealError::NoEpoch)?;
        Ok((id, self.seal_under(id, content, now, rng)?))
    }

    /// Seals content under a certain epoch, for the topic of today.
    ///
    /// # Errors
    /// When the epoch is not held, or more than fits.
    pub fn seal_under(
        &self,
        id: RecordHash,
        content: &[u8],
        now: Timestamp,
        rng: &mut Entropy,
    ) -> Result<Sealed, SealError> {
        let held = self.held(id).ok_or(SealError::NoEpoch)?;
        let topic = held.epoch.write_key(day(now)).topic();
        Ok(Sealed::seal(&held.epoch, topic, rng.bytes(), content)?)
    }

    /// Returns the epoch that is held and was in use before another: who lacks the other looks for mail under it. It may be
    /// one that a member who was removed holds, too.
    pub fn before(&self, id: RecordHash) -> Option<RecordHash> {
        let order = self.known.get(&id)?.order();
        let earlier = self.known.values().filter(|known| known.held.is_some() && known.order() < order);
        earlier.max_by_key(|known| known.order()).map(|known| known.announced.id)
    }

    /// Tells whether an epoch was opened here.
    pub fn is_maker(&self, id: RecordHash) -> bool {
        self.known.get(&id).is_some_and(|known| known.announced.maker == self.me)
    }

    /// Returns the epochs that were opened here since a time, and count.
    pub fn opened_here(&self, since: Timestamp) -> impl Iterator<Item = RecordHash> {
        let ours = self.known.values().filter(move |known| known.announced.maker == self.me && known.learned >= since);
        ours.filter(|known| known.announced.valid && known.held.is_some()).map(|known| known.announced.id)
    }

    /// Returns the key under which mail of one epoch and day waits in mailboxes.
    pub fn write_key(&self, id: RecordHash, day: u64) -> Option<WriteKey> {
        Some(self.held(id)?.epoch.write_key(day))
    }

    /// Opens an envelope under whichever held epoch it was sealed; whether what is inside counts is not decided by keys.
    ///
    /// # Errors
    /// [`OpenError::OtherEpoch`] when none of those held was used; else why it does not open.
    pub fn open(&self, sealed: &Sealed) -> Result<(RecordHash, Opened), OpenError> {
        let mut refused = OpenError::OtherEpoch;
        for known in self.known.values() {
            let Some(held) = &known.held else { continue };
            match sealed.open(&held.epoch) {
                Ok(opened) => return Ok((known.announced.id, opened)),
                Err(OpenError::OtherEpoch) => {}
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// Returns the epochs that are held.
    pub fn held_ids(&self) -> impl Iterator<Item = RecordHash> {
        self.known.iter().filter(|(_, known)| known.held.is_some()).map(|(id, _)| *id)
    }

    /// Tells whether an epoch is held.
    pub fn holds(&self, id: RecordHash) -> bool {
        self.held(id).is_some()
    }

    /// Deletes what is too old: epochs 37 days after a later one was learned, boxes 37 days after their epoch was.
    /// Returns the epochs whose secrets the store has to erase, these and all that were pushed out since.
    pub fn expire(&mut self, now: Timestamp) -> Vec<RecordHash> {
        let seasoned = |known: &&Known| {
            let held = known.held.as_ref();
            known.announced.valid && held.is_some_and(|held| now.since(held.since) >= KEEP_MS)
        };
        // Only an epoch that is held can be a successor: an announcement alone must not take a key away.
        let newest = self.known.values().filter(seasoned).map(Known::order).max();
        self.floor = self.floor.max(newest);
        if let Some(floor) = self.floor {
            let old: Vec<RecordHash> =
                self.known.values().filter(|known| known.order() < floor).map(|known| known.announced.id).collect();
            old.into_iter().for_each(|id| self.forget(id));
        }
        let known = &self.known;
        self.boxes.retain(|kept| known.get(&kept.epoch).is_some_and(|epoch| now.since(epoch.learned) < KEEP_MS));
        std::mem::take(&mut self.dropped)
    }

    fn held(&self, id: RecordHash) -> Option<&Held> {
        self.known.get(&id)?.held.as_ref()
    }

    fn boxes_for(&self, epoch: RecordHash, device: DeviceId) -> impl Iterator<Item = &EpochBox> {
        self.boxes
            .range(EpochBox::first(epoch, device)..)
            .take_while(move |kept| (kept.epoch, kept.device) == (epoch, device))
    }

    fn forget(&mut self, id: RecordHash) {
        if self.known.remove(&id).is_some_and(|known| known.held.is_some()) {
            self.dropped.push(id);
        }
        self.boxes.retain(|kept| kept.epoch != id);
    }

    /// Lets the least epoch go when there are too many, but not the one that was just learned.
    fn limit_held(&mut self, newest: RecordHash) {
        let held: Vec<&Known> = self.known.values().filter(|known| known.held.is_some()).collect();
        let others = held.iter().filter(|known| known.announced.id != newest);
        let least = others.min_by_key(|known| known.order()).map(|known| known.announced.id);
        if let Some(least) = least.filter(|_| held.len() > MAX_HELD) {
            self.forget(least);
        }
    }
}

/// Tells whether envelopes may be sealed under an epoch.
fn usable(known: &Known, room: &Room) -> bool {
    let announced = &known.announced;
    let member = |device: &DeviceId| room.members.contains_key(device);
    announced.valid
        && !room.stale.contains_key(&announced.id)
        && member(&announced.maker)
        && announced.recipients.iter().all(member)
}
