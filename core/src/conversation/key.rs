//! The key of an entry, which is also its id and its place in the order of the conversation.
//!
//! ```text
//! key in the map, 25 bytes as 40 characters of base32hex (RFC 4648, lower case, no padding), newest first:
//!   48 bits  2^48−1 − milliseconds
//!   16 bits  2^16−1 − counter
//!   16 byte  actor             must be the actor of the change that puts it: two authors never write one key
//!    1 byte  number of the entry within its change
//! ```
//!
//! People see the same 25 bytes with the time scrambled and in front, so that a few characters are enough to tell
//! neighbours apart.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_DNSSEC;
use serde::{Deserialize, Serialize};

use crate::id::ActorId;
use crate::time::{Hlc, MAX_MS, Timestamp};

/// Bytes of an encoded id.
const LEN: usize = 25;

/// Characters of a key or an id in text.
pub(super) const TEXT_LEN: usize = 40;

/// An odd number (2^64 divided by the golden ratio) and its inverse modulo 2^64: multiplying by it spreads the low bits
/// of the time over all others, and can be undone. (Knuth, TAOCP 3, 6.4)
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
const GATHER: u64 = inverse(SPREAD);

/// Names an entry of a conversation. Ordered as the timeline is: by time, then by actor, then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntryId {
    /// When it was written, by the hybrid logical clock.
    pub at: Hlc,
    /// The chain that it is in.
    pub actor: ActorId,
    /// Its number within its change.
    pub number: u8,
}

/// The text is not the id of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a message id: expected {TEXT_LEN} characters 0-9 and a-v")]
pub struct BadEntryId;

impl EntryId {
    /// The id before all others.
    pub const MIN: EntryId = EntryId { at: Hlc { ms: 0, counter: 0 }, actor: ActorId([0; 16]), number: 0 };

    /// Returns the last id that an entry of a moment could have.
    pub fn last_at(at: Timestamp) -> Self {
        EntryId { at: Hlc { ms: at.0.min(MAX_MS), counter: u16::MAX }, actor: ActorId([0xff; 16]), number: u8::MAX }
    }

    /// Returns the key under which the entry stands in its map: newest first.
    pub fn to_key(&self) -> String {
        let ms = MAX_MS - self.at.ms.min(MAX_MS);
        BASE32_DNSSEC.encode(&self.pack((ms << 16) | u64::from(u16::MAX - self.at.counter)))
    }

    /// Reads a key as [`EntryId::to_key`] writes it, and no other way.
    pub fn from_key(key: &str) -> Option<Self> {
        let (time, actor, number) = unpack(key)?;
        let at = Hlc { ms: MAX_MS - (time >> 16), counter: u16::MAX - low16(time) };
        Some(EntryId { at, actor, number })
    }

    /// Returns bytes that sort as the ids do, for the index.
    pub fn to_sortable(&self) -> [u8; LEN] {
        self.pack((self.at.ms.min(MAX_MS) << 16) | u64::from(self.at.counter))
    }

    /// Reads what [`EntryId::to_sortable`] wrote.
    pub fn from_sortable(bytes: &[u8]) -> Option<Self> {
        let (time, actor, number) = split(bytes)?;
        Some(EntryId { at: Hlc { ms: time >> 16, counter: low16(time) }, actor, number })
    }

    /// Returns a text that sorts as the ids do: its place in the timeline.
    pub fn to_place(&self) -> String {
        BASE32_DNSSEC.encode(&self.to_sortable())
    }

    /// Reads what [`EntryId::to_place`] wrote.
    pub fn from_place(text: &str) -> Option<Self> {
        let (time, actor, number) = unpack(text)?;
        Some(EntryId { at: Hlc { ms: time >> 16, counter: low16(time) }, actor, number })
    }

    fn pack(&self, time: u64) -> [u8; LEN] {
        let mut bytes = [self.number; LEN];
        bytes[..8].copy_from_slice(&time.to_be_bytes());
        bytes[8..24].copy_from_slice(&self.actor.0);
        bytes
    }

    fn mask(actor: &ActorId, number: u8) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = actor.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h]).wrapping_add(u64::from(number)).wrapping_mul(SPREAD)
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = (self.at.ms.min(MAX_MS) << 16) | u64::from(self.at.counter);
        let spread = time.wrapping_mul(SPREAD) ^ EntryId::mask(&self.actor, self.number);
        f.write_str(&BASE32_DNSSEC.encode(&self.pack(spread)))
    }
}

impl FromStr for EntryId {
    type Err = BadEntryId;

    fn from_str(text: &str) -> Result<Self, BadEntryId> {
        let (spread, actor, number) = unpack(text).ok_or(BadEntryId)?;
        let time = (spread ^ EntryId::mask(&actor, number)).wrapping_mul(GATHER);
        Ok(EntryId { at: Hlc { ms: time >> 16, counter: low16(time) }, actor, number })
    }
}

fn unpack(text: &str) -> Option<(u64, ActorId, u8)> {
    if text.len() != TEXT_LEN || text.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    split(&BASE32_DNSSEC.decode(text.as_bytes()).ok()?)
}

fn split(bytes: &[u8]) -> Option<(u64, ActorId, u8)> {
    let bytes: &[u8; LEN] = bytes.try_into().ok()?;
    let (time, rest) = bytes.split_first_chunk::<8>()?;
    let (actor, number) = rest.split_first_chunk::<16>()?;
    Some((u64::from_be_bytes(*time), ActorId(*actor), *number.first()?))
}

fn low16(time: u64) -> u16 {
    u16::try_from(time & 0xffff).expect("16 bits fit")
}

/// Returns the inverse of an odd number modulo 2^64, by Newton's iteration.
const fn inverse(odd: u64) -> u64 {
    let mut x = odd;
    let mut step = 0;
    while step < 6 {
        x = x.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(x)));
        step += 1;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64, counter: u16, actor: u8, number: u8) -> EntryId {
        EntryId { at: Hlc { ms, counter }, actor: ActorId([actor; 16]), number }
    }

    #[test]
    fn all_three_forms_lead_back_to_the_id() {
        for id in [id(0, 0, 0, 0), id(MAX_MS, u16::MAX, 255, 255), id(1_700_000_000_000, 3, 9, 1)] {
            assert_eq!(EntryId::from_key(&id.to_key()), Some(id));
            assert_eq!(EntryId::from_sortable(&id.to_sortable()), Some(id));
            assert_eq!(EntryId::from_place(&id.to_place()), Some(id));
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(id.to_key().len(), TEXT_LEN);
        }
    }

    #[test]
    fn keys_sort_newest_first_and_sortable_bytes_oldest_first() {
        let ids = [id(5, 0, 1, 0), id(5, 1, 1, 0), id(6, 0, 1, 0), id(1 << 40, 0, 1, 0)];
        assert!(ids.is_sorted());
        assert!(ids.iter().rev().map(EntryId::to_key).is_sorted());
        assert!(ids.iter().map(EntryId::to_sortable).is_sorted());
        assert!(ids.iter().map(EntryId::to_place).is_sorted());
    }

    #[test]
    fn eight_characters_tell_neighbours_apart() {
        let ids = (0..1000).flat_map(|ms| (0..3).map(move |counter| id(1_700_000_000_000 + ms, counter, 1, 0)));
        let shorts: std::collections::BTreeSet<String> = ids.map(|id| id.to_string()[..8].to_owned()).collect();
        assert_eq!(shorts.len(), 3000);
    }

    #[test]
    fn upper_case_and_wrong_lengths_are_no_keys() {
        let key = id(7, 7, 7, 7).to_key();
        assert_eq!(EntryId::from_key(&key.to_uppercase()), None);
        assert_eq!(EntryId::from_key(&key[1..]), None);
        assert_eq!(EntryId::from_key(&format!("{key}0")), None);
        assert_eq!(EntryId::from_key(&"é".repeat(20)), None);
        assert_eq!(EntryId::from_place(&key.to_uppercase()), None);
        assert_eq!(EntryId::from_place(&"é".repeat(20)), None);
    }
}
