//! Who may do what, in the simulated world: removals, roles and departures while people are apart, and that all who are
//! in see the same in the end.

use bayou_core::rpc::{ErrorCode, InviteOptions, Reply, Request, RpcError, Setting};
use bayou_tests::network::Weather;
use bayou_tests::truth;
use bayou_tests::world::{Who, World};

use crate::group_keys::key;

const SEEDS: u64 = 150;
const NAMES: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];

/// Some people in one conversation, not linked; the first is its owner.
fn meet(seed: u64, count: usize) -> World {
    let mut world = World::new(seed);
    let people: Vec<Who> = NAMES[..count].iter().map(|name| world.person(name)).collect();
    world.begin("river", &people);
    world
}

fn removes(world: &mut World, who: Who, member: &str) -> Result<Reply, RpcError> {
    let conversation = world.conversation(0);
    world.does(who, Request::Remove { conversation, member: member.into() })
}

fn role(world: &mut World, who: Who, member: &str, role: &str) -> Result<Reply, RpcError> {
    let conversation = world.conversation(0);
    world.does(who, Request::Role { conversation, member: member.into(), role: role.into() })
}

fn sends(world: &mut World, who: Who, text: &str) -> Result<Reply, RpcError> {
    let conversation = world.conversation(0);
    world.does(who, Request::send(conversation, text))
}

/// Returns those who are in, as the first of them knows it.
fn who_is_in(world: &mut World) -> Vec<Who> {
    let names: Vec<String> = world.members(0).into_iter().map(|(name, _)| name).collect();
    (0..world.peers.len()).filter(|who| names.contains(&world.peers[*who].name)).collect()
}

#[track_caller]
fn refused(result: Result<Reply, RpcError>, says: &str) {
    let error = result.expect_err("not allowed");
    assert!(error.code == ErrorCode::NotAllowed && error.message.contains(says), "{error:?}");
}

#[test]
fn who_is_removed_hears_nothing_more_and_is_heard_no_more() {
    let mut world = meet(1, 3);
    let [alice, bob, carol] = [0, 1, 2];
    world.link_all(&[alice, bob, carol]);
    world.says(bob, "before");
    world.run(500);
    // Bob and carol are out of alice's reach when she removes bob.
    world.partition(&[bob, carol]);
    world.link(bob, carol);
    removes(&mut world, alice, "bob").expect("the owner may");
    world.says(alice, "not for bob");
    world.says(bob, "while nobody told me");
    world.run(500);
    assert!(world.sees(carol).contains("while nobody told me"), "carol has not heard of it yet");
    world.make_peace_among(&|world| who_is_in(world));
    world.says(alice, "nor this");
    world.run(2_000);
    let seen = "bob: before\nalice: not for bob\nalice: nor this\n";
    assert_eq!([world.sees(alice), world.sees(carol)], [seen, seen]);
    assert!(!world.sees(bob).contains("not for bob") && !world.sees(bob).contains("nor this"));
    assert_eq!(truth::places(&world.peers[bob].store, "nor this"), [""; 0]);
    refused(sends(&mut world, bob, "hello?"), "not in this conversation any more");
    assert_eq!(world.members(carol), world.members(alice));
}

#[test]
fn what_any_admin_had_of_the_removed_is_kept() {
    let mut world = meet(12, 4);
    let [alice, bob, carol, dave] = [0, 1, 2, 3];
    world.link_all(&[alice, bob, carol, dave]);
    role(&mut world, alice, "carol", "admin").expect("the owner may");
    world.says(bob, "all have this");
    world.run(500);
    world.partition(&[bob, carol]);
    world.link(bob, carol);
    world.says(bob, "only carol has this");
    world.run(500);
    removes(&mut world, alice, "bob").expect("the owner may");
    world.run(120_000);
    world.says(bob, "long after");
    world.run(500);
    assert!(world.sees(carol).contains("long after"), "carol has not heard of it yet");
    world.make_peace_among(&|world| who_is_in(world));
    let seen = "bob: all have this\nbob: only carol has this\n";
    for who in [alice, carol, dave] {
        assert_eq!(world.sees(who), seen);
    }
}

#[test]
fn an_admin_can_speak_for_what_was_written_before_they_came() {
    let mut world = meet(13, 2);
    let [alice, bob] = [0, 1];
    world.link(alice, bob);
    world.says(bob, "old words");
    let conversation = world.conversation(0);
    let setting = Setting::History("since_join".into());
    world.does(alice, Request::Set { conversation, setting }).expect("the owner may");
    world.run(500);
    let carol = world.person("carol");
    let link = world.invites[0].clone();
    world.link(alice, carol);
    world.joins(carol, &link);
    world.run(2_000);
    assert_eq!(world.sees(carol), "");
    role(&mut world, alice, "carol", "admin").expect("the owner may");
    world.run(35_000);
    assert_eq!(world.sees(carol), "bob: old words\n");
    removes(&mut world, carol, "bob").expect("an admin may");
    world.make_peace_among(&|world| who_is_in(world));
    assert_eq!([world.sees(alice), world.sees(carol)], ["bob: old words\n", "bob: old words\n"]);
}

#[test]
fn who_comes_back_is_heard_again() {
    let mut world = meet(2, 3);
    let [alice, bob, carol] = [0, 1, 2];
    world.link_all(&[alice, bob, carol]);
    world.says(bob, "before");
    world.run(500);
    removes(&mut world, alice, "bob").expect("the owner may");
    world.run(500);
    world.says(alice, "meanwhile");
    let conversation = world.conversation(0);
    let invite = Request::Invite { conversation, options: InviteOptions::default() };
    let Ok(Reply::Invite { link, .. }) = world.does(alice, invite) else { panic!("no link") };
    let joined = world.does(bob, Request::Join { link });
    assert!(matches!(&joined, Ok(Reply::Joined { state, .. }) if state == "in"), "{joined:?}");
    world.run(1_000);
    world.says(bob, "back");
    world.make_peace();
    assert_eq!(world.sees(carol), "bob: before\nalice: meanwhile\nbob: back\n");
}

#[test]
fn an_older_link_brings_who_was_removed_back_only_if_an_admin_says_so() {
    let mut world = meet(22, 3);
    let [alice, bob, carol] = [0, 1, 2];
    world.link_all(&[alice, bob, carol]);
    removes(&mut world, alice, "bob").expect("the owner may");
    world.run(500);
    let link = world.invites[0].clone();
    world.partition(&[bob, carol]);
    world.link(bob, carol);
    refused(world.does(bob, Request::Join { link: link.clone() }), "you were removed: ask an admin");
    assert_eq!(world.members(carol).len(), 2);
    // The owner's own peer does not let him in either, before she says so.
    world.reunite();
    world.partition(&[alice, bob]);
    world.link(alice, bob);
    let joined = world.does(bob, Request::Join { link });
    assert!(matches!(&joined, Ok(Reply::Joined { state, .. }) if state.contains("waiting")), "{joined:?}");
    let conversation = world.conversation(0);
    world.does(alice, Request::Admit { conversation, user: "bob".into(), yes: true }).expect("an admin may");
    world.run(1_000);
    world.make_peace();
    world.says(bob, "back");
    world.run(2_000);
    assert_eq!(world.sees(carol), "bob: back\n");
}

#[test]
fn roles_bound_what_one_may() {
    let mut world = meet(3, 4);
    let [alice, bob, carol, dave] = [0, 1, 2, 3];
    world.link_all(&[alice, bob, carol, dave]);
    refused(removes(&mut world, bob, "carol"), "your role");
    refused(role(&mut world, bob, "bob", "admin"), "your role");
    role(&mut world, alice, "bob", "admin").expect("the owner may");
    world.run(500);
    removes(&mut world, bob, "carol").expect("an admin may");
    world.run(500);
    refused(sends(&mut world, carol, "still?"), "not in this conversation any more");
    refused(removes(&mut world, bob, "alice"), "rank below you");
    role(&mut world, bob, "dave", "reader").expect("an admin may");
    world.run(500);
    refused(sends(&mut world, dave, "may I?"), "only read");
    world.says(alice, "dave reads this");
    world.run(500);
    assert!(world.sees(dave).contains("dave reads this"));
    role(&mut world, alice, "bob", "owner").expect("handed over");
    world.run(500);
    refused(role(&mut world, alice, "dave", "member"), "handed");
    role(&mut world, bob, "dave", "member").expect("the new owner may");
    world.run(500);
    world.says(dave, "thank you");
    let conversation = world.conversation(0);
    refused(world.does(bob, Request::Leave { conversation: conversation.clone() }), "hand the conversation over");
    world.does(alice, Request::Leave { conversation }).expect("who is not the owner may");
    world.run(500);
    let members = world.members(bob);
    assert_eq!(members, [("bob".into(), "owner".into()), ("dave".into(), "member".into())]);
    assert_eq!(world.sees(bob), world.sees(dave));
}

/// Whoever cannot let in does not hold up who knocks.
#[test]
fn only_who_may_let_in_answers_the_door() {
    let mut world = meet(14, 3);
    let [alice, bob, carol] = [0, 1, 2];
    world.link_all(&[alice, bob, carol]);
    role(&mut world, alice, "bob", "reader").expect("the owner may");
    world.run(500);
    world.part_all();
    let dave = world.person("dave");
    let link = world.invites[0].clone();
    let joined = world.does(dave, Request::Join { link });
    assert!(matches!(&joined, Ok(Reply::Joined { state, .. }) if state.starts_with("looking")), "{joined:?}");
    world.link(bob, dave);
    world.run(40_000);
    assert_eq!(world.members(bob).len(), 3);
    let Ok(Reply::Members { guests, .. }) = world.does(bob, Request::Members { conversation: world.conversation(0) })
    else {
        panic!("no members")
    };
    assert!(guests.is_empty(), "a reader is not asked");
    world.link(carol, dave);
    world.run(40_000);
    assert_eq!(world.members(dave).len(), 4);
}

#[test]
fn who_may_read_since_joining_reads_nothing_older() {
    let mut world = meet(4, 2);
    let [alice, bob] = [0, 1];
    world.link(alice, bob);
    world.says(alice, "old words");
    let conversation = world.conversation(0);
    let setting = Setting::History("since_join".into());
    world.does(alice, Request::Set { conversation, setting }).expect("the owner may");
    world.run(500);
    let carol = world.person("carol");
    let link = world.invites[0].clone();
    world.link(bob, carol);
    world.joins(carol, &link);
    world.run(2_000);
    world.says(alice, "new words");
    world.says(carol, "hello");
    world.run(35_000);
    for who in [alice, bob] {
        assert_eq!(world.sees(who), "alice: old words\nalice: new words\ncarol: hello\n");
    }
    assert_eq!(world.sees(carol), "alice: new words\ncarol: hello\n");
    assert_eq!(truth::places(&world.peers[carol].store, "old words"), [""; 0]);
    let Ok(Reply::Log { rows, .. }) =
        world.does(alice, Request::Log { conversation: world.conversation(0), limit: 9, before: None })
    else {
        panic!("no rows")
    };
    let states: Vec<&str> = rows.iter().map(|row| row.state.as_str()).collect();
    assert_eq!(states, ["with all", "with 1 of 2", "received"], "carol is not waited for where she may not read");
    world.reacts(carol, &world.peers[alice].kept[1].0.to_string(), "👋");
    world.run(500);
    assert!(world.sees(alice).contains("👋 carol"));
}

/// People who are apart more often than not write, remove each other, give roles and go; in the end all who are in see
/// the same, and an index that is built anew comes out the same.
#[test]
fn whatever_is_done_to_each_other_all_who_are_in_agree() {
    let only = std::env::var("BAYOU_SEED").ok().and_then(|seed| seed.parse().ok());
    let (mut out, mut changed) = (0, 0);
    for seed in only.map_or(0..SEEDS, |seed| seed..seed + 1) {
        println!("BAYOU_SEED={seed}");
        let mut world = meet(seed, NAMES.len());
        world.network.weather = Weather { delay: 10 + seed % 200, room: 64, rough: true };
        for name in ["bob", "carol"] {
            role(&mut world, 0, name, "admin").expect("the owner may");
        }
        world.link_all(&[0, 1, 2, 3, 4, 5]);
        world.run(3_000);
        for _ in 0..40 {
            changed += u32::from(step(&mut world));
        }
        world.make_peace_among(&|world| who_is_in(world));
        let who = who_is_in(&mut world);
        out += NAMES.len() - who.len();
        let keys: Vec<Option<String>> = (0..NAMES.len()).map(|one| key(&mut world, one)).collect();
        for one in 0..NAMES.len() {
            assert_eq!(keys[one] == keys[0], who.contains(&one), "{} of those who are in: {keys:?}", NAMES[one]);
        }
        for one in who {
            let mut anew = world.peers[one].without_index();
            anew.start(0);
            let (ours, theirs) = (truth::index(&world.peers[one].store), truth::index(&anew.store));
            assert_eq!(truth::difference(&ours, &theirs), None, "{}'s index, built anew", NAMES[one]);
        }
    }
    println!("{changed} changes of who may do what, {out} were out in the end");
    assert!(only.is_some() || (out > 30 && changed > 200), "{changed} {out}");
}

/// Lets somebody do something; tells whether who may do what was changed.
fn step(world: &mut World) -> bool {
    let who = usize::try_from(world.dice.below(6)).unwrap();
    let member = NAMES[usize::try_from(world.dice.below(6)).unwrap()];
    let conversation = world.conversation(0);
    if !world.peers[who].is_up() {
        world.run(500);
        return false;
    }
    let done = match world.dice.below(20) {
        0..8 => {
            let text = format!("words {}", world.dice.number());
            sends(world, who, &text).ok();
            Ok(Reply::Done { done: false })
        }
        8 => removes(world, who, member),
        9 => role(world, who, member, "reader"),
        10 | 11 => role(world, who, member, "member"),
        12 => role(world, who, member, "admin"),
        13 if who > 3 => world.does(who, Request::Leave { conversation }),
        14 => {
            let some = [who, usize::try_from(world.dice.below(6)).unwrap()];
            world.partition(&some);
            world.link_all(&some);
            Ok(Reply::Done { done: false })
        }
        15 => {
            let ms = world.dice.below(3_000);
            world.crash(who, ms);
            Ok(Reply::Done { done: false })
        }
        _ => {
            world.reunite();
            world.link_all(&[0, 1, 2, 3, 4, 5]);
            let ms = world.dice.below(4_000);
            world.run(ms);
            Ok(Reply::Done { done: false })
        }
    };
    matches!(done, Ok(Reply::Done { done: true }))
}
