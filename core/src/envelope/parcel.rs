//! A parcel: what one envelope holds, and one piece of a bundle.
//!
//! ```text
//! parcel = version u8 (1) ‖ postcard [part]
//! part   = 0 controls  items of the conversation's authority
//!        | 1 boxes     boxes with epochs, each for one device
//!        | 2 changes   segment, runs
//! ```
//!
//! The same as linked members send each other in frames, and it is let in by the same steps. Which conversation it is
//! about is known before it is opened: an envelope opens under an epoch of one conversation only, a bundle names its own.
//! Who sealed it is not known and does not matter; the authors are proven by what is inside.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::conversation::Sent;

const VERSION: u8 = 1;

/// The largest parcel, in bytes: a cut, which is the largest thing that cannot be cut, fits.
pub const MAX_PARCEL: usize = 1024 * 1024;

/// One thing in a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// Items of the conversation's authority.
    Controls(Vec<serde_bytes::ByteBuf>),
    /// Boxes with epochs.
    Boxes(Vec<serde_bytes::ByteBuf>),
    /// Runs of a segment's chains.
    Changes {
        /// The segment.
        segment: u32,
        /// The runs.
        runs: Vec<Vec<Sent>>,
    },
}

/// What one envelope holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parcel {
    /// Its parts, in the order in which they are to be taken in.
    pub parts: Vec<Part>,
}

/// The bytes are not a parcel of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a parcel of version {VERSION}")]
pub struct BadParcel;

impl Parcel {
    /// Encodes the parcel.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_extend(&self.parts, vec![VERSION]).expect("a parcel always encodes")
    }

    /// Returns the segments that it is about, rising.
    pub fn segments(&self) -> BTreeSet<u32> {
        let segment = |part: &Part| match part {
            Part::Changes { segment, .. } => Some(*segment),
            Part::Controls(_) | Part::Boxes(_) => None,
        };
        self.parts.iter().filter_map(segment).collect()
    }

    /// Decodes a parcel. Its parts take at most 24 bytes of memory for each byte: an empty list is one byte long.
    ///
    /// # Errors
    /// [`BadParcel`] when the bytes are too many, of another version, malformed, or not what [`Parcel::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadParcel> {
        if bytes.len() > MAX_PARCEL {
            return Err(BadParcel);
        }
        let Some((&VERSION, encoded)) = bytes.split_first() else { return Err(BadParcel) };
        let parts = postcard::from_bytes(encoded).map_err(|_| BadParcel)?;
        let parcel = Parcel { parts };
        if parcel.encode() == bytes { Ok(parcel) } else { Err(BadParcel) }
    }
}

/// Fills one parcel after the other, none larger than a bound unless one thing alone is.
#[derive(Debug)]
pub struct Packing {
    bound: usize,
    weight: usize,
    parcel: Parcel,
}

/// What the numbers and lengths around each thing may take.
const SLACK: usize = 16;

impl Packing {
    /// Begins a parcel of at most so many bytes.
    pub fn new(bound: usize) -> Self {
        Packing { bound, weight: SLACK, parcel: Parcel::default() }
    }

    /// Tells whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.parcel.parts.is_empty()
    }

    /// Adds an item of authority; returns whether there was room.
    pub fn control(&mut self, item: &[u8]) -> bool {
        let fits = self.takes(item.len());
        if fits {
            match self.parcel.parts.last_mut() {
                Some(Part::Controls(items)) => items.push(item.to_vec().into()),
                _ => self.parcel.parts.push(Part::Controls(vec![item.to_vec().into()])),
            }
        }
        fits
    }

    /// Adds a box with an epoch; returns whether there was room.
    pub fn epoch_box(&mut self, sealed: &[u8]) -> bool {
        let fits = self.takes(sealed.len());
        if fits {
            match self.parcel.parts.last_mut() {
                Some(Part::Boxes(boxes)) => boxes.push(sealed.to_vec().into()),
                _ => self.parcel.parts.push(Part::Boxes(vec![sealed.to_vec().into()])),
            }
        }
        fits
    }

    /// Adds a run of a segment's chain; returns whether there was room.
    pub fn run(&mut self, number: u32, run: &[Sent]) -> bool {
        let fits = self.takes(size(run));
        if fits {
            match self.parcel.parts.last_mut() {
                Some(Part::Changes { segment, runs }) if *segment == number => runs.push(run.to_vec()),
                _ => self.parcel.parts.push(Part::Changes { segment: number, runs: vec![run.to_vec()] }),
            }
        }
        fits
    }

    /// Returns how many bytes more there is room for.
    pub fn room(&self) -> usize {
        self.bound.saturating_sub(self.weight + SLACK)
    }

    /// Returns the parcel.
    pub fn finish(self) -> Parcel {
        self.parcel
    }

    fn takes(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.room();
        self.weight += if fits { bytes + SLACK } else { 0 };
        fits
    }
}

/// Returns how many bytes a run takes in a parcel.
pub fn size(run: &[Sent]) -> usize {
    postcard::to_stdvec(run).map_or(usize::MAX / 2, |bytes| bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Signature;

    fn sent(bytes: usize) -> Sent {
        Sent { change: vec![7; bytes], header: None, signature: Signature([1; 64]), payloads: vec![] }
    }

    #[test]
    fn what_was_packed_comes_out_in_order_and_keeps_the_bound() {
        let mut packing = Packing::new(1000);
        assert!(packing.is_empty());
        assert!(packing.control(&[1; 100]) && packing.control(&[2; 100]) && packing.epoch_box(&[3; 150]));
        assert!(packing.run(4, &[sent(100)]) && packing.run(4, &[sent(100)]));
        assert!(!packing.run(5, &[sent(400)]), "no room");
        assert!(packing.run(5, &[sent(20)]));
        let parcel = packing.finish();
        let kinds: Vec<usize> = parcel
            .parts
            .iter()
            .map(|part| match part {
                Part::Controls(items) => items.len(),
                Part::Boxes(boxes) => boxes.len() * 10,
                Part::Changes { runs, .. } => runs.len() * 100,
            })
            .collect();
        assert_eq!(kinds, [2, 10, 200, 100]);
        let bytes = parcel.encode();
        assert!(bytes.len() <= 1000);
        assert_eq!(Parcel::decode(&bytes), Ok(parcel));
    }

    #[test]
    fn a_parcel_has_one_form() {
        let bytes = Parcel { parts: vec![Part::Controls(vec![vec![1, 2].into()])] }.encode();
        assert_eq!(Parcel::decode(&[&bytes[..], &[0]].concat()), Err(BadParcel));
        assert_eq!(Parcel::decode(&bytes[..bytes.len() - 1]), Err(BadParcel));
        assert_eq!(Parcel::decode(&[&[2], &bytes[1..]].concat()), Err(BadParcel));
        // The same length, written longer.
        assert_eq!(Parcel::decode(&[1, 0x81, 0, 0, 1, 2, 1, 2]), Err(BadParcel));
        assert_eq!(Parcel::decode(&[]), Err(BadParcel));
    }
}
