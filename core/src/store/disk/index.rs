//! The index on disk: the only file that knows sled.
//!
//! sled 0.34 is fast and ordered, but its `flush` is not an fsync on Linux, and damaged files can make it panic. Here
//! neither matters, because everything in it can be derived again. So:
//!
//! * Changes go into an [`Overlay`], where reads see them at once. A thread writes them to sled in rounds, and writes
//!   last of all up to which position the index is then complete; sled recovers its log in the order of writing.
//! * What was written stays in the overlay until it is flushed. When sled fails (the disk is full), the thread tries
//!   again each second, with sled opened anew; until then reads find the overlay, and else say what is wrong.
//! * A folder that cannot be opened, or that made sled panic, is set aside and the index begins anew.

use std::fs;
use std::io::ErrorKind;
use std::ops::{Bound, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::files::{self, failure};
use super::leaf::{self, Leaf};
use super::overlay::{Laid, Layer, Overlay, Row, Value, entries, walk};
use crate::store::{Entry, IndexOp, KeyId, Lsn, Seal, StoreError};

/// How long changes wait for more before they are written.
const ROUND: Duration = Duration::from_millis(250);
/// So many changes do not wait.
const ROUND_OPS: usize = 1_000;
/// With so many changes waiting, whoever brings more waits too.
const MAX_WAITING: usize = 50_000;
/// How long to wait before sled is tried again after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// How long sled may take to close.
const CLOSE: Duration = Duration::from_secs(5);
/// sled's cache. It really takes about twice as much.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// So much must be free on the disk before sled is opened anew after a failure.
const ROOM_TO_REOPEN: usize = 2 * 1024 * 1024;
/// The home is ours alone, so sled's lock can be held only by what is about to let go: an earlier sled of this process
/// that is closing, or a child that was just forked. So often is it tried, with so long a pause.
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(10);
const COMPLETE: &[u8] = b"complete";

/// Keys that are to be dropped, and the one that takes their place.
#[derive(Debug, Clone)]
struct Reseal {
    old: Vec<KeyId>,
    new: KeyId,
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
enum Trouble {
    Full,
    Locked,
    Damaged(String),
    Other(String),
}

impl Trouble {
    fn error(&self) -> StoreError {
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
fn guarded<T>(run: impl FnOnce() -> Result<T, sled::Error>) -> Result<T, Trouble> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result.map_err(Trouble::from),
        Err(_) => Err(Trouble::Damaged("sled could not make sense of its files".to_owned())),
    }
}

impl Sled {
    /// Opens the sled in a home, or begins one. `None` if it is damaged, so that [`set_aside`] should come first.
    pub(super) fn open(home: &Path, seal: Arc<dyn Seal>) -> Result<Option<Sled>, StoreError> {
        if suspect(home).exists() {
            return Ok(None);
        }
        match Sled::try_open(&folder(home), &seal) {
            Ok(sled) => Ok(Some(sled)),
            Err(Trouble::Damaged(_)) => Ok(None),
            Err(trouble) => Err(trouble.error()),
        }
    }

    fn try_open(folder: &Path, seal: &Arc<dyn Seal>) -> Result<Sled, Trouble> {
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
    fn write(&self, layer: &Layer, complete: Lsn) -> Result<(), Trouble> {
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
    fn reseal(&self, what: &Reseal) -> Result<(), Trouble> {
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

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, sled::Error> {
        Ok(self.leaf_of(key)?.1.remove(key).map(|value| value.bytes))
    }

    /// Returns the rows of a range, leaf by leaf.
    fn range<'a>(
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

/// Takes a damaged sled out of the way. At most one is kept, until the index is rebuilt.
pub(super) fn set_aside(home: &Path) -> Result<(), StoreError> {
    let (folder, aside) = (folder(home), aside(home));
    if folder.exists() {
        remove_folder(&aside)?;
        fs::rename(&folder, &aside).map_err(|e| failure(&folder, &e))?;
        files::sync_folder(home)?;
    }
    match fs::remove_file(suspect(home)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failure(&suspect(home), &error)),
        _ => Ok(()),
    }
}

/// The index of an opened home.
pub(super) struct Index {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    home: PathBuf,
    seal: Arc<dyn Seal>,
    /// The position at which a rebuilt index has caught up.
    rebuilt_at: Lsn,
    state: Mutex<State>,
    /// Wakes the writer.
    work: Condvar,
    /// Wakes those who wait for the writer.
    round: Condvar,
    /// `None` while it cannot be opened.
    sled: RwLock<Option<Sled>>,
}

struct State {
    overlay: Overlay,
    /// How many rounds have ended, well or not.
    rounds: u64,
    /// Why the last round failed.
    trouble: Option<Trouble>,
    /// Somebody waits: begin at once.
    hurry: bool,
    /// What is to be sealed anew, until it is.
    reseal: Option<Reseal>,
    closing: bool,
}

/// What the writer does at once.
struct Round {
    layer: Arc<Layer>,
    complete: Lsn,
    reseal: Option<Reseal>,
    closing: bool,
}

impl Index {
    /// Starts the writer above an opened sled. `last` is the journal's last position.
    pub(super) fn start(home: &Path, sled: Sled, last: Lsn) -> Result<Index, StoreError> {
        let overlay = Overlay::above(sled.complete);
        let shared = Arc::new(Shared {
            home: home.to_owned(),
            seal: Arc::clone(&sled.seal),
            rebuilt_at: last,
            state: Mutex::new(State { overlay, rounds: 0, trouble: None, hurry: false, reseal: None, closing: false }),
            work: Condvar::new(),
            round: Condvar::new(),
            sled: RwLock::new(Some(sled)),
        });
        let theirs = Arc::clone(&shared);
        let writer = thread::Builder::new().name("index".to_owned()).spawn(move || theirs.run());
        Ok(Index { shared, writer: Some(writer.map_err(|e| failure(home, &e))?) })
    }

    /// Takes changes in. Waits only while far too many are waiting already.
    pub(super) fn add(&self, ops: Vec<IndexOp>, complete: Lsn) -> Result<(), StoreError> {
        let mut state = self.shared.lock();
        while state.overlay.len() > MAX_WAITING {
            if let Some(trouble) = &state.trouble {
                return Err(trouble.error());
            }
            state = wait(&self.shared.round, state);
        }
        let (idle, few) = (state.overlay.is_settled(), state.overlay.waiting() < ROUND_OPS);
        state.overlay.add(ops, complete, |stream| self.shared.seal.key_of(stream))?;
        if idle || (few && state.overlay.waiting() >= ROUND_OPS) {
            self.shared.work.notify_one();
        }
        Ok(())
    }

    /// Reads a key.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(change) = self.shared.lock().overlay.get(key) {
            return Ok(change);
        }
        self.shared.read(|sled| sled.get(key))
    }

    /// Reads a range.
    pub(super) fn scan(&self, from: &[u8], to: &[u8], limit: usize, backwards: bool) -> Result<Vec<Entry>, StoreError> {
        if from >= to {
            return Ok(Vec::new());
        }
        // The overlay first: a change that is written meanwhile is then seen in both, never in neither.
        let (front, back) = self.shared.lock().overlay.cut(from..to, limit, backwards);
        self.shared.read(|sled| {
            let below = sled.range(from..to, backwards);
            let middle = Laid::new(walk(&back, from..to, backwards), below, backwards);
            entries(Laid::new(front.into_iter(), middle, backwards), limit)
        })
    }

    /// Has the index begun anew at the next opening, because something that it was derived from is lost.
    pub(super) fn distrust(&self) -> Result<(), StoreError> {
        let note = suspect(&self.shared.home);
        fs::write(&note, b"").map_err(|e| failure(&note, &e))
    }

    /// Seals anew what is under old keys, in sled and on its way there; durable on return, and nobody reads under the old
    /// keys any more. One at a time.
    pub(super) fn reseal(&self, old: Vec<KeyId>, new: KeyId) -> Result<(), StoreError> {
        let mut state = self.shared.lock();
        let enough = state.rounds.saturating_add(2);
        state.reseal = Some(Reseal { old, new });
        while state.reseal.is_some() {
            if let Some(trouble) = state.trouble.clone().filter(|_| state.rounds >= enough) {
                state.reseal = None;
                return Err(trouble.error());
            }
            state.hurry = true;
            self.shared.work.notify_one();
            state = wait(&self.shared.round, state);
        }
        drop(state);
        // Who began to read before has what is under the old keys in hand. sled's flush alone is no fsync.
        drop(self.shared.sled.write().unwrap_or_else(PoisonError::into_inner));
        files::sync_all(&folder(&self.shared.home))
    }

    /// Waits until everything is in sled, or tells why it cannot be.
    pub(super) fn settle(&self) -> Result<(), StoreError> {
        let mut state = self.shared.lock();
        // A round that is under way may have begun before the newest change; the one after it has not.
        let enough = state.rounds.saturating_add(2);
        loop {
            match &state.trouble {
                None if state.overlay.is_settled() => return Ok(()),
                Some(trouble) if state.rounds >= enough => return Err(trouble.error()),
                _ => {}
            }
            state.hurry = true;
            self.shared.work.notify_one();
            state = wait(&self.shared.round, state);
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.work.notify_one();
        if let Some(writer) = self.writer.take() {
            drop(writer.join());
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, read: impl FnOnce(&Sled) -> Result<T, sled::Error>) -> Result<T, StoreError> {
        let sled = self.sled.read().unwrap_or_else(PoisonError::into_inner);
        let Some(sled) = sled.as_ref() else {
            let why = self.lock().trouble.as_ref().map_or(StoreError::Full, Trouble::error);
            return Err(StoreError::Io(format!("the index cannot be read for now: {why}")));
        };
        guarded(|| read(sled)).map_err(|trouble| {
            self.suspect_if_damaged(&trouble);
            trouble.error()
        })
    }

    /// The writer's thread: one round after the other until the index is closed.
    fn run(&self) {
        while let Some(Round { layer, complete, reseal, closing }) = self.next_round() {
            let result = self.write(&layer, complete, reseal.as_ref());
            if result.is_ok() && complete >= self.rebuilt_at {
                // Left over, it is replaced by the next one; so a failure may pass.
                drop(remove_folder(&aside(&self.home)));
            }
            let mut state = self.lock();
            if result.is_ok() {
                state.overlay.end();
                state.reseal.take_if(|_| reseal.is_some());
            }
            state.trouble = result.err();
            state.rounds = state.rounds.saturating_add(1);
            state.hurry = false;
            self.round.notify_all();
            if closing && (state.trouble.is_some() || state.overlay.is_settled()) {
                break;
            }
        }
        if let Some(sled) = self.sled.write().unwrap_or_else(PoisonError::into_inner).take() {
            sled.close();
        }
    }

    /// Waits until there is something to write, and for a while for more. `None` when all is written and it closes.
    fn next_round(&self) -> Option<Round> {
        let mut state = self.lock();
        while state.overlay.is_settled() && !state.closing && !state.hurry {
            state = wait(&self.work, state);
        }
        if state.closing && state.overlay.is_settled() {
            return None;
        }
        let pause = if state.trouble.is_some() { RETRY } else { ROUND };
        let urgent = |s: &mut State| s.closing || s.hurry || (s.trouble.is_none() && s.overlay.waiting() >= ROUND_OPS);
        let (mut state, _) =
            self.work.wait_timeout_while(state, pause, |s| !urgent(s)).unwrap_or_else(PoisonError::into_inner);
        let (layer, complete) = state.overlay.begin();
        // A round that is repeated leaves what came since for the next one, and that may be under the old keys, too.
        let reseal = state.reseal.clone().filter(|reseal| !state.overlay.waits_under(&reseal.old));
        Some(Round { layer, complete, reseal, closing: state.closing })
    }

    fn write(&self, layer: &Layer, complete: Lsn, reseal: Option<&Reseal>) -> Result<(), Trouble> {
        if self.lock().trouble.is_some() {
            self.reopen()?;
        }
        let sled = self.sled.read().unwrap_or_else(PoisonError::into_inner);
        let Some(sled) = sled.as_ref() else { return Err(Trouble::Other("it could not be opened".to_owned())) };
        let written = sled.write(layer, complete).and_then(|()| reseal.map_or(Ok(()), |reseal| sled.reseal(reseal)));
        written.inspect_err(|trouble| self.suspect_if_damaged(trouble))
    }

    /// Opens sled anew after a failure, as soon as there is room; the old one serves readers until then.
    fn reopen(&self) -> Result<(), Trouble> {
        let probe = self.home.join("room.new");
        let room = fs::write(&probe, vec![1; ROOM_TO_REOPEN]);
        drop(fs::remove_file(&probe));
        if room.is_err() {
            return Err(Trouble::Full);
        }
        let mut sled = self.sled.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = sled.take() {
            old.close();
        }
        *sled = Some(Sled::try_open(&folder(&self.home), &self.seal)?);
        Ok(())
    }

    /// Leaves a note for the next opening. If the note cannot be written, the next reader that stumbles writes it.
    fn suspect_if_damaged(&self, trouble: &Trouble) {
        if matches!(trouble, Trouble::Damaged(_)) {
            drop(fs::write(suspect(&self.home), b""));
        }
    }
}

fn wait<'a>(condition: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    condition.wait(state).unwrap_or_else(PoisonError::into_inner)
}

fn remove_folder(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failure(path, &error)),
        _ => Ok(()),
    }
}

/// Where sled lives.
pub(super) fn folder(home: &Path) -> PathBuf {
    home.join("index")
}

fn aside(home: &Path) -> PathBuf {
    home.join("index.damaged")
}

fn suspect(home: &Path) -> PathBuf {
    home.join("index.suspect")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Entropy;

    /// Writes random changes in rounds and compares every way of reading with a plain map.
    #[test]
    fn leaves_read_like_one_ordered_map() {
        let home = tempfile::tempdir().unwrap();
        let seal: Arc<dyn Seal> = Arc::new(crate::store::Unsealed);
        let mut model = std::collections::BTreeMap::new();
        let mut random = Entropy::from_seed([7; 32]);
        for round in 0..40u64 {
            let sled = Sled::try_open(&folder(home.path()), &seal).unwrap();
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
