//! Epochs: nobody removed reads on, and nobody who stays is locked out.
//!
//! The room is modelled as simply as it can be: records that know all that their maker knew, adds and removals that all
//! count. What the members' devices make of that is the real thing. `BAYOU_SEEDS=n` tries the first n seeds,
//! `BAYOU_SEED=n` that one alone.

mod one;
mod room;

use std::collections::BTreeSet;

use bayou_core::id::{DeviceId, RecordHash};
use room::{Device, World};

const SEEDS: u64 = 300;
const STEPS: u64 = 80;
const DAY: u64 = 24 * 60 * 60 * 1000;

/// What the seeds came across, so that a simulation in which nothing happens is noticed.
#[derive(Debug, Default)]
struct Seen {
    removals: usize,
    rotations: usize,
    hollow: usize,
    answers: usize,
    refusals: usize,
    sealed: usize,
    expired: usize,
    readers: usize,
}

#[test]
fn no_removed_device_reads_on_and_no_member_is_locked_out() {
    let seeds = match number("BAYOU_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("BAYOU_SEEDS").unwrap_or(SEEDS),
    };
    let (mut seen, count) = (Seen::default(), seeds.end - seeds.start);
    for seed in seeds {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            step(&mut world, &mut seen);
        }
        heal(&mut world, &mut seen);
        judge(&mut world, &mut seen);
    }
    println!("{count} seeds: {seen:?}");
    let all = [seen.removals, seen.rotations, seen.hollow, seen.answers, seen.refusals, seen.sealed, seen.expired];
    assert!(count == 1 || all.iter().all(|times| *times as u64 > count / 20), "too little happened");
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn step(world: &mut World, seen: &mut Seen) {
    let (who, other) = (world.rather_a_member(), world.anyone());
    match world.dice.below(16) {
        0 => world.partition(),
        1 => {
            world.now = world.now.plus(world.dice.below(24) * DAY);
            for device in &mut world.devices {
                seen.expired += device.epochs.expire(world.now).len();
            }
        }
        2 | 3 if world.is_member(who) => world.add(who, other),
        4 if world.is_member(who) && world.is_member(other) && other != 0 && who != other => {
            world.remove(who, other);
            seen.removals += 1;
        }
        5 if world.is_member(who) => {
            if world.dice.one_in(3) {
                world.rotate(who, true);
                seen.hollow += 1;
            }
        }
        6 if world.is_member(who) => {
            world.rotate(who, false);
            seen.rotations += 1;
        }
        7 | 8 => seen.sealed += usize::from(world.seal(who)),
        9 | 10 => act(world, who, seen),
        11 => pry(world, who, other, seen),
        _ => world.sync(who, other, 3),
    }
    world.now = world.now.plus(world.dice.below(20_000));
}

/// Does what is due on one device; whom it asks is up to chance.
fn act(world: &mut World, who: usize, seen: &mut Seen) {
    let (rotations, answers) = world.act(who);
    seen.rotations += rotations;
    seen.answers += answers;
}

/// Somebody asks for every epoch there is, whether or not it is for them.
fn pry(world: &mut World, who: usize, other: usize, seen: &mut Seen) {
    let epochs: Vec<RecordHash> = world.devices[other].records.keys().copied().collect();
    for epoch in epochs {
        if world.devices[other].epochs.holds(epoch) && !world.ask(who, other, epoch) {
            seen.refusals += 1;
        }
    }
}

/// All are linked, boxes are still lost, and everyone does what is due for some minutes.
fn heal(world: &mut World, seen: &mut Seen) {
    world.groups.fill(0);
    for _ in 0..24 {
        for who in 0..world.devices.len() {
            for other in 0..who {
                world.sync(who, other, 2);
            }
        }
        for who in 0..world.devices.len() {
            act(world, who, seen);
        }
        world.now = world.now.plus(10_000);
    }
}

fn judge(world: &mut World, seen: &mut Seen) {
    let seed = world.seed;
    let members: Vec<usize> = (0..world.devices.len()).filter(|who| world.is_member(*who)).collect();
    for from in &members {
        let (epoch, sealed) = world.envelope(*from).unwrap_or_else(|error| panic!("SEED={seed}: {from}: {error}"));
        for to in &members {
            let opened = world.devices[*to].epochs.open(&sealed);
            assert_eq!(opened.map(|(epoch, _)| epoch), Ok(epoch), "SEED={seed}: {from} to {to}");
            seen.readers += 1;
        }
    }
    for (record, made) in &world.all {
        let Some(epoch) = made.epoch_id(*record) else { continue };
        let gone = world.gone(&made.knew_with(*record));
        no_one_holds(seed, &world.devices, &gone, epoch, "whose maker knew of the removal");
    }
    for (epoch, knew) in &world.sealed {
        no_one_holds(seed, &world.devices, &world.gone(knew), *epoch, "under which one sealed who knew of the removal");
    }
}

#[track_caller]
fn no_one_holds(seed: u64, devices: &[Device], gone: &BTreeSet<DeviceId>, epoch: RecordHash, which: &str) {
    for device in devices.iter().filter(|device| gone.contains(&device.id)) {
        assert!(!device.has(epoch), "SEED={seed}: {:?}, removed, holds {epoch:?}, {which}", device.id);
    }
}
