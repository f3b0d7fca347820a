//! The index on disk.
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
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::files::{self, failure};
use super::leaves::{Reseal, Sled, Trouble, guarded};
use super::overlay::{Laid, Layer, Overlay, entries, walk};
use crate::store::{Entry, IndexOp, KeyId, Lsn, Seal, StoreError};

/// How long changes wait for more before they are written.
const ROUND: Duration = Duration::from_millis(250);
/// So many changes do not wait.
const ROUND_OPS: usize = 1_000;
/// With so many changes waiting, whoever brings more waits too.
const MAX_WAITING: usize = 50_000;
/// How long to wait before sled is tried again after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// So much must be free on the disk before sled is opened anew after a failure.
const ROOM_TO_REOPEN: usize = 2 * 1024 * 1024;

/// Opens the sled in a home, or begins one. Says why it cannot be used if [`set_aside`] should come first.
pub(super) fn open(home: &Path, seal: &Arc<dyn Seal>) -> Result<Result<Sled, String>, StoreError> {
    if suspect(home).exists() {
        return Ok(Err("it was found damaged while it was in use".to_owned()));
    }
    match Sled::open(&folder(home), seal) {
        Ok(sled) => Ok(Ok(sled)),
        Err(Trouble::Damaged(why)) => Ok(Err(why)),
        Err(trouble) => Err(trouble.error()),
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
        let overlay = Overlay::above(sled.complete());
        let shared = Arc::new(Shared {
            home: home.to_owned(),
            seal: sled.seal(),
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
        *sled = Some(Sled::open(&folder(&self.home), &self.seal)?);
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
