//! One envelope on disk.
//!
//! ```text
//!  0          4          8       16      32      64
//!  +----------+----------+-------+-------+-------+--------------+
//!  |  length  | checksum |  seq  | topic |  id   | envelope …   |
//!  |   u32    |  CRC32   |  u64  |  16   |  32   | length bytes |
//!  +----------+----------+-------+-------+-------+--------------+
//!  big-endian; the checksum covers all that comes after it, and the length
//! ```

use bayou_core::id::{EnvelopeId, Topic};
use bayou_core::net::mailbox::{MAX_ENVELOPE, MIN_ENVELOPE};

/// Bytes before the envelope.
pub(super) const HEAD: usize = 4 + 4 + 8 + 16 + 32;

/// What stands before an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) length: u32,
    checksum: u32,
    pub(super) seq: u64,
    pub(super) topic: Topic,
    pub(super) id: EnvelopeId,
}

impl Head {
    /// Reads what stands before an envelope; `None` when no envelope has such a length.
    pub(super) fn decode(bytes: &[u8; HEAD]) -> Option<Head> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (checksum, rest) = rest.split_first_chunk()?;
        let (seq, rest) = rest.split_first_chunk()?;
        let (topic, id) = rest.split_first_chunk()?;
        let length = u32::from_be_bytes(*length);
        let head = Head {
            length,
            checksum: u32::from_be_bytes(*checksum),
            seq: u64::from_be_bytes(*seq),
            topic: Topic(*topic),
            id: EnvelopeId(id.try_into().ok()?),
        };
        let plausible = (MIN_ENVELOPE..=MAX_ENVELOPE).contains(&usize::try_from(length).ok()?);
        plausible.then_some(head)
    }

    /// Tells whether this is what was written.
    pub(super) fn is_of(&self, envelope: &[u8]) -> bool {
        self.checksum == checksum(self.length, self.seq, &self.topic, &self.id, envelope)
    }
}

/// Appends an envelope with its head.
pub(super) fn encode(seq: u64, topic: Topic, id: EnvelopeId, envelope: &[u8], into: &mut Vec<u8>) {
    let length = u32::try_from(envelope.len()).unwrap_or(u32::MAX);
    into.extend(length.to_be_bytes());
    into.extend(checksum(length, seq, &topic, &id, envelope).to_be_bytes());
    into.extend(seq.to_be_bytes());
    into.extend(topic.0);
    into.extend(id.0);
    into.extend(envelope);
}

fn checksum(length: u32, seq: u64, topic: &Topic, id: &EnvelopeId, envelope: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    let (length, seq) = (length.to_be_bytes(), seq.to_be_bytes());
    for part in [length.as_slice(), &seq, topic.as_bytes(), id.as_bytes(), envelope] {
        hasher.update(part);
    }
    hasher.finalize()
}
