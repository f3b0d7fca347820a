//! Seeded mutation fuzzing of the gate: whatever comes, it does not panic and does not hang, and what passes can be
//! applied, kept and opened again.
//!
//! `BAYOU_FUZZ=1000000` runs more mutants, `BAYOU_SEED` another seed. For runs without end see `core/fuzz`.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use automerge::legacy::{ElementId, Key, ObjectId, OpId, OpType};
use automerge::{ExpandedChange, ObjType, ScalarValue};
use bayou_core::conversation::{EntryId, MAX_BODY, MAX_EMOJI, Outcome, Place, Record, Segment, Sent, Target, Verified};
use bayou_core::id::{ActorId, PayloadHash};
use bayou_core::time::Hlc;
use bayou_tests::craft::raw::{self, Raw};
use bayou_tests::craft::{Author, Dice, quietly, segment_id, take};

/// A room with two chains, and honest runs that would come next: the material of all mutants.
struct Scene {
    image: Vec<u8>,
    room: Segment,
    message: EntryId,
    authors: [Author; 3],
    /// Who writes it, and the run.
    honest: Vec<(usize, Vec<Sent>)>,
}

impl Scene {
    fn new() -> Self {
        let mut authors = [1, 2, 3].map(|seed| Author::new(segment_id(0), seed));
        let mut room = Segment::open(segment_id(0), None, &[]).unwrap();
        take(&mut room, (0..8).map(|n| authors[0].says(&[&format!("alice {n}")])).collect());
        take(&mut room, (0..4).map(|n| authors[1].says(&[&format!("bob {n}"), "and more"])).collect());
        let message = room.settle().unwrap().entries()[0].id;
        let target = Target { segment: 0, message };
        let records = [
            (Place::Annotations, Record::encode_reaction(target, "👍".to_owned(), true)),
            (Place::Annotations, Record::encode_delete(target)),
            (Place::Messages, vec![7, 7, 7]),
        ];
        let mut honest = vec![
            (0, vec![authors[0].next(&["one"])]),
            (0, vec![authors[0].next(&["one", "two", "three"])]),
            (1, vec![authors[1].next_records(&records)]),
            (2, vec![authors[2].next(&["hello", "all"])]),
        ];
        honest.push((2, (0..4).map(|n| authors[2].says(&[&format!("carol {n}")])).collect()));
        Scene { image: room.settle().unwrap().image().unwrap(), room, message, authors, honest }
    }
}

/// What happened to the mutants.
#[derive(Default)]
struct Tally {
    outcomes: BTreeMap<String, usize>,
    slowest: Duration,
}

#[test]
fn mutants_never_break_the_gate_and_what_passes_can_be_kept() {
    let (seed, count) = (from_env("BAYOU_SEED", 1), from_env("BAYOU_FUZZ", 50_000));
    println!("seed {seed}, {count} mutants");
    let (scene, mut dice, mut tally) = (Scene::new(), Dice::new(seed), Tally::default());
    for number in 0..count {
        let (author, run) = mutant(&scene, &mut dice);
        let judged = quietly(|| judge(&scene, &scene.authors[author], run.clone(), &mut tally));
        if let Err(panic) = judged {
            panic!("seed {seed}, mutant {number}: {panic}\n{run:02x?}");
        }
    }
    for (outcome, count) in &tally.outcomes {
        println!("{count:7} {outcome}");
    }
    println!("slowest: {:?}", tally.slowest);
    assert!(tally.slowest < Duration::from_secs(1), "work is bounded: {:?}", tally.slowest);
    for reason in REASONS {
        assert!(tally.outcomes.keys().any(|outcome| outcome.contains(reason)), "never reached: {reason}");
    }
}

/// What the mutants must reach, or the fuzzer would be blind.
const REASONS: [&str; 30] = [
    "passed",
    "known",
    "early",
    "not a run",
    "header does not fit",
    "fork",
    "counters",
    "stamps",
    "canonical",
    "outside the two maps",
    "overwrites",
    "not allowed: key",
    "another's key",
    "not an entry",
    "record too large",
    "breaks a limit",
    "automerge cannot read it",
    "malformed change: checksum",
    "cut short",
    "number of dependencies",
    "length of actor",
    "time",
    "message",
    "other actors",
    "unknown column",
    "order of columns",
    "number of rows",
    "value",
    "extra bytes",
    "shortest form",
];

fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[expect(clippy::disallowed_methods, reason = "measures how long the gate is busy")]
fn judge(scene: &Scene, author: &Author, run: Vec<Sent>, tally: &mut Tally) {
    let begin = Instant::now();
    let outcome = scene.room.gate(run);
    tally.slowest = tally.slowest.max(begin.elapsed());
    let outcome = match outcome {
        Err(refusal) => refusal.to_string(),
        Ok(Outcome::Known(_)) => "known".to_owned(),
        Ok(Outcome::Early(_)) => "early".to_owned(),
        Ok(Outcome::Next(gated)) => {
            let signed = gated.to_sent().iter().map(|sent| author.resign(sent, sent.change.clone())).collect();
            keep(&scene.image, signed);
            "passed".to_owned()
        }
    };
    *tally.outcomes.entry(outcome).or_default() += 1;
}

/// Takes what passed into a copy of the room, and opens the copy's image again.
fn keep(image: &[u8], run: Vec<Sent>) {
    let mut room = Segment::open(segment_id(0), Some(image), &[]).expect("the image opens");
    let Ok(Outcome::Next(gated)) = room.gate(run) else { panic!("it passed before") };
    let run = Verified::check(gated).expect("it was signed");
    let mut entries = room.settle().unwrap().entries();
    room.admit(&run);
    entries.extend(room.apply(vec![run]).expect("what passed can be applied"));
    let mut again = Segment::open(segment_id(0), room.settle().unwrap().image().as_deref(), &[])
        .expect("what passed can be opened again");
    assert_eq!(again.vector(), room.vector());
    assert!(again.heads().eq(room.heads()));
    assert_eq!(sorted(again.settle().unwrap().entries()), sorted(room.settle().unwrap().entries()));
    assert_eq!(sorted(again.settle().unwrap().entries()), sorted(entries), "the document says what the gate read");
}

fn sorted(mut entries: Vec<bayou_core::conversation::Entry>) -> Vec<bayou_core::conversation::Entry> {
    entries.sort_by_key(|entry| entry.id);
    entries
}

fn mutant(scene: &Scene, dice: &mut Dice) -> (usize, Vec<Sent>) {
    loop {
        let (author, mut run) = dice.pick(&scene.honest);
        let at = dice.below(run.len());
        let other = dice.pick(&scene.honest).1.remove(0);
        match dice.below(8) {
            0..3 => match quietly(|| edited(&run[at], scene, dice)) {
                Ok(change) => run[at].change = change,
                Err(_) => continue, // what Automerge cannot even write
            },
            3 => run[at].change = rearranged(&run[at].change, dice),
            4..7 => run[at].change = flipped(&run[at].change, &other.change, dice),
            _ => mix(&mut run, other, dice),
        }
        return (author, run);
    }
}

/// Alters what a change says, as Automerge understands it.
fn edited(sent: &Sent, scene: &Scene, dice: &mut Dice) -> Vec<u8> {
    let mut change = automerge::Change::try_from(&sent.change[..]).unwrap().decode();
    for _ in 0..=dice.below(2) {
        match dice.below(8) {
            0 => change.seq = dice.below(20) as u64,
            1 => change.start_op = NonZeroU64::MIN.saturating_add(dice.below(30) as u64),
            2 => change.deps = vec![automerge::ChangeHash(dice.pick(&heads(&scene.room)))],
            3 => match dice.below(4) {
                0 => change.time = dice.any() as i64,
                1 => change.extra_bytes = vec![1, 2, dice.below(9) as u8],
                2 => change.message = Some("psst".to_owned()),
                _ => change.deps.clear(),
            },
            _ => edit_operation(&mut change, scene, dice),
        }
    }
    automerge::Change::from(change).raw_bytes().to_vec()
}

fn heads(room: &Segment) -> Vec<[u8; 32]> {
    room.heads().map(|(_, hash)| hash.0).chain([room.genesis().hash().0]).collect()
}

fn edit_operation(change: &mut ExpandedChange, scene: &Scene, dice: &mut Dice) {
    let ObjectId::Id(OpId(_, genesis)) = change.operations[0].obj.clone() else { return };
    let me = ActorId(change.actor_id.to_bytes().try_into().unwrap());
    let actors = [genesis.clone(), change.actor_id.clone(), automerge::ActorId::from(scene.authors[0].actor.0)];
    let at = dice.below(change.operations.len());
    let id = OpId(dice.below(40) as u64, dice.pick(&actors));
    let op = &mut change.operations[at];
    match dice.below(8) {
        0 => op.obj = dice.pick(&[ObjectId::Root, ObjectId::Id(id), ObjectId::Id(OpId(1 + at as u64, genesis))]),
        1 => op.pred = vec![id].into(),
        2 => op.insert ^= true,
        3 => op.action = action(dice),
        4 => {
            let actor = dice.pick(&[me, me, scene.authors[1].actor]);
            let key = EntryId { at: Hlc { ms: dice.any() >> 20, counter: 1 }, actor, number: at as u8 };
            op.key = dice.pick(&[
                Key::Map(key.to_key().into()),
                Key::Map("k".into()),
                Key::head(),
                Key::Seq(ElementId::Id(id)),
            ]);
        }
        5 => op.action = OpType::Put(ScalarValue::Bytes(record(scene, dice))),
        6 => {
            let twin = op.clone();
            change.operations.push(twin);
        }
        _ => {
            if let OpType::Put(ScalarValue::Bytes(value)) = &mut op.action {
                let at = dice.below(value.len());
                value.get_mut(at).into_iter().for_each(|byte| *byte = dice.any() as u8);
            }
        }
    }
}

fn record(scene: &Scene, dice: &mut Dice) -> Vec<u8> {
    let message = scene.message;
    let emoji = "x".repeat(dice.pick(&[1, MAX_EMOJI, MAX_EMOJI + 1]));
    let text = Record::encode_text(PayloadHash([1; 32]), dice.pick(&[0, MAX_BODY, MAX_BODY + 1, usize::MAX]));
    let answer =
        Record::encode_answer(Target { segment: 9, message }, PayloadHash([1; 32]), 5, dice.pick(&[0, u32::MAX]));
    let noise = (0..dice.pick(&[0, 1, 40, 1024, 1025, 3000])).map(|_| dice.any() as u8).collect();
    dice.pick(&[Record::encode_reaction(Target { segment: 0, message }, emoji, false), text, answer, noise])
}

fn action(dice: &mut Dice) -> OpType {
    let put = OpType::Put;
    dice.pick(&[
        OpType::Delete,
        OpType::Increment(3),
        OpType::Make(ObjType::Map),
        OpType::Make(ObjType::List),
        OpType::MarkEnd(true),
        put(ScalarValue::counter(1)),
        put(ScalarValue::Timestamp(1)),
        put("text".into()),
        put(ScalarValue::Null),
    ])
}

/// Alters the fields and columns of a change; its length and checksum stay right.
fn rearranged(change: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut raw = Raw::read(change);
    for _ in 0..=dice.below(2) {
        let (a, b) = (dice.below(raw.columns.len()), dice.below(raw.columns.len()));
        match dice.below(11) {
            0 => raw.columns.swap(a, b),
            1 => drop((raw.columns.len() > 1).then(|| raw.columns.remove(a))),
            2 => raw.columns[a].1 = raw.columns[b].1.clone(),
            3 => raw.columns[a].0 = dice.any() >> dice.pick(&[57, 60, 30]),
            4 => raw.start_op = dice.any() >> dice.below(64),
            5 => raw.seq = dice.any() >> dice.below(64),
            6 => raw.others.push(raw.actor.clone()),
            7 => drop(raw.columns[a].1.pop()),
            9 => relength(&mut raw.columns[a].1),
            8 => {
                raw.columns[a].1.clear();
                raw::signed((dice.any() as i64) >> dice.below(64), &mut raw.columns[a].1);
                raw::unsigned(dice.any() >> dice.below(64), &mut raw.columns[a].1);
            }
            _ => raw.extra.push(dice.any() as u8),
        }
    }
    raw.to_bytes()
}

/// Writes the length of a column's first run in two bytes where one is enough.
fn relength(column: &mut Vec<u8>) {
    if let Some(first) = column.first_mut().filter(|first| **first < 0x40) {
        *first |= 0x80;
        column.insert(1, 0);
    }
}

/// Flips, cuts and splices bytes. Length and checksum are mostly repaired, or little would get beyond them.
fn flipped(change: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = change.to_vec();
    for _ in 0..=dice.below(3) {
        let at = dice.below(bytes.len());
        let (any, flip) = (dice.any() as u8, 1 << dice.below(8));
        bytes[at] = dice.pick(&[any, bytes[at] ^ flip, 0, 0x7f, 0x80, 0xff]);
    }
    match dice.below(8) {
        0 => bytes.truncate(dice.below(bytes.len())),
        1 => {
            bytes.truncate(dice.below(bytes.len()));
            bytes.extend(&other[dice.below(other.len())..]);
        }
        _ => {}
    }
    if dice.below(4) == 0 {
        // The body that is there, in a chunk of its length.
        let body = bytes.get(11..).unwrap_or_default();
        return raw::chunk(dice.pick(&[1, 1, 1, 1, 1, 1, 0, 2, 3]), body);
    }
    if dice.below(20) != 0 {
        raw::repair(&mut bytes);
    }
    bytes
}

/// Disturbs what stands around the changes.
fn mix(run: &mut Vec<Sent>, other: Sent, dice: &mut Dice) {
    let (a, b) = (dice.below(run.len()), dice.below(run.len()));
    match dice.below(7) {
        0 => run.swap(a, b),
        1 => drop(run.remove(a)),
        2 => run.push(run[a].clone()),
        3 => run.insert(a, other),
        4 => run[a].header = other.header,
        5 => run[a].payloads.extend([other.payloads.clone(), other.payloads].concat()),
        _ => run[a].header = None,
    }
}

#[test]
fn a_known_run_is_known_wherever_it_is_cut() {
    let mut scene = Scene::new();
    for (_, run) in scene.room.settle().unwrap().missing(&Default::default(), usize::MAX, usize::MAX).0 {
        for end in 1..=run.len() {
            assert!(matches!(scene.room.gate(run[..end].to_vec()), Ok(Outcome::Known(_))));
        }
    }
}

#[test]
fn a_damaged_image_is_refused_or_whole_but_never_a_panic() {
    let seed = from_env("BAYOU_SEED", 1);
    println!("seed {seed}");
    let (scene, mut dice) = (Scene::new(), Dice::new(seed));
    let mut opened = 0;
    for number in 0..from_env("BAYOU_FUZZ", 50_000) / 25 {
        let mut image = scene.image.clone();
        for _ in 0..=dice.below(3) {
            let at = dice.below(image.len());
            image[at] ^= 1 << dice.below(8);
        }
        if dice.below(8) == 0 {
            image.truncate(dice.below(image.len()));
        }
        match quietly(|| {
            Segment::open(segment_id(0), Some(&image), &[]).map(|mut room| room.settle().unwrap().entries())
        }) {
            Ok(result) => opened += usize::from(result.is_ok()),
            Err(panic) => panic!("seed {seed}, image {number}: {panic}"),
        }
    }
    println!("{opened} opened all the same (a signature or a payload was hit)");
}
