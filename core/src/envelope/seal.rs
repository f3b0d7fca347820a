//! One envelope: what strangers may carry.
//!
//! ```text
//!  0         1       2         18     26       42      66                              size − 16
//!  +---------+-------+---------+------+--------+-------+-------------------------------+--------+
//!  | version | suite |  topic  | hint | commit | nonce | sealed: length u16 ‖ content  |  tag   |
//!  |    1    |   1   |   16    |  8   |   16   |  24   |         ‖ zeros up to size    |   16   |
//!  +---------+-------+---------+------+--------+-------+-------------------------------+--------+
//!  size: 256 bytes, 1, 4, 16 or 64 KiB, the smallest that holds the content; length is big-endian
//! ```
//!
//! Suite 1 is XChaCha20-Poly1305; everything before the nonce is authenticated with it, and the nonce by its use. The
//! cipher does not commit to its key: bytes can be made that open under two. So `commit` is a keyed hash of the nonce,
//! and who finds another one there does not even try to decrypt.
//!
//! Topic and hint stay the same for one epoch and one day, and tell nothing but that; author, sequence and signature are
//! inside.

use crate::crypto::{self, NONCE};
use crate::id::{EnvelopeId, Topic};

use super::Epoch;

const VERSION: u8 = 1;
const SUITE: u8 = 1;

/// Bytes before the nonce.
const HEADER: usize = 1 + 1 + 16 + 8 + 16;

/// Bytes that are not content: header, nonce, tag, length.
const OVERHEAD: usize = HEADER + crypto::SEAL_OVERHEAD + 2;

/// The sizes that an envelope can have: a reader of sizes learns one of five.
const SIZES: [usize; 5] = [256, 1024, 4 * 1024, 16 * 1024, MAX_ENVELOPE];

/// The largest envelope, in bytes.
pub const MAX_ENVELOPE: usize = 64 * 1024;

/// The most content that fits into one envelope, in bytes. Who has more cuts it into several.
pub const MAX_CONTENT: usize = MAX_ENVELOPE - OVERHEAD;

/// There is more content than fits into one envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {MAX_CONTENT} bytes do not fit into one envelope: cut the content into several")]
pub struct TooLarge;

/// The bytes do not have the form of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadEnvelope {
    /// Their number is none that an envelope can have.
    #[error("not an envelope: it has none of the sizes 256 B, 1, 4, 16, 64 KiB")]
    Size,
    /// Made by a program of another version, or with another cipher.
    #[error("an envelope of another version: update the program")]
    Version,
}

/// Why an envelope does not open under an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It was sealed under another epoch.
    #[error("the envelope was sealed under another epoch")]
    OtherEpoch,
    /// It names the epoch, but was changed or forged.
    #[error("the envelope was changed after it was sealed")]
    Changed,
    /// It opens, but its padding is not what an honest sender writes.
    #[error("the envelope is not padded as it must be")]
    Padding,
}

/// Bytes that have the form of an envelope; who sealed them, and whether anyone did, is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    bytes: Vec<u8>,
    header: Header,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    topic: Topic,
    hint: [u8; 8],
    commit: [u8; 16],
    nonce: [u8; NONCE],
}

/// What was in an envelope, sealed by a holder of its epoch. Any of them: the author is proven by what is inside.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened(Vec<u8>);

impl Sealed {
    /// Seals content under an epoch, for the topic of a day.
    ///
    /// # Errors
    /// [`TooLarge`] beyond [`MAX_CONTENT`].
    pub(super) fn seal(epoch: &Epoch, topic: Topic, nonce: [u8; NONCE], content: &[u8]) -> Result<Self, TooLarge> {
        let (size, length) = size_for(content.len()).ok_or(TooLarge)?;
        let header = Header { topic, hint: epoch.hint(topic), commit: epoch.commit(&nonce), nonce };
        let mut plain = [&length.to_be_bytes(), content].concat();
        plain.resize(size - OVERHEAD + 2, 0);
        let mut bytes = header.encode();
        let sealed = crypto::seal(epoch.message_key(), nonce, &bytes, &plain);
        bytes.extend_from_slice(&sealed);
        Ok(Sealed { bytes, header })
    }

    /// Takes bytes in from outside.
    ///
    /// # Errors
    /// [`BadEnvelope`] when they do not have the form of an envelope.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, BadEnvelope> {
        if !SIZES.contains(&bytes.len()) {
            return Err(BadEnvelope::Size);
        }
        let header = Header::decode(&bytes).ok_or(BadEnvelope::Version)?;
        Ok(Sealed { bytes, header })
    }

    /// Returns the bytes, to be carried.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the name under which gossip knows it.
    pub fn id(&self) -> EnvelopeId {
        EnvelopeId(crypto::hash("bayou/1/envelope", &[&self.bytes]))
    }

    /// Returns where it lies.
    pub fn topic(&self) -> Topic {
        self.header.topic
    }

    /// Tells whether it looks as if sealed under this epoch.
    fn may_be_of(&self, epoch: &Epoch) -> bool {
        self.header.hint == epoch.hint(self.header.topic) && self.header.commit == epoch.commit(&self.header.nonce)
    }

    /// Opens it under an epoch.
    ///
    /// # Errors
    /// [`OpenError`] when it was not sealed so, or changed since.
    pub(super) fn open(&self, epoch: &Epoch) -> Result<Opened, OpenError> {
        if !self.may_be_of(epoch) {
            return Err(OpenError::OtherEpoch);
        }
        let (header, sealed) = self.bytes.split_at_checked(HEADER).ok_or(OpenError::Changed)?;
        let mut plain = crypto::open(epoch.message_key(), header, sealed).map_err(|_| OpenError::Changed)?;
        let (length, content) = plain.split_first_chunk::<2>().ok_or(OpenError::Padding)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let padding = content.get(length..).ok_or(OpenError::Padding)?;
        // One content, one size: padding is no place to carry other things.
        let honest =
            padding.iter().all(|byte| *byte == 0) && size_for(length).map(|(size, _)| size) == Some(self.bytes.len());
        if !honest {
            return Err(OpenError::Padding);
        }
        plain.truncate(2 + length);
        plain.drain(..2);
        Ok(Opened(plain))
    }
}

impl Header {
    fn encode(&self) -> Vec<u8> {
        [&[VERSION, SUITE], self.topic.0.as_slice(), &self.hint, &self.commit].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[VERSION, SUITE], rest) = bytes.split_first_chunk::<2>()? else { return None };
        let (topic, rest) = rest.split_first_chunk()?;
        let (hint, rest) = rest.split_first_chunk()?;
        let (commit, rest) = rest.split_first_chunk()?;
        let nonce = rest.first_chunk()?;
        Some(Header { topic: Topic(*topic), hint: *hint, commit: *commit, nonce: *nonce })
    }
}

impl Opened {
    /// Returns the content.
    pub fn content(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opened({} bytes)", self.0.len())
    }
}

/// Returns the size of the envelope for so much content, and the content's length as it is written.
fn size_for(length: usize) -> Option<(usize, u16)> {
    let size = SIZES.into_iter().find(|size| length <= size - OVERHEAD)?;
    Some((size, u16::try_from(length).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Secret;
    use crate::id::{ConversationId, RecordHash};

    const TOPIC: Topic = Topic([7; 16]);

    fn epoch(seed: u8) -> Epoch {
        Epoch::new(Secret::new([seed; 32]), ConversationId([1; 32]), RecordHash([2; 32]))
    }

    #[test]
    fn what_was_sealed_opens_and_every_size_is_one_of_five() {
        for (length, size) in [
            (0, 256),
            (256 - OVERHEAD, 256),
            (257 - OVERHEAD, 1024),
            (4096 - OVERHEAD, 4096),
            (16384 - OVERHEAD, 16384),
            (16385 - OVERHEAD, MAX_ENVELOPE),
            (MAX_CONTENT, MAX_ENVELOPE),
        ] {
            let content = vec![0xab; length];
            let sealed = Sealed::seal(&epoch(1), TOPIC, [3; NONCE], &content).unwrap();
            assert_eq!(sealed.bytes().len(), size, "{length}");
            let parsed = Sealed::parse(sealed.bytes().to_vec()).unwrap();
            assert_eq!(parsed, sealed);
            assert_eq!(parsed.open(&epoch(1)).unwrap().content(), content);
            assert_eq!(parsed.open(&epoch(2)), Err(OpenError::OtherEpoch));
        }
        assert_eq!(Sealed::seal(&epoch(1), TOPIC, [3; NONCE], &vec![0; MAX_CONTENT + 1]), Err(TooLarge));
    }

    #[test]
    fn no_changed_bit_opens() {
        let sealed = Sealed::seal(&epoch(1), TOPIC, [3; NONCE], b"hello").unwrap();
        for at in 0..sealed.bytes().len() * 8 {
            let mut bytes = sealed.bytes().to_vec();
            bytes[at / 8] ^= 1 << (at % 8);
            let opened = Sealed::parse(bytes).map(|sealed| sealed.open(&epoch(1)));
            assert!(!matches!(opened, Ok(Ok(_))), "bit {at}");
        }
    }

    #[test]
    fn padding_that_carries_something_or_is_too_much_is_refused() {
        let epoch = epoch(1);
        let forge = |size: usize, plain: &[u8]| {
            let header =
                Header { topic: TOPIC, hint: epoch.hint(TOPIC), commit: epoch.commit(&[3; NONCE]), nonce: [3; NONCE] };
            let mut plain = plain.to_vec();
            plain.resize(size - OVERHEAD + 2, 0);
            let sealed = crypto::seal(epoch.message_key(), [3; NONCE], &header.encode(), &plain);
            Sealed::parse([header.encode(), sealed].concat()).unwrap().open(&epoch)
        };
        assert_eq!(forge(256, &[0, 1, 9]).unwrap().content(), [9]);
        assert_eq!(forge(256, &[0, 1, 9, 9]), Err(OpenError::Padding));
        assert_eq!(forge(1024, &[0, 1, 9]), Err(OpenError::Padding));
        assert_eq!(forge(256, &[0xff, 0xff]), Err(OpenError::Padding));
    }

    /// The cipher alone would open it: the commitment is what refuses.
    #[test]
    fn an_envelope_that_commits_to_another_key_is_not_decrypted() {
        let (one, two) = (epoch(1), epoch(2));
        let header = Header { topic: TOPIC, hint: one.hint(TOPIC), commit: two.commit(&[3; NONCE]), nonce: [3; NONCE] };
        let plain = vec![0; 256 - OVERHEAD + 2];
        let sealed = crypto::seal(one.message_key(), [3; NONCE], &header.encode(), &plain);
        assert!(crypto::open(one.message_key(), &header.encode(), &sealed).is_ok());
        let sealed = Sealed::parse([header.encode(), sealed].concat()).unwrap();
        assert_eq!(sealed.open(&one), Err(OpenError::OtherEpoch));
        assert_eq!(sealed.open(&two), Err(OpenError::OtherEpoch));
    }
}
