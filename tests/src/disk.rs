//! Small file systems of their own: one to be filled up or sealed, and one that can be copied, as a machine's disk is.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A file system in memory; unmounted when dropped.
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts one of this size ("8m"). Where that is not allowed it says so, for a story to be skipped.
    ///
    /// # Errors
    /// When this machine does not let us mount anything.
    pub fn mount(size: &str) -> io::Result<SmallDisk> {
        let folder = tempfile::tempdir()?;
        let size = format!("size={size}");
        match run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "bayou"]).arg(folder.path())) {
            Ok(()) => Ok(SmallDisk(folder)),
            Err(reason) => {
                println!("skipped: a small file system cannot be mounted here: {reason}");
                Err(reason)
            }
        }
    }

    /// Returns where it is mounted.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills it to the last byte.
    ///
    /// # Errors
    /// When that does not end as it must.
    pub fn fill(&self) -> io::Result<()> {
        let mut ballast = File::options().create(true).append(true).open(self.ballast())?;
        loop {
            match ballast.write_all(&[7; 4096]) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes away what [`SmallDisk::fill`] put there.
    ///
    /// # Errors
    /// When it was not filled.
    pub fn free(&self) -> io::Result<()> {
        fs::remove_file(self.ballast())
    }

    /// Lets nobody write any more, not even root.
    ///
    /// # Errors
    /// When the system refuses, as it does while a file is open for writing.
    pub fn seal(&self) -> io::Result<()> {
        run(Command::new("mount").args(["-o", "remount,ro"]).arg(self.path()))
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What is still open in it goes when it is closed.
        Command::new("umount").arg("--lazy").arg(self.path()).status().ok();
    }
}

/// A disk in a file, with a file system that keeps its inodes when the file is copied; unmounted when dropped.
pub struct DiskImage {
    folder: TempDir,
}

impl DiskImage {
    /// Makes and mounts one. Where that is not allowed it says so, for a story to be skipped.
    ///
    /// # Errors
    /// When this machine does not let us mount anything.
    pub fn mount() -> io::Result<DiskImage> {
        let disk = DiskImage { folder: tempfile::tempdir()? };
        File::create(disk.image())?.set_len(64 << 20)?;
        let made = run(Command::new("mkfs.ext4").arg("-q").arg(disk.image())).and_then(|()| disk.attach());
        match made {
            Ok(()) => Ok(disk),
            Err(reason) => {
                println!("skipped: a disk cannot be made and mounted here: {reason}");
                Err(reason)
            }
        }
    }

    /// Copies it byte for byte, while it is not mounted, and mounts both.
    ///
    /// # Errors
    /// When something in it is still open, or the copy fails.
    pub fn copy(&self) -> io::Result<DiskImage> {
        let copy = DiskImage { folder: tempfile::tempdir()? };
        run(Command::new("umount").arg(self.path()))?;
        fs::copy(self.image(), copy.image())?;
        self.attach()?;
        copy.attach()?;
        Ok(copy)
    }

    /// Lets a byte in the middle of a file rot: nobody wrote to the file.
    ///
    /// # Errors
    /// When the file's bytes are not found on the disk, or as [`DiskImage::copy`].
    pub fn rot(&self, file: &Path) -> io::Result<()> {
        let bytes = fs::read(file)?;
        let part = bytes.get(bytes.len() / 2..).and_then(|rest| rest.get(..64));
        let part = part.ok_or_else(|| io::Error::other("the file is too short"))?;
        run(Command::new("umount").arg(self.path()))?;
        let mut image = fs::read(self.image())?;
        let at = image.windows(part.len()).position(|window| window == part);
        let at = at.ok_or_else(|| io::Error::other("the file is not on the disk"))?;
        image[at] ^= 1;
        fs::write(self.image(), image)?;
        self.attach()
    }

    /// Takes the disk out, puts an earlier copy of it in its place, and mounts it where it was.
    ///
    /// # Errors
    /// As [`DiskImage::copy`].
    pub fn roll_back(&self, image: &Path) -> io::Result<()> {
        run(Command::new("umount").arg(self.path()))?;
        fs::copy(image, self.image())?;
        self.attach()
    }

    /// Copies what is on it into a file, while it is not mounted: a snapshot of the whole file system.
    ///
    /// # Errors
    /// As [`DiskImage::copy`].
    pub fn snapshot(&self) -> io::Result<PathBuf> {
        let snapshot = self.folder.path().join("snapshot");
        run(Command::new("umount").arg(self.path()))?;
        fs::copy(self.image(), &snapshot)?;
        self.attach()?;
        Ok(snapshot)
    }

    /// Returns where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn attach(&self) -> io::Result<()> {
        fs::create_dir_all(self.path())?;
        run(Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.path()))
    }
}

impl Drop for DiskImage {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(self.path()).status().ok();
    }
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
