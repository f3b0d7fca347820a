//! What we ask one peer for: which segments differ, what is asked already, and when to give up on an answer.

use std::collections::{BTreeMap, BTreeSet};

use crate::conversation::SegmentId;
use crate::time::Timestamp;

/// Questions to one peer that may be unanswered at the same time.
const MAX_ASKED: usize = 4;

/// Segments of one peer that may wait to be asked for.
const MAX_WANTED: usize = 16 * 1024;

/// How long an answer may take before the question is dropped; the next exchange of heads asks again.
const PATIENCE_MS: u64 = 20_000;

/// The questions to one peer. Oldest segments go first, because a later segment is let in only after the one before it.
#[derive(Debug, Clone, Default)]
pub struct Pull {
    wanted: BTreeSet<SegmentId>,
    asked: BTreeMap<SegmentId, Timestamp>,
    /// What came before the segment that it builds on: asked for again when another is complete.
    deferred: BTreeSet<SegmentId>,
}

impl Pull {
    /// Notes that the peer has something else in a segment than we.
    pub fn want(&mut self, segment: SegmentId) {
        if !self.asked.contains_key(&segment) && self.wanted.len() < MAX_WANTED {
            self.wanted.insert(segment);
        }
    }

    /// Returns the next segments to ask for.
    pub fn ask(&mut self, now: Timestamp) -> Vec<SegmentId> {
        let free = MAX_ASKED.saturating_sub(self.asked.len());
        let next: Vec<SegmentId> = self.wanted.iter().copied().take(free).collect();
        for segment in &next {
            self.wanted.remove(segment);
            self.asked.insert(*segment, now);
        }
        next
    }

    /// Notes an answer, which may not be the whole one; tells whether it was asked for.
    pub fn answered(&mut self, segment: SegmentId, complete: bool, now: Timestamp) -> bool {
        match self.asked.get_mut(&segment) {
            None => false,
            Some(_) if complete => {
                self.wanted.append(&mut self.deferred);
                self.asked.remove(&segment).is_some()
            }
            Some(since) => {
                *since = now;
                true
            }
        }
    }

    /// Notes that an answer could not be used yet.
    pub fn defer(&mut self, segment: SegmentId) {
        self.asked.remove(&segment);
        if self.deferred.len() < MAX_ASKED {
            self.deferred.insert(segment);
        }
    }

    /// Drops questions that were not answered for long, and those from after now: the clock was set back.
    pub fn expire(&mut self, now: Timestamp) {
        self.wanted.append(&mut self.deferred);
        self.asked.retain(|_, since| *since <= now && now.since(*since) < PATIENCE_MS);
    }

    /// Tells whether nothing is wanted and nothing is asked.
    pub fn is_idle(&self) -> bool {
        self.wanted.is_empty() && self.asked.is_empty() && self.deferred.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ConversationId;

    fn segment(number: u32) -> SegmentId {
        SegmentId { conversation: ConversationId([0; 32]), number }
    }

    #[test]
    fn asks_oldest_first_a_few_at_a_time_and_goes_on_as_answers_come() {
        let mut pull = Pull::default();
        (0..6).rev().for_each(|n| pull.want(segment(n)));
        assert_eq!(pull.ask(Timestamp(0)), [0, 1, 2, 3].map(segment));
        assert_eq!(pull.ask(Timestamp(0)), []);
        assert!(pull.answered(segment(2), true, Timestamp(1)));
        assert!(!pull.answered(segment(2), true, Timestamp(1)));
        assert_eq!(pull.ask(Timestamp(1)), [segment(4)]);
        pull.expire(Timestamp(PATIENCE_MS));
        assert_eq!(pull.ask(Timestamp(PATIENCE_MS)), [segment(5)]);
        assert!(!pull.is_idle());
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait_for_years() {
        let mut pull = Pull::default();
        pull.want(segment(0));
        assert_eq!(pull.ask(Timestamp(1_000_000_000)), [segment(0)]);
        pull.expire(Timestamp(0));
        assert!(pull.is_idle());
    }
}
