//! What people are told besides messages: who came and went, what was set, whose devices changed. All are told the same.

use bayou_core::authority::{Item, UserRecord, UserSaid};
use bayou_core::id::DeviceId;
use bayou_core::rpc::{NoticeKind, Reply, Request, Setting};
use bayou_core::time::Timestamp;
use bayou_tests::mallory::Mallory;
use bayou_tests::world::{Who, World};

/// Kind, who did it, whom it concerns, and what.
pub(crate) type Told = (NoticeKind, String, Option<String>, Option<String>);

/// Returns what somebody is told of the first conversation.
pub(crate) fn told(world: &mut World, who: Who) -> Vec<Told> {
    let conversation = world.conversation(0);
    let request = Request::Notices { conversation, after: 0, before: None, limit: 1000 };
    match world.does(who, request) {
        Ok(Reply::Notices { notices, .. }) => notices.into_iter().map(|n| (n.kind, n.by, n.who, n.what)).collect(),
        other => panic!("no notices: {other:?}"),
    }
}

fn does(world: &mut World, who: Who, request: impl FnOnce(String) -> Request) {
    let conversation = world.conversation(0);
    world.does(who, request(conversation)).expect("allowed");
    world.run(1_000);
}

fn is(kind: NoticeKind, by: &str, who: &str, what: &str) -> Told {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    (kind, by.into(), some(who), some(what))
}

#[test]
fn all_are_told_the_same_in_order() {
    let mut world = World::new(3);
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| world.person(name));
    world.begin("river", &[alice, bob, carol]);
    world.link_all(&[alice, bob, carol]);
    world.run(1_000);
    let role = |member: &str, role: &str| {
        let (member, role) = (member.to_owned(), role.to_owned());
        move |conversation| Request::Role { conversation, member, role }
    };
    let set = |setting| move |conversation| Request::Set { conversation, setting };
    does(&mut world, alice, role("bob", "admin"));
    does(&mut world, bob, set(Setting::Title("Ships".into())));
    does(&mut world, alice, role("bob", "member"));
    does(&mut world, alice, set(Setting::Disappear(3600)));
    let member = "carol".to_owned();
    does(&mut world, alice, |conversation| Request::Remove { conversation, member });
    does(&mut world, bob, |conversation| Request::Leave { conversation });
    let expected = [
        is(NoticeKind::Began, "alice", "", "river"),
        is(NoticeKind::Joined, "alice", "bob", "member"),
        is(NoticeKind::Joined, "alice", "carol", "member"),
        is(NoticeKind::Role, "alice", "bob", "admin"),
        is(NoticeKind::Title, "bob", "", "Ships"),
        is(NoticeKind::Role, "alice", "bob", "member"),
        is(NoticeKind::Disappear, "alice", "", "3600"),
        is(NoticeKind::Removed, "alice", "carol", ""),
    ];
    // Who left is told no more of their leaving by others than they know themselves.
    for (who, left) in [(alice, 1), (bob, 1), (carol, 0)] {
        let mut told = told(&mut world, who);
        // Both came at one moment.
        told[1..3].sort_by_key(|one| one.2.clone());
        assert_eq!(told[..8], expected, "{}", world.peers[who].name);
        assert_eq!(told[8..], vec![is(NoticeKind::Left, "bob", "bob", ""); left]);
    }
    // Those who were there were told when it happened.
    let heard: Vec<NoticeKind> = world.peers[alice].notices.iter().map(|notice| notice.kind).collect();
    assert_eq!(
        heard[heard.len() - 6..],
        expected[3..].iter().map(|one| one.0).chain([NoticeKind::Left]).collect::<Vec<_>>()
    );
}

#[test]
fn a_device_more_is_told_of_and_one_less() {
    let mut world = World::new(4);
    let [alice, bob] = ["alice", "bob"].map(|name| world.person(name));
    world.begin("river", &[alice, bob]);
    world.link_all(&[alice, bob]);
    world.run(1_000);
    let other = world.device(alice, false);
    world.link_all(&[alice, bob, other]);
    world.run(60_000);
    let device = world.peers[other].device().to_string();
    let told_last = |world: &mut World| told(world, bob).pop();
    assert_eq!(told_last(&mut world), Some(is(NoticeKind::DeviceAdded, "alice", "alice", &device)));
    world.does(alice, Request::RetireDevice { device: device.clone(), phrase: None }).expect("her own");
    world.run(60_000);
    assert_eq!(told_last(&mut world), Some(is(NoticeKind::DeviceRetired, "alice", "alice", &device)));
}

/// The root can say at once which devices are somebody's: each change by it is told.
#[test]
fn devices_that_the_root_sets_are_told_one_by_one() {
    let mut world = World::new(5);
    let alice = world.person("alice");
    world.begin("river", &[alice]);
    let mut mallory = Mallory::invited(&world);
    mallory.links(&mut world, alice);
    let [laptop, phone, watch] = [mallory.key.device(), DeviceId([1; 32]), DeviceId([2; 32])];
    let set = UserSaid::DeviceSet { n: 1, devices: vec![(phone, true), (watch, false)] };
    let [cert, _] = mallory.log();
    let set = UserRecord::by_root(set, vec![cert.hash()], Timestamp(1_900_000_000_000), &mallory.root);
    mallory.tells(&mut world, alice, &mallory.controls(&[Item::User(set).to_bytes()]));
    world.run(1_000);
    let expected = [
        (NoticeKind::DeviceAdded, Some(phone.to_string())),
        (NoticeKind::DeviceAdded, Some(watch.to_string())),
        (NoticeKind::DeviceRetired, Some(laptop.to_string())),
    ];
    let all = told(&mut world, alice);
    let all: Vec<_> = all.into_iter().map(|(kind, _, _, what)| (kind, what)).collect();
    assert_eq!(all[all.len() - 3..], expected);
    let heard = &world.peers[alice].notices;
    let heard = &heard[heard.len() - 3..];
    assert_eq!(heard.iter().map(|one| (one.kind, one.what.clone())).collect::<Vec<_>>(), expected);
    assert!(heard[0].id != heard[1].id && heard[1].id != heard[2].id, "each has a name of its own");
}

#[test]
fn a_lower_role_is_told_as_one_change() {
    // It takes two records of one moment, whose hashes differ each time.
    let mut world = World::new(4);
    let [alice, bob] = ["alice", "bob"].map(|name| world.person(name));
    world.begin("river", &[alice, bob]);
    world.link_all(&[alice, bob]);
    world.run(1_000);
    let mut expected =
        vec![is(NoticeKind::Began, "alice", "", "river"), is(NoticeKind::Joined, "alice", "bob", "member")];
    for role in ["reader", "member"].repeat(8) {
        let member = "bob".to_owned();
        does(&mut world, alice, |conversation| Request::Role { conversation, member, role: role.to_owned() });
        expected.push(is(NoticeKind::Role, "alice", "bob", role));
    }
    assert_eq!(told(&mut world, bob), expected);
}
