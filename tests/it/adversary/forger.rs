//! Mallory is a member who forges: signatures, names, keys of the map, bombs, control records, frames of any bytes.
//!
//! She has a member's keys and links, and writes whatever bytes she likes. What no honest peer could have sent costs her the
//! link and changes nothing; what an honest peer might have passed on is left alone. Nobody else's words are touched.

use automerge::legacy::Key;
use bayou_core::conversation::{ChainHeader, EntryId, Genesis, MAX_BODY, Place, Record, Sent, Target, Vector};
use bayou_core::envelope::{Frame, MAX_FRAME};
use bayou_core::id::{ActorId, ConversationId};
use bayou_core::identity::JoinLink;
use bayou_core::timeline::Text;
use bayou_tests::craft::{self, Author, raw::Raw};
use bayou_tests::dice::Dice;
use bayou_tests::mallory::{Mallory, forged};
use bayou_tests::truth;
use bayou_tests::world::{Who, World};

use super::Scene;

/// Frames that are made up for the parser, and for a linked engine.
const FRAMES: u64 = 6_000;

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
fn nobody_erases_the_words_of_another() {
    let mut scene = Scene::new();
    let (id, row) = truth::rows(&scene.world.peers[scene.alice].store).remove(0);
    let mut segment = truth::segments(&scene.world.peers[scene.alice].store).remove(0);
    let body = segment.settle().unwrap().original(&id).unwrap();
    let hash = segment.payloads().get(&body).unwrap().payload.hash();
    let mut author = scene.mallory.author(0);
    let quote = author.next_records(&[(Place::Messages, Record::encode_text(hash, 5))]);
    craft::take(&mut author.home, vec![quote.clone()]);
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
