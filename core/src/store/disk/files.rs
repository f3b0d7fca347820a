//! The few things that the store asks of a file system, and what its refusals mean to a person.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::store::StoreError;

/// Turns a refusal of the file system into what the person can do about it.
pub(super) fn failure(path: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::WriteZero => StoreError::Full,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            StoreError::Permission(path.display().to_string())
        }
        _ => StoreError::Io(format!("{}: {error}", path.display())),
    }
}

/// Creates a folder that only its owner can enter, if it is not there, and makes its name durable.
pub(super) fn create_folder(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|e| failure(path, &e))?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Makes the names in a folder durable: a new file's bytes are safe only when its name is.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    // A relative path of one part has an empty parent, which means "here".
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    if cfg!(unix) { File::open(path).and_then(|f| f.sync_all()).map_err(|e| failure(path, &e)) } else { Ok(()) }
}

/// Makes all files below a folder durable that others write.
pub(super) fn sync_all(folder: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(folder).map_err(|e| failure(folder, &e))? {
        let path = entry.map_err(|e| failure(folder, &e))?.path();
        match File::open(&path).and_then(|file| Ok((file.metadata()?.is_dir(), file.sync_all()?))) {
            Ok((true, ())) => sync_all(&path)?,
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failure(&path, &error)),
            _ => {}
        }
    }
    Ok(())
}

/// Writes a new file under a temporary name, fsyncs it, and lets `check` look at it.
///
/// Only when `check` agrees does the file get its name (replacing an older one), and that name is durable on return.
pub(super) fn write_whole(
    path: &Path,
    bytes: &[u8],
    check: impl FnOnce(&Path) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let draft = path.with_extension("new");
    let written = create_private(&draft)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(|e| failure(&draft, &e))
        .and_then(|()| check(&draft))
        .and_then(|()| fs::rename(&draft, path).map_err(|e| failure(path, &e)));
    if written.is_err() {
        // What was asked for has failed already; a draft that stays is swept at the next opening.
        drop(fs::remove_file(&draft));
        return written;
    }
    path.parent().map_or(Ok(()), sync_folder)
}

/// Creates or empties a file that only its owner can read.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The lock of a home. It never outlives the process.
pub(super) struct HomeLock(File);

impl Drop for HomeLock {
    fn drop(&mut self) {
        // Closing alone would leave it held for as long as a child that was just forked shares the open file.
        drop(self.0.unlock());
    }
}

/// Takes the lock of a home.
pub(super) fn lock(path: &Path) -> Result<HomeLock, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|e| failure(path, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(HomeLock(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(TryLockError::Error(e)) => Err(failure(path, &e)),
    }
}

/// Returns the names of the files in a folder, sorted, after sweeping drafts that a crash left behind.
pub(super) fn list(folder: &Path) -> Result<Vec<String>, StoreError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| failure(folder, &e))? {
        let path = entry.map_err(|e| failure(folder, &e))?.path();
        if path.extension().is_some_and(|e| e == "new") {
            fs::remove_file(&path).map_err(|e| failure(&path, &e))?;
        } else if let Some(name) = path.file_name().and_then(|n| n.to_str()) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}
