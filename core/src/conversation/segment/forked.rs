//! What becomes of forked chains: frozen, kept aside, and brought back if a cut says so. The part of [`Segment`] that
//! knows of it.
//!
//! ```text
//! chain    1 ─ 2 ─ 3 ─┬─ 4 ─ 5 ─ 6      what this home had: 4 to 6 are put aside
//!                     └─ 4'─ 5'         what another had: never here
//! the fork is at 4:   1 ─ 2 ─ 3         counts on every peer
//! a cut names 5:      1 ─ 2 ─ 3 ─ 4 ─ 5 counts again on every peer: from aside, or from who has it
//! ```
//!
//! What is aside counts for nothing, and is given to nobody; a person can read it, and its bodies are erased like any
//! others. An **end** is what a cut names of a forked chain: a cut is made by those who may say what counts, so it beats
//! the proof, and its hash says which branch is meant. Only a run that leads from before the fork to that very change
//! is let in, so that no peer keeps a piece of the other branch.

use super::{Segment, SegmentError};
use crate::conversation::chain::Chain;
use crate::conversation::fork::{End, Fork};
use crate::conversation::gate::{self, Outcome, Sent};
use crate::conversation::proof::Verified;
use crate::conversation::record::Entry;
use crate::id::{ActorId, ChangeHash, PayloadId};

/// What a change of ends moved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Moved {
    /// What was said and counts no more.
    pub gone: Vec<Entry>,
    /// What counts again.
    pub back: Vec<Entry>,
}

impl Segment {
    /// Takes a fork in: its chain ends before the place that was written twice, or a little earlier if the change there
    /// has no valid signature of its own and so could not be proved to others. Returns what was said behind that and
    /// counts no more; `None` if nothing changes, because an earlier fork of the same chain is known.
    ///
    /// # Errors
    /// As [`Segment::apply`].
    pub fn freeze(&mut self, fork: Fork) -> Result<Option<Vec<Entry>>, SegmentError> {
        let actor = fork.actor();
        if self.forks.found.get(&actor).is_some_and(|known| !fork.outranks(known)) {
            return Ok(None);
        }
        self.forks.found.insert(actor, fork);
        self.refit(actor).map(|moved| Some(moved.gone))
    }

    /// Says which branch of a forked chain counts, and how far. `None` if nothing changes: that is known, the chain is not
    /// forked, or something of it is on its way to disk; then it is to be said again when that has arrived.
    ///
    /// # Errors
    /// As [`Segment::apply`].
    pub fn name_end(&mut self, actor: ActorId, end: Option<End>) -> Result<Option<Moved>, SegmentError> {
        let known = self.forks.ends.get(&actor).copied() == end || !self.forks.found.contains_key(&actor);
        if known || self.applied.get(&actor).copied() != self.chains.get(&actor).map(Chain::seq) {
            return Ok(None);
        }
        match end {
            Some(end) => self.forks.ends.insert(actor, end),
            None => self.forks.ends.remove(&actor),
        };
        self.refit(actor).map(Some)
    }

    /// Returns what forked chains said on the branch that this home had, and what does not count.
    pub fn disputed(&self) -> Vec<Entry> {
        let chains = self.forks.aside.iter().filter_map(|(actor, run)| Some((self.forks.found.get(actor)?, run)));
        chains.flat_map(|(fork, run)| run.iter().flat_map(|sent| self.read_aside(fork, sent))).collect()
    }

    /// Returns the last change of a forked chain that this home had.
    pub fn aside_end(&self, actor: &ActorId) -> Option<End> {
        let change = gate::parse(&self.forks.aside.get(actor)?.last()?.change).ok()?;
        Some(End { seq: u32::try_from(change.seq()).ok()?, hash: ChangeHash(change.hash().0) })
    }

    fn read_aside(&self, fork: &Fork, sent: &Sent) -> Vec<Entry> {
        let (Ok(change), header) = (gate::parse(&sent.change), &fork.proof().header) else { return Vec::new() };
        let Ok(seq) = u32::try_from(change.seq()) else { return Vec::new() };
        let author = (header.device, header.grant);
        gate::entries(&self.genesis, self.id.number, author, seq, &change.decode()).unwrap_or_default()
    }

    /// Brings a forked chain to where the fork and the end say that it ends.
    fn refit(&mut self, actor: ActorId) -> Result<Moved, SegmentError> {
        let Some((fork, end)) = self.forks.limit(&actor) else { return Ok(Moved::default()) };
        let is_there = end.is_some_and(|end| self.hash(&actor, end.seq) == Some(end.hash));
        let mut moved = Moved::default();
        if let Some(chain) = self.chains.get(&actor).filter(|chain| chain.seq() >= fork && !is_there) {
            let applied = self.applied.get(&actor).copied().unwrap_or(0);
            let stays = chain.proved_before(self.id, fork.min(applied.saturating_add(1)));
            moved.gone = self.put_aside(actor, stays)?;
        }
        if let Some(end) = end.filter(|_| !is_there) {
            moved.back = self.bring_back(actor, end)?;
        }
        Ok(moved)
    }

    fn put_aside(&mut self, actor: ActorId, stays: u32) -> Result<Vec<Entry>, SegmentError> {
        let settled = self.settle()?;
        let taken = (stays.saturating_add(1)..).map_while(|seq| settled.change(&actor, seq));
        let mut taken: Vec<Sent> = taken.map(|sent| Sent { payloads: Vec::new(), ..sent }).collect();
        let gone = self.cut(actor, stays)?;
        let before = self.forks.aside.remove(&actor).unwrap_or_default();
        if continues(&taken, &before) {
            taken.extend(before);
        } else if let Some(fork) = self.forks.found.get(&actor) {
            let replaced: Vec<Entry> = before.iter().flat_map(|sent| self.read_aside(fork, sent)).collect();
            let kept = bodies(&gone);
            bodies(&replaced).iter().filter(|body| !kept.contains(body)).for_each(|body| self.payloads.drop(body));
        }
        if !taken.is_empty() {
            self.forks.aside.insert(actor, taken);
        }
        Ok(gone)
    }

    /// Takes back what is aside, if it leads to the end. What lies beyond stays there.
    fn bring_back(&mut self, actor: ActorId, end: End) -> Result<Vec<Entry>, SegmentError> {
        let held = self.chains.get(&actor).map_or(0, Chain::seq);
        let Some(aside) = self.forks.aside.get(&actor) else { return Ok(Vec::new()) };
        let run: Vec<Sent> = aside.iter().filter(|sent| (held + 1..=end.seq).contains(&seq(sent))).cloned().collect();
        if run.is_empty() {
            return Ok(Vec::new());
        }
        let Ok(Outcome::Next(gated)) = self.gate(run) else { return Ok(Vec::new()) };
        if gated.seq() != end.seq {
            return Ok(Vec::new());
        }
        let Ok(run) = Verified::check(gated) else { return Ok(Vec::new()) };
        self.admit(&run);
        let back = self.apply(vec![run])?;
        if let Some(aside) = self.forks.aside.get_mut(&actor) {
            aside.retain(|sent| seq(sent) > end.seq);
        }
        self.forks.aside.retain(|_, run| !run.is_empty());
        Ok(back)
    }
}

/// Returns the place of a change in its chain; 0 if it cannot be read.
fn seq(sent: &Sent) -> u32 {
    gate::parse(&sent.change).ok().and_then(|change| u32::try_from(change.seq()).ok()).unwrap_or(0)
}

/// Tells whether some changes are followed by others on the same branch, or there is nothing that they could replace.
fn continues(first: &[Sent], then: &[Sent]) -> bool {
    let (Some(last), Some(next)) = (first.last(), then.first()) else { return true };
    let (Ok(last), Ok(next)) = (gate::parse(&last.change), gate::parse(&next.change)) else { return false };
    next.deps().contains(&last.hash())
}

fn bodies(entries: &[Entry]) -> Vec<PayloadId> {
    entries.iter().filter_map(|entry| entry.record.payload()).collect()
}
