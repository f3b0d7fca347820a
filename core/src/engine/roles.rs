//! Who may do what, as commands: begin a conversation, grant and remove, change roles and settings, leave.
//!
//! A control record is tried on a copy of the authority before it is signed for good: one that would not count is never
//! written, and whoever asked for it is told why.

use std::collections::BTreeSet;

use super::Engine;
use super::controls::Then;
use super::conversation::Conversation;
use super::durable::Pending;
use super::facts::{self, Fact};
use super::io::{CallId, View};
use super::outbound::invalid;
use crate::authority::{
    History, Item, MAX_MAILBOXES, MAX_TITLE, MAX_TOPIC, Record, Role, Said, Setting, Standpoint, Void,
};
use crate::id::{ConversationId, RecordHash, StreamId, UserId};
use crate::identity::RegisterKey;
use crate::rpc::{ErrorCode, Reply, RpcError};
use crate::store;
use crate::time::Timestamp;

/// The most conversations of one home.
const MAX_CONVERSATIONS: u32 = 10_000;

/// The fewest characters of an abbreviated user.
const MIN_ABBREVIATION: usize = 4;

impl Engine {
    /// Begins a conversation.
    pub(super) fn begin(&mut self, now: Timestamp, call: CallId, title: &str) -> Result<(), RpcError> {
        let title = title.trim();
        if title.is_empty() || title.len() > MAX_TITLE {
            return Err(invalid(format!("a title has 1 to {MAX_TITLE} bytes, this one has {}", title.len())));
        }
        let number = self.next_number()?;
        let said = Said::Genesis { title: title.to_owned(), salt: self.rng.bytes() };
        let from = Standpoint { conversation: None, user: self.profile.user, auth: None, parents: vec![], at: now };
        let genesis = Record::sign(said, from, &self.key);
        let (id, secret) = (genesis.conversation(), self.rng.bytes());
        let fact = Fact::Joined { conversation: id, secret, peers: vec![] };
        let mut conversation = Conversation::new(id, number, secret);
        let items = conversation.add([Item::Record(genesis)].into_iter().chain(self.own_items()).collect());
        conversation.was_in = true;
        self.conversations.insert(id, conversation);
        let named = self.our_mailboxes(now, id);
        let named = self.conversations.get_mut(&id).zip(named).map(|(c, named)| c.add(vec![Item::Record(named)]));
        let items: Vec<Item> = items.into_iter().chain(named.into_iter().flatten()).collect();
        let mut batch = vec![store::Record { stream: StreamId::Local, bytes: facts::encode(&fact) }];
        batch.extend(items.iter().map(|item| store::Record { stream: StreamId::Control(id), bytes: item.to_bytes() }));
        self.facts.push(fact);
        self.unsaid.insert(RegisterKey::Conversation(id));
        self.persist(batch, vec![Pending::Joined { call, id }]);
        Ok(())
    }

    /// Signs that the mail of a conversation waits at our own nodes, if it waits nowhere and they keep mail.
    pub(super) fn our_mailboxes(&mut self, now: Timestamp, id: ConversationId) -> Option<Record> {
        let nodes: Vec<_> = self.mail.ours.iter().take(MAX_MAILBOXES).cloned().collect();
        let names_none = self.conversations.get(&id).is_some_and(|known| known.mailboxes().is_empty());
        // Who may not say so leaves it to the others.
        if names_none && !nodes.is_empty() {
            self.control(now, id, Said::Set(Setting::Mailboxes(nodes))).ok()
        } else {
            None
        }
    }

    /// Returns the number of the next conversation in the index.
    pub(super) fn next_number(&self) -> Result<u32, RpcError> {
        let known = facts::numbers(&self.facts).len();
        u32::try_from(known).ok().filter(|number| *number < MAX_CONVERSATIONS).ok_or_else(|| {
            invalid(format!("a home has at most {MAX_CONVERSATIONS} conversations: make another with --home"))
        })
    }

    /// Signs what we say as a member. It counts, as far as is known here.
    pub(super) fn control(&mut self, now: Timestamp, id: ConversationId, said: Said) -> Result<Record, RpcError> {
        let user = self.profile.user;
        let conversation = self.conversations.get(&id).ok_or_else(not_in)?;
        let grant = conversation.member(&user).ok_or_else(not_in)?.grant;
        self.control_under(now, id, grant, None, said)
    }

    fn control_under(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        auth: RecordHash,
        after: Option<&Record>,
        said: Said,
    ) -> Result<Record, RpcError> {
        let user = self.profile.user;
        if self.is_retired() {
            return Err(retired());
        }
        let conversation = self.conversations.get_mut(&id).ok_or_else(not_in)?;
        let mut trial = conversation.authority.clone();
        if let Some(record) = after {
            trial.insert(record.clone());
        }
        let parents = trial.heads();
        let from = Standpoint { conversation: Some(id), user, auth: Some(auth), parents, at: now };
        let record = Record::sign(said, from, &self.key);
        trial.insert(record.clone());
        trial.ruling();
        match trial.last_ruling().void().get(&record.hash()) {
            Some(void) => Err(not_allowed(in_words(*void))),
            None if trial.record(&record.hash()).is_none() => Err(not_allowed(in_words(Void::TooMany))),
            None => Ok(record),
        }
    }

    /// Changes a setting of a conversation.
    pub(super) fn set(
        &mut self,
        now: Timestamp,
        call: CallId,
        conversation: &str,
        setting: Setting,
    ) -> Result<(), RpcError> {
        let id = self.find_conversation(conversation)?;
        match &setting {
            Setting::Title(title) if title.is_empty() || title.len() > MAX_TITLE => {
                return Err(invalid(format!("a title has 1 to {MAX_TITLE} bytes")));
            }
            Setting::Topic(topic) if topic.len() > MAX_TOPIC => {
                return Err(invalid(format!("a topic has at most {MAX_TOPIC} bytes")));
            }
            _ => {}
        }
        let record = self.control(now, id, Said::Set(setting))?;
        self.take_items(id, vec![Item::Record(record)], vec![], None, done(call));
        Ok(())
    }

    /// Gives a member another role.
    pub(super) fn change_role(
        &mut self,
        now: Timestamp,
        call: CallId,
        (conversation, member): (&str, &str),
        role: Role,
        view: &dyn View,
    ) -> Result<(), RpcError> {
        let id = self.find_conversation(conversation)?;
        let user = self.find_member(id, member)?;
        let present = self.conversations.get(&id).and_then(|c| c.role(&user)).ok_or_else(not_in)?;
        if role == present {
            self.reply(call, Ok(Reply::Done { done: true }));
            return Ok(());
        }
        if role == Role::Owner {
            let record = self.control(now, id, Said::HandOver { to: user })?;
            self.take_items(id, vec![Item::Record(record)], vec![], None, done(call));
            return Ok(());
        }
        let since = match self.conversations.get(&id).and_then(|c| c.authority.last_ruling().reads_from(&user)) {
            Some(since) if role < Role::Admin => since,
            _ => 0,
        };
        let grant = self.control(now, id, Said::Grant { to: user, role, since, via: None })?;
        let mut items = vec![Item::Record(grant.clone())];
        if role < present {
            // After the grant: else what is one change would be told as a removal and a return, by the order of two hashes.
            items.extend(self.ending(now, id, user, |held| held > role, (Some(&grant), None), view)?);
        }
        self.take_items(id, items, vec![], None, done(call));
        Ok(())
    }

    /// Puts a member out.
    pub(super) fn remove(
        &mut self,
        now: Timestamp,
        call: CallId,
        (conversation, member): (&str, &str),
        view: &dyn View,
    ) -> Result<(), RpcError> {
        let id = self.find_conversation(conversation)?;
        let user = self.find_member(id, member)?;
        if user == self.profile.user {
            return Err(invalid("to go yourself, use `bayou leave`".into()));
        }
        let (secret, commitment) = self.new_epoch();
        let items = self.ending(now, id, user, |_| true, (None, Some(commitment)), view)?;
        let last = items.iter().rev().find_map(|item| match item {
            Item::Record(record) => Some(record.hash()),
            _ => None,
        });
        self.take_items(id, items, vec![], None, done(call));
        // Those who stay get the new group key with the removal.
        last.into_iter().for_each(|removal| self.hold_epoch(now, id, removal, secret.clone()));
        Ok(())
    }

    /// Returns the records that end a member's grants of some roles, after another if need be, with the cut that they name; the
    /// last of them brings a new group key, if there is to be one.
    fn ending(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        user: UserId,
        ends: impl Fn(Role) -> bool,
        (after, rekey): (Option<&Record>, Option<[u8; 32]>),
        view: &dyn View,
    ) -> Result<Vec<Item>, RpcError> {
        let by = self.conversations.get(&id).and_then(|c| c.member(&self.profile.user)).ok_or_else(not_in)?.grant;
        let grants = self.conversations.get(&id).map(|c| c.grants_of(&user, ends)).unwrap_or_default();
        let cut = self.cut_of(id, &grants, view)?;
        let mut items = vec![Item::Cut(cut.clone())];
        let last = grants.last().copied();
        for grant in grants {
            let rekey = rekey.filter(|_| last == Some(grant));
            let said = Said::Remove { grant, cut: cut.hash(), rekey };
            items.push(Item::Record(self.control_under(now, id, by, after, said)?));
        }
        Ok(items)
    }

    /// Leaves a conversation.
    pub(super) fn leave(
        &mut self,
        now: Timestamp,
        call: CallId,
        conversation: &str,
        view: &dyn View,
    ) -> Result<(), RpcError> {
        let id = self.find_conversation(conversation)?;
        let user = self.profile.user;
        if self.conversations.get(&id).is_some_and(|c| c.role(&user).is_none() && c.joining.is_none()) {
            return Err(not_allowed("you are out of this conversation already".to_owned()));
        }
        if self.conversations.get(&id).and_then(|c| c.role(&user)) == Some(Role::Owner) {
            let why = "the owner cannot leave: hand the conversation over first, `bayou role CONV MEMBER owner`";
            return Err(not_allowed(why.to_owned()));
        }
        let items = self.leaving(now, id, view)?;
        self.note(Fact::Left { conversation: id });
        self.conversations.get_mut(&id).into_iter().for_each(|known| known.left = true);
        self.take_items(id, items, vec![], None, done(call));
        Ok(())
    }

    /// Stays out of a conversation that we left, if somebody who had not heard of it let us in again.
    pub(super) fn stay_out(&mut self, now: Timestamp, id: ConversationId, view: &dyn View) {
        let user = self.profile.user;
        let is_in = |c: &Conversation| c.left && c.joining.is_none() && c.member(&user).is_some();
        if self.conversations.get(&id).is_some_and(is_in) {
            match self.leaving(now, id, view) {
                Ok(items) => self.take_items(id, items, vec![], None, Then::Nothing),
                Err(error) => self.problem(error.message),
            }
        }
    }

    /// Returns the records by which we leave, with the cut that they name.
    fn leaving(&mut self, now: Timestamp, id: ConversationId, view: &dyn View) -> Result<Vec<Item>, RpcError> {
        let user = self.profile.user;
        let grants = self.conversations.get(&id).map(|c| c.grants_of(&user, |_| true)).unwrap_or_default();
        let cut = self.cut_of(id, &grants, view)?;
        let mut items = vec![Item::Cut(cut.clone())];
        for grant in grants {
            items.push(Item::Record(self.control_under(now, id, grant, None, Said::Leave { cut: cut.hash() })?));
        }
        Ok(items)
    }

    /// Finds a member by their id, an unambiguous beginning of it, or their exact name.
    pub(super) fn find_member(&self, id: ConversationId, text: &str) -> Result<UserId, RpcError> {
        let conversation = self.conversations.get(&id).ok_or_else(not_in)?;
        let begins = |user: &UserId| text.len() >= MIN_ABBREVIATION && user.to_string().starts_with(text);
        let mut found = conversation.users().filter(|user| begins(user) || self.name_of(conversation, user) == text);
        match (found.next(), found.next()) {
            (Some(user), None) => Ok(*user),
            (Some(_), Some(_)) => {
                Err(RpcError::new(ErrorCode::NotFound, "several members fit: use the id, see `bayou members`"))
            }
            (None, _) => Err(RpcError::new(ErrorCode::NotFound, "no such member: `bayou members` lists them")),
        }
    }

    /// Has a fact about this home kept.
    pub(super) fn note(&mut self, fact: Fact) {
        let bytes = facts::encode(&fact);
        self.unsaid.extend(match &fact {
            Fact::Joined { conversation, .. } | Fact::Left { conversation } => {
                Some(RegisterKey::Conversation(*conversation))
            }
            Fact::Read { conversation, .. } => Some(RegisterKey::Read(*conversation)),
            _ => None,
        });
        if !matches!(fact, Fact::Own(_) | Fact::Avatar(_) | Fact::Register(_)) {
            self.facts.push(fact);
        }
        self.persist(vec![store::Record { stream: StreamId::Local, bytes }], vec![Pending::Nothing]);
    }
}

impl Conversation {
    /// Returns the grants of some roles by which someone is in.
    fn grants_of(&self, user: &UserId, of: impl Fn(Role) -> bool) -> BTreeSet<RecordHash> {
        let ruling = self.authority.last_ruling();
        let held = ruling.members().get(user).map(|member| &member.grants).into_iter().flatten();
        held.filter(|grant| ruling.grants().get(grant).is_some_and(|grant| of(grant.role))).copied().collect()
    }

    /// Returns the first segment that a newcomer may read. Admins read all: who removes someone says what counts of all
    /// that they wrote, and can speak only for what they have.
    pub(super) fn newcomers_read_from(&self, role: Role) -> u32 {
        match self.authority.last_ruling().settings().history {
            _ if role >= Role::Admin => 0,
            History::All => 0,
            History::SinceJoin if self.vector(self.newest_segment()).is_empty() => self.newest_segment(),
            History::SinceJoin => self.newest_segment() + 1,
        }
    }
}

/// Answers that it is done.
pub(super) fn done(call: CallId) -> Then {
    Then::Reply(call, Box::new(Reply::Done { done: true }))
}

fn not_in() -> RpcError {
    not_allowed("you are not in this conversation".to_owned())
}

/// Says why what a command asked for would not count.
fn in_words(void: Void) -> String {
    match void {
        Void::BeyondRole => {
            "your role in this conversation does not allow it: `bayou members` shows who may".to_owned()
        }
        Void::OfTwo => "this conversation is between two: nobody else is let in or put out, and it has no title; \
             `bayou contact block` ends it"
            .to_owned(),
        Void::NotJunior => "they do not rank below you in this conversation".to_owned(),
        Void::HandedOver => "you handed this conversation over: the new owner may".to_owned(),
        Void::InviteUsedUp => "the link that they came with is used up: send them another".to_owned(),
        Void::InviteRevoked => "the link that they came with was withdrawn: send them another".to_owned(),
        Void::ShutOut => {
            "they were removed, and their link is older than that: only an admin can let them in".to_owned()
        }
        other => format!("this would not count: {other}"),
    }
}

pub(super) fn retired() -> RpcError {
    not_allowed(
        "this device was retired by another of yours: what it has stays readable, and nothing new comes".to_owned(),
    )
}

pub(super) fn not_allowed(message: String) -> RpcError {
    RpcError::new(ErrorCode::NotAllowed, message)
}
