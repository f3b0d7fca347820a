//! Of whom somebody wants to hear nothing.

use bayou_core::rpc::{ErrorCode, InviteOptions, Reply, Request};
use bayou_tests::world::{Who, World};

use super::{accepts, asks, contact, link, of_two, reads, requests, writes};

/// Alice with two devices and eve, who share a group and a conversation of two. All are linked.
fn meet(seed: u64) -> (World, [Who; 3], String) {
    let mut world = World::new(seed);
    let (alice, eve) = (world.person("alice"), world.person("eve"));
    world.begin("river", &[alice, eve]);
    let phone = world.device(alice, false);
    world.link_all(&[alice, eve, phone]);
    world.run(2_000);
    let alices = link(&mut world, alice, false);
    asks(&mut world, eve, &alices, "");
    world.run(2_000);
    let conversation = accepts(&mut world, alice, "eve");
    world.run(3_000);
    (world, [alice, eve, phone], conversation)
}

fn blocks(world: &mut World, who: Who, name: &str, off: bool) {
    world.does(who, Request::Block { user: name.into(), off }).expect("may block");
    world.run(2_000);
}

fn marked(world: &mut World, who: Who) -> Vec<(String, bool)> {
    let conversation = world.conversation(0);
    match world.does(who, Request::Log { conversation, limit: 100, before: None }) {
        Ok(Reply::Log { rows, .. }) => rows.into_iter().map(|row| (row.text, row.blocked)).collect(),
        other => panic!("no log: {other:?}"),
    }
}

#[test]
fn nothing_more_is_heard_of_who_is_blocked_on_any_device() {
    let (mut world, [alice, eve, phone], conversation) = meet(1);
    writes(&mut world, eve, &conversation, "before");
    world.run(2_000);
    blocks(&mut world, alice, "eve", false);
    writes(&mut world, eve, &conversation, "after");
    world.says(eve, "in the group");
    world.run(40_000);
    for who in [alice, phone] {
        assert!(contact(&mut world, who, "eve").blocked);
        assert_eq!(reads(&mut world, who, &conversation), ["eve: before"]);
        assert_eq!(marked(&mut world, who), [("in the group".to_owned(), true)], "the group has it, marked");
        let send = Request::send(&conversation, "no");
        assert_eq!(world.does(who, send).expect_err("blocked").code, ErrorCode::NotAllowed);
    }
    // Eve sees nothing of it: her message waits as if alice were away, and in the group alice is as she was.
    assert_eq!(world.members(eve).len(), 2);
    assert!(!contact(&mut world, eve, "alice").blocked);
    world.crash(alice, 100);
    world.run(2_000);
    assert_eq!(reads(&mut world, alice, &conversation), ["eve: before"]);
    world.link_all(&[alice, eve, phone]);
    blocks(&mut world, phone, "eve", true);
    world.run(3_000);
    assert_eq!(reads(&mut world, alice, &conversation), ["eve: before", "eve: after"]);
    assert_eq!(marked(&mut world, phone), [("in the group".to_owned(), false)]);
    world.make_peace();
}

#[test]
fn who_is_blocked_cannot_ask_nor_invite() {
    let mut world = World::new(2);
    let (alice, eve) = (world.person("alice"), world.person("eve"));
    let user = world.peers[eve].user().to_string();
    let alices = link(&mut world, alice, false);
    asks(&mut world, eve, &alices, "hello");
    world.link(alice, eve);
    world.run(2_000);
    blocks(&mut world, alice, "eve", false);
    assert_eq!(requests(&mut world, alice).0, []);
    asks(&mut world, eve, &alices, "hello?");
    world.run(40_000);
    assert_eq!((requests(&mut world, alice).0, of_two(&mut world, alice)), (vec![], vec![]));
    assert_ne!(requests(&mut world, eve).1[0].state, "they said no", "she is not told");
    let Ok(Reply::New { conversation }) = world.does(eve, Request::New { title: "trap".into() }) else { panic!() };
    let invite = Request::Invite { conversation, options: InviteOptions::default() };
    let Ok(Reply::Invite { link: trap, .. }) = world.does(eve, invite) else { panic!() };
    let error = world.does(alice, Request::Join { link: trap.clone() }).expect_err("blocked");
    assert!(error.code == ErrorCode::NotAllowed && error.message.contains("unblock"), "{error}");
    blocks(&mut world, alice, &user, true);
    world.does(alice, Request::Join { link: trap }).expect("may join now");
    assert_eq!(requests(&mut world, alice).0.len(), 1);
}
