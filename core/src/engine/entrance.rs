//! From an invite to being in.
//!
//! ```text
//! newcomer, holds a link                                      member, knows the invite's record
//! Knock(tag under the invite's key)  ──►
//!                                    ◄──  Door(its own tag, the record)         proves to be of the conversation
//! Enter(proof by the invite's key, own log)  ──►              checks both; grants, or asks a person
//!                                    ◄──  Welcome(secret), Wait or Turned(why)
//! ```
//!
//! The invite's public key is known to members and to who holds the link, and to nobody else: so a tag under it tells
//! strangers nothing. Any member who may lets a newcomer in. Several may do so at once; that counts as one use.

use super::Engine;
use super::controls::Then;
use super::conversation::Conversation;
use super::facts::Fact;
use super::io::{CallId, Effect};
use super::roles::not_allowed;
use crate::authority::{Authority, Item, Role, Said, UserRecord, Via};
use crate::conversation::EntryId;
use crate::crypto;
use crate::crypto::Signature;
use crate::envelope::{Frame, Turned};
use crate::id::{ConversationId, DeviceId, PeerId, RecordHash, UserId};
use crate::identity::{EXPIRY_GRACE_MS, JoinLink};
use crate::rpc::{ErrorCode, Event, Reply, RpcError};
use crate::time::Timestamp;

/// The most records of a log that a newcomer may bring.
const MAX_LOG: usize = 300;

/// The most people of one conversation who may wait for a yes.
const MAX_GUESTS: usize = 100;

/// How long to wait for an answer before another member is asked.
const PATIENCE_MS: u64 = 5_000;

/// How long who asked to join waits for an answer.
const ANSWER_MS: u64 = 3_000;

/// How often to knock again.
const KNOCK_EVERY_MS: u64 = 15_000;

/// How far we are with getting in.
#[derive(Debug, Clone)]
pub(super) struct Joining {
    pub(super) link: JoinLink,
    /// Whom we asked to let us in, and when.
    asked: Option<(PeerId, Timestamp)>,
    /// When we knocked last.
    knocked: Timestamp,
    /// What we were told.
    pub(super) told: Told,
    /// Somebody let us in; what they know of the conversation is still to come.
    pub(super) is_welcome: bool,
}

/// What who wants to get in was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Nothing,
    Wait,
    Turned(Turned),
}

impl Joining {
    pub(super) fn new(link: JoinLink) -> Self {
        Joining { link, asked: None, knocked: Timestamp(0), told: Told::Nothing, is_welcome: false }
    }
}

/// Someone who asks to be let in, and for whom a person has to say yes.
#[derive(Debug, Clone)]
pub(super) struct Guest {
    pub(super) peer: PeerId,
    pub(super) name: String,
    via: Via,
    log: Vec<UserRecord>,
}

impl Engine {
    /// Asks who is at the other end whether they are of the conversations that we want to get into.
    pub(super) fn knock(&mut self, now: Timestamp, peer: PeerId) {
        let Some(link) = self.links.get(&peer).filter(|link| link.device.is_some()) else { return };
        let mut knocks = Vec::new();
        for conversation in self.conversations.values_mut() {
            let Some(joining) = conversation.joining.as_mut() else { continue };
            // Also when the link has expired or somebody turned us away: clocks differ, and others may know better.
            joining.knocked = now;
            knocks.push(tag(&joining.link.keys().id().0, &link.binding, self.peer));
        }
        let binding = link.binding;
        self.sought = now;
        knocks.extend(self.sought_links().map(|keys| tag(&keys.id().0, &binding, self.peer)));
        knocks.into_iter().for_each(|tag| self.send(peer, &Frame::Knock { tag }));
    }

    /// Knocks again where nobody has answered.
    pub(super) fn knock_again(&mut self, now: Timestamp) {
        let waits = |c: &Conversation| {
            c.joining.as_ref().is_some_and(|j| now < j.knocked || now.since(j.knocked) >= KNOCK_EVERY_MS)
        };
        let seeks = now < self.sought || now.since(self.sought) >= KNOCK_EVERY_MS;
        if self.conversations.values().any(waits) || (seeks && self.sought_links().next().is_some()) {
            let peers: Vec<PeerId> = self.links.keys().copied().collect();
            peers.into_iter().for_each(|peer| self.knock(now, peer));
        }
    }

    /// Somebody looks for who knows of their invite.
    pub(super) fn knocked(&mut self, peer: PeerId, theirs: [u8; 16]) {
        let me = self.profile.user;
        let Some(link) = self.links.get_mut(&peer) else { return };
        let Some(device) = link.device.filter(|_| link.hears_knock()) else { return };
        let binding = link.binding;
        if let Some(key) = self.own_links().into_iter().find(|key| tag(&key.0, &binding, peer) == theirs) {
            return self.answer_at_home(peer, tag(&key.0, &binding, self.peer));
        }
        let Some(link) = self.links.get(&peer) else { return };
        let found = self.conversations.values().find_map(|conversation| {
            let role = conversation.role(&me)?;
            let is_in = conversation.devices.contains_key(&device);
            let mut invites = conversation.authority.last_ruling().offers().keys();
            invites.find_map(|hash| {
                let invite = conversation.invite(hash).filter(|invite| is_in || invite.may_be_used_by(role))?;
                (tag(&invite.key.0, &link.binding, peer) == theirs).then_some((*hash, invite.key))
            })
        });
        if let Some((invite, key)) = found {
            let tag = tag(&key.0, &link.binding, self.peer);
            self.send(peer, &Frame::Door { tag, invite });
        }
    }

    /// Somebody is of a conversation that we want to get into.
    pub(super) fn door(&mut self, now: Timestamp, peer: PeerId, theirs: [u8; 16], invite: RecordHash) {
        let user = self.profile.user;
        let Some(link) = self.links.get(&peer) else { return };
        for (id, conversation) in &mut self.conversations {
            let Some(joining) = conversation.joining.as_mut() else { continue };
            let keys = joining.link.keys();
            let busy = joining.asked.is_some_and(|(_, at)| at <= now && now.since(at) < PATIENCE_MS);
            if busy || tag(&keys.id().0, &link.binding, peer) != theirs {
                continue;
            }
            joining.asked = Some((peer, now));
            let proof = Via::prove(invite, keys.signing_key(), *id, user).proof;
            let log = self.own.user_records(&user).map(|record| record.bytes().to_vec().into()).collect();
            let frame = Frame::Enter { conversation: *id, invite, proof, log };
            return self.send(peer, &frame);
        }
    }

    /// Somebody shows that they were invited.
    pub(super) fn enters(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        id: ConversationId,
        via: (RecordHash, Signature),
        log: &[serde_bytes::ByteBuf],
    ) {
        let via = Via { invite: via.0, proof: via.1 };
        let Some(device) = self.links.get(&peer).and_then(|link| link.device) else { return };
        let Some((user, log)) = read_log(&device, log) else {
            return self.misbehaved(peer, "it wants to be let in with a log that is not its own");
        };
        let me = self.profile.user;
        let Some(conversation) = self.conversations.get(&id) else { return };
        let (Some(role), Some(invite)) = (conversation.role(&me), conversation.invite(&via.invite)) else { return };
        if !via.proves(&invite.key, id, user) {
            return self.misbehaved(peer, "it wants to be let in without an invite");
        }
        if conversation.member(&user).is_some() {
            let items = log.into_iter().map(Item::User).collect();
            return self.take_items(id, items, vec![], None, Then::Welcome(peer, None));
        }
        if !invite.may_be_used_by(role) {
            return;
        }
        if let Some(why) = conversation.turns_away(now, &via.invite, &invite, &user) {
            return self.send(peer, &Frame::Turned { conversation: id, why });
        }
        let guest = Guest { peer, name: name_in(&log).unwrap_or_else(|| user.fmt_short()), via, log };
        if !invite.auto {
            self.wait(id, user, guest);
        } else {
            // If it would not count (the conversation is full), they go on asking.
            drop(self.let_in(now, id, user, (guest, None)));
        }
    }

    /// Has a person asked whether someone may come in.
    fn wait(&mut self, id: ConversationId, user: UserId, guest: Guest) {
        self.send(guest.peer, &Frame::Wait { conversation: id });
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        if conversation.guests.contains_key(&user) || conversation.guests.len() < MAX_GUESTS {
            let name = guest.name.clone();
            if conversation.guests.insert(user, guest).is_none() {
                let (conversation, user) = (id.to_string(), user.to_string());
                self.effects.push(Effect::Emit(Event::Guest { conversation, user, name }));
            }
        }
    }

    /// Lets somebody in; tells so whoever said yes.
    fn let_in(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        user: UserId,
        (guest, call): (Guest, Option<CallId>),
    ) -> Result<(), RpcError> {
        let Some(conversation) = self.conversations.get(&id) else { return Ok(()) };
        let Some(Invite { role, .. }) = conversation.invite(&guest.via.invite) else { return Ok(()) };
        let said = Said::Grant { to: user, role, since: conversation.newcomers_read_from(role), via: Some(guest.via) };
        let grant = self.control(now, id, said)?;
        let items = [Item::Record(grant)].into_iter().chain(guest.log.into_iter().map(Item::User)).collect();
        self.take_items(id, items, vec![], None, Then::Welcome(guest.peer, call));
        Ok(())
    }

    /// Lets in, or turns away, someone who waits for a yes.
    pub(super) fn decide(
        &mut self,
        now: Timestamp,
        call: CallId,
        id: ConversationId,
        user: UserId,
        yes: bool,
    ) -> Result<(), RpcError> {
        let Some(conversation) = self.conversations.get(&id) else { return Ok(()) };
        let Some(guest) = conversation.guests.get(&user).cloned() else { return Ok(()) };
        let invite = conversation.invite(&guest.via.invite);
        let may = |role| invite.is_some_and(|invite| invite.may_be_used_by(role));
        if !conversation.role(&self.profile.user).is_some_and(may) {
            return Err(not_allowed("only admins, and of a higher role, let people in by this invite".to_owned()));
        }
        if yes {
            return self.let_in(now, id, user, (guest, Some(call)));
        }
        let fact = Fact::Refused { conversation: id, user, invite: guest.via.invite };
        if let Some(conversation) = self.conversations.get_mut(&id) {
            conversation.guests.remove(&user);
            conversation.refused.insert((user, guest.via.invite));
        }
        self.note(fact);
        self.send(guest.peer, &Frame::Turned { conversation: id, why: Turned::Refused });
        self.reply(call, Ok(Reply::Done { done: true }));
        Ok(())
    }

    /// Gives a new member what they need to find us as one.
    pub(super) fn welcome(&mut self, now: Timestamp, peer: PeerId, id: ConversationId) {
        if let Some(secret) = self.conversations.get(&id).map(|conversation| conversation.secret) {
            self.send(peer, &Frame::Welcome { conversation: id, secret });
            self.meet(now, peer);
        }
    }

    /// We are in, says whom we asked. It is true when the records that say so are here.
    pub(super) fn welcomed(&mut self, now: Timestamp, peer: PeerId, id: ConversationId, secret: [u8; 32]) {
        if self.is_accepted(now, peer, id, secret) {
            return;
        }
        if self.links.get(&peer).is_some_and(|link| link.kin.knows_us) && !self.conversations.contains_key(&id) {
            self.take_part(now, id, secret);
            // What was written while the user was away is for them to look up, not to be told of.
            return self.mark_read(id, EntryId::last_at(now));
        }
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        let Some(joining) = conversation.joining.as_mut() else { return };
        if joining.asked.is_some_and(|(asked, _)| asked == peer) {
            joining.is_welcome = true;
            conversation.secret = secret;
            self.share_everywhere(now);
        }
    }

    /// Looks whether we are in now.
    pub(super) fn enter(&mut self, id: ConversationId) {
        let user = self.profile.user;
        let Some(conversation) = self.conversations.get_mut(&id).filter(|c| c.member(&user).is_some()) else { return };
        let secret = conversation.secret;
        if let Some(joining) = conversation.joining.take_if(|joining| joining.is_welcome) {
            conversation.left = false;
            self.note(Fact::Joined { conversation: id, secret, peers: joining.link.peers });
            // Those who let us in know our log, and not our picture.
            let items = self.own_items();
            self.take_items(id, items, vec![], None, Then::Nothing);
        }
        self.answer_join(id);
    }

    /// We have to wait, or cannot come in.
    pub(super) fn told(&mut self, now: Timestamp, peer: PeerId, id: ConversationId, told: Told) {
        if self.is_answered(now, peer, id, told) {
            return;
        }
        let Some(joining) = self.conversations.get_mut(&id).and_then(|c| c.joining.as_mut()) else { return };
        if joining.asked.is_some_and(|(asked, _)| asked == peer) {
            joining.told = told;
            let conversation = id.to_string();
            self.effects.push(Effect::Emit(Event::Joining { conversation, state: told.to_string() }));
            self.answer_join(id);
        }
    }

    /// That we want to join is durable now: looks for who lets us in, and answers when that is known.
    pub(super) fn joined(&mut self, now: Timestamp, call: CallId, id: ConversationId) {
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        if conversation.joining.is_none() {
            self.reply(call, Ok(Reply::New { conversation: id.to_string() }));
            return self.share_everywhere(now);
        }
        let earlier = conversation.awaited.replace((call, now.plus(ANSWER_MS)));
        if let Some((call, _)) = earlier {
            self.reply(call, Ok(Reply::Joined { conversation: id.to_string(), state: Told::Nothing.to_string() }));
        }
        if self.listening.is_empty() {
            return self.answer_join(id);
        }
        let peers: Vec<PeerId> = self.links.keys().copied().collect();
        peers.into_iter().for_each(|peer| self.knock(now, peer));
    }

    /// Answers who asked to join.
    pub(super) fn answer_join(&mut self, id: ConversationId) {
        let user = self.profile.user;
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        let is_in = conversation.member(&user).is_some();
        let told = conversation.joining.as_ref().map(|joining| joining.told);
        let is_welcome = conversation.joining.as_ref().is_some_and(|joining| joining.is_welcome);
        let Some((call, _)) = conversation.awaited.take() else { return };
        let state = match told {
            Some(told @ Told::Turned(_)) => {
                return self.reply(call, Err(RpcError::new(ErrorCode::NotAllowed, told.to_string())));
            }
            Some(_) if is_welcome => "let in; the conversation is on its way".to_owned(),
            Some(told) => told.to_string(),
            None if is_in => "in".to_owned(),
            None => "not in any more".to_owned(),
        };
        self.reply(call, Ok(Reply::Joined { conversation: id.to_string(), state }));
    }

    /// Answers those who have waited for long enough to hear whether we are in.
    pub(super) fn answer_late_joins(&mut self, now: Timestamp) {
        let late = |c: &Conversation| c.awaited.is_some_and(|(_, at)| at <= now || at.since(now) > ANSWER_MS);
        let late: Vec<ConversationId> = self.conversations.iter().filter(|(_, c)| late(c)).map(|(id, _)| *id).collect();
        late.into_iter().for_each(|id| self.answer_join(id));
    }
}

/// What a record says of an invite.
pub(super) struct Invite {
    pub(super) key: DeviceId,
    pub(super) role: Role,
    pub(super) expires: Timestamp,
    pub(super) auto: bool,
}

impl Invite {
    /// Tells whether someone of this role may let others in by it, asked or not.
    fn may_be_used_by(&self, role: Role) -> bool {
        match self.auto {
            true => role >= Role::Member && role >= self.role,
            false => role >= Role::Admin && role > self.role,
        }
    }
}

impl Conversation {
    /// Returns what an invite's record says.
    pub(super) fn invite(&self, invite: &RecordHash) -> Option<Invite> {
        match self.authority.record(invite)?.said() {
            Said::Invite { key, role, expires, auto, .. } => {
                Some(Invite { key: *key, role: *role, expires: *expires, auto: *auto })
            }
            _ => None,
        }
    }

    fn turns_away(&self, now: Timestamp, hash: &RecordHash, invite: &Invite, user: &UserId) -> Option<Turned> {
        let offer = self.authority.last_ruling().offers().get(hash);
        match offer {
            _ if self.refused.contains(&(*user, *hash)) => Some(Turned::Refused),
            None => Some(Turned::Withdrawn),
            Some(offer) if offer.withdrawn => Some(Turned::Withdrawn),
            Some(offer) if offer.left == 0 => Some(Turned::UsedUp),
            Some(_) if now >= invite.expires.plus(EXPIRY_GRACE_MS) => Some(Turned::Expired),
            Some(_) => None,
        }
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Told::Nothing => "looking for a member who may let you in",
            Told::Wait => "waiting for an admin to say yes",
            Told::Turned(Turned::Expired) => "the link has expired: ask for another",
            Told::Turned(Turned::UsedUp) => "the link was used up: ask for another",
            Told::Turned(Turned::Withdrawn) => "the link was withdrawn: ask for another",
            Told::Turned(Turned::Refused) => "an admin said no",
        })
    }
}

/// Returns the tag by which `teller` tells on a link that it knows of an invite.
pub(super) fn tag(invite: &[u8; 32], binding: &[u8; 32], teller: PeerId) -> [u8; 16] {
    let [tag @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
        crypto::keyed_hash(invite, &[b"knock", binding, teller.as_bytes()]);
    tag
}

/// Reads the log of one user, of whom `device` is a device.
pub(super) fn read_log(device: &DeviceId, log: &[serde_bytes::ByteBuf]) -> Option<(UserId, Vec<UserRecord>)> {
    if log.len() > MAX_LOG {
        return None;
    }
    let log: Vec<UserRecord> = log.iter().map(|bytes| UserRecord::open(bytes)).collect::<Result<_, _>>().ok()?;
    let user = log.first()?.user();
    let mut trial = Authority::new(ConversationId([0; 32]));
    for record in &log {
        if record.user() != user {
            return None;
        }
        trial.insert_user(record.clone());
    }
    trial.ruling().is_device_of(device, &user).then_some((user, log))
}

pub(super) fn name_in(log: &[UserRecord]) -> Option<String> {
    log.iter().rev().find_map(|record| match record.said() {
        crate::authority::UserSaid::Profile { name, .. } => Some(name.clone()),
        _ => None,
    })
}
