//! What a peer has of a segment.

use crate::conversation::{Segment, Vector};
use crate::crypto;
use crate::id::ChangeHash;
use serde::{Deserialize, Serialize};

/// The version vector of a segment, and a digest that also covers the hashes of the chains' newest changes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SegmentHeads {
    /// How many changes of each chain are durable here.
    pub vector: Vector,
    /// Equal for two peers exactly if they have the same changes and know the same forks.
    pub digest: [u8; 8],
}

impl SegmentHeads {
    /// Reads the heads off an open segment.
    pub fn of(segment: &Segment) -> Self {
        let forks = segment.forks().map(|fork| (fork.actor(), ChangeHash(fork.name())));
        let parts: Vec<[u8; 48]> = segment
            .heads()
            .chain(forks)
            .map(|(actor, hash)| {
                let mut part = [0; 48];
                part[..16].copy_from_slice(&actor.0);
                part[16..].copy_from_slice(&hash.0);
                part
            })
            .collect();
        let parts: Vec<&[u8]> = parts.iter().map(<[u8; 48]>::as_slice).collect();
        let [digest @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
            crypto::hash("bayou/1/heads", &parts);
        SegmentHeads { vector: segment.vector().clone(), digest }
    }

    /// Returns how many changes there are in all.
    pub fn changes(&self) -> u64 {
        self.vector.values().map(|seq| u64::from(*seq)).sum()
    }
}

/// Tells whether `have` holds all that `wanted` names.
pub fn covers(have: &Vector, wanted: &Vector) -> bool {
    wanted.iter().all(|(actor, seq)| have.get(actor).is_some_and(|held| held >= seq))
}
