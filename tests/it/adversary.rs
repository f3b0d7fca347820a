//! Mallory is a member, has the secret, and keeps no rules. Nothing of what she does may harm the others: what breaks a
//! rule is refused and costs her the link, nothing changes, and honest peers still agree in the end.

use automerge::legacy::Key;
use bayou_core::conversation::{
    AuthoredPayload, ChainHeader, EntryId, Genesis, MAX_BODY, Payload, Place, Record, Sent, Target, Vector,
};
use bayou_core::crypto::DeviceKey;
use bayou_core::envelope::{Answer, Frame, MAX_FRAME, Tips};
use bayou_core::id::{ActorId, ConversationId, PayloadId};
use bayou_core::identity::JoinLink;
use bayou_core::rpc::Request;
use bayou_core::timeline::Text;
use bayou_tests::craft::{Author, raw::Raw};
use bayou_tests::dice::Dice;
use bayou_tests::mallory::{Mallory, forged};
use bayou_tests::truth;
use bayou_tests::verdict::judge;
use bayou_tests::world::{Who, World};

/// Frames that are made up for the parser, and for a linked engine.
const FRAMES: u64 = 6_000;

/// Alice and Bob talk, linked; Mallory joins and is linked to both.
struct Scene {
    world: World,
    alice: Who,
    bob: Who,
    mallory: Mallory,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::new(7);
        let [alice, bob] = ["alice", "bob"].map(|name| world.person(name));
        world.begin("river", &[alice, bob]);
        world.link(alice, bob);
        world.says(alice, "hello");
        world.says(bob, "hi");
        let mut mallory = Mallory::invited(&world);
        for who in [alice, bob] {
            mallory.links(&mut world, who);
            assert!(!mallory.mailbox(&world, who).closed);
        }
        world.run(1_000);
        Scene { world, alice, bob, mallory }
    }

    /// Sends Alice one frame; returns whether it cost the link, and checks that nothing else changed.
    fn changes_nothing(&mut self, attack: &str, frame: &Frame) -> bool {
        self.bytes_change_nothing(attack, frame.encode())
    }

    fn bytes_change_nothing(&mut self, attack: &str, bytes: Vec<u8>) -> bool {
        let before = self.state();
        self.mallory.sends(&mut self.world, self.alice, bytes);
        self.world.run(100);
        assert_eq!(self.state(), before, "{attack}");
        let closed = self.mallory.mailbox(&self.world, self.alice).closed;
        if closed {
            self.mallory.links(&mut self.world, self.alice);
        }
        closed
    }

    #[track_caller]
    fn costs_the_link(&mut self, attack: &str, frame: &Frame) {
        assert!(self.changes_nothing(attack, frame), "{attack} should cost the link");
    }

    #[track_caller]
    fn is_harmless(&mut self, attack: &str, frame: &Frame) {
        assert!(!self.changes_nothing(attack, frame), "{attack} should not cost the link");
    }

    fn tells(&mut self, who: Who, frame: &Frame) {
        self.mallory.tells(&mut self.world, who, frame);
    }

    fn pushes(&self, run: Vec<Sent>) -> Frame {
        self.mallory.push(0, vec![run])
    }

    /// All that a hostile frame must not change.
    fn state(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        let store = &self.world.peers[self.alice].store;
        (truth::heads(store), truth::index(store), self.world.sees(self.alice))
    }

    /// Honest people go on, and agree.
    fn ends_well(mut self) {
        self.world.says(self.alice, "still here");
        self.world.says(self.bob, "me too");
        self.world.make_peace();
        judge(&self.world);
        assert!(self.world.sees(self.bob).contains("still here"));
    }
}

#[test]
fn changes_that_break_a_rule_cost_the_link() {
    let mut scene = Scene::new();
    let author = scene.mallory.author(0);
    let honest = author.next(&["words"]);

    let bad = Sent { signature: forged(honest.signature), ..honest.clone() };
    scene.costs_the_link("forged signature", &scene.pushes(vec![bad]));

    let header = ChainHeader::new(scene.world.peers[scene.alice].device(), scene.mallory.grant, [9; 16], Vector::new());
    let actor = header.actor(Genesis::new(scene.mallory.segment(0)).hash());
    let stolen = Author { header, actor, ..scene.mallory.author(0) };
    scene.costs_the_link("in another's name", &scene.pushes(vec![stolen.next(&["I am alice"])]));

    let foreign = author.edit(&honest, |change| {
        let id = EntryId { at: author.next_stamp(), actor: ActorId([3; 16]), number: 0 };
        change.operations[0].key = Key::Map(id.to_key().into());
    });
    scene.costs_the_link("another's key", &scene.pushes(vec![foreign]));

    let without = Sent { header: None, ..honest.clone() };
    scene.costs_the_link("no header", &scene.pushes(vec![without]));
    scene.costs_the_link("an empty run", &scene.pushes(vec![]));

    let bomb = Raw { columns: vec![(0x01, vec![0x80, 0x80, 0x80, 0x80, 0x08, 1])], ..Raw::read(&honest.change) };
    scene.costs_the_link("a bomb", &scene.pushes(vec![author.sign(bomb.to_bytes(), true)]));
    scene.costs_the_link("no change at all", &scene.pushes(vec![author.sign(vec![0; 100], true)]));
    scene.ends_well();
}

#[test]
fn a_gap_waits_and_is_filled() {
    let mut scene = Scene::new();
    let mut author = scene.mallory.author(0);
    let (first, second) = (author.says(&["one"]), author.says(&["two"]));
    scene.is_harmless("a gap", &scene.pushes(vec![second]));
    scene.tells(scene.alice, &scene.pushes(vec![first]));
    scene.world.run(2_000);
    assert!(scene.world.sees(scene.bob).contains("somebody: one\nsomebody: two\n"));
    scene.ends_well();
}

/// Mallory says some things to both and then tells each another story. Returns how many of her messages are left.
fn forked(common: usize, lengths: [usize; 2]) -> usize {
    let mut scene = Scene::new();
    let mut author = scene.mallory.author(0);
    let both: Vec<Sent> = (0..common).map(|n| author.says(&[&format!("for both {n}")])).collect();
    scene.world.cut(scene.alice, scene.bob);
    for (who, length) in [scene.alice, scene.bob].into_iter().zip(lengths) {
        let mut twin = scene.mallory.author(0);
        if !both.is_empty() {
            bayou_tests::craft::take(&mut twin.home, both.clone());
        }
        let side = (0..length).map(|n| twin.says(&[&format!("for {who:?} only {n}")]));
        let frame = scene.mallory.push(0, vec![both.iter().cloned().chain(side).collect()]);
        scene.tells(who, &frame);
    }
    scene.world.run(500);
    scene.world.says(scene.alice, "after the fork");
    scene.world.says(scene.bob, "after it too");
    scene.world.link(scene.alice, scene.bob);
    scene.world.run(70_000);
    let rows = |who: Who| truth::rows(&scene.world.peers[who].store);
    assert_eq!(rows(scene.alice), rows(scene.bob), "{common} in common, then {lengths:?}");
    let hers = rows(scene.bob).iter().filter(|(_, row)| row.device == scene.mallory.key.device()).count();
    assert_eq!(rows(scene.bob).len(), hers + 4, "nobody else loses anything");
    assert!(scene.world.network.is_up((scene.alice, scene.bob)), "neither of them is to blame");
    scene.ends_well();
    hers
}

#[test]
fn a_fork_is_seen_by_all_and_touches_nobody_else() {
    for (common, lengths) in [(0, [1, 1]), (0, [3, 1]), (2, [1, 1]), (2, [1, 3]), (1, [4, 4])] {
        assert_eq!(forked(common, lengths), common, "what she said before stays, what came after goes");
    }
}

#[test]
fn control_records_that_are_forged_cost_the_link() {
    let mut scene = Scene::new();
    let record = scene.mallory.invites(7);
    let flipped = |at: usize| {
        let mut bytes = record.clone();
        bytes[at] ^= 1;
        bytes
    };
    for at in [1, 5, record.len() / 2, record.len() - 1] {
        scene.costs_the_link("a forged record", &scene.mallory.controls(&[flipped(at)]));
    }
    scene.costs_the_link("an item of no kind", &scene.mallory.controls(&[vec![9; 100]]));
    let link = JoinLink { conversation: ConversationId([1; 32]), ..scene.mallory.link.clone() };
    let elsewhere = Mallory { link, ..Mallory::invited(&scene.world) }.invites(7);
    scene.costs_the_link("a record of another conversation", &scene.mallory.controls(&[elsewhere]));
    scene.ends_well();
}

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
fn nobody_erases_the_words_of_another() {
    let mut scene = Scene::new();
    let (id, row) = truth::rows(&scene.world.peers[scene.alice].store).remove(0);
    let mut segment = truth::segments(&scene.world.peers[scene.alice].store).remove(0);
    let body = segment.settle().unwrap().original(&id).unwrap();
    let hash = segment.payloads().get(&body).unwrap().payload.hash();
    let mut author = scene.mallory.author(0);
    let quote = author.next_records(&[(Place::Messages, Record::encode_text(hash, 5))]);
    bayou_tests::craft::take(&mut author.home, vec![quote.clone()]);
    let message = author.home.settle().unwrap().entries()[0].id;
    let target = Target { segment: 0, message };
    let delete = author.next_records(&[(Place::Annotations, Record::encode_delete(target))]);
    scene.tells(scene.bob, &scene.pushes(vec![quote, delete]));
    scene.world.run(10_000);
    let mut late = scene.world.person("carol");
    let link = scene.world.invites[0].clone();
    scene.world.joins(late, &link);
    std::mem::swap(&mut late, &mut scene.alice);
    scene.world.make_peace();
    let rows = truth::rows(&scene.world.peers[scene.alice].store);
    let (_, same) = rows.into_iter().find(|(other, _)| *other == id).unwrap();
    assert!(matches!(same.text, Text::Held(_)), "{row:?} {same:?}");
}

#[test]
fn frames_of_any_bytes_harm_nobody() {
    let mut scene = Scene::new();
    let mut dice = Dice::new(1, 1);
    let mut real: Vec<Vec<u8>> =
        scene.mallory.mailbox(&scene.world, scene.alice).frames.iter().map(|f| f.to_vec()).collect();
    let mut author = scene.mallory.author(0);
    let words = "w".repeat(MAX_BODY);
    real.push(scene.pushes(vec![author.says(&["one"]), author.says(&["two"]), author.next(&[&words])]).encode());
    let record = scene.mallory.invites(7);
    real.push(scene.mallory.controls(&[record]).encode());
    let (mut closed, mut read) = (0, 0);
    for number in 0..FRAMES {
        let mut bytes = dice.pick(&real).unwrap().clone();
        garble(&mut dice, &mut bytes);
        read += u32::from(Frame::decode(&bytes).is_ok());
        scene.mallory.sends(&mut scene.world, scene.alice, bytes);
        if scene.mallory.mailbox(&scene.world, scene.alice).closed {
            closed += 1;
            scene.mallory.links(&mut scene.world, scene.alice);
        }
        if number.is_multiple_of(500) {
            scene.world.run(2_000);
            assert!(truth::bytes(&scene.world.peers[scene.alice].store) < 4 * 1024 * 1024);
        }
    }
    println!("{FRAMES} frames: {read} could be read, {closed} cost the link");
    assert!(closed > 1_000 && read > 100);
    // Some garbled frames are honest ones after all; her own words may have come through, and nobody else's.
    let own = |world: &World, who: Who| world.sees(who).lines().filter(|line| !line.starts_with("somebody")).count();
    assert_eq!(own(&scene.world, scene.alice), 2);
    for large in [vec![1; MAX_FRAME + 1], vec![], vec![0; 40], vec![2; 40]] {
        assert!(scene.bytes_change_nothing("not a frame", large));
    }
    // A body that was garbled away never comes; that is between her and those who look for it.
    scene.world.says(scene.bob, "still here");
    scene.world.make_peace();
    assert_eq!(own(&scene.world, scene.alice), 3);
}

/// Flips, cuts, doubles or replaces some bytes.
fn garble(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let place = |dice: &mut Dice, bytes: &[u8]| usize::try_from(dice.below(bytes.len().max(1) as u64)).unwrap();
    match dice.below(5) {
        0 => bytes.truncate(place(dice, bytes)),
        1 => *bytes = (0..dice.below(300)).map(|_| dice.bytes::<1>()[0]).collect(),
        2 => {
            let (from, to) = (place(dice, bytes), place(dice, bytes));
            bytes.extend_from_within(from.min(to)..from.max(to));
        }
        _ => {
            for _ in 0..=dice.below(3) {
                let at = place(dice, bytes);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = dice.bytes::<1>()[0];
                }
            }
        }
    }
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
        let early = Frame::Push { conversation, segment: number, told: vec![], runs: vec![vec![run]] };
        scene.tells(scene.alice, &early);
    }
    scene.world.run(5_000);
    let conversation = scene.world.conversation(0);
    let sent = scene.world.does(scene.alice, Request::Send { conversation, text: "still quick".into() });
    assert!(sent.is_ok());
    scene.ends_well();
}
