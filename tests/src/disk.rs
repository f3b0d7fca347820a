//! A small file system of its own, to be filled up or sealed.

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

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
