//! Snapshots: one file for each stream, replaced as a whole.
//!
//! ```text
//! 0        8         12       20       28    32      36       68
//! ├ magic ─┼ version ┼ covers ┼ length ┼ key ┼ crc32 ┼ BLAKE3 ┼─ sealed(zstd(image)) ─┤
//! ```
//!
//! Little endian. `covers` is the last position that the image includes, `length` that of the image, `key` the
//! number of the key that it is sealed under. The CRC guards the
//! bytes before it, so that an opening can read the head alone; the BLAKE3 covers the stream's id, these bytes and the
//! sealed image. The file is named by the stream's id (postcard, in hexadecimal) and ends in `.snap`.
//!
//! A snapshot that cannot be read is set aside as `.damaged`: the journal may still hold a part, peers hold the rest.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;

use super::files::{self, failure};
use crate::id::StreamId;
use crate::store::{KeyId, Lsn, Seal, StoreError};

const MAGIC: &[u8; 8] = b"BAYOUSNP";
const VERSION: u32 = 2;
/// The bytes that the CRC guards.
const FRONT: usize = 32;
const HEAD: usize = FRONT + 4 + 32;
const LEVEL: i32 = 3;
/// The largest image, in bytes: 4,000 changes that all carry the largest payload are below it.
const MAX_IMAGE: usize = 256 * 1024 * 1024;

/// What opening the snapshots found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Each snapshot, and up to where it reaches.
    pub(super) found: Vec<(StreamId, Lsn)>,
    /// The streams whose snapshot is damaged, to be set aside.
    pub(super) damaged: Vec<StreamId>,
    /// What was damaged, in sentences.
    pub(super) damage: Vec<String>,
}

/// Looks at the heads of all snapshots in a folder.
pub(super) fn survey(folder: &Path) -> Result<Survey, StoreError> {
    files::create_folder(folder)?;
    let mut survey = Survey::default();
    for name in files::list(folder)? {
        let Some(stream) = stream_of(&name) else { continue };
        let path = folder.join(&name);
        let file = File::open(&path).map_err(|e| failure(&path, &e))?;
        match read_head(file, &path) {
            Ok(head) => survey.found.push((stream, head.covers)),
            Err(StoreError::Damaged(sentence)) => {
                survey.damaged.push(stream);
                survey.damage.push(sentence);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(survey)
}

/// Writes the snapshot of a stream and compares what is then on disk, before it takes the place of an older one.
pub(super) fn write(
    folder: &Path,
    stream: StreamId,
    covers: Lsn,
    image: &[u8],
    seal: &dyn Seal,
) -> Result<(), StoreError> {
    if image.len() > MAX_IMAGE {
        return Err(StoreError::Io(format!("a snapshot of {} bytes is too large, at most {MAX_IMAGE}", image.len())));
    }
    let path = path_of(folder, stream);
    let packed = zstd::bulk::compress(image, LEVEL).map_err(|e| failure(&path, &e))?;
    let key = seal.key_of(stream)?;
    let mut bytes = Head { covers, length: image.len(), key }.encode();
    let sealed = seal.seal(key, &[b"snapshot", name_of(stream).as_bytes(), &bytes], &packed)?;
    bytes.extend_from_slice(hash(stream, &bytes, &sealed).as_bytes());
    bytes.extend_from_slice(&sealed);
    files::write_whole(&path, &bytes, |draft| match decode(draft, stream, seal)? {
        (found, read) if found == covers && read == image => Ok(()),
        _ => Err(StoreError::Damaged(format!("{}: it was not written as it should be", draft.display()))),
    })
}

/// Reads the snapshot of a stream, and up to where it reaches.
pub(super) fn read(folder: &Path, stream: StreamId, seal: &dyn Seal) -> Result<(Lsn, Vec<u8>), StoreError> {
    decode(&path_of(folder, stream), stream, seal)
}

/// Reads under which key the snapshot of a stream is sealed; `None` if there is no snapshot.
pub(super) fn key(folder: &Path, stream: StreamId) -> Result<Option<KeyId>, StoreError> {
    let path = path_of(folder, stream);
    match File::open(&path) {
        Ok(file) => Ok(Some(read_head(file, &path)?.key)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failure(&path, &error)),
    }
}

/// Takes a damaged snapshot out of the way, but does not throw it away.
pub(super) fn set_aside(folder: &Path, stream: StreamId) -> Result<(), StoreError> {
    let path = path_of(folder, stream);
    fs::rename(&path, path.with_extension("damaged")).map_err(|e| failure(&path, &e))
}

fn read_head(file: File, path: &Path) -> Result<Head, StoreError> {
    let mut head = Vec::with_capacity(HEAD);
    file.take(HEAD as u64).read_to_end(&mut head).map_err(|e| failure(path, &e))?;
    Head::decode(&head, path)
}

struct Head {
    covers: Lsn,
    length: usize,
    key: KeyId,
}

impl Head {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.covers.0.to_le_bytes());
        bytes.extend_from_slice(&(self.length as u64).to_le_bytes());
        bytes.extend_from_slice(&self.key.0.to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8], path: &Path) -> Result<Head, StoreError> {
        let damaged = || StoreError::Damaged(format!("snapshot {}: its head cannot be read", path.display()));
        let (front, rest) = bytes.split_at_checked(FRONT).ok_or_else(damaged)?;
        if !front.starts_with(MAGIC) || !rest.starts_with(&crc32fast::hash(front).to_le_bytes()) {
            return Err(damaged());
        }
        let number = |at: usize| bytes.get(at..)?.first_chunk().map(|b| u64::from_le_bytes(*b));
        let short = |at: usize| bytes.get(at..).and_then(|b| b.first_chunk()).map(|b| u32::from_le_bytes(*b));
        let version = short(8);
        if version != Some(VERSION) {
            let sentence = format!("{} was written by a newer version: update to open this home", path.display());
            return Err(StoreError::Io(sentence));
        }
        let (covers, length) = (number(12).ok_or_else(damaged)?, number(20).ok_or_else(damaged)?);
        let length = usize::try_from(length).ok().filter(|l| *l <= MAX_IMAGE).ok_or_else(damaged)?;
        Ok(Head { covers: Lsn(covers), length, key: KeyId(short(28).ok_or_else(damaged)?) })
    }
}

fn decode(path: &Path, stream: StreamId, seal: &dyn Seal) -> Result<(Lsn, Vec<u8>), StoreError> {
    let damaged = || StoreError::Damaged(format!("snapshot {} is not what was written", path.display()));
    let bytes = fs::read(path).map_err(|e| failure(path, &e))?;
    let head = Head::decode(&bytes, path)?;
    let (front, sealed) = bytes.split_at_checked(HEAD).ok_or_else(damaged)?;
    let (front, told) = front.split_at_checked(FRONT + 4).ok_or_else(damaged)?;
    if hash(stream, front, sealed).as_bytes() != told {
        return Err(damaged());
    }
    let packed = seal.open(head.key, &[b"snapshot", name_of(stream).as_bytes(), front], sealed).ok_or_else(damaged)?;
    let image = zstd::bulk::decompress(&packed, head.length).map_err(|_| damaged())?;
    if image.len() == head.length { Ok((head.covers, image)) } else { Err(damaged()) }
}

fn hash(stream: StreamId, head: &[u8], sealed: &[u8]) -> blake3::Hash {
    blake3::Hasher::new().update(name_of(stream).as_bytes()).update(head).update(sealed).finalize()
}

fn name_of(stream: StreamId) -> String {
    HEXLOWER.encode(&postcard::to_stdvec(&stream).expect("an id of fixed parts always encodes"))
}

fn stream_of(name: &str) -> Option<StreamId> {
    let bytes = HEXLOWER.decode(name.strip_suffix(".snap")?.as_bytes()).ok()?;
    postcard::from_bytes(&bytes).ok()
}

fn path_of(folder: &Path, stream: StreamId) -> PathBuf {
    folder.join(format!("{}.snap", name_of(stream)))
}
