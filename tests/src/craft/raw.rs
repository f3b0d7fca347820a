//! A change taken apart byte by byte, so that every field can be set to what no honest writer would write.
//!
//! The layout is drawn in `core/src/conversation/prescan.rs`. Reading trusts its input: it is for our own changes only.

use bayou_core::crypto;

/// The kind of chunk that a plain change is.
pub const PLAIN_CHANGE: u8 = 1;

/// The fields of a change, in the order in which they stand in the bytes.
#[derive(Debug, Clone)]
pub struct Raw {
    /// The kind of chunk: 0 document, 1 change, 2 compressed change, 3 bundle.
    pub kind: u8,
    /// Hashes of changes that it depends on.
    pub deps: Vec<[u8; 32]>,
    /// Who writes it.
    pub actor: Vec<u8>,
    /// Its place in the chain.
    pub seq: u64,
    /// The counter of its first operation.
    pub start_op: u64,
    /// Seconds.
    pub time: i64,
    /// A commit message.
    pub message: Vec<u8>,
    /// Actors that its operations refer to.
    pub others: Vec<Vec<u8>>,
    /// Column specifications with their bytes.
    pub columns: Vec<(u64, Vec<u8>)>,
    /// What follows the columns.
    pub extra: Vec<u8>,
}

impl Raw {
    /// Takes an honest change apart.
    pub fn read(change: &[u8]) -> Self {
        let mut rest = &change[8..];
        let kind = take(&mut rest, 1)[0];
        number(&mut rest);
        let deps = (0..number(&mut rest)).map(|_| take(&mut rest, 32).try_into().unwrap()).collect();
        let actor = bytes(&mut rest);
        let (seq, start_op, time) = (number(&mut rest), number(&mut rest), number(&mut rest));
        let message = bytes(&mut rest);
        let others = (0..number(&mut rest)).map(|_| bytes(&mut rest)).collect();
        let specs: Vec<_> = (0..number(&mut rest)).map(|_| (number(&mut rest), number(&mut rest))).collect();
        let columns = specs.into_iter().map(|(spec, len)| (spec, take(&mut rest, len as usize))).collect();
        let time = i64::try_from(time).unwrap();
        Raw { kind, deps, actor, seq, start_op, time, message, others, columns, extra: rest.to_vec() }
    }

    /// Puts the change together, with the right length and checksum.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        unsigned(self.deps.len() as u64, &mut body);
        self.deps.iter().for_each(|dep| body.extend(dep));
        sized(&self.actor, &mut body);
        unsigned(self.seq, &mut body);
        unsigned(self.start_op, &mut body);
        signed(self.time, &mut body);
        sized(&self.message, &mut body);
        unsigned(self.others.len() as u64, &mut body);
        self.others.iter().for_each(|other| sized(other, &mut body));
        unsigned(self.columns.len() as u64, &mut body);
        for (spec, data) in &self.columns {
            unsigned(*spec, &mut body);
            unsigned(data.len() as u64, &mut body);
        }
        self.columns.iter().for_each(|(_, data)| body.extend(data));
        body.extend(&self.extra);
        chunk(self.kind, &body)
    }

    /// Returns the bytes of a column, which is made if it is not there.
    pub fn column(&mut self, spec: u64) -> &mut Vec<u8> {
        let at = self.columns.partition_point(|(other, _)| *other < spec);
        if self.columns.get(at).is_none_or(|(other, _)| *other != spec) {
            self.columns.insert(at, (spec, Vec::new()));
        }
        &mut self.columns[at].1
    }
}

/// Makes a chunk with the right length and checksum around a body.
pub fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut chunk = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, kind];
    sized(body, &mut chunk);
    repair(&mut chunk);
    chunk
}

/// Sets the checksum of a chunk to the one that its bytes have.
pub fn repair(chunk: &mut [u8]) {
    if let Some((front, rest)) = chunk.split_at_mut_checked(8) {
        front[4..].copy_from_slice(&crypto::sha256(rest)[..4]);
    }
}

/// Writes an unsigned LEB128 number.
pub fn unsigned(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes a signed LEB128 number.
pub fn signed(mut value: i64, out: &mut Vec<u8>) {
    while !(-0x40..0x40).contains(&value) {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8 & 0x7f);
}

fn sized(bytes: &[u8], out: &mut Vec<u8>) {
    unsigned(bytes.len() as u64, out);
    out.extend(bytes);
}

fn take(rest: &mut &[u8], len: usize) -> Vec<u8> {
    let (front, behind) = rest.split_at(len);
    *rest = behind;
    front.to_vec()
}

fn number(rest: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = take(rest, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}

fn bytes(rest: &mut &[u8]) -> Vec<u8> {
    let len = number(rest) as usize;
    take(rest, len)
}
