//! Stories, and what each person sees in the end.
//!
//! Each is told twice: once as it happened while people were apart, and once when all have met.

use bayou_core::authority::{Item, UserRecord, UserSaid};
use bayou_core::conversation::{Place, Record, Target};
use bayou_core::crypto::DeviceKey;
use bayou_core::rpc::{Reply, Request};
use bayou_core::time::Timestamp;
use bayou_tests::craft::Author;
use bayou_tests::mallory::Mallory;
use bayou_tests::truth;
use bayou_tests::verdict::judge;
use bayou_tests::world::{Who, World};

/// Some people in one conversation, not linked.
fn meet<const N: usize>(names: [&str; N]) -> (World, [Who; N]) {
    let mut world = World::new(1);
    let people = names.map(|name| world.person(name));
    world.begin("river", &people);
    (world, people)
}

/// Compares what somebody sees with what they should see.
#[track_caller]
fn sees(world: &World, who: Who, golden: &str) {
    let golden: Vec<&str> = golden.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let timeline = world.sees(who);
    let seen: Vec<&str> = timeline.lines().collect();
    if seen == golden {
        return;
    }
    let mut diff = format!("{} sees:\n", world.peers[who].name);
    for at in 0..seen.len().max(golden.len()) {
        match (golden.get(at), seen.get(at)) {
            (golden, seen) if golden == seen => diff += &format!("    {}\n", seen.unwrap_or(&"")),
            (golden, seen) => {
                golden.into_iter().for_each(|line| diff += &format!("  - {line}\n"));
                seen.into_iter().for_each(|line| diff += &format!("  + {line}\n"));
            }
        }
    }
    panic!("{diff}");
}

/// Links everyone, waits, and compares what all see.
#[track_caller]
fn all_see(world: &mut World, golden: &str) {
    world.make_peace();
    (0..world.peers.len()).for_each(|who| sees(world, who, golden));
    judge(world);
}

#[test]
fn two_talk_lose_each_other_and_meet_again() {
    let (mut world, [alice, bob]) = meet(["alice", "bob"]);
    world.link(alice, bob);
    world.says(alice, "are you there?");
    world.run(100);
    world.says(bob, "yes");
    world.run(100);
    world.cut(alice, bob);
    world.says(alice, "and now?");
    world.says(bob, "hello?");
    sees(&world, alice, "alice: are you there?\nbob: yes\nalice: and now?");
    sees(&world, bob, "alice: are you there?\nbob: yes\nbob: hello?");
    all_see(&mut world, "alice: are you there?\nbob: yes\nalice: and now?\nbob: hello?");
}

#[test]
fn an_offline_edit_meets_a_delete() {
    let (mut world, [alice, bob]) = meet(["alice", "bob"]);
    // The same person, on a copy of her home: the only one who can delete what she edits elsewhere.
    let message = world.says(alice, "I will com");
    world.link(alice, bob);
    world.run(500);
    let copy = world.copy(alice);
    world.cut(alice, bob);
    world.edits(alice, &message, "I will come");
    world.deletes(copy, &message);
    world.reacts(bob, &message, "👍");
    sees(&world, alice, "alice: I will come (edited)");
    sees(&world, copy, "alice: (deleted)");
    sees(&world, bob, "alice: I will com · 👍 bob");
    all_see(&mut world, "alice: (deleted) · 👍 bob");
}

#[test]
fn a_reaction_comes_before_its_message() {
    let (mut world, [alice, bob, carol]) = meet(["alice", "bob", "carol"]);
    world.link(alice, bob);
    let message = world.says(alice, "look");
    world.run(100);
    world.cut(alice, bob);
    // Carol takes part, but hears only bob, who speaks of a message that she has not.
    world.reacts(bob, &message, "🎉");
    world.link(bob, carol);
    world.run(5);
    all_see(&mut world, "alice: look · 🎉 bob");
}

/// Of two messages one was deleted by its author, on another device, and the other erased by the owner. Bob hears of both
/// before he has either.
#[test]
fn a_tombstone_comes_before_its_message() {
    let (mut world, [alice, bob]) = meet(["alice", "bob"]);
    let mut mallory = Mallory::invited(&world);
    mallory.links(&mut world, alice);
    let tablet = DeviceKey::from_seed(&[0x60; 32]).device();
    let cert = UserSaid::DeviceCert { device: tablet, may_enrol: false, prekey: None };
    let cert = Item::User(UserRecord::by_root(cert, vec![], Timestamp(1), &mallory.root)).to_bytes();
    mallory.tells(&mut world, alice, &mallory.controls(&[cert]));
    world.link(alice, bob);
    world.run(2_000);
    world.cut(alice, bob);
    mallory.links(&mut world, bob);
    let mut laptop = mallory.author(0);
    let messages = ["said in haste", "not to be kept"].map(|text| laptop.says(&[text])).to_vec();
    mallory.tells(&mut world, alice, &mallory.push(0, vec![messages.clone()]));
    world.run(1_000);
    let conversation = world.conversation(0);
    let Ok(Reply::Log { rows, .. }) = world.does(alice, Request::Log { conversation, limit: 9, before: None }) else {
        panic!("no log")
    };
    assert_eq!(rows[1].text, "not to be kept");
    let erase = Request::Hide { message: rows[1].id.clone(), off: false, erase: true };
    world.does(alice, erase).expect("she is the owner");
    world.run(1_000);
    let message = truth::rows(&world.peers[alice].store)[0].0;
    let delete = Record::encode_delete(Target { segment: 0, message });
    let tablet = Author::under(mallory.segment(0), 0x60, mallory.grant).next_records(&[(Place::Annotations, delete)]);
    let (has, had) = (truth::items(&world.peers[alice].store), truth::items(&world.peers[bob].store));
    let erasure: Vec<Vec<u8>> = has.difference(&had).map(|(_, bytes)| bytes.clone()).collect();
    assert_eq!(erasure.len(), 1);
    mallory.tells(&mut world, bob, &mallory.controls(&erasure));
    mallory.tells(&mut world, bob, &mallory.push(0, vec![vec![tablet]]));
    world.run(1_000);
    assert!(truth::items(&world.peers[bob].store) == has && truth::rows(&world.peers[bob].store).is_empty());
    mallory.tells(&mut world, bob, &mallory.push(0, vec![messages]));
    world.run(1_000);
    let seen = world.sees(bob);
    assert!(seen.lines().count() == 2 && seen.contains("(deleted)"), "{seen}");
    world.make_peace();
    assert_eq!((world.sees(alice), world.sees(bob)), (seen.clone(), seen));
    for (who, words) in [alice, bob].iter().flat_map(|who| [(*who, "said in haste"), (*who, "not to be kept")]) {
        assert_eq!(truth::places(&world.peers[who].store, words), [""; 0]);
    }
}

#[test]
fn who_joins_late_sees_what_was_said_before() {
    let (mut world, [alice, bob]) = meet(["alice", "bob"]);
    world.link(alice, bob);
    let first = world.says(alice, "first");
    world.run(100);
    let second = world.says(bob, "secnd");
    world.run(100);
    world.edits(bob, &second, "second");
    world.deletes(alice, &first);
    let carol = world.person("carol");
    let link = world.invites[0].clone();
    world.joins(carol, &link);
    sees(&world, carol, "");
    world.link(bob, carol);
    world.run(2_000);
    sees(&world, carol, "alice: (deleted)\nbob: second (edited)");
    world.says(carol, "hello");
    all_see(&mut world, "alice: (deleted)\nbob: second (edited)\ncarol: hello");
}

#[test]
fn three_in_a_line_hear_each_other_at_once() {
    let (mut world, [alice, bob, carol]) = meet(["alice", "bob", "carol"]);
    world.link(alice, bob);
    world.link(bob, carol);
    world.run(500);
    let message = world.says(alice, "pass it on");
    world.run(200);
    sees(&world, carol, "alice: pass it on");
    world.reacts(carol, &message, "👍");
    world.run(200);
    sees(&world, alice, "alice: pass it on · 👍 carol");
    all_see(&mut world, "alice: pass it on · 👍 carol");
}

#[test]
fn who_never_meets_hears_through_a_third() {
    let (mut world, [alice, bob, carol]) = meet(["alice", "bob", "carol"]);
    world.says(alice, "for carol");
    world.link(alice, bob);
    world.run(2_000);
    world.cut(alice, bob);
    world.crash(bob, 1_000);
    world.run(2_000);
    world.link(bob, carol);
    world.run(2_000);
    sees(&world, carol, "alice: for carol");
    all_see(&mut world, "alice: for carol");
}

#[test]
fn nobody_changes_the_words_of_another() {
    let (mut world, [alice, bob]) = meet(["alice", "bob"]);
    world.link(alice, bob);
    let message = world.says(alice, "mine");
    world.run(200);
    for request in [
        bayou_core::rpc::Request::Edit { message: message.clone(), text: "his".into() },
        bayou_core::rpc::Request::Delete { message },
    ] {
        let refused = world.does(bob, request).expect_err("only the author may");
        assert_eq!(refused.code, bayou_core::rpc::ErrorCode::NotAllowed);
    }
    all_see(&mut world, "alice: mine");
}

#[test]
fn clocks_that_are_years_apart_do_not_drag_each_other() {
    let (mut world, [alice, bob]) = meet(["alice", "bob"]);
    world.peers[alice].clock = 5 * 60 * 1000;
    world.peers[bob].clock = -40 * 365 * 24 * 3_600_000;
    world.link(alice, bob);
    world.says(alice, "what year is it?");
    world.run(200);
    world.says(bob, "1986");
    // Bob's clock does not follow hers over forty years: his answer stands where his clock puts it.
    all_see(&mut world, "bob: 1986\nalice: what year is it?");
    // But it follows her five minutes, once it is right.
    world.peers[bob].clock = 0;
    world.says(alice, "no, 2026");
    world.run(200);
    world.says(bob, "sorry");
    all_see(&mut world, "bob: 1986\nalice: what year is it?\nalice: no, 2026\nbob: sorry");
}

#[test]
fn clocks_that_are_set_back_by_years_make_nobody_deaf() {
    let (mut world, [alice, bob, carol]) = meet(["alice", "bob", "carol"]);
    world.peers.iter_mut().for_each(|peer| peer.clock = 30 * 365 * 24 * 3_600_000);
    world.link(alice, bob);
    world.link(bob, carol);
    world.run(1_000);
    world.peers.iter_mut().for_each(|peer| peer.clock = 0);
    // Congestion swallows what alice pushes; only heads, told again and again, bring it to the others.
    world.network.weather.room = 0;
    world.says(alice, "lost on the way");
    world.run(100);
    world.network.weather.room = usize::MAX;
    world.run(120_000);
    sees(&world, carol, "alice: lost on the way");
    all_see(&mut world, "alice: lost on the way");
}

#[test]
fn two_copies_of_a_home_never_fork() {
    let (mut world, [alice, bob]) = meet(["alice", "bob"]);
    world.says(alice, "one");
    let copy = world.copy(alice);
    world.says(alice, "two, here");
    world.says(copy, "two, there");
    world.link(alice, bob);
    world.run(1_000);
    world.swap(alice, copy);
    world.link(copy, bob);
    world.run(1_000);
    world.says(copy, "three");
    all_see(&mut world, "alice: one\nalice: two, here\nalice: two, there\nalice: three");
    let forks = world.peers.iter().flat_map(|peer| &peer.problems).filter(|problem| problem.contains("two histories"));
    assert_eq!(forks.count(), 0);
}

#[test]
fn a_full_disk_says_so_and_loses_nothing() {
    let (mut world, [alice, bob]) = meet(["alice", "bob"]);
    world.says(alice, "kept");
    world.peers[alice].full = 1;
    let conversation = world.conversation(0);
    let refused = world.does(alice, bayou_core::rpc::Request::send(conversation, "not kept"));
    assert_eq!(refused.expect_err("the disk is full").code, bayou_core::rpc::ErrorCode::Machine);
    world.says(alice, "kept again");
    world.link(alice, bob);
    all_see(&mut world, "alice: kept\nalice: kept again");
}
