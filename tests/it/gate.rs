//! The gate: every attack that Automerge alone does not withstand is refused, and the segment stays as it was.

use std::time::{Duration, Instant};

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType};
use automerge::{ExpandedChange, ObjType, ScalarValue};
use bayou_core::conversation::{
    EntryId, Gated, MAX_BODY, MAX_CHANGE, MAX_EMOJI, MAX_OPS, Outcome, Payload, Place, Record, Refusal, Segment, Sent,
    Target, Vector,
};
use bayou_core::id::{ActorId, ChangeHash};
use bayou_core::time::Hlc;
use bayou_tests::craft::raw::{self, Raw};
use bayou_tests::craft::{Author, segment_id, take};

mod forks;
mod runs;

/// A room in which Alice wrote five changes and Bob three; Alice is about to write another.
struct Scene {
    alice: Author,
    bob: Author,
    room: Segment,
    next: Sent,
}

impl Scene {
    fn new() -> Self {
        let (mut alice, mut bob) = (Author::new(segment_id(0), 1), Author::new(segment_id(0), 2));
        let mut room = Segment::open(segment_id(0), None, &[]).unwrap();
        take(&mut room, (0..5).map(|n| alice.says(&[&format!("alice {n}")])).collect());
        take(&mut room, (0..3).map(|n| bob.says(&[&format!("bob {n}")])).collect());
        let next = alice.next(&["first", "second"]);
        Scene { alice, bob, room, next }
    }

    /// Alters Alice's next change as Automerge understands it.
    fn edit(&self, alter: impl FnOnce(&mut ExpandedChange)) -> Vec<Sent> {
        vec![self.alice.edit(&self.next, alter)]
    }

    /// Alters the second operation of Alice's next change.
    fn op(&self, alter: impl FnOnce(&mut Op)) -> Vec<Sent> {
        self.edit(|change| alter(&mut change.operations[1]))
    }

    /// Alters the bytes of Alice's next change.
    fn raw(&self, alter: impl FnOnce(&mut Raw)) -> Vec<Sent> {
        vec![self.alice.rewrite(&self.next, alter)]
    }

    /// Alters the key of the second entry.
    fn key(&self, key: impl FnOnce(EntryId) -> String) -> Vec<Sent> {
        let id = EntryId { at: self.alice.next_stamp(), actor: self.alice.actor, number: 1 };
        self.op(|op| op.key = Key::Map(key(id).into()))
    }

    /// Writes a record that is not a text.
    fn record(&self, place: Place, record: Vec<u8>) -> Vec<Sent> {
        vec![self.alice.next_records(&[(place, record)])]
    }

    fn refuses(&self, attack: &str, run: Vec<Sent>, expected: Refusal) {
        refuses(&self.room, attack, run, expected);
    }

    fn parks(&mut self, attack: &str, run: Vec<Sent>) {
        let before = state(&self.room);
        let outcome = self.room.gate(run);
        assert!(matches!(outcome, Ok(Outcome::Early(_))), "{attack}: {outcome:?}");
        assert_eq!(state(&self.room), before, "{attack}");
    }

    fn honest_still_passes(mut self) {
        let (honest, entries) = (self.alice.next(&["still here"]), self.room.settle().unwrap().entries().len());
        take(&mut self.room, vec![honest]);
        assert_eq!(self.room.settle().unwrap().entries().len(), entries + 1);
    }
}

fn refuses(room: &Segment, attack: &str, run: Vec<Sent>, expected: Refusal) {
    let before = state(room);
    let outcome = room.gate(run);
    assert!(matches!(outcome, Err(refusal) if refusal == expected), "{attack}: {outcome:?} instead of {expected:?}");
    assert_eq!(state(room), before, "{attack}");
}

type State = (Vector, Vector, Vec<(ActorId, ChangeHash)>, Option<Vec<u8>>);

fn state(room: &Segment) -> State {
    (room.vector().clone(), room.admitted(), room.heads().collect(), room.settled().unwrap().image())
}

fn gated(room: &Segment, run: Vec<Sent>) -> Gated {
    match room.gate(run) {
        Ok(Outcome::Next(gated)) => gated,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_place_in_the_chain_cannot_be_skipped_or_taken_twice() {
    let mut scene = Scene::new();
    scene.parks("sequence number jumps", scene.edit(|change| change.seq = 9));
    scene.parks("sequence number above 2^32", scene.raw(|raw| raw.seq = (1 << 32) + 1));
    scene.parks("sequence number at the end", scene.raw(|raw| raw.seq = u64::MAX));
    let stranger = Author::new(segment_id(0), 9);
    let fifth = stranger.rewrite(&stranger.next(&["hi"]), |raw| raw.seq = 5);
    scene.parks("first change of a chain is its fifth", vec![fifth]);
    scene.refuses("no sequence number", scene.raw(|raw| raw.seq = 0), Refusal::Structure("sequence number"));

    for seq in 1..=5 {
        scene.refuses("another change in a place that is taken", scene.edit(|change| change.seq = seq), Refusal::Fork);
    }
    let strange = automerge::ChangeHash([7; 32]);
    scene.refuses("depends on an unknown change", scene.edit(|change| change.deps = vec![strange]), Refusal::Fork);
    for dep in [scene.room.genesis().hash(), scene.bob.home.chain(&scene.bob.actor).unwrap().head()] {
        scene.refuses("depends on another change", scene.raw(|raw| raw.deps = vec![dep.0]), Refusal::Fork);
    }
    let count = Refusal::Structure("number of dependencies");
    scene.refuses("depends on nothing", scene.raw(|raw| raw.deps.clear()), count);
    scene.refuses("depends on the same twice", scene.raw(|raw| raw.deps = [raw.deps[0]; 2].to_vec()), count);
    scene.honest_still_passes();
}

#[test]
fn operation_counters_continue_the_chain_exactly() {
    let scene = Scene::new();
    let right = Raw::read(&scene.next.change).start_op;
    for wrong in [1, right - 1, right + 1, u64::from(u32::MAX) - 1, u64::from(u32::MAX)] {
        scene.refuses("counter", scene.raw(|raw| raw.start_op = wrong), Refusal::Counter);
    }
    let unreadable = Refusal::Structure("automerge cannot read it");
    for wrong in [0, 1 << 33, 1 << 62, u64::MAX] {
        scene.refuses("counter that Automerge cannot hold", scene.raw(|raw| raw.start_op = wrong), unreadable);
    }
    scene.refuses("no operations", scene.raw(|raw| raw.columns.clear()), Refusal::Counter);
    scene.honest_still_passes();
}

#[test]
fn only_own_entries_can_be_added() {
    let scene = Scene::new();
    let ObjectId::Id(OpId(_, genesis)) = automerge_ops(&scene.next)[0].obj.clone() else { panic!("not in a map") };
    let alice = automerge::ActorId::from(scene.alice.actor.0);
    let bob = automerge::ActorId::from(scene.bob.actor.0);
    let outside = Refusal::Operation("outside the two maps");
    scene.refuses("unknown object", scene.op(|op| op.obj = ObjectId::Id(OpId(999, genesis.clone()))), outside);
    scene.refuses("root", scene.op(|op| op.obj = ObjectId::Root), outside);
    scene.refuses("own object", scene.op(|op| op.obj = ObjectId::Id(OpId(3, alice.clone()))), outside);
    let two = Refusal::Structure("other actors");
    scene.refuses("another's object", scene.op(|op| op.obj = ObjectId::Id(OpId(3, bob.clone()))), two);
    scene.refuses("only another's", scene.raw(|raw| raw.others = vec![scene.bob.actor.0.to_vec()]), outside);

    let entry = Refusal::Operation("not an entry");
    for action in [
        OpType::Delete,
        OpType::Increment(1),
        OpType::Make(ObjType::Map),
        OpType::Make(ObjType::List),
        OpType::Make(ObjType::Text),
        OpType::Put(ScalarValue::counter(1)),
        OpType::Put(ScalarValue::Null),
        OpType::Put("text".into()),
    ] {
        scene.refuses(&format!("{action:?}"), scene.op(|op| op.action = action), entry);
    }
    let column = Refusal::Structure("number of columns");
    scene.refuses("mark", scene.op(|op| op.action = OpType::MarkEnd(true)), column);
    scene.refuses("insert into a list", scene.op(|op| (op.key, op.insert) = (Key::head(), true)), column);
    let element = Key::Seq(ElementId::Id(OpId(4, alice.clone())));
    scene.refuses("element of a list", scene.op(|op| op.key = element), column);
    scene.refuses("insert under a key", scene.op(|op| op.insert = true), Refusal::Operation("overwrites"));
    for pred in [OpId(1, genesis.clone()), OpId(3, alice.clone()), OpId(77, alice)] {
        let run = scene.op(|op| op.pred = vec![pred].into());
        scene.refuses("overwrites an operation", run, column);
    }
    let value = Refusal::Structure("value");
    scene.refuses("counts what it overwrites", scene.raw(|raw| *raw.column(0x70) = vec![2, 1]), value);
    scene.refuses("unknown actor", scene.raw(|raw| *raw.column(0x01) = vec![2, 2]), value);
    for counter in [1 << 32, 1 << 40, u64::MAX] {
        // Found by mutation: Automerge panics when it decodes the name of such an object.
        let run = scene.raw(|raw| {
            *raw.column(0x02) = vec![2];
            raw::unsigned(counter, raw.column(0x02));
        });
        scene.refuses("counter of an object that Automerge cannot hold", run, value);
    }
    scene.honest_still_passes();
}

fn automerge_ops(sent: &Sent) -> Vec<Op> {
    automerge::Change::try_from(&sent.change[..]).unwrap().decode().operations
}

#[test]
fn keys_are_the_writers_own_in_order_and_rise() {
    let scene = Scene::new();
    let (key, another) = (Refusal::Operation("key"), Refusal::Operation("another's key"));
    let bob = scene.bob.actor;
    scene.refuses("Bob's key", scene.key(|id| EntryId { actor: bob, ..id }.to_key()), another);
    scene.refuses("wrong number", scene.key(|id| EntryId { number: 2, ..id }.to_key()), another);
    scene.refuses("same key twice", scene.key(|id| EntryId { number: 0, ..id }.to_key()), another);
    scene.refuses("upper case", scene.key(|id| id.to_key().to_uppercase()), key);
    scene.refuses("one too short", scene.key(|id| id.to_key()[1..].to_owned()), key);
    scene.refuses("one too long", scene.key(|id| id.to_key() + "0"), key);
    scene.refuses("the form for people, which has another time", scene.key(|id| id.to_string()), Refusal::Stamp);
    scene.refuses("not ASCII", scene.key(|_| "é".repeat(20)), key);
    scene.refuses("empty", scene.key(|_| String::new()), key);

    let later = |id: EntryId| EntryId { at: id.at.next().unwrap(), ..id }.to_key();
    scene.refuses("two stamps in one change", scene.key(later), Refusal::Stamp);
    let last = scene.room.chain(&scene.alice.actor).unwrap().last();
    for at in [last, Hlc { ms: last.ms - 1, counter: u16::MAX }, Hlc::default()] {
        let run = scene.edit(|change| {
            for (number, op) in (0..).zip(&mut change.operations) {
                op.key = Key::Map(EntryId { at, actor: scene.alice.actor, number }.to_key().into());
            }
        });
        scene.refuses("stamps that do not rise", run, Refusal::Stamp);
    }
    scene.honest_still_passes();
}

#[test]
fn nothing_hides_in_the_form_of_a_change() {
    let scene = Scene::new();
    let structure = Refusal::Structure;
    let cases: [(&str, Vec<Sent>, &str); 12] = [
        ("author footer", scene.edit(|change| change.extra_bytes = vec![1, 2, 9, 9]), "extra bytes"),
        ("extra bytes", scene.raw(|raw| raw.extra = vec![0]), "extra bytes"),
        ("message", scene.edit(|change| change.message = Some("psst".to_owned())), "message"),
        ("time", scene.edit(|change| change.time = 1), "time"),
        ("time before 1970", scene.edit(|change| change.time = -1), "time"),
        ("document", scene.raw(|raw| raw.kind = 0), "not a plain change"),
        ("compressed change", scene.raw(|raw| raw.kind = 2), "not a plain change"),
        ("bundle", scene.raw(|raw| raw.kind = 3), "not a plain change"),
        ("deflated column", scene.raw(|raw| raw.columns.last_mut().unwrap().0 |= 8), "unknown column"),
        ("columns out of order", scene.raw(|raw| raw.columns.swap(0, 1)), "order of columns"),
        ("a column twice", scene.raw(|raw| raw.columns[1] = raw.columns[0].clone()), "order of columns"),
        ("short actor", scene.raw(|raw| raw.actor.truncate(15)), "length of actor"),
    ];
    for (attack, run, reason) in cases {
        scene.refuses(attack, run, structure(reason));
    }
    for others in [vec![], vec![scene.bob.actor.0.to_vec(); 2]] {
        scene.refuses("number of other actors", scene.raw(|raw| raw.others = others), structure("other actors"));
    }
    let with = |alter: fn(&mut Vec<u8>)| {
        let mut bytes = scene.next.change.clone();
        alter(&mut bytes);
        vec![scene.alice.resign(&scene.next, bytes)]
    };
    scene.refuses("nothing", with(|bytes| bytes.clear()), structure("cut short"));
    scene.refuses("checksum", with(|bytes| bytes[5] ^= 1), structure("checksum"));
    scene.refuses("magic", with(|bytes| bytes[0] ^= 1), structure("no change"));
    scene.refuses("cut", with(|bytes| bytes.truncate(90)), structure("checksum"));
    let cut = |bytes: &mut Vec<u8>| {
        bytes.truncate(90);
        raw::repair(bytes);
    };
    scene.refuses("cut, with the right checksum", with(cut), structure("length"));
    scene.honest_still_passes();
}

#[test]
fn another_encoding_of_the_same_content_is_refused() {
    let scene = Scene::new();
    // Two puts are one run of two; two single values, or the count written longer, mean the same.
    assert_eq!(*Raw::read(&scene.next.change).column(0x42), [2, 1]);
    let literal = scene.raw(|raw| *raw.column(0x42) = vec![0x7e, 1, 1]);
    scene.refuses("literal run", literal, Refusal::Canonical);
    let long = scene.raw(|raw| *raw.column(0x42) = vec![0x82, 0, 1]);
    scene.refuses("count written longer", long, Refusal::Canonical);
    let flags = scene.raw(|raw| *raw.column(0x34) = vec![1, 0, 1]);
    scene.refuses("run of flags in two parts", flags, Refusal::Canonical);
    let value = scene.raw(|raw| *raw.column(0x42) = vec![2, 0x81, 0]);
    scene.refuses("value written longer", value, Refusal::Structure("number not in its shortest form"));
    scene.honest_still_passes();
}

#[test]
fn bombs_cost_nothing() {
    let scene = Scene::new();
    let rows = 100_000_000_000;
    let run = |value: &[u8]| {
        let mut column = Vec::new();
        raw::signed(rows, &mut column);
        column.extend(value);
        column
    };
    let mut flags = Vec::new();
    raw::unsigned(rows as u64, &mut flags);
    let columns = vec![(0x15, run(b"\x01k")), (0x34, flags), (0x42, run(&[1])), (0x56, run(&[0])), (0x70, run(&[0]))];
    // The one that keeps Automerge's parser busy for hours: 79 bytes.
    let naked = Raw { deps: vec![], others: vec![], ..Raw::read(&scene.next.change) };
    let naked = Raw { columns: columns.clone(), start_op: 1, seq: 1, ..naked };
    assert_eq!(naked.to_bytes().len(), 79);
    // The same within a change that is right in all else, and each column on its own.
    let mut bombs = vec![scene.alice.sign(naked.to_bytes(), false)];
    bombs.push(scene.alice.rewrite(&scene.next, |raw| raw.columns.splice(2.., columns.clone()).for_each(drop)));
    for (spec, column) in columns {
        bombs.push(scene.alice.rewrite(&scene.next, |raw| *raw.column(spec) = column));
    }
    bombs.push(scene.alice.rewrite(&scene.next, |raw| *raw.column(0x01) = vec![0x80, 0x80, 0x80, 0x80, 0x08, 1]));
    bombs.push(scene.alice.rewrite(&scene.next, |raw| *raw.column(0x01) = vec![0, 0xff, 0xff, 0xff, 0xff, 0x0f]));
    bombs.push(scene.alice.rewrite(&scene.next, |raw| *raw.column(0x42) = vec![0x80, 0x80, 0x80, 0x80, 0x78, 1]));
    for bomb in bombs {
        let fastest = (0..3).map(|_| time(|| drop(scene.room.gate(vec![bomb.clone()])))).min().unwrap();
        assert!(fastest < Duration::from_millis(10), "{fastest:?}");
        let outcome = scene.room.gate(vec![bomb]);
        assert!(matches!(outcome, Err(Refusal::Structure(_))), "{outcome:?}");
    }
    scene.honest_still_passes();
}

#[expect(clippy::disallowed_methods, reason = "measures how long the gate is busy")]
fn time(run: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    run();
    begin.elapsed()
}

#[test]
fn values_longer_than_their_bytes_are_refused() {
    let scene = Scene::new();
    for length in [1 << 20, 1 << 40, u64::MAX >> 1] {
        let run = scene.raw(|raw| {
            let column = raw.column(0x56);
            column.truncate(0);
            raw::signed(2, column);
            raw::unsigned((length << 4) | 7, column);
        });
        scene.refuses("length of a value", run, Refusal::Structure("automerge cannot read it"));
    }
    scene.honest_still_passes();
}

#[test]
fn large_changes_and_records_are_refused() {
    let scene = Scene::new();
    let records = |count, len| vec![(Place::Messages, vec![9; len]); count];
    let (most, over) = (records(60, 1024), records(64, 1024));
    assert!(matches!(scene.room.gate(vec![scene.alice.next_records(&most)]), Ok(Outcome::Next(_))));
    let over = scene.alice.next_records(&over);
    assert!(over.change.len() > MAX_CHANGE);
    scene.refuses("large change", vec![over], Refusal::Structure("too large"));
    let ops = |n: u64| scene.alice.next_records(&records(usize::try_from(n).unwrap(), 8));
    assert!(matches!(scene.room.gate(vec![ops(MAX_OPS)]), Ok(Outcome::Next(_))));
    scene.refuses("many operations", vec![ops(MAX_OPS + 1)], Refusal::Structure("number of rows"));
    let large = scene.record(Place::Messages, vec![1; 1025]);
    scene.refuses("large record", large, Refusal::Operation("record too large"));

    let breaks = Refusal::Operation("record breaks a limit");
    let body = Payload { salt: [0; 16], body: String::new() }.hash();
    let long = Record::encode_text(body, MAX_BODY + 1);
    scene.refuses("long body", scene.record(Place::Messages, long), breaks);
    let message = EntryId { at: scene.alice.next_stamp(), actor: scene.alice.actor, number: 0 };
    let react = |len| Record::encode_reaction(Target { segment: 0, message }, "x".repeat(len), true);
    scene.refuses("long emoji", scene.record(Place::Annotations, react(MAX_EMOJI + 1)), breaks);
    gated(&scene.room, scene.record(Place::Annotations, react(MAX_EMOJI)));
    scene.honest_still_passes();
}

#[test]
fn an_unknown_kind_of_record_passes_as_unknown() {
    let scene = Scene::new();
    for record in [vec![], vec![2, 0], vec![1, 200, 1], vec![1], vec![0xff; 1024]] {
        for place in [Place::Messages, Place::Annotations] {
            let gated = gated(&scene.room, scene.record(place, record.clone()));
            assert!(gated.entries().all(|entry| entry.record == Record::Unknown && entry.place == place));
        }
    }
    scene.honest_still_passes();
}
