//! Contacts: what our user knows of others, and how people make sure of each other.
//!
//! What others call themselves proves nothing. So a person may give another a name of their own, and may compare keys with
//! them, by a number of 60 digits or by scanning a code. Both are registers: all of the user's devices know of it, and
//! nobody else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Engine;
use super::conversation::Conversation;
use super::durable::Pending;
use super::io::CallId;
use super::outbound::invalid;
use super::roles::not_allowed;
use crate::authority::MAX_NAME;
use crate::id::{InviteId, UserId};
use crate::identity::{RegisterKey, SafetyNumber, Scanned, VerifyCode, group_words};
use crate::rpc::{self, ErrorCode, Reply, RpcError};
use crate::time::Timestamp;

/// The fewest characters of an abbreviated user.
const MIN_ABBREVIATION: usize = 4;

/// What is known of another; as it stands in a register.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Card {
    /// What our user calls them.
    pub(super) petname: Option<String>,
    /// Our user compared keys with them.
    pub(super) verified: bool,
    /// What they called themselves when they asked: good until their profile is here.
    pub(super) called: Option<String>,
    /// Our user was given their link, which names their root key.
    pub(super) by_link: bool,
    /// Our user wants to hear nothing of them.
    pub(super) blocked: bool,
    /// By which link they came, whom our user said yes to.
    pub(super) came_by: Option<InviteId>,
    /// By which link they came, whom our user said no to.
    pub(super) refused: Option<InviteId>,
}

impl Card {
    /// Tells whether it says anything by which somebody is a contact.
    fn is_noted(&self) -> bool {
        self.petname.is_some() || self.verified || self.by_link || self.blocked
    }
}

impl Engine {
    pub(super) fn card(&self, user: &UserId) -> Card {
        let register = self.registers.get(&RegisterKey::Contact(*user));
        register.and_then(|register| postcard::from_bytes(register.value()).ok()).unwrap_or_default()
    }

    /// Returns what someone is called here: by our user, or else by themselves.
    pub(super) fn name_of(&self, conversation: &Conversation, user: &UserId) -> String {
        let Card { petname, called, .. } = self.card(user);
        let shown = || conversation.shown_name(user).map(ToOwned::to_owned);
        petname.or_else(shown).or(called).unwrap_or_else(|| user.fmt_short())
    }

    /// Tells whether our user compared keys with somebody.
    pub(super) fn is_verified(&self, user: &UserId) -> bool {
        self.card(user).verified
    }

    /// Lists everyone with whom our user is in a conversation, or of whom our user noted something.
    pub(super) fn contacts(&self) -> Reply {
        let contacts = self.everyone().into_iter().map(|(user, shared)| self.contact_of(user, shared));
        let mut contacts: Vec<rpc::Contact> = contacts.collect();
        contacts
            .sort_by_key(|contact| (contact.petname.clone().unwrap_or_else(|| contact.name.clone())).to_lowercase());
        Reply::Contacts { contacts }
    }

    /// Shows what is to be compared with somebody.
    pub(super) fn contact(&self, text: &str) -> Result<Reply, RpcError> {
        let (user, shared) = self.find_contact(text)?;
        let me = self.profile.user;
        Ok(Reply::Contact {
            contact: self.contact_of(user, shared),
            number: SafetyNumber::of(&me, &user).to_string(),
            code: VerifyCode { mine: me, theirs: user }.to_link(),
        })
    }

    fn contact_of(&self, user: UserId, shared: u32) -> rpc::Contact {
        let Card { petname, verified, by_link, blocked, .. } = self.card(&user);
        let shown = self.shown_as(&user);
        rpc::Contact {
            user: user.to_string(),
            name: shown.name,
            petname,
            status: shown.status,
            avatar: shown.avatar,
            verified,
            by_link,
            blocked,
            shared,
            conversation: self.direct_with(&user).map(|id| id.to_string()),
        }
    }

    /// Returns everyone else, and in how many conversations they are with us.
    fn everyone(&self) -> BTreeMap<UserId, u32> {
        let me = self.profile.user;
        let mut everyone: BTreeMap<UserId, u32> = BTreeMap::new();
        for register in self.registers.iter() {
            if let RegisterKey::Contact(user) = register.key()
                && self.card(user).is_noted()
            {
                everyone.insert(*user, 0);
            }
        }
        for known in self.conversations.values().filter(|known| known.member(&me).is_some()) {
            for user in known.users().filter(|user| **user != me) {
                *everyone.entry(*user).or_default() += 1;
            }
        }
        everyone
    }

    pub(super) fn find_contact(&self, text: &str) -> Result<(UserId, u32), RpcError> {
        let begins = |user: &UserId| text.len() >= MIN_ABBREVIATION && user.to_string().starts_with(text);
        let is_called = |contact: &rpc::Contact| contact.name == text || contact.petname.as_deref() == Some(text);
        let fits = |(user, shared): &(UserId, u32)| begins(user) || is_called(&self.contact_of(*user, *shared));
        let mut found = self.everyone().into_iter().filter(fits);
        match (found.next(), found.next()) {
            (Some(contact), None) => Ok(contact),
            (Some(_), Some(_)) => {
                Err(RpcError::new(ErrorCode::NotFound, "several people fit: use the id, see `bayou contact list`"))
            }
            (None, _) => Err(RpcError::new(ErrorCode::NotFound, "nobody like that: `bayou contact list` lists people")),
        }
    }

    /// Notes a name of our own for somebody (empty: none any more), or whether our user compared keys with them.
    pub(super) fn note_contact(
        &mut self,
        now: Timestamp,
        call: CallId,
        contact: &str,
        petname: Option<&str>,
        verified: Option<bool>,
    ) -> Result<(), RpcError> {
        let (user, _) = self.find_contact(contact)?;
        let mut card = self.card(&user);
        if let Some(petname) = petname.map(str::trim) {
            if petname.len() > MAX_NAME || petname.chars().any(char::is_control) {
                return Err(invalid(format!("a name has at most {MAX_NAME} bytes and no control characters")));
            }
            card.petname = Some(petname.to_owned()).filter(|petname| !petname.is_empty());
        }
        card.verified = verified.unwrap_or(card.verified);
        self.keep_card(now, user, &card)?;
        self.persist(vec![], vec![Pending::Reply(call, Box::new(Reply::Done { done: true }))]);
        Ok(())
    }

    /// Compares a code that was scanned off another's screen; whoever showed it is verified if both have the same keys.
    pub(super) fn verify_contact(&mut self, now: Timestamp, call: CallId, code: &str) -> Result<(), RpcError> {
        let scanned = VerifyCode::from_link(code).map_err(|error| invalid(error.to_string()))?;
        let me = self.profile.user;
        let theirs = if scanned.mine == me { scanned.theirs } else { scanned.mine };
        match (VerifyCode { mine: me, theirs }).compare(&scanned) {
            Scanned::Same => {}
            Scanned::Mirror => {
                return Err(invalid(
                    "this is the code of this very screen: scan the one that the other shows".to_owned(),
                ));
            }
            Scanned::Other => {
                let why =
                    "not verified: this code was made for somebody else, or one of you has a wrong key of the other";
                return Err(not_allowed(why.to_owned()));
            }
        }
        let card = Card { verified: true, ..self.card(&theirs) };
        self.keep_card(now, theirs, &card)?;
        self.persist(vec![], vec![Pending::Reply(call, Box::new(Reply::Done { done: true }))]);
        Ok(())
    }

    pub(super) fn keep_card(&mut self, now: Timestamp, user: UserId, card: &Card) -> Result<(), RpcError> {
        let value = postcard::to_stdvec(card).map_err(super::machine)?;
        self.set_register(now, RegisterKey::Contact(user), value)
    }

    /// Returns words that are the same for all who see the same members and the same rules of a conversation.
    pub(super) fn words(&mut self, conversation: &str) -> Result<Reply, RpcError> {
        let id = self.find_conversation(conversation)?;
        let Some(known) = self.conversations.get_mut(&id) else { return Ok(Reply::Words { words: vec![] }) };
        let members: Vec<UserId> = known.users().copied().collect();
        let words = group_words(&members, &known.authority.heads());
        Ok(Reply::Words { words: words.iter().map(|word| (*word).to_owned()).collect() })
    }
}
