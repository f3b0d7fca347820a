//! Our user's devices, as commands: list them, let another in, retire one.
//!
//! Letting in is `identity::linking`, of which this is the old device's side: the new one showed an offer, a person named
//! it here, both show six digits, and both are told yes. Then the certificate is written, kept, and handed over together
//! with what the user's devices share.
//!
//! Who retires a device says so in the user's log, and in each conversation how far its chains count: what it wrote until
//! now, and nothing that is yet to come.

use super::birth::Handover;
use super::controls::Then;
use super::durable::Pending;
use super::io::{CallId, View};
use super::outbound::invalid;
use super::roles::not_allowed;
use super::{Engine, machine};
use crate::authority::{DeviceStatus, Devices, Item, MAX_DEVICES, Said, UserRecord, UserSaid};
use crate::envelope::Frame;
use crate::id::{ConversationId, DeviceId, PeerId};
use crate::identity::linking::{LinkingError, OldDevice};
use crate::identity::{Phrase, RootKey};
use crate::rpc::{self, ErrorCode, Reply, RpcError};
use crate::time::Timestamp;

/// How long a new device may take to answer, in milliseconds.
const ANSWER_MS: u64 = 30_000;

/// How long people may take to compare the digits.
const COMPARE_MS: u64 = 10 * 60 * 1000;

/// The fewest characters of an abbreviated device.
const MIN_ABBREVIATION: usize = 4;

/// A device that is being let in.
#[derive(Debug)]
pub(super) struct Guiding {
    old: OldDevice,
    hello: Vec<u8>,
    /// Where its confirmation and ours stand.
    there: bool,
    here: bool,
    /// Who waits for the next step, and until when.
    waits: Option<(CallId, Timestamp)>,
}

impl Engine {
    /// Lists our user's devices.
    pub(super) fn devices(&self) -> Reply {
        let own = self.own.last_ruling().devices(&self.profile.user);
        let linked = |device: &DeviceId| self.links.values().any(|link| link.device == Some(*device));
        let devices = own.into_iter().flat_map(|devices| devices.all()).map(|(device, status)| rpc::Device {
            device: device.to_string(),
            this: device == self.key.device(),
            state: match status {
                DeviceStatus::Valid => "yours",
                DeviceStatus::Suspended => "suspended",
                DeviceStatus::Revoked => "retired",
                DeviceStatus::Surplus => "surplus",
                DeviceStatus::Moved => "moved",
            }
            .to_owned(),
            since: self.certified(&device).unwrap_or_default().0,
            linked: linked(&device),
        });
        Reply::Devices { devices: devices.collect() }
    }

    fn certified(&self, of: &DeviceId) -> Option<Timestamp> {
        let certs = self.own_log().filter(|record| match record.said() {
            UserSaid::DeviceCert { device, .. } => device == of,
            UserSaid::DeviceSet { devices, .. } => devices.iter().any(|(device, _)| device == of),
            _ => false,
        });
        certs.map(UserRecord::at).min()
    }

    // ---- letting one in ------------------------------------------------------------------------------------------

    /// Begins to let a device in that shows an offer. Answers with the digits when it has answered.
    pub(super) fn link_device(&mut self, now: Timestamp, call: CallId, offer: &str) -> Result<(), RpcError> {
        let (user, key) = (self.profile.user, self.key.clone());
        let (old, hello) = OldDevice::scan(offer, user, key, now, &mut self.rng).map_err(linking)?;
        self.may_certify(now, old.new_device())?;
        let peers = old.offer().peers.clone();
        let earlier = self.guiding.replace(Guiding {
            old,
            hello,
            there: false,
            here: false,
            waits: Some((call, now.plus(ANSWER_MS))),
        });
        self.give_up(earlier, "another device is being linked now");
        for (peer, addresses) in peers {
            if self.links.contains_key(&peer) {
                self.greet(peer);
            }
            self.known_at(peer, addresses);
        }
        Ok(())
    }

    /// Tells early why a certificate of ours would not count.
    fn may_certify(&self, now: Timestamp, device: DeviceId) -> Result<UserRecord, RpcError> {
        let user = self.profile.user;
        let known = self.own.last_ruling().devices(&user);
        if known.is_some_and(|devices| devices.valid().count() >= MAX_DEVICES) {
            return Err(not_allowed(format!(
                "you have {MAX_DEVICES} devices, and no more are possible: retire one first, see `bayou device list`"
            )));
        }
        match self.own_status(&device) {
            Some(DeviceStatus::Valid) => return Err(invalid("this device is yours already".to_owned())),
            Some(_) => return Err(not_allowed("this device was retired: make a new home on it".to_owned())),
            None => {}
        }
        let record = self.own_record(now, UserSaid::DeviceCert { device, may_enrol: true, prekey: None });
        match self.own_with(&record).last_ruling().is_device_of(&device, &user) {
            true => Ok(record),
            false => Err(not_allowed(
                "this device cannot let others in: it was retired, or let in by one that was let in by another; do it \
                 from your first device, or use the recovery phrase on the new one"
                    .to_owned(),
            )),
        }
    }

    /// Says hello to the new device, if this is it.
    pub(super) fn greet(&mut self, peer: PeerId) {
        let is_it = |guiding: &&Guiding| guiding.is_at(peer) && guiding.old.digits().is_none();
        if let Some(guiding) = self.guiding.as_ref().filter(is_it) {
            let message = guiding.hello.clone();
            self.send(peer, &Frame::Linking { message });
        }
    }

    /// The new device answers.
    pub(super) fn linking(&mut self, now: Timestamp, peer: PeerId, message: &[u8]) {
        let Some(guiding) = self.guiding.as_mut().filter(|guiding| guiding.is_at(peer)) else { return };
        let result = match guiding.old.digits() {
            None => guiding.old.take_reveal(message, now),
            Some(_) => guiding.old.take_confirmation(message, now).map(|()| guiding.there = true),
        };
        match (result, guiding.old.digits()) {
            (Ok(()), Some(digits)) if !guiding.there => {
                let device = guiding.old.new_device().to_string();
                let reply = Reply::Digits { digits: digits.to_string(), device };
                let asked = guiding.waits.take();
                asked.into_iter().for_each(|(call, _)| self.reply(call, Ok(reply.clone())));
            }
            (Ok(()), _) => self.hand_over(now, peer),
            (Err(error), _) => {
                let asked = guiding.waits.take();
                self.guiding = None;
                asked.into_iter().for_each(|(call, _)| self.reply(call, Err(linking(error))));
            }
        }
    }

    /// A person compared the digits. Answers when the other side has said yes, too, and all is handed over.
    pub(super) fn confirm_device(&mut self, now: Timestamp, call: CallId, yes: bool) -> Result<(), RpcError> {
        let Some(guiding) = self.guiding.as_mut().filter(|guiding| guiding.old.digits().is_some()) else {
            return Err(invalid("no device is being linked: begin with `bayou device add LINK`".to_owned()));
        };
        if !yes {
            self.guiding = None;
            self.reply(call, Ok(Reply::Done { done: true }));
            return Ok(());
        }
        guiding.old.confirm(now).map_err(linking)?;
        guiding.here = true;
        guiding.waits = Some((call, now.plus(COMPARE_MS)));
        let new = guiding.old.offer().peers.iter().map(|(peer, _)| *peer).find(|peer| self.links.contains_key(peer));
        new.into_iter().for_each(|peer| self.hand_over(now, peer));
        Ok(())
    }

    /// Certifies the new device and hands over, when both sides have said yes.
    fn hand_over(&mut self, now: Timestamp, peer: PeerId) {
        let Some(mut guiding) = self.guiding.take_if(|guiding| guiding.here && guiding.there) else { return };
        let Some((call, _)) = guiding.waits.take() else { return };
        let result = self.may_certify(now, guiding.old.new_device()).and_then(|cert| {
            let log = self.own_log().chain([&cert]).map(|record| record.bytes().to_vec());
            let payload = Handover::new(&self.profile, log).to_bytes();
            let answer = guiding.old.answer(&payload, now, &mut self.rng).map_err(linking)?;
            Ok((cert, answer))
        });
        match result {
            Ok((cert, message)) => {
                self.own_learned(now, vec![cert]);
                self.persist(vec![], vec![Pending::Certified { call, peer, message }]);
            }
            Err(error) => self.reply(call, Err(error)),
        }
    }

    pub(super) fn certified_now(&mut self, call: CallId, peer: PeerId, message: Vec<u8>) {
        self.send(peer, &Frame::Linking { message });
        self.reply(call, Ok(Reply::Done { done: true }));
    }

    /// Gives up a device that does not answer.
    pub(super) fn give_up_late_devices(&mut self, now: Timestamp) {
        let late = |guiding: &mut Guiding| {
            guiding.waits.is_some_and(|(_, until)| until <= now || until.since(now) > COMPARE_MS)
        };
        let late = self.guiding.take_if(late);
        self.give_up(
            late,
            "the new device does not answer: is it on the same network, and does it still show the code?",
        );
    }

    fn give_up(&mut self, guiding: Option<Guiding>, why: &str) {
        if let Some((call, _)) = guiding.and_then(|guiding| guiding.waits) {
            self.reply(call, Err(RpcError::new(ErrorCode::Machine, why)));
        }
    }

    // ---- retiring one --------------------------------------------------------------------------------------------

    /// Retires one of our user's devices; with the recovery phrase any, else one that is no nearer to the phrase.
    pub(super) fn retire_device(
        &mut self,
        now: Timestamp,
        call: CallId,
        device: &str,
        phrase: Option<&str>,
        view: &dyn View,
    ) -> Result<(), RpcError> {
        let device = self.find_device(device)?;
        if device == self.key.device() {
            return Err(invalid("this is the very device that you use: retire it from another of yours".to_owned()));
        }
        let said = UserSaid::DeviceRevoke { device };
        let record = match phrase {
            None => self.own_record(now, said),
            Some(words) => {
                let root = self.own_root(words)?;
                UserRecord::by_root(said, self.own.user_heads(&self.profile.user), now, root.signing_key())
            }
        };
        let after = self.own_with(&record);
        let status = |device| after.last_ruling().devices(&self.profile.user).and_then(|all| all.status(&device));
        if status(device) != Some(DeviceStatus::Revoked) || status(self.key.device()) != Some(DeviceStatus::Valid) {
            return Err(not_allowed(
                "that device is nearer to your recovery phrase than this one: retire it with the phrase, \
                 `bayou device revoke DEVICE --phrase-file FILE`"
                    .to_owned(),
            ));
        }
        let ids: Vec<ConversationId> = self.conversations.keys().copied().collect();
        let mut cuts = Vec::new();
        for id in ids {
            cuts.extend(self.retirement(now, id, device, view)?.map(|items| (id, items)));
        }
        self.own_learned(now, vec![record]);
        for (id, items) in cuts {
            self.take_items(id, items, vec![], None, Then::Nothing);
        }
        self.persist(vec![], vec![Pending::Reply(call, Box::new(Reply::Done { done: true }))]);
        Ok(())
    }

    /// Returns our user's root key.
    fn own_root(&self, words: &str) -> Result<RootKey, RpcError> {
        let root = Phrase::parse(words).map_err(|error| invalid(error.to_string()))?.root();
        match root.user() == self.profile.user {
            true => Ok(root),
            false => Err(invalid("these 24 words are another user's".to_owned())),
        }
    }

    /// Has our user go on under another recovery phrase. What goes on is what the new words restore, and others know by this
    /// record whose place that takes. This home does not: it is of a user who is another now.
    pub(super) fn move_root(&mut self, now: Timestamp, call: CallId, from: &str, to: &str) -> Result<(), RpcError> {
        let (root, next) =
            (self.own_root(from)?, Phrase::parse(to).map_err(|error| invalid(error.to_string()))?.root());
        if next.user() == root.user() {
            return Err(invalid("these are the 24 words that you have: others are needed to go on with".to_owned()));
        }
        if self.own.last_ruling().devices(&root.user()).is_some_and(|devices| devices.moved().is_some()) {
            return Err(not_allowed("you go on under other 24 words already: `bayou restore` with those".to_owned()));
        }
        let consent = UserRecord::consent(root.user(), next.signing_key());
        let said = UserSaid::RootMove { to: next.user(), consent };
        let moves = UserRecord::by_root(said, self.own.user_heads(&root.user()), now, root.signing_key());
        // What they wrote until now goes on to count.
        let devices = self.own.last_ruling().devices(&root.user()).into_iter().flat_map(Devices::valid);
        let certs = devices.map(|(device, _)| UserSaid::DeviceCert { device, may_enrol: false, prekey: None });
        let certs = certs.map(|cert| UserRecord::by_root(cert, vec![], now, next.signing_key()));
        let items: Vec<Item> = certs.chain([moves.clone()]).map(Item::User).collect();
        let ids: Vec<ConversationId> = self.conversations.keys().copied().collect();
        for id in ids {
            self.take_items(id, items.clone(), vec![], None, Then::Nothing);
        }
        self.own_learned(now, vec![moves]);
        self.persist(vec![], vec![Pending::Reply(call, Box::new(Reply::Done { done: true }))]);
        Ok(())
    }

    /// Returns the record by which a retired device's chains end in a conversation, with the cut that it names.
    fn retirement(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        device: DeviceId,
        view: &dyn View,
    ) -> Result<Option<Vec<Item>>, RpcError> {
        let user = self.profile.user;
        if self.conversations.get(&id).is_none_or(|known| known.member(&user).is_none()) {
            return Ok(None);
        }
        let cut = self.cut_where(id, |author| author.device == device, view)?;
        let record = self.control(now, id, Said::DeviceCut { user, device, cut: cut.hash() })?;
        Ok(Some(vec![Item::Cut(cut), Item::Record(record)]))
    }

    fn find_device(&self, text: &str) -> Result<DeviceId, RpcError> {
        let own = self.own.last_ruling().devices(&self.profile.user);
        let fits = |device: &DeviceId| text.len() >= MIN_ABBREVIATION && device.to_string().starts_with(text);
        let mut found = own.into_iter().flat_map(|devices| devices.all()).map(|(device, _)| device).filter(fits);
        match (found.next(), found.next()) {
            (Some(device), None) => Ok(device),
            (Some(_), Some(_)) => Err(RpcError::new(ErrorCode::NotFound, "several devices fit: use more of the id")),
            (None, _) => Err(RpcError::new(ErrorCode::NotFound, "no such device: `bayou device list` lists yours")),
        }
    }
}

impl Guiding {
    fn is_at(&self, peer: PeerId) -> bool {
        self.old.offer().peers.iter().any(|(known, _)| *known == peer)
    }
}

/// Says of a failed step what a front end is told.
fn linking(error: LinkingError) -> RpcError {
    match error {
        LinkingError::Link(_) | LinkingError::OwnCode => invalid(error.to_string()),
        _ => machine(error),
    }
}
