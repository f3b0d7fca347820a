//! Who lives in a home: the file that says so, and how it is made.
//!
//! ```text
//! <home>/identity   version u8 (5) ‖ sealed: postcard { profile: bytes, log: [bytes], is_back }
//! <home>/listen     see `listen`
//! <home>/nodes      see `nodes`
//! ```

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::key::{self, HomeKey, Protection};
use super::{NodeError, Vault};
use crate::authority::MAX_NAME;
use crate::crypto::{Entropy, Secret};
use crate::engine::Newborn;
use crate::id::{DeviceId, PeerId, UserId};
use crate::identity::{Phrase, Prekeys, Profile};
use crate::rpc::Storage;

const VERSION: u8 = 5;

const PLACE_OF_IDENTITY: [&[u8]; 2] = [b"file", b"identity"];

/// Who was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The name.
    pub name: String,
    /// The user.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// The peer's name on the network.
    pub peer: PeerId,
}

/// A new home, and the words that bring its user back. They are kept nowhere.
pub struct Made {
    /// Who lives there.
    pub who: Identified,
    /// The recovery phrase.
    pub phrase: Phrase,
}

/// Makes a home for a new user. The home can be opened by each of the ways in `by`; at least one.
///
/// # Errors
/// When somebody lives there already, the name cannot be used, the keyring does not take the key, or the folder cannot be
/// written.
pub fn init(home: &Path, name: &str, by: &[Protection]) -> Result<Made, NodeError> {
    let phrase = new_phrase()?;
    let who = of_phrase(home, name, (&phrase, false), by)?;
    Ok(Made { who, phrase })
}

/// Draws a recovery phrase.
///
/// # Errors
/// When the system gives no randomness.
pub fn new_phrase() -> Result<Phrase, NodeError> {
    Ok(Phrase::new(Secret::new(random()?)))
}

/// Draws the positions, from 1, of three words of a phrase that a person is asked for, to see that they wrote it down.
///
/// # Errors
/// When the system gives no randomness.
pub fn words_to_ask() -> Result<[usize; 3], NodeError> {
    Ok(Phrase::ask_back(&mut Entropy::from_seed(random()?)))
}

/// Makes a home for a user who comes back with their recovery phrase, on a device of its own.
///
/// # Errors
/// As [`init`].
pub fn restore(home: &Path, name: &str, phrase: &Phrase, by: &[Protection]) -> Result<Identified, NodeError> {
    of_phrase(home, name, (phrase, true), by)
}

fn of_phrase(
    home: &Path,
    name: &str,
    (phrase, is_back): (&Phrase, bool),
    by: &[Protection],
) -> Result<Identified, NodeError> {
    let name = name.trim();
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(NodeError::BadName);
    }
    let newborn = Newborn::of_phrase(phrase, name, is_back, super::run::now(), &mut Entropy::from_seed(random()?));
    settle_in(home, &newborn, by)
}

/// Makes a home for a device.
pub(super) fn settle_in(home: &Path, newborn: &Newborn, by: &[Protection]) -> Result<Identified, NodeError> {
    let failed = |error: std::io::Error| NodeError::Io(format!("cannot write {}: {error}", home.display()));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(home).map_err(failed)?;
    let _alone = key::lock(home)?;
    let path = home.join("identity");
    if path.exists() || home.join("journal").exists() {
        return Err(NodeError::HomeExists(home.to_owned()));
    }
    // A key with neither identity nor journal is what an earlier attempt left; nothing is sealed with it.
    let vault = Vault::new(&key::create(home, by)?, random()?);
    keep(home, &vault, newborn)?;
    Ok(identified(&newborn.profile))
}

/// Takes the first prekey out of the identity file once the store was found to keep others: there it is erased by its key
/// when its time is over, and here it never would be.
/// If the file cannot be written now, the next start does it.
pub(super) fn leave_prekeys(home: &Path, vault: &Vault, first: &Prekeys, kept: &Prekeys) {
    if first.newest().is_none() || kept == first {
        return;
    }
    let left = load(home, vault).and_then(|mut newborn| {
        newborn.profile.prekeys = Prekeys::none();
        keep(home, vault, &newborn)
    });
    if let Err(error) = left {
        tracing::warn!("the first prekey stays in the file identity until the next start: {error}");
    }
}

fn keep(home: &Path, vault: &Vault, newborn: &Newborn) -> Result<(), NodeError> {
    let path = home.join("identity");
    let damaged = |_| NodeError::BadIdentity(path.clone());
    let kept = Kept {
        profile: newborn.profile.to_bytes().map_err(damaged)?.to_vec(),
        log: newborn.log.iter().cloned().map(serde_bytes::ByteBuf::from).collect(),
        is_back: newborn.is_back,
    };
    let bytes = postcard::to_stdvec(&kept).map(Zeroizing::new).map_err(|error| NodeError::Io(error.to_string()))?;
    replace(&path, &[&[VERSION], vault.seal(&PLACE_OF_IDENTITY, &bytes).as_slice()].concat())
}

/// What is in the identity file.
#[derive(serde::Serialize, serde::Deserialize, zeroize::ZeroizeOnDrop)]
struct Kept {
    #[serde(with = "serde_bytes")]
    profile: Vec<u8>,
    #[zeroize(skip)]
    log: Vec<serde_bytes::ByteBuf>,
    is_back: bool,
}

/// Returns where a file is written before it takes its name.
pub(super) fn draft(path: &Path) -> PathBuf {
    path.with_extension("new")
}

/// Writes a file that only its owner can read, in place of an older one: a crash leaves the one or the other.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), NodeError> {
    let draft = draft(path);
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft);
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = file
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&draft, path))
        .and_then(|()| fs::File::open(folder)?.sync_all());
    written.map_err(|error| {
        fs::remove_file(&draft).ok();
        NodeError::Io(format!("cannot write {}: {error}", path.display()))
    })
}

/// Returns who lives in a home.
///
/// # Errors
/// When nobody does, or the key is another home's.
pub fn identity(home: &Path, key: &HomeKey) -> Result<Identified, NodeError> {
    load(home, &Vault::new(key, random()?)).map(|newborn| identified(&newborn.profile))
}

pub(super) fn identified(profile: &Profile) -> Identified {
    Identified {
        name: profile.name.clone(),
        user: profile.user,
        device: profile.device_key().device(),
        peer: crate::net::peer_of(profile.transport_seed().expose()),
    }
}

pub(super) fn load(home: &Path, vault: &Vault) -> Result<Newborn, NodeError> {
    let path = home.join("identity");
    let bytes = fs::read(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => NodeError::NoHome(home.to_owned()),
        _ => NodeError::Io(format!("cannot read {}: {error}", path.display())),
    })?;
    if matches!(bytes.first(), Some(version) if *version < VERSION) {
        return Err(NodeError::OldHome(home.to_owned()));
    }
    let sealed = bytes.strip_prefix(&[VERSION]);
    let opened = sealed.and_then(|sealed| vault.open(&PLACE_OF_IDENTITY, sealed)).map(Zeroizing::new);
    let kept = opened.and_then(|bytes| postcard::from_bytes::<Kept>(&bytes).ok());
    let read = |kept: &Kept| {
        let log = kept.log.iter().map(|record| record.to_vec()).collect();
        Some(Newborn { profile: Profile::from_bytes(&kept.profile).ok()?, log, is_back: kept.is_back })
    };
    kept.as_ref().and_then(read).ok_or(NodeError::BadIdentity(path))
}

/// Returns random bytes of the system.
///
/// # Errors
/// When it gives none.
pub fn random<const N: usize>() -> Result<[u8; N], NodeError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| NodeError::Io(format!("the system gives no randomness: {error}")))?;
    Ok(bytes)
}

/// Returns how many bytes the home takes.
pub(super) fn storage(home: &Path) -> Storage {
    let (journal, snapshots) = (size(&home.join("journal")), size(&home.join("snapshots")));
    let index = size(&home.join("index"));
    Storage { journal, snapshots, index, other: size(home).saturating_sub(journal + snapshots + index) }
}

/// Returns how many bytes the files below a folder have. What cannot be read, or goes meanwhile, counts nothing.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let one = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.map(one).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::PREKEY_TURN_MS;
    use crate::time::Timestamp;

    #[test]
    fn the_first_prekey_leaves_the_file_when_others_are_kept_and_not_before() {
        let home = tempfile::tempdir().unwrap();
        let vault = Vault::new(&HomeKey::new(Secret::new([1; 32])), [2; 32]);
        let (phrase, mut entropy) = (Phrase::new(Secret::new([3; 32])), Entropy::from_seed([4; 32]));
        let made = Timestamp(1_800_000_000_000);
        let born = Newborn::of_phrase(&phrase, "alice", true, made, &mut entropy);
        keep(home.path(), &vault, &born).unwrap();
        let first = born.profile.prekeys.clone();
        let kept = || load(home.path(), &vault).unwrap();
        leave_prekeys(home.path(), &vault, &first, &first);
        assert!(kept().profile == born.profile, "it is nowhere else");
        let mut next = first.clone();
        next.turn(made.plus(PREKEY_TURN_MS), &mut entropy);
        leave_prekeys(home.path(), &vault, &first, &next);
        assert!(kept().profile.prekeys.newest().is_none() && kept().profile.prekeys.key(1).is_none());
        assert!(kept().log == born.log && kept().is_back, "and nothing else changes");
        assert_eq!(identified(&kept().profile), identified(&born.profile));
    }
}
