//! Alarms: whom our user might take for somebody with whom they compared keys.
//!
//! A user is a root key, so another key is another user, and nobody can be given a new key under their feet. What can
//! happen is that our user does not notice. Two things give an alarm, and nothing more is written into a conversation with
//! whoever gives it until our user says that it is right:
//!
//! * A **look-alike**: somebody who was not verified is called as somebody is who was.
//! * **New devices**: none of the devices that somebody has now was there when they were verified, nor let in by one that
//!   was. They came back by the recovery phrase; or somebody else did, who found it.
//!
//! What our user knows of whom is a register, so all their devices agree. A move to another root is signed by the old one:
//! it gives no alarm.

use std::collections::{BTreeMap, BTreeSet};

use unicode_security::skeleton;

use super::Engine;
use super::contacts::Card;
use super::conversation::Conversation;
use super::durable::Pending;
use super::io::CallId;
use crate::authority::{Devices, UserRecord, UserSaid};
use crate::id::{ConversationId, DeviceId, UserId};
use crate::identity::RegisterKey;
use crate::rpc::{Alarm, ErrorCode, Reply, RpcError};
use crate::time::Timestamp;

/// Those with whom our user compared keys, by what they are called: by themselves or by our user.
pub(super) type VerifiedNames = BTreeMap<String, BTreeSet<UserId>>;

impl Engine {
    /// Returns those with whom our user compared keys, by their names.
    pub(super) fn verified_names(&self) -> VerifiedNames {
        let mut names = VerifiedNames::new();
        for register in self.registers.contacts() {
            let RegisterKey::Contact(user) = register.key() else { continue };
            let Card { petname, verified: true, .. } = self.card(user) else { continue };
            for name in petname.into_iter().chain([self.shown_as(user).name]) {
                for read in readings(&name) {
                    names.entry(read).or_default().insert(*user);
                }
            }
        }
        names
    }

    /// Tells what our user should know before they trust somebody who is called `name` where they are met.
    pub(super) fn alarm(&self, user: &UserId, name: &str, verified: &VerifiedNames) -> Option<Alarm> {
        let card = self.card(user);
        if *user == self.profile.user {
            return None;
        }
        if card.verified {
            return self.has_new_devices(user, &card.known).then_some(Alarm::NewDevices);
        }
        // Whom our user gave a name of their own they tell from others by it.
        let read = readings(name).into_iter().filter(|read| card.petname.is_none() && !card.taken_as.contains(read));
        let mut same = read.filter_map(|read| verified.get(&read)).flatten();
        same.any(|other| !self.has_moved_to(other, user)).then_some(Alarm::LookAlike)
    }

    /// Tells whether somebody might be taken for somebody else who is verified.
    pub(super) fn is_look_alike(&self, conversation: &Conversation, user: &UserId) -> bool {
        let alarm = self.alarm(user, &self.name_of(conversation, user), &self.verified_names());
        alarm == Some(Alarm::LookAlike)
    }

    /// Refuses to write where somebody reads who gives an alarm.
    pub(super) fn check_readers(&self, id: ConversationId) -> Result<(), RpcError> {
        let verified = self.verified_names();
        let Some(known) = self.conversations.get(&id).filter(|_| !verified.is_empty()) else { return Ok(()) };
        for user in known.users() {
            let name = self.name_of(known, user);
            let Some(alarm) = self.alarm(user, &name, &verified) else { continue };
            let short = user.fmt_short();
            return Err(RpcError::new(
                ErrorCode::Unconfirmed,
                match alarm {
                    Alarm::LookAlike => format!(
                        "not sent: {short} is called {name}, like somebody whom you verified, and is somebody else. If that is \
                     right: `bayou contact confirm {short}`, or give them a name of your own"
                    ),
                    Alarm::NewDevices => format!(
                        "not sent: {name} has only new devices, made by the recovery phrase. Ask them in person or in a call \
                     whether it was they; then `bayou contact confirm {short}`"
                    ),
                },
            ));
        }
        Ok(())
    }

    /// Takes somebody as they are now, for all devices of our user's.
    pub(super) fn confirm_contact(&mut self, now: Timestamp, call: CallId, text: &str) -> Result<(), RpcError> {
        let (user, _) = self.find_contact(text)?;
        let (mut card, verified) = (self.card(&user), self.verified_names());
        if card.verified {
            card.known = self.devices_of(&user);
        }
        let here = self.conversations.values().map(|known| self.name_of(known, &user));
        let names = here.chain([self.shown_as(&user).name]).map(|name| readings(&name));
        card.taken_as = names.flatten().filter(|name| verified.contains_key(name)).collect();
        self.keep_card(now, user, &card)?;
        self.persist(vec![], vec![Pending::Reply(call, Box::new(Reply::Done { done: true }))]);
        Ok(())
    }

    /// Returns the devices of somebody, as any conversation knows them.
    pub(super) fn devices_of(&self, user: &UserId) -> BTreeSet<DeviceId> {
        self.known_devices(user).flat_map(|(devices, _)| devices.valid().map(|(device, _)| device)).collect()
    }

    /// Tells whether somewhere all devices of somebody are others than these, and none was let in by one of these.
    fn has_new_devices(&self, user: &UserId, these: &BTreeSet<DeviceId>) -> bool {
        let mut known = self.known_devices(user).filter(|_| !these.is_empty());
        known.any(|(devices, log)| {
            let trusted = with_successors(these, &log);
            let valid: BTreeSet<DeviceId> = devices.valid().map(|(device, _)| device).collect();
            !valid.is_empty() && valid.is_disjoint(&trusted)
        })
    }

    /// Tells whether somebody is another root now, by their own word.
    fn has_moved_to(&self, from: &UserId, to: &UserId) -> bool {
        self.known_devices(from).any(|(devices, _)| devices.moved() == Some(*to))
    }

    fn known_devices<'a>(&'a self, user: &'a UserId) -> impl Iterator<Item = (&'a Devices, Vec<&'a UserRecord>)> {
        let all = self.conversations.values().map(|known| &known.authority);
        all.filter_map(|authority| {
            Some((authority.last_ruling().devices(user)?, authority.user_records(user).collect()))
        })
    }
}

/// Returns devices with those that they let in, and so on.
fn with_successors(devices: &BTreeSet<DeviceId>, log: &[&UserRecord]) -> BTreeSet<DeviceId> {
    let mut all = devices.clone();
    loop {
        let before = all.len();
        for record in log {
            if let (Some(by), UserSaid::DeviceCert { device, .. }) = (record.device(), record.said())
                && all.contains(&by)
            {
                all.insert(*device);
            }
        }
        if all.len() == before {
            return all;
        }
    }
}

/// Returns what a name is compared by, as two people may read it: both overlook case, blanks and which alphabet a letter is of;
/// one takes a capital I for an i, the other for an l.
fn readings(name: &str) -> BTreeSet<String> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain = |name: &str| skeleton(name).collect::<String>();
    [plain(&name.to_lowercase()).to_lowercase(), plain(&name).to_lowercase()].into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::DeviceKey;

    #[test]
    fn names_are_compared_as_people_read_them() {
        let alike = |a, b| !readings(a).is_disjoint(&readings(b));
        assert!(alike("  Anna\u{a0} MARIA ", "anna maria"));
        // Cyrillic letters, a digit, an l for an I, two letters for one, and one that is not seen.
        for other in ["\u{410}nn\u{430}", "\u{430}NNA", "Anna\u{200b}"] {
            assert!(alike(other, "Anna"), "{other:?}");
        }
        assert!(
            alike("B0b", "Bob") && alike("lvan", "Ivan") && alike("ADARN", "adam") && alike("Moritz", "Mor\u{456}tz")
        );
        assert!(!alike("Anna", "Anne") && !alike("Ivan", "Evan") && !alike("李", "王"));
    }

    #[test]
    fn who_was_let_in_by_a_known_device_is_no_stranger() {
        let [root, laptop, phone, watch, strange] = [1, 2, 3, 4, 5].map(|seed| DeviceKey::from_seed(&[seed; 32]));
        let user = UserId(root.device().0);
        let cert = |of: &DeviceKey| UserSaid::DeviceCert { device: of.device(), may_enrol: true, prekey: None };
        let by = |key: &DeviceKey, of| UserRecord::by_device(cert(of), user, vec![], Timestamp(1), key);
        let by_root = UserRecord::by_root(cert(&strange), vec![], Timestamp(1), &root);
        // In whatever order they stand in the log.
        let log = [by(&phone, &watch), by_root, by(&laptop, &phone)];
        let all = with_successors(&BTreeSet::from([laptop.device()]), &log.iter().collect::<Vec<_>>());
        assert_eq!(all, BTreeSet::from([laptop.device(), phone.device(), watch.device()]));
    }
}
