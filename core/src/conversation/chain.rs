//! Chains: what one device wrote in one segment, and what is known of all of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::schema::SEGMENT_CHANGES;
use crate::crypto::{self, Signature};
use crate::id::{ActorId, ChangeHash, DeviceId, RecordHash};
use crate::time::Hlc;

/// A version vector: how many changes of each chain a peer has.
pub type Vector = BTreeMap<ActorId, u32>;

/// The most chains that a header may name in its vector.
const MAX_OPENS: usize = 2048;

/// Who writes a chain. Travels and is signed with the chain's first change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainHeader {
    /// The device that writes it.
    pub device: DeviceId,
    /// The grant under which it writes.
    pub grant: RecordHash,
    /// Drawn by the device; a copied or restored home draws another, so that it never forks its own chain.
    pub nonce: [u8; 16],
    /// What the device had of the segment before, which must be full. Empty in segment 0, and where a grant opened the
    /// segment for someone who may not read what was before.
    pub opens: Vector,
}

impl ChainHeader {
    /// Makes the header of a new chain.
    pub fn new(device: DeviceId, grant: RecordHash, nonce: [u8; 16], opens: Vector) -> Self {
        ChainHeader { device, grant, nonce, opens }
    }

    /// Returns the actor id that belongs to the header in the segment with this genesis.
    pub fn actor(&self, genesis: ChangeHash) -> ActorId {
        let parts = [self.device.as_bytes(), genesis.as_bytes(), self.grant.as_bytes(), &self.nonce];
        let [a @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = crypto::hash("bayou/1/actor", &parts);
        ActorId(a)
    }

    /// Returns the hash under which the header is signed.
    pub(super) fn digest(&self) -> [u8; 32] {
        let bytes = postcard::to_stdvec(self).expect("a header always encodes");
        crypto::hash("bayou/1/chain header", &[&bytes])
    }

    /// Tells whether the header may open a chain in segment `number`: whoever writes into a later segment says which full
    /// segment he saw before it, or nothing, and then a grant must have opened it. Depends on the header alone.
    pub(super) fn may_open(&self, number: u32) -> bool {
        let seen: u64 = self.opens.values().map(|seq| u64::from(*seq)).sum();
        let fits = self.opens.len() <= MAX_OPENS;
        fits && (self.opens.is_empty() || (number > 0 && seen >= SEGMENT_CHANGES))
    }
}

/// One change of a chain, as far as the chain needs to remember it.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) hash: ChangeHash,
    pub(super) signature: Signature,
    /// Whether this very signature was checked. If not, a later one of the chain was, and covers the change.
    pub(super) proved: bool,
}

/// What is known of one chain.
#[derive(Debug, Clone)]
pub struct Chain {
    pub(super) header: ChainHeader,
    pub(super) links: Vec<Link>,
    pub(super) tip: Tip,
}

/// What the next change of a chain is checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tip {
    pub(super) seq: u32,
    pub(super) head: ChangeHash,
    pub(super) max_op: u64,
    pub(super) last: Hlc,
    pub(super) bytes: u64,
}

impl Chain {
    /// Returns who writes it.
    pub fn header(&self) -> &ChainHeader {
        &self.header
    }

    /// Returns how many changes it has.
    pub fn seq(&self) -> u32 {
        self.tip.seq
    }

    /// Returns the stamp of its newest entry.
    pub fn last(&self) -> Hlc {
        self.tip.last
    }

    /// Returns its newest change.
    pub fn head(&self) -> ChangeHash {
        self.tip.head
    }
}

/// All chains of a segment.
pub type Chains = BTreeMap<ActorId, Chain>;

/// Returns the version vector of some chains.
pub(super) fn vector(chains: &Chains) -> Vector {
    chains.iter().map(|(actor, chain)| (*actor, chain.seq())).collect()
}
