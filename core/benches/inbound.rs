//! What one live change costs on its way in, as far as it is computed: from the frame to the row. Without the disk.
//!
//! A segment of 1,500 changes by eight devices; then each of them says one thing more, and again, each in a frame of its
//! own. One JSON line a figure. `cargo bench -p bayou-core --no-default-features --bench inbound`

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Instant;

use bayou_core::conversation::{
    ChainHeader, Entry, EntryId, Genesis, Outcome, Payload, Place, Record, Segment, SegmentId, Sent, Tail, Vector,
    Verified, draft, sign,
};
use bayou_core::crypto::DeviceKey;
use bayou_core::envelope::Frame;
use bayou_core::id::{ActorId, ConversationId, PayloadId, PeerId, RecordHash, UserId};
use bayou_core::time::{Hlc, Timestamp};
use bayou_core::timeline::{Fold, Row, Rows};

const ID: SegmentId = SegmentId { conversation: ConversationId([1; 32]), number: 0 };
const AUTHORS: u64 = 8;
const CHANGES: u64 = 1500;
const LIVE: u64 = 400;

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

    fn write(&self, segment: &Segment, turn: u64) -> Vec<u8> {
        let body = format!("an ordinary line of talk, about sixty bytes long, no. {turn}");
        let payload = Payload { salt: [7; 16], body };
        let at = Hlc { ms: 1_700_000_000_000 + turn, counter: 0 };
        let records = [(Place::Messages, Record::encode_text(payload.hash(), payload.body.len()))];
        let chain = segment.chain(&self.actor);
        let (hash, change) = draft(segment.genesis(), chain, self.actor, at, &records);
        let header = chain.is_none().then(|| self.header.clone());
        let signature = sign(&self.key, ID, hash, header.as_ref());
        let sent = Sent { change, header, signature, payloads: vec![payload] };
        let told = (0..3).map(|peer| PeerId([peer; 32]).into()).collect();
        Frame::Push { conversation: ID.conversation, segment: 0, told, hops: 1, runs: vec![vec![sent]] }.encode()
    }
}

/// The rows so far, and the bodies, as the store's view gives them.
#[derive(Default)]
struct Kept {
    rows: BTreeMap<EntryId, Row>,
    bodies: BTreeMap<PayloadId, String>,
}

impl Rows for Kept {
    type Error = Infallible;

    fn row(&self, id: &EntryId) -> Result<Option<Row>, Infallible> {
        Ok(self.rows.get(id).cloned())
    }

    fn orphans(&self, _message: &EntryId) -> Result<Vec<Entry>, Infallible> {
        Ok(Vec::new())
    }

    fn body(&self, _segment: u32, body: &PayloadId) -> Option<String> {
        self.bodies.get(body).cloned()
    }

    fn author(&self, entry: &Entry) -> UserId {
        UserId(entry.device.0)
    }

    fn is_removed(&self, _segment: u32, _message: &EntryId) -> bool {
        false
    }

    fn is_erased(&self, _segment: u32, _body: &PayloadId) -> bool {
        false
    }
}

/// Takes a frame in; returns how long each step took, in microseconds.
fn take(segment: &mut Segment, kept: &mut Kept, author: &Author, frame: &[u8]) -> [f64; 5] {
    let mut begin = Instant::now();
    let mut step = || std::mem::replace(&mut begin, Instant::now()).elapsed().as_secs_f64() * 1e6;
    let Ok(Frame::Push { mut runs, .. }) = Frame::decode(frame) else { panic!("a push") };
    let decoded = step();
    let Ok(Outcome::Next(gated)) = segment.gate(runs.pop().expect("one run")) else { panic!("the next of its chain") };
    let gated_in = step();
    let run = Verified::check(gated).expect("signed");
    let verified = step();
    let record = Tail::Run(run.gated().to_sent());
    std::hint::black_box(postcard::to_stdvec(&record).expect("encodes"));
    let Tail::Run(sent) = record else { unreachable!("was made here") };
    segment.admit(&run);
    let entries = segment.apply(vec![run]).expect("applies");
    segment.settle().expect("what passed the gate applies");
    let applied = step();
    for payload in sent.into_iter().flat_map(|sent| sent.payloads) {
        kept.bodies.insert(payload.id(&author.key.device()), payload.body);
    }
    let mut fold = Fold::new(kept, Timestamp(0));
    entries.into_iter().for_each(|entry| fold.add(entry).expect("nothing fails"));
    let rows = fold.finish().rows;
    kept.rows.extend(rows);
    [decoded, gated_in, verified, applied, step()]
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let authors: Vec<Author> = (0..AUTHORS as u8).map(Author::new).collect();
    let (mut segment, mut kept) = (Segment::open(ID, None, &[]).expect("opens"), Kept::default());
    let mut times = Vec::new();
    for turn in 0..CHANGES + LIVE {
        let author = &authors[(turn % AUTHORS) as usize];
        let frame = author.write(&segment, turn);
        let steps = take(&mut segment, &mut kept, author, &frame);
        if turn >= CHANGES {
            times.push(steps);
        }
    }
    assert_eq!(kept.rows.len() as u64, CHANGES + LIVE, "every message has its row");
    for (at, name) in ["decode", "gate", "verify", "apply", "fold"].into_iter().enumerate() {
        tell(name, median(times.iter().map(|steps| steps[at]).collect()));
    }
    tell("one live change", median(times.iter().map(|steps| steps.iter().sum()).collect()));
}

fn tell(name: &str, value: f64) {
    println!(r#"{{"name":"inbound/{name}","value":{value:.2},"unit":"µs/change"}}"#);
}
