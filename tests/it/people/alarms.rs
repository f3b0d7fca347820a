//! Whom somebody might take for a person whom they verified: nothing is written to them before it is confirmed.

use std::io;

use bayou_core::rpc::{Alarm, ErrorCode, Member, NoticeKind, Reply, Request};
use bayou_tests::process::Peer;
use bayou_tests::world::{Who, World};

use super::{accepts, asks, contact, link, reads};

fn verifies(world: &mut World, who: Who, other: Who) {
    let user = world.peers[other].user().to_string();
    world.does(who, Request::NoteContact { user, petname: None, verified: Some(true) }).expect("may note");
}

fn confirms(world: &mut World, who: Who, other: Who) {
    let user = world.peers[other].user().to_string();
    world.does(who, Request::ConfirmContact { user }).expect("may confirm");
    world.run(3_000);
}

/// Writes; returns why not, if not.
fn refused(world: &mut World, who: Who, conversation: &str) -> Option<String> {
    let error = world.does(who, Request::send(conversation, "psst")).err()?;
    assert_eq!(error.code, ErrorCode::Unconfirmed, "{error}");
    Some(error.message)
}

fn alarm(world: &mut World, who: Who, conversation: &str, other: Who) -> Option<Alarm> {
    let Ok(Reply::Members { members, .. }) = world.does(who, Request::Members { conversation: conversation.into() })
    else {
        panic!("no members")
    };
    let user = world.peers[other].user().to_string();
    members.into_iter().find(|member: &Member| member.user == user).expect("they are in").alarm
}

#[test]
fn nothing_is_written_where_a_look_alike_of_somebody_verified_reads() {
    let mut world = World::new(1);
    let (alice, bob, eve) = (world.person("alice"), world.person("Bob"), world.person("bob "));
    let phone = world.device(alice, false);
    world.begin("river", &[alice, bob, eve]);
    world.link_all(&[alice, bob, eve, phone]);
    world.run(3_000);
    let river = world.conversation(0);
    world.says(eve, "it is me");
    assert_eq!(refused(&mut world, alice, &river), None, "two of one name, and nobody was verified");
    verifies(&mut world, alice, bob);
    world.run(3_000);
    for who in [alice, phone] {
        let why = refused(&mut world, who, &river).expect("eve could be taken for bob");
        let short = &world.peers[eve].user().to_string()[..8];
        assert!(why.contains(&format!("bayou contact confirm {short}")), "{why}");
        assert_eq!(alarm(&mut world, who, &river, eve), Some(Alarm::LookAlike));
        assert_eq!(alarm(&mut world, who, &river, bob), None);
    }
    let Ok(Reply::Log { rows, .. }) =
        world.does(alice, Request::Log { conversation: river.clone(), limit: 9, before: None })
    else {
        panic!("no log")
    };
    let marked: Vec<(&str, bool)> = rows.iter().map(|row| (row.text.as_str(), row.look_alike)).collect();
    assert!(marked.contains(&("it is me", true)) && marked.contains(&("psst", false)), "{marked:?}");
    confirms(&mut world, phone, eve);
    assert_eq!((refused(&mut world, alice, &river), alarm(&mut world, alice, &river, eve)), (None, None));
    // She is taken as a bob, and as nobody else: whoever is verified under the next name gives an alarm again.
    let carol = world.person("carol");
    world.begin("lake", &[alice, carol]);
    world.link_all(&[alice, bob, eve, phone, carol]);
    world.run(3_000);
    verifies(&mut world, alice, carol);
    let named = Request::Profile { name: Some("Carol".into()), status: None, avatar: None };
    world.does(eve, named).expect("may be called anything");
    world.run(5_000);
    assert!(refused(&mut world, alice, &river).is_some());
    let user = world.peers[eve].user().to_string();
    let note = Request::NoteContact { user, petname: Some("the other carol".into()), verified: None };
    world.does(alice, note).expect("may name her");
    assert_eq!(refused(&mut world, alice, &river), None, "a name of alice's own tells them apart");
}

/// Alice and bob, whom she verified, in a group and in a conversation of two; and a new device of bob's by the phrase.
fn come_back(seed: u64) -> (World, [Who; 3], [String; 2]) {
    let mut world = World::new(seed);
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    world.begin("river", &[alice, bob]);
    world.link(alice, bob);
    let bobs = link(&mut world, bob, false);
    asks(&mut world, alice, &bobs, "");
    world.run(2_000);
    let of_two = accepts(&mut world, bob, "alice");
    world.run(3_000);
    verifies(&mut world, alice, bob);
    let back = world.device(bob, true);
    world.link_all(&[alice, bob, back]);
    world.run(5_000);
    let river = world.conversation(0);
    (world, [alice, bob, back], [river, of_two])
}

fn retires(world: &mut World, who: Who, other: Who) {
    let device = world.peers[other].device().to_string();
    world.does(who, Request::RetireDevice { device, phrase: None }).expect("an equal");
    world.run(70_000);
}

#[test]
fn nothing_is_written_to_somebody_verified_who_has_only_new_devices() {
    let (mut world, [alice, bob, back], conversations) = come_back(2);
    let phone = world.device(alice, false);
    world.link_all(&[alice, phone, back]);
    world.run(5_000);
    // Beside a device that alice knows, one more is a line in the timeline and no alarm.
    let told = super::super::notices::told(&mut world, alice);
    assert_eq!(told.last().map(|one| one.0), Some(NoticeKind::DeviceAdded));
    for conversation in &conversations {
        assert_eq!(refused(&mut world, alice, conversation), None);
    }
    retires(&mut world, back, bob);
    for (who, conversation) in [alice, phone].iter().flat_map(|who| conversations.iter().map(move |c| (*who, c))) {
        let why = refused(&mut world, who, conversation).expect("who has bob's phrase is bob now");
        assert!(why.contains("recovery phrase") && why.contains("bayou contact confirm"), "{why}");
        assert_eq!(alarm(&mut world, who, conversation, bob), Some(Alarm::NewDevices));
    }
    assert_eq!(contact(&mut world, alice, "bob").alarm, Some(Alarm::NewDevices));
    // Bob himself writes on, and is read.
    let request = Request::send(&conversations[1], "I lost it");
    world.does(back, request).expect("his own restore is no alarm to him");
    world.run(3_000);
    assert!(reads(&mut world, alice, &conversations[1]).contains(&"bob: I lost it".to_owned()));
    world.crash(alice, 100);
    world.run(2_000);
    assert!(refused(&mut world, alice, &conversations[0]).is_some(), "it is no matter of one start");
    world.link_all(&[alice, phone, back]);
    confirms(&mut world, phone, bob);
    for conversation in &conversations {
        assert_eq!(refused(&mut world, alice, conversation), None);
    }
}

#[test]
fn who_compares_numbers_again_has_confirmed() {
    let (mut world, [alice, bob, back], [river, _]) = come_back(3);
    retires(&mut world, back, bob);
    assert!(refused(&mut world, alice, &river).is_some());
    verifies(&mut world, alice, bob);
    assert_eq!(refused(&mut world, alice, &river), None);
}

#[test]
fn a_real_peer_refuses_to_write_to_a_look_alike_until_it_is_confirmed() -> io::Result<()> {
    let (alice, mut bob, mut eve) = (Peer::spawn("alice")?, Peer::new("bob")?, Peer::new("bob")?);
    let conversation = alice.begins("Boats")?;
    bob.serve(&[&alice])?;
    alice.invites(&bob, &conversation)?;
    alice.command(&["contact", "note", "bob", "--verified"])?;
    alice.says(&conversation, "just us")?;
    eve.serve(&[&alice])?;
    alice.invites(&eve, &conversation)?;
    let user = eve.command(&["status"])?[0]["user"].as_str().unwrap_or_default()[..8].to_owned();
    let error = alice.command(&["send", &conversation, "the secret"]).expect_err("to be confirmed").to_string();
    let how = format!("bayou contact confirm {user}");
    assert!(error.contains("exit status: 7") && error.contains("-32005") && error.contains(&how), "{error}");
    alice.command(&["contact", "confirm", &user])?;
    alice.says(&conversation, "hello, both")?;
    eve.sees(&conversation, "hello, both").map(drop)
}
