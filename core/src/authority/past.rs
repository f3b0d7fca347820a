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
    /// Granted through any invite.
    Entered,
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

    /// Returns the places of all bits that are set and not before a place.
    fn from(&self, first: usize) -> impl Iterator<Item = usize> + '_ {
        let words = self.0.iter().enumerate().skip(first / 64).filter(|(_, word)| **word != 0);
        words
            .flat_map(|(at, word)| (at * 64..at * 64 + 64).filter(move |bit| word >> (bit % 64) & 1 == 1))
            .filter(move |bit| *bit >= first)
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

/// Returns for each place of a row how many of those that looked at the row have not seen it.
pub(super) fn unseen<'a>(row: Row, length: usize, by: impl Iterator<Item = &'a [Seen]>) -> Vec<u32> {
    // Who saw all before a place and no more is counted at that place, and so for all that follow.
    let (mut ends, mut more) = (vec![0_u32; length + 1], vec![0_u32; length]);
    for seen in by {
        let seen = seen.iter().find(|seen| seen.row == row);
        let first = seen.map_or(0, |seen| seen.first);
        ends.get_mut(first).into_iter().for_each(|times| *times += 1);
        for place in seen.into_iter().flat_map(|seen| seen.more.from(first)) {
            more.get_mut(place).into_iter().for_each(|times| *times += 1);
        }
    }
    let running = ends.iter().scan(0, |sum, times| {
        *sum += times;
        Some(*sum)
    });
    running.zip(more).map(|(unseen, more)| unseen.saturating_sub(more)).collect()
}
