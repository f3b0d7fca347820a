//! Mallory is a member who sends more than anyone can use: knocks, runs that wait, chains, records, cuts, users, wants.
//!
//! She has all the bandwidth there is, and keeps each single rule. Each queue has its bound, what is beyond it is dropped,
//! and the others go on to talk at their usual pace.

use std::time::{Duration, Instant};

use bayou_core::authority::{Cut, Item, MAX_CUT, Mark, Said, UserRecord, UserSaid};
use bayou_core::conversation::{ChainHeader, Genesis, MAX_BODY, Payload, Sent, Vector};
use bayou_core::crypto::DeviceKey;
use bayou_core::envelope::{Frame, MAX_FRAME};
use bayou_core::id::{ActorId, ChangeHash};
use bayou_core::identity::JoinLink;
use bayou_core::rpc::{InviteOptions, Reply, Request};
use bayou_core::time::Timestamp;
use bayou_tests::craft::Author;
use bayou_tests::mallory::Mallory;
use bayou_tests::truth;
use bayou_tests::verdict::judge;

use super::Scene;

/// The seed of somebody who holds a link.
const EVE: u8 = 0x30;

#[test]
fn many_chains_stop_nobody_from_writing() {
    let mut scene = Scene::new();
    let id = scene.mallory.segment(0);
    let chain = |number: u32| {
        let mut nonce = [0; 16];
        nonce[..4].copy_from_slice(&number.to_be_bytes());
        let header = ChainHeader::new(scene.mallory.key.device(), scene.mallory.grant, nonce, Vector::new());
        let actor = header.actor(Genesis::new(id).hash());
        vec![Author { header, actor, ..scene.mallory.author(0) }.next(&["x"])]
    };
    let runs: Vec<Vec<Sent>> = (0..2_100).map(chain).collect();
    for some in runs.chunks(300) {
        let frame = scene.mallory.push(0, some.to_vec());
        scene.tells(scene.alice, &frame);
        scene.world.run(500);
    }
    scene.world.run(5_000);
    scene.ends_well();
}

#[test]
fn many_records_of_one_device_still_fit_into_frames() {
    let mut scene = Scene::new();
    let records: Vec<Vec<u8>> = (0..6_000u32).map(|number| scene.mallory.sets_title(number)).collect();
    for some in records.chunks(1_000) {
        let frame = scene.mallory.controls(some);
        scene.tells(scene.alice, &frame);
        scene.world.run(200);
    }
    let mut carol = scene.world.person("carol");
    let link = scene.world.invites[0].clone();
    scene.world.joins(carol, &link);
    std::mem::swap(&mut carol, &mut scene.bob);
    scene.world.make_peace();
    let sent = &scene.mallory.mailbox(&scene.world, scene.alice).frames;
    assert!(sent.iter().all(|frame| frame.len() <= MAX_FRAME));
    judge(&scene.world);
}

#[test]
fn who_floods_the_waiting_room_is_forgotten() {
    let mut scene = Scene::new();
    let mut author = scene.mallory.author(0);
    author.says(&["never sent"]);
    let text = "x".repeat(MAX_BODY);
    for number in 0..2_000u32 {
        let conversation = scene.mallory.conversation();
        // As many segments as there are numbers, each with a run that waits for ever.
        let run = Sent { payloads: vec![Payload { salt: [0; 16], body: text.clone() }], ..author.next(&["early"]) };
        let early = Frame::Push { conversation, segment: number, told: vec![], hops: 1, runs: vec![vec![run]] };
        scene.tells(scene.alice, &early);
    }
    scene.world.run(5_000);
    let conversation = scene.world.conversation(0);
    let sent = scene.world.does(scene.alice, Request::send(conversation, "still quick"));
    assert!(sent.is_ok());
    scene.ends_well();
}

/// Each honest message stirs what waits in its conversation: that must stay little.
#[test]
#[expect(clippy::disallowed_methods, reason = "measures how long the others are busy with it")]
fn what_waits_for_ever_makes_nobody_slow() {
    let mut scene = Scene::new();
    let mut author = scene.mallory.author(0);
    author.says(&["never sent"]);
    let early = author.next(&["early"]);
    let conversation = scene.mallory.conversation();
    for segment in 0..20_000 {
        let frame = Frame::Push { conversation, segment, told: vec![], hops: 1, runs: vec![vec![early.clone()]] };
        scene.tells(scene.alice, &frame);
    }
    scene.world.run(1_000);
    let began = Instant::now();
    for number in 0..10 {
        scene.world.says(scene.alice, &format!("still quick {number}"));
    }
    let took = began.elapsed();
    println!("ten messages beside 20000 runs that wait: {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    scene.ends_well();
}

#[test]
fn cuts_that_count_for_nothing_are_not_kept() {
    let mut scene = Scene::new();
    let before = truth::bytes(&scene.world.peers[scene.bob].store);
    let bob = scene.world.peers[scene.bob].user();
    let grant = scene.mallory.grant_of(&bob);
    for number in 0..30u8 {
        let marks = (0..MAX_CUT as u128).map(|actor| {
            let hash = ChangeHash([number; 32]);
            (ActorId(actor.to_be_bytes()), Mark { seq: 1, hash })
        });
        let cut = Cut::new(marks);
        let record = scene.mallory.control(Said::CutExtend { grant, cut: cut.hash() });
        for item in [Item::Record(record).to_bytes(), Item::Cut(cut).to_bytes()] {
            let frame = scene.mallory.controls(&[item]);
            scene.tells(scene.alice, &frame);
            scene.world.run(100);
        }
    }
    scene.world.run(40_000);
    for who in [scene.alice, scene.bob] {
        let grown = truth::bytes(&scene.world.peers[who].store) - before;
        println!("grown by {grown} bytes");
        assert!(grown < 1024 * 1024, "{grown} bytes");
    }
    scene.ends_well();
}

#[test]
fn who_knocks_too_often_is_not_answered_for_a_while() {
    let mut scene = Scene::new();
    let eve = Mallory::holding(scene.world.link_of(0), EVE);
    eve.appears(&mut scene.world, scene.alice);
    let opened = (0..200).filter(|_| eve.knocks(&mut scene.world, scene.alice).is_some()).count();
    assert!(opened <= 64, "{opened} times");
    assert!(!eve.mailbox(&scene.world, scene.alice).closed, "who is impatient is not hostile");
    // Whoever waits at the door for an hour is heard again.
    scene.world.run(60_000);
    assert!(eve.knocks(&mut scene.world, scene.alice).is_some());
}

#[test]
fn only_so_many_wait_at_the_door() {
    let mut scene = Scene::new();
    let options = InviteOptions { uses: 1000, approve: true, ..InviteOptions::default() };
    let reply = scene.decrees(|conversation| Request::Invite { conversation, options });
    let Reply::Invite { link, .. } = reply else { panic!("no link") };
    let link = JoinLink::from_link(&link).expect("alice's own link");
    for seed in (0..=255).step_by(2).filter(|seed| *seed != scene.mallory.seed) {
        let eve = Mallory::holding(link.clone(), seed);
        eve.appears(&mut scene.world, scene.alice);
        let invite = eve.knocks(&mut scene.world, scene.alice).expect("the door");
        eve.tells(&mut scene.world, scene.alice, &eve.enter(invite));
    }
    let conversation = scene.world.conversation(0);
    let Ok(Reply::Members { guests, .. }) = scene.world.does(scene.alice, Request::Members { conversation }) else {
        panic!("no members")
    };
    assert_eq!(guests.len(), 100);
    scene.ends_well();
}

#[test]
fn logs_are_kept_of_people_only_and_not_for_ever() {
    let mut scene = Scene::new();
    let cert = |number: u32, root: &DeviceKey| {
        let mut device = [0; 32];
        device[..4].copy_from_slice(&number.to_be_bytes());
        let device = DeviceKey::from_seed(&device).device();
        let said = UserSaid::DeviceCert { device, may_enrol: false, prekey: None };
        Item::User(UserRecord::by_root(said, vec![], Timestamp(1), root)).to_bytes()
    };
    // A thousand devices of her own, and a thousand people whom nobody let in.
    let own: Vec<_> = (0..1_000).map(|number| cert(number, &scene.mallory.root)).collect();
    let others = (0..1_000u32).map(|number| {
        let mut seed = [0x77; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        cert(number, &DeviceKey::from_seed(&seed))
    });
    let others: Vec<_> = others.collect();
    for some in own.chunks(100).chain(others.chunks(100)) {
        let frame = scene.mallory.controls(some);
        scene.tells(scene.alice, &frame);
        scene.world.run(500);
    }
    scene.world.run(40_000);
    let items = truth::items(&scene.world.peers[scene.alice].store);
    let of = |records: &[Vec<u8>]| records.iter().filter(|bytes| items.iter().any(|(_, item)| item == *bytes)).count();
    let (hers, nobodys) = (of(&own), of(&others));
    println!("{hers} of 1000 records of her own log were kept, {nobodys} of nobody's");
    // Of her log the 256 smallest count; what was pushed out since goes from the disk with the next compaction.
    assert!(hers < 256 * 3 && nobodys == 0, "{hers}, {nobodys}");
    scene.ends_well();
}

#[test]
fn records_that_count_for_nothing_stop_nobody() {
    let mut scene = Scene::new();
    let records: Vec<Vec<u8>> = (0..3_000u32).map(|number| scene.mallory.sets_title(number)).collect();
    for some in records.chunks(10) {
        let frame = scene.mallory.controls(some);
        scene.tells(scene.alice, &frame);
    }
    scene.world.run(2_000);
    let conversation = scene.world.conversation(0);
    let reply = scene.world.does(scene.alice, Request::Invite { conversation, options: InviteOptions::default() });
    assert!(reply.is_ok());
    scene.world.says(scene.alice, "still here");
    scene.ends_well();
}

#[test]
fn many_forks_stop_nobody() {
    let mut scene = Scene::new();
    let id = scene.mallory.segment(0);
    for number in 0..200u32 {
        let mut nonce = [0; 16];
        nonce[..4].copy_from_slice(&number.to_be_bytes());
        let header = ChainHeader::new(scene.mallory.key.device(), scene.mallory.grant, nonce, Vector::new());
        let actor = header.actor(Genesis::new(id).hash());
        let author = Author { header, actor, ..scene.mallory.author(0) };
        for text in ["one", "other"] {
            let frame = scene.pushes(vec![author.next(&[text])]);
            scene.tells(scene.alice, &frame);
        }
        scene.world.run(20);
    }
    scene.world.run(5_000);
    scene.world.says(scene.alice, "still here");
    scene.ends_well();
}
