//! Members who have no address of each other find each other at a node, and the node learns little.

use std::collections::BTreeSet;

use bayou_core::id::Namespace;
use bayou_core::rpc::{InviteOptions, Reply, Request};
use bayou_tests::world::{Who, World};

const HOUR_MS: u64 = 3_600_000;

/// Some people in one conversation, who use one node and are not linked.
fn town<const N: usize>(names: [&str; N]) -> (World, [Who; N]) {
    let mut world = World::new(7);
    let people = names.map(|name| world.person(name));
    world.begin("harbour", &people);
    world.build_node();
    (world, people)
}

fn registered(world: &World) -> BTreeSet<Namespace> {
    world.board.iter().flat_map(|board| board.registered.keys().copied()).collect()
}

#[test]
fn members_who_were_parted_find_each_other_at_the_node() {
    let (mut world, [alice, bob, carol]) = town(["alice", "bob", "carol"]);
    world.says(alice, "is anyone there?");
    world.run(3_000);
    for who in [alice, bob, carol] {
        assert_eq!(world.sees(who), "alice: is anyone there?\n");
    }
    // Whoever comes back finds who is there, without waiting for anyone to look.
    world.crash(bob, 60_000);
    world.says(carol, "bob is away");
    world.run(63_000);
    assert_eq!(world.sees(bob), world.sees(alice));
}

#[test]
fn any_member_who_is_there_lets_in_who_comes_by_a_link() {
    let (mut world, [alice, bob]) = town(["alice", "bob"]);
    world.run(3_000);
    let invite = Request::Invite { conversation: world.conversation(0), options: InviteOptions::default() };
    let Ok(Reply::Invite { link, .. }) = world.does(alice, invite) else { panic!("no link") };
    world.says(alice, "I am off");
    world.run(3_000);
    // For as long as this story lasts.
    world.crash(alice, HOUR_MS);
    let carol = world.person("carol");
    world.joins(carol, &link);
    world.run(10_000);
    assert_eq!(world.sees(carol), world.sees(bob));
    assert_eq!(world.sees(carol), "alice: I am off\n");
}

#[test]
fn names_at_the_node_change_with_the_day_and_two_days_never_share_one() {
    let (mut world, [alice, bob]) = town(["alice", "bob"]);
    world.run(3_000);
    let mut days: Vec<BTreeSet<Namespace>> = Vec::new();
    for _ in 0..3 {
        // Noon is at the same distance from all midnights, wherever the world's clock began.
        world.run(24 * HOUR_MS);
        world.says(alice, "another day");
        days.push(registered(&world));
    }
    assert!(days.iter().all(|day| !day.is_empty()), "{days:?}");
    let ever: BTreeSet<Namespace> = days.iter().flatten().copied().collect();
    assert_eq!(ever.len(), days.iter().map(BTreeSet::len).sum::<usize>(), "{days:?}");
    world.run(3_000);
    assert_eq!(world.sees(bob).lines().count(), 3);
}

#[test]
fn a_node_is_asked_seldom_while_somebody_stays_away() {
    let (mut world, [_, bob]) = town(["alice", "bob"]);
    world.run(3_000);
    world.crash(bob, 48 * HOUR_MS);
    let before = world.board.as_ref().map_or(0, |board| board.questions);
    world.run(HOUR_MS);
    let asked = world.board.as_ref().map_or(0, |board| board.questions) - before;
    // At growing intervals up to ten minutes.
    assert!((4..=12).contains(&asked), "{asked}");
}

#[test]
fn without_nodes_nobody_is_asked_and_nothing_is_told() {
    let mut world = World::new(7);
    let people = ["alice", "bob"].map(|name| world.person(name));
    world.begin("harbour", &people);
    world.board = Some(bayou_tests::board::Board::default());
    world.run(HOUR_MS);
    let board = world.board.as_ref().unwrap();
    assert_eq!((board.questions, board.ever.len()), (0, 0));
}
