//! The files of the mailbox: one for each day on which something came, appended to and never changed. What is over is
//! dropped by deleting a file.
//!
//! ```text
//!   mail/20779    "bayou mail 1\n", then frames
//!   mail/begun    when the folder was made: milliseconds since 1970, in digits. A new one tells senders that all is gone
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bayou_core::id::{EnvelopeId, Topic};

use super::frame::{HEAD, Head};

/// How each file begins.
const MAGIC: &[u8] = b"bayou mail 1\n";

/// A frame that was found: its day, where its envelope begins, and what stands before it.
pub(super) struct Found {
    pub(super) day: u64,
    pub(super) offset: u32,
    pub(super) length: u32,
    pub(super) seq: u64,
    pub(super) topic: Topic,
    pub(super) id: EnvelopeId,
}

/// The files, and which of them is written to.
pub(super) struct Files {
    folder: PathBuf,
    by_day: BTreeMap<u64, Day>,
    begun: u64,
}

struct Day {
    file: File,
    /// Bytes that are on disk for certain; what is behind them is cut off before the next write.
    durable: u64,
}

impl Files {
    /// Opens the files in a folder, and tells of each frame. What a crash left unfinished at an end is cut off; nobody was
    /// told that it is kept.
    pub(super) fn open(folder: &Path, now: u64, mut found: impl FnMut(Found)) -> io::Result<Files> {
        fs::create_dir_all(folder)?;
        let begun = when_begun(folder, now)?;
        let mut by_day = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let day = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
            let Some(day) = day else { continue };
            let file = OpenOptions::new().read(true).write(true).open(&path)?;
            if file.metadata()?.len() < MAGIC.len() as u64 {
                begin(&file)?;
            }
            let durable = read(&file, day, &mut found)?;
            let length = file.metadata()?.len();
            if durable < length {
                tracing::warn!(day, bytes = length - durable, "cut off what was not finished when the node went down");
                file.set_len(durable)?;
                file.sync_all()?;
            }
            by_day.insert(day, Day { file, durable });
        }
        Ok(Files { folder: folder.to_owned(), by_day, begun })
    }

    /// Returns when the folder was made.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    /// Returns the newest day that has a file.
    pub(super) fn newest(&self) -> Option<u64> {
        self.by_day.last_key_value().map(|(day, _)| *day)
    }

    /// Returns the bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.by_day.values().map(|day| day.durable).sum()
    }

    /// Returns where in a day's file the next frame will begin.
    pub(super) fn end(&self, day: u64) -> u64 {
        self.by_day.get(&day).map_or(MAGIC.len() as u64, |day| day.durable)
    }

    /// Appends frames to a day's file. They are durable when this returns; when it fails, none of them is kept.
    pub(super) fn append(&mut self, day: u64, frames: &[u8]) -> io::Result<()> {
        if !self.by_day.contains_key(&day) {
            let created = self.create(day)?;
            self.by_day.insert(day, created);
        }
        let Some(day) = self.by_day.get_mut(&day) else { return Err(io::ErrorKind::NotFound.into()) };
        day.append(frames)
    }

    /// Reads an envelope.
    pub(super) fn read(&self, day: u64, offset: u32, length: u32) -> io::Result<Vec<u8>> {
        let day = self.by_day.get(&day).ok_or(io::ErrorKind::NotFound)?;
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        day.file.read_exact_at(&mut bytes, offset.into())?;
        Ok(bytes)
    }

    /// Tells whether there is a file of a day before this one.
    pub(super) fn has_before(&self, day: u64) -> bool {
        self.by_day.first_key_value().is_some_and(|(oldest, _)| *oldest < day)
    }

    /// Deletes the files of the days before this one.
    pub(super) fn forget_before(&mut self, day: u64) -> io::Result<()> {
        while let Some((&oldest, _)) = self.by_day.first_key_value().filter(|(oldest, _)| **oldest < day) {
            fs::remove_file(self.folder.join(oldest.to_string()))?;
            self.by_day.remove(&oldest);
        }
        Ok(())
    }

    fn create(&self, day: u64) -> io::Result<Day> {
        let path = self.folder.join(day.to_string());
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        begin(&file)?;
        File::open(&self.folder)?.sync_all()?;
        Ok(Day { file, durable: MAGIC.len() as u64 })
    }
}

impl Day {
    fn append(&mut self, frames: &[u8]) -> io::Result<()> {
        let written = self.file.write_all_at(frames, self.durable).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.durable += frames.len() as u64;
                Ok(())
            }
            Err(reason) => {
                // Frees what a full disk took. If that fails, the bytes are written over, or cut at the next start.
                self.file.set_len(self.durable).ok();
                Err(reason)
            }
        }
    }
}

/// Returns when the folder was made: now, if it has just been.
fn when_begun(folder: &Path, now: u64) -> io::Result<u64> {
    let path = folder.join("begun");
    match fs::read_to_string(&path) {
        Ok(text) if text.ends_with('\n') => text.trim().parse().map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, "`begun` holds no time: delete it, and senders put all again")
        }),
        // A crash may have left half of it; nobody was told of that.
        Ok(_) => begin_now(folder, &path, now),
        Err(error) if error.kind() == io::ErrorKind::NotFound => begin_now(folder, &path, now),
        Err(error) => Err(error),
    }
}

fn begin_now(folder: &Path, path: &Path, now: u64) -> io::Result<u64> {
    fs::write(path, format!("{now}\n"))?;
    File::open(path)?.sync_all()?;
    File::open(folder)?.sync_all()?;
    Ok(now)
}

/// Writes how a file begins, over whatever a crash or a full disk left of it.
fn begin(file: &File) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all_at(MAGIC, 0)?;
    file.sync_all()
}

/// Reads a file, tells of each frame, and returns up to where it is whole. A frame whose bytes were damaged since is
/// passed over as long as what follows it is whole.
fn read(file: &File, day: u64, found: &mut impl FnMut(Found)) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let mut magic = [0; MAGIC.len()];
    if !fill(&mut reader, &mut magic)? || magic != MAGIC {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("`{day}` is no file of this mailbox")));
    }
    let (mut at, mut whole) = (MAGIC.len() as u64, MAGIC.len() as u64);
    let mut head = [0; HEAD];
    while fill(&mut reader, &mut head)? {
        let Some(head) = Head::decode(&head) else { break };
        let mut envelope = vec![0; usize::try_from(head.length).map_err(io::Error::other)?];
        if !fill(&mut reader, &mut envelope)? {
            break;
        }
        let offset = u32::try_from(at + HEAD as u64).map_err(io::Error::other)?;
        at += HEAD as u64 + u64::from(head.length);
        if head.is_of(&envelope) {
            whole = at;
            found(Found { day, offset, length: head.length, seq: head.seq, topic: head.topic, id: head.id });
        }
    }
    Ok(whole)
}

/// Fills a buffer; returns whether there was enough.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
