//! The commands as a person or a script runs them: real processes, real homes.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use bayou_tests::process::bayou;
use serde_json::Value;

/// A person with a home of their own.
struct Person {
    home: tempfile::TempDir,
}

impl Person {
    /// Makes a home.
    fn new(name: &str) -> Person {
        let person = Person { home: tempfile::tempdir().unwrap() };
        assert_eq!(person.json(&["init", "--name", name, "--no-passphrase"])["name"], name);
        person
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(bayou().unwrap());
        command.args(arguments).env("BAYOU_HOME", self.home.path()).env("TZ", "UTC").stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that succeeds, and returns what it printed for people.
    #[track_caller]
    fn words(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that succeeds, and returns its lines of JSON.
    #[track_caller]
    fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.words(&[&["--json"], arguments].concat());
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs a command that succeeds, and returns its one object.
    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let mut lines = self.lines(arguments);
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.remove(0)
    }

    /// Runs a command that fails, and returns its exit code and JSON-RPC code. Its message must say something.
    #[track_caller]
    fn fails(&self, arguments: &[&str]) -> (i32, i64) {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert!(output.stdout.is_empty(), "{output:?}");
        let error: Value = serde_json::from_slice(&output.stderr).unwrap_or_else(|_| panic!("{output:?}"));
        assert!(error["error"]["message"].as_str().unwrap().len() > 10, "{error}");
        (output.status.code().unwrap(), error["error"]["code"].as_i64().unwrap())
    }

    fn new_conversation(&self, title: &str) -> String {
        self.json(&["new", title])["conversation"].as_str().unwrap().to_owned()
    }

    fn send(&self, conversation: &str, text: &str) -> String {
        self.json(&["send", conversation, text])["id"].as_str().unwrap().to_owned()
    }

    fn texts(&self, conversation: &str) -> Vec<String> {
        let rows = self.lines(&["log", conversation, "--limit", "5000"]);
        rows.iter().map(|row| row["text"].as_str().unwrap().to_owned()).collect()
    }
}

/// A `serve`, `chat` or `log --follow` that runs; killed when dropped.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(person: &Person, arguments: &[&str]) -> Running {
        let mut command = person.command(&[&["--json"], arguments].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Running { child, lines }
    }

    /// Starts a peer and waits until it takes calls.
    fn serve(person: &Person) -> Running {
        let mut running = Running::start(person, &["serve", "--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0"]);
        let ready = running.until(|event| event["event"] == "ready");
        assert_eq!(ready["peer"].as_str().unwrap().len(), 64);
        assert_eq!(ready["device"].as_str().unwrap().len(), 64);
        running
    }

    /// Returns the next line that fits.
    #[track_caller]
    fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "it ended");
            let value = serde_json::from_str(&line).unwrap();
            if fits(&value) {
                return value;
            }
        }
    }

    /// Asks it to end as a person or the system does, and returns its exit code.
    fn stop(&mut self, signal: &str) -> Option<i32> {
        let kill = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_person_alone_writes_edits_deletes_and_reacts() {
    let alice = Person::new("alice");
    let boats = alice.new_conversation("Boats");
    assert_eq!(boats.len(), 64);
    let first = alice.send(&boats, "Are you coming?");
    let second = alice.send(&boats[..10], "At eihgt");
    let third = alice.send("Boats", "-a line that begins with a dash");
    alice.json(&["edit", &second, "At eight"]);
    alice.json(&["delete", &third]);
    alice.json(&["react", &first, "👍"]);
    alice.json(&["react", &first, "❤"]);
    alice.json(&["react", &first, "❤", "--off"]);

    let rows = alice.lines(&["log", &boats]);
    let ids: Vec<_> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&first, &second, &third], "oldest first");
    assert_eq!(rows[0]["text"], "Are you coming?");
    assert_eq!(rows[0]["reactions"], serde_json::json!([{ "emoji": "👍", "by": "alice", "user": rows[0]["user"] }]));
    assert_eq!((&rows[1]["text"], &rows[1]["edited"]), (&"At eight".into(), &true.into()));
    assert_eq!((&rows[2]["text"], &rows[2]["deleted"]), (&"".into(), &true.into()));
    assert!(rows.iter().all(|row| row["author"] == "alice" && row["state"] == "kept"), "{rows:?}");
    assert_eq!(alice.lines(&["log", &boats, "--limit", "1"]), rows[2..]);

    let conversations = alice.json(&["conversations"]);
    assert_eq!(conversations["conversations"][0]["title"], "Boats");
    assert_eq!(conversations["conversations"][0]["members"], serde_json::json!(["alice"]));
    let status = alice.json(&["status"]);
    assert_eq!((&status["name"], &status["online"]), (&"alice".into(), &false.into()));
    assert_eq!(alice.json(&["peers"]), serde_json::json!({ "peers": [] }));
}

#[test]
fn the_log_is_for_people_too() {
    let alice = Person::new("alice");
    let boats = alice.new_conversation("Boats");
    let first = alice.send(&boats, "one\x1b[2J two\nthree");
    alice.json(&["react", &first, "👍"]);
    let log = alice.words(&["log", &boats]);
    assert!(log.starts_with("── "), "{log}");
    assert!(log.contains(&format!("  {}  alice: one[2J two\n        three  👍 alice  · kept\n", &first[..8])), "{log}");
    assert!(alice.words(&["conversations"]).contains("Boats  with alice"));
}

#[test]
fn two_homes_know_nothing_of_each_other_until_they_join() {
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let boats = alice.new_conversation("Boats");
    alice.send(&boats, "hello");
    assert_eq!(bob.fails(&["log", &boats]), (3, -32001));
    let link = alice.json(&["invite", &boats])["link"].as_str().unwrap().to_owned();
    assert!(link.starts_with("bayou://j/#"), "{link}");
    let joined = bob.json(&["join", &link]);
    assert_eq!(joined["conversation"], boats.as_str());
    assert_eq!(joined["state"], "looking for a member who may let you in");
    assert_eq!(bob.texts(&boats), Vec::<String>::new(), "nothing came without a network");
    assert_eq!(bob.fails(&["send", &boats, "may I?"]), (4, -32002));
    assert!(bob.words(&["conversations"]).contains("(looking for a member who may let you in)"));
}

#[test]
fn errors_say_what_is_wrong_with_documented_exit_codes() {
    let alice = Person::new("alice");
    let boats = alice.new_conversation("Boats");
    let empty = Person { home: tempfile::tempdir().unwrap() };
    assert_ne!(empty.fails(&["status"]).0, 0);
    let words = String::from_utf8(empty.run(&["status"]).stderr).unwrap();
    assert!(words.starts_with("error: ") && words.contains("bayou init --name"), "{words}");

    assert_eq!(alice.fails(&["send", "Ships", "hello"]), (3, -32001));
    assert_eq!(alice.fails(&["edit", "77d0", "hello"]), (3, -32001));
    assert_eq!(alice.fails(&["send", &boats, ""]), (2, -32602));
    assert_eq!(alice.fails(&["send", &boats, &"x".repeat(40_000)]), (2, -32602));
    assert_eq!(alice.fails(&["new", ""]), (2, -32602));
    assert_eq!(alice.fails(&["join", "https://example.org/"]), (2, -32602));
    assert_eq!(alice.fails(&["log", &boats, "--limit", "0"]), (2, -32602));
    assert_eq!(alice.fails(&["sned", &boats, "hello"]), (2, -32602), "even wrong arguments are told in JSON");
    assert_eq!(alice.run(&["--help"]).status.code(), Some(0));
    assert!(alice.words(&["--help"]).contains("Exit codes"));
}

#[test]
fn abbreviations_must_be_unique() {
    let alice = Person::new("alice");
    let ids: Vec<_> = (0..20).map(|n| alice.new_conversation(&format!("Number {n}"))).collect();
    // Of twenty hexadecimal ids two begin alike.
    let shared = ids.iter().find(|id| ids.iter().filter(|other| other[..1] == id[..1]).count() > 1).unwrap();
    assert_eq!(alice.fails(&["log", &shared[..1]]), (3, -32001));
    for id in &ids {
        alice.send(&id[..16], "hello");
        assert_eq!(alice.texts(id), ["hello"]);
    }
}

#[test]
fn text_comes_from_stdin_too() {
    let alice = Person::new("alice");
    let boats = alice.new_conversation("Boats");
    let mut send = alice.command(&["send", &boats, "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    send.stdin.take().unwrap().write_all("one\ntwo\n".as_bytes()).unwrap();
    assert!(send.wait().unwrap().success());
    assert_eq!(alice.texts(&boats), ["one\ntwo"]);
}

#[test]
fn commands_ask_the_peer_that_runs() {
    let alice = Person::new("alice");
    let boats = alice.new_conversation("Boats");
    alice.send(&boats, "before");
    let mut serve = Running::serve(&alice);
    assert_eq!(alice.json(&["status"])["online"], true);
    assert!(alice.json(&["status"])["addresses"][0].as_str().unwrap().contains("/p2p/"));
    alice.send(&boats, "while it runs");
    assert_eq!(alice.fails(&["serve"]), (5, -32003), "a second one is refused");
    assert_eq!(alice.texts(&boats), ["before", "while it runs"]);
    assert_eq!(serve.stop("-TERM"), Some(0));
    assert!(!alice.home.path().join("bayou.sock").exists());
    alice.send(&boats, "after");
    assert_eq!(alice.texts(&boats), ["before", "while it runs", "after"]);
    assert_eq!(Running::serve(&alice).stop("-INT"), Some(0));
}

#[test]
fn a_killed_peer_leaves_nothing_in_the_way() {
    let alice = Person::new("alice");
    let boats = alice.new_conversation("Boats");
    let mut serve = Running::serve(&alice);
    alice.send(&boats, "before");
    assert_eq!(serve.stop("-KILL"), None);
    assert_eq!(alice.texts(&boats), ["before"]);
    let _serve = Running::serve(&alice);
    assert_eq!(alice.texts(&boats), ["before"]);
}

#[test]
fn many_commands_at_once_take_turns() {
    let alice = Person::new("alice");
    let boats = alice.new_conversation("Boats");
    let sends: Vec<_> = (0..8)
        .map(|n| alice.command(&["send", &boats, &n.to_string()]).stdout(Stdio::null()).spawn().unwrap())
        .collect();
    for mut send in sends {
        assert!(send.wait().unwrap().success());
    }
    let mut texts = alice.texts(&boats);
    texts.sort();
    assert_eq!(texts, ["0", "1", "2", "3", "4", "5", "6", "7"]);
}

#[test]
fn who_follows_sees_what_happens() {
    let alice = Person::new("alice");
    let (boats, other) = (alice.new_conversation("Boats"), alice.new_conversation("Other"));
    alice.send(&boats, "before");
    let _serve = Running::serve(&alice);
    let mut follow = Running::start(&alice, &["log", &boats[..12], "--follow"]);
    follow.until(|row| row["text"] == "before");
    alice.send(&other, "elsewhere");
    let id = alice.send(&boats, "now");
    let row = follow.until(|row| row["text"] != "before");
    assert_eq!((&row["id"], &row["text"]), (&id.as_str().into(), &"now".into()));
    alice.json(&["edit", &id, "now, really"]);
    assert_eq!(follow.until(|row| row["edited"] == true)["text"], "now, really");
    assert_eq!(follow.stop("-INT"), Some(0));
}

#[test]
fn a_chat_is_a_peer_when_none_runs() {
    let alice = Person::new("alice");
    let boats = alice.new_conversation("Boats");
    alice.send(&boats, "before");
    let arguments = ["chat", &boats, "--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0"];
    let mut chat = Running::start(&alice, &arguments);
    chat.until(|row| row["text"] == "before");
    alice.send(&boats, "from another terminal");
    chat.until(|row| row["text"] == "from another terminal");
    let mut stdin = chat.child.stdin.take().unwrap();
    stdin.write_all(b"typed\n").unwrap();
    let id = chat.until(|row| row["text"] == "typed")["id"].as_str().unwrap().to_owned();
    stdin.write_all(format!("/edit {id} typed well\n/react {id} 👍\nlast\n").as_bytes()).unwrap();
    drop(stdin);
    let mut rest = String::new();
    chat.lines.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("typed well") && rest.contains("👍") && rest.contains("\"last\""), "{rest}");
    assert_eq!(chat.child.wait().unwrap().code(), Some(0));
    assert_eq!(alice.texts(&boats), ["before", "from another terminal", "typed well", "last"]);
}

#[test]
fn nobody_has_to_read_to_the_end() {
    let alice = Person::new("alice");
    let boats = alice.new_conversation("Boats");
    for _ in 0..8 {
        alice.send(&boats, &"x".repeat(30_000));
    }
    let mut log = alice.command(&["log", &boats]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(log.stdout.take());
    let output = log.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{output:?}");
}

#[test]
fn nodes_are_kept_until_they_are_removed() {
    let alice = Person::new("alice");
    assert!(alice.words(&["node", "list"]).starts_with("no nodes"));
    let name = "12D3KooWAwif1cCBG7Enr5qnWmgLmRb2q773fNWyCvwtj6MyZM2J";
    let at = |way: &str| format!("/ip4/192.0.2.7/{way}/p2p/{name}");
    let (quic, tcp) = (at("udp/4001/quic-v1"), at("tcp/4001"));
    for address in [&quic, &tcp, &quic] {
        assert_eq!(alice.json(&["node", "add", address])["done"], true);
    }
    let listed = |person: &Person| {
        let nodes = person.json(&["node", "list"]);
        let addresses = nodes["nodes"].as_array().unwrap().iter().map(|node| node["address"].as_str().unwrap());
        addresses.map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(listed(&alice), [quic.clone(), tcp.clone()]);
    // A link that is made while no peer runs leads over them.
    alice.words(&["new", "Boats"]);
    assert_eq!(alice.json(&["invite", "Boats"])["addresses"], 2);
    for bad in ["/ip4/192.0.2.7/tcp/4001", "somewhere", &format!("{quic}/p2p-circuit")] {
        assert_eq!(alice.fails(&["node", "add", bad]), (2, -32602), "{bad}");
    }
    assert_eq!(alice.json(&["node", "remove", &quic])["done"], true);
    assert_eq!(listed(&alice), [tcp]);
    assert_eq!(alice.json(&["node", "remove", name])["done"], true);
    assert_eq!(listed(&alice), [""; 0]);
    assert_eq!(alice.fails(&["node", "remove", name]), (3, -32001));
}
