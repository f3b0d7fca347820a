//! Group keys: opened, handed on, and forgotten.
//!
//! Which epoch is good for what is for `envelope::Epochs` to say; here its answers are carried out. It hears from the
//! conversation's records which epochs were announced and whose devices are members'. With each look it says what is due:
//! to open a new one (after a removal, and weekly), to hand the present one to a member's device that lacks it, to ask for
//! one that is lacking. Any member who holds it answers.
//!
//! ```text
//! control record Epoch, or Remove with a new key ──►        everybody knows of it, and of its commitment
//!                                    box for this device ──►   whoever is linked to its maker
//!            ◄── Ask(epochs)         boxes ──►                 everybody else, from anyone who holds them
//! ```
//!
//! What is held is kept in a stream of its own, which is sealed under a key of its own: what expires is gone when the
//! stream was written anew and its old key dropped, as the words of a segment are.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::Engine;
use super::durable::Pending;
use super::io::View;
use crate::authority::{Item, Prekey, Role, Ruling, Said, UserSaid};
use crate::crypto::{BoxAddress, Entropy, Secret};
use crate::envelope::{
    Announced, BadBox, Commitment, Due, EpochBox, EpochError, Epochs, Frame, Recipient, Room, Stale, Why,
};
use crate::id::{ConversationId, DeviceId, PeerId, RecordHash, StreamId};
use crate::identity::Prekeys;
use crate::store::Record;
use crate::time::Timestamp;

/// How long to wait before the next look if nothing calls for one.
const LOOK_EVERY_MS: u64 = 30_000;

/// The most conversations that one tick looks at.
const MAX_LOOKS: usize = 64;

/// Of how many peers one epoch is asked for at a time.
const ASKED: usize = 3;

/// The most epochs in one question and boxes in one answer.
pub(super) const MAX_BOXES: usize = 64;

/// The epochs of one conversation, and what is known of its members' devices.
#[derive(Debug)]
pub(super) struct Group {
    epochs: Epochs,
    room: Room,
    look_at: Timestamp,
    /// Something changed that is not on its way to disk.
    is_unkept: bool,
}

/// What is kept in the stream of secrets; of each kind the newest counts.
#[derive(Serialize, Deserialize)]
enum Kept {
    /// The epochs of a conversation: all but the secrets, and these.
    Epochs {
        conversation: ConversationId,
        #[serde(with = "serde_bytes")]
        state: Vec<u8>,
        keys: Vec<(RecordHash, serde_bytes::ByteBuf)>,
    },
    /// The device's prekeys.
    Prekeys(Prekeys),
}

impl Group {
    fn new(id: ConversationId, me: DeviceId) -> Self {
        Group { epochs: Epochs::new(id, me), room: Room::default(), look_at: Timestamp(0), is_unkept: false }
    }

    /// Returns the epoch under which to seal now.
    pub(super) fn current(&self) -> Option<RecordHash> {
        self.epochs.current(&self.room)
    }

    /// Returns its epochs.
    pub(super) fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// Returns the members' devices to which can be sealed.
    pub(super) fn recipients(&self) -> impl Iterator<Item = &Recipient> {
        self.room.members.values()
    }

    /// Boxes the epoch in use for some members' devices.
    pub(super) fn boxes_for(&mut self, to: impl Iterator<Item = DeviceId>, rng: &mut Entropy) -> VecDeque<Vec<u8>> {
        let Some(current) = self.current() else { return VecDeque::new() };
        let boxes = to.filter_map(|device| self.epochs.box_for(&self.room, current, device, rng).ok());
        boxes.map(|sealed| sealed.encode()).collect()
    }

    /// Hears what the records say of the epochs and the members.
    fn hear(&mut self, ruling: &Ruling, me: DeviceId, now: Timestamp) {
        let members = recipients(ruling);
        let stale = ruling.epochs().iter().filter(|(_, epoch)| !epoch.excludes_removed);
        let stale: BTreeMap<RecordHash, Stale> = stale.map(|(id, _)| (*id, Stale::Removal)).collect();
        let rank = members.keys().take_while(|device| **device != me).count() as u64;
        if self.room.members != members || self.room.stale != stale {
            self.room = Room { members, stale, since: now, rank };
            self.look_at = now;
        }
    }

    fn kept(&self, id: ConversationId, epochs: impl Iterator<Item = RecordHash>) -> Kept {
        let keys = epochs.filter_map(|epoch| Some((epoch, self.epochs.encode_key(epoch)?.to_vec().into())));
        Kept::Epochs { conversation: id, state: self.epochs.encode(), keys: keys.collect() }
    }
}

impl Engine {
    /// Hears what the records of a conversation say of its epochs.
    pub(super) fn announce_epochs(&mut self, now: Timestamp, id: ConversationId) {
        let me = self.key.device();
        let Some(conversation) = self.conversations.get(&id) else { return };
        let group = self.groups.entry(id).or_insert_with(|| Group::new(id, me));
        let ruling = conversation.authority.last_ruling();
        group.hear(ruling, me, now);
        for (hash, epoch) in ruling.epochs() {
            let Some(maker) = conversation.authority.record(hash).map(|record| record.device()) else { continue };
            let announced = Announced {
                id: *hash,
                generation: epoch.generation.into(),
                commitment: Commitment(epoch.commitment),
                maker,
                recipients: BTreeSet::new(),
                valid: true,
            };
            // What is older than what was deleted, or than all that there is room for, is of no use.
            let _ = group.epochs.announce(announced, now);
        }
        group.epochs.withdraw(|epoch| !ruling.epochs().contains_key(epoch));
    }

    /// Says that a new secret is the group's from now on, and holds it.
    fn open_epoch(&mut self, now: Timestamp, id: ConversationId) {
        let (secret, commitment) = self.new_epoch();
        let Ok(record) = self.control(now, id, Said::Epoch { commitment }) else { return };
        let epoch = record.hash();
        self.take_items(id, vec![Item::Record(record)], vec![], None, super::controls::Then::Nothing);
        self.hold_epoch(now, id, epoch, secret);
    }

    /// Draws a secret; returns it and what a record commits to it with.
    pub(super) fn new_epoch(&mut self) -> (Secret, [u8; 32]) {
        let secret = Secret::new(self.rng.bytes());
        let Commitment(commitment) = Commitment::to(&secret);
        (secret, commitment)
    }

    /// Holds the epoch that a record of ours opened.
    pub(super) fn hold_epoch(&mut self, now: Timestamp, id: ConversationId, epoch: RecordHash, secret: Secret) {
        self.announce_epochs(now, id);
        if let Some(group) = self.groups.get_mut(&id) {
            group.is_unkept |= group.epochs.adopt(epoch, secret, now).is_ok();
            group.look_at = now;
        }
        self.keep_epochs();
    }

    /// Looks after the epochs of some conversations; comes with each tick.
    pub(super) fn look_after_epochs(&mut self, now: Timestamp) {
        self.turn_prekeys(now);
        let due = |group: &Group| group.look_at <= now || group.look_at.since(now) > LOOK_EVERY_MS;
        let due: Vec<ConversationId> =
            self.groups.iter().filter(|(_, group)| due(group)).map(|(id, _)| *id).take(MAX_LOOKS).collect();
        for id in due {
            self.look_after(now, id);
        }
        self.keep_epochs();
    }

    fn look_after(&mut self, now: Timestamp, id: ConversationId) {
        let linked = self.linked_devices(id);
        // Who is not linked gets the boxes of their maker by mail; others' boxes would be the same once more.
        let by_mail = self.conversations.get(&id).is_some_and(|c| !c.mailboxes().is_empty());
        let may_tell = !linked.is_empty() || self.mail.has_looked(id);
        let may_open = self.conversations.get(&id).and_then(|c| c.role(&self.profile.user)) >= Some(Role::Member);
        let Some(group) = self.groups.get_mut(&id) else { return };
        if !group.epochs.expire(now).is_empty() {
            group.is_unkept = true;
            self.tails.erased(StreamId::Secrets);
        }
        let mut next = now.plus(LOOK_EVERY_MS);
        let (mut lacking, mut opens, mut boxes) = (Vec::new(), false, Vec::new());
        for due in group.epochs.due(&group.room, now) {
            match due {
                // Nobody to tell of it: the present one is as good.
                Due::Rotate { why: Why::Weekly, .. } if !may_tell => {}
                Due::Rotate { .. } if !may_open => {}
                Due::Rotate { at, .. } if at <= now => opens = true,
                Due::Rotate { at, .. } => next = next.min(at),
                Due::Grant { epoch, device } => {
                    let peer = linked.get(&device);
                    if peer.is_none() && !(by_mail && group.epochs.is_maker(epoch)) {
                        continue;
                    }
                    // A prekey that cannot be sealed to is the other's affair.
                    let sealed = group.epochs.box_for(&group.room, epoch, device, &mut self.rng);
                    boxes.extend(sealed.ok().map(|sealed| (peer.copied(), sealed.encode())));
                }
                Due::Ask { epoch } if !linked.is_empty() && lacking.len() < MAX_BOXES => {
                    group.epochs.asked(epoch, now);
                    lacking.push(epoch);
                }
                Due::Ask { .. } => {}
            }
        }
        group.look_at = next;
        group.is_unkept |= !boxes.is_empty();
        if boxes.iter().any(|(peer, _)| peer.is_none()) {
            self.stir_mail(now, id);
        }
        for (peer, sealed) in boxes {
            let frame = Frame::Boxes { conversation: id, boxes: vec![sealed.into()] };
            peer.into_iter().for_each(|peer| self.send(peer, &frame));
        }
        if !lacking.is_empty() {
            for peer in linked.into_values().take(ASKED) {
                self.send(peer, &Frame::Ask { conversation: id, epochs: lacking.clone() });
            }
        }
        if opens {
            self.open_epoch(now, id);
        }
    }

    /// Looks after a conversation's epochs soon: somebody came whom we can ask, or who may lack one.
    pub(super) fn look_soon(&mut self, id: ConversationId, now: Timestamp) {
        self.groups.get_mut(&id).into_iter().for_each(|group| group.look_at = now);
    }

    /// A member's device lacks epochs.
    pub(super) fn asked_for_epochs(&mut self, peer: PeerId, id: ConversationId, epochs: &[RecordHash]) {
        let Some(device) = self.links.get(&peer).and_then(|link| link.device) else { return };
        let Some(group) = self.groups.get_mut(&id) else { return };
        let mut boxes: Vec<serde_bytes::ByteBuf> = Vec::new();
        for epoch in epochs.iter().take(MAX_BOXES) {
            let sealed = group.epochs.box_for(&group.room, *epoch, device, &mut self.rng);
            boxes.extend(sealed.ok().map(|sealed| sealed.encode().into()));
        }
        if !boxes.is_empty() {
            self.send(peer, &Frame::Boxes { conversation: id, boxes });
        }
    }

    /// A member gives epochs.
    pub(super) fn boxes(&mut self, now: Timestamp, peer: PeerId, id: ConversationId, boxes: &[serde_bytes::ByteBuf]) {
        let boxes = boxes.get(..boxes.len().min(MAX_BOXES)).unwrap_or_default();
        if self.take_boxes(now, id, boxes).is_err() {
            self.misbehaved(peer, "it sent what is no box of an epoch");
        }
    }

    /// Takes boxes in, whoever brings them; returns whether any is of an epoch that no record announced yet.
    pub(super) fn take_boxes(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        boxes: &[serde_bytes::ByteBuf],
    ) -> Result<bool, BadBox> {
        let boxes = boxes.iter().map(|bytes| EpochBox::decode(bytes)).collect::<Result<Vec<EpochBox>, _>>()?;
        let (Some(group), prekeys) = (self.groups.get_mut(&id), &self.profile.prekeys) else { return Ok(false) };
        let mut is_early = false;
        for sealed in boxes {
            // One that does not open is asked for again, of others.
            match group.epochs.receive(sealed, |number| prekeys.key(number), now) {
                Ok(true) => {
                    group.is_unkept = true;
                    group.look_at = now;
                }
                Ok(false) => {}
                Err(error) => is_early |= error == EpochError::Unknown,
            }
        }
        self.keep_epochs();
        Ok(is_early)
    }

    // ---- what is kept --------------------------------------------------------------------------------------------

    /// Has what changed kept.
    fn keep_epochs(&mut self) {
        let unkept = self.groups.iter_mut();
        let unkept = unkept.filter_map(|(id, group)| std::mem::take(&mut group.is_unkept).then_some(*id));
        for id in Vec::from_iter(unkept) {
            let Some(kept) = self.kept_epochs(id) else { continue };
            self.keep_secret(&kept, Pending::Epochs(id));
        }
    }

    fn kept_epochs(&self, id: ConversationId) -> Option<Kept> {
        let group = self.groups.get(&id)?;
        Some(group.kept(id, group.epochs.held_ids()))
    }

    fn keep_secret(&mut self, kept: &Kept, pending: Pending) {
        let bytes = postcard::to_stdvec(kept).expect("a secret always encodes");
        self.persist(vec![Record { stream: StreamId::Secrets, bytes }], vec![pending]);
    }

    /// Tries again later: what was to be kept was not.
    pub(super) fn epochs_not_kept(&mut self, id: ConversationId) {
        self.groups.get_mut(&id).into_iter().for_each(|group| group.is_unkept = true);
    }

    /// Returns all that the stream of secrets is to hold.
    pub(super) fn secrets_image(&self) -> Vec<u8> {
        let epochs = self.groups.keys().filter_map(|id| self.kept_epochs(*id));
        let all: Vec<Kept> = epochs.chain([Kept::Prekeys(self.profile.prekeys.clone())]).collect();
        postcard::to_stdvec(&all).expect("secrets always encode")
    }

    /// Reads what is kept of epochs and prekeys.
    pub(super) fn read_secrets(&mut self, now: Timestamp, view: &dyn View) -> Result<(), crate::store::StoreError> {
        let stream = view.read(StreamId::Secrets)?;
        let image = stream.image.and_then(|image| postcard::from_bytes::<Vec<Kept>>(&image).ok()).unwrap_or_default();
        let tail = stream.tail.iter().filter_map(|bytes| postcard::from_bytes::<Kept>(bytes).ok());
        let mut newest = BTreeMap::new();
        for kept in image.into_iter().chain(tail) {
            match kept {
                Kept::Epochs { conversation, state, keys } => drop(newest.insert(conversation, (state, keys))),
                Kept::Prekeys(prekeys) => self.profile.prekeys = prekeys,
            }
        }
        let me = self.key.device();
        for (id, (state, keys)) in newest {
            let keys = keys.iter().map(|(epoch, key)| (*epoch, key.as_slice()));
            // Unreadable ones are asked for anew.
            let Ok(epochs) = Epochs::decode(id, me, &state, keys) else { continue };
            self.groups.insert(id, Group { epochs, ..Group::new(id, me) });
        }
        let ids: Vec<ConversationId> = self.conversations.keys().copied().collect();
        ids.into_iter().for_each(|id| self.announce_epochs(now, id));
        Ok(())
    }

    /// Makes a new prekey each week, tells others of it, and drops old ones.
    fn turn_prekeys(&mut self, now: Timestamp) {
        if self.is_retired() {
            return;
        }
        let turn = self.profile.prekeys.turn(now, &mut self.rng);
        if turn.made.is_none() && turn.dropped.is_empty() {
            return;
        }
        if !turn.dropped.is_empty() {
            self.tails.erased(StreamId::Secrets);
        }
        self.keep_secret(&Kept::Prekeys(self.profile.prekeys.clone()), Pending::Nothing);
        if let Some((n, address)) = turn.made {
            let record = self.own_record(now, UserSaid::Prekey(Prekey { n, key: address.0.to_vec() }));
            self.own_learned(now, vec![record]);
        }
    }
}

/// Returns the devices of the members, with what to seal to. A device without a usable prekey gets no epoch.
fn recipients(ruling: &Ruling) -> BTreeMap<DeviceId, Recipient> {
    let devices = |user| ruling.devices(user).into_iter().flat_map(|devices| devices.valid());
    let all = ruling.members().keys().flat_map(devices);
    let sealable = all.filter_map(|(device, prekey)| {
        let prekey = prekey?;
        let address = BoxAddress(prekey.key.as_slice().try_into().ok()?);
        Some((device, Recipient { device, prekey: prekey.n, address }))
    });
    sealable.collect()
}
