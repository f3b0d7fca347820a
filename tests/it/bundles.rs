//! Bundles: a conversation carried by hand, between machines that share no network.

use std::fs;
use std::io;
use std::path::Path;

use bayou_core::rpc::{Base64, BundleBlock, Reply, Request, RpcError};
use bayou_tests::process::Peer;
use bayou_tests::verdict::judge;
use bayou_tests::world::{Who, World};

/// A bundle as its blocks.
type Bundle = Vec<Vec<u8>>;

fn exports(world: &mut World, who: Who, member: Option<&str>, all: bool) -> Result<Bundle, RpcError> {
    let request = Request::ExportBundle { conversation: world.conversation(0), member: member.map(Into::into), all };
    let (mut blocks, mut next) = (Vec::new(), request);
    loop {
        let Reply::Bundle(BundleBlock { bundle, block, more }) = world.does(who, next)? else { panic!("no block") };
        blocks.push(block.0);
        if !more {
            return Ok(blocks);
        }
        next = Request::ContinueBundle { bundle };
    }
}

/// Hands a bundle in; returns how many changes and records were new.
fn imports(world: &mut World, who: Who, bundle: &[Vec<u8>]) -> Result<(u64, u64), RpcError> {
    let (head, pieces) = bundle.split_first().expect("a head");
    let mut new = (0, 0);
    for (number, piece) in pieces.iter().enumerate() {
        let (head, last) = (Base64(head.clone()), number + 1 == pieces.len());
        let request = Request::ImportBundle { head, number: number as u64, last, piece: Base64(piece.clone()) };
        match world.does(who, request)? {
            Reply::Imported { changes, records, .. } => new = (new.0 + changes, new.1 + records),
            other => panic!("{other:?}"),
        }
    }
    Ok(new)
}

fn meet(names: &[&str]) -> (World, Vec<Who>) {
    let mut world = World::new(3);
    let people: Vec<Who> = names.iter().map(|name| world.person(name)).collect();
    world.begin("river", &people);
    world.link_all(&people);
    world.run(40_000);
    world.part_all();
    (world, people)
}

#[test]
fn two_who_share_no_network_exchange_all_that_they_said() {
    let (mut world, _) = meet(&["alice", "bob"]);
    let [alice, bob] = [0, 1];
    for number in 0..300 {
        world.says(alice, &format!("alice {number} {}", "x".repeat(3000)));
    }
    let message = world.says(alice, "not that");
    world.deletes(alice, &message);
    world.says(bob, "and I");
    let there = exports(&mut world, alice, None, false).expect("a member may");
    assert!(there.len() > 3, "several pieces: {}", there.len());
    assert_eq!(imports(&mut world, bob, &there), Ok((302, 0)));
    assert_eq!(imports(&mut world, bob, &there), Ok((0, 0)), "once more, in vain");
    let back = exports(&mut world, bob, Some("alice"), false).expect("a member may");
    assert_eq!(imports(&mut world, alice, &back), Ok((1, 0)));
    assert_eq!(world.disagreement(), None);
    assert!(world.sees(bob).contains("alice 299") && !world.sees(bob).contains("not that"));
    world.make_peace();
    judge(&world);
}

#[test]
fn a_bundle_tells_of_who_came_and_who_went() {
    let (mut world, _) = meet(&["alice", "bob", "carol"]);
    let [alice, bob, carol] = [0, 1, 2];
    let conversation = world.conversation(0);
    world.does(alice, Request::Remove { conversation, member: "carol".into() }).expect("the owner may");
    let dave = world.person("dave");
    let link = world.invites[0].clone();
    world.joins(dave, &link);
    world.link(alice, dave);
    world.run(40_000);
    world.says(dave, "I am Dave");
    world.run(1_000);
    world.part_all();
    let bundle = exports(&mut world, dave, Some("bob"), true).expect("a member may");
    let (changes, records) = imports(&mut world, bob, &bundle).expect("it is for him");
    assert!(changes == 1 && records > 2, "{changes} {records}");
    assert_eq!(world.members(bob).len(), 3);
    // The group key came with it.
    let keys: Vec<_> = [bob, dave].into_iter().map(|who| crate::group_keys::key(&mut world, who)).collect();
    assert!(keys[0].is_some() && keys[0] == keys[1]);
    let error = imports(&mut world, carol, &bundle).expect_err("she is out").message;
    assert!(error.contains("not for this device"), "{error}");
    let error = exports(&mut world, alice, Some("carol"), false).expect_err("she is out").message;
    assert!(error.contains("no such member"), "{error}");
}

#[test]
fn who_may_read_only_what_came_after_them_is_given_no_more() {
    let (mut world, _) = meet(&["alice", "bob"]);
    world.says(0, "before");
    let (conversation, setting) = (world.conversation(0), bayou_core::rpc::Setting::History("since_join".into()));
    world.does(0, Request::Set { conversation, setting }).expect("the owner may");
    let carol = world.person("carol");
    let link = world.invites[0].clone();
    world.joins(carol, &link);
    world.link(0, carol);
    world.run(40_000);
    world.part_all();
    world.says(0, "after");
    let bundle = exports(&mut world, 0, Some("carol"), true).expect("a member may");
    imports(&mut world, carol, &bundle).expect("it is for her");
    assert!(world.sees(carol).contains("after") && !world.sees(carol).contains("before"), "{}", world.sees(carol));
}

#[test]
fn what_was_changed_cut_or_mixed_is_refused_and_what_came_before_is_in() {
    let (mut world, _) = meet(&["alice", "bob"]);
    for number in 0..300 {
        world.says(0, &format!("alice {number} {}", "x".repeat(3000)));
    }
    let bundle = exports(&mut world, 0, None, false).expect("a member may");
    let other = exports(&mut world, 0, None, false).expect("a member may");
    let mut mixed = bundle.clone();
    mixed[2] = other[2].clone();
    let mut swapped = bundle.clone();
    swapped.swap(1, 2);
    let mut changed = bundle.clone();
    changed[2][100] ^= 1;
    for (what, bad) in [("mixed", mixed), ("swapped", swapped), ("changed", changed), ("cut", bundle[..3].to_vec())] {
        assert!(imports(&mut world, 1, &bad).expect_err(what).message.contains("damaged"));
    }
    let mut head = bundle.clone();
    head[0][40] ^= 1;
    assert!(imports(&mut world, 1, &head).is_err());
    assert_eq!(imports(&mut world, 1, &bundle).map(|(changes, _)| changes > 0), Ok(true));
    assert_eq!(world.disagreement(), None);
}

/// Alice and Bob meet once; from then on all they have is a stick.
#[test]
fn two_homes_that_never_share_a_network_again_talk_by_a_file() -> io::Result<()> {
    let (mut alice, mut bob) = (Peer::spawn("alice")?, Peer::spawn("bob")?);
    let conversation = alice.begins("river")?;
    bob.restart(&[&alice])?;
    alice.links(&bob)?;
    alice.invites(&bob, &conversation)?;
    alice.stop()?;
    bob.stop()?;
    let stick = tempfile::tempdir()?;
    let file = |name: &str| stick.path().join(name).display().to_string();
    let (there, back) = (file("there"), file("back"));
    for number in 0..20 {
        alice.says(&conversation, &format!("alice {number}"))?;
    }
    bob.says(&conversation, "from bob")?;
    alice.command(&["bundle", "export", &conversation, &there, "--for", "bob"])?;
    assert!(!holds(Path::new(&there), "alice 7")?, "it is sealed");
    let new = |peer: &Peer, file: &str| -> io::Result<u64> {
        let told = peer.command(&["bundle", "import", file])?;
        told[0]["changes"].as_u64().ok_or_else(|| io::Error::other("no number"))
    };
    assert_eq!(new(&bob, &there)?, 20);
    assert_eq!(new(&bob, &there)?, 0);
    // While a peer serves, it is the one that writes and reads.
    bob.serve(&[])?;
    bob.command(&["bundle", "export", &conversation, &back])?;
    assert_eq!(new(&alice, &back)?, 1);
    assert_eq!(alice.timeline(&conversation)?, bob.timeline(&conversation)?);
    refuses(&alice, &bob, (&there, &back))
}

/// What is not a whole bundle for this device is refused, and the error says why and where.
fn refuses(alice: &Peer, bob: &Peer, (there, back): (&str, &str)) -> io::Result<()> {
    let complains = |peer: &Peer, file: &str, what: &str| {
        let error = peer.command(&["bundle", "import", file]).expect_err("it is refused").to_string();
        assert!(error.contains(what), "{error}");
    };
    complains(alice, there, "not for this device");
    let whole = fs::read(back)?;
    fs::write(back, &whole[..whole.len() - 1])?;
    complains(alice, back, "damaged at byte");
    let mut changed = whole.clone();
    let at = whole.len() - 10;
    changed[at] ^= 1;
    fs::write(back, &changed)?;
    complains(alice, back, "damaged at byte");
    fs::write(back, b"hello")?;
    complains(bob, back, "not a bundle");
    Ok(())
}

fn holds(file: &Path, text: &str) -> io::Result<bool> {
    Ok(fs::read(file)?.windows(text.len()).any(|window| window == text.as_bytes()))
}
