//! After damage in the journal was reported, it is covered, so that it is reported once. A copy of the file as it was
//! found stays beside it as `.damaged`, for whoever wants to rescue more.
//!
//! The index has been begun anew by then. Were it the other way round, a crash between the two would leave an index
//! with rows of what the journal lost, and nothing to tell.

use std::fs::{self, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::frame;

/// A damaged place.
#[derive(Debug)]
pub(super) enum Wound {
    /// A file of which nothing can be read.
    Whole(PathBuf),
    /// Bytes of a file, from the end of an intact frame to the beginning of the next or the end of the file.
    Bytes {
        /// The file.
        file: PathBuf,
        /// The salt of its checksums.
        salt: u32,
        /// Where they begin.
        from: usize,
        /// Where they end.
        to: usize,
    },
}

/// Covers damaged places. What cannot be covered now (the disk is full) is found and reported again.
pub(super) fn heal(wounds: &[Wound]) {
    for wound in wounds {
        drop(match wound {
            Wound::Whole(file) => fs::rename(file, aside(file)),
            Wound::Bytes { file, salt, from, to } => cover(file, *salt, *from, *to),
        });
    }
}

fn cover(path: &Path, salt: u32, from: usize, to: usize) -> io::Result<()> {
    if !aside(path).exists() {
        fs::copy(path, aside(path)).inspect_err(|_| drop(fs::remove_file(aside(path))))?;
    }
    let bytes = fs::read(path)?;
    let Some(head) = bytes.get(from..to).and_then(|damaged| frame::filler(damaged, salt)) else { return Ok(()) };
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.seek(SeekFrom::Start(from as u64))?;
    file.write_all(&head)?;
    file.sync_data()
}

fn aside(file: &Path) -> PathBuf {
    file.with_extension("damaged")
}
