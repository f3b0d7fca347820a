//! Whatever happens, in the end all see the same.
//!
//! Each seed is a world: people who write, edit, delete and react while links break, frames are lost and come twice,
//! disks are full, machines crash between any two effects, homes are copied and restored, and clocks are years apart.
//! Then there is peace, and [`judge`] says whether anything was lost or differs.
//!
//! `BAYOU_SEEDS=n` tries the first n seeds, `BAYOU_SEED=n` that one alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bayou_core::conversation::SEGMENT_CHANGES;
use bayou_core::rpc::Request;
use bayou_core::store::memory::MemoryStore;
use bayou_tests::network::Weather;
use bayou_tests::verdict::judge;
use bayou_tests::world::{Who, World};

/// Seeds that are tried when nobody says otherwise.
const SEEDS: u64 = 500;

/// Things that happen in one world.
const STEPS: u64 = 100;

const NAMES: [&str; 7] = ["alice", "bob", "carol", "dave", "erin", "frank", "grace"];
const EMOJI: [&str; 3] = ["👍", "🎉", "😀"];
const MINUTE: i64 = 60_000;
const YEAR: i64 = 365 * 24 * 60 * MINUTE;

#[test]
fn convergence_of_many_worlds() {
    let seeds = match number("BAYOU_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("BAYOU_SEEDS").unwrap_or(SEEDS),
    };
    let total = seeds.end - seeds.start;
    let summary = each(seeds, |seed| {
        let mut story = Story::begin(seed);
        story.unfold(STEPS);
        story.end()
    });
    println!("{total} worlds converged: {summary:?}");
}

/// Conversations that fill their first segment, with people who were away when the second was opened.
#[test]
fn convergence_of_long_conversations() {
    let summary = each(0..number("BAYOU_LONG_SEEDS").unwrap_or(4), |seed| {
        let mut story = Story::begin(seed);
        story.fill_a_segment();
        story.unfold(STEPS);
        story.end()
    });
    println!("long conversations converged: {summary:?}");
}

/// The same seed gives the same world: every peer the same effects, byte for byte.
#[test]
fn convergence_comes_the_same_way_twice() {
    let history = |seed| {
        let mut story = Story::begin(seed);
        story.world.peers.iter_mut().for_each(|peer| peer.history = Some([0; 32]));
        story.unfold(STEPS);
        story.world.make_peace();
        story.world.peers.iter().map(|peer| peer.history).collect::<Vec<_>>()
    };
    for seed in 0..6 {
        assert_eq!(history(seed), history(seed), "SEED={seed}");
    }
    assert_ne!(history(0), history(6));
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Runs a story for each seed, on all cores; panics with the seeds that failed.
fn each(seeds: std::ops::Range<u64>, tell: impl Fn(u64) -> Summary + Sync) -> Summary {
    let next = AtomicU64::new(seeds.start);
    let (failed, summary) = (Mutex::new(Vec::new()), Mutex::new(Summary::default()));
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    match catch_unwind(AssertUnwindSafe(|| tell(seed))) {
                        Ok(told) => summary.lock().unwrap().add(&told),
                        Err(_) => {
                            println!("SEED={seed} failed; again with BAYOU_SEED={seed}");
                            failed.lock().unwrap().push(seed);
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} seeds failed: {failed:?}", failed.len(), seeds.end - seeds.start);
    summary.into_inner().unwrap()
}

/// What happened in all worlds, so that one sees that things did happen.
#[derive(Debug, Default)]
struct Summary {
    kept: u64,
    effects: u64,
    crashes: u64,
    partitions: u64,
    full_disks: u64,
    jumps: u64,
    restored: u64,
    copies: u64,
}

impl Summary {
    fn add(&mut self, other: &Summary) {
        self.kept += other.kept;
        self.effects += other.effects;
        self.crashes += other.crashes;
        self.partitions += other.partitions;
        self.full_disks += other.full_disks;
        self.jumps += other.jumps;
        self.restored += other.restored;
        self.copies += other.copies;
    }
}

/// One world, and what is told of it.
struct Story {
    world: World,
    summary: Summary,
    copy: Option<(Who, Who)>,
    backup: Option<(Who, MemoryStore, usize)>,
    words: u64,
}

impl Story {
    fn begin(seed: u64) -> Self {
        let mut world = World::new(seed);
        let people = 5 + usize::try_from(seed % 3).unwrap();
        let people: Vec<Who> = NAMES.iter().take(people).map(|name| world.person(name)).collect();
        // More than are kept open at once, in some worlds.
        let conversations = [1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 2, 10][usize::try_from(seed % 12).unwrap()];
        (0..conversations).for_each(|number| world.begin(&format!("river {number}"), &people));
        let wrong = [0, 7 * YEAR, -30 * YEAR, 3 * MINUTE, -MINUTE, 0, 40 * YEAR];
        for who in people {
            world.peers[who].clock = wrong[who];
        }
        let room = if seed.is_multiple_of(2) { 4 } else { 64 };
        world.network.weather = Weather { delay: 10 + seed % 400, room, rough: true };
        Story { world, summary: Summary::default(), copy: None, backup: None, words: 0 }
    }

    /// Some write as much as a segment takes while the others are away; then most of them meet.
    fn fill_a_segment(&mut self) {
        self.world.network.weather = Weather::CALM;
        let (writers, readers) = ([0, 1, 2], [0, 1, 2, 3]);
        for number in 0..SEGMENT_CHANGES / 3 + 20 {
            for who in writers {
                let (text, conversation) = (format!("<{number} by {who}>"), self.world.conversation(0));
                self.world.asks(who, Request::send(conversation, text));
            }
        }
        self.world.run(20_000);
        self.world.link_all(&readers);
        self.world.run(60_000);
        self.world.network.weather = Weather { delay: 100, room: 64, rough: true };
    }

    fn unfold(&mut self, steps: u64) {
        for _ in 0..steps {
            match self.world.dice.below(100) {
                0..60 => self.somebody_writes(),
                60..82 => self.a_link_changes(),
                82..85 => self.the_net_splits(),
                85..92 => self.somebody_will_fall(),
                92..94 => self.a_disk_is_full(),
                94..96 => self.a_clock_jumps(),
                96..98 => self.a_home_is_copied(),
                _ => self.a_home_is_restored(),
            }
            let ms = self.world.dice.below(300);
            self.world.run(ms);
        }
    }

    fn end(mut self) -> Summary {
        self.world.make_peace();
        judge(&self.world);
        self.summary.kept = self.world.peers.iter().map(|peer| peer.kept.len() as u64).sum();
        self.summary.effects = self.world.peers.iter().map(|peer| peer.executed).sum();
        self.summary
    }

    fn someone(&mut self) -> Who {
        usize::try_from(self.world.dice.below(self.world.peers.len() as u64)).unwrap()
    }

    fn text(&mut self) -> String {
        self.words += 1;
        let length = if self.world.dice.one_in(20) { 8_000 } else { self.world.dice.below(60) };
        format!("<{} of {}>{}", self.words, self.world.seed, "~".repeat(usize::try_from(length).unwrap()))
    }

    fn somebody_writes(&mut self) {
        let who = self.someone();
        if !self.world.peers[who].is_up() {
            return;
        }
        let messages = self.world.messages(who);
        let (own, any): (Vec<_>, Vec<_>) = messages.into_iter().partition(|(_, own)| *own);
        let dice = &mut self.world.dice;
        let kind = dice.below(10);
        let own = dice.pick(&own).map(|(id, _)| id.to_string());
        let any = dice.pick(&any).map(|(id, _)| id.to_string()).or_else(|| own.clone());
        let emoji = (*dice.pick(&EMOJI).unwrap()).to_owned();
        let off = dice.one_in(3);
        let number = self.world.dice.below(self.world.invites.len() as u64);
        let conversation = self.world.conversation(usize::try_from(number).unwrap());
        let text = self.text();
        let request = match (kind, own, any) {
            (0..2, Some(message), _) => Request::Edit { message, text },
            (2, Some(message), _) => Request::Delete { message },
            (3..6, _, Some(message)) => Request::React { message, emoji, off },
            (6, _, Some(message)) => Request::Send { conversation, text, reply_to: Some(message), id: None },
            _ => Request::send(conversation, text),
        };
        self.world.asks(who, request);
    }

    fn a_link_changes(&mut self) {
        let (a, b) = (self.someone(), self.someone());
        if a != b && !self.world.link(a, b) && self.world.dice.one_in(3) {
            self.world.cut(a, b);
        }
    }

    fn the_net_splits(&mut self) {
        if self.world.dice.one_in(3) {
            return self.world.reunite();
        }
        let one = self.someone();
        let some: Vec<Who> = (0..=one).collect();
        self.world.partition(&some);
        self.summary.partitions += 1;
    }

    /// Lays a fuse: after so many effects, the power is gone.
    fn somebody_will_fall(&mut self) {
        let who = self.someone();
        self.world.peers[who].fuse = Some(self.world.dice.below(40));
        self.summary.crashes += 1;
    }

    fn a_disk_is_full(&mut self) {
        let who = self.someone();
        self.world.peers[who].full = 1 + u32::try_from(self.world.dice.below(3)).unwrap();
        self.summary.full_disks += 1;
    }

    fn a_clock_jumps(&mut self) {
        let who = self.someone();
        let jumps = [0, -MINUTE, 5 * MINUTE, -3 * YEAR, 11 * YEAR];
        self.world.peers[who].clock = *self.world.dice.pick(&jumps).unwrap();
        self.summary.jumps += 1;
    }

    fn a_home_is_copied(&mut self) {
        match self.copy {
            None => {
                let who = self.someone();
                self.copy = Some((who, self.world.copy(who)));
                self.summary.copies += 1;
            }
            Some((one, other)) => self.world.swap(one, other),
        }
    }

    fn a_home_is_restored(&mut self) {
        match self.backup.take() {
            None => {
                let who = self.someone();
                let peer = &self.world.peers[who];
                self.backup = Some((who, peer.store.copy(), peer.kept.len()));
            }
            Some((who, backup, kept)) => {
                self.world.restore(who, &backup, kept);
                self.summary.restored += 1;
            }
        }
    }
}
