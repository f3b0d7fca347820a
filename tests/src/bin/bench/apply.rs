//! `apply`: what it costs to apply one change in a segment map of 10,000 messages against one of 1,000. In this process.
//!
//! Automerge 0.12 walks a map from its start to the key of the change. Keys sort newest first, so that the walk is short;
//! without that the ratio is above 10. It must stay at or below 2.

use std::io;
use std::time::{Duration, Instant};

use bayou_core::conversation::Segment;
use bayou_tests::craft::{Author, admit, segment_id, take};

use crate::{Options, report};

const TEXT: &str = "what people say to each other, about as long as this";

/// Changes that are timed; the median counts.
const TIMED: usize = 300;

pub(crate) fn run(_: &Options) -> io::Result<()> {
    let (mut small, mut large) = (Room::of(1_000)?, Room::of(10_000)?);
    let (mut floors, mut times) = (Vec::new(), Vec::new());
    // In turns, so that both see the same minutes.
    for _ in 0..TIMED {
        floors.push(small.apply_one()?);
        times.push(large.apply_one()?);
    }
    let (value, floor) = (report::percentile(&mut times, 0.5), report::percentile(&mut floors, 0.5));
    report::print("apply.at-10000", (value * 1000.0, "µs"), (floor * 1000.0, "µs"));
    Ok(())
}

/// A segment and who writes into it.
struct Room {
    segment: Segment,
    author: Author,
}

impl Room {
    fn of(messages: usize) -> io::Result<Room> {
        let segment = Segment::open(segment_id(0), None, &[]).map_err(io::Error::other)?;
        let mut room = Room { segment, author: Author::new(segment_id(0), 1) };
        for _ in 0..messages {
            let sent = room.author.says(&[TEXT]);
            take(&mut room.segment, vec![sent]);
        }
        room.segment.settle().map_err(io::Error::other)?;
        Ok(room)
    }

    /// Returns how long it takes to bring one change into the document.
    fn apply_one(&mut self) -> io::Result<Duration> {
        let sent = self.author.says(&[TEXT]);
        let run = admit(&mut self.segment, vec![sent]);
        let start = Instant::now();
        self.segment.apply(vec![run]).and_then(|_| self.segment.settle().map(drop)).map_err(io::Error::other)?;
        Ok(start.elapsed())
    }
}
