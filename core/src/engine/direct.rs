//! Conversations of two.
//!
//! What one begins with follows from who the two are (`authority::Record::direct`), its id too. So both may begin it, each
//! on several devices and without having met: it is one conversation. Nobody else can be let in, that is a rule of the
//! authority; and it has no title, as it is called by the other one's name.
//!
//! Its secret alone is drawn. Whoever asks draws it, and gives it along with the question; of two that were drawn the
//! smaller holds, on all devices of both.

use super::Engine;
use super::controls::Then;
use super::conversation::Conversation;
use super::facts::Fact;
use crate::authority::{Item, Record, UserRecord};
use crate::id::{ConversationId, UserId};
use crate::rpc::RpcError;
use crate::time::Timestamp;

impl Engine {
    /// Returns the id of our user's conversation with somebody, whether it was begun or not.
    pub(super) fn direct_id(&self, user: &UserId) -> ConversationId {
        let [genesis, _] = Record::direct(self.profile.user, *user);
        genesis.conversation()
    }

    /// Returns the conversation of our user and somebody, if there is one. Either may have moved to another root since.
    pub(super) fn direct_with(&self, user: &UserId) -> Option<ConversationId> {
        let with = |known: &Conversation| self.other_of(known) == Some(*user);
        self.conversations.iter().find(|(_, known)| with(known)).map(|(id, _)| *id)
    }

    /// Returns the other one, of a conversation of two.
    pub(super) fn other_of(&self, conversation: &Conversation) -> Option<UserId> {
        let me = self.profile.user;
        let is_direct = conversation.authority.last_ruling().is_direct() && conversation.member(&me).is_some();
        conversation.users().find(|user| **user != me).filter(|_| is_direct).copied()
    }

    /// Returns what a conversation is called here.
    pub(super) fn title_of(&self, conversation: &Conversation) -> String {
        let other = self.other_of(conversation);
        other.map_or_else(|| conversation.title().to_owned(), |user| self.name_of(conversation, &user))
    }

    /// Takes part in the conversation with somebody, or goes on to; `log` is theirs.
    pub(super) fn begin_direct(
        &mut self,
        now: Timestamp,
        with: UserId,
        secret: [u8; 32],
        log: Vec<UserRecord>,
        then: Then,
    ) -> Result<ConversationId, RpcError> {
        let records = Record::direct(self.profile.user, with);
        let [genesis, _] = &records;
        let id = genesis.conversation();
        let is_new = !self.conversations.contains_key(&id);
        if is_new {
            let number = self.next_number()?;
            self.conversations.insert(id, Conversation::new(id, number, secret));
            self.note(Fact::Joined { conversation: id, secret, peers: vec![] });
        }
        let records = records.into_iter().map(Item::Record);
        let items = records.chain(self.own_items()).chain(log.into_iter().map(Item::User)).collect();
        self.take_items(id, items, vec![], None, then);
        self.take_part(now, id, secret);
        if let Some(named) = is_new.then(|| self.our_mailboxes(now, id)).flatten() {
            self.take_items(id, vec![Item::Record(named)], vec![], None, Then::Nothing);
        }
        self.share_everywhere(now);
        Ok(id)
    }
}
