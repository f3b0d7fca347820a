//! A look at the raw bytes of a change before any parser of Automerge's sees them, with bounded work whatever they are.
//!
//! Automerge 0.12 expands run-length columns and compressed chunks without a limit: 79 bytes keep its parser busy for
//! hours, 0.5 MB take 3 GB of memory. So every column is walked here without expanding it.
//!
//! ```text
//! magic 85 6f 4a 83 │ checksum 4 │ type u8 = 1 (plain change) │ length uleb │ body
//! body = deps n=1 ‖ 32 │ actor len=16 ‖ 16 │ seq │ start op │ time = 0 │ message len=0
//!      │ other actors n=1 ‖ len=16 ‖ 16 (the genesis actor)
//!      │ columns n ‖ n × (spec, length) in rising order ‖ their bytes │ (nothing more)
//! ```
//! (<https://automerge.org/automerge-binary-format-spec/>)

use super::schema::{MAX_CHANGE, MAX_OPS};
use crate::crypto;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const PLAIN_CHANGE: u8 = 1;

/// Checks the structure; the error names what is wrong.
pub(super) fn prescan(bytes: &[u8]) -> Result<(), &'static str> {
    if bytes.len() > MAX_CHANGE {
        return Err("too large");
    }
    let mut body = Reader(bytes);
    if body.take(4)? != MAGIC {
        return Err("no change");
    }
    let checksum = body.take(4)?;
    if !crypto::sha256(body.0).starts_with(checksum) {
        return Err("checksum");
    }
    if body.take(1)? != [PLAIN_CHANGE] {
        return Err("not a plain change");
    }
    if body.size()? != body.0.len() {
        return Err("length");
    }
    header(&mut body)?;
    columns(&mut body)?;
    if body.0.is_empty() { Ok(()) } else { Err("extra bytes") }
}

fn header(body: &mut Reader<'_>) -> Result<(), &'static str> {
    body.expect(1, "number of dependencies")?;
    body.take(32)?;
    body.expect(16, "length of actor")?;
    body.take(16)?;
    if body.unsigned()? == 0 {
        return Err("sequence number");
    }
    body.unsigned()?; // start op: the gate compares it
    body.expect(0, "time")?;
    body.expect(0, "message")?;
    body.expect(1, "other actors")?;
    body.expect(16, "length of other actor")?;
    body.take(16)?;
    Ok(())
}

/// How the values of a column are encoded.
enum Column {
    /// Run-length coded unsigned numbers, each below the bound.
    Numbers { below: u64 },
    /// Run-length coded strings.
    Strings,
    /// Lengths of alternating runs of false and true.
    Flags,
    /// Bytes that another column gives the lengths of.
    Raw,
}

fn column(spec: u64) -> Option<Column> {
    const ACTORS: u64 = 2;
    const COUNTERS: u64 = 1 << 32; // of operations; decoding a larger one panics
    Some(match spec {
        0x01 => Column::Numbers { below: ACTORS },
        0x02 => Column::Numbers { below: COUNTERS },
        0x42 | 0x56 => Column::Numbers { below: u64::MAX },
        0x15 => Column::Strings,
        0x34 => Column::Flags,
        0x57 => Column::Raw,
        0x70 => Column::Numbers { below: 1 }, // predecessors: none, ever
        _ => return None,
    })
}

fn columns(body: &mut Reader<'_>) -> Result<(), &'static str> {
    let count = body.unsigned()?;
    if count > 8 {
        return Err("number of columns");
    }
    let mut specs = Vec::new();
    for _ in 0..count {
        let (spec, len) = (body.unsigned()?, body.size()?);
        if specs.last().is_some_and(|(before, _)| *before >= spec) {
            return Err("order of columns");
        }
        specs.push((spec, len));
    }
    for (spec, len) in specs {
        let mut data = Reader(body.take(len)?);
        match column(spec).ok_or("unknown column")? {
            Column::Numbers { below } => {
                runs(&mut data, |data| if data.unsigned()? < below { Ok(()) } else { Err("value") })?;
            }
            Column::Strings => runs(&mut data, |data| data.size().and_then(|len| data.take(len)).map(drop))?,
            Column::Flags => flags(&mut data)?,
            Column::Raw => {}
        }
    }
    Ok(())
}

/// Walks a run-length coded column: `n > 0` one value n times, `n < 0` that many values, `0 n` n times nothing.
fn runs(
    data: &mut Reader<'_>,
    mut value: impl FnMut(&mut Reader<'_>) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    let mut rows = 0u64;
    while !data.0.is_empty() {
        let n = data.signed()?;
        let (length, values) = match n {
            0 => (data.unsigned()?, 0),
            1.. => (n.unsigned_abs(), 1),
            _ => (n.unsigned_abs(), n.unsigned_abs()),
        };
        rows = rows.saturating_add(length);
        if length == 0 || rows > MAX_OPS {
            return Err("number of rows");
        }
        (0..values).try_for_each(|_| value(data))?;
    }
    Ok(())
}

fn flags(data: &mut Reader<'_>) -> Result<(), &'static str> {
    let mut rows = 0u64;
    while !data.0.is_empty() {
        rows = rows.saturating_add(data.unsigned()?);
    }
    if rows > MAX_OPS { Err("number of rows") } else { Ok(()) }
}

/// Takes bytes from the front, never more than there are.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], &'static str> {
        let (front, rest) = self.0.split_at_checked(len).ok_or("cut short")?;
        self.0 = rest;
        Ok(front)
    }

    fn byte(&mut self) -> Result<u8, &'static str> {
        self.take(1)?.first().copied().ok_or("cut short")
    }

    fn expect(&mut self, value: u64, what: &'static str) -> Result<(), &'static str> {
        if self.unsigned()? == value { Ok(()) } else { Err(what) }
    }

    fn size(&mut self) -> Result<usize, &'static str> {
        usize::try_from(self.unsigned()?).map_err(|_| "length")
    }

    /// Reads a LEB128 number in its shortest form.
    fn unsigned(&mut self) -> Result<u64, &'static str> {
        let mut value = 0u64;
        for at in 0..10u32 {
            let byte = self.byte()?;
            if at == 9 && byte > 1 {
                return Err("number too large");
            }
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                return if at > 0 && byte == 0 { Err("number not in its shortest form") } else { Ok(value) };
            }
        }
        Err("number too large")
    }

    /// Reads a signed LEB128 number of at most five bytes: more than any run can need.
    fn signed(&mut self) -> Result<i64, &'static str> {
        let mut value = 0i64;
        for at in 0..5u32 {
            let byte = self.byte()?;
            value |= i64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                let negative = byte & 0x40 != 0;
                return Ok(if negative { value | (-1i64 << (7 * (at + 1))) } else { value });
            }
        }
        Err("number too large")
    }
}
