//! The key of a home, and the file that keeps it: wrapped by what the person chose, once for each way to open it.
//!
//! ```text
//! <home>/key   "BAYOUKEY" ‖ version u8 (1) ‖ postcard([wrap, …]) ‖ BLAKE3 of all that 32
//!
//! wrap         0 open         the key, as it is                              --no-passphrase
//!              1 passphrase   salt 16, cost, sealed by Argon2id(passphrase)
//!              2 keyring      account 16, sealed by a key that the system's keyring keeps
//! ```
//!
//! The home key itself never changes; to change a passphrase is to write this file anew. It is written beside the old
//! one, fsynced and renamed over it, so that a crash leaves the one or the other. Who has an old copy of the file (a backup)
//! and the old passphrase can open the home for ever. The checksum tells a damaged file from a wrong passphrase; it
//! protects nothing, the seals do.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use zeroize::Zeroizing;

use super::system_keys::{self, Account};
use super::{NodeError, home};
use crate::crypto::{self, GuessCost, Secret};

const MAGIC: &[u8; 9] = b"BAYOUKEY\x01";

/// The largest key file, in bytes; one with a wrap of each kind has some 300.
const MAX_FILE: usize = 4096;

/// The longest passphrase, in bytes.
pub(super) const MAX_PASSPHRASE: usize = 1024;

/// The key under which all else in a home is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeKey(Secret);

impl HomeKey {
    /// Takes a key in.
    pub fn new(key: Secret) -> HomeKey {
        HomeKey(key)
    }

    /// Derives the key for one purpose.
    pub(super) fn derive(&self, purpose: &'static str) -> Secret {
        self.0.derive(purpose, &[])
    }
}

/// What a person types to open a home. Wiped when dropped, redacted when printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes a passphrase in, as it is.
    ///
    /// # Errors
    /// When it is empty or longer than 1,024 bytes.
    pub fn new(text: String) -> Result<Passphrase, NodeError> {
        let text = Zeroizing::new(text);
        if text.is_empty() || text.len() > MAX_PASSPHRASE {
            return Err(NodeError::BadPassphrase);
        }
        Ok(Passphrase(text))
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(redacted)")
    }
}

/// A way to open a home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protection {
    /// None: who can read the disk can read everything.
    Nothing,
    /// Whoever knows a passphrase.
    Passphrase(Passphrase),
    /// Whoever is logged in where the system's keyring is unlocked.
    Keyring,
}

#[derive(Serialize, Deserialize)]
enum Wrap {
    Open(Secret),
    Passphrase { salt: [u8; 16], cost: GuessCost, sealed: ByteBuf },
    Keyring { account: Account, sealed: ByteBuf },
}

/// Opens a home: by no protection, by the keyring, or by the passphrase, whichever is there and opens it.
///
/// Slow on purpose if it comes to the passphrase (0.16 s and 64 MiB); may wait for the person if it comes to the keyring.
///
/// # Errors
/// When there is no home, it needs a passphrase and none was given, or what was given does not open it.
pub fn unlock(home: &Path, passphrase: Option<&Passphrase>) -> Result<HomeKey, NodeError> {
    sweep(home);
    let wraps = read(home)?;
    let mut refused = None;
    for wrap in &wraps {
        match (wrap.open(passphrase), wrap) {
            (Ok(key), _) => return Ok(HomeKey(key)),
            // What the person gave, or could give, matters more than a keyring that is not there.
            (Err(error), Wrap::Passphrase { .. }) => refused = Some(error),
            (Err(error), _) => refused = refused.or(Some(error)),
        }
    }
    Err(refused.unwrap_or_else(|| NodeError::BadKey(home.join("key"))))
}

/// Replaces all ways to open a home by others; at least one.
///
/// # Errors
/// When the keyring does not take the key, or the file cannot be written; then all is as it was.
pub fn protect(home: &Path, key: &HomeKey, by: &[Protection]) -> Result<(), NodeError> {
    let _alone = lock(home)?;
    let before = read(home)?;
    write(home, key, by)?;
    before.iter().for_each(Wrap::forget);
    Ok(())
}

/// Makes the key of a new home. The caller has locked the folder and looked that there is none.
pub(super) fn create(home: &Path, by: &[Protection]) -> Result<HomeKey, NodeError> {
    let key = HomeKey(Secret::new(home::random()?));
    write(home, &key, by).map(|()| key)
}

/// Lets nobody else make or change the key file, for as long as what is returned is held.
pub(super) fn lock(home: &Path) -> Result<File, NodeError> {
    let failed = |error: std::io::Error| NodeError::Io(format!("cannot lock {}: {error}", home.display()));
    let folder = File::open(home).map_err(|error| match error.kind() {
        ErrorKind::NotFound => NodeError::NoHome(home.to_owned()),
        _ => failed(error),
    })?;
    match folder.try_lock() {
        Ok(()) => Ok(folder),
        Err(TryLockError::WouldBlock) => Err(NodeError::KeyInUse),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Deletes what a crash in the middle of [`protect`] left: it may be wrapped in less than the person believes.
fn sweep(home: &Path) {
    let draft = home::draft(&home.join("key"));
    if draft.exists()
        && let Ok(_alone) = lock(home)
    {
        fs::remove_file(draft).ok();
    }
}

fn write(home: &Path, key: &HomeKey, by: &[Protection]) -> Result<(), NodeError> {
    let wraps = by.iter().map(|by| Wrap::new(key, by)).collect::<Result<Vec<Wrap>, _>>()?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE));
    bytes.extend_from_slice(MAGIC);
    let body = postcard::to_stdvec(&wraps).map_err(|error| NodeError::Io(error.to_string()))?;
    bytes.extend_from_slice(&Zeroizing::new(body));
    let sum = checksum(&bytes);
    bytes.extend_from_slice(&sum);
    let written = home::replace(&home.join("key"), &bytes);
    if written.is_err() {
        wraps.iter().for_each(Wrap::forget);
    }
    written
}

fn read(home: &Path) -> Result<Vec<Wrap>, NodeError> {
    let path = home.join("key");
    let bytes = match fs::read(&path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(NodeError::Io(format!("cannot read {}: {error}", path.display())));
        }
        Err(_) => return Err(without_key(home)),
    };
    parse(&bytes).ok_or(NodeError::BadKey(path))
}

/// Tells why there is no key file. Identities of the first format began with a 1.
fn without_key(folder: &Path) -> NodeError {
    match fs::read(folder.join("identity")) {
        Err(_) => NodeError::NoHome(folder.to_owned()),
        Ok(identity) if identity.first() == Some(&1) => NodeError::OldHome(folder.to_owned()),
        Ok(_) => NodeError::BadKey(folder.join("key")),
    }
}

fn parse(bytes: &[u8]) -> Option<Vec<Wrap>> {
    let (bytes, sum) = bytes.split_last_chunk::<32>().filter(|_| bytes.len() <= MAX_FILE)?;
    if checksum(bytes) != *sum {
        return None;
    }
    postcard::from_bytes(bytes.strip_prefix(MAGIC)?).ok()
}

fn checksum(bytes: &[u8]) -> [u8; 32] {
    crypto::hash("bayou/1/key file", &[bytes])
}

impl Wrap {
    fn new(key: &HomeKey, by: &Protection) -> Result<Wrap, NodeError> {
        match by {
            Protection::Nothing => Ok(Wrap::Open(key.0.clone())),
            Protection::Passphrase(passphrase) => {
                let (salt, cost) = (home::random()?, GuessCost::DEFAULT);
                let wrapping = stretch(passphrase, &salt, cost).ok_or(NodeError::BadPassphrase)?;
                Ok(Wrap::Passphrase { salt, cost, sealed: seal(&wrapping, key)? })
            }
            Protection::Keyring => {
                let (account, wrapping) = (home::random()?, Secret::new(home::random()?));
                let sealed = seal(&wrapping, key)?;
                system_keys::put(account, &wrapping).map_err(NodeError::NoKeyring)?;
                Ok(Wrap::Keyring { account, sealed })
            }
        }
    }

    fn open(&self, passphrase: Option<&Passphrase>) -> Result<Secret, NodeError> {
        match self {
            Wrap::Open(key) => Ok(key.clone()),
            Wrap::Passphrase { salt, cost, sealed } => {
                let passphrase = passphrase.ok_or(NodeError::Locked)?;
                let wrapping = stretch(passphrase, salt, *cost).ok_or(NodeError::WrongPassphrase)?;
                open(&wrapping, sealed).ok_or(NodeError::WrongPassphrase)
            }
            Wrap::Keyring { account, sealed } => {
                let wrapping = system_keys::get(*account).map_err(NodeError::KeyringLocked)?;
                open(&wrapping, sealed).ok_or_else(|| NodeError::KeyringLocked("it holds another key".into()))
            }
        }
    }

    /// Has the keyring forget a wrap that is not used any more. What stays there opens nothing.
    fn forget(&self) {
        if let Wrap::Keyring { account, .. } = self
            && let Err(error) = system_keys::remove(*account)
        {
            tracing::debug!("an entry stays in the keyring: {error}");
        }
    }
}

fn stretch(passphrase: &Passphrase, salt: &[u8; 16], cost: GuessCost) -> Option<Secret> {
    crypto::stretch(&passphrase.0, salt, cost).ok()
}

fn seal(wrapping: &Secret, key: &HomeKey) -> Result<ByteBuf, NodeError> {
    Ok(ByteBuf::from(crypto::seal(wrapping, home::random()?, b"bayou/1/home key", key.0.expose())))
}

fn open(wrapping: &Secret, sealed: &[u8]) -> Option<Secret> {
    let key = Zeroizing::new(crypto::open(wrapping, b"bayou/1/home key", sealed).ok()?);
    key.as_slice().try_into().map(Secret::new).ok()
}

#[cfg(test)]
mod tests;
