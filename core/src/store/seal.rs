//! The seal that stands between this room and the disk.
//!
//! The store packs (rows into leaves, images by zstd) and then hands the pack to a seal that was given to it; only what
//! comes back goes to disk. It has no key and knows no cipher. The other way round, each record and row sealed by itself
//! before it comes here, would cost 40 bytes each and leave zstd nothing to find (docs/decisions/0009).
//!
//! Each pack is sealed for its place, so that a pack that was moved does not open:
//!
//! | what | place |
//! |---|---|
//! | a frame of the journal | `frame` ‖ salt of the file u32 ‖ Lsn u64 |
//! | a snapshot | `snapshot` ‖ name of the stream ‖ head of the file |
//! | a leaf of the index | `leaf` ‖ fence |
//! | the files of the shell | `file` ‖ name |
//!
//! What this does not notice: a whole file, or a whole home, put back as it once was; frames missing from the end of the
//! journal; an older state of a leaf under the same fence. The first two look like a restored backup, which every peer must
//! survive anyway; a stale leaf shows old rows until the index is rebuilt. Changes carry signatures of their own.

/// By how many bytes a seal may make a text longer.
pub const MAX_SEAL: usize = 64;

/// Seals what goes to disk and opens what comes from there.
pub trait Seal: Send + Sync {
    /// Seals bytes for a place; at most [`MAX_SEAL`] bytes longer.
    fn seal(&self, place: &[&[u8]], plain: &[u8]) -> Vec<u8>;

    /// Opens what was sealed for this place; `None` if it was not, or was changed.
    fn open(&self, place: &[&[u8]], sealed: &[u8]) -> Option<Vec<u8>>;
}

/// No seal at all: bytes go to disk as they are. For tests of the store itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unsealed;

impl Seal for Unsealed {
    fn seal(&self, _: &[&[u8]], plain: &[u8]) -> Vec<u8> {
        plain.to_vec()
    }

    fn open(&self, _: &[&[u8]], sealed: &[u8]) -> Option<Vec<u8>> {
        Some(sealed.to_vec())
    }
}
