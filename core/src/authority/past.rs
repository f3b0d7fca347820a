//! What a record has seen of the rows that it could void.
//!
//! Who knows all has seen a row from its start to some place, so that place is noted, and beyond it one bit each.

use crate::id::DeviceId;

/// The rows of records in which places are counted: what a removal, a withdrawal or a device's cut could void.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Row {
    /// Said under a grant.
    Under(usize),
    /// Signed by a device.
    By(DeviceId),
    /// Granted through an invite.
    Through(usize),
    /// Granted through an invite that was made under a grant.
    Offered(usize),
    /// All removals.
    Removals,
}

/// A growing row of bits.
#[derive(Debug, Clone, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// Sets a bit; returns whether it was not set before.
    pub(super) fn set(&mut self, at: usize) -> bool {
        if self.0.len() <= at / 64 {
            self.0.resize(at / 64 + 1, 0);
        }
        let new = !self.get(at);
        self.0.get_mut(at / 64).into_iter().for_each(|word| *word |= 1 << (at % 64));
        new
    }

    pub(super) fn get(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }
}

/// What a record has seen of a row.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) row: Row,
    /// All before this place.
    pub(super) first: usize,
    /// Further ones, by their place in the row.
    pub(super) more: Bits,
}

impl Seen {
    pub(super) fn nothing_of(row: Row) -> Self {
        Seen { row, first: 0, more: Bits::default() }
    }

    /// Tells whether it has seen the record at this place of the row.
    pub(super) fn has(&self, number: usize) -> bool {
        number < self.first || self.more.get(number)
    }
}
