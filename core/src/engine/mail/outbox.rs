//! What of ours is in a mailbox: how far each of our chains, and which items and boxes, each under which epoch.
//!
//! Each mailbox is brought up to date by itself, as a peer is: one that was out of reach gets later what it lacks. One
//! envelope is on its way at a time; what is written meanwhile goes into the next one together.
//!
//! What was sealed under an epoch that is not in use any more is sealed again: the mark says under which it was.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::authority::ItemName;
use crate::id::{ActorId, RecordHash};
use crate::time::Timestamp;

/// How long to wait after a mailbox did not take an envelope; each time twice as long.
const FIRST_WAIT_MS: u64 = 2_000;
const LONGEST_WAIT_MS: u64 = 5 * 60_000;

/// How far a chain is in a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) seq: u32,
    pub(super) epoch: RecordHash,
}

/// What an envelope brings a mailbox.
#[derive(Debug, Clone, Default)]
pub(super) struct Load {
    pub(super) chains: Vec<((u32, ActorId), Mark)>,
    pub(super) items: Vec<(ItemName, RecordHash)>,
}

/// What of a conversation is in one mailbox.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    chains: BTreeMap<(u32, ActorId), Mark>,
    items: BTreeMap<ItemName, RecordHash>,
    /// How much of each chain is too old to be mailed.
    too_old: BTreeMap<(u32, ActorId), u32>,
    on_its_way: Option<Load>,
    /// Nothing is lacking as long as this epoch is in use and nothing new was said.
    settled_under: Option<RecordHash>,
    again_at: Timestamp,
    wait: u64,
}

impl Outbox {
    /// Goes on from what the index remembers.
    pub(super) fn remembering(chains: BTreeMap<(u32, ActorId), Mark>, items: BTreeMap<ItemName, RecordHash>) -> Self {
        Outbox { chains, items, ..Outbox::default() }
    }

    /// Tells whether it is time to look for what the mailbox lacks.
    pub(super) fn is_due(&self, now: Timestamp, current: RecordHash) -> bool {
        // Further ahead than any wait: the clock was set back.
        let waits = now < self.again_at && self.again_at.since(now) <= LONGEST_WAIT_MS;
        self.on_its_way.is_none() && !waits && self.settled_under != Some(current)
    }

    /// Returns how far a chain is there under an epoch.
    pub(super) fn has(&self, chain: &(u32, ActorId), epoch: RecordHash) -> u32 {
        self.chains.get(chain).filter(|mark| mark.epoch == epoch).map_or(0, |mark| mark.seq)
    }

    /// Returns how far a chain is there under any epoch.
    pub(super) fn holds(&self, chain: &(u32, ActorId)) -> u32 {
        self.chains.get(chain).map_or(0, |mark| mark.seq)
    }

    /// Tells whether an item or a box is there under an epoch.
    pub(super) fn has_item(&self, name: &ItemName, epoch: RecordHash) -> bool {
        self.items.get(name) == Some(&epoch)
    }

    /// Returns how much of a chain is too old to be mailed, as far as was looked.
    pub(super) fn too_old(&self, chain: &(u32, ActorId)) -> u32 {
        self.too_old.get(chain).copied().unwrap_or(0)
    }

    /// So much of a chain is too old to be mailed.
    pub(super) fn pass_over(&mut self, chain: (u32, ActorId), upto: u32) {
        self.too_old.insert(chain, upto);
    }

    /// Nothing of it is there any more.
    pub(super) fn forget(&mut self) {
        self.chains.clear();
        self.items.clear();
        self.settled_under = None;
    }

    /// Something new was said.
    pub(super) fn stir(&mut self) {
        self.settled_under = None;
    }

    /// Nothing more is lacking.
    pub(super) fn settle(&mut self, current: RecordHash) {
        self.settled_under = Some(current);
    }

    /// An envelope is on its way.
    pub(super) fn sends(&mut self, load: Load) {
        self.on_its_way = Some(load);
    }

    /// The mailbox keeps it; returns what it brought, to be noted.
    pub(super) fn kept(&mut self) -> Load {
        let load = self.on_its_way.take().unwrap_or_default();
        self.chains.extend(load.chains.iter().copied());
        self.items.extend(load.items.iter().copied());
        self.wait = 0;
        load
    }

    /// The mailbox did not take it; it is tried again later.
    pub(super) fn refused(&mut self, now: Timestamp) {
        self.on_its_way = None;
        self.wait = (self.wait * 2).clamp(FIRST_WAIT_MS, LONGEST_WAIT_MS);
        self.again_at = now.plus(self.wait);
    }

    /// Tries again soon.
    pub(super) fn hurry(&mut self) {
        (self.again_at, self.wait) = (Timestamp(0), 0);
    }

    /// Forgets items of which nobody needs to be told any more; returns them.
    pub(super) fn forget_items(&mut self, is_needed: impl Fn(&ItemName) -> bool) -> Vec<ItemName> {
        self.items.extract_if(.., |name, _| !is_needed(name)).map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAIN: (u32, ActorId) = (0, ActorId([1; 16]));
    const ONE: RecordHash = RecordHash([1; 32]);
    const TWO: RecordHash = RecordHash([2; 32]);

    fn load(seq: u32, epoch: RecordHash) -> Load {
        Load { chains: vec![(CHAIN, Mark { seq, epoch })], items: vec![([7; 8], epoch)] }
    }

    #[test]
    fn what_is_there_under_another_epoch_is_not_there_under_this_one() {
        let mut outbox = Outbox::default();
        outbox.sends(load(3, ONE));
        assert_eq!(outbox.has(&CHAIN, ONE), 0, "it may not arrive");
        outbox.kept();
        assert_eq!((outbox.has(&CHAIN, ONE), outbox.has(&CHAIN, TWO), outbox.holds(&CHAIN)), (3, 0, 3));
        assert!(outbox.has_item(&[7; 8], ONE) && !outbox.has_item(&[7; 8], TWO));
        outbox.settle(ONE);
        assert!(!outbox.is_due(Timestamp(0), ONE) && outbox.is_due(Timestamp(0), TWO));
        outbox.stir();
        assert!(outbox.is_due(Timestamp(0), ONE));
    }

    #[test]
    fn one_envelope_goes_at_a_time_and_who_refuses_is_asked_ever_later() {
        let mut outbox = Outbox::default();
        let mut at = Timestamp(1_000_000);
        for wait in [2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            assert!(outbox.is_due(at, ONE));
            outbox.sends(load(3, ONE));
            assert!(!outbox.is_due(at, ONE));
            outbox.refused(at);
            assert!(!outbox.is_due(at.plus(wait * 1000 - 1), ONE));
            at = at.plus(wait * 1000);
        }
        assert!(outbox.is_due(Timestamp(0), ONE), "the clock was set back");
    }
}
