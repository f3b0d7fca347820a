//! `inbound`: what one live change costs on its way in, from the frame to the row: opened, gated, verified, written to the
//! journal, applied, folded. In this process, on a file system in memory, so without waiting for a disk.
//!
//! A segment of 1,500 changes by eight devices; then each of them says one thing more, and again, each in a frame of its own.
//! Floor: the check of its signature, which nothing can spare. `inbound.cpu` is the processor's time, and is to stay at or
//! below 120 µs; the steps are medians by the clock.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bayou_core::conversation::{Entry, EntryId, Outcome, Segment, Tail, Verified};
use bayou_core::envelope::Frame;
use bayou_core::id::{DeviceId, PayloadId, PeerId, StreamId, UserId};
use bayou_core::store::disk::DiskStore;
use bayou_core::store::{Record, Store, Unsealed};
use bayou_core::time::Timestamp;
use bayou_core::timeline::{Fold, Row, Rows};
use bayou_tests::craft::{Author, segment_id};

use crate::{Options, report};

const AUTHORS: u8 = 8;
const BEFORE: usize = 1_500;
const LIVE: usize = 2_000;
const TEXT: &str = "an ordinary line of talk, about as long as what people write";

/// The steps, in order.
const STEPS: [&str; 6] = ["open", "gate", "verify", "journal", "apply", "fold"];

/// A file system in memory.
const IN_MEMORY: &str = "/dev/shm";

pub(crate) fn run(_: &Options) -> io::Result<()> {
    if !Path::new(IN_MEMORY).is_dir() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "there is no file system in memory"));
    }
    let folder = tempfile::tempdir_in(IN_MEMORY)?;
    let mut home = Home::open(folder.path())?;
    let mut authors: Vec<Author> = (0..AUTHORS).map(|seed| Author::new(segment_id(0), seed)).collect();
    let mut next = frames(&mut authors, BEFORE + LIVE);
    let live = next.split_off(BEFORE);
    for (device, frame) in &next {
        home.take(*device, frame)?;
    }
    let mut times = vec![Vec::with_capacity(LIVE); STEPS.len()];
    let before = report::cpu()?;
    for (device, frame) in &live {
        let steps = home.take(*device, frame)?;
        times.iter_mut().zip(steps).for_each(|(times, step)| times.push(step));
    }
    let cpu = report::ms(report::cpu()?.saturating_sub(before)) * 1000.0 / LIVE as f64;
    if home.rows.len() != BEFORE + LIVE {
        return Err(io::Error::other("a message has no row"));
    }
    let mut medians = times.iter_mut().map(|times| report::percentile(times, 0.5) * 1000.0);
    let medians: Vec<f64> = medians.by_ref().collect();
    let floor = medians.get(2).copied().unwrap_or(f64::NAN);
    for (step, median) in STEPS.iter().zip(&medians) {
        report::print(&format!("inbound.{step}"), (*median, "µs"), (floor, "µs"));
    }
    report::print("inbound.cpu", (cpu, "µs"), (floor, "µs"));
    Ok(())
}

/// Has the authors write in turns; returns who wrote each frame.
fn frames(authors: &mut [Author], count: usize) -> Vec<(DeviceId, Vec<u8>)> {
    let told: Vec<_> = (0..3).map(|peer| PeerId([peer; 32]).into()).collect();
    let mut frames = Vec::with_capacity(count);
    while frames.len() < count {
        for author in authors.iter_mut() {
            let (id, sent) = (segment_id(0), author.says(&[TEXT]));
            let (conversation, told, runs) = (id.conversation, told.clone(), vec![vec![sent]]);
            let push = Frame::Push { conversation, segment: id.number, told, hops: 0, runs };
            frames.push((author.key.device(), push.encode()));
        }
    }
    frames.truncate(count);
    frames
}

/// Who takes the changes in: a segment, a store, the rows so far, and the bodies.
struct Home {
    segment: Segment,
    store: DiskStore,
    rows: BTreeMap<EntryId, Row>,
    bodies: BTreeMap<PayloadId, String>,
}

impl Home {
    fn open(folder: &Path) -> io::Result<Home> {
        let segment = Segment::open(segment_id(0), None, &[]).map_err(io::Error::other)?;
        let (store, _) = DiskStore::open(folder, Arc::new(Unsealed)).map_err(io::Error::other)?;
        Ok(Home { segment, store, rows: BTreeMap::new(), bodies: BTreeMap::new() })
    }

    /// Takes a frame in; returns how long each step took.
    fn take(&mut self, device: DeviceId, frame: &[u8]) -> io::Result<[Duration; STEPS.len()]> {
        let mut began = Instant::now();
        let mut step = || std::mem::replace(&mut began, Instant::now()).elapsed();
        let Ok(Frame::Push { mut runs, .. }) = Frame::decode(frame) else { return Err(io::Error::other("no push")) };
        let opened = step();
        let run = runs.pop().unwrap_or_default();
        let Ok(Outcome::Next(gated)) = self.segment.gate(run) else { return Err(io::Error::other("not the next")) };
        let passed = step();
        let run = Verified::check(gated).map_err(io::Error::other)?;
        let verified = step();
        let record = Tail::Run(run.gated().to_sent());
        let bytes = postcard::to_stdvec(&record).map_err(io::Error::other)?;
        let (id, Tail::Run(sent)) = (segment_id(0), record) else { return Err(io::Error::other("not a run")) };
        let stream = StreamId::Segment(id.conversation, id.number);
        self.store.append(&[vec![Record { stream, bytes }]]).map_err(io::Error::other)?;
        let kept = step();
        self.segment.admit(&run);
        let entries = self.segment.apply(vec![run]).map_err(io::Error::other)?;
        self.segment.settle().map_err(io::Error::other)?;
        let applied = step();
        for payload in sent.into_iter().flat_map(|sent| sent.payloads) {
            self.bodies.insert(payload.id(&device), payload.body);
        }
        let mut fold = Fold::new(&*self, Timestamp(0));
        for entry in entries {
            fold.add(entry).map_err(io::Error::other)?;
        }
        let rows = fold.finish().rows;
        self.rows.extend(rows);
        Ok([opened, passed, verified, kept, applied, step()])
    }
}

impl Rows for Home {
    type Error = Infallible;

    fn row(&self, id: &EntryId) -> Result<Option<Row>, Infallible> {
        Ok(self.rows.get(id).cloned())
    }

    fn orphans(&self, _message: &EntryId) -> Result<Vec<Entry>, Infallible> {
        Ok(Vec::new())
    }

    fn body(&self, _segment: u32, body: &PayloadId) -> Option<String> {
        self.bodies.get(body).cloned()
    }

    fn author(&self, entry: &Entry) -> UserId {
        UserId(entry.device.0)
    }

    fn is_removed(&self, _segment: u32, _message: &EntryId) -> bool {
        false
    }

    fn is_erased(&self, _segment: u32, _body: &PayloadId) -> bool {
        false
    }
}
