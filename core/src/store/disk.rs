//! The store of a home: a folder on disk.
//!
//! ```text
//! <home>/lock                        held while the home is open
//! <home>/journal/0000000001.log …    every batch, in order        (journal, frame)
//! <home>/snapshots/<stream>.snap     what streams were compacted into   (snapshot)
//! <home>/index/                      sled: derived, may be deleted      (index, leaves, overlay)
//! ```
//!
//! What is sealed under which key, and how the seal keeps them, is told in `store/seal.rs`. **Forgetting** a stream takes
//! three steps: a new key for it, between two appends; a snapshot under the new key, which covers all records under the
//! old ones; the leaves of the index sealed anew. Only then are the old keys dropped. A crash in between leaves them all.
//!
//! Opening looks at the heads of the snapshots, then walks through the journal and notes in the catalogue where the
//! frames are that no snapshot covers; sled opens at the same time on a thread of its own. The index is begun anew when
//! it is missing or damaged, when it knows more than the journal does (one of the two was copied or restored without
//! the other), and when something was lost from the journal or the snapshots: rows of what is lost would keep it from
//! being fetched again from peers.
//!
//! **Locks**, in the order in which they may be taken: `replacing`, `journal`, `files`, `catalogue`, `renewed`. Only
//! `journal` is held during an `fdatasync` of the journal, and no reader takes it.

mod catalogue;
mod files;
mod frame;
mod heal;
mod index;
mod journal;
mod leaf;
mod leaves;
mod overlay;
mod snapshot;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;

use catalogue::Catalogue;
use files::HomeLock;
use index::Index;
use journal::Journal;
use leaves::Sled;

use super::{Batch, Entry, IndexOp, KeyId, Lsn, Seal, Store, StoreError, Stream};
use crate::id::StreamId;

/// What a home keeps, in a folder.
///
/// A snapshot that turns out to be damaged is reported by the read that finds it, and set aside; later reads of that
/// stream return what the journal still holds.
pub struct DiskStore {
    home: PathBuf,
    seal: Arc<dyn Seal>,
    journal: Mutex<Journal>,
    catalogue: Mutex<Catalogue>,
    index: Index,
    /// What the index did not include when it was found.
    unindexed: Vec<StreamId>,
    /// The streams whose forgetting was begun: their new key, and the last position before it.
    renewed: Mutex<BTreeMap<StreamId, (KeyId, Lsn)>>,
    /// Whether something was found damaged since the store was opened.
    harmed: AtomicBool,
    /// Held by who replaces a snapshot.
    replacing: Mutex<()>,
    /// Held by readers of files; alone, by who deletes them.
    files: RwLock<()>,
    /// Dropped last, when all else is closed.
    _lock: HomeLock,
}

/// What was found when a home was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened {
    /// The bytes of the journal.
    pub journal_bytes: u64,
    /// What was damaged, one sentence each. All that is not named here is readable.
    pub damage: Vec<String>,
    /// Why the index was unusable, if it was, and has been begun anew.
    pub index_rebuilt: Option<String>,
}

impl DiskStore {
    /// Opens the home in a folder, which is created if it is not there, and returns what was found in it. All that goes to
    /// disk goes through `seal`; it must be the one that was given before.
    pub fn open(home: &Path, seal: Arc<dyn Seal>) -> Result<(DiskStore, Opened), StoreError> {
        files::create_folder(home)?;
        let lock = files::lock(&home.join("lock"))?;
        seal.load()?;
        let snapshots = snapshot::survey(&home.join("snapshots"))?;
        let mut catalogue = Catalogue::default();
        snapshots.found.iter().for_each(|(stream, covers)| catalogue.cover(*stream, *covers));
        let had_index = index::folder(home).is_dir();
        let (journal, sled) = thread::scope(|scope| {
            let sled = scope.spawn(|| index::open(home, &seal));
            let journal = Journal::open(&home.join("journal"), Arc::clone(&seal), &mut catalogue);
            (journal, sled.join().unwrap_or_else(|_| Ok(Err("it could not be opened".to_owned()))))
        });
        let (journal, survey) = journal?;
        let damage = [survey.damage, snapshots.damage].concat();
        let sound = sled?.and_then(|sled| {
            let why = match sled.complete() <= journal.last() {
                true if damage.is_empty() => return Ok(sled),
                true => "something that it was made from is lost",
                false => "it knows more than the journal does",
            };
            sled.close();
            Err(why.to_owned())
        });
        let is_missing = !had_index && journal.last() > Lsn(0);
        let (sled, index_rebuilt) = match sound {
            Ok(sled) => (sled, is_missing.then(|| "it is missing".to_owned())),
            Err(why) => (begin_anew(home, &seal)?, Some(why)),
        };
        // Only now that no row of what was lost is left.
        heal::heal(&survey.wounds);
        snapshots.damaged.iter().try_for_each(|stream| snapshot::set_aside(&home.join("snapshots"), *stream))?;
        catalogue.take_idle_files(journal.active()).iter().for_each(|n| journal::remove(&home.join("journal"), *n));
        let complete = sled.complete();
        let unindexed = catalogue.beyond((complete > Lsn(0)).then_some(complete));
        let index = Index::start(home, sled, journal.last())?;
        let opened = Opened { journal_bytes: survey.bytes, damage, index_rebuilt };
        let store = DiskStore {
            home: home.to_owned(),
            seal,
            journal: Mutex::new(journal),
            catalogue: Mutex::new(catalogue),
            index,
            unindexed,
            renewed: Mutex::default(),
            harmed: AtomicBool::new(false),
            replacing: Mutex::default(),
            files: RwLock::default(),
            _lock: lock,
        };
        Ok((store, opened))
    }

    /// Tells whether nothing of the journal or the snapshots was found damaged since the store was opened.
    pub fn is_whole(&self) -> bool {
        !self.harmed.load(Ordering::Relaxed)
    }

    fn journal_folder(&self) -> PathBuf {
        self.home.join("journal")
    }

    fn snapshot_folder(&self) -> PathBuf {
        self.home.join("snapshots")
    }

    fn read_files(&self, stream: StreamId) -> Result<Stream, StoreError> {
        let _stay = self.files.read().unwrap_or_else(PoisonError::into_inner);
        let kept = lock(&self.catalogue).of(stream);
        let (covers, image) = match kept.covers {
            Some(_) => snapshot::read(&self.snapshot_folder(), stream, &*self.seal)
                .map(|(lsn, image)| (Some(lsn), Some(image)))?,
            None => (None, None),
        };
        // The file may be newer than the catalogue, while a snapshot is being replaced.
        let places = kept.tail.into_iter().filter(|place| Some(place.lsn) > covers);
        Ok(Stream { image, tail: journal::read(&self.journal_folder(), stream, places, &*self.seal)? })
    }
}

fn begin_anew(home: &Path, seal: &Arc<dyn Seal>) -> Result<Sled, StoreError> {
    index::set_aside(home)?;
    index::open(home, seal)?
        .map_err(|why| StoreError::Damaged(format!("the index, though it was just begun anew ({why})")))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store for DiskStore {
    /// One write and one `fdatasync` for all batches: who has many waiting should hand them in together.
    fn append(&self, batches: &[Batch]) -> Result<Lsn, StoreError> {
        let mut journal = lock(&self.journal);
        if batches.is_empty() {
            return Ok(journal.last());
        }
        let places = journal.append(batches)?;
        let mut catalogue = lock(&self.catalogue);
        for (batch, place) in batches.iter().zip(places) {
            batch.iter().for_each(|record| catalogue.note(record.stream, place));
        }
        Ok(journal.last())
    }

    fn streams(&self) -> Vec<StreamId> {
        lock(&self.catalogue).streams()
    }

    fn read(&self, stream: StreamId) -> Result<Stream, StoreError> {
        match self.read_files(stream) {
            Err(StoreError::Damaged(_)) => {}
            result => return result,
        }
        // Once more with nobody replacing it, before a file is called damaged and moved.
        let _alone = lock(&self.replacing);
        let result = self.read_files(stream);
        if let Err(StoreError::Damaged(_)) = result {
            self.harmed.store(true, Ordering::Relaxed);
        }
        let covered = lock(&self.catalogue).of(stream).covers.is_some();
        let image = covered.then(|| snapshot::read(&self.snapshot_folder(), stream, &*self.seal));
        if let Some(Err(StoreError::Damaged(_))) = image {
            self.index.distrust()?;
            snapshot::set_aside(&self.snapshot_folder(), stream)?;
            lock(&self.catalogue).uncover(stream);
        }
        result
    }

    fn snapshot(&self, stream: StreamId, covers: Lsn, image: &[u8]) -> Result<(), StoreError> {
        let _one = lock(&self.replacing);
        let covers = covers.min(lock(&self.journal).last());
        if lock(&self.catalogue).of(stream).covers > Some(covers) {
            return Ok(()); // What is there includes more.
        }
        snapshot::write(&self.snapshot_folder(), stream, covers, image, &*self.seal)?;
        let idle = {
            let journal = lock(&self.journal);
            let mut catalogue = lock(&self.catalogue);
            catalogue.cover(stream, covers);
            catalogue.take_idle_files(journal.active())
        };
        let _alone = self.files.write().unwrap_or_else(PoisonError::into_inner);
        idle.iter().for_each(|number| journal::remove(&self.journal_folder(), *number));
        Ok(())
    }

    fn renew(&self, stream: StreamId) -> Result<(), StoreError> {
        // Between two appends, so that it is known which records are under which key.
        let journal = lock(&self.journal);
        let key = self.seal.renew(stream)?;
        lock(&self.renewed).insert(stream, (key, journal.last()));
        Ok(())
    }

    fn forget(&self, stream: StreamId) -> Result<(), StoreError> {
        let _one = lock(&self.replacing);
        let Some((key, last)) = lock(&self.renewed).get(&stream).copied() else { return Ok(()) };
        let left = lock(&self.catalogue).of(stream).tail.front().is_some_and(|place| place.lsn <= last);
        let older = snapshot::key(&self.snapshot_folder(), stream)?.is_some_and(|sealed_under| sealed_under < key);
        if left || older {
            return Err(super::not_covered());
        }
        let old = self.seal.older(stream, key);
        if !old.is_empty() {
            self.index.reseal(old, key)?;
            // Who began to read before the snapshot has places under the old keys in hand.
            let _alone = self.files.write().unwrap_or_else(PoisonError::into_inner);
            self.seal.drop_older(stream, key)?;
        }
        lock(&self.renewed).retain(|of, (newest, _)| *of != stream || *newest != key);
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.index.get(key)
    }

    fn scan(&self, from: &[u8], to: &[u8], limit: usize, backwards: bool) -> Result<Vec<Entry>, StoreError> {
        self.index.scan(from, to, limit, backwards)
    }

    fn index(&self, ops: Vec<IndexOp>, complete: Lsn) -> Result<(), StoreError> {
        self.index.add(ops, complete)
    }

    fn unindexed(&self) -> Vec<StreamId> {
        self.unindexed.clone()
    }

    fn backlog(&self, stream: StreamId) -> usize {
        lock(&self.catalogue).of(stream).tail.len()
    }

    fn last(&self) -> Lsn {
        lock(&self.journal).last()
    }

    fn settle(&self) -> Result<(), StoreError> {
        self.index.settle()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Unsealed, conformance};

    #[test]
    fn passes_the_acceptance_tests() {
        let homes = Mutex::new(Vec::new());
        conformance::run(|| {
            let home = tempfile::tempdir().unwrap();
            let store = DiskStore::open(home.path(), Arc::new(Unsealed)).unwrap().0;
            homes.lock().unwrap().push(home);
            Box::new(store)
        });
    }

    #[test]
    fn finds_the_story_again() {
        let home = tempfile::tempdir().unwrap();
        conformance::write_story(&DiskStore::open(home.path(), Arc::new(Unsealed)).unwrap().0);
        let (store, opened) = DiskStore::open(home.path(), Arc::new(Unsealed)).unwrap();
        assert!(opened.damage.is_empty() && opened.index_rebuilt.is_none(), "{opened:?}");
        conformance::check_story(&store);
    }
}
