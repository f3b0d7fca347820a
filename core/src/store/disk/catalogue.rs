//! What is where: for each stream its snapshot and the frames that came after it; for each journal file, what keeps it
//! alive. Held in memory only, 24 bytes for a frame, and found anew at each opening.

use std::collections::{BTreeMap, VecDeque};

use crate::id::StreamId;
use crate::store::Lsn;

/// Where a frame stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Its position.
    pub(super) lsn: Lsn,
    /// Where in its file it begins.
    pub(super) offset: u64,
    /// The number of its file.
    pub(super) file: u32,
    /// The bytes of the whole frame.
    pub(super) len: u32,
}

/// What is kept of one stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    /// Whether there is a snapshot, and up to where it reaches.
    pub(super) covers: Option<Lsn>,
    /// The frames behind it that hold records of the stream, oldest first.
    pub(super) tail: VecDeque<Place>,
}

/// What is where.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    streams: BTreeMap<StreamId, Kept>,
    /// How many places point into each journal file.
    files: BTreeMap<u32, usize>,
}

impl Catalogue {
    /// Takes note that a frame holds records of a stream. Frames come in the order of their positions.
    pub(super) fn note(&mut self, stream: StreamId, place: Place) {
        let users = self.files.entry(place.file).or_default();
        let kept = self.streams.entry(stream).or_default();
        let known = kept.tail.back().is_some_and(|last| last.lsn == place.lsn);
        if kept.covers < Some(place.lsn) && !known {
            kept.tail.push_back(place);
            *users += 1;
        }
    }

    /// Takes note of a journal file in which a part of a frame is forgotten: nobody may need the file any more.
    pub(super) fn pass(&mut self, file: u32) {
        self.files.entry(file).or_default();
    }

    /// Takes note of a snapshot: the frames that it covers are no longer needed for this stream.
    pub(super) fn cover(&mut self, stream: StreamId, covers: Lsn) {
        let kept = self.streams.entry(stream).or_default();
        kept.covers = kept.covers.max(Some(covers));
        while let Some(place) = kept.tail.pop_front_if(|place| place.lsn <= covers) {
            if let Some(users) = self.files.get_mut(&place.file) {
                *users = users.saturating_sub(1);
            }
        }
    }

    /// Takes note that the snapshot of a stream is gone.
    pub(super) fn uncover(&mut self, stream: StreamId) {
        if let Some(kept) = self.streams.get_mut(&stream) {
            kept.covers = None;
        }
    }

    /// Returns what is kept of a stream.
    pub(super) fn of(&self, stream: StreamId) -> Kept {
        self.streams.get(&stream).cloned().unwrap_or_default()
    }

    /// Returns all streams of which something is kept, in order.
    pub(super) fn streams(&self) -> Vec<StreamId> {
        self.beyond(None)
    }

    /// Returns the streams that hold something behind a position, in order.
    pub(super) fn beyond(&self, position: Option<Lsn>) -> Vec<StreamId> {
        let newest = |kept: &Kept| kept.covers.max(kept.tail.back().map(|place| place.lsn));
        self.streams.iter().filter(|(_, kept)| newest(kept) > position).map(|(stream, _)| *stream).collect()
    }

    /// Returns the largest position that a snapshot covers.
    pub(super) fn covered(&self) -> Lsn {
        self.streams.values().filter_map(|kept| kept.covers).max().unwrap_or_default()
    }

    /// Returns, and forgets, the journal files that nothing points into, except the one that is written to.
    pub(super) fn take_idle_files(&mut self, active: u32) -> Vec<u32> {
        let idle: Vec<u32> =
            self.files.iter().filter(|(n, users)| **n != active && **users == 0).map(|(n, _)| *n).collect();
        self.files.retain(|n, _| !idle.contains(n));
        idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_when_the_last_stream_that_uses_it_is_covered() {
        let place = |lsn, file| Place { lsn: Lsn(lsn), offset: 0, file, len: 20 };
        let other = StreamId::Control(crate::id::ConversationId([1; 32]));
        let mut catalogue = Catalogue::default();
        catalogue.note(StreamId::Local, place(1, 1));
        catalogue.note(StreamId::Local, place(1, 1)); // Two records of one batch.
        catalogue.note(other, place(1, 1));
        catalogue.note(other, place(2, 2));
        catalogue.cover(StreamId::Local, Lsn(1));
        assert!(catalogue.take_idle_files(2).is_empty());
        catalogue.cover(other, Lsn(1));
        assert_eq!(catalogue.take_idle_files(2), [1]);
        assert_eq!(catalogue.of(other).tail, [place(2, 2)]);
        assert_eq!(catalogue.beyond(Some(Lsn(1))), [other]);
    }
}
