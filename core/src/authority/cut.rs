//! Cuts: how far the chains of someone who was removed, or of a device that was retired, still count.
//!
//! ```text
//! cut  = postcard [(actor 16, seq u32, change hash 32)], actors rising
//! hash = BLAKE3("bayou/1/cut", cut)
//! ```
//!
//! A cut travels beside the record that names it by its hash: it may be large, and records are not. A chain that it
//! does not list does not count at all. Of several cuts the farther one holds, chain by chain, so that others can
//! add what the first had not received.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::ControlError;
use super::signed::exactly;
use crate::crypto;
use crate::id::{ActorId, ChangeHash, CutHash};

/// The most chains that a cut may list: its bytes stay below 1 MiB, one frame.
pub const MAX_CUT: usize = 16_384;

/// A change by its place in its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark {
    /// Its number in the chain, from 1.
    pub seq: u32,
    /// Its hash.
    pub hash: ChangeHash,
}

/// The last change that counts, of each chain that counts at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cut(BTreeMap<ActorId, Mark>);

impl Cut {
    /// Makes a cut. Beyond [`MAX_CUT`] chains the rest is left out; a second cut can list it.
    pub fn new(marks: impl IntoIterator<Item = (ActorId, Mark)>) -> Self {
        Cut(marks.into_iter().take(MAX_CUT).collect())
    }

    /// Returns the last change of the chain that counts.
    pub fn of(&self, actor: &ActorId) -> Option<Mark> {
        self.0.get(actor).copied()
    }

    /// Returns its name.
    pub fn hash(&self) -> CutHash {
        Cut::hash_of(&self.to_bytes())
    }

    pub(super) fn hash_of(bytes: &[u8]) -> CutHash {
        CutHash(crypto::hash("bayou/1/cut", &[bytes]))
    }

    /// Writes it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let rows: Vec<(ActorId, Mark)> = self.0.iter().map(|(actor, mark)| (*actor, *mark)).collect();
        postcard::to_stdvec(&rows).expect("a cut always encodes")
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`ControlError::Malformed`] when the bytes are not those that [`Cut::to_bytes`] would write.
    pub fn open(bytes: &[u8]) -> Result<Self, ControlError> {
        if bytes.len() > MAX_CUT * 53 + 3 {
            return Err(ControlError::Malformed);
        }
        let rows: Vec<(ActorId, Mark)> = exactly(bytes)?;
        if rows.len() > MAX_CUT || !rows.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(ControlError::Malformed);
        }
        Ok(Cut(rows.into_iter().collect()))
    }
}
