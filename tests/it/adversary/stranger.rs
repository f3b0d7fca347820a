//! Mallory has a link and nothing else: no secret, no invite, or a proof that is not hers.
//!
//! She can open links, say any frame, and send back what she hears. She learns who is at the other end, and of its
//! conversations nothing, not even which they are.

use bayou_core::crypto::DeviceKey;
use bayou_core::envelope::{Frame, Tips};
use bayou_tests::mallory::Mallory;
use bayou_tests::verdict::judge;

use super::Scene;

#[test]
fn who_proves_nothing_or_shares_nothing_learns_nothing() {
    let mut scene = Scene::new();
    let alice = scene.alice;
    let other = Mallory { key: DeviceKey::from_seed(&[5; 32]), ..Mallory::invited(&scene.world) };

    scene.world.link_stranger(alice, scene.mallory.peer, [1; 32]);
    let proof = scene.mallory.proof(&scene.world, alice);
    scene.costs_the_link("a proof for another link", &proof);

    let Frame::Prove { signature, .. } = scene.mallory.proof(&scene.world, alice) else { panic!("a proof") };
    scene.costs_the_link("another's proof", &Frame::Prove { device: other.key.device(), signature });

    let binding = [0xb1; 32];
    for frames in [vec![Frame::Share { tags: vec![[7; 16]; 1000] }, proof.clone()], vec![scene.mallory.tags()]] {
        scene.world.link_stranger(alice, scene.mallory.peer, binding);
        for frame in &frames {
            scene.tells(alice, frame);
        }
        let (conversation, tips) = (scene.mallory.conversation(), Tips::new());
        scene.tells(alice, &Frame::Have { conversation, segment: 0, tips });
        scene.world.says(alice, "not for strangers");
        scene.world.run(40_000);
        let heard = scene.mallory.heard(&scene.world, alice);
        assert!(heard.iter().all(|frame| matches!(frame, Frame::Prove { .. } | Frame::Share { .. })), "{heard:?}");
    }
    scene.world.make_peace();
    judge(&scene.world);
}

/// A tag says who tells it: it is of no use to who only heard it.
#[test]
fn tags_that_were_heard_open_nothing() {
    let mut scene = Scene::new();
    let eve = Mallory::holding(scene.world.link_of(0), 0x30);
    let mut heard = Vec::new();
    for who in [scene.alice, scene.bob] {
        eve.appears(&mut scene.world, who);
        for frame in eve.heard(&scene.world, who) {
            if let Frame::Share { tags } = frame {
                heard.extend(tags);
            }
        }
    }
    let [all, theirs @ ..] = &heard[..] else { panic!("nothing was told") };
    assert!(!theirs.contains(all), "another tag on each link");
    let conversation = eve.conversation();
    for who in [scene.alice, scene.bob] {
        eve.tells(&mut scene.world, who, &Frame::Share { tags: heard.clone() });
        eve.tells(&mut scene.world, who, &Frame::Names { conversation, names: vec![] });
        eve.tells(&mut scene.world, who, &Frame::Have { conversation, segment: 0, tips: Tips::new() });
    }
    scene.world.says(scene.alice, "not for strangers");
    scene.world.run(40_000);
    for who in [scene.alice, scene.bob] {
        let told = eve.heard(&scene.world, who);
        assert!(told.iter().all(|frame| matches!(frame, Frame::Prove { .. } | Frame::Share { .. })), "{told:?}");
    }
    scene.ends_well();
}
