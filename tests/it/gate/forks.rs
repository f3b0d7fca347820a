//! A device that wrote two histories: the proof of it, and what is left on every peer.

use bayou_core::conversation::{BadProof, End, Fork, ForkProof, Outcome, Segment, Sent, Tail, Vector};
use bayou_core::sync::SegmentHeads;
use bayou_tests::craft::{Author, Dice, segment_id, take};

/// Mallory's first changes, which all have, then two histories of some length.
struct Histories {
    mallory: Author,
    common: Vec<Sent>,
    branches: [Vec<Sent>; 2],
}

impl Histories {
    fn new(common: usize, lengths: [usize; 2]) -> Self {
        let mut mallory = Author::new(segment_id(0), 66);
        let common: Vec<Sent> = (0..common).map(|n| mallory.says(&[&format!("both {n}")])).collect();
        let branches = [(0, lengths[0]), (1, lengths[1])].map(|(side, length)| {
            let mut twin = Author::new(segment_id(0), 66);
            if !common.is_empty() {
                take(&mut twin.home, common.clone());
            }
            (0..length).map(|n| twin.says(&[&format!("side {side}, {n}")])).collect()
        });
        Histories { mallory, common, branches }
    }

    /// Returns the fork at a place behind the common part, from 0.
    fn fork(&self, at: usize) -> Fork {
        self.proof(at).check(self.mallory.home.genesis(), segment_id(0)).expect("it is a fork")
    }

    fn proof(&self, at: usize) -> ForkProof {
        let [one, other] = &self.branches;
        ForkProof::new(self.mallory.header.clone(), one[at].clone(), other[at].clone())
    }

    /// Returns the end of so much of a branch.
    fn end(&self, side: usize, upto: usize) -> End {
        let mut whole = Author::new(segment_id(0), 66);
        take(&mut whole.home, self.common.iter().chain(&self.branches[side][..upto]).cloned().collect());
        let chain = whole.home.chain(&self.mallory.actor).unwrap();
        End { seq: chain.seq(), hash: chain.head() }
    }

    /// Has a cut name an end, as the engine does.
    fn name(&self, segment: &mut Segment, end: Option<End>) {
        segment.name_end(self.mallory.actor, end).unwrap();
        if let Some(end) = end.filter(|end| segment.hash(&self.mallory.actor, end.seq) == Some(end.hash)) {
            segment.shorten(self.mallory.actor, end.seq).unwrap();
        }
    }

    /// Returns a segment with a chain of alice's and one of the histories.
    fn told(&self, side: usize) -> Segment {
        let mut segment = empty();
        let mut alice = Author::new(segment_id(0), 1);
        let run: Vec<Sent> = self.common.iter().chain(&self.branches[side]).cloned().collect();
        for (n, sent) in run.into_iter().enumerate() {
            take(&mut segment, vec![alice.says(&[&format!("alice {n}")])]);
            take(&mut segment, vec![sent]);
        }
        segment
    }
}

fn empty() -> Segment {
    Segment::open(segment_id(0), None, &[]).unwrap()
}

/// Gives one peer what it lacks of another's, as sync does.
fn tell(from: &mut Segment, to: &mut Segment) {
    let have = to.admitted();
    let (runs, _) = from.settle().unwrap().missing(&have, usize::MAX, usize::MAX);
    for (_, run) in runs {
        match to.gate(run.clone()).expect("nobody is blamed for a fork that is known") {
            Outcome::Next(_) => drop(take(to, run)),
            Outcome::Known(_) => {}
            Outcome::Early(actor) => panic!("a gap in {actor}"),
        }
    }
}

fn texts(segment: &mut Segment) -> Vec<String> {
    let entries = segment.settle().unwrap().entries();
    let body = |entry: &bayou_core::conversation::Entry| Some(entry.record.payload()?.to_string());
    let mut texts: Vec<String> = entries.iter().filter_map(body).collect();
    texts.sort();
    texts
}

#[test]
fn whichever_history_came_first_the_same_is_left_everywhere() {
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let histories = Histories::new(dice.below(4), [1 + dice.below(4), 1 + dice.below(4)]);
        let places = histories.branches.iter().map(Vec::len).min().unwrap();
        let (mut one, mut other) = (histories.told(0), histories.told(1));
        for peer in [&mut one, &mut other] {
            for _ in 0..1 + dice.below(3) {
                peer.freeze(histories.fork(dice.below(places))).unwrap();
            }
            // In the end everyone has every proof that anyone has.
            peer.freeze(histories.fork(0)).unwrap();
        }
        tell(&mut one, &mut other);
        tell(&mut other, &mut one);
        assert_eq!(texts(&mut one), texts(&mut other), "seed {seed}");
        assert_eq!(SegmentHeads::of(&one), SegmentHeads::of(&other), "seed {seed}");
        let left = one.chain(&histories.mallory.actor).map_or(0, |chain| chain.seq() as usize);
        assert_eq!(left, histories.common.len(), "seed {seed}: all before the fork, nothing after");
    }
}

#[test]
fn what_was_said_behind_the_fork_is_named_and_nothing_else_is_lost() {
    let histories = Histories::new(2, [3, 3]);
    let mut segment = histories.told(0);
    let before = texts(&mut segment).len();
    let gone = segment.freeze(histories.fork(0)).unwrap().expect("it is news");
    assert_eq!(gone.len(), 3);
    assert!(gone.iter().all(|entry| entry.id.actor == histories.mallory.actor && entry.seq > 2));
    assert_eq!(texts(&mut segment).len(), before - 3);
    assert_eq!(segment.disputed(), gone, "it is kept aside, to be read");
    let held =
        |entry: &bayou_core::conversation::Entry| segment.payloads().get(&entry.record.payload().unwrap()).is_some();
    assert!(gone.iter().all(held), "with its bodies");
    assert_eq!(segment.freeze(histories.fork(0)).unwrap(), None, "known");
    assert_eq!(segment.freeze(histories.fork(2)).unwrap(), None, "a later place says nothing new");
    for branch in &histories.branches {
        assert!(matches!(segment.gate(branch.clone()), Ok(Outcome::Known(_))), "it never comes back");
    }
    let mut alice = Author::new(segment_id(0), 1);
    take(
        &mut alice.home,
        segment
            .settle()
            .unwrap()
            .missing(&Vector::new(), usize::MAX, usize::MAX)
            .0
            .into_iter()
            .find(|(actor, _)| *actor == alice.actor)
            .unwrap()
            .1,
    );
    take(&mut segment, vec![alice.says(&["go on"])]);
}

#[test]
fn a_frozen_chain_is_filled_up_to_the_fork_and_no_further() {
    let histories = Histories::new(3, [2, 2]);
    let mut segment = empty();
    segment.freeze(histories.fork(0)).unwrap();
    let all: Vec<Sent> = histories.common.iter().chain(&histories.branches[1]).cloned().collect();
    take(&mut segment, all);
    assert_eq!(segment.chain(&histories.mallory.actor).unwrap().seq(), 3);
}

#[test]
fn a_fork_at_the_first_change_leaves_nothing_of_the_chain() {
    let histories = Histories::new(0, [2, 1]);
    let mut segment = histories.told(0);
    assert_eq!(segment.freeze(histories.fork(0)).unwrap().unwrap().len(), 2);
    assert!(segment.chain(&histories.mallory.actor).is_none());
    assert!(!segment.vector().contains_key(&histories.mallory.actor));
    assert!(matches!(segment.gate(histories.branches[1].clone()), Ok(Outcome::Known(_))));
}

#[test]
fn a_fork_outlives_the_image_and_the_journal() {
    let histories = Histories::new(2, [2, 2]);
    let mut segment = histories.told(0);
    let mut tail: Vec<Tail> = Vec::new();
    for (_, run) in segment.settle().unwrap().missing(&Vector::new(), usize::MAX, usize::MAX).0 {
        tail.push(Tail::Run(run));
    }
    tail.push(Tail::Fork(Box::new(histories.proof(0))));
    tail.push(Tail::Run([&histories.common[..], &histories.branches[1]].concat()));
    tail.push(Tail::End(histories.mallory.actor, Some(histories.end(0, 1))));
    segment.freeze(histories.fork(0)).unwrap();
    histories.name(&mut segment, Some(histories.end(0, 1)));
    assert_eq!(segment.chain(&histories.mallory.actor).unwrap().seq(), 3);
    let tail: Vec<Vec<u8>> = tail.iter().map(|record| postcard::to_stdvec(record).unwrap()).collect();
    let image = segment.settle().unwrap().image().unwrap();
    for mut again in
        [Segment::open(segment_id(0), Some(&image), &[]).unwrap(), Segment::open(segment_id(0), None, &tail).unwrap()]
    {
        assert_eq!(SegmentHeads::of(&again), SegmentHeads::of(&segment));
        assert_eq!(texts(&mut again), texts(&mut segment));
        assert_eq!(again.disputed(), segment.disputed());
        let late: Vec<Sent> = histories.branches[0].clone();
        assert!(matches!(again.gate(late), Ok(Outcome::Known(_))));
    }
}

#[test]
fn what_has_no_valid_signature_of_its_own_cannot_be_kept_in_front_of_a_fork() {
    let mut histories = Histories::new(3, [1, 1]);
    histories.common[2].signature = histories.common[1].signature;
    let mut segment = empty();
    // The signature at the end covers all of it, so it is let in as one run.
    take(&mut segment, histories.common.iter().chain(&histories.branches[0]).cloned().collect());
    segment.freeze(histories.fork(0)).unwrap();
    assert_eq!(segment.chain(&histories.mallory.actor).unwrap().seq(), 2, "the third could be proved to nobody");
    let (runs, complete) = segment.settle().unwrap().missing(&Vector::new(), usize::MAX, usize::MAX);
    assert!(complete && runs.len() == 1);
}

/// Whatever comes first, proofs or the cut, and whoever has which history: the branch that the cut names counts, up to
/// there, on all peers.
#[test]
fn a_cut_beats_the_proofs_in_any_order() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let histories = Histories::new(dice.below(4), [1 + dice.below(4), 1 + dice.below(4)]);
        let (places, side) = (histories.branches.iter().map(Vec::len).min().unwrap(), dice.below(2));
        let end = histories.end(side, 1 + dice.below(histories.branches[side].len()));
        let mut peers = [histories.told(0), histories.told(1), empty()];
        for peer in &mut peers {
            let mut places: Vec<usize> = (0..1 + dice.below(3)).map(|_| dice.below(places)).chain([0]).collect();
            let (last, mut is_named) = (places.len(), false);
            for n in 0..=last {
                is_named |= n == last || dice.below(3) == 0;
                if let Some(place) = places.pop() {
                    peer.freeze(histories.fork(place)).unwrap();
                }
                if is_named {
                    histories.name(peer, Some(end));
                }
                if dice.below(4) == 0 {
                    let image = peer.settle().unwrap().image().unwrap();
                    *peer = Segment::open(segment_id(0), Some(&image), &[]).unwrap();
                }
            }
        }
        for _ in 0..3 {
            let [one, other, third] = &mut peers;
            tell(one, other);
            tell(other, one);
            tell(other, third);
        }
        let [one, other, third] = &mut peers;
        let heads = SegmentHeads::of(one);
        assert_eq!([&heads, &heads], [&SegmentHeads::of(other), &SegmentHeads::of(third)], "seed {seed}");
        assert_eq!(texts(one), texts(other), "seed {seed}");
        let chain = one.chain(&histories.mallory.actor).expect("the past that is named");
        assert_eq!((chain.seq(), chain.head()), (end.seq, end.hash), "seed {seed}");
    }
}

#[test]
fn what_a_cut_no_longer_names_is_put_aside_again_and_comes_back() {
    let histories = Histories::new(1, [3, 2]);
    let (mut segment, actor) = (histories.told(0), histories.mallory.actor);
    assert_eq!(segment.name_end(actor, Some(histories.end(0, 2))).unwrap(), None, "not forked, as far as is known");
    segment.freeze(histories.fork(0)).unwrap();
    let before = texts(&mut segment);
    for upto in [2, 3, 1] {
        let back = segment.name_end(actor, Some(histories.end(0, upto))).unwrap().unwrap().back;
        assert_eq!(back.len(), upto);
        assert_eq!(segment.disputed().len(), 3 - upto);
        let gone = segment.name_end(actor, None).unwrap().unwrap().gone;
        assert_eq!((gone.len(), texts(&mut segment)), (upto, before.clone()));
        assert_eq!(segment.disputed().len(), 3);
    }
    let moved = segment.name_end(actor, Some(histories.end(1, 2))).unwrap().unwrap();
    assert_eq!(moved, Default::default(), "the other branch was never here");
    take(&mut segment, histories.branches[1].clone());
    assert_eq!(segment.chain(&actor).unwrap().seq(), 3);
    assert_eq!(segment.disputed().len(), 3, "what was here is kept aside");
}

#[test]
fn a_piece_of_the_way_to_the_end_is_not_let_in() {
    let histories = Histories::new(2, [3, 3]);
    let mut segment = empty();
    segment.freeze(histories.fork(0)).unwrap();
    histories.name(&mut segment, Some(histories.end(0, 3)));
    take(&mut segment, histories.common.clone());
    for (side, length) in [(0, 1), (0, 2), (1, 1), (1, 3)] {
        let piece = histories.branches[side][..length].to_vec();
        assert!(matches!(segment.gate(piece), Ok(Outcome::Known(_))), "{length} of side {side}");
    }
    take(&mut segment, histories.branches[0].clone());
    assert_eq!(segment.hash(&histories.mallory.actor, 5), Some(histories.end(0, 3).hash));
}

#[test]
fn what_is_aside_is_erased_like_anything_else() {
    let histories = Histories::new(1, [2, 2]);
    let mut segment = histories.told(0);
    let gone = segment.freeze(histories.fork(0)).unwrap().unwrap();
    let message = gone[0].id;
    let body = segment.settle().unwrap().original(&message).expect("it is still known what it came with");
    assert!(segment.payloads().get(&body).is_some() && segment.erase(body));
    let image = segment.settle().unwrap().image().unwrap();
    let mut again = Segment::open(segment_id(0), Some(&image), &[]).unwrap();
    histories.name(&mut again, Some(histories.end(0, 2)));
    assert!(again.payloads().get(&body).is_none() && again.payloads().is_erased(&body), "also if it counts again");
}

#[test]
fn nothing_else_is_a_proof() {
    let histories = Histories::new(1, [2, 2]);
    let genesis = histories.mallory.home.genesis();
    let honest = histories.proof(0);
    let check = |proof: ForkProof| proof.check(genesis, segment_id(0)).map(drop);
    assert_eq!(check(honest.clone()), Ok(()));
    let with = |alter: &dyn Fn(&mut ForkProof)| {
        let mut proof = honest.clone();
        alter(&mut proof);
        check(proof)
    };
    assert_eq!(with(&|proof| proof.branches.swap(0, 1)), Err(BadProof::NoFork), "one fork has one form");
    assert_eq!(with(&|proof| proof.branches[1] = proof.branches[0].clone()), Err(BadProof::NoFork));
    assert_eq!(with(&|proof| proof.branches[1] = histories.branches[0][1].clone().bare()), Err(BadProof::NoFork));
    assert_eq!(with(&|proof| proof.branches[1] = histories.common[0].clone().bare()), Err(BadProof::NoFork));
    assert_eq!(with(&|proof| proof.branches[0].signature = proof.branches[1].signature), Err(BadProof::Signature));
    let stranger = Author::new(segment_id(0), 7);
    assert_eq!(with(&|proof| proof.header = stranger.header.clone()), Err(BadProof::NoFork), "another's chain");
    assert_eq!(with(&|proof| proof.branches[0].header = Some(stranger.header.clone())), Err(BadProof::Malformed));
    assert_eq!(with(&|proof| proof.branches[0].change.truncate(40)), Err(BadProof::Malformed));
    assert_eq!(
        with(&|proof| proof.branches[0].payloads = histories.branches[0][0].payloads.clone()),
        Err(BadProof::Malformed)
    );
    assert!(honest.check(genesis, segment_id(1)).is_err(), "another segment");
}

trait Bare {
    fn bare(self) -> Self;
}

impl Bare for Sent {
    fn bare(self) -> Self {
        Sent { payloads: Vec::new(), ..self }
    }
}
