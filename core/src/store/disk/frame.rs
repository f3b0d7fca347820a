//! The bytes of a journal file: a header, then one frame for each batch. Pure: bytes in, batches out.
//!
//! ```text
//! file    header │ the same header again │ frame │ frame │ … │ zeros, reserved ahead of the writer
//!
//! header  0        8         12     16          24      28
//!         ├ magic ─┼ version ┼ salt ┼ first Lsn ┼ crc32 ┤            crc32 of bytes 0 to 23
//!
//! frame   0       4        8       16
//!         ├─ len ─┼ crc32 ─┼─ Lsn ─┼─ batch, len bytes ─┤            crc32 of salt ‖ len ‖ Lsn ‖ batch
//!
//! batch   0       4        8
//!         ├─ key ─┼─ size ─┼─ part, size bytes ─┼─ the next part … ─┤  one part for each key
//!
//! part    sealed: postcard: [ (StreamId, [ record, … ]), … ]         a new run only where the stream changes
//! ```
//!
//! All numbers are little endian. A `len` of zero is the end of what was written. A part whose key was dropped is passed
//! over: before the drop, a snapshot covered it.
//!
//! **After damage** the parser goes on behind the damaged frame, if its length leads to the next one, else it looks at
//! every byte for the next valid frame. A record may hold the bytes of a frame, and a stranger chose them; the salt,
//! drawn for each file and never told, keeps such a frame from being taken for one of ours. Once damage was reported,
//! a *filler* is laid over it: a frame with the largest Lsn, whose batch is what was there and is never read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::Bytes;

use crate::id::StreamId;
use crate::store::{KeyId, Lsn, MAX_BATCH, MAX_RECORD, MAX_SEAL, Record, Seal, StoreError};

/// The bytes before the first frame: the header, twice, so that one flipped byte does not cost the file.
pub(super) const HEADER: usize = 2 * HEADER_COPY;
/// The bytes of a frame before its batch.
const FRAME_HEAD: usize = 16;
const HEADER_COPY: usize = 28;
const MAGIC: &[u8; 8] = b"BAYOUJRN";
const VERSION: u32 = 2;
/// The bytes of a part before what is sealed.
const PART_HEAD: usize = 8;
/// The parts of one batch: so many segments are never written to at once.
const MAX_PARTS: usize = 4_096;
/// The largest batch as it stands in a frame.
const MAX_BODY: usize = MAX_BATCH + MAX_PARTS * (PART_HEAD + MAX_SEAL);
/// The Lsn of a frame that only covers damage.
const FILLER: u64 = u64::MAX;
/// How often the bytes of a file may be checksummed, on average, while looking for a valid frame.
const SCAN_EFFORT: usize = 256;

/// What a journal file says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Mixed into every checksum of the file.
    pub(super) salt: u32,
    /// The position of the first batch that may be in the file.
    pub(super) first: Lsn,
}

/// Why a header cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeaderError {
    /// Neither copy is intact.
    Damaged,
    /// It was written by a later version of the program.
    Newer,
}

impl Header {
    /// Returns both copies.
    pub(super) fn encode(self) -> Vec<u8> {
        let mut copy = Vec::with_capacity(HEADER);
        copy.extend_from_slice(MAGIC);
        copy.extend_from_slice(&VERSION.to_le_bytes());
        copy.extend_from_slice(&self.salt.to_le_bytes());
        copy.extend_from_slice(&self.first.0.to_le_bytes());
        copy.extend_from_slice(&crc32fast::hash(&copy).to_le_bytes());
        copy.extend_from_within(..);
        copy
    }

    /// Reads the first copy that is intact.
    pub(super) fn decode(file: &[u8]) -> Result<Header, HeaderError> {
        let copies = file.chunks_exact(HEADER_COPY).take(2);
        copies.map(Header::decode_copy).find(|h| *h != Err(HeaderError::Damaged)).unwrap_or(Err(HeaderError::Damaged))
    }

    fn decode_copy(copy: &[u8]) -> Result<Header, HeaderError> {
        let intact = copy.starts_with(MAGIC) && copy.get(..24).map(crc32fast::hash) == u32_at(copy, 24);
        match (intact, u32_at(copy, 8), u32_at(copy, 12), u64_at(copy, 16)) {
            (true, Some(VERSION), Some(salt), Some(first)) => Ok(Header { salt, first: Lsn(first) }),
            (true, Some(_), _, _) => Err(HeaderError::Newer),
            _ => Err(HeaderError::Damaged),
        }
    }
}

/// Records of one stream that stand together in a batch.
#[derive(Serialize, Deserialize)]
pub(super) struct Run<'a> {
    /// Their stream.
    pub(super) stream: StreamId,
    /// The records, in order.
    #[serde(borrow)]
    pub(super) records: Vec<&'a Bytes>,
}

/// Appends the frame of a batch to `out` and returns the frame's length. Writes nothing when it fails.
pub(super) fn encode(
    batch: &[Record],
    lsn: Lsn,
    salt: u32,
    seal: &dyn Seal,
    out: &mut Vec<u8>,
) -> Result<u32, StoreError> {
    if let Some(record) = batch.iter().find(|r| r.bytes.len() > MAX_RECORD) {
        return Err(StoreError::TooLarge(record.bytes.len()));
    }
    let parts = parts(batch, seal)?;
    let size = parts.iter().map(|(_, part)| part.len()).sum();
    if size > MAX_BATCH || parts.len() > MAX_PARTS {
        return Err(StoreError::TooLarge(size));
    }
    let (mut body, of) = (Vec::with_capacity(size), parts.len());
    for (n, (key, part)) in parts.into_iter().enumerate() {
        let sealed = at(salt, lsn, n, of, |place| seal.seal(key, place, &part))?;
        let size = u32::try_from(sealed.len()).map_err(|_| StoreError::TooLarge(sealed.len()))?;
        body.extend_from_slice(&key.0.to_le_bytes());
        body.extend_from_slice(&size.to_le_bytes());
        body.extend_from_slice(&sealed);
    }
    let len = u32::try_from(body.len()).map_err(|_| StoreError::TooLarge(body.len()))?;
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&checksum(salt, len, lsn.0, &body).to_le_bytes());
    out.extend_from_slice(&lsn.0.to_le_bytes());
    out.extend_from_slice(&body);
    Ok(len.saturating_add(FRAME_HEAD as u32))
}

/// Puts the records of a batch together that are sealed under one key.
fn parts(batch: &[Record], seal: &dyn Seal) -> Result<Vec<(KeyId, Vec<u8>)>, StoreError> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for record in batch {
        let bytes = Bytes::new(&record.bytes);
        match runs.last_mut() {
            Some(run) if run.stream == record.stream => run.records.push(bytes),
            _ => runs.push(Run { stream: record.stream, records: vec![bytes] }),
        }
    }
    let mut parts: BTreeMap<KeyId, Vec<Run<'_>>> = BTreeMap::new();
    for run in runs {
        parts.entry(seal.key_of(run.stream)?).or_default().push(run);
    }
    if parts.is_empty() {
        // An empty batch has its position, too.
        parts.insert(KeyId::HOME, Vec::new());
    }
    let encode = |(key, runs)| Ok((key, postcard::to_stdvec(&runs).map_err(|e| StoreError::Io(e.to_string()))?));
    parts.into_iter().map(encode).collect()
}

/// Names the place of a part.
fn at<T>(salt: u32, lsn: Lsn, part: usize, of: usize, run: impl FnOnce(&[&[u8]]) -> T) -> T {
    let number = |n: usize| (n as u32).to_le_bytes();
    run(&[b"frame", &salt.to_le_bytes(), &lsn.0.to_le_bytes(), &number(part), &number(of)])
}

/// A frame whose checksum is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// Its position.
    pub(super) lsn: Lsn,
    /// The batch, encoded and sealed.
    body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads the frame that `bytes` begin with, if it is intact.
    pub(super) fn decode(bytes: &'a [u8], salt: u32) -> Option<Frame<'a>> {
        let (len, lsn) = (u32_at(bytes, 0)?, u64_at(bytes, 8)?);
        let body = bytes.get(FRAME_HEAD..)?.get(..len as usize)?;
        let intact = len > 0 && body.len() <= MAX_BODY && u32_at(bytes, 4)? == checksum(salt, len, lsn, body);
        intact.then_some(Frame { lsn: Lsn(lsn), body })
    }

    /// Opens the batch; `None` if it does not belong to this home and place, though its checksum is right.
    pub(super) fn open(&self, salt: u32, seal: &dyn Seal) -> Option<Opened> {
        let sealed = self.parts()?;
        let (mut parts, of) = (Vec::with_capacity(sealed.len()), sealed.len());
        for (n, (key, sealed)) in sealed.into_iter().enumerate().filter(|(_, (key, _))| !seal.is_dropped(*key)) {
            parts.push(at(salt, self.lsn, n, of, |place| seal.open(key, place, sealed))?);
        }
        Some(Opened { forgotten: parts.len() < of, parts })
    }

    fn parts(&self) -> Option<Vec<(KeyId, &'a [u8])>> {
        let (mut parts, mut rest) = (Vec::new(), self.body);
        while !rest.is_empty() && parts.len() < MAX_PARTS {
            let (key, size) = (u32_at(rest, 0)?, u32_at(rest, 4)?);
            let (part, after) = rest.get(PART_HEAD..)?.split_at_checked(size as usize)?;
            parts.push((KeyId(key), part));
            rest = after;
        }
        rest.is_empty().then_some(parts)
    }

    /// Returns how many bytes the frame takes.
    pub(super) fn len(&self) -> usize {
        FRAME_HEAD + self.body.len()
    }
}

/// A batch that was opened.
pub(super) struct Opened {
    /// Whether keys of it were dropped.
    pub(super) forgotten: bool,
    parts: Vec<Vec<u8>>,
}

impl Opened {
    /// Reads what can be read; `None` if it is not a batch.
    pub(super) fn runs(&self) -> Option<Vec<Run<'_>>> {
        let parts: Option<Vec<_>> = self.parts.iter().map(|part| runs(part)).collect();
        Some(parts?.into_iter().flatten().collect())
    }
}

fn runs(batch: &[u8]) -> Option<Vec<Run<'_>>> {
    let (runs, rest) = postcard::take_from_bytes(batch).ok()?;
    rest.is_empty().then_some(runs)
}

/// What stands in a journal file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// An intact frame, and where it begins.
    Frame(usize, Frame<'a>),
    /// Bytes that are not what was written, followed by an intact frame: where they begin and end.
    Damage(usize, usize),
}

/// Walks through the frames of a journal file.
pub(super) struct Frames<'a> {
    bytes: &'a [u8],
    salt: u32,
    at: usize,
    last: Lsn,
    effort: usize,
}

impl<'a> Frames<'a> {
    /// Begins behind the header of a file.
    pub(super) fn new(file: &'a [u8], header: Header) -> Self {
        let last = Lsn(header.first.0.saturating_sub(1));
        Frames { bytes: file, salt: header.salt, at: HEADER, last, effort: file.len().saturating_mul(SCAN_EFFORT) }
    }

    /// Returns where the last intact frame ends. Once the walk is over, nothing behind it can be read.
    pub(super) fn end(&self) -> usize {
        self.at.min(self.bytes.len())
    }

    /// Returns whether something that is not an intact frame stands behind the end.
    pub(super) fn torn(&self) -> bool {
        self.bytes.get(self.at..).is_some_and(|rest| rest.iter().any(|b| *b != 0))
    }

    fn frame_at(&mut self, at: usize) -> Option<Frame<'a>> {
        let bytes = self.bytes.get(at..)?;
        // Positions rise, and no more batches can be missing than there are bytes: this spares most checksums.
        let lsn = u64_at(bytes, 8)?;
        let ahead = lsn.checked_sub(self.last.0)?;
        if lsn != FILLER && (ahead == 0 || ahead > self.bytes.len() as u64) {
            return None;
        }
        let len = (u32_at(bytes, 0)? as usize).checked_add(FRAME_HEAD)?;
        if len > bytes.len() {
            return None;
        }
        self.effort = self.effort.checked_sub(len)?;
        Frame::decode(bytes, self.salt)
    }

    fn next_intact(&mut self) -> Option<usize> {
        let len = u32_at(self.bytes, self.at)? as usize;
        let behind = self.at.saturating_add(FRAME_HEAD).saturating_add(len);
        // The next but one may follow: a damaged length that leads further would cost what lies between.
        if len > 0 && self.frame_at(behind).is_some_and(|frame| frame.lsn.0 == self.last.0.saturating_add(2)) {
            return Some(behind);
        }
        (self.at + 1..self.bytes.len()).find(|at| self.frame_at(*at).is_some())
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        while self.torn() {
            let from = self.at;
            let Some(frame) = self.frame_at(from) else {
                let to = self.next_intact()?;
                self.at = to;
                return Some(Found::Damage(from, to));
            };
            self.at += frame.len();
            if frame.lsn.0 != FILLER {
                self.last = frame.lsn;
                return Some(Found::Frame(from, frame));
            }
        }
        None
    }
}

/// Returns what to write over the beginning of damaged bytes, so that all of them make up a filler.
pub(super) fn filler(damaged: &[u8], salt: u32) -> Option<Vec<u8>> {
    let body = damaged.get(FRAME_HEAD..).filter(|body| !body.is_empty() && body.len() <= MAX_BODY)?;
    let len = u32::try_from(body.len()).ok()?;
    let mut head = len.to_le_bytes().to_vec();
    head.extend_from_slice(&checksum(salt, len, FILLER, body).to_le_bytes());
    head.extend_from_slice(&FILLER.to_le_bytes());
    Some(head)
}

fn checksum(salt: u32, len: u32, lsn: u64, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&len.to_le_bytes());
    hasher.update(&lsn.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|b| u64::from_le_bytes(*b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Unsealed;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    const HEAD: Header = Header { salt: 0x5a17, first: Lsn(1) };

    fn record(bytes: &[u8]) -> Record {
        Record { stream: StreamId::Local, bytes: bytes.to_vec() }
    }

    fn file(batches: &[&[u8]], header: Header) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = header.encode();
        let mut starts = Vec::new();
        for (n, batch) in batches.iter().enumerate() {
            starts.push(bytes.len());
            encode(&[record(batch)], Lsn(header.first.0 + n as u64), header.salt, &Unsealed, &mut bytes).unwrap();
        }
        (bytes, starts)
    }

    fn positions(bytes: &[u8]) -> Vec<u64> {
        Frames::new(bytes, Header::decode(bytes).unwrap())
            .filter_map(|f| if let Found::Frame(_, f) = f { Some(f.lsn.0) } else { None })
            .collect()
    }

    #[test]
    fn the_format_is_frozen() {
        let (bytes, _) = file(&[b"hello"], HEAD);
        assert_eq!(
            blake3::hash(&bytes).to_hex().as_str(),
            "6c447bcb67ad6816557c733ea9b7116fa412f36e3d84286755720dea97a19f33"
        );
    }

    #[test]
    fn a_stream_is_named_once_for_records_that_stand_together() {
        let stream = StreamId::Segment(crate::id::ConversationId([7; 32]), 3);
        let batch = vec![Record { stream, bytes: vec![1; 10] }; 100];
        let mut bytes = Vec::new();
        encode(&batch, Lsn(1), 0, &Unsealed, &mut bytes).unwrap();
        assert_eq!(bytes.len(), FRAME_HEAD + PART_HEAD + 1 + 34 + 1 + 100 * 11);
        let opened = Frame::decode(&bytes, 0).unwrap().open(0, &Unsealed).unwrap();
        assert_eq!(opened.runs().unwrap()[0].records.len(), 100);
    }

    #[test]
    fn every_single_flipped_byte_is_found_and_costs_at_most_its_own_frame() {
        let (clean, starts) = file(&[b"one", b"two", b"three", b"four"], HEAD);
        for at in 0..clean.len() {
            let mut bytes = clean.clone();
            bytes[at] ^= 0x40;
            let hit = starts.iter().rposition(|s| *s <= at).map(|n| n as u64 + 1);
            let expected: Vec<u64> = (1..=4).filter(|n| Some(*n) != hit).collect();
            assert_eq!(positions(&bytes), expected, "byte {at}");
        }
    }

    #[test]
    fn a_frame_inside_a_record_is_not_taken_for_one_of_ours() {
        let (inner, _) = file(&[b"", b"", b"forged"], Header { salt: 1, first: Lsn(1) });
        let (mut bytes, starts) = file(&[b"one", &inner[HEADER..], b"three"], HEAD);
        bytes[starts[1] + 3] = 0x7f;
        assert_eq!(positions(&bytes), [1, 3]);
    }

    #[test]
    fn random_bytes_never_panic_and_never_pass() {
        for seed in 0..10_000u64 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let (mut bytes, _) = file(&[b"one", b"two", b"three"], HEAD);
            let clean = bytes.clone();
            match seed % 3 {
                0 => {
                    bytes.truncate(HEADER);
                    bytes.resize(HEADER + (rng.next_u32() % 512) as usize, 0);
                    rng.fill_bytes(&mut bytes[HEADER..]);
                }
                1 => bytes.truncate((rng.next_u32() as usize) % clean.len()),
                _ => (0..1 + seed % 5).for_each(|_| {
                    let at = rng.next_u32() as usize % clean.len();
                    bytes[at] = rng.next_u32() as u8;
                }),
            }
            drop(runs(bytes.get(HEADER..).unwrap_or_default()));
            let Ok(header) = Header::decode(&bytes) else { continue };
            for found in Frames::new(&bytes, header) {
                let Found::Frame(at, frame) = found else { continue };
                assert!(frame.open(0, &Unsealed).is_some_and(|opened| opened.runs().is_some()), "seed {seed}");
                assert_eq!(bytes.get(at..at + frame.len()), clean.get(at..at + frame.len()), "seed {seed}");
            }
        }
    }
}
