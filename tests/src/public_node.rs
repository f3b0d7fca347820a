//! A public node as a real process: `bayou-bootstrap` with a home of its own, run as its operator would.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use bayou_core::id::Address;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::lines::Lines;
use crate::process::bayou;

/// A node: its home, and while it runs, its process. Killed when dropped.
pub struct PublicNode {
    home: TempDir,
    running: Option<Running>,
}

struct Running {
    child: Child,
    address: Address,
    status: String,
}

impl PublicNode {
    /// Starts a node in a new home, on loopback, with these settings (`KEY=VALUE`).
    ///
    /// # Errors
    /// When it does not listen before the deadline.
    pub fn start(settings: &[&str]) -> io::Result<PublicNode> {
        PublicNode::start_in(&std::env::temp_dir(), settings)
    }

    /// As [`PublicNode::start`], with the home somewhere below `folder`.
    ///
    /// # Errors
    /// As [`PublicNode::start`].
    pub fn start_in(folder: &Path, settings: &[&str]) -> io::Result<PublicNode> {
        let home = tempfile::Builder::new().prefix("bayou-node-").tempdir_in(folder)?;
        let mut node = PublicNode { home, running: None };
        node.restart(settings)?;
        Ok(node)
    }

    /// Kills the process, if it runs, and starts another in the same home.
    ///
    /// # Errors
    /// As [`PublicNode::start`]; the message ends with what it complained about.
    pub fn restart(&mut self, settings: &[&str]) -> io::Result<()> {
        self.kill9()?;
        let listen = "listen=[\"/ip4/127.0.0.1/tcp/0\"]";
        let mut command = command()?;
        command.arg("--home").arg(self.home.path()).arg("--json");
        // A busy machine that runs tests is not full.
        for setting in [listen, "status=127.0.0.1:0", "full.load_per_core=0"].iter().chain(settings) {
            command.args(["--set", setting]);
        }
        let complaints = std::fs::OpenOptions::new().create(true).append(true).open(self.log())?;
        let mut child = command.stdout(Stdio::piped()).stderr(complaints).spawn()?;
        let out = child.stdout.take().ok_or_else(|| io::Error::other("it has no output"))?;
        let lines = Lines::read(out);
        let said = |what: &str| {
            let line = |lines: &[Value]| lines.iter().find_map(|line| line[what].as_str().map(str::to_owned));
            lines.wait(format!("the node says its {what}"), line).map_err(|e| {
                let complaints = std::fs::read_to_string(self.log()).unwrap_or_default();
                io::Error::new(e.kind(), format!("{e}\n{complaints}"))
            })
        };
        let (status, address) = (said("status"), said("address"));
        let running = Running { child, address: Address(address?), status: status? };
        self.running = Some(running);
        Ok(())
    }

    /// Returns where it listens, with `/p2p/…`.
    pub fn address(&self) -> Address {
        self.running.as_ref().expect("it runs").address.clone()
    }

    /// Returns where it answers questions about itself.
    pub fn status_address(&self) -> &str {
        &self.running.as_ref().expect("it runs").status
    }

    /// Returns the folder that holds all that it keeps.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Returns the file with what it logs.
    pub fn log(&self) -> PathBuf {
        self.home.path().join("log")
    }

    /// Asks for a page of its status; returns the whole answer, head and all.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn ask(&self, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(self.status_address())?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: node\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Returns one of its numbers.
    ///
    /// # Panics
    /// When it has no such number.
    pub fn number(&self, name: &str) -> i64 {
        let all = self.ask("/metrics").expect("it answers");
        let line = all.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        line.unwrap_or_else(|| panic!("there is no {name} in\n{all}"))
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill(self.pid()?, signal)?)
    }

    /// Asks it to end, and returns whether it ended well.
    ///
    /// # Errors
    /// When it does not run.
    pub fn stop(&mut self) -> io::Result<bool> {
        self.signal(Signal::SIGTERM)?;
        let mut running = self.running.take().ok_or(io::ErrorKind::NotFound)?;
        Ok(running.child.wait()?.success())
    }

    /// Kills it in whatever it is doing.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn kill9(&mut self) -> io::Result<()> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        running.child.kill()?;
        running.child.wait().map(drop)
    }

    /// Returns the process's number.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pid(&self) -> io::Result<Pid> {
        let running = self.running.as_ref().ok_or(io::ErrorKind::NotFound)?;
        i32::try_from(running.child.id()).map(Pid::from_raw).map_err(io::Error::other)
    }
}

impl Drop for PublicNode {
    fn drop(&mut self) {
        if let Err(reason) = self.kill9() {
            eprintln!("a node was left running: {reason}");
        }
    }
}

/// Runs `bayou-bootstrap` to its end.
///
/// # Errors
/// When it cannot be built or started.
pub fn bootstrap(arguments: &[&str]) -> io::Result<Output> {
    command()?.args(arguments).output()
}

/// Returns `bayou-bootstrap`, free of what is set where the tests run.
fn command() -> io::Result<Command> {
    let mut command = Command::new(bayou()?.with_file_name("bayou-bootstrap"));
    let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BAYOU_"));
    for (name, _) in ours {
        command.env_remove(name);
    }
    // Not the settings of a node that is installed on this machine.
    command.env("BAYOU_BOOTSTRAP_CONFIG", "/dev/null");
    Ok(command)
}
