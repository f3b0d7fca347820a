//! Disappearing messages: they go at the same time for all, whichever way they came, and leave nothing on any disk.

use bayou_core::rpc::{Reply, Request, Setting};
use bayou_tests::truth;
use bayou_tests::verdict::judge;
use bayou_tests::world::{Who, World};

const SECOND: u64 = 1000;
const HOUR: u32 = 3600;
const YEAR: u64 = 365 * 24 * 3600 * SECOND;

/// An hour, and what it is rounded up by, and some ticks.
const OVER_AN_HOUR: u64 = (3600 + 15 + 5) * SECOND;

const WORDS: &str = "burn this after reading";

/// Some people in one conversation, linked, where messages disappear after an hour.
fn meet<const N: usize>(names: [&str; N]) -> (World, [Who; N]) {
    let mut world = World::new(7);
    let people = names.map(|name| world.person(name));
    world.begin("river", &people);
    disappear(&mut world, people[0], HOUR);
    world.link_all(&people);
    world.run(SECOND);
    (world, people)
}

fn disappear(world: &mut World, who: Who, seconds: u32) {
    let conversation = world.conversation(0);
    world.does(who, Request::Set { conversation, setting: Setting::Disappear(seconds) }).expect("an owner may");
}

/// Returns what a front end shows.
fn shows(world: &mut World, who: Who) -> Vec<String> {
    let conversation = world.conversation(0);
    match world.does(who, Request::Log { conversation, limit: 100, before: None }) {
        Ok(Reply::Log { rows, .. }) => rows.into_iter().map(|row| row.text).collect(),
        other => panic!("no log: {other:?}"),
    }
}

#[track_caller]
fn nobody_has(world: &World, text: &str) {
    for peer in &world.peers {
        assert_eq!(truth::places(&peer.store, text), [""; 0], "{} still has {text:?}", peer.name);
    }
}

#[test]
fn it_goes_for_all_in_whatever_order_things_came() {
    let (mut world, [alice, bob, carol]) = meet(["alice", "bob", "carol"]);
    world.part_all();
    world.link(alice, bob);
    let message = world.says(alice, WORDS);
    world.run(SECOND);
    world.cut(alice, bob);
    world.edits(alice, &message, "ashes");
    world.reacts(bob, &message, "🔥");
    // Carol hears of the reaction long before the edit, and of that only when the message is gone.
    world.link(bob, carol);
    world.run(OVER_AN_HOUR / 2);
    assert_eq!(shows(&mut world, carol), [WORDS]);
    assert_eq!(shows(&mut world, alice), ["ashes"]);
    world.run(OVER_AN_HOUR / 2);
    for who in [alice, bob, carol] {
        assert_eq!(world.sees(who), "");
        assert_eq!(world.peers[who].gone, [message.as_str()], "{}", world.peers[who].name);
    }
    world.make_peace();
    judge(&world);
    for text in [WORDS, "ashes"] {
        nobody_has(&world, text);
    }
}

#[test]
fn an_edit_does_not_prolong_it() {
    let (mut world, [alice, bob]) = meet(["alice", "bob"]);
    let message = world.says(alice, WORDS);
    world.run(OVER_AN_HOUR - 60 * SECOND);
    world.edits(alice, &message, "ashes");
    world.run(SECOND);
    assert_eq!(shows(&mut world, bob), ["ashes"]);
    world.run(60 * SECOND);
    assert_eq!(shows(&mut world, bob), [""; 0]);
    world.make_peace();
    judge(&world);
    nobody_has(&world, "ashes");
}

#[test]
fn what_is_late_is_never_shown_nor_kept() {
    let (mut world, [alice, bob]) = meet(["alice", "bob"]);
    world.part_all();
    world.says(alice, WORDS);
    // Her clock is set back, so she still has it when for bob its time is long over.
    world.peers[alice].clock -= 2 * 3600 * 1000;
    world.run(OVER_AN_HOUR);
    assert_eq!(shows(&mut world, alice), [WORDS]);
    world.link(alice, bob);
    for _ in 0..100 {
        world.run(20);
        assert_eq!(world.sees(bob), "");
        assert_eq!(truth::places(&world.peers[bob].store, WORDS), [""; 0]);
    }
    assert_eq!(truth::gone(&world.peers[bob].store).len(), 1, "it never came");
    assert_eq!(world.peers[bob].gone, [""; 0], "nobody was shown it");
    world.peers[alice].clock = 0;
    world.make_peace();
    judge(&world);
    nobody_has(&world, WORDS);
}

#[test]
fn between_two_ticks_it_is_not_shown() {
    let (mut world, [alice, _]) = meet(["alice", "bob"]);
    let message = world.says(alice, WORDS);
    world.peers[alice].tick_at = u64::MAX;
    world.run(OVER_AN_HOUR);
    assert!(world.sees(alice).contains(WORDS), "it went without a tick");
    assert_eq!(shows(&mut world, alice), [""; 0]);
    let edit = Request::Edit { message: message.clone(), text: "ashes".into() };
    assert!(world.does(alice, edit).is_err());
    // It was in a list of conversations, too.
    match world.does(alice, Request::Conversations) {
        Ok(Reply::Conversations { conversations }) => assert_eq!(conversations[0].last_text, ""),
        other => panic!("no list: {other:?}"),
    }
}

#[test]
fn a_crash_at_any_moment_leaves_nothing() {
    for effects in 0..12 {
        let (mut world, [alice, bob]) = meet(["alice", "bob"]);
        world.says(alice, WORDS);
        world.run(OVER_AN_HOUR - 25 * SECOND);
        world.peers[bob].fuse = Some(effects);
        world.run(30 * SECOND);
        world.crash(bob, 100);
        world.make_peace();
        assert_eq!(world.sees(bob), "", "crashed after {effects} effects");
        judge(&world);
        nobody_has(&world, WORDS);
    }
}

#[test]
fn an_index_built_anew_does_not_bring_it_back() {
    let (mut world, [alice, bob]) = meet(["alice", "bob"]);
    world.says(alice, WORDS);
    world.run(SECOND);
    let mut anew = world.peers[bob].without_index();
    anew.start(world.now + OVER_AN_HOUR);
    assert_eq!(truth::rows(&anew.store), []);
    assert_eq!(truth::gone(&anew.store).len(), 1);
}

#[test]
fn who_was_away_for_a_year_starts_without_them() {
    let (mut world, [alice, bob]) = meet(["alice", "bob"]);
    // More than go at once.
    (0..300).for_each(|n| drop(world.says(alice, &format!("{WORDS} {n}"))));
    disappear(&mut world, alice, 0);
    world.says(alice, "this stays");
    world.run(5 * SECOND);
    assert_eq!(shows(&mut world, bob).len(), 100);
    world.crash(bob, YEAR);
    world.now += YEAR;
    world.run(SECOND);
    assert_eq!(world.sees(bob), "alice: this stays\n");
    world.make_peace();
    judge(&world);
    nobody_has(&world, WORDS);
}

#[test]
fn a_setting_that_changes_leaves_older_messages_as_they_were() {
    let (mut world, [alice, bob]) = meet(["alice", "bob"]);
    world.says(alice, "an hour");
    disappear(&mut world, alice, 0);
    world.run(SECOND);
    world.says(bob, "for ever");
    disappear(&mut world, alice, 60);
    world.run(SECOND);
    world.says(bob, "a minute");
    world.run(SECOND);
    assert_eq!(shows(&mut world, alice), ["an hour", "for ever", "a minute"]);
    world.run(62 * SECOND);
    assert_eq!(shows(&mut world, alice), ["an hour", "for ever"]);
    disappear(&mut world, alice, 0);
    world.run(OVER_AN_HOUR);
    assert_eq!(shows(&mut world, alice), ["for ever"]);
    world.make_peace();
    judge(&world);
}
