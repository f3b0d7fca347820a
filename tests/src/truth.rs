//! What became of a story, read from the stores themselves and not from the engines that wrote them.

use std::collections::{BTreeMap, BTreeSet};

use bayou_core::authority::{Authority, Item};
use bayou_core::conversation::{EntryId, Segment, SegmentId};
use bayou_core::id::{ConversationId, StreamId, UserId};
use bayou_core::store::memory::MemoryStore;
use bayou_core::store::{Entry, Lsn, Record, Store};
use bayou_core::sync::SegmentHeads;
use bayou_core::timeline::{self, Row, Text};

/// What of an index everyone must agree on: bytes under keys, by conversation. Homes number their conversations as they
/// join them, so conversations are told apart by what is in them.
pub type Index = Vec<Vec<Entry>>;

/// The parts of an index that hold rows, those that are gone and when others will be, annotations that wait, heads, and bodies that are missing.
const SHARED: [u8; 6] = [b'g', b'h', b'o', b'r', b'w', b'x'];

/// Reads what of an index everyone must agree on.
pub fn index(store: &MemoryStore) -> Index {
    let mut conversations: BTreeMap<Vec<u8>, Vec<Entry>> = BTreeMap::new();
    for part in SHARED {
        for (key, value) in scan(store, part) {
            let number = key[1..5].to_vec();
            let key = [&key[..1], &key[5..]].concat();
            conversations.entry(number).or_default().push((key, value));
        }
    }
    let mut index: Index = conversations.into_values().collect();
    index.sort();
    index
}

/// Says in what two indexes differ.
pub fn difference(a: &Index, b: &Index) -> Option<String> {
    if a == b {
        return None;
    }
    if a.len() != b.len() {
        return Some(format!("{} and {} conversations", a.len(), b.len()));
    }
    let (a, b) = a.iter().zip(b).find(|(a, b)| a != b)?;
    let show = |(key, value): &Entry| match key.first() {
        Some(b'r' | b'g') => {
            format!("row {:?} {:?}", EntryId::from_sortable(&key[1..]), postcard::from_bytes::<Row>(value))
        }
        Some(b'h') => format!("heads {:?} {:?}", &key[1..], postcard::from_bytes::<SegmentHeads>(value)),
        Some(part) => format!("{} {:?}", char::from(*part), EntryId::from_sortable(&key[1..])),
        None => String::new(),
    };
    let only = |a: &[Entry], b: &[Entry]| -> Vec<String> {
        a.iter().filter(|entry| !b.contains(entry)).take(3).map(show).collect()
    };
    Some(format!("\n  here  {}\n  there {}", only(a, b).join("\n        "), only(b, a).join("\n        ")))
}

/// Reads all rows, oldest first.
pub fn rows(store: &MemoryStore) -> Vec<(EntryId, Row)> {
    scan(store, b'r').into_iter().map(row).collect()
}

/// Reads what is left of the messages that have disappeared.
pub fn gone(store: &MemoryStore) -> Vec<(EntryId, Row)> {
    scan(store, b'g').into_iter().map(row).collect()
}

fn row((key, value): Entry) -> (EntryId, Row) {
    let id = EntryId::from_sortable(&key[5..]).expect("the key of a row");
    (id, postcard::from_bytes(&value).expect("a row"))
}

/// Prints the timeline.
pub fn print(store: &MemoryStore, name: impl Fn(UserId) -> String) -> String {
    let rows = rows(store);
    timeline::print(rows.iter().map(|(id, row)| (*id, row)), name)
}

fn scan(store: &MemoryStore, part: u8) -> Vec<Entry> {
    store.scan(&[part], &[part + 1], usize::MAX, false).expect("memory")
}

/// Opens all segments that a store keeps.
pub fn segments(store: &MemoryStore) -> Vec<Segment> {
    let open = |stream| match stream {
        StreamId::Segment(conversation, number) => {
            let kept = store.read(stream).expect("memory");
            let id = SegmentId { conversation, number };
            Some(Segment::open(id, kept.image.as_deref(), &kept.tail).expect("what was kept opens"))
        }
        StreamId::Local | StreamId::Control(_) | StreamId::Secrets => None,
    };
    store.streams().into_iter().filter_map(open).collect()
}

/// Reads what a store truly has: the heads of its segments, and digests of its control records.
pub fn heads(store: &MemoryStore) -> (BTreeMap<SegmentId, SegmentHeads>, BTreeMap<ConversationId, [u8; 32]>) {
    let segments = segments(store).iter().map(|segment| (segment.id(), SegmentHeads::of(segment))).collect();
    let mut controls = BTreeMap::new();
    for stream in store.streams() {
        let StreamId::Control(conversation) = stream else { continue };
        let kept = store.read(stream).expect("memory");
        let image: Vec<Vec<u8>> = kept.image.map_or(Vec::new(), |image| postcard::from_bytes(&image).expect("records"));
        let mut authority = Authority::new(conversation);
        for bytes in image.iter().chain(&kept.tail) {
            authority.add(Item::open(bytes, conversation).expect("an item"));
        }
        controls.insert(conversation, authority.digest());
    }
    (segments, controls)
}

/// Returns the items of authority that a store keeps.
pub fn items(store: &MemoryStore) -> BTreeSet<(ConversationId, Vec<u8>)> {
    let mut items = BTreeSet::new();
    for stream in store.streams() {
        let StreamId::Control(conversation) = stream else { continue };
        let kept = store.read(stream).expect("memory");
        let image: Vec<Vec<u8>> = kept.image.map_or(Vec::new(), |image| postcard::from_bytes(&image).expect("records"));
        items.extend(image.into_iter().chain(kept.tail).map(|item| (conversation, item)));
    }
    items
}

/// Returns what is left of a store when its index was thrown away.
pub fn without_index(store: &MemoryStore) -> MemoryStore {
    let bare = MemoryStore::default();
    for stream in store.streams() {
        let kept = store.read(stream).expect("memory");
        if let Some(image) = kept.image {
            bare.snapshot(stream, Lsn(0), &image).expect("memory");
        }
        let batches: Vec<_> = kept.tail.into_iter().map(|bytes| vec![Record { stream, bytes }]).collect();
        bare.append(&batches).expect("memory");
    }
    bare.copy()
}

/// Says where the body of a message that was deleted or has disappeared can still be found, if it can.
pub fn undead(store: &MemoryStore) -> Option<String> {
    let mut segments = segments(store);
    let held = |segments: &[Segment], number: u32, hash| {
        segments.iter().any(|open| open.id().number == number && open.payloads().get(&hash).is_some())
    };
    rows(store).into_iter().filter(|(_, row)| row.deleted).chain(gone(store)).find_map(|(id, row)| {
        if row.text != Text::Erased {
            return Some(format!("{id} is no more and still says something"));
        }
        let places = row.edits.iter().map(|edit| (edit.segment, edit.payload));
        let own = segments.iter_mut().filter(|open| open.id().number == row.segment);
        let original = own.filter_map(|open| open.settle().ok()).find_map(|open| open.original(&id));
        let mut places = places.chain(original.map(|hash| (row.segment, hash)));
        places.any(|(segment, hash)| held(&segments, segment, hash)).then(|| format!("the body of {id} is still held"))
    })
}

/// Returns how many bodies a store notes as still to be erased.
pub fn erasing(store: &MemoryStore) -> usize {
    scan(store, b'e').len()
}

/// Says which streams of a store have these bytes in them, and whether in the snapshot or after it.
pub fn places(store: &MemoryStore, text: &str) -> Vec<String> {
    let found = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let mut places = Vec::new();
    for stream in store.streams() {
        let kept = store.read(stream).expect("memory");
        places.extend(kept.image.filter(|image| found(image)).map(|_| format!("the snapshot of {stream:?}")));
        let after = kept.tail.iter().filter(|record| found(record)).count();
        let all = kept.tail.len();
        places.extend((after > 0).then(|| format!("{after} of {all} records of {stream:?}")));
    }
    places
}

/// Returns how many bytes a store keeps, without its index.
pub fn bytes(store: &MemoryStore) -> usize {
    let kept = store.streams().into_iter().map(|stream| store.read(stream).expect("memory"));
    kept.flat_map(|kept| kept.tail.into_iter().chain(kept.image)).map(|bytes| bytes.len()).sum()
}
