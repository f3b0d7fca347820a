//! The machine that a peer's processes run on, as far as a home can tell one from another: what the machine's memory holds, and
//! which of its boots this is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;

/// Where Linux tells which boot this is.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// Binds a file over the boot's id, in a namespace of its own, and becomes the program.
const AS_BOOTED: &str = r#"mount --bind "$1" "$2" && shift 2 && exec "$@""#;

/// A machine. Its clones are the same one.
#[derive(Debug, Clone)]
pub struct Machine {
    /// What is in here is gone when the machine is turned off.
    memory: Arc<TempDir>,
    /// What its programs read as the id of the boot, if not that of the real machine.
    boot: Option<PathBuf>,
}

impl Machine {
    /// Returns this machine, with a memory of its own.
    ///
    /// # Errors
    /// When there is no folder for it.
    pub fn new() -> io::Result<Machine> {
        Ok(Machine { memory: Arc::new(tempfile::Builder::new().prefix("bayou-").tempdir()?), boot: None })
    }

    /// Returns a machine that was just turned on: its memory is empty, and its boot is another. Where that cannot be had it
    /// says so, for a story to be skipped.
    ///
    /// # Errors
    /// When this machine does not let us bind files.
    pub fn booted(number: u8) -> io::Result<Machine> {
        let mut machine = Machine::new()?;
        let boot = machine.memory.path().join("boot_id");
        let id = format!("00000000-0000-4000-8000-0000000000{number:02x}\n");
        fs::write(&boot, &id)?;
        machine.boot = Some(boot);
        let told = machine.command(Path::new("cat")).arg(BOOT).output()?;
        if told.stdout == id.as_bytes() {
            return Ok(machine);
        }
        let reason = String::from_utf8_lossy(&told.stderr).trim().to_owned();
        println!("skipped: a boot cannot be told from another here: {reason}");
        Err(io::Error::other(reason))
    }

    /// Returns a program to be run on it.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = match &self.boot {
            None => Command::new(program),
            Some(boot) => {
                let mut inside = Command::new("unshare");
                inside.args(["--mount", "sh", "-c", AS_BOOTED, "sh"]).arg(boot).arg(BOOT).arg(program);
                inside
            }
        };
        command.env("XDG_RUNTIME_DIR", self.memory.path());
        command
    }
}
