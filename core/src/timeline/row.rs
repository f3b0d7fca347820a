//! One row: a message with all that was said about it.

use serde::{Deserialize, Serialize};

use crate::conversation::{EntryId, Target};
use crate::id::{DeviceId, PayloadId, UserId};
use crate::time::Timestamp;

/// A message as it stands now, with what later annotations are judged by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The segment that the message is in.
    pub segment: u32,
    /// The place of its change in its chain; tells who has it already.
    pub seq: u32,
    /// Who wrote it.
    pub author: UserId,
    /// On which device.
    pub device: DeviceId,
    /// The message that it answers.
    pub answers: Option<Target>,
    /// What it says now.
    pub text: Text,
    /// All edits by its author, oldest first.
    pub edits: Vec<Edit>,
    /// Whether its author deleted it.
    pub deleted: bool,
    /// Whether a moderator had it erased.
    pub removed: bool,
    /// The newest word of each user on each emoji, in order of emoji, then user.
    pub marks: Vec<Mark>,
    /// From when on it is gone.
    pub expires: Option<Timestamp>,
    /// Whether it has disappeared: it is no longer in the timeline, and says nothing any more. Never ends.
    pub gone: bool,
    /// Whether its chain was found to be forked before it, so that it counts for nothing and is not in the timeline.
    pub disputed: bool,
}

/// The text of a row. Deleted rows and those that are gone have none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Text {
    /// The body is here.
    Held(String),
    /// The body has not arrived yet.
    Absent(PayloadId),
    /// The body was erased.
    Erased,
    /// A kind of message that this version does not know.
    Unknown,
}

/// One edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The entry that says so; edits are ordered by it, and the last one counts.
    pub id: EntryId,
    /// The segment that the entry is in.
    pub segment: u32,
    /// The new body.
    pub payload: PayloadId,
}

/// One user's newest word on one emoji.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The emoji.
    pub emoji: String,
    /// Who reacted.
    pub user: UserId,
    /// The entry that says so; of two, the later counts.
    pub id: EntryId,
    /// Whether the reaction stands.
    pub on: bool,
}

impl Row {
    /// Returns the reactions that stand.
    pub fn reactions(&self) -> impl Iterator<Item = (&str, UserId)> {
        self.marks.iter().filter(|mark| mark.on).map(|mark| (mark.emoji.as_str(), mark.user))
    }

    /// Tells whether its time has come, so that it is to be shown to nobody.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.gone || self.expires.is_some_and(|at| at <= now)
    }

    /// Lets the message disappear if its time has come.
    pub(super) fn expire(&mut self, now: Timestamp) {
        self.gone = self.is_over(now);
        if self.gone {
            self.text = Text::Erased;
        }
    }

    /// Tells whether its words are erased for good, whatever else is said about it.
    pub fn is_erased(&self) -> bool {
        self.deleted || self.removed
    }

    pub(super) fn edit(&mut self, edit: Edit) {
        if let Err(at) = self.edits.binary_search_by(|known| known.id.cmp(&edit.id)) {
            self.edits.insert(at, edit);
        }
    }

    pub(super) fn mark(&mut self, mark: Mark) {
        let key = |m: &Mark| (m.emoji.clone(), m.user);
        match self.marks.binary_search_by_key(&key(&mark), key) {
            Ok(at) => {
                if let Some(known) = self.marks.get_mut(at).filter(|known| known.id < mark.id) {
                    *known = mark;
                }
            }
            Err(at) => self.marks.insert(at, mark),
        }
    }
}
