use super::super::chain::ChainHeader;
use super::super::draft::draft;
use super::super::gate::Gated;
use super::super::key::EntryId;
use super::super::proof::sign;
use super::super::record::{Place, Record, Target};
use super::*;
use crate::conversation::Payload;
use crate::crypto::{DeviceKey, Entropy};
use crate::id::{ConversationId, RecordHash};
use crate::time::Hlc;

const ID: SegmentId = SegmentId { conversation: ConversationId([5; 32]), number: 0 };

/// A device that writes into any segment that holds its chain.
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

    /// Writes the next change: a message with this text, or an annotation of the segment's first message.
    fn write(&self, segment: &Segment, text: &str) -> Sent {
        let chain = segment.chain(&self.actor);
        let at = Hlc { ms: 1000 + 10 * u64::from(chain.map_or(0, Chain::seq)), counter: 0 };
        let payload = Payload { salt: [7; 16], body: text.to_owned() };
        let record = Record::encode_text(payload.hash(), text.len());
        let message = EntryId { at, actor: self.actor, number: 0 };
        let about = Target { segment: 0, message };
        let delete = Record::encode_delete(about);
        let records = [(Place::Messages, record), (Place::Annotations, delete)];
        let (hash, change) = draft(segment.genesis(), chain, self.actor, at, &records);
        let header = chain.is_none().then(|| self.header.clone());
        let signature = sign(&self.key, ID, hash, header.as_ref());
        Sent { change, header, signature, payloads: vec![payload] }
    }
}

fn empty() -> Segment {
    Segment::open(ID, None, &[]).unwrap()
}

fn gated(segment: &Segment, run: Vec<Sent>) -> Gated {
    match segment.gate(run) {
        Ok(Outcome::Next(gated)) => gated,
        other => panic!("{other:?}"),
    }
}

fn admit(segment: &mut Segment, run: Vec<Sent>) -> Verified {
    let run = Verified::check(gated(segment, run)).unwrap();
    segment.admit(&run);
    run
}

fn take(segment: &mut Segment, run: Vec<Sent>) -> Vec<Entry> {
    let run = admit(segment, run);
    segment.apply(vec![run]).unwrap()
}

type State = (Vector, Vector, Vec<(ActorId, ChangeHash)>, Vec<Entry>, Vec<AuthoredPayload>, Vec<PayloadId>);

/// All that two segments must have in common to be the same.
fn state(segment: &mut Segment) -> State {
    let mut entries = segment.settle().unwrap().entries();
    entries.sort_by_key(|entry| entry.id);
    let payloads = segment.payloads.held().cloned().collect();
    let erased = segment.payloads.erased().copied().collect();
    (segment.vector().clone(), segment.admitted(), segment.heads().collect(), entries, payloads, erased)
}

/// The links of all chains: hash, signature, and whether it was checked.
fn links(segment: &Segment) -> Vec<(ActorId, ChangeHash, crate::crypto::Signature, bool)> {
    let links = |(actor, chain): (&ActorId, &Chain)| {
        chain.links.iter().map(|link| (*actor, link.hash, link.signature, link.proved)).collect::<Vec<_>>()
    };
    segment.chains.iter().flat_map(links).collect()
}

fn tips(segment: &Segment) -> Vec<super::super::chain::Tip> {
    segment.chains.values().map(|chain| chain.tip).collect()
}

/// Two authors in turn; returns the segment and the records that a store would have kept of it.
fn two_chains() -> (Segment, Vec<Vec<u8>>) {
    let (alice, bob, mut segment, mut tail) = (Author::new(1), Author::new(2), empty(), Vec::new());
    for round in 0..12 {
        let author = if round % 3 == 0 { &bob } else { &alice };
        let run = vec![author.write(&segment, &format!("round {round}"))];
        tail.push(postcard::to_stdvec(&Tail::Run(run.clone())).unwrap());
        assert_eq!(take(&mut segment, run).len(), 2);
    }
    (segment, tail)
}

/// A copy of a segment that took each of its chains in one bulk run, so that most links are not proved.
fn in_bulk(segment: &mut Segment) -> Segment {
    let mut copy = empty();
    for (_, run) in segment.settle().unwrap().missing(&Vector::new(), usize::MAX, usize::MAX).0 {
        take(&mut copy, run);
    }
    copy
}

#[test]
fn chains_that_alternate_do_not_touch_each_other() {
    let (mut segment, _) = two_chains();
    assert_eq!(segment.vector().values().sum::<u32>(), 12);
    assert_eq!(segment.settle().unwrap().entries().len(), 24);
    assert_eq!(segment.heads().count(), 2);
    assert_eq!(state(&mut in_bulk(&mut segment)), state(&mut segment));
}

#[test]
fn what_is_admitted_is_told_only_when_it_is_applied() {
    let (alice, mut segment) = (Author::new(1), empty());
    let first = alice.write(&segment, "first");
    let first = admit(&mut segment, vec![first]);
    let second = alice.write(&segment, "second");
    let second = admit(&mut segment, vec![second]);
    assert_eq!(segment.admitted(), Vector::from([(alice.actor, 2)]));
    assert!(
        segment.vector().is_empty()
            && segment.settle().unwrap().entries().is_empty()
            && segment.heads().next().is_none()
    );
    assert_eq!(segment.settle().unwrap().missing(&Vector::new(), usize::MAX, usize::MAX), (vec![], true));
    assert_eq!(segment.settle().unwrap().image(), None, "the image would lose what is on its way");

    segment.apply(vec![first]).unwrap();
    assert_eq!((segment.vector()[&alice.actor], segment.settle().unwrap().entries().len()), (1, 2));
    assert_eq!(segment.settle().unwrap().missing(&Vector::new(), usize::MAX, usize::MAX).0[0].1.len(), 1);
    segment.apply(vec![second]).unwrap();
    assert_eq!((segment.vector()[&alice.actor], segment.settle().unwrap().entries().len()), (2, 4));
    assert!(segment.settle().unwrap().image().is_some());
}

#[test]
fn an_image_brings_everything_back() {
    let (mut segment, _) = two_chains();
    let erased = segment.payloads.held().next().unwrap().id();
    segment.erase(erased);
    for mut original in [in_bulk(&mut segment), segment] {
        let image = original.settle().unwrap().image().unwrap();
        let mut opened = Segment::open(ID, Some(&image), &[]).unwrap();
        assert_eq!(state(&mut opened), state(&mut original));
        assert_eq!(links(&opened), links(&original));
        assert_eq!(tips(&opened), tips(&original));
        assert_eq!(opened.settle().unwrap().image().unwrap(), image);
    }
}

#[test]
fn a_tail_brings_everything_back_at_any_cut_between_image_and_tail() {
    let (mut segment, tail) = two_chains();
    let bulk = Tail::Run(segment.settle().unwrap().missing(&Vector::new(), usize::MAX, usize::MAX).0.remove(0).1);
    let opened = Segment::open(ID, None, &[postcard::to_stdvec(&bulk).unwrap()]).unwrap();
    let mut taken = empty();
    let Tail::Run(bulk) = bulk else { unreachable!() };
    take(&mut taken, bulk);
    assert_eq!(links(&opened), links(&taken), "a bulk run remembers the same proofs");

    for cut in 0..=tail.len() {
        let image = Segment::open(ID, None, &tail[..cut]).unwrap().settle().unwrap().image();
        let mut opened = Segment::open(ID, image.as_deref(), &tail[cut..]).unwrap();
        assert_eq!(
            (state(&mut opened), links(&opened), tips(&opened)),
            (state(&mut segment), links(&segment), tips(&segment))
        );
        let mut overlapping = Segment::open(ID, image.as_deref(), &tail).unwrap();
        assert_eq!(state(&mut overlapping), state(&mut segment), "records that the image has already change nothing");
    }
    // A record is lost: its chain ends before it, and is whole again when it comes once more with what follows.
    let mut lacking = Segment::open(ID, None, &tail[1..]).unwrap();
    assert!(lacking.vector().values().sum::<u32>() < segment.vector().values().sum());
    assert_ne!(state(&mut lacking), state(&mut segment));
    let again = [&tail[1..], &tail[..]].concat();
    assert_eq!(state(&mut Segment::open(ID, None, &again).unwrap()), state(&mut segment));
    assert!(
        Segment::open(SegmentId { number: 1, ..ID }, segment.settle().unwrap().image().as_deref(), &[]).is_err(),
        "another's image"
    );
}

#[test]
fn an_erased_payload_is_not_served_and_not_taken_back() {
    let (mut segment, mut tail) = two_chains();
    let (hash, payload) = segment.payloads.held().map(|held| (held.id(), held.clone())).next().unwrap();
    let mut erased = in_bulk(&mut segment);
    assert!(erased.erase(hash) && !erased.erase(hash), "news only once");
    assert!(!erased.add_payload(payload.clone()));
    let served: Vec<Sent> = erased
        .settle()
        .unwrap()
        .missing(&Vector::new(), usize::MAX, usize::MAX)
        .0
        .into_iter()
        .flat_map(|(_, run)| run)
        .collect();
    assert_eq!(served.iter().flat_map(|sent| &sent.payloads).count(), 11);
    assert!(served.iter().all(|sent| !sent.payloads.contains(&payload.payload)));

    let mut refusing = empty();
    refusing.erase(hash);
    for (_, run) in segment.settle().unwrap().missing(&Vector::new(), usize::MAX, usize::MAX).0 {
        take(&mut refusing, run);
    }
    tail.push(postcard::to_stdvec(&Tail::Erased(vec![hash])).unwrap());
    tail.push(postcard::to_stdvec(&Tail::Payloads(vec![payload])).unwrap());
    let from_tail = Segment::open(ID, None, &tail).unwrap();
    let from_image = Segment::open(ID, erased.settle().unwrap().image().as_deref(), &tail[12..]).unwrap();
    for mut segment in [refusing, from_tail, from_image] {
        assert!(segment.payloads.get(&hash).is_none() && segment.payloads.is_erased(&hash));
        assert_eq!(state(&mut segment), state(&mut erased));
    }
}

#[test]
fn what_is_missing_makes_any_peer_equal() {
    for seed in 0..60u8 {
        println!("seed {seed}");
        let mut entropy = Entropy::from_seed([seed; 32]);
        let mut below = |end: usize| usize::from(u16::from_le_bytes(entropy.bytes())) % end;
        let authors: Vec<Author> = (0..1 + below(5)).map(|n| Author::new(n as u8)).collect();
        let mut full = empty();
        for round in 0..below(60) {
            let author = &authors[below(authors.len())];
            let run = vec![author.write(&full, &"x".repeat(round))];
            take(&mut full, run);
        }
        let mut full = if below(2) == 0 { full } else { in_bulk(&mut full) };
        let mut peer = empty();
        for (_, mut run) in full.settle().unwrap().missing(&Vector::new(), usize::MAX, usize::MAX).0 {
            let known = below(run.len() + 1);
            run.truncate(known);
            while run.last().is_some_and(|sent| !proved(&full, sent)) {
                run.pop();
            }
            if !run.is_empty() {
                take(&mut peer, run);
            }
        }
        let budget = [0, 1, 300, 3000, usize::MAX][below(5)];
        for _round in 0..200 {
            let (runs, complete) = full.settle().unwrap().missing(peer.vector(), budget, 1 + below(4000));
            assert!(complete || !runs.is_empty(), "something is always on its way");
            assert!(runs.iter().all(|(_, run)| proved(&full, run.last().unwrap())));
            runs.into_iter().for_each(|(_, run)| drop(take(&mut peer, run)));
            if complete {
                break;
            }
        }
        assert_eq!(state(&mut peer), state(&mut full));
        assert_eq!(full.settle().unwrap().missing(peer.vector(), budget, 1 + below(4000)), (vec![], true));
    }
}

fn proved(segment: &Segment, sent: &Sent) -> bool {
    let hash = ChangeHash(crate::crypto::sha256(&sent.change[8..]));
    segment.chains.values().flat_map(|chain| &chain.links).any(|link| link.hash == hash && link.proved)
}
