//! From a contact link to a conversation of two.

use std::io;

use bayou_core::rpc::{ErrorCode, Event, Request, Setting};
use bayou_tests::process::Peer;
use bayou_tests::world::{Who, World};
use serde_json::Value;

use super::{accepts, asks, contact, link, of_two, reads, requests, writes};

/// Alice and bob, who share nothing; not linked.
fn strangers(seed: u64) -> (World, [Who; 2]) {
    let mut world = World::new(seed);
    let people = [world.person("alice"), world.person("bob")];
    (world, people)
}

#[test]
fn who_has_a_link_asks_and_both_talk_alone() {
    let (mut world, [alice, bob]) = strangers(1);
    let alices = link(&mut world, alice, false);
    assert_eq!(asks(&mut world, bob, &alices, "we met on the boat"), (None, "looking for them".into()));
    world.link(alice, bob);
    world.run(2_000);
    let (received, _) = requests(&mut world, alice);
    assert_eq!((received[0].name.as_str(), received[0].message.as_str()), ("bob", "we met on the boat"));
    assert!(world.peers[alice].told.iter().any(|event| matches!(event, Event::Asker(asker) if asker.name == "bob")));
    assert_eq!(requests(&mut world, bob).1[0].state, "waiting for their answer");
    let conversation = accepts(&mut world, alice, "bob");
    world.run(3_000);
    writes(&mut world, alice, &conversation, "hello");
    writes(&mut world, bob, "alice", "hello yourself");
    world.run(2_000);
    for (who, other) in [(alice, "bob"), (bob, "alice")] {
        let all = of_two(&mut world, who);
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].title.as_str(), all[0].conversation.as_str()), (other, conversation.as_str()));
        assert_eq!(all[0].role.as_deref(), Some("member"));
        assert_eq!(reads(&mut world, who, other), ["alice: hello", "bob: hello yourself"]);
        assert_eq!(requests(&mut world, who), (vec![], vec![]));
    }
    assert!(contact(&mut world, bob, "alice").by_link && !contact(&mut world, alice, "bob").by_link);
    assert_eq!(asks(&mut world, bob, &alices, "again"), (Some(conversation), "in".into()));
    world.make_peace();
}

/// Both may change settings, and nobody can be let in or put out.
#[test]
fn two_are_two_and_equal() {
    let (mut world, [alice, bob]) = strangers(2);
    let alices = link(&mut world, alice, false);
    asks(&mut world, bob, &alices, "");
    world.link(alice, bob);
    world.run(2_000);
    let conversation = accepts(&mut world, alice, "bob");
    world.run(3_000);
    for (who, seconds) in [(alice, 60), (bob, 3_600)] {
        let setting = Setting::Disappear(seconds);
        world.does(who, Request::Set { conversation: conversation.clone(), setting }).expect("both may");
        world.run(2_000);
        assert_eq!([alice, bob].map(|who| of_two(&mut world, who)[0].disappear), [seconds; 2]);
    }
    let node = world.mailboxes.open(2);
    let setting = Setting::Mailboxes(vec![node.clone()]);
    world.does(bob, Request::Set { conversation: conversation.clone(), setting }).expect("both may");
    world.run(2_000);
    assert_eq!([alice, bob].map(|who| of_two(&mut world, who)[0].mailboxes.clone()), [vec![node.clone()], vec![node]]);
    let id = || conversation.clone();
    for request in [
        Request::Invite { conversation: id(), options: Default::default() },
        Request::Remove { conversation: id(), member: "bob".into() },
        Request::Role { conversation: id(), member: "bob".into(), role: "admin".into() },
        Request::Role { conversation: id(), member: "bob".into(), role: "owner".into() },
        Request::Set { conversation: id(), setting: Setting::Title("us".into()) },
        Request::Leave { conversation: id() },
    ] {
        let error = world.does(alice, request.clone()).expect_err("not of two");
        assert!(error.code == ErrorCode::NotAllowed && error.message.contains("between two"), "{request:?}: {error}");
    }
}

/// Whoever of the two uses nodes that keep mail has theirs wait there from the start.
#[test]
fn two_have_the_mailboxes_of_one_of_them() {
    let (mut world, [alice, bob]) = strangers(3);
    let node = world.mailboxes.open(3);
    world.uses_mailboxes(bob, std::slice::from_ref(&node));
    let alices = link(&mut world, alice, false);
    asks(&mut world, bob, &alices, "");
    world.link(alice, bob);
    world.run(2_000);
    let conversation = accepts(&mut world, alice, "bob");
    world.run(40_000);
    assert_eq!([alice, bob].map(|who| of_two(&mut world, who)[0].mailboxes.clone()), [vec![node.clone()], vec![node]]);
    world.part_all();
    writes(&mut world, alice, &conversation, "later");
    world.run(4_000);
    world.crash(alice, u64::MAX / 4);
    world.run(70_000);
    assert_eq!(reads(&mut world, bob, "alice"), ["alice: later"]);
}

/// Both ask, and both say yes before they hear of the other's yes, on all their devices: it is one conversation.
#[test]
fn two_who_ask_each_other_at_once_have_one_conversation() {
    for seed in 0..40 {
        let (mut world, [alice, bob]) = strangers(100 + seed);
        let (second, third) = (world.device(alice, false), world.device(bob, false));
        let (alices, bobs) = (link(&mut world, alice, false), link(&mut world, bob, false));
        asks(&mut world, alice, &bobs, "it is me");
        asks(&mut world, bob, &alices, "me too");
        world.link(alice, bob);
        if world.dice.one_in(2) {
            world.link_all(&[alice, second]);
            world.link_all(&[bob, third]);
        }
        world.run(1_500);
        // Apart, both say yes.
        world.part_all();
        accepts(&mut world, alice, "bob");
        accepts(&mut world, bob, "alice");
        writes(&mut world, alice, "bob", "from alice");
        writes(&mut world, bob, "alice", "from bob");
        world.run(5_000);
        world.link(second, third);
        world.run(1_000);
        world.make_peace();
        for who in [alice, bob, second, third] {
            let all = of_two(&mut world, who);
            assert_eq!(all.len(), 1, "seed {seed}, {who}");
            let read = reads(&mut world, who, &all[0].conversation);
            assert_eq!(read.len(), 2, "seed {seed}, {who}: {read:?}");
            assert_eq!(requests(&mut world, who), (vec![], vec![]), "seed {seed}, {who}");
        }
    }
}

/// A request is kept: by who asks, over a restart, and by all devices of who is asked.
#[test]
fn another_device_sees_the_request_and_its_answer() {
    let (mut world, [alice, bob]) = strangers(3);
    let phone = world.device(alice, false);
    world.link(alice, phone);
    let alices = link(&mut world, alice, false);
    world.run(2_000);
    assert_eq!(seed_of(&link(&mut world, phone, false)), seed_of(&alices), "all devices have one link");
    asks(&mut world, bob, &alices, "hello");
    world.crash(bob, 100);
    world.run(2_000);
    // Bob meets the laptop; the phone answers, which he meets later.
    world.link(alice, bob);
    world.run(3_000);
    world.part_all();
    world.link(alice, phone);
    world.run(2_000);
    assert_eq!(requests(&mut world, phone).0.len(), 1);
    let conversation = accepts(&mut world, phone, "bob");
    world.run(2_000);
    assert_eq!(requests(&mut world, alice).0.len(), 0);
    world.crash(alice, 1_000_000_000);
    world.link(phone, bob);
    world.run(3_000);
    writes(&mut world, bob, "alice", "there you are");
    world.run(2_000);
    assert_eq!(reads(&mut world, phone, &conversation), ["bob: there you are"]);
}

fn seed_of(link: &str) -> String {
    // Version, user and the seed's length and bytes; where they are reached differs.
    link.chars().take("bayou://c/#".len() + 88).collect()
}

#[test]
fn a_no_is_told_and_stays() {
    let (mut world, [alice, bob]) = strangers(4);
    let alices = link(&mut world, alice, false);
    asks(&mut world, bob, &alices, "hello");
    world.link(alice, bob);
    world.run(2_000);
    world.does(alice, Request::AnswerRequest { user: "bob".into(), yes: false }).expect("may say no");
    world.run(2_000);
    assert_eq!(requests(&mut world, bob).1[0].state, "they said no");
    // He asks again by the same link, and is told the same.
    asks(&mut world, bob, &alices, "please");
    world.run(2_000);
    assert_eq!(requests(&mut world, bob).1[0].state, "they said no");
    assert_eq!(requests(&mut world, alice).0, []);
    assert_eq!(of_two(&mut world, bob).len(), 0);
}

#[test]
fn a_link_that_was_replaced_leads_nowhere() {
    let (mut world, [alice, bob]) = strangers(5);
    let carol = world.person("carol");
    let old = link(&mut world, alice, false);
    asks(&mut world, carol, &old, "in time");
    world.link(alice, carol);
    world.run(2_000);
    let new = link(&mut world, alice, true);
    assert_ne!(old, new);
    assert_eq!(requests(&mut world, alice).0, [], "who asked by it is forgotten");
    asks(&mut world, bob, &old, "too late");
    world.link(alice, bob);
    world.run(40_000);
    assert_eq!(requests(&mut world, alice).0, []);
    assert_eq!(requests(&mut world, bob).1[0].state, "looking for them", "he cannot tell");
    asks(&mut world, bob, &new, "with the new one");
    world.run(3_000);
    assert_eq!(requests(&mut world, alice).0.len(), 1);
    // A yes that was said before the link was replaced still arrives.
    world.part_all();
    accepts(&mut world, alice, "bob");
    link(&mut world, alice, true);
    world.link(alice, bob);
    world.run(20_000);
    assert_eq!(of_two(&mut world, bob).len(), 1);
}

#[test]
fn real_peers_become_contacts() -> io::Result<()> {
    let (alice, mut bob) = (Peer::spawn("alice")?, Peer::new("bob")?);
    let link = alice.command(&["contact", "link"])?[0]["contact_link"].as_str().unwrap_or_default().to_owned();
    // Bob is offline when he asks; the link says where alice is.
    let asked = bob.command(&["contact", "add", &link, "--message", "from the boat"])?;
    assert_eq!(asked[0]["state"], "looking for them");
    bob.serve(&[])?;
    let request = alice.hears("is asked", |event| event["event"] == "asker")?;
    assert_eq!((&request["name"], &request["message"]), (&Value::from("bob"), &Value::from("from the boat")));
    let accepted = alice.command(&["contact", "accept", "bob"])?;
    let conversation = accepted[0]["conversation"].as_str().unwrap_or_default().to_owned();
    bob.enters(&conversation)?;
    bob.says("alice", "hello, alice")?;
    let mut alice = alice;
    alice.sees(&conversation, "hello, alice")?;
    let contacts = bob.command(&["contact", "list"])?;
    assert_eq!(contacts[0]["contacts"][0]["by_link"], true);
    alice.command(&["contact", "block", "bob"])?;
    let error = alice.command(&["send", "bob", "are you there?"]).expect_err("blocked").to_string();
    assert!(error.contains("exit status: 4") && error.contains("unblock"), "{error}");
    alice.command(&["contact", "unblock", "bob"])?;
    alice.says("bob", "are you there?")?;
    bob.sees(&conversation, "are you there?").map(drop)
}
