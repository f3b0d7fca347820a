//! A store in memory, for tests and simulations. It keeps what a disk would keep, and can lose what a disk may lose.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Batch, Entry, IndexOp, Lsn, MAX_RECORD, Store, StoreError, Stream};
use crate::id::StreamId;

/// So many changes to the index stay "not written yet"; older ones count as written, as on a disk that had the time.
const MAX_UNWRITTEN: usize = 4_096;

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Clone, Default)]
struct State {
    last: Lsn,
    streams: BTreeMap<StreamId, Kept>,
    index: Derived,
    /// What of the index a crash cannot take.
    written: Derived,
    /// What came to the index since, oldest first; at most [`MAX_UNWRITTEN`].
    unwritten: Vec<(Vec<IndexOp>, Lsn)>,
    unindexed: Vec<StreamId>,
    /// Where the streams were whose forgetting was begun.
    renewed: BTreeMap<StreamId, Lsn>,
    full: bool,
}

#[derive(Debug, Clone, Default)]
struct Kept {
    image: Option<Vec<u8>>,
    covers: Lsn,
    tail: Vec<(Lsn, Vec<u8>)>,
}

#[derive(Debug, Clone, Default)]
struct Derived {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    complete: Lsn,
}

impl Derived {
    fn apply(&mut self, ops: Vec<IndexOp>, complete: Lsn) {
        for op in ops {
            match op {
                IndexOp::Put(key, value) | IndexOp::PutWords(key, value, _) => drop(self.rows.insert(key, value)),
                IndexOp::Remove(key) => drop(self.rows.remove(&key)),
            }
        }
        self.complete = self.complete.max(complete);
    }
}

impl MemoryStore {
    /// Returns what a disk would hold after a power cut at this moment.
    ///
    /// All that was appended and snapshotted is there. Of the changes to the index since the last
    /// [`settle`](Store::settle), some first part is: none with seed 0, else as the seed says.
    pub fn crash(&self, seed: u64) -> MemoryStore {
        let mut state = self.lock().clone();
        let survivors = (seed % (state.unwritten.len() as u64 + 1)) as usize;
        state.unwritten.truncate(survivors);
        state.write_index();
        state.index = state.written.clone();
        state.reopen()
    }

    /// Returns a copy of this home, as somebody makes who copies the folder of a closed one.
    pub fn copy(&self) -> MemoryStore {
        let mut state = self.lock().clone();
        state.write_index();
        state.reopen()
    }

    /// Lets the next append fail as on a full disk.
    pub fn fill_disk_once(&self) {
        self.lock().full = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write_index(&mut self) {
        for (ops, complete) in self.unwritten.drain(..) {
            self.written.apply(ops, complete);
        }
    }

    fn reopen(mut self) -> MemoryStore {
        let complete = self.index.complete;
        let newest = |kept: &Kept| kept.tail.last().map_or(kept.covers, |(lsn, _)| *lsn);
        self.unindexed = self.streams.iter().filter(|(_, k)| newest(k) > complete).map(|(s, _)| *s).collect();
        self.full = false;
        self.renewed.clear();
        MemoryStore { state: Mutex::new(self) }
    }
}

impl Store for MemoryStore {
    fn append(&self, batches: &[Batch]) -> Result<Lsn, StoreError> {
        let mut state = self.lock();
        if let Some(record) = batches.iter().flatten().find(|r| r.bytes.len() > MAX_RECORD) {
            return Err(StoreError::TooLarge(record.bytes.len()));
        }
        if std::mem::take(&mut state.full) {
            return Err(StoreError::Full);
        }
        for batch in batches {
            let lsn = Lsn(state.last.0.saturating_add(1));
            state.last = lsn;
            for record in batch {
                state.streams.entry(record.stream).or_default().tail.push((lsn, record.bytes.clone()));
            }
        }
        Ok(state.last)
    }

    fn streams(&self) -> Vec<StreamId> {
        self.lock().streams.keys().copied().collect()
    }

    fn read(&self, stream: StreamId) -> Result<Stream, StoreError> {
        let kept = self.lock().streams.get(&stream).cloned().unwrap_or_default();
        Ok(Stream { image: kept.image, tail: kept.tail.into_iter().map(|(_, bytes)| bytes).collect() })
    }

    fn snapshot(&self, stream: StreamId, covers: Lsn, image: &[u8]) -> Result<(), StoreError> {
        let mut state = self.lock();
        let covers = covers.min(state.last);
        let kept = state.streams.entry(stream).or_default();
        if kept.covers <= covers {
            kept.image = Some(image.to_vec());
            kept.covers = covers;
            kept.tail.retain(|(lsn, _)| *lsn > covers);
        }
        Ok(())
    }

    fn renew(&self, stream: StreamId) -> Result<(), StoreError> {
        let mut state = self.lock();
        let last = state.last;
        state.renewed.insert(stream, last);
        Ok(())
    }

    /// Memory forgets by itself; this only holds callers to the order of things.
    fn forget(&self, stream: StreamId) -> Result<(), StoreError> {
        let mut state = self.lock();
        let Some(renewed) = state.renewed.get(&stream).copied() else { return Ok(()) };
        let kept = state.streams.get(&stream);
        if kept.and_then(|kept| kept.tail.first()).is_some_and(|(lsn, _)| *lsn <= renewed) {
            return Err(super::not_covered());
        }
        state.renewed.remove(&stream);
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().index.rows.get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: &[u8], limit: usize, backwards: bool) -> Result<Vec<Entry>, StoreError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let state = self.lock();
        let rows = state.index.rows.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)));
        let copied = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        Ok(if backwards {
            rows.rev().take(limit).map(copied).collect()
        } else {
            rows.take(limit).map(copied).collect()
        })
    }

    fn index(&self, ops: Vec<IndexOp>, complete: Lsn) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.unwritten.len() >= MAX_UNWRITTEN {
            state.write_index();
        }
        state.index.apply(ops.clone(), complete);
        state.unwritten.push((ops, complete));
        Ok(())
    }

    fn unindexed(&self) -> Vec<StreamId> {
        self.lock().unindexed.clone()
    }

    fn backlog(&self, stream: StreamId) -> usize {
        self.lock().streams.get(&stream).map_or(0, |kept| kept.tail.len())
    }

    fn last(&self) -> Lsn {
        self.lock().last
    }

    fn settle(&self) -> Result<(), StoreError> {
        self.lock().write_index();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Record, conformance};

    #[test]
    fn passes_the_acceptance_tests() {
        conformance::run(|| Box::new(MemoryStore::default()));
    }

    #[test]
    fn finds_the_story_again() {
        let store = MemoryStore::default();
        conformance::write_story(&store);
        conformance::check_story(&store.copy());
        conformance::check_story(&store.crash(0));
    }

    #[test]
    fn a_crash_takes_only_the_newest_changes_to_the_index() {
        let store = MemoryStore::default();
        for n in 1..=3u8 {
            let lsn = store.append(&[vec![Record { stream: StreamId::Local, bytes: vec![n] }]]).unwrap();
            store.index(vec![IndexOp::Put(vec![n], vec![n])], lsn).unwrap();
        }
        for (seed, rows) in [(0, 0), (1, 1), (2, 2), (3, 3), (4, 0)] {
            let crashed = store.crash(seed);
            assert_eq!(crashed.read(StreamId::Local).unwrap().tail.len(), 3);
            assert_eq!(crashed.scan(&[0], &[9], 9, false).unwrap().len(), rows);
            assert_eq!(crashed.unindexed().is_empty(), rows == 3);
        }
    }

    #[test]
    fn a_full_disk_takes_one_append() {
        let store = MemoryStore::default();
        store.fill_disk_once();
        let batches = [vec![Record { stream: StreamId::Local, bytes: vec![1] }]];
        assert!(matches!(store.append(&batches), Err(StoreError::Full)));
        assert_eq!(store.append(&batches).unwrap(), Lsn(1));
    }
}
