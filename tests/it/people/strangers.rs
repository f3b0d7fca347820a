//! Strangers who hold a contact link and do not keep the rules.

use bayou_core::authority::{UserRecord, UserSaid};
use bayou_core::crypto::{self, DeviceKey};
use bayou_core::engine::Input;
use bayou_core::envelope::Frame;
use bayou_core::id::{PeerId, UserId};
use bayou_core::identity::ContactLink;
use bayou_core::time::Timestamp;
use bayou_tests::world::{Who, World};
use bytes::Bytes;

use super::{asks, link, requests};

const BINDING: [u8; 32] = [0xb1; 32];

/// Somebody with a link, a root key and a device.
struct Stranger {
    link: ContactLink,
    root: DeviceKey,
    key: DeviceKey,
    peer: PeerId,
}

impl Stranger {
    fn new(link: &str, number: u32) -> Self {
        let seed = |kind: u8| crypto::hash("a stranger", &[&[kind], &number.to_be_bytes()]);
        let link = ContactLink::from_link(link).expect("a link");
        let (root, key) = (DeviceKey::from_seed(&seed(1)), DeviceKey::from_seed(&seed(2)));
        Stranger { link, root, key, peer: PeerId(seed(3)) }
    }

    fn user(&self) -> UserId {
        UserId(self.root.device().0)
    }

    fn appears(&self, world: &mut World, who: Who) {
        world.link_stranger(who, self.peer, BINDING);
        let parts: [&[u8]; 3] = [&BINDING, self.peer.as_bytes(), world.peers[who].id.as_bytes()];
        let prove = Frame::Prove { device: self.key.device(), signature: self.key.sign("bayou/1/link", &parts) };
        self.says(world, who, &prove);
    }

    fn says(&self, world: &mut World, who: Who, frame: &Frame) {
        world.give(who, Input::Frame(self.peer, Bytes::from(frame.encode())));
    }

    fn tag(&self, teller: &PeerId) -> [u8; 16] {
        let key = self.link.keys().id().0;
        let tag = crypto::keyed_hash(&key, &[b"knock", &BINDING, teller.as_bytes()]);
        tag[..16].try_into().expect("16 bytes")
    }

    fn log(&self) -> Vec<UserRecord> {
        let cert = UserSaid::DeviceCert { device: self.key.device(), may_enrol: true, prekey: None };
        vec![UserRecord::by_root(cert, vec![], Timestamp(1), &self.root)]
    }

    fn request(&self, log: &[UserRecord], message: &str) -> Frame {
        let user = log[0].user();
        let proof = self.link.keys().prove(&user, &self.key.device());
        let log = log.iter().map(|record| record.bytes().to_vec().into()).collect();
        Frame::Request { proof, secret: [7; 32], message: message.into(), log }
    }

    fn heard(&self, world: &World, who: Who) -> (Vec<Frame>, bool) {
        let mailbox = &world.strangers[&(who, self.peer)];
        (mailbox.frames.iter().filter_map(|frame| Frame::decode(frame).ok()).collect(), mailbox.closed)
    }
}

/// Two hundred people with one link push each other out, and the home grows by none of them; an honest one comes again.
#[test]
fn a_flood_of_requests_stays_bounded() {
    let mut world = World::new(1);
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    let alices = link(&mut world, alice, false);
    asks(&mut world, bob, &alices, "it is bob");
    world.link(alice, bob);
    world.run(2_000);
    for number in 0..200 {
        let stranger = Stranger::new(&alices, number);
        stranger.appears(&mut world, alice);
        stranger.says(&mut world, alice, &stranger.request(&stranger.log(), &"m".repeat(280)));
        world.run(100);
    }
    let (received, _) = requests(&mut world, alice);
    assert_eq!(received.len(), 32);
    world.run(20_000);
    assert!(requests(&mut world, alice).0.iter().any(|asker| asker.name == "bob"), "he asks again");
    // One who asks all the time, and each time something else, is heard once a second.
    let stranger = Stranger::new(&alices, 1_000);
    stranger.appears(&mut world, alice);
    let before = world.peers[alice].told.len();
    for round in 0..1_000 {
        stranger.says(&mut world, alice, &stranger.request(&stranger.log(), &format!("{round}")));
    }
    world.run(1_000);
    assert!(world.peers[alice].told.len() - before < 70);
    assert_eq!(requests(&mut world, alice).0.len(), 32);
}

#[test]
fn a_request_with_a_forged_log_is_refused() {
    let mut world = World::new(2);
    let alice = world.person("alice");
    let alices = link(&mut world, alice, false);
    let (mallory, victim) = (Stranger::new(&alices, 1), Stranger::new(&alices, 2));
    // The log of somebody else, who has never heard of Mallory's device.
    mallory.appears(&mut world, alice);
    mallory.says(&mut world, alice, &mallory.request(&victim.log(), "it is me, your friend"));
    world.run(2_000);
    let (frames, closed) = mallory.heard(&world, alice);
    assert!(closed && !frames.iter().any(|frame| matches!(frame, Frame::Wait { .. })));
    // A certificate that she signed in the victim's name.
    let forger = Stranger { peer: PeerId([9; 32]), ..Stranger::new(&alices, 1) };
    forger.appears(&mut world, alice);
    let cert = UserSaid::DeviceCert { device: forger.key.device(), may_enrol: true, prekey: None };
    let by_device = UserRecord::by_device(cert, victim.user(), vec![], Timestamp(1), &forger.key);
    let log = [victim.log(), vec![by_device]].concat();
    forger.says(&mut world, alice, &forger.request(&log, "it is me"));
    world.run(2_000);
    assert!(forger.heard(&world, alice).1);
    // A proof that was made for another.
    let thief = Stranger::new(&alices, 3);
    thief.appears(&mut world, alice);
    let Frame::Request { proof, .. } = victim.request(&victim.log(), "") else { unreachable!() };
    let log = thief.log().iter().map(|record| record.bytes().to_vec().into()).collect();
    thief.says(&mut world, alice, &Frame::Request { proof, secret: [7; 32], message: String::new(), log });
    world.run(2_000);
    assert_eq!(requests(&mut world, alice).0, []);
    assert!(!thief.heard(&world, alice).0.iter().any(|frame| matches!(frame, Frame::Wait { .. })));
}

/// Who holds bob's link is not bob: it is not told who asks him.
#[test]
fn another_holder_of_the_link_is_not_asked() {
    let mut world = World::new(3);
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    let bobs = link(&mut world, bob, false);
    asks(&mut world, alice, &bobs, "for bob's eyes");
    let mallory = Stranger::new(&bobs, 1);
    mallory.appears(&mut world, alice);
    world.run(1_000);
    let knocks = |frames: &[Frame], tag| frames.contains(&Frame::Knock { tag });
    let tag = mallory.tag(&world.peers[alice].id);
    assert!(knocks(&mallory.heard(&world, alice).0, tag), "alice looks for bob");
    let log = mallory.log().iter().map(|record| record.bytes().to_vec().into()).collect();
    mallory.says(&mut world, alice, &Frame::AtHome { tag: mallory.tag(&mallory.peer), log });
    world.run(1_000);
    let (frames, closed) = mallory.heard(&world, alice);
    assert!(closed && !frames.iter().any(|frame| matches!(frame, Frame::Request { .. })));
}
