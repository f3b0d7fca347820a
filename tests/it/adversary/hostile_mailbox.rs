//! A mailbox that keeps the mail of a conversation and does with it what it likes: it loses, doubles, shuffles and replays
//! envelopes, puts them under other topics, changes bits, invents some, lies about where it is in a topic, and about what
//! it keeps.
//!
//! It can delay what it alone should have brought, and nothing else: nobody sees what was not said, nobody loses what they
//! have, no peer is blamed or parted, and when people meet they agree.

use bayou_core::rpc::{Request, Setting};
use bayou_tests::mailboxes::Mood;
use bayou_tests::verdict::judge;
use bayou_tests::world::{Who, World};

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Three people who write, delete and change their minds, come and go, and mostly do not meet.
fn tell(seed: u64, mood: Mood) -> World {
    let mut world = World::new(seed);
    let people: Vec<Who> = ["alice", "bob", "carol"].into_iter().map(|name| world.person(name)).collect();
    world.begin("river", &people);
    let nodes = [world.mailboxes.open(seed), world.mailboxes.open(seed)];
    let setting = Setting::Mailboxes(nodes.to_vec());
    let conversation = world.conversation(0);
    world.link_all(&people);
    world.does(people[0], Request::Set { conversation, setting }).expect("the owner may");
    world.run(40_000);
    world.part_all();
    nodes.iter().for_each(|node| world.mailboxes.node(node).mood = mood);
    for step in 0..40 {
        let who = world.dice.below(3) as Who;
        match world.dice.below(8) {
            0 => world.crash(who, 5_000),
            1 => world.peers.iter_mut().for_each(|peer| peer.clock += 7 * HOUR_MS),
            2 => {
                let own: Vec<_> = world.messages(who).into_iter().filter(|(_, own)| *own).collect();
                if let Some((message, _)) = world.dice.pick(&own).cloned().filter(|_| world.peers[who].is_up()) {
                    world.deletes(who, &message.to_string());
                }
            }
            3 if step > 20 => drop(world.link(0, 1)),
            4 => world.part_all(),
            _ if world.peers[who].is_up() => drop(world.says(who, &format!("step {step} of {seed}"))),
            _ => {}
        }
        let ms = world.dice.below(20_000);
        world.run(ms);
    }
    world
}

#[test]
fn it_harms_nothing_but_delay() {
    for seed in 0..12 {
        println!("seed {seed}");
        let mut world = tell(seed, Mood::Hostile);
        for peer in &world.peers {
            let blamed: Vec<_> = peer.problems.iter().filter(|problem| problem.contains("dropped the link")).collect();
            assert!(blamed.is_empty(), "{blamed:?}");
        }
        world.make_peace();
        judge(&world);
    }
}

#[test]
fn an_honest_one_brings_all_of_it_without_any_link() {
    for seed in 0..4 {
        println!("seed {seed}");
        let mut world = tell(seed, Mood::Honest);
        world.part_all();
        world.run(10_000);
        for peer in &mut world.peers {
            peer.clock += 2 * HOUR_MS;
        }
        world.run(10_000);
        assert_eq!(world.disagreement(), None, "seed {seed}");
        world.make_peace();
        judge(&world);
    }
}
