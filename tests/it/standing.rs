//! Why something has not arrived: it is said, and a link on which nothing gets on is mended.

use std::collections::BTreeMap;

use bayou_core::engine::Input;
use bayou_core::envelope::Frame;
use bayou_core::rpc::{Reply, Request, Standing, Whereabouts};
use bayou_tests::network::pair;
use bayou_tests::world::{Who, World};

/// How long a link may be stuck before it is mended: what is had is told again, asked for, and then it is dialled anew. It
/// takes longest when nobody hears that anything differs.
const MENDED_WITHIN_S: u32 = 150;

/// What people say of a kind of frame.
type Kind = (&'static str, fn(&Frame) -> bool);

fn standing(world: &mut World, who: Who) -> Standing {
    let conversation = world.conversation(0);
    match world.does(who, Request::ConversationStatus { conversation }) {
        Ok(Reply::Standing { standing }) => *standing,
        other => panic!("no standing: {other:?}"),
    }
}

fn whereabouts(world: &mut World, who: Who, message: &str) -> Whereabouts {
    match world.does(who, Request::MessageStatus { message: message.into() }) {
        Ok(Reply::Whereabouts { whereabouts }) => *whereabouts,
        other => panic!("nowhere: {other:?}"),
    }
}

fn says_of(standing: &Standing, name: &str) -> String {
    standing.members.iter().find(|member| member.name == name).map(|member| member.says.clone()).unwrap_or_default()
}

/// Lets time pass, and has peers linked again whose link was dropped: then nothing is swallowed any more. Returns how
/// often that was.
fn run_and_redial(world: &mut World, (a, b): (Who, Who), seconds: u32, done: impl Fn(&World) -> bool) -> Option<u32> {
    let mut redials = 0;
    for _ in 0..seconds {
        world.run(1_000);
        if done(world) {
            return Some(redials);
        }
        if !world.network.is_up(pair(a, b)) {
            redials += 1;
            world.swallow = None;
            world.link(a, b);
        }
    }
    None
}

#[test]
fn a_link_that_swallows_a_kind_of_frame_is_mended() {
    let kinds: [Kind; 5] = [
        ("heads", |frame| matches!(frame, Frame::Heads { .. })),
        ("questions", |frame| matches!(frame, Frame::Have { .. })),
        ("answers", |frame| matches!(frame, Frame::Changes { .. })),
        ("records", |frame| matches!(frame, Frame::Controls { .. })),
        ("questions for records", |frame| matches!(frame, Frame::Names { .. } | Frame::Controls { .. })),
    ];
    for (what, kind) in kinds {
        let mut world = World::new(41);
        let (alice, bob) = (world.person("alice"), world.person("bob"));
        world.begin("Boats", &[alice, bob]);
        world.link(alice, bob);
        world.run(2_000);
        // Pushes are but a hint.
        world.swallow = Some(Box::new(move |_, _, frame| matches!(frame, Frame::Push { .. }) || kind(frame)));
        let title = Request::Set {
            conversation: world.conversation(0),
            setting: bayou_core::rpc::Setting::Title("Ships".into()),
        };
        world.does(alice, title).expect("a title");
        world.says(alice, "are you there?");
        let agrees = |world: &World| {
            world.sees(bob).contains("are you there?") && world.disagreement_among(&[alice, bob]).is_none()
        };
        let redials = run_and_redial(&mut world, (alice, bob), MENDED_WITHIN_S, agrees);
        println!("{what} are swallowed: mended after {redials:?} redials");
        assert!(redials.is_some(), "{what}: bob sees {}", world.sees(bob));
        let mended = redials.is_some_and(|redials| redials > 0);
        let mine = standing(&mut world, alice).redialled + standing(&mut world, bob).redialled;
        assert_eq!(mine > 0, mended, "{what}: redials are counted");
    }
}

#[test]
fn it_is_said_who_has_what_and_how_they_are_reached() {
    let mut world = World::new(42);
    let (alice, bob, eve) = (world.person("alice"), world.person("bob"), world.person("eve"));
    world.begin("Boats", &[alice, bob, eve]);
    world.link(alice, bob);
    let message = world.says(alice, "are you there?");
    world.run(2_000);
    let peer = world.peers[eve].id;
    world.give(alice, Input::DialFailed(peer, "refused: nobody listens there".into()));
    let peer = world.peers[bob].id;
    world.give(alice, Input::RoundTrip(peer, 12));
    let seen = standing(&mut world, alice);
    assert_eq!(says_of(&seen, "alice"), "this device");
    assert_eq!(says_of(&seen, "bob"), "linked directly, has everything");
    let away = says_of(&seen, "eve");
    let expected = "(last dial: refused: nobody listens there), 1 behind";
    assert!(away.starts_with("not seen for 2 seconds") && away.ends_with(expected), "{away}");
    let bobs = seen.members.iter().find(|member| member.name == "bob").unwrap();
    assert_eq!((bobs.devices[0].round_trip, bobs.devices[0].linked), (Some(12), true));

    let kept = whereabouts(&mut world, alice, &message);
    assert_eq!((kept.says.as_str(), kept.kept), ("kept here, and on 1 of 2 other devices", true));
    let has: Vec<_> = kept.devices.iter().map(|device| (device.name.as_str(), device.has)).collect();
    assert!(has.contains(&("bob", Some(true))) && has.contains(&("eve", Some(false))), "{has:?}");
    let bobs = whereabouts(&mut world, bob, &message);
    assert_eq!(bobs.says, "it came from alice; who else has it is told to the device that wrote it");
    world.deletes(alice, &message);
    world.run(2_000);
    assert_eq!(whereabouts(&mut world, bob, &message).fate, ["deleted"]);
}

/// What an hour costs on one link when nobody says anything. Without transport: that is measured by `cargo xtask bench idle`.
#[test]
fn an_idle_link_carries_little() {
    const CONVERSATIONS: usize = 50;
    const LINKS: usize = 20;
    const MAX_BYTES: usize = 5_000_000;
    let mut world = World::new(43);
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    (0..CONVERSATIONS).for_each(|number| world.begin(&format!("{number}"), &[alice, bob]));
    for number in 0..CONVERSATIONS {
        world.says_in(alice, number, "hello");
    }
    world.link(alice, bob);
    world.run(120_000);
    world.tape = Some(Vec::new());
    world.run(3_600_000);
    let mut kinds: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for taped in world.tape.take().unwrap() {
        let frame = format!("{:?}", Frame::decode(&taped.frame).unwrap());
        let kind = kinds.entry(frame.split([' ', '{']).next().unwrap().to_owned()).or_default();
        *kind = (kind.0 + 1, kind.1 + taped.frame.len());
    }
    println!("frames and bytes in an hour, both ways: {kinds:?}");
    let bytes: usize = kinds.values().map(|(_, bytes)| bytes).sum();
    assert!(bytes > 0 && bytes * LINKS < MAX_BYTES, "{} bytes on {LINKS} links: {kinds:?}", bytes * LINKS);
}
