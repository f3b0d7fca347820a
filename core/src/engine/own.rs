//! Our user's other devices: how they find each other, and what they agree on.
//!
//! All of a user's devices know one secret, and tell on each link that they know it. So they recognise each other, show
//! each other their user's log, and who is one of the user's devices by it is given all that they share: the log, and the
//! **registers** (`identity::Registers`): which conversations the user is in, and up to where each was read. A device that
//! hears of a conversation takes part in it as if it had been let in itself.
//!
//! ```text
//! Share(…, tag under the devices' secret)  ◄─►  the same      both know it; that alone gives nothing
//! Mine(the user's log)                     ◄─►  Mine          each sees that the other's device is certified
//! Own(names of what it has)                ──►
//!                                          ◄──  Owned(the rest)
//! ```
//!
//! A user whose devices are all lost comes back by the phrase, with a new device that nobody knows. It asks each peer that
//! it meets whether they know its user, shows why it is the user's, and is told which conversations the two are in.

use std::collections::BTreeSet;

use super::conversation::Conversation;
use super::durable::Pending;
use super::facts::{self, Fact};
use super::roles::retired;
use super::{Engine, controls, entrance, machine};
use crate::authority::{Authority, Avatar, DeviceStatus, Item, UserRecord, UserSaid};
use crate::conversation::EntryId;
use crate::crypto;
use crate::envelope::Frame;
use crate::id::{ConversationId, DeviceId, PeerId, StreamId, UserId};
use crate::identity::{Register, RegisterKey};
use crate::rpc::RpcError;
use crate::store::Record;
use crate::time::Timestamp;

/// About how many bytes go into one frame.
const FRAME_BUDGET: usize = 256 * 1024;

/// The most names in one frame.
const MAX_NAMES: usize = 64 * 1024;

/// First bytes of what is shared: a record of the log, a register, the user's picture.
const RECORD: u8 = 1;
const REGISTER: u8 = 2;
const AVATAR: u8 = 3;

/// How far we are with the device at the other end of a link, if it may be our user's.
#[derive(Debug, Default)]
pub(super) struct Kinship {
    /// It knows what our devices share.
    pub(super) knows_secret: bool,
    /// It is our user's, by the log.
    pub(super) is_own: bool,
    /// We have shown our log.
    shown: bool,
    /// We have asked for what it has.
    asked: bool,
    /// We told it that we know its user.
    acquainted: bool,
    /// We asked whether it knows our user, and it does.
    pub(super) knows_us: bool,
}

impl Engine {
    /// Returns the tag by which `teller` tells on a link that it knows what our devices share.
    pub(super) fn devices_tag(&self, binding: &[u8; 32], teller: PeerId) -> [u8; 16] {
        first16(crypto::keyed_hash(
            self.profile.devices_secret().expose(),
            &[b"own device", binding, teller.as_bytes()],
        ))
    }

    /// Tells whether our device still is one of our user's.
    pub(super) fn is_retired(&self) -> bool {
        self.own_status(&self.key.device()) != Some(DeviceStatus::Valid)
    }

    pub(super) fn own_status(&self, device: &DeviceId) -> Option<DeviceStatus> {
        self.own.last_ruling().devices(&self.profile.user)?.status(device)
    }

    /// Looks at whether the other end of a link is a device of our user's.
    pub(super) fn regard_kin(&mut self, peer: PeerId) {
        let Some(link) = self.links.get(&peer) else { return };
        let Some(device) = link.device else { return };
        let knows_secret = link.has_tag(&self.devices_tag(&link.binding, peer));
        let is_own = knows_secret && self.own_status(&device) == Some(DeviceStatus::Valid) && !self.is_retired();
        let shows = knows_secret && !link.kin.shown;
        let asks = is_own && !link.kin.asked;
        if let Some(link) = self.links.get_mut(&peer) {
            link.kin.knows_secret = knows_secret;
            link.kin.is_own = is_own;
            link.kin.shown |= shows;
            link.kin.asked |= asks;
        }
        if shows {
            self.show_log(peer);
        }
        if asks {
            let names = self.own_names().into_iter().take(MAX_NAMES).collect();
            self.send(peer, &Frame::Own { names });
        }
    }

    fn show_log(&mut self, peer: PeerId) {
        if !self.is_retired() {
            let log = self.own_log().map(|record| record.bytes().to_vec().into()).collect();
            self.send(peer, &Frame::Mine { log });
        }
    }

    pub(super) fn own_log(&self) -> impl Iterator<Item = &UserRecord> {
        self.own.user_records(&self.profile.user)
    }

    /// Returns what shows our user in a conversation: their log and picture.
    pub(super) fn own_items(&self) -> Vec<Item> {
        let log = self.own_log().cloned().map(Item::User);
        log.chain(self.own.avatars().cloned().map(Item::Avatar)).collect()
    }

    fn own_names(&self) -> BTreeSet<[u8; 8]> {
        let log = self.own_log().map(|record| Register::name_of(record.bytes()));
        let avatars = self.own.avatars().map(|avatar| Register::name_of(avatar.bytes()));
        log.chain(avatars).chain(self.registers.iter().map(Register::name)).collect()
    }

    // ---- being back ----------------------------------------------------------------------------------------------

    /// Asks the other end of a link whether it knows our user, if the user is back with nothing but the phrase.
    pub(super) fn ask_after_us(&mut self, peer: PeerId) {
        let Some(link) = self.links.get(&peer).filter(|_| self.is_back) else { return };
        let tag = user_tag(&self.profile.user, &link.binding, self.peer);
        self.send(peer, &Frame::Return { tag });
    }

    /// A device of somebody who is back asks whether we know its user.
    pub(super) fn returned(&mut self, peer: PeerId, theirs: [u8; 16]) {
        let me = self.profile.user;
        let Some(link) = self.links.get_mut(&peer) else { return };
        if !link.hears_knock() {
            return;
        }
        let binding = link.binding;
        let ours = self.conversations.values().filter(|c| c.member(&me).is_some());
        let users: BTreeSet<&UserId> = ours.flat_map(Conversation::users).collect();
        let known = users.into_iter().find(|user| user_tag(user, &binding, peer) == theirs).copied();
        if let (Some(user), Some(link)) = (known, self.links.get_mut(&peer)) {
            link.kin.acquainted = true;
            let tag = user_tag(&user, &binding, self.peer);
            self.send(peer, &Frame::Known { tag });
        }
    }

    /// Somebody knows our user.
    pub(super) fn known_here(&mut self, peer: PeerId, theirs: [u8; 16]) {
        let user = self.profile.user;
        let is_back = self.is_back;
        let Some(link) = self.links.get_mut(&peer).filter(|_| is_back) else { return };
        if user_tag(&user, &link.binding, peer) == theirs && !std::mem::replace(&mut link.kin.knows_us, true) {
            self.show_log(peer);
        }
    }

    /// A peer shows whose device it is.
    pub(super) fn shown(&mut self, now: Timestamp, peer: PeerId, log: &[serde_bytes::ByteBuf]) {
        let me = self.profile.user;
        let Some(link) = self.links.get(&peer) else { return };
        let (Some(device), acquainted) = (link.device, link.kin.acquainted) else { return };
        let Some((user, log)) = entrance::read_log(&device, log) else {
            return self.misbehaved(peer, "it showed a log that is not its own");
        };
        if user == me {
            self.own_learned(now, log);
        } else if acquainted {
            let is_in = |c: &Conversation| c.member(&me).is_some() && c.member(&user).is_some();
            let ids: Vec<ConversationId> =
                self.conversations.iter().filter(|(_, c)| is_in(c)).map(|(id, _)| *id).collect();
            for id in ids {
                let items = log.iter().cloned().map(Item::User).collect();
                self.take_items(id, items, vec![], None, controls::Then::Welcome(peer, None));
            }
        }
    }

    /// Takes part in a conversation that our user is in: so says another of the user's devices, or a member.
    pub(super) fn take_part(&mut self, now: Timestamp, id: ConversationId, secret: [u8; 32]) {
        let number = match self.conversations.get(&id) {
            // Who begins a conversation of two draws its secret, and both may at once: of two the smaller holds, on all
            // sides.
            Some(known) if known.secret <= secret && !known.left && known.joining.is_none() => {
                if known.secret < secret {
                    self.unsaid.insert(RegisterKey::Conversation(id));
                }
                return;
            }
            Some(known) => known.number,
            None => match self.next_number() {
                Ok(number) => number,
                Err(error) => return self.problem(error.message),
            },
        };
        let known = self.conversations.entry(id).or_insert_with(|| Conversation::new(id, number, secret));
        known.secret = secret;
        known.left = false;
        known.joining = None;
        self.note(Fact::Joined { conversation: id, secret, peers: vec![] });
        self.share_everywhere(now);
    }

    // ---- the log -------------------------------------------------------------------------------------------------

    /// Takes records of our own user's log in, from wherever they come, and carries them on.
    pub(super) fn own_learned(&mut self, now: Timestamp, records: Vec<UserRecord>) {
        let fresh: Vec<UserRecord> =
            records.into_iter().filter(|record| self.own.insert_user(record.clone())).collect();
        if fresh.is_empty() {
            return;
        }
        self.own.ruling();
        let facts: Vec<Fact> = fresh.iter().map(|record| Fact::Own(record.bytes().to_vec().into())).collect();
        let items = fresh.iter().map(|record| tagged(RECORD, record.bytes())).collect();
        self.keep_own(&facts, items, vec![]);
        self.spread_log();
        let peers: Vec<PeerId> = self.links.keys().copied().collect();
        for peer in peers {
            self.regard_kin(peer);
            self.meet(now, peer);
        }
    }

    /// Takes our user's picture in, and carries it on.
    pub(super) fn own_pictured(&mut self, avatar: Avatar) {
        if self.own.insert_avatar(avatar.clone()) {
            let item = tagged(AVATAR, avatar.bytes());
            self.keep_own(&[Fact::Avatar(avatar.bytes().to_vec().into())], vec![item], vec![]);
            self.spread_log();
        }
    }

    /// Has our user's log and picture known in all conversations.
    fn spread_log(&mut self) {
        let ids: Vec<ConversationId> = self.conversations.keys().copied().collect();
        for id in ids {
            let items = self.own_items();
            self.take_items(id, items, vec![], None, controls::Then::Nothing);
        }
    }

    /// Says something in our user's log. It is kept; what it does to conversations is for the caller.
    pub(super) fn own_record(&self, now: Timestamp, said: UserSaid) -> UserRecord {
        let user = self.profile.user;
        UserRecord::by_device(said, user, self.own.user_heads(&user), now, &self.key)
    }

    /// Returns our user's log as it would be with one record more.
    pub(super) fn own_with(&self, record: &UserRecord) -> Authority {
        let mut trial = self.own.clone();
        trial.insert_user(record.clone());
        trial.ruling();
        trial
    }

    // ---- registers -----------------------------------------------------------------------------------------------

    /// Another of our devices tells what it has.
    pub(super) fn give_own(&mut self, peer: PeerId, names: Vec<[u8; 8]>) {
        if !self.links.get(&peer).is_some_and(|link| link.kin.is_own) {
            return;
        }
        let names: BTreeSet<[u8; 8]> = names.into_iter().collect();
        let log = self.own_log().map(|record| (RECORD, record.bytes()));
        let log = log.chain(self.own.avatars().map(|avatar| (AVATAR, avatar.bytes())));
        let all = log.chain(self.registers.iter().map(|register| (REGISTER, register.bytes())));
        let lacking = all.filter(|(_, bytes)| !names.contains(&Register::name_of(bytes)));
        let items = lacking.map(|(kind, bytes)| tagged(kind, bytes)).collect();
        self.send_own(peer, items);
    }

    fn send_own(&mut self, peer: PeerId, items: Vec<Vec<u8>>) {
        let (mut frame, mut weight) = (Vec::new(), 0);
        for item in items {
            if weight > 0 && weight + item.len() > FRAME_BUDGET {
                self.send(peer, &Frame::Owned { items: std::mem::take(&mut frame) });
                weight = 0;
            }
            weight += item.len();
            frame.push(item.into());
        }
        if !frame.is_empty() {
            self.send(peer, &Frame::Owned { items: frame });
        }
    }

    /// Another of our devices gives what we lack.
    pub(super) fn owned(&mut self, now: Timestamp, peer: PeerId, items: &[serde_bytes::ByteBuf]) {
        let user = self.profile.user;
        if !self.links.get(&peer).is_some_and(|link| link.kin.is_own) {
            return;
        }
        let (mut log, mut registers, mut avatars) = (Vec::new(), Vec::new(), Vec::new());
        for item in items {
            let known = match item.split_first() {
                Some((&RECORD, bytes)) => {
                    UserRecord::open(bytes).ok().filter(|r| r.user() == user).map(|record| log.push(record))
                }
                Some((&REGISTER, bytes)) => Register::open(bytes, &user).ok().map(|register| registers.push(register)),
                Some((&AVATAR, bytes)) => Avatar::open(bytes).ok().map(|avatar| avatars.push(avatar)),
                _ => None,
            };
            if known.is_none() {
                return self.misbehaved(peer, "it gave what is not our user's");
            }
        }
        self.own_learned(now, log);
        avatars.into_iter().for_each(|avatar| self.own_pictured(avatar));
        // Of a device that was retired meanwhile it still holds what it wrote before; nobody else gives it to us.
        let ours = |register: &Register| self.own_status(&register.device()).is_some();
        let registers: Vec<Register> = registers.into_iter().filter(ours).collect();
        self.merge(now, registers);
    }

    /// Takes registers in and does what they say.
    fn merge(&mut self, now: Timestamp, registers: Vec<Register>) {
        let fresh: Vec<Register> =
            registers.into_iter().filter(|register| self.registers.merge(register.clone())).collect();
        if fresh.is_empty() {
            return;
        }
        let facts: Vec<Fact> = fresh.iter().map(|register| Fact::Register(register.bytes().to_vec().into())).collect();
        let items = fresh.iter().map(|register| tagged(REGISTER, register.bytes())).collect();
        self.keep_own(&facts, items, fresh.iter().map(|register| register.key().clone()).collect());
        for register in fresh {
            self.obey(now, &register);
        }
    }

    fn obey(&mut self, now: Timestamp, register: &Register) {
        match register.key() {
            RegisterKey::Conversation(id) => match postcard::from_bytes(register.value()) {
                Ok(Some(secret)) => self.take_part(now, *id, secret),
                Ok(None) => {
                    if let Some(known) = self.conversations.get_mut(id).filter(|known| !known.left) {
                        known.left = true;
                        self.note(Fact::Left { conversation: *id });
                    }
                }
                Err(_) => {}
            },
            RegisterKey::Read(id) => {
                if let Ok(upto) = postcard::from_bytes::<EntryId>(register.value()) {
                    self.mark_read(*id, upto);
                }
            }
            RegisterKey::Contact(user) => self.heed_block(now, user),
            RegisterKey::Asked(user) => self.note_way_to(user),
            RegisterKey::Draft(_) | RegisterKey::Setting(_) | RegisterKey::ContactLink | RegisterKey::Asker(_) => {}
        }
    }

    /// Writes into registers what changed here and others of our devices should know. Comes with each tick, so that a
    /// conversation that is being read makes one register a second.
    pub(super) fn tell_own(&mut self, now: Timestamp) {
        let changed = std::mem::take(&mut self.unsaid);
        if self.is_retired() {
            return;
        }
        for key in changed {
            let Some(value) = self.present(&key) else { continue };
            if self.registers.get(&key).is_some_and(|held| held.value() == value) {
                continue;
            }
            if let Err(error) = self.set_register(now, key, value) {
                self.problem(error.message);
            }
        }
    }

    /// Writes a register. It holds from now on.
    pub(super) fn set_register(&mut self, now: Timestamp, key: RegisterKey, value: Vec<u8>) -> Result<(), RpcError> {
        if self.is_retired() {
            return Err(retired());
        }
        let at = self.registers.next_stamp(&key, now);
        let register = Register::write(self.profile.user, key, value, at, &self.key).map_err(machine)?;
        if !self.registers.has_room(register.key()) {
            return Err(machine("there is no room for anything more that your devices agree on"));
        }
        self.merge(now, vec![register]);
        Ok(())
    }

    /// Returns what a register should hold by what is known here.
    fn present(&self, key: &RegisterKey) -> Option<Vec<u8>> {
        match key {
            RegisterKey::Conversation(id) => {
                let known = self.conversations.get(id).filter(|known| known.joining.is_none())?;
                postcard::to_stdvec(&Some(known.secret).filter(|_| !known.left)).ok()
            }
            RegisterKey::Read(id) => {
                let known = self.conversations.get(id).filter(|known| known.read > EntryId::MIN)?;
                postcard::to_stdvec(&known.read).ok()
            }
            RegisterKey::Draft(_)
            | RegisterKey::Contact(_)
            | RegisterKey::Setting(_)
            | RegisterKey::ContactLink
            | RegisterKey::Asker(_)
            | RegisterKey::Asked(_) => None,
        }
    }

    /// Notes all that other devices may not know yet: what was kept before a crash may not have been told.
    pub(super) fn tell_all_own(&mut self) {
        let ids = self.conversations.keys();
        self.unsaid.extend(ids.flat_map(|id| [RegisterKey::Conversation(*id), RegisterKey::Read(*id)]));
    }

    /// Has facts kept, and then tells our other devices, and front ends of registers.
    fn keep_own(&mut self, facts: &[Fact], items: Vec<Vec<u8>>, keys: Vec<RegisterKey>) {
        let batch = facts.iter().map(|fact| Record { stream: StreamId::Local, bytes: facts::encode(fact) }).collect();
        self.persist(batch, vec![Pending::Own(items, keys)]);
    }

    pub(super) fn own_settled(&mut self, now: Timestamp, items: &[Vec<u8>], keys: &[RegisterKey]) {
        self.tails.grew(StreamId::Local, items.len(), now);
        keys.iter().for_each(|key| self.tell_register(now, key));
        let own = self.links.iter().filter(|(_, link)| link.kin.is_own).map(|(peer, _)| *peer);
        let own: Vec<PeerId> = own.collect();
        own.into_iter().for_each(|peer| self.send_own(peer, items.to_vec()));
    }
}

fn tagged(kind: u8, bytes: &[u8]) -> Vec<u8> {
    [&[kind], bytes].concat()
}

/// Returns the tag by which `teller` tells on a link that it knows a user.
fn user_tag(user: &UserId, binding: &[u8; 32], teller: PeerId) -> [u8; 16] {
    first16(crypto::keyed_hash(&user.0, &[b"return", binding, teller.as_bytes()]))
}

pub(super) fn first16(hash: [u8; 32]) -> [u8; 16] {
    let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = hash;
    first
}
