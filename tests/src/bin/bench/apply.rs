//! `apply`: what it costs to apply one change in a segment map of 10,000 messages against one of 1,000. In this process.
//!
//! Automerge 0.12 walks a map from its start to the key of the change. Keys sort newest first, so that the walk is short;
//! without that the ratio is above 10. It must stay at or below 2.

use std::io;
use std::time::{Duration, Instant};

use bayou_core::conversation::Segment;
use bayou_tests::craft::{Author, admit, segment_id, take};

use crate::{Options, report};

/// Changes that are timed; the median counts.
const TIMED: usize = 300;

pub(crate) fn run(_: &Options) -> io::Result<()> {
    let (small, large) = (one_of(1_000)?, one_of(10_000)?);
    report::print("apply.at-10000", (large, "µs"), (small, "µs"));
    Ok(())
}

/// Returns the median time to apply one change in a segment of so many messages, in microseconds.
fn one_of(messages: usize) -> io::Result<f64> {
    let mut segment = Segment::open(segment_id(0), None, &[]).map_err(io::Error::other)?;
    let mut author = Author::new(segment_id(0), 1);
    for _ in 0..messages {
        let sent = author.says(&["what people say to each other, about as long as this"]);
        take(&mut segment, vec![sent]);
    }
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..TIMED {
        let sent = author.says(&["what people say to each other, about as long as this"]);
        let run = admit(&mut segment, vec![sent]);
        let start = Instant::now();
        segment.apply(vec![run]).map_err(io::Error::other)?;
        times.push(start.elapsed());
    }
    Ok(report::percentile(&mut times, 0.5) * 1000.0)
}
