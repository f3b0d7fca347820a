//! A device that wrote two histories: the proof of it, and what is left on every peer.

use bayou_core::conversation::{BadProof, Fork, ForkProof, Outcome, Segment, Sent, Tail, Vector};
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
    assert!(gone.iter().all(|entry| segment.payloads().get(&entry.record.payload().unwrap()).is_none()));
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
    segment.freeze(histories.fork(0)).unwrap();
    let tail: Vec<Vec<u8>> = tail.iter().map(|record| postcard::to_stdvec(record).unwrap()).collect();
    let image = segment.settle().unwrap().image().unwrap();
    for mut again in
        [Segment::open(segment_id(0), Some(&image), &[]).unwrap(), Segment::open(segment_id(0), None, &tail).unwrap()]
    {
        assert_eq!(SegmentHeads::of(&again), SegmentHeads::of(&segment));
        assert_eq!(texts(&mut again), texts(&mut segment));
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
