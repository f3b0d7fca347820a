//! The baton: which of all copies of a home may go on with its chains.
//!
//! A chain has one writer, and the files of a home cannot say that they are it: whoever copies them, or puts an older state of
//! them back, has them saying so twice. So the right to go on is not among them. It is a small file in the memory of the running
//! machine, where no copy of a disk reaches:
//!
//! ```text
//! start   takes the baton: reads it and removes it. Does it fit what is on the disk, this is the same instance as before.
//! stop    leaves a baton: which instance this was, and how its files look.
//!
//! $XDG_RUNTIME_DIR or /dev/shm, bayou-<name of the device's baton>   version u8 (1) ‖ instance 32 ‖ look 32
//! ```
//!
//! All copies of a home know the baton by one name, so one of them at most takes it; and it fits only the state in which it was
//! left, which is the newest that this instance ever had. Without one (another machine, another boot, a crash, no such memory)
//! the home is a new instance, and the engine begins new chains beside the old ones: a little larger, never wrong.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{NodeError, home};
use crate::crypto;
use crate::id::DeviceId;

const VERSION: u8 = 1;
const LENGTH: usize = 1 + 32 + 32;

/// Where Linux keeps files in memory for all users.
const SHARED_MEMORY: &str = "/dev/shm";
/// Tells one boot of a machine from another.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// What of a home no copy may change unnoticed.
const WATCHED: [&str; 2] = ["journal", "snapshots"];

/// A home as it was found, before anything in it was changed.
pub(super) struct Found {
    home: PathBuf,
    /// Where its baton is passed on; `None` where nothing is kept in memory.
    path: Option<PathBuf>,
    look: Option<[u8; 32]>,
}

/// What this instance of the home passes on.
pub(super) struct Baton {
    home: PathBuf,
    path: Option<PathBuf>,
    instance: [u8; 32],
}

impl Found {
    /// Looks at the home of a device.
    pub(super) fn look(home: &Path, device: DeviceId) -> Found {
        let [name @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
            crypto::hash("bayou/1/baton", &[device.as_bytes()]);
        let name = format!("bayou-{:032x}", u128::from_be_bytes(name));
        Found { home: home.to_owned(), path: memory().map(|folder| folder.join(name)), look: look(home).ok() }
    }

    /// Takes the baton if there is one, and with it the instance. To be called when the home is locked: a process that cannot
    /// have it must leave the baton to who can. A home that lost something is a new instance in any case.
    pub(super) fn take(self, is_whole: bool) -> Result<Baton, NodeError> {
        let Found { home, path, look } = self;
        let left = path.as_ref().and_then(|path| {
            let left = read(path, &home);
            // Whoever removes it has it; if that fails, another may have it, too.
            fs::remove_file(path).ok().and(left.ok())
        });
        let fits = left.filter(|(_, left)| is_whole && look == Some(*left));
        let instance = fits.map_or_else(home::random, |(instance, _)| Ok(instance))?;
        Ok(Baton { home, path, instance })
    }
}

impl Baton {
    /// Returns which instance of the home this is.
    pub(super) fn instance(&self) -> [u8; 32] {
        self.instance
    }

    /// Leaves the baton to who starts next. Called when the store is closed; who took the home's lock meanwhile is a new
    /// instance, and this one does not fit what they made of it.
    pub(super) fn leave(self) -> io::Result<()> {
        let Some(path) = self.path else { return Ok(()) };
        let look = look(&self.home)?;
        fs::remove_file(&path).ok();
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let bytes = [&[VERSION][..], &self.instance, &look].concat();
        file.write_all(&bytes).inspect_err(|_| drop(fs::remove_file(&path)))
    }
}

/// Returns a folder that is in this machine's memory.
fn memory() -> Option<PathBuf> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute());
    own.or_else(|| Some(SHARED_MEMORY.into())).filter(|folder| folder.is_dir())
}

/// Reads a baton that the home's owner left; in a folder for all, another user may have put anything there.
fn read(path: &Path, home: &Path) -> io::Result<([u8; 32], [u8; 32])> {
    let (found, owner) = (fs::symlink_metadata(path)?, fs::metadata(home)?.uid());
    let ours = found.is_file() && found.uid() == owner && found.len() == LENGTH as u64;
    let bytes = if ours { fs::read(path)? } else { Vec::new() };
    let parts = bytes.strip_prefix(&[VERSION]).and_then(|rest| rest.split_at_checked(32));
    let parts = parts.and_then(|(instance, look)| Some((instance.try_into().ok()?, look.try_into().ok()?)));
    parts.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Sums up how the files of a home look, on this boot of the machine: which they are, how long, and when they were last
/// touched. The last of these nobody can set.
fn look(home: &Path) -> io::Result<[u8; 32]> {
    let boot = fs::read(BOOT)?;
    let mut files = Vec::new();
    for folder in WATCHED {
        match fs::read_dir(home.join(folder)) {
            Ok(entries) => {
                for entry in entries {
                    let entry = entry?;
                    let meta = entry.metadata()?;
                    let touched = (meta.ctime(), meta.ctime_nsec());
                    files.push((folder, entry.file_name().into_encoded_bytes(), meta.ino(), meta.len(), touched));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    files.sort_unstable();
    let bytes = postcard::to_stdvec(&(boot, files)).map_err(io::Error::other)?;
    Ok(crypto::hash("bayou/1/look of a home", &[&bytes]))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Place {
            let place = Place(tempfile::tempdir().unwrap());
            fs::create_dir(place.0.path().join("journal")).unwrap();
            fs::write(place.0.path().join("journal/1"), b"one").unwrap();
            place
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn starts(&self, is_whole: bool) -> Baton {
            let (home, path) = (self.0.path().to_owned(), Some(self.path("baton")));
            let look = look(&home).ok();
            Found { home, path, look }.take(is_whole).unwrap()
        }

        fn goes_on(&self, from: Baton, change: impl FnOnce()) -> bool {
            let instance = from.instance();
            from.leave().unwrap();
            change();
            self.starts(true).instance() == instance
        }
    }

    #[test]
    fn it_is_taken_once_and_passes_the_instance_on() {
        let place = Place::new();
        let first = place.starts(true);
        let instance = first.instance();
        assert_ne!(place.starts(true).instance(), instance, "nobody left one");
        first.leave().unwrap();
        assert_eq!(place.starts(true).instance(), instance);
        assert_ne!(place.starts(true).instance(), instance, "it was taken");
    }

    #[test]
    fn it_fits_nothing_but_what_it_was_left_with() {
        let place = Place::new();
        let (one, two, zero) = (place.path("journal/1"), place.path("journal/2"), place.path("journal/0"));
        assert!(place.goes_on(place.starts(true), || ()));
        assert!(!place.goes_on(place.starts(true), || fs::write(&one, b"two").unwrap()));
        assert!(!place.goes_on(place.starts(true), || fs::write(&two, b"").unwrap()));
        assert!(!place.goes_on(place.starts(true), || fs::remove_file(&two).unwrap()));
        assert!(!place.goes_on(place.starts(true), || fs::rename(&one, &zero).unwrap()));
        let last = place.starts(true);
        let instance = last.instance();
        last.leave().unwrap();
        assert_ne!(place.starts(false).instance(), instance, "something was lost");
    }

    #[test]
    fn what_is_no_baton_is_taken_for_none() {
        let place = Place::new();
        let (path, elsewhere) = (place.path("baton"), place.path("elsewhere"));
        for bytes in [&[][..], &[VERSION; LENGTH - 1], &[VERSION + 1; LENGTH], &[VERSION; LENGTH + 1]] {
            fs::write(&path, bytes).unwrap();
            place.starts(true);
            assert!(!path.exists());
        }
        let link = || {
            fs::rename(&path, &elsewhere).unwrap();
            std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        };
        assert!(!place.goes_on(place.starts(true), link), "a link leads to what another may replace");
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert!(place.goes_on(place.starts(true), || ()), "nor is one followed to write");
    }
}
