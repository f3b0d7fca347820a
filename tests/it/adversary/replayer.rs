//! A replayer keeps every frame that ever went over a link and plays it again: to who got it and to others, in another order,
//! on another link, after a restart, after somebody was put out, after something was erased.
//!
//! Links are authenticated, so a replayer is at an end of one: someone with changed software, who has been a member, is
//! none any more, or never was one. Nothing changes by what is played, and nothing that is gone comes back.

use bayou_core::engine::Input;
use bayou_core::envelope::Frame;
use bayou_core::id::PeerId;
use bayou_core::rpc::{Reply, Request};
use bayou_tests::dice::Dice;
use bayou_tests::truth;
use bayou_tests::verdict::judge;
use bayou_tests::world::{Taped, Who, World};

/// What was deleted before anything is played.
const DELETED: &str = "never to be read again";

/// What was written when Carol was out.
const AFTER: &str = "not for carol";

/// Alice, Bob and Carol have talked, deleted and changed; Carol was put out, and all that was sent is on tape.
fn a_long_talk(seed: u64) -> (World, [Who; 3]) {
    let mut world = World::new(seed);
    world.tape = Some(Vec::new());
    let people = ["alice", "bob", "carol"].map(|name| world.person(name));
    let [alice, bob, carol] = people;
    world.begin("river", &people);
    world.link_all(&people);
    let message = world.says(alice, "first");
    let deleted = world.says(bob, DELETED);
    world.says(carol, "mine");
    world.run(1_000);
    world.edits(alice, &message, "first, corrected");
    world.reacts(carol, &message, "👍");
    world.deletes(bob, &deleted);
    world.make_peace();
    world.crash(bob, 500);
    world.run(3_000);
    world.link_all(&people);
    world.run(3_000);
    let conversation = world.conversation(0);
    // Or the words with which Carol came would let her in again, as they would by anyone who holds the link.
    let invites = world.does(alice, Request::Invites { conversation: conversation.clone() });
    let Ok(Reply::Invites { invites }) = invites else { panic!("no invites") };
    for invite in invites {
        let request = Request::RevokeInvite { conversation: conversation.clone(), invite: invite.invite };
        world.does(alice, request).expect("the owner may");
    }
    world.does(alice, Request::Remove { conversation, member: "carol".into() }).expect("the owner may");
    world.run(3_000);
    world.says(alice, AFTER);
    world.make_peace_among(&|_| vec![alice, bob]);
    (world, people)
}

/// All that must not change, as somebody has it.
fn state(world: &World, who: Who) -> impl PartialEq + std::fmt::Debug + use<> {
    let store = &world.peers[who].store;
    (truth::index(store), truth::items(store), world.sees(who))
}

/// Plays some frames to somebody over the link that a peer has to them, and makes a new one when that costs the link.
fn plays(world: &mut World, to: Who, from: PeerId, frames: impl Iterator<Item = Taped>) {
    for taped in frames {
        world.give(to, Input::Frame(from, taped.frame));
        world.run(20);
    }
}

#[track_caller]
fn nothing_changes(seed: u64, play: impl FnOnce(&mut World, &[Who; 3], Vec<Taped>)) {
    println!("seed {seed}");
    let (mut world, people) = a_long_talk(seed);
    let [alice, bob, carol] = people;
    let mut tape = world.tape.take().expect("it was on");
    assert!(tape.len() > 100, "{} frames", tape.len());
    let kinds: std::collections::BTreeSet<u8> = tape.iter().filter_map(|taped| taped.frame.get(1).copied()).collect();
    assert!(kinds.len() >= 12, "of {} kinds", kinds.len());
    let mut dice = Dice::new(seed, 0x7e);
    for at in (1..tape.len()).rev() {
        tape.swap(at, dice.below(at as u64 + 1) as usize);
    }
    let before = [alice, bob].map(|who| state(&world, who));
    play(&mut world, &people, tape);
    world.link(alice, bob);
    world.run(70_000);
    for (who, before) in [alice, bob].into_iter().zip(before) {
        assert_eq!(state(&world, who), before, "seed {seed}: {}", world.peers[who].name);
    }
    for text in [DELETED, AFTER] {
        assert_eq!(truth::places(&world.peers[carol].store, text), [""; 0]);
    }
    assert_eq!(truth::places(&world.peers[alice].store, DELETED), [""; 0]);
    world.says(alice, "and on");
    world.make_peace_among(&|_| vec![alice, bob]);
    world.peers.truncate(2);
    judge(&world);
}

#[test]
fn to_the_same_over_the_same_link_in_another_order() {
    nothing_changes(1, |world, _, tape| {
        for taped in tape {
            let (to, from) = (taped.to, world.peers[taped.from].id);
            // A proof for an earlier link costs this one; the next is made, as it would be.
            world.link(taped.to, taped.from);
            plays(world, to, from, [taped].into_iter());
        }
    });
}

#[test]
fn to_others_over_other_links() {
    nothing_changes(2, |world, people, tape| {
        for to in people {
            for from in people.iter().filter(|from| *from != to) {
                world.link(*to, *from);
                let from = world.peers[*from].id;
                plays(world, *to, from, tape.iter().cloned());
            }
        }
    });
}

#[test]
fn by_a_stranger_who_heard_it_all() {
    nothing_changes(3, |world, people, tape| {
        let stranger = PeerId([0x5e; 32]);
        let mut proofs = 0;
        for (number, taped) in tape.into_iter().enumerate() {
            for to in people {
                world.link_stranger(*to, stranger, [number as u8; 32]);
                world.give(*to, Input::Frame(stranger, taped.frame.clone()));
                if matches!(Frame::decode(&taped.frame), Ok(Frame::Prove { .. })) {
                    proofs += 1;
                    assert!(world.strangers[&(*to, stranger)].closed, "a proof for another link");
                }
            }
            world.run(5);
        }
        assert!(proofs > 20, "{proofs}");
        // Nor by all of it on one link, behind tags that were true elsewhere.
        for to in people {
            let heard = &world.strangers[&(*to, stranger)].frames;
            let greets = |frame: &Frame| matches!(frame, Frame::Prove { .. } | Frame::Share { .. });
            assert!(heard.iter().filter_map(|frame| Frame::decode(frame).ok()).all(|frame| greets(&frame)));
        }
    });
}

#[test]
fn after_a_restart() {
    nothing_changes(4, |world, people, tape| {
        let [alice, bob, carol] = *people;
        for who in [alice, bob] {
            world.crash(who, 200);
        }
        world.run(3_000);
        world.link_all(people);
        for to in [alice, bob] {
            let from = world.peers[carol].id;
            for taped in &tape {
                world.link(to, carol);
                plays(world, to, from, [taped.clone()].into_iter());
            }
        }
    });
}
