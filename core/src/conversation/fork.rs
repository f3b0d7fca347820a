//! Forks: one device signed two different changes for the same place in one of its chains.
//!
//! Such a pair is a proof that speaks for itself: whoever sees it can check it without anything else, and no honest device
//! ever makes one (a copied or restored home draws another nonce and so writes another chain). The chain then **freezes
//! before** the place: both branches are taken out, on every peer alike, and nobody else loses anything. Of several
//! proofs about one chain the one for the earliest place counts. What becomes of what was taken out is told in
//! `segment/forked.rs`.
//!
//! ```text
//! proof = postcard { header of the chain, two Sent without payloads, the one with the smaller change hash first }
//! ```

use std::collections::BTreeMap;

use automerge::Change;
use serde::{Deserialize, Serialize};

use super::chain::ChainHeader;
use super::gate::{self, Sent};
use super::proof;
use super::schema::{Genesis, MAX_CHAIN_CHANGES, SegmentId, actor_id};
use crate::crypto;
use crate::id::{ActorId, ChangeHash};

/// Two changes for one place, as they travel and are kept. At most two changes and three headers long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkProof {
    /// Who writes the chain.
    pub header: ChainHeader,
    /// What was signed for one place; the smaller hash first.
    pub branches: [Sent; 2],
}

/// The last change of a forked chain that counts, as a cut names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Its number in the chain, from 1.
    pub seq: u32,
    /// Its hash.
    pub hash: ChangeHash,
}

/// The forked chains of a segment.
#[derive(Debug, Default)]
pub(super) struct Forks {
    pub(super) found: BTreeMap<ActorId, Fork>,
    /// Of forked chains alone.
    pub(super) ends: BTreeMap<ActorId, End>,
    /// The branch that this home had, without its bodies: consecutive changes of one chain. As large as chains may be.
    pub(super) aside: BTreeMap<ActorId, Vec<Sent>>,
}

impl Forks {
    /// Returns the first place of a chain that does not count because of a fork, and the end beyond it, if one is named.
    pub(super) fn limit(&self, actor: &ActorId) -> Option<(u32, Option<End>)> {
        let fork = self.found.get(actor)?.seq();
        Some((fork, self.ends.get(actor).copied().filter(|end| end.seq >= fork)))
    }
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadProof {
    /// A branch cannot be read, or carries what it need not.
    #[error("a branch of the fork is malformed")]
    Malformed,
    /// The branches are not two changes for one place of the chain, in order.
    #[error("the changes do not contradict each other")]
    NoFork,
    /// A signature is not the device's.
    #[error("a branch of the fork is not signed by the chain's device")]
    Signature,
}

/// A fork that is proved. There is no other way to come by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    actor: ActorId,
    seq: u32,
    hashes: [ChangeHash; 2],
    proof: ForkProof,
}

impl ForkProof {
    /// Puts two changes of one chain side by side.
    pub fn new(header: ChainHeader, one: Sent, other: Sent) -> Self {
        let mut branches = [one, other].map(|sent| Sent { payloads: Vec::new(), ..sent });
        branches.sort_by_key(|sent| gate::parse(&sent.change).map(|change| change.hash()).ok());
        ForkProof { header, branches }
    }

    /// Checks the proof for a segment. The answer depends on the proof and the segment's name alone.
    ///
    /// # Errors
    /// [`BadProof`] when it proves nothing.
    pub fn check(self, genesis: &Genesis, id: SegmentId) -> Result<Fork, BadProof> {
        let [one, other] = [&self.branches[0], &self.branches[1]].map(|sent| read(genesis, sent));
        let (one, other) = (one?, other?);
        let actor = self.header.actor(genesis.hash());
        let (place, hashes) = ((actor, one.seq()), [one.hash(), other.hash()]);
        let [first, second] =
            [&one, &other].map(|change| actor_id(change.actor_id()).map(|actor| (actor, change.seq())));
        if first != Some(place) || second != Some(place) || hashes[0] >= hashes[1] {
            return Err(BadProof::NoFork);
        }
        for (sent, hash) in self.branches.iter().zip(hashes) {
            let hash = ChangeHash(hash.0);
            proof::check(&self.header.device, id, hash, sent.header.as_ref(), &sent.signature)
                .map_err(|_| BadProof::Signature)?;
        }
        let seq = u32::try_from(one.seq()).map_err(|_| BadProof::NoFork)?;
        Ok(Fork { actor, seq, hashes: hashes.map(|hash| ChangeHash(hash.0)), proof: self })
    }
}

/// Reads a branch. The first change of a chain comes with a header of that chain, any other without.
fn read(genesis: &Genesis, sent: &Sent) -> Result<Change, BadProof> {
    let change = gate::parse(&sent.change).map_err(|_| BadProof::Malformed)?;
    let whose = sent.header.as_ref().map(|header| header.actor(genesis.hash()));
    let expected = (change.seq() == 1).then(|| actor_id(change.actor_id())).flatten();
    let fits = whose == expected && sent.payloads.is_empty() && change.seq() <= u64::from(MAX_CHAIN_CHANGES);
    if fits { Ok(change) } else { Err(BadProof::Malformed) }
}

impl Fork {
    /// Returns the chain.
    pub fn actor(&self) -> ActorId {
        self.actor
    }

    /// Returns the place that was written twice, from 1. What comes before it stays.
    pub fn seq(&self) -> u32 {
        self.seq
    }

    /// Returns its name: two forks with the same name freeze the same chain at the same place.
    pub fn name(&self) -> [u8; 32] {
        let [one, other] = &self.hashes;
        let parts = [self.actor.as_bytes(), &self.seq.to_be_bytes(), one.as_bytes(), other.as_bytes()];
        crypto::hash("bayou/1/fork", &parts)
    }

    /// Returns what convinces others.
    pub fn proof(&self) -> &ForkProof {
        &self.proof
    }

    /// Tells whether it counts instead of another proof about the same chain: the earliest place, then the smallest
    /// hashes, so that all peers that have both keep the same.
    pub fn outranks(&self, other: &Fork) -> bool {
        (self.seq, self.hashes) < (other.seq, other.hashes)
    }
}
