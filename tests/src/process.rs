//! Peers as real processes: the `bayou` binary with a home of its own, used as a person would use it.
//!
//! A [`Peer`] is a home and, while it serves, a process. All it does goes through the command line: commands reach the
//! serving process, or open the home themselves when none serves. Every wait is for a line that a process printed, with
//! a deadline; nothing sleeps. What a peer sees is read from `bayou log --follow`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::lines::Lines;
use crate::machine::Machine;
use crate::socket::Client;

/// One person's peer.
pub struct Peer {
    name: String,
    /// All that the peer keeps is in `home` below it, or below `at` if its home stands elsewhere.
    folder: TempDir,
    at: Option<PathBuf>,
    machine: Machine,
    /// The network namespace that it serves in, if not ours.
    host: Option<String>,
    /// By conversation: the rows as they come and change. Dropped before the peer that they follow, or they would complain.
    followed: BTreeMap<String, Running>,
    serving: Option<Running>,
}

/// A process and what it printed. Killed when dropped.
struct Running {
    child: Child,
    lines: Lines,
}

impl Peer {
    /// Makes a home for `name` in the system's folder for temporary things. Nothing runs yet.
    ///
    /// # Errors
    /// When the binary cannot be built or `bayou init` fails.
    pub fn new(name: &str) -> io::Result<Peer> {
        Peer::new_in(&std::env::temp_dir(), name)
    }

    /// As [`Peer::new`], with the home somewhere below `folder`.
    ///
    /// # Errors
    /// As [`Peer::new`].
    pub fn new_in(folder: &Path, name: &str) -> io::Result<Peer> {
        let folder = tempfile::Builder::new().prefix("bayou-").tempdir_in(folder)?;
        let peer = Peer::of(name, folder, Machine::new()?);
        peer.command(&["init", "--name", name, "--no-passphrase"])?;
        Ok(peer)
    }

    /// Makes a peer that has no home yet.
    ///
    /// # Errors
    /// When there is no folder for it.
    pub fn unborn(name: &str) -> io::Result<Peer> {
        let folder = tempfile::Builder::new().prefix("bayou-").tempdir()?;
        Ok(Peer::of(name, folder, Machine::new()?))
    }

    fn of(name: &str, folder: TempDir, machine: Machine) -> Peer {
        let (name, followed) = (name.to_owned(), BTreeMap::new());
        Peer { name, folder, at: None, machine, host: None, serving: None, followed }
    }

    /// Takes a home for its own that stands in a folder already, on a machine.
    ///
    /// # Errors
    /// When there is no folder for what it prints.
    pub fn at_home(name: &str, home: &Path, machine: Machine) -> io::Result<Peer> {
        let folder = tempfile::Builder::new().prefix("bayou-").tempdir()?;
        Ok(Peer { at: Some(home.to_owned()), ..Peer::of(name, folder, machine) })
    }

    /// Returns the machine that it runs on.
    pub fn machine(&self) -> Machine {
        self.machine.clone()
    }

    /// From now on runs on another machine. Must not run when it is moved.
    pub fn moves_to(&mut self, machine: Machine) {
        self.machine = machine;
    }

    /// Makes a home for `name` and serves on loopback, without mDNS.
    ///
    /// # Errors
    /// As [`Peer::new`] and [`Peer::serve`].
    pub fn spawn(name: &str) -> io::Result<Peer> {
        let mut peer = Peer::new(name)?;
        peer.serve(&[])?;
        Ok(peer)
    }

    /// From now on serves inside a network namespace.
    #[must_use]
    pub fn at(mut self, host: &str) -> Peer {
        self.host = Some(host.into());
        self
    }

    /// Serves on loopback, without mDNS, and dials the peers among `others` that serve. Returns when it listens.
    ///
    /// # Errors
    /// When it does not listen before the deadline.
    pub fn serve(&mut self, others: &[&Peer]) -> io::Result<()> {
        let mut options: Vec<String> = ["--no-mdns", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"].map(Into::into).into();
        for other in others.iter().filter(|other| other.serving.is_some()) {
            options.extend(["--peer".into(), other.address()?]);
        }
        self.serve_with(&options)?;
        self.address().map(drop)
    }

    /// Serves with these options. Returns when it is ready.
    ///
    /// # Errors
    /// When it is not ready before the deadline; the message ends with what it complained about.
    pub fn serve_with(&mut self, options: &[String]) -> io::Result<()> {
        self.serve_until("ready", options).map(drop)
    }

    /// Serves the web UI, too, on loopback. Returns the address to open; the home may still have to be made or opened.
    ///
    /// # Errors
    /// When it is not served before the deadline.
    pub fn serve_web(&mut self, others: &[&Peer], options: &[&str]) -> io::Result<String> {
        let on_loopback = ["--no-mdns", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1", "--web", "127.0.0.1:0"];
        let mut all: Vec<String> = on_loopback.iter().chain(options).map(|option| (*option).into()).collect();
        for other in others.iter().filter(|other| other.serving.is_some()) {
            all.extend(["--peer".into(), other.address()?]);
        }
        text(&self.serve_until("web", &all)?, "address")
    }

    /// Serves; returns what it prints of a happening, as soon as it does.
    fn serve_until(&mut self, happening: &str, options: &[String]) -> io::Result<Value> {
        let mut command = match &self.host {
            None => self.bayou()?,
            Some(host) => {
                let mut inside = self.machine.command(Path::new("ip"));
                inside.env("BAYOU_HOME", self.home()).args(["netns", "exec", host]).arg(bayou()?);
                inside
            }
        };
        let complaints = std::fs::File::create(self.complaints())?;
        command.args(["serve", "--json"]).args(options).stderr(complaints);
        let serving = Running::start(&mut command)?;
        let told = serving.event(&format!("{} is {happening}", self.name), |event| event["event"] == happening);
        self.serving = Some(serving);
        told.map_err(|e| {
            let complaints = std::fs::read_to_string(self.complaints()).unwrap_or_default();
            io::Error::new(e.kind(), format!("{e}\n{complaints}"))
        })
    }

    /// Stops serving as a person would: asks it to end, and waits until it has.
    ///
    /// # Errors
    /// When it ends with an error.
    pub fn stop(&mut self) -> io::Result<()> {
        self.followed.clear();
        let Some(mut serving) = self.serving.take() else { return Ok(()) };
        kill(serving.pid()?, Signal::SIGTERM)?;
        let status = serving.child.wait()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("{} ended with {status}", self.name))) }
    }

    /// Kills the process in whatever it is doing, as the system does when memory runs out.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn kill9(&mut self) -> io::Result<()> {
        self.followed.clear();
        let Some(mut serving) = self.serving.take() else { return Ok(()) };
        serving.child.kill()?;
        serving.child.wait().map(drop)
    }

    /// Kills the process and serves again.
    ///
    /// # Errors
    /// As [`Peer::kill9`] and [`Peer::serve`].
    pub fn restart(&mut self, others: &[&Peer]) -> io::Result<()> {
        self.kill9()?;
        self.serve(others)
    }

    /// Stops the process in its tracks: it holds its connections and answers nobody, as a machine that swaps.
    ///
    /// # Errors
    /// When it does not serve.
    pub fn freeze(&self) -> io::Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets a frozen process go on.
    ///
    /// # Errors
    /// When it does not serve.
    pub fn thaw(&self) -> io::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Copies the home with all that is in it, as a backup does or a person who moves to another machine.
    ///
    /// # Errors
    /// When the copy fails.
    pub fn copy(&self) -> io::Result<Peer> {
        let folder = tempfile::Builder::new().prefix("bayou-").tempdir()?;
        let copy = Peer::of(&self.name, folder, self.machine.clone());
        let status = Command::new("cp").arg("-a").arg(self.home()).arg(copy.home()).status()?;
        if status.success() { Ok(copy) } else { Err(io::Error::other(format!("cp ended with {status}"))) }
    }

    /// Returns the name given at `init`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the folder that holds all that the peer keeps.
    pub fn home(&self) -> PathBuf {
        self.at.clone().unwrap_or_else(|| self.folder.path().join("home"))
    }

    /// Returns `bayou`, to be run on its machine in its home.
    fn bayou(&self) -> io::Result<Command> {
        let mut command = self.machine.command(bayou()?);
        command.env("BAYOU_HOME", self.home());
        Ok(command)
    }

    /// Connects to the serving process's socket.
    ///
    /// # Errors
    /// When it does not serve.
    pub fn client(&self) -> io::Result<Client> {
        Client::connect(&self.home())
    }

    /// Returns the serving process's number.
    pub fn pid(&self) -> Option<u32> {
        self.serving.as_ref().map(|serving| serving.child.id())
    }

    /// Returns an address at which others can dial it; waits until there is one.
    ///
    /// # Errors
    /// When it does not listen before the deadline.
    pub fn address(&self) -> io::Result<String> {
        self.address_on("")
    }

    /// Returns an address that contains `part` (an IP address, say); waits until there is one.
    ///
    /// # Errors
    /// As [`Peer::address`].
    pub fn address_on(&self, part: &str) -> io::Result<String> {
        let event = self.hears("listens", |event| {
            event["event"] == "listening" && event["address"].as_str().is_some_and(|address| address.contains(part))
        })?;
        text(&event, "address")
    }

    /// Returns over what the link to another goes: `"direct"` or `"relayed"`; waits until there is one.
    ///
    /// # Errors
    /// When there is none before the deadline.
    pub fn path_to(&self, other: &Peer) -> io::Result<String> {
        text(&self.hears_path(other, "has a link", |_| true)?, "path")
    }

    /// Waits until the link to another goes over this path.
    ///
    /// # Errors
    /// When it does not before the deadline.
    pub fn comes_to(&self, other: &Peer, path: &str) -> io::Result<()> {
        self.hears_path(other, &format!("has a {path} link"), |event| event["path"] == path).map(drop)
    }

    /// Waits until the newest that was told of the link to another is that it goes over this path.
    ///
    /// # Errors
    /// When it is not before the deadline.
    pub fn is_back_on(&self, other: &Peer, path: &str) -> io::Result<()> {
        let peer = text(&other.answer(&["status"])?, "peer")?;
        let serving = self.serving.as_ref().ok_or_else(|| io::Error::other(format!("{} does not serve", self.name)))?;
        serving.lines.wait(format!("{} is back on a {path} link to {}", self.name, other.name), |lines| {
            let newest = lines.iter().rev().find(|line| line["peer"] == *peer && line["event"] != "ready")?;
            (newest["path"] == path).then_some(())
        })
    }

    fn hears_path(&self, other: &Peer, what: &str, holds: impl Fn(&Value) -> bool) -> io::Result<Value> {
        let peer = text(&other.answer(&["status"])?, "peer")?;
        let speaks =
            |event: &Value| event["peer"] == *peer && (event["event"] == "linked" || event["event"] == "moved");
        self.hears(&format!("{what} to {}", other.name), |event| speaks(event) && holds(event))
    }

    /// Waits until the link to another is gone: the newest that was told of it.
    ///
    /// # Errors
    /// When it is not before the deadline.
    pub fn parts_from(&self, other: &Peer) -> io::Result<()> {
        let peer = text(&other.answer(&["status"])?, "peer")?;
        let serving = self.serving.as_ref().ok_or_else(|| io::Error::other(format!("{} does not serve", self.name)))?;
        serving.lines.wait(format!("{} parts from {}", self.name, other.name), |lines| {
            let newest = lines.iter().rev().find(|line| line["peer"] == *peer && line["event"] != "ready")?;
            (newest["event"] == "unlinked").then_some(())
        })
    }

    /// Waits until it can be reached over a node.
    ///
    /// # Errors
    /// When it cannot before the deadline.
    pub fn is_reachable(&self) -> io::Result<()> {
        self.address_on("/p2p-circuit").map(drop)
    }

    /// Makes a link that invites to a conversation.
    ///
    /// # Errors
    /// When the command fails.
    pub fn invite(&self, conversation: &str) -> io::Result<String> {
        text(&self.answer(&["invite", conversation])?, "link")
    }

    /// Asks to be let in by a link. Whether it is in already is not waited for: [`Peer::enters`].
    ///
    /// # Errors
    /// When the command fails.
    pub fn joins(&self, link: &str) -> io::Result<()> {
        self.answer(&["join", link]).map(drop)
    }

    /// Uses a node from its next start on.
    ///
    /// # Errors
    /// When the command fails.
    pub fn uses(&self, node: &str) -> io::Result<()> {
        self.command(&["node", "add", node]).map(drop)
    }

    /// Waits until the link to another is up.
    ///
    /// # Errors
    /// When it is not before the deadline.
    pub fn links(&self, other: &Peer) -> io::Result<()> {
        let peer = text(&other.answer(&["status"])?, "peer")?;
        self.hears(&format!("is linked with {}", other.name), |event| {
            event["event"] == "linked" && event["peer"] == *peer
        })
        .map(drop)
    }

    /// Waits until it is told this about a conversation that it asked to join.
    ///
    /// # Errors
    /// When it is not before the deadline.
    pub fn hears_of(&self, conversation: &str, state: &str) -> io::Result<()> {
        let event = |event: &Value| {
            event["event"] == "joining" && event["conversation"] == *conversation && event["state"] == *state
        };
        self.hears(&format!("hears {state:?}"), event).map(drop)
    }

    /// Begins a conversation and returns its id.
    ///
    /// # Errors
    /// When the command fails.
    pub fn begins(&self, title: &str) -> io::Result<String> {
        text(&self.answer(&["new", title])?, "conversation")
    }

    /// Invites another and lets them ask to be let in. They are in at once if both serve, else as soon as they meet:
    /// [`Peer::enters`].
    ///
    /// # Errors
    /// When one of the two commands fails, or they are not in before the deadline.
    pub fn invites(&self, other: &Peer, conversation: &str) -> io::Result<()> {
        let link = text(&self.answer(&["invite", conversation])?, "link")?;
        let state = text(&other.answer(&["join", &link])?, "state")?;
        if self.serving.is_some() && other.serving.is_some() && state != "in" {
            other.enters(conversation)
        } else {
            Ok(())
        }
    }

    /// Waits until it was let into a conversation that it asked to join.
    ///
    /// # Errors
    /// When it is not before the deadline.
    pub fn enters(&self, conversation: &str) -> io::Result<()> {
        self.hears_of(conversation, "in")
    }

    /// Writes a message and returns its id.
    ///
    /// # Errors
    /// When the command fails.
    pub fn says(&self, conversation: &str, words: &str) -> io::Result<String> {
        text(&self.answer(&["send", conversation, words])?, "id")
    }

    /// Replaces the text of an own message.
    ///
    /// # Errors
    /// When the command fails.
    pub fn edits(&self, message: &str, words: &str) -> io::Result<()> {
        self.command(&["edit", message, words]).map(drop)
    }

    /// Deletes an own message.
    ///
    /// # Errors
    /// When the command fails.
    pub fn deletes(&self, message: &str) -> io::Result<()> {
        self.command(&["delete", message]).map(drop)
    }

    /// Reacts to a message.
    ///
    /// # Errors
    /// When the command fails.
    pub fn reacts(&self, message: &str, emoji: &str) -> io::Result<()> {
        self.command(&["react", message, emoji]).map(drop)
    }

    /// Waits until a message with these words is shown.
    ///
    /// # Errors
    /// When it is not before the deadline.
    pub fn sees(&mut self, conversation: &str, words: &str) -> io::Result<Value> {
        self.sees_that(conversation, words, |row| row["text"] == words)
    }

    /// Waits until a row is shown, or changes, such that `holds` is true of it.
    ///
    /// # Errors
    /// When none is before the deadline.
    pub fn sees_that(&mut self, conversation: &str, what: &str, holds: impl Fn(&Value) -> bool) -> io::Result<Value> {
        let what = format!("{} sees {what:?}", self.name);
        self.follow(conversation)?.event(&what, holds)
    }

    /// Waits until more than `count` messages are shown, and returns the timeline.
    ///
    /// # Errors
    /// When there are no more before the deadline.
    pub fn sees_more(&mut self, conversation: &str, count: usize, deadline: Duration) -> io::Result<Vec<Value>> {
        let what = format!("{} sees more than {count} messages", self.name);
        self.follow(conversation)?.lines.wait_for(deadline, what, |rows| {
            let ids: BTreeSet<&str> = rows.iter().filter_map(|row| row["id"].as_str()).collect();
            (ids.len() > count).then_some(())
        })?;
        self.timeline(conversation)
    }

    /// Returns the newest 1,000 messages, oldest first, without what differs from person to person (`state`).
    ///
    /// # Errors
    /// When the command fails.
    pub fn timeline(&self, conversation: &str) -> io::Result<Vec<Value>> {
        self.timeline_of(conversation, 1000)
    }

    /// As [`Peer::timeline`], with another number of messages.
    ///
    /// # Errors
    /// As [`Peer::timeline`].
    pub fn timeline_of(&self, conversation: &str, limit: u32) -> io::Result<Vec<Value>> {
        let mut rows = self.command(&["log", conversation, "--limit", &limit.to_string()])?;
        for row in rows.iter_mut().filter_map(Value::as_object_mut) {
            row.remove("state");
        }
        Ok(rows)
    }

    /// Runs one command with `--json` and returns the objects that it prints.
    ///
    /// # Errors
    /// When it ends with an error; the message holds what it complained about.
    pub fn command(&self, arguments: &[&str]) -> io::Result<Vec<Value>> {
        let output = self.bayou()?.args(arguments).arg("--json").output()?;
        let printed = String::from_utf8_lossy(&output.stdout);
        if output.status.success() {
            printed.lines().map(|line| serde_json::from_str(line).map_err(io::Error::other)).collect()
        } else {
            let complaint = String::from_utf8_lossy(&output.stderr);
            let what =
                format!("{}: bayou {} ({}): {printed}{complaint}", self.name, arguments.join(" "), output.status);
            Err(io::Error::other(what))
        }
    }

    /// Runs one command with `--json` that asks and is answered.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn talks(&self, arguments: &[&str]) -> io::Result<Talk> {
        let mut command = self.bayou()?;
        command.args(arguments).arg("--json").stdin(Stdio::piped());
        let mut running = Running::start_as_is(command.stderr(Stdio::piped()))?;
        let complaints = running.child.stderr.take().ok_or_else(|| io::Error::other("no stderr"))?;
        Ok(Talk { running, complaints: Lines::read(complaints) })
    }

    fn answer(&self, arguments: &[&str]) -> io::Result<Value> {
        let mut objects = self.command(arguments)?;
        objects.pop().ok_or_else(|| io::Error::other(format!("bayou {arguments:?} printed nothing")))
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let serving = self.serving.as_ref().ok_or_else(|| io::Error::other(format!("{} does not serve", self.name)))?;
        Ok(kill(serving.pid()?, signal)?)
    }

    /// Waits until `serve` prints an event such that `holds` is true of it.
    ///
    /// # Errors
    /// When it prints none before the deadline.
    pub fn hears(&self, what: &str, holds: impl Fn(&Value) -> bool) -> io::Result<Value> {
        let serving = self.serving.as_ref().ok_or_else(|| io::Error::other(format!("{} does not serve", self.name)))?;
        serving.event(&format!("{} {what}", self.name), holds)
    }

    /// Returns the rows of a conversation as they come; begins with the newest thousand.
    fn follow(&mut self, conversation: &str) -> io::Result<&Running> {
        if !self.followed.contains_key(conversation) {
            let mut command = self.bayou()?;
            command.args(["log", conversation, "--limit", "1000", "--follow", "--json"]);
            self.followed.insert(conversation.into(), Running::start(&mut command)?);
        }
        self.followed.get(conversation).ok_or_else(|| io::Error::other("not followed"))
    }

    fn complaints(&self) -> PathBuf {
        self.folder.path().join("serve.stderr")
    }
}

impl Running {
    fn start(command: &mut Command) -> io::Result<Running> {
        Running::start_as_is(command.stdin(Stdio::null()))
    }

    fn start_as_is(command: &mut Command) -> io::Result<Running> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("no stdout"))?;
        Ok(Running { child, lines: Lines::read(stdout) })
    }

    fn event(&self, what: &str, holds: impl Fn(&Value) -> bool) -> io::Result<Value> {
        self.lines.wait(what, |lines| lines.iter().rev().find(|line| holds(line)).cloned())
    }

    fn pid(&self) -> io::Result<Pid> {
        i32::try_from(self.child.id()).map(Pid::from_raw).map_err(io::Error::other)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A command that asks and is answered.
pub struct Talk {
    running: Running,
    complaints: Lines,
}

impl Talk {
    /// Waits for an object with this field, and returns the field.
    ///
    /// # Errors
    /// When none came before the deadline.
    pub fn hears(&self, field: &str) -> io::Result<String> {
        text(&self.running.event(field, |line| line.get(field).is_some())?, field)
    }

    /// Answers a line.
    ///
    /// # Errors
    /// When it does not listen any more.
    pub fn says(&mut self, line: &str) -> io::Result<()> {
        let stdin = self.running.child.stdin.as_mut().ok_or_else(|| io::Error::other("no stdin"))?;
        io::Write::write_all(stdin, format!("{line}\n").as_bytes())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it ended with an error; the message holds what it complained about.
    pub fn ends(mut self) -> io::Result<()> {
        let status = self.running.child.wait()?;
        let complaint = self.complaints.wait("it closes stderr", |lines| Some(format!("{lines:?}")))?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("{status}: {complaint}"))) }
    }
}

/// Returns where the `bayou` binary is: `BAYOU_BIN`, or else freshly built beside this program.
///
/// # Errors
/// When it cannot be built.
pub fn bayou() -> io::Result<&'static Path> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = BINARY.get_or_init(|| match std::env::var_os("BAYOU_BIN") {
        Some(path) => Ok(path.into()),
        None => build().map_err(|e| format!("cannot build bayou: {e}; set BAYOU_BIN to where it is")),
    });
    found.as_deref().map_err(|reason| io::Error::other(reason.clone()))
}

/// Builds as `cargo xtask test` does: the whole workspace, so that no dependency is compiled with other features.
fn build() -> io::Result<PathBuf> {
    let me = std::env::current_exe()?;
    let folder = me.ancestors().skip(1).find(|folder| !folder.ends_with("deps"));
    let folder = folder.ok_or_else(|| io::Error::other("this program stands nowhere"))?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--workspace", "--bins"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.status()?;
    if status.success() {
        Ok(folder.join("bayou"))
    } else {
        Err(io::Error::other(format!("cargo ended with {status}")))
    }
}

fn text(object: &Value, field: &str) -> io::Result<String> {
    object[field].as_str().map(Into::into).ok_or_else(|| io::Error::other(format!("no \"{field}\" in {object}")))
}
