//! One story, told again and again: each time the power goes after one more effect. Nothing that was acknowledged is
//! lost, and in the end all see the same.

use bayou_core::rpc::Request;
use bayou_tests::verdict::judge;
use bayou_tests::world::{Who, World};

/// Different timings of the disks; each is cut at every effect.
const SEEDS: u64 = 2;

#[test]
fn nothing_is_lost_wherever_the_power_goes() {
    for seed in 0..SEEDS {
        for who in 0..2 {
            let whole = tell(seed, who, None);
            let (first, last) = whole;
            assert!(last - first > 50, "a story in which something happens");
            for effect in 0..last - first {
                println!("SEED={seed}, the power of {who} goes after {effect} effects");
                tell(seed, who, Some(effect));
            }
        }
    }
}

/// Tells the story, and cuts the power of one peer after so many effects; returns how many it had executed before the
/// story and after it.
fn tell(seed: u64, victim: Who, fuse: Option<u64>) -> (u64, u64) {
    let mut world = World::new(seed);
    let people = ["alice", "bob", "carol"].map(|name| world.person(name));
    let [alice, bob, carol] = people;
    world.begin("river", &people);
    world.begin("brook", &people);
    let first = world.peers[victim].executed;
    world.peers[victim].fuse = fuse;

    world.link_all(&people);
    writes(&mut world, alice, "before");
    world.run(200);
    world.cut(bob, alice);
    world.cut(bob, carol);
    writes(&mut world, bob, "apart");
    writes(&mut world, carol, "meanwhile");
    world.run(200);
    changes(&mut world, bob);
    changes(&mut world, alice);
    world.run(200);
    world.link_all(&people);
    world.run(2_000);
    changes(&mut world, bob);
    let last = world.peers[victim].executed;
    world.run(2_000);
    world.make_peace();
    judge(&world);
    (first, last)
}

/// Writes into both conversations without waiting, so that it is kept in one go.
fn writes(world: &mut World, who: Who, text: &str) {
    for number in 0..6 {
        let conversation = world.conversation(number % 2);
        ask(world, who, Request::send(conversation, format!("<{text} {number}>")));
    }
}

/// Edits one's newest message, deletes another, and reacts to a third.
fn changes(world: &mut World, who: Who) {
    let messages = world.messages(who);
    let own: Vec<String> = messages.iter().filter(|(_, own)| *own).map(|(id, _)| id.to_string()).collect();
    if let [.., deleted, edited] = own.as_slice() {
        ask(world, who, Request::Edit { message: edited.clone(), text: format!("<edited {}>", own.len()) });
        ask(world, who, Request::Delete { message: deleted.clone() });
    }
    if let Some((id, _)) = messages.first() {
        ask(world, who, Request::React { message: id.to_string(), emoji: "👍".into(), off: false });
    }
}

fn ask(world: &mut World, who: Who, request: Request) {
    if world.peers[who].is_up() {
        world.asks(who, request);
    }
}
