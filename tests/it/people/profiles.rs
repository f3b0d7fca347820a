//! How people show themselves.

use std::io;

use bayou_core::authority::MAX_AVATAR;
use bayou_core::rpc::{ErrorCode, Event, Reply, Request};
use bayou_tests::process::Peer;
use bayou_tests::truth;
use bayou_tests::world::{Who, World};
use data_encoding::BASE64;

use super::contact;

/// A picture, as far as anyone looks.
fn picture(length: usize, filling: u8) -> String {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.resize(length, filling);
    BASE64.encode(&bytes)
}

fn shows(world: &mut World, who: Who, status: &str, avatar: Option<String>) {
    let request = Request::Profile { name: None, status: Some(status.into()), avatar };
    world.does(who, request).expect("may show");
}

fn sees_picture(world: &mut World, who: Who, name: &str) -> Option<String> {
    match world.does(who, Request::Avatar { user: name.into() }) {
        Ok(Reply::Avatar { avatar }) => Some(avatar.image),
        Err(error) if error.code == ErrorCode::NotFound => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_who_share_a_conversation_see_the_newest_profile() {
    let mut world = World::new(1);
    let (alice, bob, carol) = (world.person("alice"), world.person("bob"), world.person("carol"));
    world.begin("river", &[alice, bob]);
    let phone = world.device(alice, false);
    world.link_all(&[alice, phone]);
    world.run(2_000);
    let (first, second) = (picture(MAX_AVATAR, 1), picture(900, 2));
    shows(&mut world, alice, "rowing", Some(first.clone()));
    world.link(alice, bob);
    world.run(2_000);
    let seen = contact(&mut world, bob, "alice");
    assert_eq!((seen.status.as_str(), seen.avatar.is_some()), ("rowing", true));
    assert_eq!(sees_picture(&mut world, bob, "alice"), Some(first));
    assert!(
        world.peers[bob].told.iter().any(|event| matches!(event, Event::Profile { status, .. } if status == "rowing"))
    );
    // The phone says something else, by a clock that is an hour behind; the picture is another, too.
    world.peers[phone].clock = -3_600_000;
    shows(&mut world, phone, "asleep", Some(second.clone()));
    world.run(2_000);
    // A newcomer sees it, from whoever lets them in; and who they are is seen in turn.
    shows(&mut world, carol, "new here", Some(picture(500, 3)));
    let link = world.invites[0].clone();
    world.joins(carol, &link);
    world.link_all(&[alice, bob, carol, phone]);
    world.run(3_000);
    for who in [bob, carol] {
        assert_eq!(contact(&mut world, who, "alice").status, "asleep");
        assert_eq!(sees_picture(&mut world, who, "alice"), Some(second.clone()));
    }
    assert_eq!(sees_picture(&mut world, bob, "carol"), Some(picture(500, 3)));
    assert_eq!(sees_picture(&mut world, phone, "carol"), Some(picture(500, 3)));
    let Ok(Reply::Profile { profile }) = world.does(alice, Request::Profile { name: None, status: None, avatar: None })
    else {
        panic!("no profile")
    };
    assert_eq!((profile.name.as_str(), profile.status.as_str()), ("alice", "asleep"));
    world.make_peace();
    // Without a picture again.
    shows(&mut world, alice, "", Some(String::new()));
    world.run(2_000);
    assert_eq!(sees_picture(&mut world, bob, "alice"), None);
}

/// Whoever shows something new every minute costs others no more than who does once.
#[test]
fn older_profiles_are_not_kept() {
    let mut world = World::new(2);
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    world.begin("river", &[alice, bob]);
    world.link(alice, bob);
    for round in 0..150 {
        shows(&mut world, alice, &format!("round {round}"), Some(picture(8_000, round)));
        world.run(200);
    }
    // Compaction waits for a quiet time.
    world.run(700_000);
    world.link(alice, bob);
    world.run(2_000);
    for who in [alice, bob] {
        let kept = truth::bytes(&world.peers[who].store);
        assert!(kept < 100_000, "{kept} bytes of {}", 150 * 8_000);
    }
    assert_eq!(contact(&mut world, bob, "alice").status, "round 149");
    world.crash(bob, 100);
    world.run(1_000);
    assert_eq!(sees_picture(&mut world, bob, "alice"), Some(picture(8_000, 149)));
    world.make_peace();
}

#[test]
fn what_is_no_profile_is_refused() {
    let mut world = World::new(3);
    let alice = world.person("alice");
    let show = |name: &str, status: &str, avatar: &str| Request::Profile {
        name: Some(name.into()),
        status: Some(status.into()),
        avatar: Some(avatar.into()),
    };
    let long = "s".repeat(141);
    for request in [
        show("", "", ""),
        show("al\u{1b}ice", "", ""),
        show("alice", "row\ning", ""),
        show("alice", &long, ""),
        show("alice", "", "not base64!"),
        show("alice", "", &picture(MAX_AVATAR + 1, 0)),
        show("alice", "", &BASE64.encode(b"<svg onload=alert(1)>")),
    ] {
        assert_eq!(world.does(alice, request).expect_err("refused").code, ErrorCode::Invalid);
    }
}

#[test]
fn a_picture_goes_from_file_to_file() -> io::Result<()> {
    let (alice, bob) = (Peer::spawn("alice")?, Peer::spawn("bob")?);
    let conversation = alice.begins("Boats")?;
    let (from, to) = (alice.home().join("me.png"), bob.home().join("alice.png"));
    let image = BASE64.decode(picture(2_000, 7).as_bytes()).map_err(io::Error::other)?;
    std::fs::write(&from, &image)?;
    alice.command(&["profile", "--status", "rowing", "--avatar", &from.to_string_lossy()])?;
    alice.invites(&bob, &conversation)?;
    let members = bob.command(&["members", &conversation])?;
    assert_eq!(members[0]["members"][0]["status"], "rowing");
    bob.command(&["contact", "avatar", "alice", &to.to_string_lossy()])?;
    assert_eq!(std::fs::read(&to)?, image);
    let error = bob.command(&["contact", "avatar", "alice", &to.to_string_lossy()]).expect_err("there").to_string();
    assert!(error.contains("exit status: 2"), "{error}");
    Ok(())
}
