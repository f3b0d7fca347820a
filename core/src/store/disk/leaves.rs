//! The leaves of the index in sled: the only file that calls sled.
//!
//! Sealing, packing into leaves and finding them again happen here; when to write, and what to do when it fails, is for
//! [`Index`](super::index::Index) to say. Each way into sled is guarded: on bytes that it did not write it may panic.

use std::fs;
use std::io::ErrorKind;
use std::ops::{Bound, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use super::leaf::{self, Leaf};
use super::overlay::{Layer, Row, Value};
use crate::store::{KeyId, Lsn, Seal, StoreError};

/// How long sled may take to close.
const CLOSE: Duration = Duration::from_secs(5);
/// sled's cache. It really takes about twice as much.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// The home is ours alone, so sled's lock can be held only by what is about to let go: an earlier sled of this process
/// that is closing, or a child that was just forked. So often is it tried, with so long a pause.
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(10);
const COMPLETE: &[u8] = b"complete";

/// Keys that are to be dropped, and the one that takes their place.
#[derive(Debug, Clone)]
pub(super) struct Reseal {
    pub(super) old: Vec<KeyId>,
    pub(super) new: KeyId,
}

/// An opened sled.
pub(super) struct Sled {
    db: sled::Db,
    /// The rows, packed into leaves.
    rows: sled::Tree,
    seal: Arc<dyn Seal>,
    complete: Lsn,
}

/// Why sled did not do what was asked.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    Full,
    Locked,
    Damaged(String),
    Other(String),
}

impl Trouble {
    pub(super) fn error(&self) -> StoreError {
        match self {
            Trouble::Full => StoreError::Full,
            Trouble::Locked => StoreError::InUse,
            Trouble::Damaged(text) => {
                StoreError::Damaged(format!("the index ({text}); it is rebuilt at the next start"))
            }
            Trouble::Other(text) => StoreError::Io(format!("the index: {text}")),
        }
    }
}

impl From<sled::Error> for Trouble {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(e) if matches!(e.kind(), ErrorKind::StorageFull | ErrorKind::WriteZero) => Trouble::Full,
            // sled wraps what the system said in a text of its own when it hands an error on.
            sled::Error::Io(e) if e.to_string().contains("StorageFull") => Trouble::Full,
            sled::Error::Io(e) if e.to_string().contains("could not acquire lock") => Trouble::Locked,
            sled::Error::Io(e) if e.kind() != ErrorKind::UnexpectedEof => Trouble::Other(e.to_string()),
            other => Trouble::Damaged(other.to_string()),
        }
    }
}

/// Runs a piece of sled, which may panic on bytes that it did not write.
pub(super) fn guarded<T>(run: impl FnOnce() -> Result<T, sled::Error>) -> Result<T, Trouble> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result.map_err(Trouble::from),
        Err(_) => Err(Trouble::Damaged("sled could not make sense of its files".to_owned())),
    }
}

/// Removes what an opening left that was killed in the middle. sled writes a snapshot of its page table whenever it opens,
/// under a name that ends in `.generating` first; but if one of these is left, it reads that instead of the last whole
/// one, and calls the lot damaged.
fn sweep(folder: &Path) {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    files
        .filter(|file| file.extension().is_some_and(|end| end == "generating"))
        .for_each(|file| drop(fs::remove_file(file)));
}

impl Sled {
    /// Opens the sled in a folder, or begins one.
    pub(super) fn open(folder: &Path, seal: &Arc<dyn Seal>) -> Result<Sled, Trouble> {
        sweep(folder);
        let mut tries = LOCK_TRIES;
        loop {
            match Sled::try_open_once(folder, seal) {
                Err(Trouble::Locked) if tries > 0 => thread::sleep(LOCK_PAUSE),
                result => return result,
            }
            tries -= 1;
        }
    }

    fn try_open_once(folder: &Path, seal: &Arc<dyn Seal>) -> Result<Sled, Trouble> {
        guarded(|| {
            let config = sled::Config::new()
                .path(folder)
                .cache_capacity(CACHE_BYTES)
                .flush_every_ms(Some(1000))
                .use_compression(false);
            let db = config.open()?;
            let rows = db.open_tree("leaves")?;
            let complete = db.get(COMPLETE)?.and_then(|bytes| bytes.first_chunk().map(|b| u64::from_le_bytes(*b)));
            Ok(Sled { db, rows, seal: Arc::clone(seal), complete: Lsn(complete.unwrap_or(0)) })
        })
    }

    /// Returns what seals the leaves.
    pub(super) fn seal(&self) -> Arc<dyn Seal> {
        Arc::clone(&self.seal)
    }

    /// Returns up to which position the index is complete.
    pub(super) fn complete(&self) -> Lsn {
        self.complete
    }

    /// Closes it, without waiting for ever: a sled whose own thread has died waits for that thread.
    pub(super) fn close(self) {
        let (done, closed) = sync_channel(1);
        let Ok(_detached) = thread::Builder::new().name("index-close".to_owned()).spawn(move || {
            drop(guarded(|| {
                drop(self);
                Ok(())
            }));
            let _ = done.send(());
        }) else {
            return;
        };
        let _ = closed.recv_timeout(CLOSE);
    }

    /// Writes a layer, then the position, then flushes. Nothing needs to be atomic: the position comes last, and
    /// writing a layer twice does no harm. (A sled batch would lock readers out for as long as it takes.)
    pub(super) fn write(&self, layer: &Layer, complete: Lsn) -> Result<(), Trouble> {
        guarded(|| {
            let mut changes = layer.iter().peekable();
            while let Some((first, _)) = changes.peek() {
                let (fence, mut leaf) = self.leaf_of(first)?;
                let next = self.fence_after(&fence)?;
                let below = |key: &[u8]| next.as_ref().is_none_or(|next| key < next.as_slice());
                leaf.retain(|key, _| below(key));
                leaf::merge(&mut leaf, std::iter::from_fn(|| changes.next_if(|(key, _)| below(key))));
                for (fence, part) in leaf::split(&fence, &leaf).into_iter().rev() {
                    drop(match part.is_empty() {
                        true => self.rows.remove(fence)?,
                        false => {
                            let leaf = self.sealed(&fence, &part)?;
                            self.rows.insert(fence, leaf)?
                        }
                    });
                }
            }
            drop(self.db.insert(COMPLETE, &complete.0.to_le_bytes())?);
            self.db.flush().map(|_| ())
        })
    }
}

impl Sled {
    /// Returns the leaf that a key belongs to, with its fence; an empty one if there is none yet.
    fn leaf_of(&self, key: &[u8]) -> Result<(Vec<u8>, Leaf), sled::Error> {
        match self.rows.range::<&[u8], _>(..=key).next_back().transpose()? {
            Some((fence, sealed)) => Ok((fence.to_vec(), self.entries(&fence, &sealed)?)),
            None => Ok((Vec::new(), Leaf::new())),
        }
    }

    fn entries(&self, fence: &[u8], sealed: &[u8]) -> Result<Leaf, sled::Error> {
        let open = || {
            let mut leaf = Leaf::new();
            for (key, part) in leaf::parts(sealed)? {
                let entries = leaf::unpack(&self.seal.open(key, &[b"leaf", fence], part)?)?;
                leaf.extend(entries.into_iter().map(|(at, bytes)| (at, Value { key, bytes })));
            }
            Some(leaf)
        };
        open().ok_or(sled::Error::Corruption { at: None, bt: () })
    }

    fn sealed(&self, fence: &[u8], entries: &[(&Vec<u8>, &Value)]) -> std::io::Result<Vec<u8>> {
        let seal = |(key, part): (KeyId, Vec<u8>)| {
            let sealed = self.seal.seal(key, &[b"leaf", fence], &part).map_err(std::io::Error::other)?;
            Ok((key, sealed))
        };
        leaf::join(&leaf::pack(entries)?.into_iter().map(seal).collect::<std::io::Result<Vec<_>>>()?)
    }

    /// Seals anew what is under old keys. What a leaf still has of its right neighbour is not carried over.
    pub(super) fn reseal(&self, what: &Reseal) -> Result<(), Trouble> {
        guarded(|| {
            let is_old = |sealed: &[u8]| {
                leaf::parts(sealed).is_some_and(|parts| parts.iter().any(|(key, _)| what.old.contains(key)))
            };
            for leaf in &self.rows {
                let (fence, sealed) = leaf?;
                if !is_old(&sealed) {
                    continue;
                }
                let (mut leaf, next) = (self.entries(&fence, &sealed)?, self.fence_after(&fence)?);
                leaf.retain(|key, _| next.as_ref().is_none_or(|next| key < next));
                leaf.values_mut().filter(|value| what.old.contains(&value.key)).for_each(|value| value.key = what.new);
                let sealed = self.sealed(&fence, &leaf.iter().collect::<Vec<_>>())?;
                drop(self.rows.insert(fence, sealed)?);
            }
            self.db.flush().map(|_| ())
        })
    }

    fn fence_after(&self, fence: &[u8]) -> Result<Option<Vec<u8>>, sled::Error> {
        let after = (Bound::Excluded(fence), Bound::Unbounded);
        Ok(self.rows.range::<&[u8], _>(after).next().transpose()?.map(|(fence, _)| fence.to_vec()))
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, sled::Error> {
        Ok(self.leaf_of(key)?.1.remove(key).map(|value| value.bytes))
    }

    /// Returns the rows of a range, leaf by leaf.
    pub(super) fn range<'a>(
        &'a self,
        range: Range<&'a [u8]>,
        backwards: bool,
    ) -> impl Iterator<Item = Result<Row, sled::Error>> + 'a {
        // The leaf that the range begins in may have its fence before it.
        let first = match self.rows.range::<&[u8], _>(..=range.start).next_back() {
            Some(Ok((fence, _))) => fence.to_vec(),
            _ => Vec::new(),
        };
        let mut leaves = self.rows.range::<Vec<u8>, _>(first..range.end.to_vec());
        let mut next_leaf = move || if backwards { leaves.next_back() } else { leaves.next() };
        let mut current = if backwards { None } else { next_leaf() };
        // Reading backwards, the fence of the leaf that was read before this one.
        let mut fence_behind: Option<Vec<u8>> = None;
        let read = move || -> Option<Result<Vec<Row>, sled::Error>> {
            let leaf = if backwards { next_leaf()? } else { current.take()? };
            let (fence, entries) = match leaf {
                Ok((fence, sealed)) => (fence.to_vec(), self.entries(&fence, &sealed)),
                Err(error) => return Some(Err(error)),
            };
            let next = if backwards {
                fence_behind.replace(fence)
            } else {
                current = next_leaf();
                current.as_ref().and_then(|leaf| leaf.as_ref().ok()).map(|(fence, _)| fence.to_vec())
            };
            Some(entries.map(|leaf| leaf::rows(leaf, &range, next.as_deref(), backwards)))
        };
        std::iter::from_fn(read).flat_map(|rows| match rows {
            Ok(rows) => rows.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::overlay::entries;
    use super::*;
    use crate::crypto::Entropy;
    use crate::store::Entry;

    /// Writes random changes in rounds and compares every way of reading with a plain map.
    #[test]
    fn leaves_read_like_one_ordered_map() {
        let home = tempfile::tempdir().unwrap();
        let seal: Arc<dyn Seal> = Arc::new(crate::store::Unsealed);
        let mut model = std::collections::BTreeMap::new();
        let mut random = Entropy::from_seed([7; 32]);
        for round in 0..40u64 {
            let sled = Sled::open(home.path(), &seal).unwrap();
            let mut layer = Layer::new();
            for _ in 0..1 + random.bytes::<1>()[0] {
                let [high, low, len, remove] = random.bytes();
                // Some rounds append, some write all over the place.
                let first = if round % 3 == 0 { 200 } else { high % 200 };
                let bytes = || vec![low; usize::from(len) * 4];
                let value = (remove > 60).then(|| Value { key: KeyId(u32::from(low) % 3), bytes: bytes() });
                layer.insert(vec![b'r', first, low, len % 3], value);
            }
            sled.write(&layer, Lsn(round)).unwrap();
            leaf::merge(&mut model, layer.iter());
            for _ in 0..20 {
                let [a, b, c, d, limit, backwards] = random.bytes();
                let (from, to) = ([b'r', a.min(c), b], [b'r', a.max(c), d]);
                let backwards = backwards % 2 == 0;
                let found: Vec<Entry> = entries(sled.range(&from..&to, backwards), usize::from(limit)).unwrap();
                let wanted = model.range(from.to_vec()..to.to_vec().max(from.to_vec()));
                let wanted = wanted.map(|(key, value)| (key.clone(), value.bytes.clone()));
                let wanted: Vec<Entry> = if backwards {
                    wanted.rev().take(limit.into()).collect()
                } else {
                    wanted.take(limit.into()).collect()
                };
                assert_eq!(found, wanted, "round {round}");
            }
            for key in layer.keys() {
                assert_eq!(sled.get(key).unwrap(), model.get(key).map(|value| value.bytes.clone()));
            }
            assert!(sled.rows.len() <= 1 + model.len());
            sled.close();
        }
        assert!(model.len() > 1000);
    }
}
