//! Asking somebody to be a contact, by their link; what follows is in `requests`.
//!
//! Whom our user asks stands in a register: so all of their devices ask, at each meeting, until one of them is answered.

use serde::{Deserialize, Serialize};

use super::contacts::Card;
use super::controls::Then;
use super::durable::Pending;
use super::entrance::{self, Told};
use super::io::{CallId, Effect};
use super::outbound::invalid;
use super::requests::{MAX_MESSAGE, is_short};
use super::roles::not_allowed;
use super::{Engine, machine};
use crate::authority::UserRecord;
use crate::envelope::Frame;
use crate::id::{ConversationId, PeerId, UserId};
use crate::identity::{ContactLink, InviteKeys, RegisterKey};
use crate::rpc::{self, Event, Reply, RpcError};
use crate::time::Timestamp;

/// The most people whom our user may have asked and who have not answered. Each costs a knock at each meeting.
const MAX_ASKED: usize = 32;

/// Somebody whom our user asks; as it stands in a register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    link: String,
    message: String,
    secret: [u8; 32],
    at: Timestamp,
    state: State,
}

/// What we were told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum State {
    Unheard,
    Heard,
    Refused,
}

impl State {
    fn in_words(self) -> &'static str {
        match self {
            State::Unheard => "looking for them",
            State::Heard => "waiting for their answer",
            State::Refused => "they said no",
        }
    }
}

impl Engine {
    /// Asks somebody to be a contact, by their link.
    pub(super) fn add_contact(
        &mut self,
        now: Timestamp,
        call: CallId,
        text: &str,
        message: &str,
    ) -> Result<(), RpcError> {
        let link = ContactLink::from_link(text).map_err(|error| invalid(error.to_string()))?;
        let (user, message) = (link.user, message.trim());
        if !is_short(message) {
            return Err(invalid(format!("the message has at most {MAX_MESSAGE} bytes and no control characters")));
        }
        if user == self.profile.user {
            return Err(invalid("this is your own link: give it to others".to_owned()));
        }
        let card = Card { by_link: true, ..self.card(&user) };
        if card.blocked {
            return Err(not_allowed("you blocked them: `bayou contact unblock` first".to_owned()));
        }
        self.keep_card(now, user, &card)?;
        if let Some(asker) = self.asker(&user) {
            self.accept(now, &asker)?;
        }
        let there = self.direct_with(&user);
        if there.is_none() {
            let held = self.asked(&user);
            if held.is_none() && self.open_questions().count() >= MAX_ASKED {
                return Err(invalid(format!("at most {MAX_ASKED} people may be asked at a time: wait for an answer")));
            }
            let secret = held.map_or_else(|| self.rng.bytes(), |held| held.secret);
            let (link, message) = (text.to_owned(), message.to_owned());
            self.keep_asked(now, user, Some(&Asked { link, message, secret, at: now, state: State::Unheard }))?;
        }
        let state = if there.is_some() { "in" } else { State::Unheard.in_words() }.to_owned();
        let reply = Reply::Asked { asked: user.to_string(), conversation: there.map(|id| id.to_string()), state };
        self.persist(vec![], vec![Pending::Reply(call, Box::new(reply))]);
        Ok(())
    }

    fn asked(&self, user: &UserId) -> Option<Asked> {
        postcard::from_bytes(self.registers.get(&RegisterKey::Asked(*user))?.value()).ok()
    }

    /// Returns whom our user asked.
    pub(super) fn sent(&self) -> Vec<rpc::Asked> {
        self.all_asked().map(|(user, asked)| asked.shown(&user)).collect()
    }

    fn all_asked(&self) -> impl Iterator<Item = (UserId, Asked)> {
        self.registers.iter().filter_map(|register| match register.key() {
            RegisterKey::Asked(user) => Some((*user, self.asked(user)?)),
            _ => None,
        })
    }

    fn open_questions(&self) -> impl Iterator<Item = (UserId, Asked)> {
        self.all_asked().filter(|(user, asked)| asked.state != State::Refused && !self.is_blocked(user))
    }

    fn keep_asked(&mut self, now: Timestamp, user: UserId, asked: Option<&Asked>) -> Result<(), RpcError> {
        let value = asked.map(postcard::to_stdvec).transpose().map_err(machine)?.unwrap_or_default();
        self.set_register(now, RegisterKey::Asked(user), value)
    }

    /// Returns the keys of the links of those whom we look for.
    pub(super) fn sought_links(&self) -> impl Iterator<Item = InviteKeys> {
        let links = self.open_questions().filter_map(|(_, asked)| ContactLink::from_link(&asked.link).ok());
        links.map(|link| link.keys())
    }

    /// Notes where somebody can be reached whom our user asks.
    pub(super) fn note_way_to(&mut self, user: &UserId) {
        let link = self.asked(user).and_then(|asked| ContactLink::from_link(&asked.link).ok());
        for (peer, addresses) in link.into_iter().flat_map(|link| link.peers) {
            self.known_at(peer, addresses);
        }
    }

    /// That our user asks somebody is durable now, or how far it is.
    pub(super) fn tell_asked(&mut self, now: Timestamp, user: &UserId) {
        let Some(asked) = self.asked(user) else { return };
        if asked.state == State::Unheard {
            let peers: Vec<PeerId> = self.links.keys().copied().collect();
            peers.into_iter().for_each(|peer| self.knock(now, peer));
        }
        self.effects.push(Effect::Emit(Event::Asked(asked.shown(user))));
    }

    /// The other end is the person whose link we hold, it says.
    pub(super) fn at_home(&mut self, peer: PeerId, theirs: [u8; 16], log: &[serde_bytes::ByteBuf]) {
        let me = self.profile.user;
        let Some(link) = self.links.get(&peer) else { return };
        let (Some(device), binding) = (link.device, link.binding) else { return };
        let sought = self.open_questions().find_map(|(user, asked)| {
            let keys = ContactLink::from_link(&asked.link).ok()?.keys();
            (entrance::tag(&keys.id().0, &binding, peer) == theirs).then_some((user, asked, keys))
        });
        let Some((user, asked, keys)) = sought else { return };
        let Some((_, log)) = entrance::read_log(&device, log).filter(|(of, _)| *of == user) else {
            return self.misbehaved(peer, "it pretends to be the person whose link we hold");
        };
        if let Some(link) = self.links.get_mut(&peer) {
            link.approach.host = Some((user, log));
        }
        let proof = keys.prove(&me, &self.key.device());
        let log = self.own_log().map(|record| record.bytes().to_vec().into()).collect();
        self.send(peer, &Frame::Request { proof, secret: asked.secret, message: asked.message, log });
    }

    fn host_of(&self, peer: PeerId, id: ConversationId) -> Option<(UserId, Vec<UserRecord>)> {
        let host = self.links.get(&peer)?.approach.host.as_ref();
        host.filter(|(user, _)| self.direct_id(user) == id).cloned()
    }

    /// A welcome may be the yes of somebody whom our user asked; returns whether it was.
    pub(super) fn is_accepted(&mut self, now: Timestamp, peer: PeerId, id: ConversationId, secret: [u8; 32]) -> bool {
        let Some((user, log)) = self.host_of(peer, id) else { return false };
        let begun = self.begin_direct(now, user, secret, log, Then::Nothing);
        if let Err(error) = begun.and_then(|_| self.keep_asked(now, user, None)) {
            self.problem(error.message);
        }
        true
    }

    /// We are to wait, or were turned away; returns whether it is about somebody whom our user asked.
    pub(super) fn is_answered(&mut self, now: Timestamp, peer: PeerId, id: ConversationId, told: Told) -> bool {
        let Some((user, _)) = self.host_of(peer, id) else { return false };
        let state = match told {
            Told::Turned(_) => State::Refused,
            Told::Wait | Told::Nothing => State::Heard,
        };
        if let Some(asked) = self.asked(&user).filter(|asked| asked.state != state)
            && let Err(error) = self.keep_asked(now, user, Some(&Asked { state, ..asked }))
        {
            self.problem(error.message);
        }
        true
    }

    /// Recalls, after a start, what is known of people by registers.
    pub(super) fn recall_people(&mut self) {
        self.recall_blocks();
        let asked: Vec<Asked> = self.open_questions().map(|(_, asked)| asked).collect();
        for link in asked.iter().filter_map(|asked| ContactLink::from_link(&asked.link).ok()) {
            for (peer, addresses) in link.peers {
                self.book.note(peer, addresses);
            }
        }
    }
}

impl Asked {
    fn shown(&self, user: &UserId) -> rpc::Asked {
        let (message, state) = (self.message.clone(), self.state.in_words().to_owned());
        rpc::Asked { user: user.to_string(), message, at: self.at.0, state }
    }
}
