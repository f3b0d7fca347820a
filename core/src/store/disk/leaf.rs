//! Leaves: neighbouring entries of the index, packed into one value of sled. Pure.
//!
//! sled spends about 300 bytes on each of its entries, whatever their size (measured: 490 bytes for a row of 164). So
//! some dozens of rows share one, compressed. A leaf is stored under a **fence**: it holds the entries from its fence up
//! to the fence of the next leaf. The first fence is the empty key; any other is the shortest that does, because sled keeps
//! it as it is, while the leaf is sealed: of a row it tells the time, hardly ever an id.
//!
//! ```text
//! sled key    fence
//! sled value  (key id u32 ‖ size u32 ‖ sealed part, size bytes) …      one part for each key that its entries are under
//! part        unpacked size u32 ‖ zstd( (key length u32, key, value length u32, value) … ), entries in order of key
//! ```
//!
//! The words of a segment are under its own key; a leaf has one part as a rule, and two where two segments meet.
//!
//! When a leaf is split, its right parts are written before it is cut. Between the two, and after a crash there, it still
//! holds entries that belong to its right neighbour; readers leave out what is not below the next fence.

use std::collections::BTreeMap;
use std::ops::Range;

use super::overlay::{Row, Value};
use crate::store::{Entry, KeyId};

/// Entries of a full leaf.
const MAX_ENTRIES: usize = 64;

/// Bytes of a full leaf, uncompressed; one with a larger entry holds little else.
const MAX_BYTES: usize = 32 * 1024;

/// The most that a leaf unpacks to; what claims more is damaged.
const MAX_UNPACKED: usize = 4 * 1024 * 1024;

const LEVEL: i32 = 1;

/// The entries of a leaf.
pub(super) type Leaf = BTreeMap<Vec<u8>, Value>;

/// Sorts entries by the key that they are to be sealed under, and packs those of each.
pub(super) fn pack(entries: &[(&Vec<u8>, &Value)]) -> std::io::Result<Vec<(KeyId, Vec<u8>)>> {
    type Pairs<'a> = Vec<(&'a Vec<u8>, &'a Vec<u8>)>;
    let mut parts: BTreeMap<KeyId, Pairs<'_>> = BTreeMap::new();
    for (key, value) in entries {
        parts.entry(value.key).or_default().push((*key, &value.bytes));
    }
    parts.into_iter().map(|(key, entries)| Ok((key, pack_part(&entries)?))).collect()
}

/// Joins sealed parts to what stands in sled.
pub(super) fn join(parts: &[(KeyId, Vec<u8>)]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for (key, part) in parts {
        bytes.extend_from_slice(&key.0.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(part.len()).map_err(std::io::Error::other)?.to_le_bytes());
        bytes.extend_from_slice(part);
    }
    Ok(bytes)
}

/// Returns the sealed parts of what stands in sled; `None` if it is damaged.
pub(super) fn parts(leaf: &[u8]) -> Option<Vec<(KeyId, &[u8])>> {
    let (mut parts, mut rest) = (Vec::new(), leaf);
    while !rest.is_empty() {
        let (key, after) = rest.split_first_chunk::<4>()?;
        let (size, after) = after.split_first_chunk::<4>()?;
        let (part, after) = after.split_at_checked(usize::try_from(u32::from_le_bytes(*size)).ok()?)?;
        parts.push((KeyId(u32::from_le_bytes(*key)), part));
        rest = after;
    }
    Some(parts)
}

fn pack_part(entries: &[(&Vec<u8>, &Vec<u8>)]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for part in entries.iter().flat_map(|(key, value)| [key, value]) {
        bytes.extend_from_slice(&u32::try_from(part.len()).map_err(std::io::Error::other)?.to_le_bytes());
        bytes.extend_from_slice(part);
    }
    let size = u32::try_from(bytes.len()).map_err(std::io::Error::other)?.to_le_bytes();
    Ok([&size[..], &zstd::bulk::compress(&bytes, LEVEL)?].concat())
}

/// Unpacks a part; `None` if it is damaged.
pub(super) fn unpack(packed: &[u8]) -> Option<Vec<Entry>> {
    let (size, packed) = packed.split_first_chunk::<4>()?;
    let size = usize::try_from(u32::from_le_bytes(*size)).ok().filter(|size| *size <= MAX_UNPACKED)?;
    let bytes = zstd::bulk::decompress(packed, size).ok()?;
    let mut rest = bytes.as_slice();
    let mut part = || -> Option<Vec<u8>> {
        let (len, after) = rest.split_first_chunk::<4>()?;
        let (part, after) = after.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
        rest = after;
        Some(part.to_vec())
    };
    let mut entries = Vec::new();
    while let Some(key) = part() {
        entries.push((key, part()?));
    }
    rest.is_empty().then_some(entries)
}

/// Applies the changes of one round that fall into a leaf.
pub(super) fn merge<'a>(leaf: &mut Leaf, changes: impl Iterator<Item = (&'a Vec<u8>, &'a Option<Value>)>) {
    for (key, value) in changes {
        match value {
            Some(value) => drop(leaf.insert(key.clone(), value.clone())),
            None => drop(leaf.remove(key)),
        }
    }
}

/// A part of a leaf: its fence, and its entries.
type Part<'a> = (Vec<u8>, Vec<(&'a Vec<u8>, &'a Value)>);

/// Cuts a leaf into parts that are not too large, of about the same size, each with its fence; the first keeps `fence`.
pub(super) fn split<'a>(fence: &[u8], leaf: &'a Leaf) -> Vec<Part<'a>> {
    let weight: usize = leaf.iter().map(|(key, value)| key.len() + value.bytes.len()).sum();
    let count = leaf.len().div_ceil(MAX_ENTRIES).max(weight.div_ceil(MAX_BYTES)).max(1);
    let (entries_each, bytes_each) = (leaf.len().div_ceil(count), weight.div_ceil(count));
    let mut parts = vec![(fence.to_vec(), Vec::new())];
    let mut bytes = 0;
    let mut before: &[u8] = &[];
    for (key, value) in leaf {
        let full = |part: &Vec<_>| part.len() >= entries_each || (bytes >= bytes_each && !part.is_empty());
        if parts.last().is_some_and(|(_, part)| full(part)) {
            parts.push((between(before, key), Vec::new()));
            bytes = 0;
        }
        bytes += key.len() + value.bytes.len();
        before = key;
        if let Some((_, part)) = parts.last_mut() {
            part.push((key, value));
        }
    }
    parts
}

/// Returns the shortest beginning of `key` that comes after `before`, which comes before `key`.
fn between(before: &[u8], key: &[u8]) -> Vec<u8> {
    let same = before.iter().zip(key).take_while(|(a, b)| a == b).count();
    key.iter().take(same.saturating_add(1)).copied().collect()
}

/// Returns a leaf's entries that are in a range and below the next fence, in the order of reading.
pub(super) fn rows(leaf: Leaf, range: &Range<&[u8]>, next: Option<&[u8]>, backwards: bool) -> Vec<Row> {
    let inside = |key: &[u8]| range.contains(&key) && next.is_none_or(|next| key < next);
    let mut rows: Vec<Row> =
        leaf.into_iter().filter(|(key, _)| inside(key)).map(|(key, value)| (key, Some(value.bytes))).collect();
    if backwards {
        rows.reverse();
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(count: usize, size: usize) -> Leaf {
        let value = |n: usize| Value { key: KeyId(n as u32 % 2), bytes: vec![b'x'; size] };
        (0..count).map(|n| (format!("{n:06}").into_bytes(), value(n))).collect()
    }

    #[test]
    fn what_is_packed_is_unpacked_and_damage_is_noticed() {
        let leaf = leaf(50, 100);
        let packed = pack(&leaf.iter().collect::<Vec<_>>()).unwrap();
        let joined = join(&packed).unwrap();
        assert!(joined.len() < 50 * 100 / 4, "{}", joined.len());
        let mut found = Leaf::new();
        for (key, part) in parts(&joined).unwrap() {
            found.extend(unpack(part).unwrap().into_iter().map(|(at, bytes)| (at, Value { key, bytes })));
        }
        assert_eq!(found, leaf);
        let (_, part) = &packed[0];
        assert_eq!(unpack(&part[..part.len() - 1]), None);
        assert_eq!(unpack(b"no leaf at all"), None);
        assert_eq!(parts(&joined[..joined.len() - 1]), None);
    }

    #[test]
    fn parts_are_even_small_enough_and_all_there() {
        for (count, size) in [(0, 0), (1, 10), (64, 100), (65, 100), (1000, 100), (10, 30_000), (3, 100_000)] {
            let leaf = leaf(count, size);
            let parts = split(b"", &leaf);
            assert_eq!(parts.iter().flat_map(|(_, part)| part).count(), count);
            assert!(parts.iter().all(|(_, part)| part.len() <= MAX_ENTRIES));
            for pair in parts.windows(2) {
                let (left, right) = (pair[0].1.last().unwrap().0, pair[1].1.first().unwrap().0);
                let fence = &pair[1].0;
                assert!(left < fence && fence <= right && fence.len() <= right.len());
                assert!(&fence[..fence.len() - 1] <= left.as_slice(), "{fence:?} could be shorter");
            }
            assert_eq!(parts.len() == 1, count <= MAX_ENTRIES && count * size <= MAX_BYTES, "{count} × {size}");
        }
    }
}
