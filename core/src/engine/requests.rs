//! From a contact link to a conversation of two.
//!
//! ```text
//! holds a link                                                the person whose link it is, on any device
//! Knock(tag under the link's key)  ──►
//!                                  ◄──  AtHome(its own tag, its user's log)      proves to be the person's device
//! Request(proof by the link's key, a secret, a message, own log)  ──►            checks both; a person is asked
//!                                  ◄──  Wait, and in the end Welcome(secret) or Turned
//! ```
//!
//! Here is who is asked; `asking` is the other side. A request is kept in one of a few registers, so that a flood of them
//! pushes out others and no more; those that were pushed out come again. Both answers are marks in what our user knows of
//! who asked, for the next device that is asked. Who holds a link that was replaced is not answered at all, nor is anyone
//! who is blocked.

use serde::{Deserialize, Serialize};

use super::contacts::Card;
use super::controls::Then;
use super::durable::Pending;
use super::entrance;
use super::io::{CallId, Effect};
use super::outbound::invalid;
use super::{Engine, machine};
use crate::authority::{MAX_NAME, UserRecord};
use crate::crypto::{Secret, Signature};
use crate::envelope::{Frame, Turned};
use crate::id::{ConversationId, InviteId, PeerId, UserId};
use crate::identity::{ContactLink, InviteKeys, InvitedTo, RegisterKey, check_proof};
use crate::rpc::{self, ErrorCode, Event, Reply, RpcError};
use crate::time::Timestamp;

/// The longest message that comes with a request, in bytes.
pub(super) const MAX_MESSAGE: usize = 280;

/// The most people who may wait for our user's answer. Who comes after them takes the place of who has waited longest.
const MAX_ASKERS: u8 = 32;

/// The fewest characters of an abbreviated user.
const MIN_ABBREVIATION: usize = 4;

/// How far we are on a link if one of both asks the other to be a contact.
#[derive(Debug, Default)]
pub(super) struct Approach {
    /// The other end is the person whose link we hold: who it is, and their log.
    pub(super) host: Option<(UserId, Vec<UserRecord>)>,
    /// The other end asked us: who it is, and their log.
    pub(super) guest: Option<(UserId, Vec<UserRecord>)>,
}

/// Somebody who asks our user; as it stands in a register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asker {
    pub(super) user: UserId,
    /// By which link.
    invite: InviteId,
    /// What they call themselves.
    pub(super) name: String,
    message: String,
    /// What they drew for the conversation.
    secret: [u8; 32],
    at: Timestamp,
}

impl Engine {
    /// Gives our user's contact link, or another one in its place.
    pub(super) fn contact_link(
        &mut self,
        now: Timestamp,
        call: CallId,
        host: Option<&str>,
        replace: bool,
    ) -> Result<(), RpcError> {
        let seed = match self.link_seed().filter(|_| !replace) {
            Some(seed) => seed,
            None => self.draw_link(now)?,
        };
        let link = ContactLink { user: self.profile.user, seed, peers: vec![(self.peer, self.addresses())] };
        let contact_link = match host {
            Some(host) => link.to_web_link(host).map_err(|error| invalid(error.to_string()))?,
            None => link.to_link(),
        };
        let addresses = u32::try_from(self.addresses().len()).unwrap_or(u32::MAX);
        let reply = Reply::ContactLink { contact_link, addresses };
        self.persist(vec![], vec![Pending::Reply(call, Box::new(reply))]);
        Ok(())
    }

    /// Draws the seed of another link. Who asked by the one before is forgotten.
    fn draw_link(&mut self, now: Timestamp) -> Result<Secret, RpcError> {
        let seed: [u8; 32] = self.rng.bytes();
        self.set_register(now, RegisterKey::ContactLink, seed.to_vec())?;
        for place in 0..MAX_ASKERS {
            self.clear_place(now, place)?;
        }
        Ok(Secret::new(seed))
    }

    fn link_seed(&self) -> Option<Secret> {
        let seed = self.registers.get(&RegisterKey::ContactLink)?.value();
        seed.try_into().ok().map(Secret::new)
    }

    pub(super) fn link_id(&self) -> Option<InviteId> {
        Some(InviteKeys::derive(&self.link_seed()?, InvitedTo::Contact(self.profile.user)).id())
    }

    /// Returns the names of the links by which our user is found: the present one, and those by which somebody came to whom
    /// our user said yes, until they were met.
    pub(super) fn own_links(&self) -> Vec<InviteId> {
        let came_by = self.registers.iter().filter_map(|register| match register.key() {
            RegisterKey::Contact(user) => {
                let is_unmet = |id: &ConversationId| self.sharing(*id).is_empty();
                let is_expected = self.conversations.contains_key(&self.direct_id(user));
                self.card(user).came_by.filter(|_| is_expected && is_unmet(&self.direct_id(user)))
            }
            _ => None,
        });
        self.link_id().into_iter().chain(came_by).collect()
    }

    /// Somebody knocks by our user's contact link.
    pub(super) fn answer_at_home(&mut self, peer: PeerId, tag: [u8; 16]) {
        if !self.is_retired() {
            let log = self.own_log().map(|record| record.bytes().to_vec().into()).collect();
            self.send(peer, &Frame::AtHome { tag, log });
        }
    }

    /// Somebody asks to be a contact.
    pub(super) fn requested(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        (proof, secret, message): (Signature, [u8; 32], &str),
        log: &[serde_bytes::ByteBuf],
    ) {
        let me = self.profile.user;
        let Some(link) = self.links.get_mut(&peer) else { return };
        let Some(device) = link.device.filter(|_| link.hears_knock()) else { return };
        let claimed = log.first().and_then(|bytes| UserRecord::open(bytes).ok()).map(|record| record.user());
        let Some(user) = claimed.filter(|_| is_short(message)) else {
            return self.misbehaved(peer, "it sent a request that is none");
        };
        let card = self.card(&user);
        let proves = |invite: &InviteId| check_proof(invite, InvitedTo::Contact(me), &user, &device, &proof).is_ok();
        // Who holds a link that was replaced hears as little as who holds none.
        let Some(invite) = self.link_id().into_iter().chain(card.came_by).find(proves) else { return };
        let Some((of, log)) = entrance::read_log(&device, log).filter(|(of, _)| *of == user) else {
            return self.misbehaved(peer, "it asks to be a contact with a log that is not its own");
        };
        if card.blocked || of == me {
            return;
        }
        let id = self.direct_id(&user);
        if self.conversations.contains_key(&id) {
            if let Err(error) = self.begin_direct(now, user, secret, log, Then::Welcome(peer, None)) {
                self.problem(error.message);
            }
            return;
        }
        if card.refused == Some(invite) {
            return self.send(peer, &Frame::Turned { conversation: id, why: Turned::Refused });
        }
        let name = entrance::name_in(&log).filter(|name| name.len() <= MAX_NAME).unwrap_or_else(|| user.fmt_short());
        if let Some(link) = self.links.get_mut(&peer) {
            link.approach.guest = Some((user, log));
        }
        self.keep_asker(now, Asker { user, invite, name, message: message.to_owned(), secret, at: now });
    }

    /// Keeps who asks, in the place of an earlier request of theirs, in a free one, or in that of who has waited longest.
    fn keep_asker(&mut self, now: Timestamp, asker: Asker) {
        let places: Vec<Option<Asker>> = (0..MAX_ASKERS).map(|place| self.place(place)).collect();
        let theirs = |held: &Option<Asker>| held.as_ref().is_some_and(|held| held.user == asker.user);
        let own = places.iter().position(theirs);
        let free = || places.iter().position(Option::is_none);
        let oldest = || (0..places.len()).min_by_key(|at| places.get(*at).and_then(Option::as_ref).map(|held| held.at));
        let Some(place) = own.or_else(free).or_else(oldest).and_then(|at| u8::try_from(at).ok()) else { return };
        let same = |held: Asker| Asker { at: asker.at, ..held } == asker;
        if self.place(place).is_some_and(same) {
            return self.tell_waiting(&asker.user);
        }
        let kept = postcard::to_stdvec(&asker).map_err(machine);
        if let Err(error) = kept.and_then(|value| self.set_register(now, RegisterKey::Asker(place), value)) {
            self.problem(error.message);
        }
    }

    /// Returns who stands in a place, and asked by the present link.
    fn place(&self, place: u8) -> Option<Asker> {
        let held = postcard::from_bytes::<Asker>(self.registers.get(&RegisterKey::Asker(place))?.value()).ok()?;
        Some(held).filter(|held| self.link_id() == Some(held.invite))
    }

    fn clear_place(&mut self, now: Timestamp, place: u8) -> Result<(), RpcError> {
        let is_taken = |held: &crate::identity::Register| !held.value().is_empty();
        if self.registers.get(&RegisterKey::Asker(place)).is_some_and(is_taken) {
            self.set_register(now, RegisterKey::Asker(place), vec![])?;
        }
        Ok(())
    }

    /// That somebody asks is durable now: our user is told, and they are.
    pub(super) fn tell_asker(&mut self, place: u8) {
        let Some(asker) = self.place(place).filter(|asker| self.waits(asker)) else { return };
        self.tell_waiting(&asker.user);
        self.effects.push(Effect::Emit(Event::Asker(asker.shown())));
    }

    /// Tells somebody who asks that our user heard of it.
    fn tell_waiting(&mut self, user: &UserId) {
        let conversation = self.direct_id(user);
        self.guests(user).into_iter().for_each(|(peer, _)| self.send(peer, &Frame::Wait { conversation }));
    }

    /// Returns the linked devices on which somebody asked.
    fn guests(&self, user: &UserId) -> Vec<(PeerId, Vec<UserRecord>)> {
        let guests = self.links.iter().filter_map(|(peer, link)| Some((peer, link.approach.guest.as_ref()?)));
        guests.filter(|(_, (of, _))| of == user).map(|(peer, (_, log))| (*peer, log.clone())).collect()
    }

    /// Tells whether somebody waits for our user's answer.
    fn waits(&self, asker: &Asker) -> bool {
        let card = self.card(&asker.user);
        !card.blocked && card.refused != Some(asker.invite) && self.direct_with(&asker.user).is_none()
    }

    /// Returns who waits for our user's answer, the newest first.
    fn askers(&self) -> Vec<Asker> {
        let places = (0..MAX_ASKERS).filter_map(|place| self.place(place));
        let mut askers: Vec<Asker> = places.filter(|asker| self.waits(asker)).collect();
        askers.sort_by_key(|asker| (std::cmp::Reverse(asker.at), asker.user));
        askers.dedup_by_key(|asker| asker.user);
        askers
    }

    pub(super) fn asker(&self, user: &UserId) -> Option<Asker> {
        self.askers().into_iter().find(|asker| asker.user == *user)
    }

    /// Lists who waits for our user's answer, and whom our user asked.
    pub(super) fn requests(&self) -> Reply {
        Reply::Requests { received: self.askers().iter().map(Asker::shown).collect(), sent: self.sent() }
    }

    pub(super) fn find_asker(&self, text: &str) -> Result<Asker, RpcError> {
        let fits = |asker: &Asker| {
            asker.name == text || (text.len() >= MIN_ABBREVIATION && asker.user.to_string().starts_with(text))
        };
        let mut found = self.askers().into_iter().filter(fits);
        match (found.next(), found.next()) {
            (Some(asker), None) => Ok(asker),
            (Some(_), Some(_)) => Err(RpcError::new(ErrorCode::NotFound, "several fit: use more of the id")),
            (None, _) => {
                Err(RpcError::new(ErrorCode::NotFound, "nobody like that asks: `bayou contact requests` lists them"))
            }
        }
    }

    /// Says yes or no to somebody who asks.
    pub(super) fn answer_request(
        &mut self,
        now: Timestamp,
        call: CallId,
        text: &str,
        yes: bool,
    ) -> Result<(), RpcError> {
        let asker = self.find_asker(text)?;
        let reply = if yes {
            Reply::New { conversation: self.accept(now, &asker)?.to_string() }
        } else {
            let card = Card { refused: Some(asker.invite), ..self.card(&asker.user) };
            self.keep_card(now, asker.user, &card)?;
            self.clear(now, &asker.user)?;
            let conversation = self.direct_id(&asker.user);
            for (peer, _) in self.guests(&asker.user) {
                self.send(peer, &Frame::Turned { conversation, why: Turned::Refused });
            }
            Reply::Done { done: true }
        };
        self.persist(vec![], vec![Pending::Reply(call, Box::new(reply))]);
        Ok(())
    }

    pub(super) fn accept(&mut self, now: Timestamp, asker: &Asker) -> Result<ConversationId, RpcError> {
        let card = Card {
            called: Some(asker.name.clone()),
            came_by: Some(asker.invite),
            refused: None,
            ..self.card(&asker.user)
        };
        self.keep_card(now, asker.user, &card)?;
        let id = self.begin_direct(now, asker.user, asker.secret, vec![], Then::Nothing)?;
        for (peer, log) in self.guests(&asker.user) {
            self.begin_direct(now, asker.user, asker.secret, log, Then::Welcome(peer, None))?;
        }
        self.clear(now, &asker.user)?;
        Ok(id)
    }

    fn clear(&mut self, now: Timestamp, user: &UserId) -> Result<(), RpcError> {
        for place in 0..MAX_ASKERS {
            if self.place(place).is_some_and(|held| held.user == *user) {
                self.clear_place(now, place)?;
            }
        }
        Ok(())
    }
}

impl Asker {
    fn shown(&self) -> rpc::Asker {
        let Asker { user, name, message, at, .. } = self;
        rpc::Asker { user: user.to_string(), name: name.clone(), message: message.clone(), at: at.0 }
    }
}

pub(super) fn is_short(message: &str) -> bool {
    message.len() <= MAX_MESSAGE && !message.chars().any(char::is_control)
}
