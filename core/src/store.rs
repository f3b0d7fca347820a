//! What a home keeps, as opaque bytes under ids. This room knows no message and no key; what it puts on a disk goes
//! through the [`Seal`] that it was given.
//!
//! The truth is an append-only **journal** of batches, each belonging to a [`StreamId`], together with the **snapshots**
//! that old parts of a stream were compacted into. Beside it stands an **index**, an ordered map that holds whatever the
//! engine derived (timeline rows, heads, unread). The index can be deleted at any time and is rebuilt.
//!
//! **Erasing.** Who wants words gone from the disk calls [`Store::renew`], compacts the stream into an image without
//! them, and calls [`Store::forget`]: the words of a segment are sealed under a key of its own, and the old one is dropped.
//!
//! *Keep before you speak*: [`Store::append`] returns only when the bytes would survive a power cut.
//!
//! ```text
//! append(batches) ──► journal/00000001.log … one fdatasync ──► Lsn
//! snapshot(stream) ─► snapshots/<stream>   whole image, fsynced, read back ──► journal files that it covers may go
//! index(batch) ─────► index/ (sled)        write-behind, says up to which Lsn it is complete
//! ```
//!
//! Two implementations: [`memory`] for tests, [`disk`] for homes. Both pass [`conformance`].

pub mod conformance;
#[cfg(feature = "disk")]
pub mod disk;
pub mod memory;
mod seal;

pub use seal::{KeyId, MAX_SEAL, Seal, Unsealed};

use crate::id::StreamId;

/// The position of a batch in the journal. Counts batches from 1; never reused. Zero means "before everything".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(pub u64);

/// One record: some bytes for one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The stream that it belongs to.
    pub stream: StreamId,
    /// What is kept; at most [`MAX_RECORD`] bytes.
    pub bytes: Vec<u8>,
}

/// The largest record, in bytes. A change with its signature, header and payload is far below it.
pub const MAX_RECORD: usize = 2 * 1024 * 1024;

/// The largest batch, in bytes as it is kept.
pub const MAX_BATCH: usize = 16 * 1024 * 1024;

/// Records that are kept together or not at all.
pub type Batch = Vec<Record>;

/// What is kept of one stream: the snapshot, if there is one, and the records that came after it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stream {
    /// The newest snapshot.
    pub image: Option<Vec<u8>>,
    /// The records that the snapshot does not cover, oldest first.
    pub tail: Vec<Vec<u8>>,
}

/// One change to the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexOp {
    /// Sets a key.
    Put(Vec<u8>, Vec<u8>),
    /// Sets a key to a value that holds words of a stream: [`Store::forget`] reaches them there, too.
    PutWords(Vec<u8>, Vec<u8>, StreamId),
    /// Removes a key.
    Remove(Vec<u8>),
}

/// A key and a value of the index.
pub type Entry = (Vec<u8>, Vec<u8>);

/// What a home keeps. All methods may be called from any thread.
pub trait Store: Send + Sync {
    /// Appends batches, each whole or not at all, and returns the position of the last one when all are durable.
    ///
    /// # Errors
    /// When it fails, none of the batches is kept, and the store can be used on: a later append succeeds once the cause
    /// (say, a full disk) is gone.
    fn append(&self, batches: &[Batch]) -> Result<Lsn, StoreError>;

    /// Returns the ids of all streams of which anything is kept, in order.
    fn streams(&self) -> Vec<StreamId>;

    /// Reads what is kept of a stream; empty for a stream that does not exist.
    fn read(&self, stream: StreamId) -> Result<Stream, StoreError>;

    /// Replaces the records of a stream up to and including position `covers` by one image.
    ///
    /// The image is durable and was read back and compared before anything that it covers is given up.
    fn snapshot(&self, stream: StreamId, covers: Lsn, image: &[u8]) -> Result<(), StoreError>;

    /// Begins to forget what a stream held: what is kept of it from now on is sealed under a new key.
    fn renew(&self, stream: StreamId) -> Result<(), StoreError>;

    /// Forgets what a stream held before [`Store::renew`] and neither its snapshot nor the index holds now: wherever on
    /// the disk it still lies, nobody can open it any more. Nothing happens if nothing was begun since the store was opened.
    ///
    /// # Errors
    /// Also when a snapshot since then does not cover yet all that was kept before. Both keys are there then; a later
    /// `renew`, snapshot and `forget` will drop them.
    fn forget(&self, stream: StreamId) -> Result<(), StoreError>;

    /// Returns the value of a key of the index.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Returns entries of the index with `from <= key < to`: the first `limit`, or the last ones, last first, if
    /// `backwards`.
    fn scan(&self, from: &[u8], to: &[u8], limit: usize, backwards: bool) -> Result<Vec<Entry>, StoreError>;

    /// Changes the index. With it, everything derived from batches up to `complete` is in the index.
    ///
    /// Visible to reads at once; written behind, so a crash may lose the newest changes. It then also loses their
    /// `complete`, and the streams concerned are [`Store::unindexed`] at the next open.
    fn index(&self, ops: Vec<IndexOp>, complete: Lsn) -> Result<(), StoreError>;

    /// Returns the streams that hold records which the index, as it was found at opening, does not include yet.
    fn unindexed(&self) -> Vec<StreamId>;

    /// Returns how many records of a stream its snapshot does not cover.
    fn backlog(&self, stream: StreamId) -> usize;

    /// Returns the position of the last batch that is kept.
    fn last(&self) -> Lsn;

    /// Waits until all changes to the index are written. Used before a clean end.
    fn settle(&self) -> Result<(), StoreError>;
}

/// Why the store could not do what was asked. The messages say what the person can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process uses this home.
    #[error("this home is in use by another process: stop it, or choose another --home")]
    InUse,
    /// The disk is full.
    #[error("the disk is full: nothing was lost, but this was not kept; free some space and try again")]
    Full,
    /// The files may not be written.
    #[error("no permission to write {0}: change its owner or mode, or choose another --home")]
    Permission(String),
    /// What was asked to be kept is larger than allowed.
    #[error("too large to keep: {0} bytes, at most {MAX_RECORD} a record and {MAX_BATCH} a batch")]
    TooLarge(usize),
    /// Bytes on disk are not what was written. The rest stays readable.
    #[error("damaged: {0}")]
    Damaged(String),
    /// Any other failure of the machine.
    #[error("storage failed: {0}")]
    Io(String),
}

/// Why something is not forgotten yet.
fn not_covered() -> StoreError {
    StoreError::Io("what was erased stays a while longer: no snapshot covers all that came before".to_owned())
}
