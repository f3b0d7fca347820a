//! A thief has a device of Alice's: her disk while it is locked, or a copy with all its keys.
//!
//! The locked one opens nothing and says nothing. Whatever is done to its files is noticed or does no harm: nothing that Alice
//! did not have appears, and what others hold comes back. The open one is Alice until she retires it; from then on it is given
//! nothing, and what it signs counts for nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bayou_core::authority::{Cut, Item, Record, Role, Said, Standpoint, UserRecord, UserSaid};
use bayou_core::conversation::Segment;
use bayou_core::crypto::DeviceKey;
use bayou_core::envelope::{Frame, Tips};
use bayou_core::id::{PeerId, StreamId, UserId};
use bayou_core::node::{HomeKey, Node, NodeConfig};
use bayou_core::rpc::{ErrorCode, Reply, Request, RpcError};
use bayou_core::store::Store as _;
use bayou_core::time::Timestamp;
use bayou_tests::dice::Dice;
use bayou_tests::mallory::Mallory;
use bayou_tests::process::Peer;
use bayou_tests::socket::Client;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::Scene;
use crate::rest::{Locked, files, holds};

const NAME: &str = "alice-of-the-marsh";
const TITLE: &str = "where the treasure lies";
const MESSAGES: usize = 40;

fn texts() -> Vec<String> {
    (0..MESSAGES).map(|number| format!("under the cypress, said {number} times")).collect()
}

/// Alice has talked, alone or with who comes by the link that is returned; her peer does not run.
fn a_home() -> (Locked, String, String) {
    let alice = Locked::new(NAME);
    let mut serving = alice.serve("log");
    let mut client = Client::connect(&alice.home()).expect("serves");
    let text = |value: Value, field: &str| value[field].as_str().expect("text").to_owned();
    let conversation = text(client.call("new", &json!({ "title": TITLE })).expect("begins"), "conversation");
    client.send_all(&conversation, &texts()).expect("sends");
    let link = text(client.call("invite", &json!({ "conversation": conversation })).expect("invites"), "link");
    assert!(serving.end(Signal::SIGTERM).success());
    (alice, conversation, link)
}

/// Writes files into a folder of their own, which is a home then.
fn home_of(kept: &BTreeMap<PathBuf, Vec<u8>>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, bytes) in kept {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("has one")).expect("a folder");
        fs::write(path, bytes).expect("writes");
    }
    folder
}

fn inside(home: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let relative = |(path, bytes): (PathBuf, Vec<u8>)| (path.strip_prefix(home).expect("inside").to_owned(), bytes);
    files(home).into_iter().map(relative).collect()
}

#[test]
fn a_locked_home_opens_nothing_and_tells_nothing() {
    let (alice, conversation, link) = a_home();
    let thief = Locked {
        folder: home_of(
            &files(alice.folder.path())
                .into_iter()
                .filter_map(|(path, bytes)| {
                    let path = path.strip_prefix(alice.folder.path()).expect("inside").to_owned();
                    path.starts_with("home").then_some((path, bytes))
                })
                .collect(),
        ),
    };
    thief.write("wrong", "correct horse battery stapel");
    let before = inside(&thief.home());
    let wrong = thief.file("wrong");
    let commands: [&[&str]; 9] = [
        &["serve", "--no-mdns", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"],
        &["conversations"],
        &["log", &conversation],
        &["members", &conversation],
        &["send", &conversation, "not alice"],
        &["join", &link],
        &["device", "list"],
        &["status"],
        &["passphrase", "--none"],
    ];
    for command in commands {
        for guess in [&[][..], &["--passphrase-file", &wrong]] {
            let output = thief.run(&[command, guess, &["--json"]].concat());
            assert_eq!(output.status.code(), Some(6), "{command:?}: {output:?}");
            let said = [output.stdout, output.stderr].concat();
            for secret in [NAME, TITLE, "cypress"] {
                assert!(!holds(&said, secret.as_bytes()), "{command:?}: {}", String::from_utf8_lossy(&said));
            }
        }
    }
    assert_eq!(inside(&thief.home()), before);
    // It is not let in as a new device either: there is one here.
    let linked = thief.run(&["device", "link", "--no-passphrase", "--no-mdns", "--json"]);
    assert!(!linked.status.success() && !holds(&linked.stderr, NAME.as_bytes()), "{linked:?}");
    assert_eq!(inside(&thief.home()), before);
}

/// Opens a home as its owner would; returns titles and texts, or why not.
async fn shows(home: &Path, key: &HomeKey) -> Result<Vec<String>, String> {
    let config = NodeConfig { home: home.to_owned(), key: key.clone(), network: None };
    let node = Node::start(config).await.map_err(|error| error.to_string())?;
    let answered = |answer: Result<Reply, RpcError>| match answer {
        Err(error) if error.message.contains("stopped") => panic!("the peer died: {error:?}"),
        Err(error) if error.code != ErrorCode::Machine => panic!("no damage: {error:?}"),
        answer => answer.map_err(|error| error.message),
    };
    let mut shown = Vec::new();
    let listed = answered(node.call(Request::Conversations).await)?;
    let Reply::Conversations { conversations } = listed else { panic!("no list: {listed:?}") };
    for one in conversations {
        shown.push(one.title);
        let request = Request::Log { conversation: one.conversation, limit: 1000, before: None };
        let Reply::Log { rows, .. } = answered(node.call(request).await)? else { panic!("no rows") };
        shown.extend(rows.into_iter().map(|row| row.text));
    }
    node.stop().await;
    Ok(shown)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_to_a_file_is_noticed_or_harmless() {
    let (alice, ..) = a_home();
    let (key, sound, seed) = (alice.key(), inside(&alice.home()), 5);
    println!("SEED={seed}");
    let mut dice = Dice::new(seed, 0x57);
    let all: BTreeSet<String> = texts().into_iter().chain([TITLE.to_owned()]).collect();
    let whole = shows(home_of(&sound).path(), &key).await.expect("it opens");
    assert_eq!(whole.iter().cloned().collect::<BTreeSet<_>>(), all);
    let (mut refused, mut less, mut same) = (0, 0, 0);
    for (path, bytes) in &sound {
        for attack in 0..10 {
            let mut files = sound.clone();
            let at = dice.below(bytes.len() as u64) as usize;
            let other = sound.values().nth(dice.below(sound.len() as u64) as usize).expect("a file");
            let bad = match attack {
                0 => None,
                1 => Some(Vec::new()),
                2 => Some(bytes[..at].to_vec()),
                3 => Some(other.clone()),
                4 => Some([bytes.as_slice(), other].concat()),
                5 => Some([&bytes[..at], &vec![0; bytes.len() - at]].concat()),
                6 => Some([&bytes[at..], &bytes[..at]].concat()),
                _ => {
                    Some(bytes.iter().enumerate().map(|(n, byte)| byte ^ u8::from(n == at) << dice.below(8)).collect())
                }
            };
            match bad {
                None => drop(files.remove(path)),
                Some(bad) => drop(files.insert(path.clone(), bad)),
            }
            let home = home_of(&files);
            match shows(home.path(), &key).await {
                Err(_) => refused += 1,
                Ok(shown) => {
                    let shown: BTreeSet<String> = shown.into_iter().collect();
                    assert!(shown.is_subset(&all), "attack {attack} on {}: {shown:?}", path.display());
                    *if shown == all { &mut same } else { &mut less } += 1;
                }
            }
        }
    }
    println!("{} files: {refused} times refused, {less} times less was there, {same} times all of it", sound.len());
    assert!(refused > 0 && less > 0 && same > 0);
}

/// What was cut from the disk comes back from who holds it.
#[test]
fn what_others_hold_comes_back() -> io::Result<()> {
    let (mut alice, mut bob) = (Peer::spawn("alice")?, Peer::new("bob")?);
    let conversation = alice.begins(TITLE)?;
    Client::connect(&alice.home())?.send_all(&conversation, &texts())?;
    alice.invites(&bob, &conversation)?;
    bob.serve(&[&alice])?;
    bob.enters(&conversation)?;
    bob.says(&conversation, "the last")?;
    alice.sees(&conversation, "the last")?;
    let all = bob.sees_more(&conversation, MESSAGES, Duration::from_secs(30))?;
    alice.stop()?;
    let mut cut = 0;
    for (path, bytes) in inside(&alice.home()) {
        if path.to_string_lossy().contains("journal") && bytes.len() > 10_000 {
            fs::write(alice.home().join(path), &bytes[..bytes.len() - 6_000])?;
            cut += 1;
        }
    }
    assert!(cut > 0, "there is a journal");
    alice.serve(&[&bob])?;
    alice.sees_more(&conversation, MESSAGES, Duration::from_secs(60))?;
    assert_eq!(alice.timeline(&conversation)?, all);
    Ok(())
}

/// Alice's phone was stolen with all its keys, and she has retired it.
#[test]
fn an_open_device_that_was_retired_is_given_nothing_and_writes_nothing() {
    let mut scene = Scene::new();
    let phone = scene.world.device(scene.alice, false);
    scene.world.link_all(&[scene.alice, scene.bob, phone]);
    scene.world.run(5_000);
    scene.world.says(phone, "alice, on the phone");
    scene.world.run(2_000);
    let before = scene.world.sees(scene.bob);
    assert!(before.contains("on the phone"));
    scene.mallory.listens(&scene.world, scene.alice);
    let mut thief = thief(&mut scene, phone);
    let device = scene.world.peers[phone].device().to_string();
    scene.world.part_all();
    scene.world.crash(phone, u64::MAX / 4);
    scene.world.link(scene.alice, scene.bob);
    scene.world.does(scene.alice, Request::RetireDevice { device, phrase: None }).expect("may retire it");
    scene.world.run(120_000);
    let members = scene.members();
    for who in [scene.alice, scene.bob] {
        thief.appears(&mut scene.world, who);
        thief.tells(&mut scene.world, who, &thief.tags());
        for frame in attacks(&mut thief, &scene) {
            thief.tells(&mut scene.world, who, &frame);
            scene.world.run(1_000);
            if thief.mailbox(&scene.world, who).closed {
                thief.appears(&mut scene.world, who);
                thief.tells(&mut scene.world, who, &thief.tags());
            }
            assert_eq!(scene.members(), members, "{frame:?}");
        }
        scene.world.says(who, "not for the thief");
        scene.world.run(40_000);
        let heard = thief.heard(&scene.world, who);
        let given = |frame: &Frame| {
            matches!(frame, Frame::Push { .. } | Frame::Changes { .. } | Frame::Payloads { .. } | Frame::Boxes { .. })
        };
        assert!(!heard.iter().any(given), "{heard:?}");
    }
    for who in [scene.alice, scene.bob] {
        let seen = scene.world.sees(who);
        assert!(seen.starts_with(&before) && !seen.contains("stolen words"), "{seen}");
    }
    scene.world.peers.pop();
    scene.ends_well();
}

/// The phone was as much Alice's as her laptop is, so a thief can still have her laptop suspended by a record that is dated
/// back: nobody can tell which of the two was stolen before the phrase says so. More does not follow: the thief is still out.
#[test]
fn who_has_a_retired_device_can_suspend_its_equal_and_no_more() {
    let mut scene = Scene::new();
    let phone = scene.world.device(scene.alice, false);
    scene.world.link_all(&[scene.alice, scene.bob, phone]);
    scene.world.run(5_000);
    scene.mallory.listens(&scene.world, scene.alice);
    let mut thief = thief(&mut scene, phone);
    let (device, laptop) = (scene.world.peers[phone].device().to_string(), scene.world.peers[scene.alice].device());
    scene.world.part_all();
    scene.world.crash(phone, u64::MAX / 4);
    scene.world.link(scene.alice, scene.bob);
    scene.world.does(scene.alice, Request::RetireDevice { device, phrase: None }).expect("may retire it");
    scene.world.run(120_000);
    let alice = scene.user(scene.alice);
    let parents = thief.authority.user_heads(&alice);
    let revoke = UserSaid::DeviceRevoke { device: laptop };
    let record = UserRecord::by_device(revoke, alice, parents, Timestamp(1), &thief.key);
    thief.appears(&mut scene.world, scene.bob);
    thief.tells(&mut scene.world, scene.bob, &thief.tags());
    thief.tells(&mut scene.world, scene.bob, &thief.controls(&[Item::User(record).to_bytes()]));
    scene.world.run(2_000);
    for frame in attacks(&mut thief, &scene) {
        thief.appears(&mut scene.world, scene.bob);
        thief.tells(&mut scene.world, scene.bob, &thief.tags());
        thief.tells(&mut scene.world, scene.bob, &frame);
        scene.world.run(1_000);
    }
    let roles: Vec<String> = scene.world.members(scene.bob).into_iter().map(|(_, role)| role).collect();
    assert_eq!(roles, ["owner", "member", "member"]);
    scene.world.says(scene.bob, "not for the thief");
    scene.world.run(40_000);
    let heard = thief.heard(&scene.world, scene.bob);
    assert!(!heard.iter().any(|frame| matches!(frame, Frame::Push { .. } | Frame::Changes { .. })), "{heard:?}");
    assert!(!scene.world.sees(scene.bob).contains("stolen words"));
}

/// The thief writes on where Alice's phone was, and so does the phone: a fork. Once it is retired, what the phone wrote counts
/// again, and what the thief wrote does not.
#[test]
fn a_fork_by_a_thief_is_undone_when_the_device_is_retired() {
    let mut scene = Scene::new();
    let phone = scene.world.device(scene.alice, false);
    scene.world.link_all(&[scene.alice, scene.bob, phone]);
    scene.world.run(5_000);
    scene.world.says(phone, "alice, before the theft");
    scene.world.run(2_000);
    scene.mallory.listens(&scene.world, scene.alice);
    let thief = thief(&mut scene, phone);
    // What the thief has is all that the phone said so far: its chain, to be gone on with.
    let mut author = thief.author(0);
    author.key = thief.key.clone();
    let (id, store) = (thief.segment(0), &scene.world.peers[phone].store);
    let kept = store.read(StreamId::Segment(id.conversation, id.number)).expect("memory");
    author.home = Segment::open(id, kept.image.as_deref(), &kept.tail).expect("whole");
    let device = thief.key.device();
    let (actor, chain) = author.home.chains().find(|(_, chain)| chain.header().device == device).expect("it wrote");
    (author.header, author.actor) = (chain.header().clone(), *actor);
    let forged = author.says(&["words of the thief"]);
    scene.world.cut(scene.alice, scene.bob);
    scene.world.cut(phone, scene.bob);
    scene.world.says(phone, "alice, after the theft");
    scene.world.run(2_000);
    thief.appears(&mut scene.world, scene.bob);
    thief.tells(&mut scene.world, scene.bob, &thief.tags());
    thief.tells(&mut scene.world, scene.bob, &thief.push(0, vec![vec![forged]]));
    scene.world.run(2_000);
    assert!(scene.world.sees(scene.bob).contains("words of the thief"), "nobody can tell yet");
    scene.world.link(scene.alice, scene.bob);
    scene.world.run(70_000);
    for who in [scene.alice, scene.bob] {
        let seen = scene.world.sees(who);
        assert!(seen.contains("before the theft") && !seen.contains("after the theft"), "a fork: {seen}");
        assert!(!seen.contains("of the thief"), "{seen}");
    }
    let device = device.to_string();
    scene.world.does(scene.alice, Request::RetireDevice { device, phrase: None }).expect("may retire it");
    scene.world.run(120_000);
    for who in [scene.alice, scene.bob] {
        let seen = scene.world.sees(who);
        assert!(seen.contains("alice, after the theft") && !seen.contains("of the thief"), "{seen}");
    }
    scene.world.peers.pop();
    scene.ends_well();
}

/// Somebody with the phone's key, the conversation's secret, and all that it knew.
fn thief(scene: &mut Scene, phone: usize) -> Mallory {
    let mut thief = Mallory::holding(scene.world.link_of(0), scene.mallory.seed);
    thief.key = scene.world.peers[phone].key();
    thief.peer = PeerId([0x7f; 32]);
    thief.secret = scene.mallory.secret;
    thief.authority = scene.mallory.authority.clone();
    thief.grant = scene.mallory.grant_of(&scene.world.peers[scene.alice].user());
    thief
}

/// What a stolen key can sign: words, more of the words that were there, rights, and devices.
fn attacks(thief: &mut Mallory, scene: &Scene) -> Vec<Frame> {
    let alice = scene.world.peers[scene.alice].user();
    let bobs = thief.grant_of(&scene.world.peers[scene.bob].user());
    let parents = thief.authority.user_heads(&alice);
    let mut frames = Vec::new();
    for (nonce, segment) in [(1, 0), (2, 0), (3, 1)] {
        let mut author = thief.author(segment);
        author.key = thief.key.clone();
        author.header.device = thief.key.device();
        author.header.nonce = [nonce; 16];
        author.actor = author.header.actor(author.home.genesis().hash());
        let words = author.says(&["stolen words, dated back by years"]);
        frames.push(thief.push(segment, vec![vec![words]]));
    }
    let nothing = Cut::default();
    let invite = DeviceKey::from_seed(&[0x55; 32]).device();
    let said = [
        Said::Remove { grant: bobs, cut: nothing.hash(), rekey: None },
        Said::Grant { to: UserId([0x54; 32]), role: Role::Admin, since: 0, via: None },
        Said::HandOver { to: UserId([0x54; 32]) },
        Said::Invite { key: invite, role: Role::Admin, uses: 9, expires: Timestamp(u64::MAX), auto: true },
        Said::DeviceCut { user: alice, device: scene.world.peers[scene.alice].device(), cut: nothing.hash() },
    ];
    for said in said {
        let from = Standpoint { user: alice, ..thief.standpoint() };
        let record = Record::sign(said, from, &thief.key);
        frames.push(thief.controls(&[Item::Record(record).to_bytes(), Item::Cut(nothing.clone()).to_bytes()]));
    }
    for said in [
        UserSaid::DeviceCert { device: invite, may_enrol: true, prekey: None },
        UserSaid::Profile { name: "not alice".into(), avatar: None, status: String::new() },
    ] {
        let record = UserRecord::by_device(said, alice, parents.clone(), Timestamp(u64::MAX / 2), &thief.key);
        frames.push(thief.controls(&[Item::User(record).to_bytes()]));
    }
    let conversation = thief.conversation();
    frames.push(Frame::Have { conversation, segment: 0, tips: Tips::new() });
    frames.push(Frame::Heads { conversation, controls: [1; 32], segments: vec![(0, [1; 8])] });
    frames.push(Frame::Own { names: vec![] });
    frames
}
