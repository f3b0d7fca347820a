//! Group keys in the simulated world: who has which, while people come, go, are away and are put out.

use bayou_core::id::{RecordHash, StreamId};
use bayou_core::rpc::{InviteOptions, Reply, Request};
use bayou_core::store::Store;
use bayou_tests::world::{Who, World};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Longer than the last of a few members waits before it makes a key, and asks twice.
const SETTLE_MS: u64 = 40_000;

fn meet(seed: u64, names: &[&str]) -> World {
    let mut world = World::new(seed);
    let people: Vec<Who> = names.iter().map(|name| world.person(name)).collect();
    world.begin("river", &people);
    world.link_all(&people);
    world.run(SETTLE_MS);
    world
}

/// Returns the key that somebody would seal with.
pub(crate) fn key(world: &mut World, who: Who) -> Option<String> {
    let conversation = world.conversation(0);
    let Ok(Reply::Conversations { conversations }) = world.does(who, Request::Conversations) else { panic!("no list") };
    conversations.into_iter().find(|one| one.conversation == conversation)?.epoch
}

/// Returns the key that all of some have.
#[track_caller]
fn common_key(world: &mut World, who: &[Who]) -> String {
    let keys: Vec<Option<String>> = who.iter().map(|who| key(world, *who)).collect();
    let first = keys[0].clone().expect("a key");
    assert!(keys.iter().all(|key| key.as_ref() == Some(&first)), "{keys:?}");
    first
}

/// Tells whether a disk holds a key.
fn keeps(world: &World, who: Who, key: &str) -> bool {
    let id: RecordHash = key.parse().expect("a whole id");
    let kept = world.peers[who].store.read(StreamId::Secrets).expect("memory");
    let mut all = kept.image.iter().chain(&kept.tail);
    all.any(|bytes| bytes.windows(32).any(|part| part == id.as_bytes()))
}

#[test]
fn who_is_removed_does_not_get_the_next_key() {
    let mut world = meet(1, &["alice", "bob", "carol"]);
    let [alice, bob, carol] = [0, 1, 2];
    let before = common_key(&mut world, &[alice, bob, carol]);
    let conversation = world.conversation(0);
    world.does(alice, Request::Remove { conversation, member: "bob".into() }).expect("the owner may");
    world.run(SETTLE_MS);
    let after = common_key(&mut world, &[alice, carol]);
    assert_ne!(before, after);
    assert_eq!(key(&mut world, bob), None);
    assert!(keeps(&world, carol, &after) && keeps(&world, bob, &before) && !keeps(&world, bob, &after));
    // They survive a restart.
    world.crash(carol, 100);
    world.run(1_000);
    assert_eq!(key(&mut world, carol).as_ref(), Some(&after));
}

#[test]
fn who_was_away_gets_the_key_of_anyone_who_has_it() {
    let mut world = meet(2, &["alice", "bob", "carol", "dave"]);
    let [alice, carol, dave] = [0, 2, 3];
    world.partition(&[carol]);
    let conversation = world.conversation(0);
    world.does(alice, Request::Remove { conversation, member: "bob".into() }).expect("the owner may");
    world.run(SETTLE_MS);
    let after = common_key(&mut world, &[alice, dave]);
    assert_ne!(key(&mut world, carol), Some(after.clone()));
    world.part_all();
    world.reunite();
    world.link(carol, dave);
    world.run(SETTLE_MS);
    assert_eq!(common_key(&mut world, &[carol, dave]), after);
}

/// A member lets someone in while the owner, elsewhere, puts another out: the newcomer is not locked out, and who was put
/// out gets nothing.
#[test]
fn somebody_comes_while_another_goes() {
    let mut world = meet(3, &["alice", "bob", "carol"]);
    let [alice, bob, carol] = [0, 1, 2];
    let dave = world.person("dave");
    let link = world.invites[0].clone();
    world.partition(&[alice]);
    world.link_all(&[bob, carol]);
    let conversation = world.conversation(0);
    world.does(alice, Request::Remove { conversation, member: "bob".into() }).expect("the owner may");
    world.joins(dave, &link);
    world.link(carol, dave);
    world.run(SETTLE_MS);
    world.reunite();
    world.link_all(&[alice, bob, carol, dave]);
    world.run(2 * SETTLE_MS);
    let after = common_key(&mut world, &[alice, carol, dave]);
    assert!(!keeps(&world, bob, &after));
}

#[test]
fn who_leaves_and_a_retired_device_do_not_get_the_next_key() {
    let mut world = meet(4, &["alice", "bob", "carol"]);
    let [alice, bob, carol] = [0, 1, 2];
    let other = world.device(alice, false);
    world.link_all(&[alice, bob, carol, other]);
    world.run(SETTLE_MS);
    let first = common_key(&mut world, &[alice, bob, carol, other]);
    let conversation = world.conversation(0);
    world.does(bob, Request::Leave { conversation }).expect("may leave");
    world.run(SETTLE_MS);
    let second = common_key(&mut world, &[alice, carol, other]);
    assert!(second != first && !keeps(&world, bob, &second));
    let device = world.peers[other].device().to_string();
    world.does(alice, Request::RetireDevice { device, phrase: None }).expect("may retire it");
    world.run(SETTLE_MS);
    let third = common_key(&mut world, &[alice, carol]);
    assert!(third != second && !keeps(&world, other, &third));
}

#[test]
fn keys_turn_weekly_and_old_ones_are_erased() {
    let mut world = meet(5, &["alice", "bob"]);
    let both = [0, 1];
    let first = common_key(&mut world, &both);
    let later = |world: &mut World, days: i64| {
        both.iter().for_each(|who| world.peers[*who].clock += days * DAY_MS);
        world.run(2 * SETTLE_MS);
    };
    later(&mut world, 8);
    let second = common_key(&mut world, &both);
    assert_ne!(first, second);
    later(&mut world, 30);
    assert!(both.iter().all(|who| keeps(&world, *who, &first)), "mail may still wait under it");
    later(&mut world, 8);
    assert!(both.iter().all(|who| !keeps(&world, *who, &first)), "37 days after the next one");
    // A newcomer gets what is in use, with a device whose prekeys turned as well.
    let carol = world.person("carol");
    world.peers[carol].clock += 46 * DAY_MS;
    let conversation = world.conversation(0);
    let invite = Request::Invite { conversation, options: InviteOptions::default() };
    let Ok(Reply::Invite { link, .. }) = world.does(0, invite) else { panic!("no link") };
    world.joins(carol, &link);
    world.link_all(&[0, 1, carol]);
    world.run(2 * SETTLE_MS);
    common_key(&mut world, &[0, 1, carol]);
}
