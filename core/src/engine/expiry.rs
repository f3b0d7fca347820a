//! Messages that disappear.
//!
//! Each carries how long it lasts, as the conversation's setting was when its author wrote it: so it disappears at the same
//! time everywhere, and whatever becomes of the setting, older messages are as they were. The index has them by the time at
//! which they go. A message that is gone leaves the timeline, its words are erased as those of a deleted one are, and what
//! is left of its row is kept aside for annotations that are late.
//!
//! Nobody is given or shown words whose time has come: what became due while we were away goes before the first input.

use std::collections::BTreeSet;

use super::io::{Effect, View};
use super::shelf::OpenError;
use super::{Engine, keys};
use crate::id::ConversationId;
use crate::rpc::Event;
use crate::store::IndexOp;
use crate::time::Timestamp;

/// The most messages of one conversation that disappear at once; the rest follow at the next tick.
const MAX_AT_ONCE: usize = 256;

impl Engine {
    /// Lets messages disappear whose time has come; returns whether any was due.
    pub(super) fn expire(&mut self, now: Timestamp, view: &dyn View) -> bool {
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        let due: Vec<ConversationId> =
            self.conversations.iter().filter(|(_, c)| is_due(c.expires)).map(|(id, _)| *id).collect();
        for id in &due {
            if let Err(error) = self.expire_in(*id, now, view) {
                self.problem(error.to_string());
            }
        }
        !due.is_empty()
    }

    fn expire_in(&mut self, id: ConversationId, now: Timestamp, view: &dyn View) -> Result<(), OpenError> {
        let Some(conversation) = self.conversations.get_mut(&id) else { return Ok(()) };
        let number = conversation.number;
        let (from, _) = keys::all(keys::Part::Expiries, number);
        let due = view.scan(&from, &keys::after(number, now), MAX_AT_ONCE, false)?;
        conversation.expires = if due.len() < MAX_AT_ONCE { next_after(number, now, view)? } else { Some(now) };
        let messages: BTreeSet<_> = due.iter().filter_map(|(key, _)| keys::expiring(key)).map(|(_, id)| id).collect();
        let mut ops = self.fold_with(id, now, false, view, BTreeSet::new(), |fold| {
            messages.iter().try_for_each(|message| fold.expire(message))
        })?;
        // The message may be out of the timeline for another reason.
        ops.extend(due.into_iter().map(|(key, _)| IndexOp::Remove(key)));
        self.effects.push(Effect::Index(ops, self.complete));
        for message in messages {
            let (conversation, id) = (id.to_string(), message.to_string());
            self.effects.push(Effect::Emit(Event::Gone { conversation, id }));
        }
        Ok(())
    }
}

/// Returns when the first message disappears that does so later than `now`.
pub(super) fn next_after(
    number: u32,
    now: Timestamp,
    view: &dyn View,
) -> Result<Option<Timestamp>, crate::store::StoreError> {
    let (_, to) = keys::all(keys::Part::Expiries, number);
    let next = view.scan(&keys::after(number, now), &to, 1, false)?;
    Ok(next.first().and_then(|(key, _)| keys::expiring(key)).map(|(at, _)| at))
}
