//! The changes to the index that are not in sled yet, and how reading looks through them. Pure.
//!
//! ```text
//! index() ──► front ──(a round begins)──► back ──(written and flushed)──► sled
//! reads      look here first             then here                       then there
//! ```

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::{Bound, Range};
use std::sync::Arc;

use crate::id::StreamId;
use crate::store::{Entry, IndexOp, KeyId, Lsn};

/// A value, and the key under which it goes to disk. That is chosen when it comes in: what was said before a stream got
/// a new key must not be sealed under the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) key: KeyId,
    pub(super) bytes: Vec<u8>,
}

/// Keys with their new value, or `None` where the key was removed.
pub(super) type Layer = BTreeMap<Vec<u8>, Option<Value>>;

/// A key with its value, or `None` where it was removed.
pub(super) type Row = (Vec<u8>, Option<Vec<u8>>);

/// What is not in sled yet.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    front: Layer,
    back: Arc<Layer>,
    /// Up to where the index is complete with the front.
    complete: Lsn,
    /// Up to where it is complete with the back.
    complete_back: Lsn,
    /// Up to where it is complete without either.
    complete_below: Lsn,
}

impl Overlay {
    /// Begins above a sled that is complete up to a position.
    pub(super) fn above(complete: Lsn) -> Self {
        Overlay { complete, complete_back: complete, complete_below: complete, ..Overlay::default() }
    }

    /// Takes changes in, all or none; `key_of` tells the key of a stream.
    pub(super) fn add<E>(
        &mut self,
        ops: Vec<IndexOp>,
        complete: Lsn,
        key_of: impl Fn(StreamId) -> Result<KeyId, E>,
    ) -> Result<(), E> {
        let change = |op| {
            Ok(match op {
                IndexOp::Put(key, bytes) => (key, Some(Value { key: KeyId::HOME, bytes })),
                IndexOp::PutWords(key, bytes, stream) => (key, Some(Value { key: key_of(stream)?, bytes })),
                IndexOp::Remove(key) => (key, None),
            })
        };
        self.front.extend(ops.into_iter().map(change).collect::<Result<Vec<_>, E>>()?);
        self.complete = self.complete.max(complete);
        Ok(())
    }

    /// Returns whether something that waits for the next round is to be sealed under one of these keys.
    pub(super) fn waits_under(&self, keys: &[KeyId]) -> bool {
        self.front.values().flatten().any(|value| keys.contains(&value.key))
    }

    /// Returns how many keys are held.
    pub(super) fn len(&self) -> usize {
        self.front.len().saturating_add(self.back.len())
    }

    /// Returns how many keys wait for the next round.
    pub(super) fn waiting(&self) -> usize {
        self.front.len()
    }

    /// Returns whether everything is in sled.
    pub(super) fn is_settled(&self) -> bool {
        self.front.is_empty() && self.back.is_empty() && self.complete == self.complete_below
    }

    /// Begins a round, or repeats the one that failed: returns what to write, and up to where sled is then complete.
    pub(super) fn begin(&mut self) -> (Arc<Layer>, Lsn) {
        if self.back.is_empty() {
            self.back = Arc::new(std::mem::take(&mut self.front));
            self.complete_back = self.complete;
        }
        (Arc::clone(&self.back), self.complete_back)
    }

    /// Ends a round: all of it is in sled.
    pub(super) fn end(&mut self) {
        self.back = Arc::default();
        self.complete_below = self.complete_back;
    }

    /// Returns the change to a key, if there is one.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let change = self.front.get(key).or_else(|| self.back.get(key))?;
        Some(change.as_ref().map(|value| value.bytes.clone()))
    }

    /// Returns the changes to a range in the order of reading.
    ///
    /// Of the front, no more than what `limit` entries need is copied: each of its values is sure to be among the result.
    pub(super) fn cut(&self, range: Range<&[u8]>, limit: usize, backwards: bool) -> (Vec<Row>, Arc<Layer>) {
        let mut values = 0;
        let rows = walk(&self.front, range, backwards).take_while(|(_, value)| {
            values += usize::from(value.is_some());
            values <= limit
        });
        (rows.collect(), Arc::clone(&self.back))
    }
}

/// Returns the rows of a layer within a range, last first if `backwards`.
pub(super) fn walk(layer: &Layer, range: Range<&[u8]>, backwards: bool) -> impl Iterator<Item = Row> {
    let mut rows = layer.range::<[u8], _>((Bound::Included(range.start), Bound::Excluded(range.end)));
    std::iter::from_fn(move || if backwards { rows.next_back() } else { rows.next() })
        .map(|(key, value)| (key.clone(), value.as_ref().map(|value| value.bytes.clone())))
}

/// Lays rows over others: where both have a key, the upper one counts.
pub(super) struct Laid<U: Iterator<Item = Row>, L: Iterator<Item = Result<Row, E>>, E> {
    upper: Peekable<U>,
    lower: Peekable<L>,
    backwards: bool,
}

impl<U: Iterator<Item = Row>, L: Iterator<Item = Result<Row, E>>, E> Laid<U, L, E> {
    /// Begins; both must come in the same order.
    pub(super) fn new(upper: U, lower: L, backwards: bool) -> Self {
        Laid { upper: upper.peekable(), lower: lower.peekable(), backwards }
    }
}

impl<U: Iterator<Item = Row>, L: Iterator<Item = Result<Row, E>>, E> Iterator for Laid<U, L, E> {
    type Item = Result<Row, E>;

    fn next(&mut self) -> Option<Self::Item> {
        let order = match (self.upper.peek(), self.lower.peek()) {
            (Some(upper), Some(Ok(lower))) if self.backwards => lower.0.cmp(&upper.0),
            (Some(upper), Some(Ok(lower))) => upper.0.cmp(&lower.0),
            (Some(_), None) => Ordering::Less,
            (_, lower) => {
                lower?;
                Ordering::Greater
            }
        };
        match order {
            Ordering::Less => self.upper.next().map(Ok),
            Ordering::Greater => self.lower.next(),
            Ordering::Equal => {
                drop(self.lower.next());
                self.upper.next().map(Ok)
            }
        }
    }
}

/// Returns the first `limit` rows that have a value.
pub(super) fn entries<E>(rows: impl Iterator<Item = Result<Row, E>>, limit: usize) -> Result<Vec<Entry>, E> {
    let present = |row: Result<Row, E>| match row {
        Ok((key, value)) => value.map(|value| Ok((key, value))),
        Err(error) => Some(Err(error)),
    };
    rows.filter_map(present).take(limit).collect()
}
