//! What a member's device has to do about the epochs: ask, grant, rotate.
//!
//! All members come to the same answer, so all would rotate at once. Each therefore waits two seconds longer than who is
//! before it, and up to two seconds more; mostly the first one's epoch is known before the second one's turn.

use serde::{Deserialize, Serialize};

use super::{Epochs, Known, Room, Stale, usable};
use crate::crypto;
use crate::id::{DeviceId, RecordHash};
use crate::time::Timestamp;

/// After how long an epoch is followed by another: a week.
pub const WEEK_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// How long one asks for an epoch that others opened before one opens another.
pub const PATIENCE_MS: u64 = 60 * 1000;

/// What each rank waits longer than the one before it, and the most that chance adds.
const STAGGER_MS: u64 = 2000;

/// How long to wait before asking a second time; each time twice as long, up to an hour.
const ASK_AGAIN_MS: u64 = 30 * 1000;
const ASK_AGAIN_MAX_MS: u64 = 60 * 60 * 1000;

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Open a new epoch, unless there is one by then.
    Rotate {
        /// What for.
        why: Why,
        /// When it is this device's turn; may be yet to come.
        at: Timestamp,
    },
    /// Box the current epoch for a member who has no box.
    Grant {
        /// The epoch.
        epoch: RecordHash,
        /// Who lacks it.
        device: DeviceId,
    },
    /// Ask members for an epoch that we cannot open, and tell [`Epochs::asked`].
    Ask {
        /// The epoch.
        epoch: RecordHash,
    },
}

/// Why a new epoch is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Why {
    /// The present one is a week old.
    Weekly,
    /// Who opened the present one did not know that a member was removed.
    Removal,
    /// Who opened the present one did not know that a device was revoked.
    Revocation,
    /// There is none, or nobody answers who has one.
    NoneUsable,
}

impl Epochs {
    /// Returns what is due. Nothing for who is not a member.
    pub fn due(&self, room: &Room, now: Timestamp) -> Vec<Due> {
        if !room.members.contains_key(&self.me) {
            return Vec::new();
        }
        let mut due: Vec<Due> = self.rotation(room, now).into_iter().collect();
        let lost = self.known.values().filter(|known| known.held.is_none() && known.ask_at <= now);
        due.extend(
            lost.filter(|known| self.is_wanted(known, room)).map(|known| Due::Ask { epoch: known.announced.id }),
        );
        if let Some((epoch, known)) = self.current(room).and_then(|id| Some((id, self.known.get(&id)?))) {
            let without = room.members.keys().filter(|device| {
                let named = known.announced.recipients.contains(device) || known.announced.maker == **device;
                **device != self.me && !named && self.boxes_for(epoch, **device).next().is_none()
            });
            due.extend(without.map(|device| Due::Grant { epoch, device: *device }));
        }
        due
    }

    /// Takes note that members were asked for an epoch.
    pub fn asked(&mut self, id: RecordHash, now: Timestamp) {
        if let Some(known) = self.known.get_mut(&id) {
            let wait = ASK_AGAIN_MS << known.asked.min(10);
            known.asked = known.asked.saturating_add(1);
            known.ask_at = now.plus(wait.min(ASK_AGAIN_MAX_MS));
        }
    }

    /// Tells whether others may still seal under an epoch, or mail for us may wait under it.
    fn is_wanted(&self, known: &Known, room: &Room) -> bool {
        known.announced.valid && (usable(known, room) || known.announced.recipients.contains(&self.me))
    }

    fn rotation(&self, room: &Room, now: Timestamp) -> Option<Due> {
        let turn = |from: Timestamp, why| Some(Due::Rotate { why, at: from.plus(self.stagger(room, from)) });
        if let Some(held) = self.current(room).and_then(|id| self.held(id)) {
            let week = held.since.plus(WEEK_MS);
            return if week <= now { turn(week, Why::Weekly) } else { None };
        }
        let newest = self.known.values().filter(|known| usable(known, room)).map(|known| known.learned).max();
        if let Some(learned) = newest {
            return turn(learned.max(room.since).plus(PATIENCE_MS), Why::NoneUsable);
        }
        turn(room.since, self.reason(room))
    }

    /// Returns why no known epoch is usable.
    fn reason(&self, room: &Room) -> Why {
        let valid = self.known.values().filter(|known| known.announced.valid);
        match valid.max_by_key(|known| known.order()).map(|known| room.stale.get(&known.announced.id)) {
            None => Why::NoneUsable,
            Some(Some(Stale::Revocation)) => Why::Revocation,
            // Not stale, yet not usable: it names somebody who is not a member.
            Some(Some(Stale::Removal) | None) => Why::Removal,
        }
    }

    fn stagger(&self, room: &Room, from: Timestamp) -> u64 {
        let dice = crypto::hash("bayou/1/epoch stagger", &[&self.conversation.0, &self.me.0, &from.0.to_be_bytes()]);
        let chance = dice.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)) % STAGGER_MS;
        STAGGER_MS.saturating_mul(room.rank).saturating_add(chance)
    }
}
