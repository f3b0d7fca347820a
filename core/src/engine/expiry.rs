//! Messages that disappear, and those that moderators have erased.
//!
//! Each carries how long it lasts, as the conversation's setting was when its author wrote it: so it disappears at the same
//! time everywhere, and whatever becomes of the setting, older messages are as they were. The index has them by the time at
//! which they go. A message that is gone leaves the timeline, its words are erased as those of a deleted one are, and what
//! is left of its row is kept aside for annotations that are late.
//!
//! What a moderator has erased says a control record, so that all peers who know it judge alike: it is erased where it is,
//! and not kept where it comes later.
//!
//! Nobody is given or shown words whose time has come: what became due while we were away goes before the first input, and
//! between two ticks whoever reads or gives looks at the time.

use std::collections::BTreeSet;

use super::conversation::Conversation;
use super::io::{Effect, View};
use super::shelf::OpenError;
use super::{Engine, keys, rows};
use crate::authority::MessageName;
use crate::conversation::{EntryId, Record, SegmentId, Verified};
use crate::id::{ConversationId, PayloadId};
use crate::store::{IndexOp, StoreError};
use crate::time::Timestamp;

/// The most messages of one conversation that disappear at once; the rest follow at the next tick.
const MAX_AT_ONCE: usize = 256;

impl Engine {
    /// Lets messages disappear whose time has come; returns whether any went. Those of a conversation where that fails
    /// are tried again at the next tick.
    pub(super) fn expire(&mut self, now: Timestamp, view: &dyn View) -> bool {
        let due: Vec<ConversationId> =
            self.conversations.iter().filter(|(_, c)| c.has_due(now)).map(|(id, _)| *id).collect();
        let mut went = false;
        for id in due {
            match self.expire_in(id, now, view) {
                Ok(some) => went |= some,
                Err(error) => self.problem(error.to_string()),
            }
        }
        went
    }

    fn expire_in(&mut self, id: ConversationId, now: Timestamp, view: &dyn View) -> Result<bool, OpenError> {
        let Some(number) = self.conversations.get(&id).map(|conversation| conversation.number) else {
            return Ok(false);
        };
        let (from, to) = keys::all(keys::Part::Expiries, number);
        let due = view.scan(&from, &keys::after(number, now), MAX_AT_ONCE, false)?;
        let messages: BTreeSet<_> = due.iter().filter_map(|(key, _)| keys::expiring(key)).map(|(_, id)| id).collect();
        let mut ops = self.fold_with(id, now, false, view, BTreeSet::new(), |fold| {
            messages.iter().try_for_each(|message| fold.expire(message))
        })?;
        let next = match due.len() {
            MAX_AT_ONCE => Some(now),
            _ => self.next_expiry(&keys::after(number, now), &to, view)?,
        };
        // The message may be out of the timeline for another reason.
        ops.extend(due.iter().map(|(key, _)| IndexOp::Remove(key.clone())));
        self.effects.push(Effect::Index(ops, self.complete));
        let Some(conversation) = self.conversations.get_mut(&id) else { return Ok(false) };
        conversation.expires = next;
        let first = due.into_iter().next().map(|(key, _)| key);
        // An index that cannot be written, as the disk is full, gives the same ones again.
        let went = first.is_some() && first != conversation.first_due;
        conversation.first_due = first;
        Ok(went)
    }

    /// Returns when the first message disappears between two keys, with what was written since the index was.
    fn next_expiry(&self, from: &[u8], to: &[u8], view: &dyn View) -> Result<Option<Timestamp>, StoreError> {
        let kept = view.scan(from, to, 1, false)?.into_iter().map(|(key, _)| key).next();
        let put = self.written.range(from.to_vec()..to.to_vec()).find(|(_, value)| value.is_some());
        let first = kept.into_iter().chain(put.map(|(key, _)| key.clone())).min();
        Ok(first.and_then(|key| keys::expiring(&key)).map(|(at, _)| at))
    }

    /// Returns the bodies of a segment that are still here although their messages' time has come.
    pub(super) fn due_bodies(&mut self, id: SegmentId, now: Timestamp, view: &dyn View) -> BTreeSet<PayloadId> {
        let Some(conversation) = self.conversations.get(&id.conversation).filter(|c| c.has_due(now)) else {
            return BTreeSet::new();
        };
        let (from, _) = keys::all(keys::Part::Expiries, conversation.number);
        let due = view.scan(&from, &keys::after(conversation.number, now), usize::MAX, false).unwrap_or_default();
        let mut bodies = BTreeSet::new();
        for (_, message) in due.iter().filter_map(|(key, _)| keys::expiring(key)) {
            let row = view.get(&keys::row(conversation.number, &message)).ok().flatten();
            let Some(row) = row.and_then(|bytes| rows::decode(&bytes)) else { continue };
            bodies.extend(row.edits.iter().filter(|edit| edit.segment == id.number).map(|edit| edit.payload));
            if row.segment == id.number {
                let segment = self.shelf.settled(id, view).ok();
                bodies.extend(segment.and_then(|segment| segment.original(&message)));
            }
        }
        bodies
    }
}

impl Engine {
    /// Erases the messages that moderators had erased, and folds those again of which that does not count any more: what
    /// is erased here stays so, but it may come from who never had it erased. Returns whether there was anything to do.
    pub(super) fn moderate(&mut self, now: Timestamp, id: ConversationId, view: &dyn View) -> bool {
        let Some(conversation) = self.conversations.get_mut(&id) else { return false };
        let erased = conversation.authority.last_ruling().erased().clone();
        let known = std::mem::replace(&mut conversation.moderated, erased.clone());
        if erased == known {
            return false;
        }
        let entry = |name: &MessageName| EntryId { at: name.at, actor: name.actor, number: name.number };
        let no_more: BTreeSet<EntryId> = known.difference(&erased).map(entry).collect();
        if !no_more.is_empty() {
            self.fold_anew(now, id, &no_more, view);
        }
        let folded = self.fold_with(id, now, false, view, BTreeSet::new(), |fold| {
            erased.difference(&known).map(entry).try_for_each(|message| fold.moderate(&message))
        });
        match folded {
            Ok(ops) => self.effects.push(Effect::Index(ops, self.complete)),
            Err(error) => self.problem(error.to_string()),
        }
        true
    }

    /// Leaves out of a run the bodies of messages that are to be erased: who passes them on has not heard of it.
    pub(super) fn leave_out_erased(&self, id: SegmentId, run: &mut Verified) {
        let Some(conversation) = self.conversations.get(&id.conversation) else { return };
        let erased = conversation.authority.last_ruling().erased();
        if !erased.is_empty() {
            run.leave_out(|entry| match &entry.record {
                Record::About(target, _) => erased.contains(&name(target.segment, &target.message)),
                _ => erased.contains(&name(id.number, &entry.id)),
            });
        }
    }
}

fn name(segment: u32, message: &EntryId) -> MessageName {
    MessageName { segment, at: message.at, actor: message.actor, number: message.number }
}

impl Conversation {
    /// Tells whether the time of one of its messages has come.
    pub(super) fn has_due(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}
