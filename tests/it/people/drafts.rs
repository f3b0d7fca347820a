//! Drafts and settings: the same on all devices of a person, and on nobody else's.

use std::io;

use bayou_core::conversation::MAX_BODY;
use bayou_core::rpc::{ErrorCode, Event, Reply, Request};
use bayou_tests::process::Peer;
use bayou_tests::truth;
use bayou_tests::world::{Who, World};

/// Alice and bob in one conversation; and a further device of alice's. All are linked.
fn meet(seed: u64) -> (World, [Who; 3]) {
    let mut world = World::new(seed);
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    world.begin("river", &[alice, bob]);
    let other = world.device(alice, false);
    world.link_all(&[alice, bob, other]);
    world.run(3_000);
    (world, [alice, bob, other])
}

fn draft(world: &mut World, who: Who, text: Option<&str>) -> String {
    let request = Request::Draft { conversation: world.conversation(0), text: text.map(Into::into) };
    match world.does(who, request) {
        Ok(Reply::Draft { text, .. }) => text,
        other => panic!("no draft: {other:?}"),
    }
}

fn setting(world: &mut World, who: Who, key: &str, value: Option<&str>) -> String {
    let request = Request::Settings { key: value.map(|_| key.into()), value: value.map(Into::into) };
    match world.does(who, request) {
        Ok(Reply::Settings { settings }) => settings[key].clone(),
        other => panic!("no settings: {other:?}"),
    }
}

#[test]
fn what_is_begun_on_one_device_is_gone_on_with_on_another() {
    let (mut world, [alice, bob, other]) = meet(1);
    assert_eq!(draft(&mut world, alice, Some("dear b")), "dear b");
    world.run(2_000);
    assert_eq!(draft(&mut world, other, None), "dear b");
    let conversation = world.conversation(0);
    let told = Event::Draft { conversation, text: "dear b".into() };
    assert!(world.peers[other].told.contains(&told), "followers are told");
    assert_eq!(draft(&mut world, bob, None), "", "it is nobody else's");
    // Parted, both write on; whoever wrote last is right, on both.
    world.part_all();
    draft(&mut world, alice, Some("dear bob,"));
    world.run(5_000);
    draft(&mut world, other, Some("bob!"));
    world.run(1_000);
    world.link(alice, other);
    world.run(2_000);
    assert_eq!([alice, other].map(|who| draft(&mut world, who, None)), ["bob!", "bob!"]);
    world.crash(other, 50);
    world.run(1_000);
    assert_eq!(draft(&mut world, other, None), "bob!");
    assert_eq!(draft(&mut world, other, Some("")), "");
    world.link(alice, other);
    world.run(2_000);
    assert_eq!(draft(&mut world, alice, None), "");
    assert_eq!(truth::places(&world.peers[bob].store, "dear b"), [""; 0]);
}

#[test]
fn settings_are_a_table_and_the_last_word_holds() {
    let (mut world, [alice, bob, other]) = meet(2);
    assert_eq!(setting(&mut world, alice, "theme", None), "system");
    setting(&mut world, alice, "theme", Some("dark"));
    setting(&mut world, other, "language", Some("pt-BR"));
    world.run(2_000);
    for who in [alice, other] {
        assert_eq!(setting(&mut world, who, "theme", None), "dark");
        assert_eq!(setting(&mut world, who, "language", None), "pt-BR");
    }
    assert_eq!(setting(&mut world, bob, "theme", None), "system");
    assert!(world.peers[other].told.iter().any(|event| matches!(event, Event::Settings { .. })));
    for (key, value, code) in [
        ("theme", "pink", ErrorCode::Invalid),
        ("typing", "sometimes", ErrorCode::Invalid),
        ("language", "pt_BR", ErrorCode::Invalid),
        ("volume", "11", ErrorCode::NotFound),
    ] {
        let request = Request::Settings { key: Some(key.into()), value: Some(value.into()) };
        assert_eq!(world.does(alice, request).expect_err("refused").code, code, "{key}={value}");
    }
    let too_long = Request::Draft { conversation: world.conversation(0), text: Some("x".repeat(MAX_BODY + 1)) };
    assert_eq!(world.does(alice, too_long).expect_err("refused").code, ErrorCode::Invalid);
}

/// A draft that changes all the time does not make the home grow.
#[test]
fn what_was_begun_and_changed_is_not_kept_for_ever() {
    let (mut world, [alice, _, other]) = meet(3);
    world.part_all();
    for round in 0..600 {
        draft(&mut world, alice, Some(&format!("{round} {}", "x".repeat(500))));
    }
    world.run(10_000);
    let kept = truth::bytes(&world.peers[alice].store);
    assert!(kept < 600 * 500 / 2, "{kept} bytes for one draft");
    world.crash(alice, 50);
    world.run(1_000);
    world.link(alice, other);
    world.run(3_000);
    assert!(draft(&mut world, other, None).starts_with("599 "));
}

#[test]
fn drafts_and_settings_are_typed_as_commands() -> io::Result<()> {
    let alice = Peer::new("alice")?;
    let conversation = alice.begins("Boats")?;
    let draft = |arguments: &[&str]| {
        alice.command(&[&["draft", &conversation], arguments].concat()).map(|lines| lines[0]["text"].clone())
    };
    assert_eq!(draft(&["see you at"])?, "see you at");
    assert_eq!(draft(&[])?, "see you at");
    assert_eq!(draft(&["--clear"])?, "");
    assert_eq!(alice.command(&["settings", "theme", "dark"])?[0]["settings"]["theme"], "dark");
    assert_eq!(alice.command(&["settings", "theme", "--reset"])?[0]["settings"]["theme"], "system");
    let error = alice.command(&["settings", "theme", "pink"]).expect_err("refused").to_string();
    assert!(error.contains("exit status: 2") && error.contains("light or dark"), "{error}");
    Ok(())
}
