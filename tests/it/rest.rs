//! Homes at rest: what a thief of the disk finds, and what opens a home.

#![allow(clippy::disallowed_methods, reason = "a test measures how long it may wait")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bayou_core::crypto::DeviceKey;
use bayou_core::node::{HomeKey, Keyring, NodeError, Passphrase, Vault, identity, unlock};
use bayou_core::store::disk::DiskStore;
use bayou_core::store::{IndexOp, Lsn, Record, Store, Unsealed};
use bayou_tests::dice::Dice;
use bayou_tests::lines::Lines;
use bayou_tests::process::bayou;
use bayou_tests::socket::Client;
use serde_json::Value;

const PASSPHRASE: &str = "correct horse battery staple";
const NAME: &str = "alice-of-the-marsh";
const OTHER: &str = "bob-from-upstream";
const TITLE: &str = "where the treasure lies";
const TEXT: &str = "under the third cypress";
/// Enough that a segment is compacted into a snapshot and the index has more than one leaf.
const MESSAGES: usize = 400;

/// A home that is locked by a passphrase.
pub(crate) struct Locked {
    pub(crate) folder: tempfile::TempDir,
}

impl Locked {
    pub(crate) fn new(name: &str) -> Locked {
        let home = Locked { folder: tempfile::tempdir().unwrap() };
        home.write("passphrase", PASSPHRASE);
        let made = home.run(&["init", "--name", name, "--passphrase-file", &home.file("passphrase")]);
        assert!(made.status.success(), "{made:?}");
        home
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A file beside the home.
    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), format!("{text}\n")).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(bayou().unwrap());
        command.args(arguments).env("BAYOU_HOME", self.home()).env_remove("BAYOU_PASSPHRASE").stdin(Stdio::null());
        // No keyring answers here, whatever this machine has.
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that fails; returns its exit code and what it said.
    #[track_caller]
    fn fails(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(&[arguments, &["--json"]].concat());
        let error: Value = serde_json::from_slice(&output.stderr).unwrap_or_else(|_| panic!("{output:?}"));
        (output.status.code().unwrap(), error["error"]["message"].as_str().unwrap().to_owned())
    }

    /// Serves with all that can be logged going to a file beside the home; returns when it is ready.
    pub(crate) fn serve(&self, log: &str) -> Serving {
        let mut command = Command::new("sh");
        // As generous with core dumps as a developer's machine.
        command.args(["-c", "ulimit -c unlimited 2>/dev/null; exec \"$0\" \"$@\""]).arg(bayou().unwrap());
        command.args(["serve", "--json", "--no-mdns", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"]);
        command.env("BAYOU_HOME", self.home()).env("BAYOU_PASSPHRASE", PASSPHRASE).env("RUST_LOG", "trace");
        command.env("RUST_BACKTRACE", "full").current_dir(self.folder.path()).stdin(Stdio::null());
        command.stderr(File::create(self.file(log)).unwrap()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = Lines::read(child.stdout.take().unwrap());
        let serving = Serving { child, lines };
        serving.hears("ready");
        serving
    }

    pub(crate) fn key(&self) -> HomeKey {
        unlock(&self.home(), Some(&passphrase(PASSPHRASE))).unwrap()
    }
}

pub(crate) struct Serving {
    child: Child,
    lines: Lines,
}

impl Serving {
    pub(crate) fn hears(&self, event: &str) -> Value {
        self.lines.wait(event, |lines| lines.iter().find(|line| line["event"] == event).cloned()).unwrap()
    }

    pub(crate) fn end(&mut self, signal: nix::sys::signal::Signal) -> std::process::ExitStatus {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(pid, signal).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.into()).unwrap()
}

/// Returns the bytes of all files below a folder, by their names.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => found.extend(files(&entry.path())),
            kind if kind.is_file() => drop(found.insert(entry.path(), fs::read(entry.path()).unwrap())),
            _ => {}
        }
    }
    found
}

pub(crate) fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// Returns which needles are found where.
fn found(files: &BTreeMap<PathBuf, Vec<u8>>, needles: &[(&str, Vec<u8>)]) -> Vec<String> {
    let mut hits = Vec::new();
    for (path, bytes) in files {
        let inside = needles.iter().filter(|(_, needle)| holds(bytes, needle));
        hits.extend(inside.map(|(what, _)| format!("{what} in {}", path.display())));
    }
    hits
}

/// Text that was compressed would not be found as text; but what zstd made of it is known by its beginning.
fn compressed(files: &BTreeMap<PathBuf, Vec<u8>>) -> bool {
    const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let leaf = [&[0, 0], ZSTD.as_slice()].concat();
    files.iter().any(|(path, bytes)| {
        let snapshot = path.extension().is_some_and(|e| e == "snap");
        holds(bytes, &leaf) || (snapshot && bytes.get(64..).is_some_and(|image| image.starts_with(&ZSTD)))
    })
}

/// The secrets of a home that its key opens: what the file `identity` holds.
fn secrets(home: &Path, key: &HomeKey) -> Vec<(&'static str, Vec<u8>)> {
    let sealed = fs::read(home.join("identity")).unwrap();
    let plain = Vault::new(key, [1; 32]).open(&[b"file".as_slice(), b"identity"], &sealed[1..]).unwrap();
    // The profile's length, its version, the user, then the name with its length.
    let (name, seed) = (identity(home, key).unwrap().name.len(), 1 + 32);
    let start = plain.windows(name).position(|w| w == identity(home, key).unwrap().name.as_bytes()).unwrap() + name;
    let (device, transport) = (&plain[start + 1..start + seed], &plain[start + seed + 1..start + 2 * seed]);
    assert_eq!(DeviceKey::from_seed(device.try_into().unwrap()).device(), identity(home, key).unwrap().device);
    vec![("the device key", device.to_vec()), ("the transport key", transport.to_vec())]
}

/// Copies all that a home keeps, opened with its key, into a store that seals nothing.
fn unseal(home: &Path, key: &HomeKey, to: &Path) {
    let sealed = DiskStore::open(home, Arc::new(Keyring::new(home, Arc::new(Vault::new(key, [1; 32]))))).unwrap().0;
    let open = DiskStore::open(to, Arc::new(Unsealed)).unwrap().0;
    for stream in sealed.streams() {
        let kept = sealed.read(stream).unwrap();
        let records: Vec<Record> = kept.tail.into_iter().map(|bytes| Record { stream, bytes }).collect();
        let last = open.append(&[records]).unwrap();
        if let Some(image) = kept.image {
            open.snapshot(stream, last, &image).unwrap();
        }
    }
    let rows = sealed.scan(&[], &[255], usize::MAX, false).unwrap();
    assert!(rows.len() > MESSAGES);
    open.index(rows.into_iter().map(|(key, value)| IndexOp::Put(key, value)).collect(), Lsn(0)).unwrap();
    open.settle().unwrap();
}

/// Two people talk; all that can be kept and logged is. Returns alice's home.
fn a_talk() -> (Locked, Locked) {
    let (alice, bob) = (Locked::new(NAME), Locked::new(OTHER));
    let mut alice_serves = alice.serve("log");
    let text = |output: Output, field: &str| {
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()[field].as_str().unwrap().to_owned()
    };
    let conversation = text(alice.run(&["new", TITLE, "--json"]), "conversation");
    let link = text(alice.run(&["invite", &conversation, "--json"]), "link");
    let mut client = Client::connect(&alice.home()).unwrap();
    let texts: Vec<String> = (0..MESSAGES).map(|n| format!("{TEXT}, said {n} times")).collect();
    client.send_all(&conversation, &texts).unwrap();
    let mut bob_serves = bob.serve("log");
    assert!(bob.run(&["join", &link]).status.success());
    let address = alice_serves.hears("listening")["address"].as_str().unwrap().to_owned();
    let mut dialler = Client::connect(&bob.home()).unwrap();
    dialler.call("dial", &serde_json::json!({ "address": address })).unwrap();
    bob_serves.hears("linked");
    let newest = text(alice.run(&["send", &conversation, "short-lived words", "--json"]), "id");
    assert!(alice.run(&["react", &newest, "❤"]).status.success());
    assert!(alice.run(&["delete", &newest]).status.success());
    bob_serves.end(nix::sys::signal::SIGTERM);
    // A deletion asks for a snapshot at the next tick.
    let patience = Instant::now();
    while !files(&alice.home()).keys().any(|path| path.extension().is_some_and(|e| e == "snap")) {
        assert!(patience.elapsed() < Duration::from_secs(30), "no snapshot was written");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(alice_serves.end(nix::sys::signal::SIGTERM).success());
    (alice, bob)
}

#[test]
fn a_thief_of_the_disk_reads_nothing() {
    let (alice, bob) = a_talk();
    let key = alice.key();
    let mut needles: Vec<(&str, Vec<u8>)> = [NAME, OTHER, TITLE, TEXT, PASSPHRASE, "short-lived words", "cypress"]
        .into_iter()
        .map(|text| (text, text.as_bytes().to_vec()))
        .collect();
    needles.extend(secrets(&alice.home(), &key));
    let mut kept = files(&alice.home());
    kept.extend(files(&bob.home()));
    kept.extend([&alice, &bob].map(|peer| (peer.file("log").into(), fs::read(peer.file("log")).unwrap())));
    assert!(kept.values().map(Vec::len).sum::<usize>() > 100_000);
    assert_eq!(found(&kept, &needles), [""; 0]);
    assert!(!compressed(&kept));

    // With the key it is all there, in the same kind of files: what was looked for could have been found.
    let open = tempfile::tempdir().unwrap();
    unseal(&alice.home(), &key, open.path());
    let plain = files(open.path());
    let hits = found(&plain, &needles).join("\n");
    for what in [TITLE, TEXT, "cypress"] {
        assert!(hits.contains(what), "{what} is not among\n{hits}");
    }
    assert!(compressed(&plain));

    // The home key stands in the file `key` once the person has it so, and stood nowhere before.
    assert!(alice.run(&["passphrase", "--none", "--passphrase-file", &alice.file("passphrase")]).status.success());
    let file = fs::read(alice.home().join("key")).unwrap();
    let home_key = file[file.len() - 64..file.len() - 32].to_vec();
    assert_eq!(unlock(&alice.home(), None).unwrap(), key);
    assert_eq!(found(&kept, &[("the home key", home_key.clone())]), [""; 0]);
    assert_eq!(found(&files(&alice.home()), &[("the home key", home_key)]).len(), 1);
}

#[test]
fn a_process_that_dies_badly_leaves_no_memory_behind() {
    let alice = Locked::new(NAME);
    let mut serving = alice.serve("log");
    assert!(alice.run(&["new", TITLE]).status.success());
    let limits = fs::read_to_string(format!("/proc/{}/limits", serving.child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    // What a panic that cannot be caught ends in.
    let status = serving.end(nix::sys::signal::SIGABRT);
    assert_eq!((status.signal(), status.core_dumped()), (Some(6), false));
    let needles = [NAME, TITLE, PASSPHRASE].map(|text| (text, text.as_bytes().to_vec()));
    let mut left = files(alice.folder.path());
    left.remove(Path::new(&alice.file("passphrase")));
    assert_eq!(found(&left, &needles), [""; 0]);
    assert!(!left.keys().any(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("core"))));
}

#[test]
fn a_wrong_passphrase_is_told_and_harms_nothing() {
    let alice = Locked::new(NAME);
    let sound = files(&alice.home());
    alice.write("wrong", "correct horse battery stapel");
    let (code, words) = alice.fails(&["conversations", "--passphrase-file", &alice.file("wrong")]);
    assert!(code == 6 && words.contains("wrong passphrase"), "{code} {words}");
    let (code, words) = alice.fails(&["conversations"]);
    assert!(code == 6 && words.contains("--passphrase-file") && words.contains("BAYOU_PASSPHRASE"), "{code} {words}");
    let change = ["passphrase", "--none", "--passphrase-file", &alice.file("wrong")];
    assert_eq!(alice.fails(&change).0, 6);
    assert_eq!(alice.fails(&["conversations", "--passphrase-file", "/nonexistent"]).0, 2);
    assert_eq!(files(&alice.home()), sound);
    let given = alice.command(&["conversations"]).env("BAYOU_PASSPHRASE", PASSPHRASE).output().unwrap();
    assert!(given.status.success(), "{given:?}");
    let _serving = alice.serve("log");
    assert!(alice.run(&["conversations"]).status.success(), "who asks a running peer needs no passphrase");
}

#[test]
fn a_changed_passphrase_counts_at_once_and_the_old_one_no_more() {
    let alice = Locked::new(NAME);
    let serving = alice.serve("log");
    alice.write("new", "another");
    let (old, new) = (alice.file("passphrase"), alice.file("new"));
    let changed = alice.run(&["passphrase", "--passphrase-file", &old, "--new-passphrase-file", &new, "--json"]);
    assert_eq!(String::from_utf8(changed.stdout).unwrap(), "{\"opened_by\":[\"passphrase\"]}\n");
    assert!(alice.run(&["new", TITLE]).status.success(), "the peer runs on");
    drop(serving);
    assert_eq!(alice.fails(&["conversations", "--passphrase-file", &old]).0, 6);
    assert!(alice.run(&["conversations", "--passphrase-file", &new]).status.success());
    let (code, words) = alice.fails(&["passphrase", "--keyring", "--passphrase-file", &new]);
    assert!(code == 2 && words.contains("no keyring answers"), "{code} {words}");
    assert!(alice.run(&["conversations", "--passphrase-file", &new]).status.success(), "nothing was changed");
}

#[test]
fn without_a_choice_no_home_is_made() {
    let nobody = Locked { folder: tempfile::tempdir().unwrap() };
    let (code, words) = nobody.fails(&["init", "--name", NAME]);
    assert_eq!(code, 2);
    for choice in ["keyring", "--passphrase-file", "BAYOU_PASSPHRASE", "--no-passphrase"] {
        assert!(words.contains(choice), "{words}");
    }
    assert!(files(&nobody.home()).is_empty());
    assert!(nobody.run(&["init", "--name", NAME, "--no-passphrase"]).status.success());
    assert!(nobody.run(&["conversations"]).status.success());
    assert_eq!(nobody.fails(&["init", "--name", NAME, "--no-passphrase"]).0, 2);
}

#[test]
fn damaged_and_old_homes_are_told_apart() {
    let alice = Locked::new(NAME);
    let path = alice.home().join("key");
    let given = alice.file("passphrase");
    let ask = ["conversations", "--passphrase-file", &given];
    let sound = fs::read(&path).unwrap();
    for at in [0, 8, 20, sound.len() / 2, sound.len() - 1] {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, bytes).unwrap();
        let (code, words) = alice.fails(&ask);
        assert!(code == 5 && words.contains("cannot be read") && words.contains("backup"), "{at}: {code} {words}");
    }
    fs::write(&path, &sound).unwrap();
    assert!(alice.run(&ask).status.success());

    // The key of another home opens nothing here, and nothing is called damaged or thrown away for it.
    let bob = Locked::new(OTHER);
    fs::copy(bob.home().join("key"), &path).unwrap();
    let before = files(&alice.home());
    let (code, words) = alice.fails(&ask);
    assert!(code == 5 && words.contains("identity"), "{code} {words}");
    assert_eq!(files(&alice.home()), before);

    let old = Locked { folder: tempfile::tempdir().unwrap() };
    fs::create_dir(old.home()).unwrap();
    fs::write(old.home().join("identity"), [1, 5, b'a', b'l', b'i', b'c', b'e']).unwrap();
    let (code, words) = old.fails(&["conversations"]);
    assert!(code == 5 && words.contains("earlier version") && words.contains("bayou init"), "{code} {words}");
}

/// Kills a change of the passphrase at moments all over its course, every other time as soon as the draft is there.
#[test]
fn a_change_that_is_killed_leaves_the_old_or_the_new() {
    const KILLS: u32 = 32;
    let (seed, alice) = (17, Locked::new(NAME));
    println!("SEED={seed}");
    let mut dice = Dice::new(seed, 0);
    let key = alice.key();
    let (mut now, mut next) = ("a".to_owned(), "b".to_owned());
    alice.write("a", PASSPHRASE);
    alice.write("b", "another");
    let (mut kept, mut changed) = (0, 0);
    let mut whole = Duration::ZERO;
    for kill in 0..=KILLS {
        let began = Instant::now();
        let (old, new) = (alice.file(&now), alice.file(&next));
        let mut command = alice.command(&["passphrase", "--passphrase-file", &old, "--new-passphrase-file", &new]);
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        if kill == 0 {
            assert!(child.wait().unwrap().success());
            whole = began.elapsed();
        } else if kill % 2 == 0 {
            let draft = alice.home().join("key.new");
            while !draft.exists() && child.try_wait().unwrap().is_none() {
                std::hint::spin_loop();
            }
            let pause = Duration::from_micros(dice.below(3_000));
            std::thread::sleep(pause);
        } else {
            std::thread::sleep(whole.mul_f64(dice.below(1_200) as f64 / 1_000.0));
        }
        child.kill().ok();
        child.wait().unwrap();
        let opens = |file: &str| {
            let text = fs::read_to_string(alice.file(file)).unwrap();
            match unlock(&alice.home(), Some(&passphrase(text.trim_end()))) {
                Ok(opened) => opened == key,
                Err(NodeError::WrongPassphrase) => false,
                Err(error) => panic!("kill {kill}: {error}"),
            }
        };
        let by_new = opens(&next);
        assert_ne!(opens(&now), by_new, "kill {kill}: one of the two opens it");
        assert!(!alice.home().join("key.new").exists());
        if by_new {
            std::mem::swap(&mut now, &mut next);
        }
        *if by_new { &mut changed } else { &mut kept } += 1;
    }
    println!("{kept} times the old one, {changed} times the new one");
    assert!(kept > 0 && changed > 1);
    assert!(alice.run(&["conversations", "--passphrase-file", &alice.file(&now)]).status.success());
}
