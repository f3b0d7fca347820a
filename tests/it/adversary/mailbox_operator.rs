//! The operator of a mailbox or relay carries envelopes between members and holds no key.
//!
//! They can drop, double, reorder, keep for weeks, cut, change and mix what they carry, and make up their own. Whoever opens
//! an envelope gets what a member sealed, to the byte and under the epoch it was sealed under, or nothing. What the operator
//! sees is one of five sizes, a topic of the day, and a hint that says the same.
//!
//! There is no mailbox yet: this holds the envelopes to it that one will carry.

use std::collections::{BTreeMap, BTreeSet};

use bayou_core::crypto::{BoxKey, Entropy, Secret};
use bayou_core::envelope::{Announced, Commitment, Epochs, KEEP_MS, Recipient, Room, Sealed};
use bayou_core::id::{ConversationId, DeviceId, RecordHash};
use bayou_core::time::Timestamp;
use bayou_tests::dice::{Dice, damage};

const CONVERSATION: ConversationId = ConversationId([0xb0; 32]);
const AT: Timestamp = Timestamp(1_700_000_000_000);
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// How many letters are sealed in each round, and how many rounds there are.
const LETTERS: usize = 40;
const ROUNDS: u64 = 50;

fn device(number: u8) -> DeviceId {
    DeviceId([number; 32])
}

fn room() -> Room {
    let recipient = |number: u8| {
        let address = BoxKey::from_seed(&Secret::new([number; 32])).address();
        (device(number), Recipient { device: device(number), prekey: 1, address })
    };
    Room { members: [recipient(1), recipient(2)].into(), since: AT, ..Room::default() }
}

/// Announces an epoch and holds it.
fn hold(epochs: &mut Epochs, number: u8, now: Timestamp) {
    let (id, secret) = (RecordHash([number; 32]), Secret::new([number; 32]));
    let (commitment, maker, recipients) = (Commitment::to(&secret), device(1), BTreeSet::new());
    let announced = Announced { id, generation: number.into(), commitment, maker, recipients, valid: true };
    epochs.announce(announced, now).expect("is known");
    epochs.adopt(id, secret, now).expect("is held");
}

/// A post of honest letters, and two members who hold all epochs under which they were sealed.
struct Post {
    letters: BTreeMap<Vec<u8>, (RecordHash, Vec<u8>)>,
    bob: Epochs,
    dice: Dice,
    rng: Entropy,
}

impl Post {
    fn new(seed: u64) -> Self {
        println!("seed {seed}");
        let (mut dice, mut rng) = (Dice::new(seed, 0x3b), Entropy::from_seed([seed as u8; 32]));
        let [mut alice, mut bob] = [1, 2].map(|number| Epochs::new(CONVERSATION, device(number)));
        let mut letters = BTreeMap::new();
        let mut now = AT;
        for number in 0..LETTERS {
            if number % 10 == 0 {
                let epoch = 1 + (number / 10) as u8;
                [&mut alice, &mut bob].into_iter().for_each(|epochs| hold(epochs, epoch, now));
            }
            now = now.plus(dice.below(DAY_MS));
            let length = [0, 5, 300, 3_000, 30_000][dice.below(5) as usize] + dice.below(200) as usize;
            let content: Vec<u8> = (0..length).map(|_| dice.bytes::<1>()[0]).collect();
            let (epoch, sealed) = alice.seal(&room(), &content, now, &mut rng).expect("seals");
            letters.insert(sealed.bytes().to_vec(), (epoch, content));
        }
        Post { letters, bob, dice, rng }
    }

    /// Opens what was carried. What was never sealed opens as nothing.
    #[track_caller]
    fn carries(&self, what: &str, bytes: &[u8]) -> bool {
        let Ok(sealed) = Sealed::parse(bytes.to_vec()) else {
            assert!(!self.letters.contains_key(bytes), "{what}: an honest letter has the form");
            return false;
        };
        let opened = self.bob.open(&sealed).ok().map(|(epoch, opened)| (epoch, opened.content().to_vec()));
        assert_eq!(opened.as_ref(), self.letters.get(bytes), "{what}");
        opened.is_some()
    }

    fn any(&mut self) -> Vec<u8> {
        let at = self.dice.below(self.letters.len() as u64) as usize;
        self.letters.keys().nth(at).expect("a letter").clone()
    }
}

#[test]
fn dropped_doubled_reordered_and_late_they_open_alike() {
    for seed in 0..ROUNDS {
        let mut post = Post::new(seed);
        let mut carried: Vec<Vec<u8>> = post.letters.keys().cloned().collect();
        carried.extend((0..LETTERS).map(|_| post.any()));
        for at in (1..carried.len()).rev() {
            carried.swap(at, post.dice.below(at as u64 + 1) as usize);
        }
        carried.truncate(carried.len() * 3 / 4);
        for letter in &carried {
            assert!(post.carries("what was sealed", letter));
        }
    }
}

#[test]
fn cut_changed_and_mixed_they_open_as_nothing() {
    let mut refused = 0;
    for seed in 0..ROUNDS {
        let mut post = Post::new(seed);
        for _ in 0..LETTERS * 4 {
            let (one, other) = (post.any(), post.any());
            // Topic, hint, commitment, nonce, body, tag: where one letter becomes the other.
            let seams = [2, 18, 26, 42, 66, one.len().min(other.len()) - 16];
            let at = *post.dice.pick(&seams).expect("a seam");
            let spliced = [one.get(..at).unwrap_or_default(), other.get(at..).unwrap_or_default()].concat();
            let mut swapped = one.clone();
            let (from, to) = *post.dice.pick(&[(2, 18), (18, 26), (26, 42), (42, 66)]).expect("a field");
            swapped[from..to].copy_from_slice(&other[from..to]);
            let padded = [one.as_slice(), &[0; 256]].concat();
            let grown: Vec<u8> = one.iter().copied().chain(vec![0; 1024 - one.len().min(1024)]).collect();
            let damaged = damage(&one, &mut post.dice);
            let noise: Vec<u8> = (0..256).map(|_| post.dice.bytes::<1>()[0]).collect();
            for mutant in [spliced, swapped, padded, grown, damaged, noise] {
                refused += usize::from(!post.carries("a mutant", &mutant));
            }
        }
    }
    println!("{refused} were refused");
    assert!(refused > 20_000);
}

#[test]
fn kept_until_its_epoch_is_gone_it_opens_for_nobody() {
    let mut post = Post::new(7);
    let old: Vec<Vec<u8>> = post
        .letters
        .iter()
        .filter(|(_, (epoch, _))| *epoch != RecordHash([4; 32]))
        .map(|(bytes, _)| bytes.clone())
        .collect();
    assert!(old.iter().all(|letter| post.carries("kept for some weeks", letter)));
    let gone = post.bob.expire(AT.plus(2 * LETTERS as u64 * DAY_MS).plus(KEEP_MS));
    assert_eq!(gone.len(), 3, "all but the newest");
    for letter in &old {
        let sealed = Sealed::parse(letter.clone()).expect("it has the form still");
        assert!(post.bob.open(&sealed).is_err());
    }
    // Nor for who was never given the epoch.
    let carol = Epochs::new(CONVERSATION, device(3));
    let mut elsewhere = Epochs::new(ConversationId([0xb1; 32]), device(2));
    hold(&mut elsewhere, 4, AT);
    for letter in post.letters.keys() {
        let sealed = Sealed::parse(letter.clone()).expect("a letter");
        assert!(carol.open(&sealed).is_err() && elsewhere.open(&sealed).is_err());
    }
}

/// What they can tell of a letter: the least that carries it.
#[test]
fn the_operator_sees_one_of_five_sizes_and_a_topic_of_the_day() {
    let mut post = Post::new(11);
    let sizes: BTreeSet<usize> = post.letters.keys().map(Vec::len).collect();
    assert!(sizes.iter().all(|size| [256, 1024, 4096, 16_384, 65_536].contains(size)), "{sizes:?}");
    // The same words twice on one day: one topic and hint, and else nothing in common.
    let [one, other] = [0, 1].map(|_| post.bob.seal(&room(), b"the same", AT, &mut post.rng).expect("seals").1);
    assert_eq!(one.bytes()[..26], other.bytes()[..26]);
    let same = one.bytes()[26..].iter().zip(&other.bytes()[26..]).filter(|(a, b)| a == b).count();
    assert!(same < 20, "{same} bytes of 230 are the same by chance");
    let next_day = post.bob.seal(&room(), b"the same", AT.plus(DAY_MS), &mut post.rng).expect("seals").1;
    assert_ne!(one.topic(), next_day.topic());
    assert_ne!(one.bytes()[18..26], next_day.bytes()[18..26]);
}
