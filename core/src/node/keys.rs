//! The keyring: the keys of segments and secrets, each of which is dropped to erase what is under it; and the seal of the
//! store.
//!
//! ```text
//! <home>/keys   version u8 (1) ‖ sealed under the key of the home: postcard { next u32, keys: [(id u32, stream, key 32), …] }
//! ```
//!
//! What deletes for good must not lie where nothing is ever given back, so this file stands outside journal and index. It
//! is the truth about the keys. It is small and written as a whole, beside the old one, fsynced and renamed over it; a new
//! key is in it before anything is sealed under it. Where the file system writes in place, the old one is then
//! overwritten. Some 70 bytes for a segment of 2,000 messages: 40 KB for a million.
//!
//! A number is never used twice, so that a number below `next` that is not there tells: this key was dropped. Any other
//! number that is not there is newer than the keyring, and what names it is damaged.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{NodeError, Vault, home};
use crate::crypto::Secret;
use crate::id::StreamId;
use crate::store::{KeyId, Seal, StoreError};

const VERSION: u8 = 1;
const PLACE: [&[u8]; 2] = [b"file", b"keys"];

/// The most keys: 130 million messages.
const MAX_KEYS: usize = 65_536;
/// The largest file, in bytes.
const MAX_FILE: u64 = 1024 + 80 * MAX_KEYS as u64;

/// Seals what the store keeps: the words of segments and the secrets under keys of their own, all else under the key of the home.
pub struct Keyring {
    path: PathBuf,
    vault: Arc<Vault>,
    keys: RwLock<Keys>,
    /// Held by who writes the file.
    writing: Mutex<()>,
}

#[derive(Clone, Default)]
struct Keys {
    /// The number of the next key; 0 before the file was looked for.
    next: u32,
    by_id: BTreeMap<KeyId, (StreamId, Secret)>,
    newest: BTreeMap<StreamId, KeyId>,
}

/// What is in the file.
#[derive(Serialize, Deserialize)]
struct Kept {
    next: u32,
    keys: Vec<(u32, StreamId, Secret)>,
}

impl Keys {
    fn of(kept: Kept) -> Keys {
        let mut keys = Keys { next: kept.next.max(1), ..Keys::default() };
        kept.keys.into_iter().for_each(|(id, stream, secret)| keys.insert(KeyId(id), stream, secret));
        keys
    }

    fn insert(&mut self, id: KeyId, stream: StreamId, secret: Secret) {
        let newest = self.newest.entry(stream).or_insert(id);
        *newest = id.max(*newest);
        self.by_id.insert(id, (stream, secret));
    }

    fn older(&self, stream: StreamId, than: KeyId) -> Vec<KeyId> {
        self.by_id.range(..than).filter(|(_, (of, _))| *of == stream).map(|(id, _)| *id).collect()
    }
}

impl Keyring {
    /// Makes the seal of the store in a home. What the file holds is read when the store has locked the home.
    pub fn new(home: &Path, vault: Arc<Vault>) -> Keyring {
        Keyring { path: home.join("keys"), vault, keys: RwLock::default(), writing: Mutex::default() }
    }

    /// Returns the numbers of all keys of streams that there are.
    pub fn ids(&self) -> Vec<KeyId> {
        self.read().by_id.keys().copied().collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn damaged(&self) -> StoreError {
        let path = self.path.display();
        StoreError::Damaged(format!(
            "{path} cannot be read, and nothing that was said here without it: restore a backup"
        ))
    }

    /// Makes a change, first in the file. Others read on meanwhile.
    fn change<T>(&self, make: impl FnOnce(&mut Keys) -> Result<T, NodeError>) -> Result<T, StoreError> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut keys = self.read().clone();
        let made = make(&mut keys).and_then(|made| self.write(&keys).map(|()| made));
        let made = made.map_err(|error| StoreError::Io(error.to_string()))?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(made)
    }

    fn write(&self, keys: &Keys) -> Result<(), NodeError> {
        let all = keys.by_id.iter().map(|(id, (stream, secret))| (id.0, *stream, secret.clone()));
        let kept = Kept { next: keys.next, keys: all.collect() };
        let bytes = postcard::to_stdvec(&kept).map(Zeroizing::new).map_err(|error| NodeError::Io(error.to_string()))?;
        let old = OpenOptions::new().write(true).open(&self.path).ok();
        home::replace(&self.path, &[&[VERSION], self.vault.seal(&PLACE, &bytes).as_slice()].concat())?;
        old.into_iter().for_each(overwrite);
        Ok(())
    }

    fn add(keys: &mut Keys, stream: StreamId) -> Result<KeyId, NodeError> {
        let id = KeyId(keys.next);
        let next = keys.next.checked_add(1).filter(|_| id != KeyId::HOME && keys.by_id.len() < MAX_KEYS);
        keys.next = next.ok_or_else(|| NodeError::Io(format!("no more than {MAX_KEYS} segments fit into a home")))?;
        keys.insert(id, stream, Secret::new(home::random()?));
        Ok(id)
    }

    /// Calls with the key of a number, if it is there.
    fn with<T>(&self, id: KeyId, run: impl FnOnce(&Secret) -> T) -> Option<T> {
        self.read().by_id.get(&id).map(|(_, secret)| run(secret))
    }
}

/// Overwrites a file that has no name any more. An attempt: what a disk or file system copied elsewhere is out of reach.
fn overwrite(mut file: fs::File) {
    use std::os::unix::fs::MetadataExt as _;
    // Under another name it is somebody's backup.
    let Some(meta) = file.metadata().ok().filter(|meta| meta.nlink() == 0) else { return };
    let zeros = vec![0; usize::try_from(meta.len()).unwrap_or(0)];
    drop(file.write_all(&zeros).and_then(|()| file.sync_data()));
}

impl Seal for Keyring {
    fn load(&self) -> Result<(), StoreError> {
        let failed = |error: std::io::Error| StoreError::Io(format!("cannot read {}: {error}", self.path.display()));
        // What a crash left may hold a key that is to be dropped.
        drop(fs::remove_file(home::draft(&self.path)));
        let bytes = match fs::metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
            Ok(meta) if meta.len() > MAX_FILE => return Err(self.damaged()),
            Ok(_) => Some(fs::read(&self.path).map_err(failed)?),
        };
        let kept = match bytes {
            None => Kept { next: 1, keys: Vec::new() },
            Some(bytes) => {
                let sealed = bytes.strip_prefix(&[VERSION]).and_then(|sealed| self.vault.open(&PLACE, sealed));
                let kept = sealed.map(Zeroizing::new).and_then(|plain| postcard::from_bytes::<Kept>(&plain).ok());
                kept.ok_or_else(|| self.damaged())?
            }
        };
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Keys::of(kept);
        Ok(())
    }

    fn seal(&self, key: KeyId, place: &[&[u8]], plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        if key == KeyId::HOME {
            return Ok(self.vault.seal(place, plain));
        }
        let sealed = self.with(key, |secret| self.vault.seal_under(secret, place, plain));
        sealed.ok_or_else(|| StoreError::Io("what was to be kept is forgotten already".to_owned()))
    }

    fn open(&self, key: KeyId, place: &[&[u8]], sealed: &[u8]) -> Option<Vec<u8>> {
        if key == KeyId::HOME {
            return self.vault.open(place, sealed);
        }
        self.with(key, |secret| Vault::open_under(secret, place, sealed)).flatten()
    }

    fn is_dropped(&self, key: KeyId) -> bool {
        let keys = self.read();
        key != KeyId::HOME && key.0 < keys.next && !keys.by_id.contains_key(&key)
    }

    fn key_of(&self, stream: StreamId) -> Result<KeyId, StoreError> {
        let known = |keys: &Keys| keys.newest.get(&stream).copied();
        match (stream, known(&self.read())) {
            (StreamId::Local | StreamId::Control(_), _) => return Ok(KeyId::HOME),
            (_, Some(key)) => return Ok(key),
            _ => {}
        }
        self.change(|keys| known(keys).map_or_else(|| Keyring::add(keys, stream), Ok))
    }

    fn renew(&self, stream: StreamId) -> Result<KeyId, StoreError> {
        match stream {
            StreamId::Local | StreamId::Control(_) => Ok(KeyId::HOME),
            StreamId::Segment(..) | StreamId::Secrets => self.change(|keys| Keyring::add(keys, stream)),
        }
    }

    fn older(&self, stream: StreamId, than: KeyId) -> Vec<KeyId> {
        self.read().older(stream, than)
    }

    fn drop_older(&self, stream: StreamId, than: KeyId) -> Result<(), StoreError> {
        self.change(|keys| {
            for id in keys.older(stream, than) {
                keys.by_id.remove(&id);
            }
            Ok(())
        })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(redacted)")
    }
}
