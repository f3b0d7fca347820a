//! Mail, in the simulated world: who is away is reached by it, whoever goes meanwhile; and what it must never do.

mod process;

use bayou_core::rpc::{MailboxStanding, Reply, Request, Setting};
use bayou_core::time::Timestamp;
use bayou_tests::mailboxes::Mood;
use bayou_tests::truth;
use bayou_tests::verdict::judge;
use bayou_tests::world::{Who, World};

const HOUR_MS: u64 = 60 * 60 * 1000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Longer than a tick, the grace and a few answers.
const A_MOMENT: u64 = 4_000;

/// Longer than it takes until keys are made and handed on.
const A_WHILE: u64 = 40_000;

/// Far longer than any story.
const FOR_EVER: u64 = u64::MAX / 4;

/// Some people in one conversation with mailboxes, who share a key and are not linked any more.
fn meet<const N: usize>(names: [&str; N], mailboxes: usize) -> (World, [Who; N], Vec<String>) {
    let mut world = World::new(1);
    let people = names.map(|name| world.person(name));
    world.begin("river", &people);
    let nodes: Vec<String> = (0..mailboxes).map(|_| world.mailboxes.open(1)).collect();
    let setting = Setting::Mailboxes(nodes.clone());
    let conversation = world.conversation(0);
    world.link_all(&people);
    world.does(people[0], Request::Set { conversation, setting }).expect("the owner may");
    world.run(A_WHILE);
    world.part_all();
    (world, people, nodes)
}

/// Somebody's machine is off.
fn goes(world: &mut World, who: Who) {
    world.crash(who, FOR_EVER);
}

/// Somebody comes back so many days later, by their clock and everyone's.
fn comes_back(world: &mut World, who: Who, days: u64) {
    world.peers.iter_mut().for_each(|peer| peer.clock += i64::try_from(days * DAY_MS).expect("small"));
    world.start(who);
}

/// Returns what is told of the state of somebody's message.
fn state(world: &mut World, who: Who, text: &str) -> String {
    let request = Request::Log { conversation: world.conversation(0), limit: 1000, before: None };
    let Ok(Reply::Log { rows, .. }) = world.does(who, request) else { panic!("no log") };
    rows.into_iter().find(|row| row.text == text).expect("it is there").state
}

#[track_caller]
fn sees(world: &World, who: Who, text: &str) {
    assert!(world.sees(who).contains(text), "{} sees\n{}", world.peers[who].name, world.sees(who));
}

#[test]
fn who_comes_a_day_later_hears_from_who_is_gone() {
    let (mut world, [alice, bob], nodes) = meet(["alice", "bob"], 1);
    goes(&mut world, bob);
    world.says(alice, "good night");
    assert_eq!(state(&mut world, alice, "good night"), "kept");
    world.run(200);
    assert_eq!(state(&mut world, alice, "good night"), "with a mailbox");
    goes(&mut world, alice);
    comes_back(&mut world, bob, 1);
    world.run(A_MOMENT);
    sees(&world, bob, "alice: good night");
    // What Bob answers waits for Alice, as she is not there.
    world.says(bob, "good morning");
    world.run(A_MOMENT);
    assert_eq!(state(&mut world, bob, "good morning"), "with a mailbox");
    goes(&mut world, bob);
    comes_back(&mut world, alice, 3);
    world.run(A_MOMENT);
    sees(&world, alice, "bob: good morning");
    // What was fetched is not fetched again. (The first time she may read what she herself put there.)
    world.run(2 * HOUR_MS);
    let given = world.mailboxes.node(&nodes[0]).given;
    world.run(2 * HOUR_MS);
    assert_eq!(world.mailboxes.node(&nodes[0]).given, given);
    world.start(bob);
    world.make_peace();
    judge(&world);
}

#[test]
fn a_burst_goes_in_few_envelopes_and_what_all_have_in_none() {
    let (mut world, [alice, bob], nodes) = meet(["alice", "bob"], 1);
    let before = world.mailboxes.node(&nodes[0]).put;
    world.link(alice, bob);
    world.run(1_000);
    world.says(alice, "you are here");
    world.run(A_WHILE);
    assert_eq!(world.mailboxes.node(&nodes[0]).put, before);
    goes(&mut world, bob);
    for number in 0..50 {
        let request = Request::send(world.conversation(0), format!("number {number}"));
        world.asks(alice, request);
    }
    world.run(A_MOMENT);
    let put = world.mailboxes.node(&nodes[0]).put - before;
    assert!((1..=4).contains(&put), "{put} envelopes");
    goes(&mut world, alice);
    comes_back(&mut world, bob, 1);
    world.run(A_MOMENT);
    (0..50).for_each(|number| sees(&world, bob, &format!("number {number}\n")));
}

#[test]
fn mail_is_kept_for_thirty_days_and_what_is_older_comes_when_people_meet() {
    let (mut world, [alice, bob], _) = meet(["alice", "bob"], 1);
    goes(&mut world, bob);
    world.says(alice, "soon");
    world.run(A_MOMENT);
    goes(&mut world, alice);
    comes_back(&mut world, bob, 40);
    world.run(A_WHILE);
    assert!(!world.sees(bob).contains("soon"));
    // Alice is back as well, and mails nothing that is so old.
    world.start(alice);
    world.says(alice, "later");
    world.run(A_WHILE);
    assert!(!world.sees(bob).contains("soon"));
    world.make_peace();
    sees(&world, bob, "alice: soon");
    sees(&world, bob, "alice: later");
    judge(&world);
}

#[test]
fn several_mailboxes_and_one_of_them_is_enough() {
    let (mut world, [alice, bob], nodes) = meet(["alice", "bob"], 3);
    goes(&mut world, bob);
    world.mailboxes.node(&nodes[0]).mood = Mood::Down;
    world.mailboxes.node(&nodes[1]).mood = Mood::Down;
    world.says(alice, "one will do");
    world.run(A_MOMENT);
    assert_eq!(state(&mut world, alice, "one will do"), "with a mailbox");
    // One that was out of reach is brought up to date when it is back.
    world.mailboxes.node(&nodes[1]).mood = Mood::Honest;
    world.run(3 * A_WHILE);
    goes(&mut world, alice);
    world.mailboxes.node(&nodes[2]).mood = Mood::Down;
    comes_back(&mut world, bob, 1);
    world.run(A_MOMENT);
    sees(&world, bob, "one will do");
}

#[test]
fn what_was_said_while_no_mailbox_was_there_is_mailed_after_a_restart() {
    let (mut world, [alice, bob], nodes) = meet(["alice", "bob"], 1);
    goes(&mut world, bob);
    world.mailboxes.node(&nodes[0]).mood = Mood::Down;
    world.says(alice, "is anybody there?");
    world.run(A_MOMENT);
    assert_eq!(state(&mut world, alice, "is anybody there?"), "kept");
    world.crash(alice, 100);
    world.mailboxes.node(&nodes[0]).mood = Mood::Honest;
    world.run(A_MOMENT);
    assert_eq!(state(&mut world, alice, "is anybody there?"), "with a mailbox");
    goes(&mut world, alice);
    comes_back(&mut world, bob, 2);
    world.run(A_MOMENT);
    sees(&world, bob, "is anybody there?");
}

/// Bob is away while Carol is put out. The removal, the new key and what was said under it reach him by mail alone, and
/// Carol reads nothing of it, though she looks into the same mailbox.
#[test]
fn who_was_away_while_somebody_was_removed_gets_the_new_key_by_mail() {
    let (mut world, [alice, bob, carol], _) = meet(["alice", "bob", "carol"], 1);
    goes(&mut world, bob);
    let conversation = world.conversation(0);
    world.does(alice, Request::Remove { conversation, member: "carol".into() }).expect("the owner may");
    world.says(alice, "she is gone");
    world.run(A_WHILE);
    goes(&mut world, alice);
    comes_back(&mut world, bob, 9);
    world.run(A_WHILE);
    sees(&world, bob, "she is gone");
    assert_eq!(world.members(bob).len(), 2);
    assert!(!world.sees(carol).contains("she is gone"), "{}", world.sees(carol));
    // And Bob answers under the new key.
    world.says(bob, "good");
    world.run(A_MOMENT);
    goes(&mut world, bob);
    comes_back(&mut world, alice, 1);
    world.run(A_WHILE);
    sees(&world, alice, "bob: good");
    assert!(!world.sees(carol).contains("good"));
}

/// Each talks by mail alone for five weeks, never at the same time. Keys turn meanwhile.
#[test]
fn two_who_never_meet_talk_for_weeks() {
    let (mut world, [alice, bob], _) = meet(["alice", "bob"], 2);
    goes(&mut world, bob);
    goes(&mut world, alice);
    for week in 0..5 {
        for (who, other) in [(alice, "bob"), (bob, "alice")] {
            comes_back(&mut world, who, 4);
            world.run(A_WHILE);
            if week > 0 || who == bob {
                let last = format!("{other}: week {}", if who == alice { week - 1 } else { week });
                let mut whiles = 1;
                while !world.sees(who).contains(&last) && whiles < 8 {
                    world.run(A_WHILE);
                    whiles += 1;
                }
                println!("week {week}: {} sees {last:?} after {whiles}", world.peers[who].name);
                sees(&world, who, &last);
            }
            world.says(who, &format!("week {week}"));
            world.run(A_WHILE);
            goes(&mut world, who);
        }
    }
    assert!(world.peers[alice].problems.is_empty(), "{:?}", world.peers[alice].problems);
    world.start(alice);
    world.start(bob);
    world.make_peace();
    judge(&world);
}

/// A newcomer is let in and writes while Bob is away.
#[test]
fn a_newcomer_whom_one_never_met_is_known_by_mail() {
    let (mut world, [alice, bob], _) = meet(["alice", "bob"], 1);
    goes(&mut world, bob);
    let carol = world.person("carol");
    let link = world.invites[0].clone();
    world.joins(carol, &link);
    world.link(alice, carol);
    world.run(A_WHILE);
    world.part_all();
    world.says(carol, "I am new here");
    world.run(A_MOMENT);
    goes(&mut world, alice);
    goes(&mut world, carol);
    comes_back(&mut world, bob, 2);
    world.run(A_WHILE);
    sees(&world, bob, "carol: I am new here");
    assert_eq!(world.members(bob).len(), 3);
}

/// The envelope with the words still lies there when they were deleted: nobody takes them in any more.
#[test]
fn deleted_words_do_not_come_back_by_mail() {
    let (mut world, [alice, bob, carol], nodes) = meet(["alice", "bob", "carol"], 1);
    goes(&mut world, bob);
    let message = world.says(alice, "unsayable");
    world.run(A_MOMENT);
    world.deletes(alice, &message);
    world.run(A_MOMENT);
    goes(&mut world, alice);
    comes_back(&mut world, bob, 1);
    world.run(A_WHILE);
    assert!(!world.sees(bob).contains("unsayable"));
    assert_eq!(truth::places(&world.peers[bob].store, "unsayable"), [""; 0]);
    // All that lies there is given again, to who has forgotten what was read.
    assert!(world.mailboxes.node(&nodes[0]).given > 0);
    let bare = world.peers[bob].without_index();
    world.peers[bob] = bare;
    world.start(bob);
    world.run(A_WHILE);
    assert_eq!(truth::places(&world.peers[bob].store, "unsayable"), [""; 0]);
    assert_eq!(truth::undead(&world.peers[carol].store), None);
}

#[test]
fn messages_that_disappeared_on_the_way_are_not_shown() {
    let (mut world, [alice, bob], _) = meet(["alice", "bob"], 1);
    let (conversation, setting) = (world.conversation(0), Setting::Disappear(3600));
    world.does(alice, Request::Set { conversation, setting }).expect("the owner may");
    goes(&mut world, bob);
    world.says(alice, "for an hour");
    world.run(A_MOMENT);
    goes(&mut world, alice);
    comes_back(&mut world, bob, 1);
    world.run(A_WHILE);
    assert!(!world.sees(bob).contains("for an hour"));
    assert_eq!(truth::places(&world.peers[bob].store, "for an hour"), [""; 0]);
}

/// Nobody who was away when the mailbox was named knows of it. Bob looks into the one of his own node, too.
#[test]
fn who_was_away_when_a_mailbox_was_named_finds_it_among_their_own_nodes() {
    let (mut world, [alice, bob], nodes) = meet(["alice", "bob"], 1);
    let conversation = world.conversation(0);
    world.link(alice, bob);
    world
        .does(alice, Request::Set { conversation: conversation.clone(), setting: Setting::Mailboxes(vec![]) })
        .expect("the owner may");
    world.run(A_WHILE);
    world.part_all();
    goes(&mut world, bob);
    world
        .does(alice, Request::Set { conversation, setting: Setting::Mailboxes(nodes.clone()) })
        .expect("the owner may");
    world.says(alice, "here");
    world.run(A_MOMENT);
    goes(&mut world, alice);
    comes_back(&mut world, bob, 1);
    world.run(A_WHILE);
    assert!(!world.sees(bob).contains("here"), "he does not know where to look");
    world.uses_mailboxes(bob, &nodes);
    world.run(A_MOMENT);
    sees(&world, bob, "alice: here");
    // Now he knows, and what he answers waits there.
    world.says(bob, "there");
    world.run(A_MOMENT);
    assert_eq!(state(&mut world, bob, "there"), "with a mailbox");
}

/// Into a mailbox that is only likely to have something, people look now and then, and put nothing.
#[test]
fn a_mailbox_that_is_not_named_is_asked_rarely_and_given_nothing() {
    let (mut world, [alice, bob], _) = meet(["alice", "bob"], 0);
    let likely = world.mailboxes.open(1);
    world.uses_mailboxes(alice, std::slice::from_ref(&likely));
    goes(&mut world, bob);
    world.says(alice, "to myself");
    world.run(A_WHILE);
    let (asked, put) = (world.mailboxes.node(&likely).asked, world.mailboxes.node(&likely).put);
    assert!(asked > 0 && put == 0, "{asked} {put}");
    world.run(5 * HOUR_MS);
    assert_eq!(world.mailboxes.node(&likely).asked, asked);
    world.run(2 * HOUR_MS);
    let again = world.mailboxes.node(&likely).asked - asked;
    assert!((1..32).contains(&again), "{again}: only the days that are not over");
    assert_eq!(state(&mut world, alice, "to myself"), "kept");
    // One that is down is left alone for longer and longer.
    world.mailboxes.node(&likely).mood = Mood::Down;
    world.crash(alice, 100);
    world.run(A_MOMENT);
    world.uses_mailboxes(alice, std::slice::from_ref(&likely));
    world.run(A_MOMENT);
    let standing = standing(&mut world, alice);
    assert_eq!((standing.len(), standing[0].named, standing[0].reached), (1, false, false));
}

#[test]
fn a_new_conversation_has_the_mailboxes_of_who_begins_it() {
    let mut world = World::new(1);
    let alice = world.person("alice");
    let nodes: Vec<String> = (0..4).map(|_| world.mailboxes.open(1)).collect();
    world.uses_mailboxes(alice, &nodes);
    world.begin("river", &[alice]);
    let named: Vec<String> = standing(&mut world, alice).into_iter().filter(|m| m.named).map(|m| m.address).collect();
    assert_eq!(named, nodes[..3], "as many as a conversation may have");
    judge(&world);
}

/// What a mailbox refuses, and what of it is good for nothing, is told in words.
#[test]
fn what_goes_wrong_with_a_mailbox_is_told() {
    let (mut world, [alice, bob], nodes) = meet(["alice", "bob"], 1);
    assert_eq!(standing(&mut world, alice)[0].problem, None);
    goes(&mut world, bob);
    world.mailboxes.node(&nodes[0]).mood = Mood::Down;
    world.says(alice, "hello");
    world.run(A_MOMENT);
    assert_eq!(standing(&mut world, alice)[0].problem.as_deref(), Some("it is down"));
    world.mailboxes.node(&nodes[0]).mood = Mood::Full;
    world.run(A_WHILE);
    let refused = standing(&mut world, alice)[0].problem.clone();
    assert_eq!(refused.as_deref(), Some("it did not take an envelope: it is full"));
    world.mailboxes.node(&nodes[0]).mood = Mood::Honest;
    world.run(5 * 60_000);
    assert_eq!(
        (standing(&mut world, alice)[0].problem.clone(), state(&mut world, alice, "hello")),
        (None, "with a mailbox".into())
    );
    let lie = bytes::Bytes::from(vec![1; 256]);
    world
        .mailboxes
        .node(&nodes[0])
        .kept
        .values_mut()
        .for_each(|kept| kept.push((Timestamp(u64::MAX / 2), lie.clone())));
    goes(&mut world, alice);
    comes_back(&mut world, bob, 0);
    world.run(A_MOMENT);
    sees(&world, bob, "alice: hello");
    let told = standing(&mut world, bob);
    assert!(told[0].useless > 0, "{told:?}");
    assert_eq!(
        told[0].useless_because.as_deref(),
        Some("it was changed, or sealed under a key that this device does not hold")
    );
}

/// A disk of the node's died, and what lay there with it. Whoever wrote it hears so with the next look, and puts it again.
#[test]
fn what_a_mailbox_lost_is_put_again() {
    let (mut world, [alice, bob], nodes) = meet(["alice", "bob"], 1);
    goes(&mut world, bob);
    world.says(alice, "once more");
    world.run(A_WHILE);
    assert_eq!(state(&mut world, alice, "once more"), "with a mailbox");
    let put = world.mailboxes.node(&nodes[0]).put;
    world.run(3 * 60_000);
    assert_eq!(world.mailboxes.node(&nodes[0]).put, put, "nothing is put twice");
    let node = world.mailboxes.node(&nodes[0]);
    node.kept.clear();
    node.begun += 1;
    world.run(3 * 60_000);
    // One that says so all the time is believed once an hour.
    let again = world.mailboxes.node(&nodes[0]).put;
    assert!(again > put);
    for _ in 0..10 {
        world.mailboxes.node(&nodes[0]).begun += 1;
        world.run(2 * 60_000);
    }
    assert_eq!(world.mailboxes.node(&nodes[0]).put, again);
    goes(&mut world, alice);
    comes_back(&mut world, bob, 1);
    world.run(A_WHILE);
    sees(&world, bob, "alice: once more");
}

/// Returns how it stands with the mailboxes.
fn standing(world: &mut World, who: Who) -> Vec<MailboxStanding> {
    let request = Request::ConversationStatus { conversation: world.conversation(0) };
    let Ok(Reply::Standing { standing }) = world.does(who, request) else { panic!("no standing") };
    standing.mailboxes
}

#[test]
fn a_mailbox_is_an_address_with_a_name() {
    let (mut world, [alice, bob], nodes) = meet(["alice", "bob"], 1);
    let set = |world: &mut World, who: Who, nodes: &[&str]| {
        let setting = Setting::Mailboxes(nodes.iter().map(ToString::to_string).collect());
        world.does(who, Request::Set { conversation: world.conversation(0), setting })
    };
    for bad in [&["nowhere"][..], &["/ip4/192.0.2.7/udp/4001/quic-v1"], &["/a/p2p/b"; 4]] {
        assert!(set(&mut world, alice, bad).is_err(), "{bad:?}");
    }
    assert!(set(&mut world, bob, &["/a/p2p/b"]).is_err(), "members do not change settings");
    // Without one nothing is mailed any more.
    set(&mut world, alice, &[]).expect("the owner may");
    let put = world.mailboxes.node(&nodes[0]).put;
    world.says(alice, "to myself");
    world.run(A_WHILE);
    assert_eq!((world.mailboxes.node(&nodes[0]).put, state(&mut world, alice, "to myself")), (put, "kept".into()));
}
