//! What a segment costs: drafting, the gate, applying, opening, and finding what a peer lacks.
//!
//! `cargo bench -p bayou-core --no-default-features --bench segment`; one JSON object a line.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::time::{Duration, Instant};

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{AutoCommit, ReadDoc, ScalarValue};
use bayou_core::conversation::{
    ChainHeader, EntryId, Gated, Genesis, Outcome, Payload, Place, Record, Segment, SegmentId, Sent, Vector, Verified,
    draft, sign,
};
use bayou_core::crypto::DeviceKey;
use bayou_core::id::{ActorId, ConversationId, RecordHash};
use bayou_core::time::Hlc;

const ID: SegmentId = SegmentId { conversation: ConversationId([1; 32]), number: 0 };
const AUTHORS: u64 = 8;

struct Author {
    key: DeviceKey,
    header: ChainHeader,
    actor: ActorId,
}

impl Author {
    fn new(seed: u8) -> Self {
        let key = DeviceKey::from_seed(&[seed; 32]);
        let header = ChainHeader::new(key.device(), RecordHash([0; 32]), [seed; 16], Vector::new());
        let actor = header.actor(Genesis::new(ID).hash());
        Author { key, header, actor }
    }

    fn write(&self, segment: &Segment, turn: u64) -> Sent {
        let payload =
            Payload { salt: [7; 16], body: format!("an ordinary line of talk, about sixty bytes long, no. {turn}") };
        let (at, record) = (stamp(turn), Record::encode_text(payload.hash(), payload.body.len()));
        let chain = segment.chain(&self.actor);
        let (hash, change) = draft(segment.genesis(), chain, self.actor, at, &[(Place::Messages, record)]);
        let header = chain.is_none().then(|| self.header.clone());
        let signature = sign(&self.key, ID, hash, header.as_ref());
        Sent { change, header, signature, payloads: vec![payload] }
    }
}

fn stamp(turn: u64) -> Hlc {
    Hlc { ms: 1_700_000_000_000 + turn, counter: 0 }
}

fn empty() -> Segment {
    Segment::open(ID, None, &[]).expect("an empty segment opens")
}

fn gate(segment: &Segment, run: Vec<Sent>) -> Gated {
    match segment.gate(run) {
        Ok(Outcome::Next(gated)) => gated,
        other => panic!("{other:?}"),
    }
}

fn admit(segment: &mut Segment, run: Vec<Sent>) -> Verified {
    let run = Verified::check(gate(segment, run)).expect("signed");
    segment.admit(&run);
    run
}

/// Returns all changes of a conversation of eight in which they speak in turn, with one that holds them.
fn talk(turns: u64) -> (Segment, Vec<Sent>) {
    let authors: Vec<Author> = (0..AUTHORS as u8).map(Author::new).collect();
    let (mut segment, mut all) = (empty(), Vec::new());
    for turn in 0..turns {
        let sent = authors[(turn % AUTHORS) as usize].write(&segment, turn);
        all.push(sent.clone());
        let run = admit(&mut segment, vec![sent]);
        segment.apply(vec![run]).expect("applies");
    }
    (segment, all)
}

fn timed<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let begin = Instant::now();
    let result = std::hint::black_box(run());
    (begin.elapsed(), result)
}

/// Returns the fastest of some attempts.
fn best(attempts: usize, mut run: impl FnMut()) -> f64 {
    (0..attempts).map(|_| timed(&mut run).0.as_secs_f64() * 1e6).fold(f64::MAX, f64::min)
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e6
}

fn tell(name: &str, value: f64, unit: &str) {
    println!(r#"{{"name":"segment/{name}","value":{value:.2},"unit":"{unit}"}}"#);
}

fn main() {
    drafting();
    gating();
    let (small, large) = (applying(1_000), applying(10_000));
    tell("apply at 10,000 / at 1,000", large / small, "ratio");
    keeping();
}

/// The draft against the commit in a shadow document, 500 changes into the chain.
fn drafting() {
    let (author, mut segment) = (Author::new(1), empty());
    let mut shadow = AutoCommit::new().with_actor(automerge::ActorId::from(author.actor.0));
    for name in ["m", "x"] {
        shadow.put_object(automerge::ROOT, name, automerge::ObjType::Map).expect("a map");
    }
    shadow.commit();
    let (mut drafts, mut commits) = (Vec::new(), Vec::new());
    for turn in 0..500 {
        let record = vec![1; 40];
        let key = EntryId { at: stamp(turn), actor: author.actor, number: 0 }.to_key();
        let (_, map) = shadow.get(automerge::ROOT, "m").expect("reads").expect("is there");
        let commit = || {
            shadow.put(&map, key, ScalarValue::Bytes(record.clone())).expect("puts");
            let hash = shadow.commit_with(CommitOptions::default().with_time(0)).expect("something to commit");
            shadow.get_change_by_hash(&hash).expect("was committed").raw_bytes().to_vec()
        };
        commits.push(timed(commit).0);
        let records = [(Place::Messages, record.clone())];
        let chain = segment.chain(&author.actor);
        drafts.push(timed(|| draft(segment.genesis(), chain, author.actor, stamp(turn), &records)).0);
        let sent = author.write(&segment, turn);
        admit(&mut segment, vec![sent]);
    }
    tell("draft", median(drafts.split_off(400)), "µs");
    tell("shadow commit", median(commits.split_off(400)), "µs");
}

fn gating() {
    let (author, mut home, room) = (Author::new(1), empty(), empty());
    let mut run = Vec::new();
    for turn in 0..500 {
        run.push(author.write(&home, turn));
        admit(&mut home, vec![run[turn as usize].clone()]);
    }
    tell("gate, run of 500", best(20, || drop(gate(&room, run.clone()))) / 500.0, "µs/change");
    let next = author.write(&home, 500);
    tell("gate, one", best(200, || drop(gate(&home, vec![next.clone()]))), "µs/change");
    let gated = gate(&room, run);
    tell("verify, run of 500", timed(|| Verified::check(gated)).0.as_secs_f64() * 1e6 / 500.0, "µs/change");
}

/// Applies runs and brings the document up to date.
fn bring_in(segment: &mut Segment, runs: Vec<Verified>) {
    segment.apply(runs).expect("applies");
    segment.settle().expect("what passed the gate applies");
}

/// Returns what it costs to apply one change to a map of so many entries.
fn applying(entries: u64) -> f64 {
    let (mut segment, _) = talk(entries);
    let author = Author::new(0);
    let one = |turn| {
        let sent = author.write(&segment, turn);
        let run = admit(&mut segment, vec![sent]);
        timed(|| bring_in(&mut segment, vec![run])).0
    };
    let one = median((entries..entries + 200).map(one).collect());
    tell(&format!("apply one, at {entries}"), one, "µs/change");
    let batch: Vec<Verified> = (entries + 200..entries + 700)
        .map(|turn| {
            let sent = author.write(&segment, turn);
            admit(&mut segment, vec![sent])
        })
        .collect();
    let batch = timed(|| bring_in(&mut segment, batch)).0.as_secs_f64() * 1e6 / 500.0;
    tell(&format!("apply 500 at once, at {entries}"), batch, "µs/change");
    one
}

fn keeping() {
    let (mut segment, all) = talk(2000);
    let image = segment.settle().unwrap().image().expect("all is applied");
    let bodies: usize = all.iter().flat_map(|sent| &sent.payloads).map(|payload| payload.body.len() + 17).sum();
    let raw: usize = all.iter().map(|sent| sent.change.len()).sum();
    tell("change", raw as f64 / 2000.0, "bytes/change");
    tell("image without bodies", (image.len() - bodies) as f64 / 2000.0, "bytes/change");
    let open = || drop(Segment::open(ID, Some(&image), &[]).expect("opens"));
    tell("open 2,000", best(10, open) / 1000.0, "ms");
    tell("image of 2,000", best(10, || drop(segment.settle().unwrap().image())) / 1000.0, "ms");
    tell("entries of 2,000", best(10, || drop(segment.settle().unwrap().entries())) / 1000.0, "ms");

    let mut have = segment.vector().clone();
    have.values_mut().next().into_iter().for_each(|seq| *seq -= 1);
    tell(
        "missing one of 2,000",
        best(50, || drop(segment.settle().unwrap().missing(&have, usize::MAX, usize::MAX))),
        "µs",
    );
    let all = segment.vector().clone();
    tell(
        "missing none of 2,000",
        best(50, || drop(segment.settle().unwrap().missing(&all, usize::MAX, usize::MAX))),
        "µs",
    );
    tell(
        "missing all of 2,000",
        best(10, || drop(segment.settle().unwrap().missing(&Vector::new(), usize::MAX, usize::MAX))) / 1000.0,
        "ms",
    );
    tell(
        "missing all, 16 KiB",
        best(10, || drop(segment.settle().unwrap().missing(&Vector::new(), 16 << 10, usize::MAX))) / 1000.0,
        "ms",
    );
}
