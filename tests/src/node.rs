//! A public node as a real process in a network namespace. What its operator does with it is told with `public_node`.

use std::io;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::lines::Lines;
use crate::process::bayou;

/// A node: a home, and while it runs, a process.
pub struct Node {
    folder: TempDir,
    host: String,
    listen: Vec<String>,
    settings: Vec<String>,
    running: Option<(Child, Lines)>,
}

impl Node {
    /// Starts a node inside a namespace that listens at these addresses.
    ///
    /// # Errors
    /// When it does not listen before the deadline.
    pub fn start(host: &str, listen: &[String]) -> io::Result<Node> {
        Node::start_with(host, listen, &[])
    }

    /// As [`Node::start`], with settings (`KEY=VALUE`).
    ///
    /// # Errors
    /// As [`Node::start`].
    pub fn start_with(host: &str, listen: &[String], settings: &[String]) -> io::Result<Node> {
        let folder = tempfile::Builder::new().prefix("bayou-node-").tempdir()?;
        let mut node =
            Node { folder, host: host.into(), listen: listen.to_vec(), settings: settings.to_vec(), running: None };
        node.restart()?;
        Ok(node)
    }

    /// Kills it, as a power cut does.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn kill9(&mut self) -> io::Result<()> {
        let Some((mut child, _)) = self.running.take() else { return Ok(()) };
        child.kill()?;
        child.wait().map(drop)
    }

    /// Starts it again under the same identity, after killing it if it runs.
    ///
    /// # Errors
    /// When it does not listen before the deadline.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill9()?;
        let program = std::env::var_os("BAYOU_NODE_BIN").map(Into::into);
        let program = program.map_or_else(|| Ok(bayou()?.with_file_name("bayou-bootstrap")), Ok::<_, io::Error>)?;
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.host]).arg(program).arg("--home").arg(self.folder.path()).arg("--json");
        command.args(self.listen.iter().flat_map(|address| ["--listen", address]));
        command.args(self.settings.iter().flat_map(|setting| ["--set", setting]));
        // Not the settings of a node that is installed on this machine.
        command.env("BAYOU_BOOTSTRAP_CONFIG", "/dev/null");
        // A busy machine that runs tests is not full.
        command.args(["--set", "status=127.0.0.1:0", "--set", "full.load_per_core=0"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("no stdout"))?;
        let lines = Lines::read(stdout);
        self.running = Some((child, lines));
        self.address("").map(drop)
    }

    /// Returns an address of it that contains `part`, with `/p2p/…`; waits until there is one.
    ///
    /// # Errors
    /// When there is none before the deadline.
    pub fn address(&self, part: &str) -> io::Result<String> {
        let (_, lines) = self.running.as_ref().ok_or_else(|| io::Error::other("the node does not run"))?;
        lines.wait("the node listens", |lines| {
            let addresses = lines.iter().filter_map(|line| line["address"].as_str());
            addresses.filter(|address| address.contains(part)).map(Into::into).next()
        })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        self.kill9().ok();
    }
}
