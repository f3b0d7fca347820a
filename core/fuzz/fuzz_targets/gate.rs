//! The gate, without end: any body of a change, in a chunk whose length and checksum are right.
//!
//! ```sh
//! cargo install cargo-fuzz            # once; needs a nightly compiler and a C++ compiler
//! cd core && cargo +nightly fuzz run gate --sanitizer none -- -max_len=4096 -timeout=2 -rss_limit_mb=512
//! ```
//!
//! The first byte of the input chooses how it is used: as the whole body, or (more fruitful from an empty corpus) as
//! edits of an honest change, three bytes each: position, what to do, value. What passes is signed, taken into a copy of
//! the room, and must open again. A crash is kept in `artifacts/gate/`; turn it into a case of `tests/it/gate.rs`.

#![no_main]

use std::sync::LazyLock;

use bayou_core::conversation::{
    ChainHeader, Genesis, Outcome, Payload, Place, Record, Segment, SegmentId, Sent, Vector, Verified, draft, sign,
};
use bayou_core::crypto::{DeviceKey, Signature, sha256};
use bayou_core::id::{ActorId, ChangeHash, ConversationId};
use bayou_core::time::Hlc;
use libfuzzer_sys::fuzz_target;

const ID: SegmentId = SegmentId { conversation: ConversationId([1; 32]), number: 0 };

static SCENE: LazyLock<Scene> = LazyLock::new(Scene::new);

/// A room with one chain of four changes, and the bodies of the honest next change and of one that begins a chain.
struct Scene {
    writer: Writer,
    stranger: Writer,
    room: Segment,
    image: Vec<u8>,
    bodies: [Vec<u8>; 2],
}

struct Writer {
    key: DeviceKey,
    header: ChainHeader,
    actor: ActorId,
}

impl Scene {
    fn new() -> Self {
        let (writer, stranger) = (Writer::new(1), Writer::new(2));
        let mut room = Segment::open(ID, None, &[]).expect("an empty segment opens");
        for _ in 0..4 {
            let change = writer.draft(&room);
            let run = writer.sign(change, &room);
            take(&mut room, run);
        }
        let bodies = [&writer, &stranger].map(|writer| writer.draft(&room)[11..].to_vec());
        let image = room.settle().unwrap().image().expect("all is applied");
        Scene { writer, stranger, room, image, bodies }
    }
}

impl Writer {
    fn new(seed: u8) -> Self {
        let key = DeviceKey::from_seed(&[seed; 32]);
        let header = ChainHeader::new(key.device(), [seed; 16], Vector::new());
        let actor = header.actor(Genesis::new(ID).hash());
        Writer { key, header, actor }
    }

    fn draft(&self, room: &Segment) -> Vec<u8> {
        let chain = room.chain(&self.actor);
        let at = Hlc { ms: 1000 + chain.map_or(0, |chain| chain.last().ms), counter: 0 };
        let hash = Payload { salt: [0; 16], body: "hello".to_owned() }.hash();
        let records = [Place::Messages, Place::Annotations].map(|place| (place, Record::encode_text(hash, 5)));
        draft(room.genesis(), chain, self.actor, at, &records).1
    }

    fn sign(&self, change: Vec<u8>, room: &Segment) -> Vec<Sent> {
        let header = room.chain(&self.actor).is_none().then(|| self.header.clone());
        let signature = sign(&self.key, ID, ChangeHash(sha256(&change[8..])), header.as_ref());
        vec![Sent { change, header, signature, payloads: vec![] }]
    }
}

fn take(room: &mut Segment, run: Vec<Sent>) {
    let Ok(Outcome::Next(gated)) = room.gate(run) else { panic!("it passed before") };
    let run = Verified::check(gated).expect("it was signed");
    room.admit(&run);
    room.apply(vec![run]).expect("what passed can be applied");
}

fuzz_target!(|input: &[u8]| {
    let Some((how, input)) = input.split_first() else { return };
    let scene = &*SCENE;
    let (writer, body) = match how % 3 {
        0 => (&scene.writer, input.to_vec()),
        1 => (&scene.writer, edited(&scene.bodies[0], input)),
        _ => (&scene.stranger, edited(&scene.bodies[1], input)),
    };
    let change = chunk(&body);
    let header = (how % 3 == 2).then(|| writer.header.clone());
    let sent = Sent { change: change.clone(), header, signature: Signature([0; 64]), payloads: vec![] };
    if let Ok(Outcome::Next(gated)) = scene.room.gate(vec![sent]) {
        let writer = if gated.actor() == scene.writer.actor { &scene.writer } else { &scene.stranger };
        let mut room = Segment::open(ID, Some(&scene.image), &[]).expect("the image opens");
        let run = writer.sign(change, &room);
        take(&mut room, run);
        let mut again = Segment::open(ID, room.settle().unwrap().image().as_deref(), &[]).expect("what passed can be opened again");
        assert_eq!(again.settle().unwrap().entries(), room.settle().unwrap().entries());
        assert!(again.heads().eq(room.heads()));
    }
});

fn edited(body: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    for edit in edits.chunks_exact(3) {
        let at = usize::from(edit[0]) % body.len();
        match edit[1] % 4 {
            0 => body[at] = edit[2],
            1 => body[at] ^= 1 << (edit[2] % 8),
            2 => body.insert(at, edit[2]),
            _ if body.len() > 1 => drop(body.remove(at)),
            _ => {}
        }
    }
    body
}

/// Makes a plain change chunk around a body.
fn chunk(body: &[u8]) -> Vec<u8> {
    let mut chunk = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 1];
    let mut len = body.len();
    while len >= 0x80 {
        chunk.push(len as u8 | 0x80);
        len >>= 7;
    }
    chunk.push(len as u8);
    chunk.extend(body);
    let sum = sha256(&chunk[8..]);
    chunk[4..8].copy_from_slice(&sum[..4]);
    chunk
}
