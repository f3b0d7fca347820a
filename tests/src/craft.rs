//! Crafting: devices that write honest chains, and the tools to write dishonest ones.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use automerge::{Change, ExpandedChange};
use bayou_core::conversation::{
    ChainHeader, Entry, Genesis, Outcome, Payload, Place, Record, Segment, SegmentId, Sent, Vector, Verified, draft,
    sign,
};
use bayou_core::crypto::{self, DeviceKey, Entropy};
use bayou_core::id::{ActorId, ChangeHash, ConversationId, RecordHash};
use bayou_core::time::Hlc;

pub mod raw;

use raw::Raw;

/// When the stories begin.
const BEGIN: u64 = 1_700_000_000_000;

/// Returns a segment of the conversation that the stories are about.
pub fn segment_id(number: u32) -> SegmentId {
    SegmentId { conversation: ConversationId([0xb0; 32]), number }
}

/// A device that writes one chain of one segment; has nobody else's changes.
#[derive(Debug)]
pub struct Author {
    /// Its key.
    pub key: DeviceKey,
    /// The header of its chain.
    pub header: ChainHeader,
    /// The name of its chain.
    pub actor: ActorId,
    /// The segment with its own chain only.
    pub home: Segment,
}

impl Author {
    /// Makes the device of a seed, which will write in a segment.
    pub fn new(id: SegmentId, seed: u8) -> Self {
        Author::opening(id, seed, Vector::new())
    }

    /// Makes a device whose chain begins with what it saw of the segment before.
    pub fn opening(id: SegmentId, seed: u8, opens: Vector) -> Self {
        let key = DeviceKey::from_seed(&[seed; 32]);
        let header = ChainHeader::new(key.device(), RecordHash([0; 32]), [seed; 16], opens);
        let actor = header.actor(Genesis::new(id).hash());
        let home = Segment::open(id, None, &[]).expect("an empty segment opens");
        Author { key, header, actor, home }
    }

    /// Makes a device that writes under a grant.
    pub fn under(id: SegmentId, seed: u8, grant: RecordHash) -> Self {
        let mut author = Author::new(id, seed);
        author.header.grant = grant;
        author.actor = author.header.actor(Genesis::new(id).hash());
        author
    }

    /// Returns the stamp that its next change will have.
    pub fn next_stamp(&self) -> Hlc {
        let last = self.home.chain(&self.actor).map_or(BEGIN, |chain| chain.last().ms);
        Hlc { ms: last + 1000, counter: 0 }
    }

    /// Writes the next change of the chain without keeping it: one message for each text.
    pub fn next(&self, texts: &[&str]) -> Sent {
        let payload = |(at, text): (u8, &&str)| Payload { salt: [at; 16], body: (*text).to_owned() };
        let payloads: Vec<Payload> = (0..).zip(texts).map(payload).collect();
        let text = |payload: &Payload| (Place::Messages, Record::encode_text(payload.hash(), payload.body.len()));
        let records: Vec<_> = payloads.iter().map(text).collect();
        Sent { payloads, ..self.next_records(&records) }
    }

    /// Writes the next change of the chain from records, without keeping it.
    pub fn next_records(&self, records: &[(Place, Vec<u8>)]) -> Sent {
        let chain = self.home.chain(&self.actor);
        let (_, change) = draft(self.home.genesis(), chain, self.actor, self.next_stamp(), records);
        self.sign(change, chain.is_none())
    }

    /// Writes the next change of the chain and keeps it.
    pub fn says(&mut self, texts: &[&str]) -> Sent {
        let sent = self.next(texts);
        take(&mut self.home, vec![sent.clone()]);
        sent
    }

    /// Signs any bytes as a change of the chain.
    pub fn sign(&self, change: Vec<u8>, first: bool) -> Sent {
        let header = first.then(|| self.header.clone());
        let hash = ChangeHash(crypto::sha256(change.get(8..).unwrap_or_default()));
        let signature = sign(&self.key, self.home.id(), hash, header.as_ref());
        Sent { change, header, signature, payloads: vec![] }
    }

    /// Alters a change as Automerge understands it, encodes it again and signs it.
    pub fn edit(&self, sent: &Sent, alter: impl FnOnce(&mut ExpandedChange)) -> Sent {
        let mut change = Change::try_from(&sent.change[..]).expect("an honest change").decode();
        alter(&mut change);
        self.resign(sent, Change::from(change).raw_bytes().to_vec())
    }

    /// Alters the fields of a change, puts it together again and signs it.
    pub fn rewrite(&self, sent: &Sent, alter: impl FnOnce(&mut Raw)) -> Sent {
        let mut raw = Raw::read(&sent.change);
        alter(&mut raw);
        self.resign(sent, raw.to_bytes())
    }

    /// Puts other bytes in the place of a change and signs them.
    pub fn resign(&self, sent: &Sent, change: Vec<u8>) -> Sent {
        Sent { payloads: sent.payloads.clone(), ..self.sign(change, sent.header.is_some()) }
    }
}

/// Lets a segment take a run in, as a peer does that receives it.
///
/// # Panics
/// When the segment refuses it.
pub fn take(segment: &mut Segment, run: Vec<Sent>) -> Vec<Entry> {
    let run = admit(segment, run);
    let entries = segment.apply(vec![run]).expect("it can be applied");
    segment.settle().expect("what passed the gate can be applied");
    entries
}

/// Lets a segment admit a run, which is not applied yet.
///
/// # Panics
/// When the segment refuses it.
pub fn admit(segment: &mut Segment, run: Vec<Sent>) -> Verified {
    let outcome = segment.gate(run).expect("the gate lets it pass");
    let Outcome::Next(gated) = outcome else { panic!("not the next of its chain: {outcome:?}") };
    let run = Verified::check(gated).expect("the signatures are valid");
    segment.admit(&run);
    run
}

/// Seeded dice.
#[derive(Debug)]
pub struct Dice(Entropy);

impl Dice {
    /// Makes the dice of a seed.
    pub fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Dice(Entropy::from_seed(bytes))
    }

    /// Returns any number.
    pub fn any(&mut self) -> u64 {
        u64::from_le_bytes(self.0.bytes())
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.any() % end.max(1) as u64) as usize
    }

    /// Returns one of some things.
    pub fn pick<T: Clone>(&mut self, things: &[T]) -> T {
        things[self.below(things.len())].clone()
    }
}

/// Runs something that may panic, without a word on the terminal; returns what the panic said.
///
/// # Errors
/// When it panicked.
pub fn quietly<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    thread_local!(static QUIET: Cell<bool> = const { Cell::new(false) });
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                others(info);
            }
        }));
    });
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(run));
    QUIET.set(false);
    result.map_err(|panic| match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().map_or("something".to_owned(), |text| (*text).to_owned()),
    })
}
