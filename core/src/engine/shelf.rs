//! The segments that are open: a bounded shelf, from which the one that was unused for longest goes first.
//!
//! A segment stays while something admitted into it is on its way to disk; everything else in it can be opened again
//! from the store.

use std::collections::BTreeMap;

use super::io::View;
use crate::conversation::{Segment, SegmentError, SegmentId, Settled};
use crate::id::StreamId;
use crate::store::StoreError;

/// Segments that are kept open, as far as they are not busy. Each takes about 1 to 2 MB.
const MAX_OPEN: usize = 8;

/// Why a segment cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Segment(#[from] SegmentError),
}

#[derive(Debug)]
struct Open {
    segment: Segment,
    used: u64,
    /// Runs that were admitted and are not durable yet.
    pending: usize,
}

/// The open segments.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    open: BTreeMap<SegmentId, Open>,
    uses: u64,
    /// Something that was kept of a segment could not be read.
    lost: bool,
}

impl Shelf {
    /// Tells whether something that was kept of a segment was found lost since this was asked last.
    pub(super) fn has_lost(&mut self) -> bool {
        std::mem::take(&mut self.lost)
    }

    /// Returns a segment, opening it if need be. One of which nothing is kept opens empty.
    pub(super) fn get(&mut self, id: SegmentId, view: &dyn View) -> Result<&mut Segment, OpenError> {
        self.uses += 1;
        if !self.open.contains_key(&id) {
            let kept = view.read(StreamId::Segment(id.conversation, id.number));
            self.lost |= matches!(kept, Err(StoreError::Damaged(_)));
            let kept = kept?;
            let segment = Segment::open(id, kept.image.as_deref(), &kept.tail)?;
            self.make_room();
            self.open.insert(id, Open { segment, used: 0, pending: 0 });
        }
        let open = self.open.get_mut(&id).expect("it was just put there");
        open.used = self.uses;
        Ok(&mut open.segment)
    }

    /// Returns a segment whose document can be read. One that cannot be brought up to date is closed.
    pub(super) fn settled(&mut self, id: SegmentId, view: &dyn View) -> Result<Settled<'_>, OpenError> {
        let settled = self.get(id, view)?.settle().map(drop);
        if let Err(error) = settled {
            self.close(id);
            return Err(error.into());
        }
        Ok(self.get(id, view)?.settle()?)
    }

    /// Brings the documents of all open segments up to date, so that nobody waits for it later.
    pub(super) fn settle(&mut self) -> Result<(), OpenError> {
        let mut result = Ok(());
        self.open.retain(|_, open| match open.segment.settle() {
            Ok(_) => true,
            Err(error) => {
                result = Err(error.into());
                false
            }
        });
        result
    }

    /// Notes that runs were admitted into a segment and are on their way to disk.
    pub(super) fn hold(&mut self, id: SegmentId, runs: usize) {
        if let Some(open) = self.open.get_mut(&id) {
            open.pending += runs;
        }
    }

    /// Notes that runs arrived on disk and are in the document.
    pub(super) fn release(&mut self, id: SegmentId, runs: usize) {
        if let Some(open) = self.open.get_mut(&id) {
            open.pending = open.pending.saturating_sub(runs);
        }
    }

    /// Closes every segment into which something was admitted that did not arrive on disk: its chains are ahead of the
    /// truth.
    pub(super) fn forget_pending(&mut self) {
        self.open.retain(|_, open| open.pending == 0);
    }

    /// Closes a segment.
    pub(super) fn close(&mut self, id: SegmentId) {
        self.open.remove(&id);
    }

    fn make_room(&mut self) {
        while self.open.len() >= MAX_OPEN {
            let idle = self.open.iter().filter(|(_, open)| open.pending == 0).min_by_key(|(_, open)| open.used);
            let Some(id) = idle.map(|(id, _)| *id) else { return };
            self.open.remove(&id);
        }
    }
}
