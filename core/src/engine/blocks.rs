//! Blocks: of whom our user wants to hear nothing.
//!
//! A block is a mark in what our user knows of somebody, so that all their devices agree. It is nobody else's matter: the
//! blocked one is not told, and nothing changes in any group. Their requests are left unanswered, the conversation with
//! them alone rests, their links let us in nowhere, and their messages in groups are marked for front ends to fold away.

use super::Engine;
use super::durable::Pending;
use super::io::CallId;
use super::outbound::invalid;
use super::roles::not_allowed;
use crate::id::{ConversationId, UserId};
use crate::identity::{JoinLink, RegisterKey, fingerprint};
use crate::rpc::{Reply, RpcError};
use crate::time::Timestamp;

impl Engine {
    /// Tells whether our user wants to hear nothing of somebody.
    pub(super) fn is_blocked(&self, user: &UserId) -> bool {
        self.card(user).blocked
    }

    /// Blocks somebody, or hears of them again.
    pub(super) fn block(&mut self, now: Timestamp, call: CallId, text: &str, off: bool) -> Result<(), RpcError> {
        let asks = self.find_asker(text).ok().map(|asker| asker.user);
        let user = match text.parse::<UserId>().ok().or(asks) {
            Some(user) => user,
            None => self.find_contact(text)?.0,
        };
        if user == self.profile.user {
            return Err(invalid("this is you yourself".to_owned()));
        }
        let mut card = self.card(&user);
        card.blocked = !off;
        self.keep_card(now, user, &card)?;
        self.persist(vec![], vec![Pending::Reply(call, Box::new(Reply::Done { done: true }))]);
        Ok(())
    }

    /// Refuses to come in by the link of somebody who is blocked.
    pub(super) fn check_inviter(&self, link: &JoinLink) -> Result<(), RpcError> {
        let blocked = self.registers.iter().filter_map(|register| match register.key() {
            RegisterKey::Contact(user) if self.is_blocked(user) => Some(user),
            _ => None,
        });
        if blocked.map(fingerprint).any(|of| of == link.inviter) {
            let why = "you blocked who made this link: `bayou contact unblock` first, or ask somebody else for one";
            return Err(not_allowed(why.to_owned()));
        }
        Ok(())
    }

    /// Lets the conversation with somebody rest if they are blocked, and go on if they are not.
    pub(super) fn heed_block(&mut self, now: Timestamp, user: &UserId) {
        let id = self.direct_with(user).unwrap_or_else(|| self.direct_id(user));
        let blocked = self.is_blocked(user);
        let Some(known) = self.conversations.get_mut(&id) else { return };
        if std::mem::replace(&mut known.is_blocked, blocked) != blocked {
            self.share_everywhere(now);
        }
    }

    /// Lets a conversation rest of which it only now is known that it is with somebody who is blocked.
    pub(super) fn rest_if_blocked(&mut self, now: Timestamp, id: ConversationId) {
        let other = self.conversations.get(&id).and_then(|known| self.other_of(known));
        other.iter().for_each(|user| self.heed_block(now, user));
    }

    /// Lets rest, after a start, what is to rest.
    pub(super) fn recall_blocks(&mut self) {
        let me = self.profile.user;
        let resting: Vec<_> = self
            .conversations
            .iter()
            .filter(|(_, known)| known.authority.last_ruling().is_direct())
            .filter(|(_, known)| known.users().any(|user| *user != me && self.is_blocked(user)))
            .map(|(id, _)| *id)
            .collect();
        for id in resting {
            self.conversations.get_mut(&id).into_iter().for_each(|known| known.is_blocked = true);
        }
    }
}
