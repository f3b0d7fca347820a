//! What an entry says: one immutable record, as the value in the map.
//!
//! ```text
//! value = version u8 (1) ‖ postcard(Record of its place)
//! ```
//!
//! Kinds are only ever added at the end of an enum. A version or kind that this peer does not know is kept, passed on
//! and shown as a line that says so.

use serde::{Deserialize, Serialize};

use super::key::EntryId;
use super::payload::{self, MAX_BODY};
use crate::id::{DeviceId, PayloadHash, PayloadId, RecordHash};
use crate::time::Timestamp;

const VERSION: u8 = 1;

/// The longest emoji of a reaction, in bytes.
pub const MAX_EMOJI: usize = 32;

/// Into how many steps a lifetime is divided: all that was written within one step disappears together, so that a
/// segment is rewritten at most so often in a lifetime.
const LIFETIME_STEPS: u64 = 256;

/// The largest record, in bytes.
pub(super) const MAX_RECORD: usize = 1024;

/// Which of the two maps an entry stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Place {
    /// `m`: messages.
    Messages,
    /// `x`: what is said about messages.
    Annotations,
}

impl Place {
    pub(super) fn name(self) -> &'static str {
        match self {
            Place::Messages => "m",
            Place::Annotations => "x",
        }
    }

    /// The counter of the operation in the genesis that makes the map.
    pub(super) fn op(self) -> u64 {
        match self {
            Place::Messages => 1,
            Place::Annotations => 2,
        }
    }
}

/// Names the message that an annotation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// The segment that the message is in.
    pub segment: u32,
    /// The message.
    pub message: EntryId,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A message of text.
    Text {
        /// Its body.
        payload: PayloadId,
        /// After how many seconds it disappears, as its author was told to let it; 0: never.
        lifetime: u32,
        /// The message that it answers, if it answers one. That may be another conversation's or nobody's: it only names it.
        answers: Option<Target>,
    },
    /// Something about a message.
    About(Target, Annotation),
    /// A kind that this version does not know.
    Unknown,
}

/// What can be said about a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Annotation {
    /// Its author replaced the text.
    Edit {
        /// The new body.
        payload: PayloadId,
    },
    /// Its author deleted it, for everyone.
    Delete,
    /// Someone reacted, or took the reaction back.
    React {
        /// The emoji; at most [`MAX_EMOJI`] bytes.
        emoji: String,
        /// Whether the reaction stands.
        on: bool,
    },
}

/// An admitted entry: what it says, who says it and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// The segment that it is in.
    pub segment: u32,
    /// The place of its change in its chain, from 1.
    pub seq: u32,
    /// The device that wrote it.
    pub device: DeviceId,
    /// The grant under which it was written: it says who the author is.
    pub grant: RecordHash,
    /// The map that it stands in.
    pub place: Place,
    /// What it says.
    pub record: Record,
}

#[derive(Serialize, Deserialize)]
enum MessageWire {
    Text { payload: PayloadHash, len: u32 },
    Passing { payload: PayloadHash, len: u32, lifetime: u32 },
    Answer { payload: PayloadHash, len: u32, lifetime: u32, to: Target },
}

#[derive(Serialize, Deserialize)]
enum SaidWire {
    Edit { payload: PayloadHash },
    Delete,
    React { emoji: String, on: bool },
}

#[derive(Serialize, Deserialize)]
struct AnnotationWire {
    target: Target,
    said: SaidWire,
    /// The length of the body that it brings, 0 if none.
    len: u32,
}

/// The record breaks a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BreaksLimit;

impl Record {
    /// Writes a message of text.
    pub fn encode_text(payload: PayloadHash, len: usize) -> Vec<u8> {
        encode(&MessageWire::Text { payload, len: u32::try_from(len).unwrap_or(u32::MAX) })
    }

    /// Writes a message of text that disappears `lifetime` seconds after it was written.
    pub fn encode_passing(payload: PayloadHash, len: usize, lifetime: u32) -> Vec<u8> {
        encode(&MessageWire::Passing { payload, len: u32::try_from(len).unwrap_or(u32::MAX), lifetime })
    }

    /// Writes a message of text that answers another; a lifetime of 0 seconds is none.
    pub fn encode_answer(to: Target, payload: PayloadHash, len: usize, lifetime: u32) -> Vec<u8> {
        encode(&MessageWire::Answer { payload, len: u32::try_from(len).unwrap_or(u32::MAX), lifetime, to })
    }

    /// Writes an edit that brings a body.
    pub fn encode_edit(target: Target, payload: PayloadHash, len: usize) -> Vec<u8> {
        let said = SaidWire::Edit { payload };
        encode(&AnnotationWire { target, said, len: u32::try_from(len).unwrap_or(u32::MAX) })
    }

    /// Writes a deletion.
    pub fn encode_delete(target: Target) -> Vec<u8> {
        encode(&AnnotationWire { target, said: SaidWire::Delete, len: 0 })
    }

    /// Writes a reaction, or that it is taken back.
    pub fn encode_reaction(target: Target, emoji: String, on: bool) -> Vec<u8> {
        encode(&AnnotationWire { target, said: SaidWire::React { emoji, on }, len: 0 })
    }

    /// Reads the value of an entry that `author` wrote. What cannot be read is [`Record::Unknown`], never an error: it may come from a later
    /// version. What can be read must keep the limits.
    pub(super) fn decode(place: Place, author: &DeviceId, value: &[u8]) -> Result<Record, BreaksLimit> {
        let Some((&VERSION, bytes)) = value.split_first() else { return Ok(Record::Unknown) };
        let (record, len) = match place {
            Place::Messages => match postcard::from_bytes::<MessageWire>(bytes) {
                Ok(message) => message.by(author),
                Err(_) => return Ok(Record::Unknown),
            },
            Place::Annotations => match postcard::from_bytes::<AnnotationWire>(bytes) {
                Ok(AnnotationWire { said: SaidWire::React { emoji, .. }, .. }) if emoji.len() > MAX_EMOJI => {
                    return Err(BreaksLimit);
                }
                Ok(AnnotationWire { target, said, len }) => (Record::About(target, said.by(author)), len),
                Err(_) => return Ok(Record::Unknown),
            },
        };
        if usize::try_from(len).is_ok_and(|len| len <= MAX_BODY) { Ok(record) } else { Err(BreaksLimit) }
    }

    /// Returns the payload that the record brings, if it brings one.
    pub fn payload(&self) -> Option<PayloadId> {
        match self {
            Record::Text { payload, .. } | Record::About(_, Annotation::Edit { payload }) => Some(*payload),
            Record::About(..) | Record::Unknown => None,
        }
    }
}

impl Entry {
    /// Returns from when on a message that disappears is gone. Depends on nothing but the entry, so that all peers whose
    /// clocks are right let it go at the same time, whenever it reached them.
    pub fn expires(&self) -> Option<Timestamp> {
        let Record::Text { lifetime: lifetime @ 1.., .. } = self.record else { return None };
        let lifetime = u64::from(lifetime) * 1000;
        let step = (lifetime / LIFETIME_STEPS).max(1);
        Some(Timestamp(self.id.at.ms.saturating_add(lifetime).div_ceil(step).saturating_mul(step)))
    }
}

impl MessageWire {
    /// Returns what it says, and how long it says that its body is.
    fn by(self, author: &DeviceId) -> (Record, u32) {
        let text = |payload: &PayloadHash, lifetime, answers| Record::Text {
            payload: payload::id_of(author, payload),
            lifetime,
            answers,
        };
        match self {
            MessageWire::Text { payload, len } => (text(&payload, 0, None), len),
            MessageWire::Passing { payload, len, lifetime } => (text(&payload, lifetime, None), len),
            MessageWire::Answer { payload, len, lifetime, to } => (text(&payload, lifetime, Some(to)), len),
        }
    }
}

impl SaidWire {
    fn by(self, author: &DeviceId) -> Annotation {
        match self {
            SaidWire::Edit { payload } => Annotation::Edit { payload: payload::id_of(author, &payload) },
            SaidWire::Delete => Annotation::Delete,
            SaidWire::React { emoji, on } => Annotation::React { emoji, on },
        }
    }
}

fn encode(record: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(record, vec![VERSION]).expect("a record always encodes")
}
