//! Several devices of one user: they find each other, agree, come back with nothing but the phrase, and are retired.

use std::io;

use bayou_core::rpc::{ErrorCode, Reply, Request, RpcError};
use bayou_tests::network::Weather;
use bayou_tests::process::{Peer, Talk};
use bayou_tests::truth;
use bayou_tests::world::{Who, World};
use serde_json::{Value, json};

const SEEDS: u64 = 60;

/// Somebody else's recovery phrase.
const WORDS: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
                     abandon abandon abandon abandon abandon abandon abandon abandon abandon art";

/// Alice and bob in one conversation, not linked; and a further device of alice's.
fn meet(seed: u64, is_back: bool) -> (World, [Who; 3]) {
    let mut world = World::new(seed);
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    world.begin("river", &[alice, bob]);
    let other = world.device(alice, is_back);
    (world, [alice, bob, other])
}

fn devices(world: &mut World, who: Who) -> Vec<(String, String)> {
    let Ok(Reply::Devices { devices }) = world.does(who, Request::Devices) else { panic!("no devices") };
    devices.into_iter().map(|device| (device.device, device.state)).collect()
}

fn retires(world: &mut World, who: Who, other: Who) -> Result<Reply, RpcError> {
    let device = world.peers[other].device().to_string();
    world.does(who, Request::RetireDevice { device, phrase: None })
}

fn unread(world: &mut World, who: Who) -> u32 {
    let Ok(Reply::Conversations { conversations }) = world.does(who, Request::Conversations) else { panic!("no list") };
    conversations[0].unread
}

#[track_caller]
fn refused(result: Result<Reply, RpcError>, says: &str) {
    let error = result.expect_err("not allowed");
    assert!(error.code == ErrorCode::NotAllowed && error.message.contains(says), "{error:?}");
}

#[test]
fn a_device_learns_from_another_of_the_user_where_the_user_is() {
    let (mut world, [alice, bob, other]) = meet(1, false);
    world.says(alice, "from the laptop");
    world.link(alice, other);
    world.run(3_000);
    assert_eq!(world.sees(other), "alice: from the laptop\n");
    // And what is begun later, on either.
    let Ok(Reply::New { conversation }) = world.does(other, Request::New { title: "lake".into() }) else {
        panic!("no conversation")
    };
    world.run(3_000);
    world.does(alice, Request::send(conversation, "I know of it")).expect("in it, too");
    // Bob learns of the device without having met it.
    world.link(alice, bob);
    world.says(other, "from the phone");
    world.link(bob, other);
    world.run(3_000);
    assert_eq!(world.sees(bob), "alice: from the laptop\nalice: from the phone\n");
    assert_eq!(devices(&mut world, alice), devices(&mut world, other));
    assert_eq!(devices(&mut world, alice).len(), 2);
}

#[test]
fn what_is_done_on_one_device_is_the_users() {
    let (mut world, [alice, bob, other]) = meet(2, false);
    world.link_all(&[alice, bob, other]);
    let message = world.says(alice, "tpyo");
    world.run(3_000);
    world.edits(other, &message, "typo");
    let theirs = world.says(bob, "read me");
    world.run(1_000);
    assert!(unread(&mut world, other) > 0);
    let conversation = world.conversation(0);
    world.does(alice, Request::Log { conversation, limit: 10, before: None }).expect("reads");
    world.run(3_000);
    assert_eq!(unread(&mut world, other), 0, "read on the other device");
    world.reacts(other, &theirs, "👍");
    world.make_peace();
    assert!(world.sees(bob).contains("typo") && world.sees(bob).contains("👍 alice"), "{}", world.sees(bob));
    // Leaving on one is leaving on both.
    let conversation = world.conversation(0);
    world
        .does(alice, Request::Role { conversation: conversation.clone(), member: "bob".into(), role: "owner".into() })
        .expect("handed over");
    world.run(1_000);
    world.does(other, Request::Leave { conversation: conversation.clone() }).expect("may leave");
    world.run(3_000);
    refused(world.does(alice, Request::send(conversation, "still?")), "not in this conversation");
}

#[test]
fn who_is_back_with_nothing_but_the_phrase_is_told_where_they_were() {
    let (mut world, [alice, bob, back]) = meet(3, true);
    world.link(alice, bob);
    world.says(bob, "before");
    world.run(1_000);
    world.part_all();
    world.crash(alice, 1_000_000_000);
    world.link(bob, back);
    world.run(5_000);
    assert_eq!(world.sees(back), "bob: before\n");
    assert_eq!(unread(&mut world, back), 0, "nobody wants to be told of all that ever was");
    world.says(back, "here I am again");
    world.run(3_000);
    assert_eq!(world.sees(bob), "bob: before\nalice: here I am again\n");
    assert_eq!(world.members(bob).len(), 2);
}

/// The tag under which a user is asked after is worth nothing to who does not know the user, and a stranger is told nothing.
#[test]
fn a_stranger_is_not_told_where_anybody_is() {
    let (mut world, [alice, bob, _]) = meet(4, false);
    let carol = world.person("carol");
    let carol_back = world.device(carol, true);
    world.says(alice, "for bob alone");
    world.link_all(&[alice, bob, carol_back]);
    world.run(40_000);
    let Ok(Reply::Conversations { conversations }) = world.does(carol_back, Request::Conversations) else {
        panic!("no list")
    };
    assert_eq!(conversations.len(), 0);
    assert_eq!(truth::places(&world.peers[carol_back].store, "river"), [""; 0]);
}

#[test]
fn a_retired_device_is_out_and_what_it_wrote_before_stays() {
    let (mut world, [alice, bob, stolen]) = meet(5, false);
    world.link_all(&[alice, bob, stolen]);
    world.run(3_000);
    world.says(stolen, "mine");
    world.run(1_000);
    world.partition(&[stolen]);
    retires(&mut world, alice, stolen).expect("may retire it");
    world.run(120_000);
    world.says(stolen, "the thief's");
    world.run(1_000);
    world.reunite();
    world.link_all(&[alice, bob, stolen]);
    world.says(alice, "not for the thief");
    world.run(40_000);
    for who in [alice, bob] {
        assert_eq!(world.sees(who), "alice: mine\nalice: not for the thief\n");
    }
    assert!(!world.sees(stolen).contains("not for the thief"));
    let conversation = world.conversation(0);
    refused(world.does(stolen, Request::send(conversation, "more")), "retired");
    let states: Vec<String> = devices(&mut world, alice).into_iter().map(|(_, state)| state).collect();
    assert!(states.contains(&"retired".into()) && states.contains(&"yours".into()), "{states:?}");
}

/// What only another of the user's devices had of it is saved, and the thief's is not.
#[test]
fn what_another_device_had_of_a_retired_one_is_kept() {
    let (mut world, [alice, bob, stolen]) = meet(6, false);
    let third = world.device(alice, false);
    world.link_all(&[alice, bob, stolen, third]);
    world.run(5_000);
    world.partition(&[stolen, third]);
    world.link(stolen, third);
    world.says(stolen, "only the third has this");
    world.run(1_000);
    world.partition(&[stolen]);
    world.link_all(&[alice, bob]);
    retires(&mut world, alice, stolen).expect("may retire it");
    world.run(120_000);
    world.says(stolen, "the thief's");
    world.run(1_000);
    world.reunite();
    world.link_all(&[alice, bob, third]);
    world.run(100_000);
    for who in [alice, bob, third] {
        assert_eq!(world.sees(who), "alice: only the third has this\n");
    }
}

/// Returns those whose device is a member's, as the first of them knows it.
fn who_is_in(world: &mut World) -> Vec<Who> {
    let conversation = world.conversation(0);
    let Ok(Reply::Members { members, .. }) = world.does(0, Request::Members { conversation }) else {
        panic!("no members")
    };
    let devices: Vec<String> = members.into_iter().flat_map(|member| member.devices).collect();
    (0..world.peers.len()).filter(|who| devices.contains(&world.peers[*who].device().to_string())).collect()
}

/// People with two devices each are apart more often than not, write, retire their own devices, are put out and go; in the
/// end all devices that are in see the same, and an index that is built anew comes out the same.
#[test]
fn whatever_devices_do_all_that_are_in_agree() {
    let only = std::env::var("BAYOU_SEED").ok().and_then(|seed| seed.parse().ok());
    let (mut out, mut retired) = (0, 0);
    for seed in only.map_or(0..SEEDS, |seed| seed..seed + 1) {
        println!("BAYOU_SEED={seed}");
        let mut world = World::new(seed);
        let people: Vec<Who> = ["alice", "bob", "carol"].iter().map(|name| world.person(name)).collect();
        world.begin("river", &people);
        world.network.weather = Weather { delay: 10 + seed % 200, room: 64, rough: true };
        for who in [1, 2] {
            world.device(who, seed % 3 == 0);
        }
        let all: Vec<Who> = (0..world.peers.len()).collect();
        world.link_all(&all);
        world.run(5_000);
        for _ in 0..30 {
            retired += u32::from(step(&mut world, &all));
        }
        world.make_peace_among(&|world| who_is_in(world));
        let who = who_is_in(&mut world);
        out += all.len() - who.len();
        for one in who {
            let mut anew = world.peers[one].without_index();
            anew.start(0);
            let (ours, theirs) = (truth::index(&world.peers[one].store), truth::index(&anew.store));
            assert_eq!(truth::difference(&ours, &theirs), None, "the index of {one}, built anew");
        }
    }
    println!("{retired} devices were retired, {out} were out in the end");
    assert!(only.is_some() || (out > 20 && retired > 20), "{retired} {out}");
}

/// Lets somebody do something; tells whether a device was retired.
fn step(world: &mut World, all: &[Who]) -> bool {
    let who = usize::try_from(world.dice.below(all.len() as u64)).unwrap();
    let other = usize::try_from(world.dice.below(all.len() as u64)).unwrap();
    let conversation = world.conversation(0);
    if !world.peers[who].is_up() {
        world.run(500);
        return false;
    }
    match world.dice.below(20) {
        0..9 => {
            let text = format!("words {}", world.dice.number());
            world.does(who, Request::send(conversation, text)).ok();
        }
        9 | 10 if who != other && world.peers[who].user() == world.peers[other].user() => {
            return retires(world, who, other).is_ok();
        }
        11 => {
            let member = world.peers[other].name.clone();
            world.does(who, Request::Remove { conversation, member }).ok();
        }
        12 if who != 0 && world.dice.below(3) == 0 => {
            world.does(who, Request::Leave { conversation }).ok();
        }
        13 => {
            let member = world.peers[other].name.clone();
            world.does(who, Request::Role { conversation, member, role: "admin".into() }).ok();
        }
        14 | 15 => {
            world.partition(&[who, other]);
            world.link_all(&[who, other]);
        }
        16 => {
            let ms = world.dice.below(3_000);
            world.crash(who, ms);
        }
        _ => {
            world.reunite();
            world.link_all(all);
            let ms = world.dice.below(4_000);
            world.run(ms);
        }
    }
    false
}

/// Brings alice's laptop and a machine without a home to the point where both show digits.
fn compare(laptop: &Peer, phone: &Peer) -> io::Result<(Talk, Talk)> {
    let listen = "/ip4/127.0.0.1/udp/0/quic-v1";
    let new = phone.talks(&["device", "link", "--no-passphrase", "--no-mdns", "--listen", listen])?;
    let old = laptop.talks(&["device", "add", &new.hears("offer")?])?;
    assert_eq!(new.hears("digits")?, old.hears("digits")?);
    Ok((old, new))
}

#[test]
fn a_new_machine_becomes_a_device_when_both_sides_say_yes() -> io::Result<()> {
    let laptop = Peer::spawn("alice")?;
    let conversation = laptop.begins("Boats")?;
    laptop.says(&conversation, "hello, me")?;
    let mut phone = Peer::unborn("alice")?;
    let (mut old, mut new) = compare(&laptop, &phone)?;
    old.says("yes")?;
    new.says("yes")?;
    old.ends()?;
    new.ends()?;
    phone.serve(&[&laptop])?;
    phone.hears_of(&conversation, "in")?;
    phone.sees(&conversation, "hello, me")?;
    phone.says(&conversation, "from the phone")?;
    let devices = laptop.command(&["device", "list"])?;
    let devices = devices[0]["devices"].as_array().unwrap().clone();
    assert_eq!(devices.len(), 2, "{devices:?}");
    let other = devices.iter().find(|device| device["this"] == false).unwrap();
    // The phone was let in by the laptop, so it cannot retire it without the words.
    let itself = devices.iter().find(|device| device["this"] == true).unwrap();
    let error = phone.command(&["device", "revoke", itself["device"].as_str().unwrap()]).unwrap_err().to_string();
    assert!(error.contains("exit status: 4") && error.contains("--phrase-file"), "{error}");
    laptop.command(&["device", "revoke", &other["device"].as_str().unwrap()[..8]])?;
    phone.hears_of(&conversation, "out")?;
    let error = phone.command(&["send", &conversation, "still?"]).unwrap_err().to_string();
    assert!(error.contains("exit status: 4") && error.contains("retired"), "{error}");
    Ok(())
}

#[test]
fn a_no_on_either_side_links_nothing() -> io::Result<()> {
    let laptop = Peer::spawn("alice")?;
    let phone = Peer::unborn("alice")?;
    let (mut old, mut new) = compare(&laptop, &phone)?;
    new.says("yes")?;
    old.says("no")?;
    assert!(old.ends().unwrap_err().to_string().contains("not linked"));
    drop(new);
    let (mut old, mut new) = compare(&laptop, &phone)?;
    old.says("yes")?;
    new.says("no")?;
    assert!(new.ends().unwrap_err().to_string().contains("not linked"));
    drop(old);
    let devices = laptop.command(&["device", "list"])?;
    assert_eq!(devices[0]["devices"].as_array().unwrap().len(), 1);
    assert!(!phone.home().join("identity").exists());
    Ok(())
}

/// Alice's phrase was found by somebody. She goes on under another, and keeps her place; the old one opens nothing.
#[test]
fn who_moves_to_another_phrase_keeps_their_place() -> io::Result<()> {
    let (mut alice, mut bob, mut next, mut thief) =
        (Peer::unborn("alice")?, Peer::new("bob")?, Peer::unborn("alice")?, Peer::unborn("alice")?);
    let folder = tempfile::tempdir()?;
    let kept = |name: &str, object: &Value| -> io::Result<String> {
        let path = folder.path().join(name);
        std::fs::write(&path, object["phrase"].as_str().unwrap())?;
        Ok(path.to_string_lossy().into_owned())
    };
    let old = kept("old", &alice.command(&["init", "--name", "alice", "--no-passphrase"])?[0])?;
    let conversation = alice.begins("river")?;
    alice.invites(&bob, &conversation)?;
    alice.serve(&[])?;
    bob.serve(&[&alice])?;
    bob.enters(&conversation)?;
    alice.says(&conversation, "under the old words")?;
    bob.sees(&conversation, "under the old words")?;

    let wrong = alice.command(&["device", "move", "--phrase-file", &kept("wrong", &json!({ "phrase": WORDS }))?]);
    assert!(wrong.unwrap_err().to_string().contains("another user's"));
    let moved = alice.command(&["device", "move", "--phrase-file", &old])?;
    assert_eq!(moved[1], json!({ "done": true }));
    let new = kept("new", &moved[0])?;
    let refused = alice.says(&conversation, "by a device that is out").unwrap_err().to_string();
    assert!(refused.contains("retired"), "{refused}");
    alice.stop()?;

    next.command(&["restore", "--name", "alice", "--phrase-file", &new, "--no-passphrase"])?;
    next.serve(&[&bob])?;
    next.hears("is in", |event| event["event"] == "joining" && event["state"] == "in")?;
    next.sees(&conversation, "under the old words")?;
    next.says(&conversation, "under the new words")?;
    bob.sees(&conversation, "under the new words")?;
    let members = |peer: &Peer| peer.command(&["members", &conversation]);
    let (hers, his) = (members(&next)?, members(&bob)?);
    assert_eq!(hers[0]["members"].as_array().map(Vec::len), Some(2));
    let owner = his[0]["members"].as_array().into_iter().flatten().find(|member| member["role"] == "owner").unwrap();
    assert_eq!(owner["user"], next.command(&["status"])?[0]["user"], "she owns it still");
    next.command(&["set", &conversation, "title", "lake"])?;

    thief.command(&["restore", "--name", "alice", "--phrase-file", &old, "--no-passphrase"])?;
    thief.serve(&[&bob])?;
    thief.links(&bob)?;
    bob.says(&conversation, "not for the thief")?;
    next.sees(&conversation, "not for the thief")?;
    let told = thief.command(&["conversations"])?;
    assert_eq!(told[0]["conversations"].as_array().map(Vec::len), Some(0), "{told:?}");
    Ok(())
}
