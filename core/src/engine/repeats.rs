//! Messages that a front end sends again because it did not hear that they were written.
//!
//! It names each by a text of its own. The name goes into the **salt** of the body, under a secret of our user's devices: so
//! what was sent by a name is found again among our own bodies, and nothing more is kept for it. After a start those of the
//! newest two segments are looked at once; what was deleted since is not found any more.

use std::collections::{BTreeMap, VecDeque};

use super::io::{CallId, View};
use super::outbound::invalid;
use super::own::first16;
use super::{Engine, machine};
use crate::conversation::{EntryId, Place, SegmentId};
use crate::crypto;
use crate::id::ConversationId;
use crate::rpc::{Reply, RpcError};

/// The newest own messages of a conversation that are known by their salt.
const MAX_KNOWN: usize = 1000;

/// The longest name, in bytes.
const MAX_NAME: usize = 64;

/// A salt.
pub(super) type Salt = [u8; 16];

/// What was sent, by its salt.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    known: BTreeMap<ConversationId, Known>,
    /// What is on its way to disk, and which calls wait for it besides the first.
    waiting: BTreeMap<EntryId, Vec<CallId>>,
}

/// Own messages of one conversation. At most [`MAX_KNOWN`].
#[derive(Debug, Default)]
struct Known {
    by_salt: BTreeMap<Salt, EntryId>,
    order: VecDeque<Salt>,
}

impl Known {
    fn note(&mut self, salt: Salt, message: EntryId) {
        if self.by_salt.insert(salt, message).is_none() {
            self.order.push_back(salt);
        }
        if self.order.len() > MAX_KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_salt.remove(&oldest);
        }
    }
}

impl Repeats {
    /// Notes that a message is being written.
    pub(super) fn begun(&mut self, id: ConversationId, salt: Salt, message: EntryId) {
        self.known.entry(id).or_default().note(salt, message);
        self.waiting.insert(message, Vec::new());
    }

    /// Returns who else waits for a message that is written now.
    pub(super) fn written(&mut self, message: &EntryId) -> Vec<CallId> {
        self.waiting.remove(message).unwrap_or_default()
    }

    /// Returns who else waits for a message that could not be written: it may be sent again.
    pub(super) fn failed(&mut self, message: &EntryId) -> Vec<CallId> {
        for known in self.known.values_mut() {
            let lost: Vec<Salt> =
                known.by_salt.iter().filter(|(_, sent)| *sent == message).map(|(salt, _)| *salt).collect();
            for salt in lost {
                known.by_salt.remove(&salt);
                known.order.retain(|one| *one != salt);
            }
        }
        self.written(message)
    }
}

impl Engine {
    /// Returns the salt of what is sent by a name.
    pub(super) fn salt_of(&self, id: ConversationId, name: &str) -> Result<Salt, RpcError> {
        if name.is_empty() || name.len() > MAX_NAME {
            return Err(invalid(format!("the id of a call to send has 1 to {MAX_NAME} bytes")));
        }
        let device = self.key.device();
        let parts: [&[u8]; 4] = [b"sent", device.as_bytes(), id.as_bytes(), name.as_bytes()];
        Ok(first16(crypto::keyed_hash(self.profile.devices_secret().expose(), &parts)))
    }

    /// Answers a call that was made before; returns whether it was.
    pub(super) fn answer_again(
        &mut self,
        call: CallId,
        id: ConversationId,
        salt: &Salt,
        view: &dyn View,
    ) -> Result<bool, RpcError> {
        if !self.repeats.known.contains_key(&id) {
            let known = self.recall_sent(id, view)?;
            self.repeats.known.insert(id, known);
        }
        let Some(message) = self.repeats.known.get(&id).and_then(|known| known.by_salt.get(salt)).copied() else {
            return Ok(false);
        };
        match self.repeats.waiting.get_mut(&message) {
            Some(waiting) => waiting.push(call),
            None => self.reply(call, Ok(Reply::Sent { id: message.to_string() })),
        }
        Ok(true)
    }

    /// Reads the salts of our newest messages.
    fn recall_sent(&mut self, conversation: ConversationId, view: &dyn View) -> Result<Known, RpcError> {
        let newest = self.conversations.get(&conversation).map_or(0, |known| known.newest_segment());
        let (me, mut known) = (self.key.device(), Known::default());
        for number in newest.saturating_sub(1)..=newest {
            let id = SegmentId { conversation, number };
            let mut own = self.shelf.settled(id, view)?.entries();
            own.retain(|entry| entry.device == me && entry.place == Place::Messages);
            own.sort_by_key(|entry| entry.id);
            let payloads = self.shelf.get(id, view)?.payloads();
            for entry in own {
                let body = entry.record.payload().and_then(|body| payloads.get(&body));
                if let Some(body) = body {
                    known.note(body.payload.salt, entry.id);
                }
            }
        }
        Ok(known)
    }

    /// Answers all who wait for a message.
    pub(super) fn written_now(&mut self, call: CallId, message: &EntryId) {
        for call in std::iter::once(call).chain(self.repeats.written(message)) {
            self.reply(call, Ok(Reply::Sent { id: message.to_string() }));
        }
    }

    /// Tells all who wait for a message that it could not be written.
    pub(super) fn not_written(&mut self, call: CallId, message: &EntryId, why: &str) {
        for call in std::iter::once(call).chain(self.repeats.failed(message)) {
            self.reply(call, Err(machine(why)));
        }
    }
}
