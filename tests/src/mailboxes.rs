//! The mailboxes of the simulated world: nodes that keep envelopes under topics and can read none of them. One does what
//! it should, or has a [`Mood`] and loses, doubles, shuffles, replays, swaps and invents.

use std::collections::BTreeMap;

use bayou_core::engine::{Errand, MailAnswer, Wanted};
use bayou_core::envelope::Sealed;
use bayou_core::id::{Address, Topic};
use bayou_core::time::Timestamp;
use bytes::Bytes;

use crate::dice::{Dice, damage};

/// How long a mailbox keeps an envelope.
const KEEP_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// Envelopes of one answer: few, so that stories see more than one.
const BATCH: usize = 4;

/// How a mailbox treats who uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Honest,
    /// It is not reached.
    Down,
    /// It hands out what it has, and takes nothing more.
    Full,
    /// It says yes, and does whatever it likes.
    Hostile,
}

/// One node.
#[derive(Debug)]
pub struct Node {
    /// How it behaves now.
    pub mood: Mood,
    /// What lies there: by topic, when it came and what it is.
    pub kept: BTreeMap<Topic, Vec<(Timestamp, Bytes)>>,
    /// Envelopes that were put and given, in all.
    pub put: usize,
    /// As above.
    pub given: usize,
    /// Questions that were asked.
    pub asked: usize,
    /// When it was begun, as it says.
    pub begun: u64,
    dice: Dice,
}

/// All nodes, by address.
#[derive(Debug, Default)]
pub struct Mailboxes(BTreeMap<Address, Node>);

impl Mailboxes {
    /// Sets a node up; returns its address.
    pub fn open(&mut self, seed: u64) -> String {
        let number = self.0.len();
        let address = format!("/memory/mailbox{number}/p2p/{number}");
        let (mood, kept, dice) = (Mood::Honest, BTreeMap::new(), Dice::new(seed, 5000 + number as u64));
        self.0.insert(Address(address.clone()), Node { mood, kept, put: 0, given: 0, asked: 0, begun: 1, dice });
        address
    }

    /// Returns a node.
    ///
    /// # Panics
    /// When there is none.
    pub fn node(&mut self, address: &str) -> &mut Node {
        self.0.get_mut(&Address(address.to_owned())).expect("a node of this world")
    }

    /// Does what somebody wants of a node, at a time by the node's clock.
    pub(crate) fn answer(&mut self, now: Timestamp, errand: &Errand) -> MailAnswer {
        match self.0.get_mut(&errand.node) {
            Some(node) if node.mood != Mood::Down => node.answer(now, errand),
            _ => MailAnswer::Unreachable("it is down".to_owned()),
        }
    }
}

impl Node {
    fn answer(&mut self, now: Timestamp, errand: &Errand) -> MailAnswer {
        for kept in self.kept.values_mut() {
            kept.iter_mut().filter(|(at, _)| now.since(*at) >= KEEP_MS).for_each(|(_, bytes)| *bytes = Bytes::new());
        }
        let topic = errand.key.topic();
        match &errand.wanted {
            Wanted::Put(envelope) => self.put(now, topic, envelope),
            Wanted::Read { after } => self.read(topic, *after),
        }
    }

    fn put(&mut self, now: Timestamp, topic: Topic, envelope: &Bytes) -> MailAnswer {
        let fits = Sealed::parse(envelope.to_vec()).is_ok_and(|sealed| sealed.topic() == topic);
        assert!(fits, "an envelope for another topic than that of the key");
        self.put += 1;
        let is_hostile = self.mood == Mood::Hostile;
        if self.mood == Mood::Full {
            return MailAnswer::Refused("it is full".to_owned());
        }
        match self.dice.below(8) {
            0 if is_hostile => return MailAnswer::Refused("it is busy".to_owned()),
            1 | 2 if is_hostile => return MailAnswer::Kept,
            3 if is_hostile => self.kept.entry(topic).or_default().push((now, envelope.clone())),
            _ => {}
        }
        let kept = self.kept.entry(topic).or_default();
        if is_hostile || !kept.iter().any(|(_, other)| other == envelope) {
            kept.push((now, envelope.clone()));
        }
        MailAnswer::Kept
    }

    fn read(&mut self, topic: Topic, after: u64) -> MailAnswer {
        self.asked += 1;
        let kept = self.kept.get(&topic).map(Vec::as_slice).unwrap_or_default();
        let from = usize::try_from(after).unwrap_or(usize::MAX).min(kept.len());
        let batch: Vec<Bytes> = kept[from..].iter().take(BATCH).map(|(_, bytes)| bytes.clone()).collect();
        let (next, more) = ((from + batch.len()) as u64, from + batch.len() < kept.len());
        let mut envelopes: Vec<Bytes> = batch.into_iter().filter(|bytes| !bytes.is_empty()).collect();
        if self.mood == Mood::Hostile {
            return self.lie(envelopes, next, more);
        }
        envelopes.retain(|bytes| !bytes.is_empty());
        self.given += envelopes.len();
        MailAnswer::Envelopes { envelopes, next, more, begun: self.begun }
    }

    /// Answers with whatever it likes of what it has.
    fn lie(&mut self, mut envelopes: Vec<Bytes>, next: u64, more: bool) -> MailAnswer {
        let all: Vec<Bytes> = self.kept.values().flatten().map(|(_, bytes)| bytes.clone()).collect();
        for _ in 0..self.dice.below(6) {
            let at = self.dice.below(envelopes.len() as u64 + 1) as usize;
            match self.dice.below(6) {
                0 if at < envelopes.len() => drop(envelopes.remove(at)),
                1 => envelopes.reverse(),
                // Once more, of this topic or of another, of today or of long ago.
                2 | 3 => envelopes.extend(self.dice.pick(&all).cloned()),
                4 if at < envelopes.len() => envelopes[at] = damage(&envelopes[at], &mut self.dice).into(),
                _ => envelopes.push(Bytes::from(vec![1; 256])),
            }
        }
        match self.dice.below(8) {
            0 => MailAnswer::Refused("it is busy".to_owned()),
            1 => MailAnswer::Unreachable("it is down".to_owned()),
            2 => MailAnswer::Kept,
            3 => MailAnswer::Envelopes { envelopes, next: self.dice.below(next + 2), more: true, begun: next },
            4 => MailAnswer::Envelopes { envelopes, next: 0, more: true, begun: self.dice.below(9) },
            _ => MailAnswer::Envelopes { envelopes, next, more, begun: self.begun },
        }
    }
}
