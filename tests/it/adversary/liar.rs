//! Mallory is a member who lies about what she has: heads, answers, acknowledgements.
//!
//! A lie costs her nothing and gains her nothing: what others keep stays as it is, what they send her for it is bounded,
//! and what is said of her is said of her alone.

use bayou_core::authority::{Item, Said};
use bayou_core::conversation::{AuthoredPayload, Payload, Vector};
use bayou_core::envelope::{Answer, Frame, Tips};
use bayou_core::id::{ActorId, ConversationId, CutHash, PayloadId};
use bayou_core::rpc::{Reply, Request};
use bayou_tests::truth;

use super::Scene;

fn tips(vector: &Vector) -> Tips {
    vector.iter().map(|(actor, seq)| (*actor, (*seq, [9; 8]))).collect()
}

#[test]
fn lies_about_what_one_has_are_harmless() {
    let mut scene = Scene::new();
    let conversation = scene.mallory.conversation();
    let nobody = Vector::from([(ActorId([4; 16]), 1_000_000)]);
    let known = truth::heads(&scene.world.peers[scene.alice].store).0;
    let future: Vector = known.values().flat_map(|heads| heads.vector.keys()).map(|actor| (*actor, u32::MAX)).collect();
    let segments = (0..60_000).map(|number| (number, [9; 8])).collect();
    let payload = Payload { salt: [1; 16], body: "unasked".into() };
    let payload = AuthoredPayload { author: scene.mallory.key.device(), payload };
    let frames = [
        Frame::Heads { conversation, controls: [1; 32], segments },
        Frame::Have { conversation, segment: u32::MAX, tips: tips(&nobody) },
        Frame::Have { conversation, segment: 0, tips: tips(&future) },
        Frame::Changes { conversation, segment: 77, runs: vec![], answer: Answer::More },
        Frame::Ack { conversation, segment: 0, vector: future },
        Frame::Ack { conversation, segment: 9, vector: nobody },
        Frame::Want { conversation, segment: 0, bodies: vec![PayloadId([2; 32]); 30_000] },
        Frame::Payloads { conversation, segment: 0, payloads: vec![payload] },
        Frame::Heads { conversation: ConversationId([8; 32]), controls: [0; 32], segments: vec![] },
    ];
    for _ in 0..20 {
        for frame in &frames {
            scene.is_harmless("a lie", frame);
        }
    }
    // What she is answered is bounded, and small.
    let answered: usize = scene.mallory.mailbox(&scene.world, scene.alice).frames.iter().map(|frame| frame.len()).sum();
    assert!(answered < 4 * 1024 * 1024, "{answered} bytes");
    assert!(truth::segments(&scene.world.peers[scene.alice].store).len() == 1);
    scene.ends_well();
}

#[test]
fn who_never_says_that_it_is_all_is_not_asked_for_ever() {
    let mut scene = Scene::new();
    let conversation = scene.mallory.conversation();
    let heads = Frame::Heads { conversation, controls: [0; 32], segments: vec![(0, [9; 8])] };
    scene.tells(scene.alice, &heads);
    let mut asked = 0;
    for _ in 0..100 {
        let heard = scene.mallory.heard(&scene.world, scene.alice);
        let haves = heard.iter().filter(|frame| matches!(frame, Frame::Have { .. })).count();
        if haves > asked {
            asked = haves;
            let nothing = Frame::Changes { conversation, segment: 0, runs: vec![], answer: Answer::More };
            scene.tells(scene.alice, &nothing);
        }
    }
    assert!(asked <= 2, "asked {asked} times for nothing");
    scene.ends_well();
}

/// She tells each of them another part of what she said, and leaves with a cut that she keeps to herself.
#[test]
fn who_leaves_and_does_not_say_how_far_they_came_parts_nobody() {
    let mut scene = Scene::new();
    scene.world.cut(scene.alice, scene.bob);
    let mut author = scene.mallory.author(0);
    let said: Vec<_> = (0..4).map(|number| author.says(&[&format!("part {number}")])).collect();
    scene.tells(scene.alice, &scene.pushes(said[..2].to_vec()));
    scene.tells(scene.bob, &scene.pushes(said));
    scene.world.run(1_000);
    assert!(scene.world.sees(scene.bob).contains("part 3") && !scene.world.sees(scene.alice).contains("part 3"));
    let record = scene.mallory.control(Said::Leave { cut: CutHash([0xcc; 32]) });
    let frame = scene.mallory.controls(&[Item::Record(record).to_bytes()]);
    for who in [scene.alice, scene.bob] {
        scene.tells(who, &frame);
    }
    scene.world.run(1_000);
    let world = scene.ends_well();
    assert_eq!(world.sees(0), world.sees(1));
}

/// Who lies about what they have is believed about themselves, and about nobody else.
#[test]
fn an_acknowledgement_speaks_for_its_sender_only() {
    let mut scene = Scene::new();
    scene.world.cut(scene.alice, scene.bob);
    let before = truth::heads(&scene.world.peers[scene.alice].store).0;
    scene.world.says(scene.alice, "nobody has this");
    let conversation = scene.mallory.conversation();
    let chains: Vector = before.values().flat_map(|heads| heads.vector.keys()).map(|actor| (*actor, 9_999)).collect();
    for _ in 0..3 {
        scene.tells(scene.alice, &Frame::Ack { conversation, segment: 0, vector: chains.clone() });
        scene.world.run(100);
    }
    let log = Request::Log { conversation: scene.world.conversation(0), limit: 1, before: None };
    let Ok(Reply::Log { rows, .. }) = scene.world.does(scene.alice, log) else { panic!("no rows") };
    assert_eq!(rows[0].state, "with 1 of 2");
    scene.world.link(scene.alice, scene.bob);
    scene.world.run(40_000);
    assert!(scene.world.sees(scene.bob).contains("nobody has this"));
    scene.ends_well();
}
