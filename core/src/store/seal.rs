//! The seal that stands between this room and the disk.
//!
//! The store packs (rows into leaves, images by zstd) and then hands the pack to a seal that was given to it; only what
//! comes back goes to disk. It has no key and knows no cipher, only their numbers. The other way round, each record and
//! row sealed by itself before it comes here, would cost 40 bytes each and leave zstd nothing to find (docs/decisions/0009).
//!
//! **Keys.** What is said in a segment can be erased: all that a disk holds of its words (records, snapshot, rows) is
//! sealed under the segment's own key, and gone with that key (docs/decisions/0011); so are secrets. Everything else is under
//! the key of the home. Whatever is sealed names its key in clear, by a number that is never used again.
//!
//! Each pack is sealed for its place, so that a pack that was moved does not open:
//!
//! | what | key | place |
//! |---|---|---|
//! | a part of a frame of the journal | segment or home | `frame` ‖ salt of the file u32 ‖ Lsn u64 ‖ number u32 ‖ of how many u32 |
//! | a snapshot | segment or home | `snapshot` ‖ name of the stream ‖ head of the file |
//! | a part of a leaf of the index | segment or home | `leaf` ‖ fence |
//! | the files of the shell, the keyring among them | home | `file` ‖ name |
//!
//! What this does not notice: a whole file, or a whole home, put back as it once was; frames missing from the end of the
//! journal; an older state of a leaf under the same fence. The first two look like a restored backup, which every peer must
//! survive anyway; a stale leaf shows old rows until the index is rebuilt. Changes carry signatures of their own.

use super::StoreError;
use crate::id::StreamId;

/// By how many bytes a seal may make a text longer.
pub const MAX_SEAL: usize = 64;

/// Names a key. Rises with each new one, and never names another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u32);

impl KeyId {
    /// The key of the home, which is never dropped.
    pub const HOME: KeyId = KeyId(0);
}

/// Seals what goes to disk and opens what comes from there. Segments and secrets have keys of their own, other streams that of
/// the home.
pub trait Seal: Send + Sync {
    /// Reads what the seal itself keeps in the home. Called once, when the home is locked and nothing was opened yet.
    fn load(&self) -> Result<(), StoreError>;

    /// Seals bytes for a place; at most [`MAX_SEAL`] bytes longer. Fails if the key is not there.
    fn seal(&self, key: KeyId, place: &[&[u8]], plain: &[u8]) -> Result<Vec<u8>, StoreError>;

    /// Opens what was sealed under this key for this place; `None` if it was not, was changed, or the key is not there.
    fn open(&self, key: KeyId, place: &[&[u8]], sealed: &[u8]) -> Option<Vec<u8>>;

    /// Tells whether there was such a key, and it was dropped.
    fn is_dropped(&self, key: KeyId) -> bool;

    /// Returns a stream's newest key; the first time, makes one. It is durable on return.
    fn key_of(&self, stream: StreamId) -> Result<KeyId, StoreError>;

    /// Gives a stream a new key, beside those that it has. It is durable on return.
    fn renew(&self, stream: StreamId) -> Result<KeyId, StoreError>;

    /// Returns a stream's keys that are older than one of them.
    fn older(&self, stream: StreamId, than: KeyId) -> Vec<KeyId>;

    /// Drops these keys. On return nobody can open what is under them, after a power cut neither.
    fn drop_older(&self, stream: StreamId, than: KeyId) -> Result<(), StoreError>;
}

/// No seal at all: bytes go to disk as they are, and nothing is ever erased. For tests of the store itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unsealed;

impl Seal for Unsealed {
    fn load(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn seal(&self, _: KeyId, _: &[&[u8]], plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        Ok(plain.to_vec())
    }

    fn open(&self, _: KeyId, _: &[&[u8]], sealed: &[u8]) -> Option<Vec<u8>> {
        Some(sealed.to_vec())
    }

    fn is_dropped(&self, _: KeyId) -> bool {
        false
    }

    fn key_of(&self, _: StreamId) -> Result<KeyId, StoreError> {
        Ok(KeyId::HOME)
    }

    fn renew(&self, _: StreamId) -> Result<KeyId, StoreError> {
        Ok(KeyId::HOME)
    }

    fn older(&self, _: StreamId, _: KeyId) -> Vec<KeyId> {
        Vec::new()
    }

    fn drop_older(&self, _: StreamId, _: KeyId) -> Result<(), StoreError> {
        Ok(())
    }
}
