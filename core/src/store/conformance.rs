//! The acceptance tests of [`Store`]: what every implementation must do.
//!
//! [`run`] takes a function that opens a new, empty store. [`write_story`] and [`check_story`] stand on the two sides of
//! whatever an implementation calls closing and opening again.

use super::{Batch, IndexOp, Lsn, MAX_RECORD, Record, Store, StoreError};
use crate::id::{ConversationId, StreamId};

const LUNCH: ConversationId = ConversationId([0x11; 32]);
const MUSIC: ConversationId = ConversationId([0x22; 32]);

/// Runs all acceptance tests, each on a new store.
///
/// # Panics
/// When the store does not do what [`Store`] promises.
pub fn run(open: impl Fn() -> Box<dyn Store>) {
    for test in [
        begins_empty,
        keeps_records_in_order_and_apart,
        refuses_what_is_too_large_and_keeps_none_of_it,
        a_snapshot_stands_for_what_it_covers,
        an_older_snapshot_changes_nothing,
        shows_changes_to_the_index_at_once,
        scans_as_an_ordered_map_does,
        may_be_used_from_many_threads,
    ] {
        test(&*open());
    }
}

fn record(stream: StreamId, text: &str) -> Record {
    Record { stream, bytes: text.as_bytes().to_vec() }
}

fn batch(stream: StreamId, texts: &[&str]) -> Batch {
    texts.iter().map(|text| record(stream, text)).collect()
}

fn append(store: &dyn Store, batches: &[Batch]) -> Lsn {
    store.append(batches).expect("an append to a store with room")
}

fn tail(store: &dyn Store, stream: StreamId) -> Vec<String> {
    let kept = store.read(stream).expect("a read of a sound store");
    kept.tail.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
}

fn image(store: &dyn Store, stream: StreamId) -> Option<Vec<u8>> {
    store.read(stream).expect("a read of a sound store").image
}

fn put(key: &str, value: &str) -> IndexOp {
    IndexOp::Put(key.into(), value.into())
}

fn keys(store: &dyn Store, from: &str, to: &str, limit: usize, backwards: bool) -> Vec<String> {
    let entries = store.scan(from.as_bytes(), to.as_bytes(), limit, backwards).expect("a scan of a sound store");
    entries.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect()
}

fn begins_empty(store: &dyn Store) {
    assert!(store.streams().is_empty());
    assert!(store.unindexed().is_empty());
    assert_eq!(store.read(StreamId::Local).expect("a read"), super::Stream::default());
    assert_eq!(store.get(b"key").expect("a get"), None);
    assert_eq!(append(store, &[]), Lsn(0));
}

fn keeps_records_in_order_and_apart(store: &dyn Store) {
    let (control, segment) = (StreamId::Control(LUNCH), StreamId::Segment(LUNCH, 7));
    let mixed = vec![record(segment, "a"), record(control, "x"), record(segment, "b"), record(segment, "c")];
    assert_eq!(append(store, &[mixed, batch(segment, &["d"])]), Lsn(2));
    assert_eq!(append(store, &[batch(control, &["y"]), Vec::new()]), Lsn(4), "an empty batch has its position, too");
    assert_eq!(tail(store, segment), ["a", "b", "c", "d"]);
    assert_eq!(tail(store, control), ["x", "y"]);
    assert_eq!(store.streams(), [control, segment]);
    assert!(tail(store, StreamId::Segment(LUNCH, 8)).is_empty());
}

fn refuses_what_is_too_large_and_keeps_none_of_it(store: &dyn Store) {
    let large = |len| vec![Record { stream: StreamId::Local, bytes: vec![7; len] }];
    let refused = store.append(&[batch(StreamId::Local, &["before"]), large(MAX_RECORD + 1)]);
    assert!(matches!(refused, Err(StoreError::TooLarge(len)) if len == MAX_RECORD + 1));
    assert!(store.streams().is_empty());
    assert_eq!(append(store, &[large(MAX_RECORD)]), Lsn(1));
    assert_eq!(store.read(StreamId::Local).expect("a read").tail, [vec![7; MAX_RECORD]]);
}

fn a_snapshot_stands_for_what_it_covers(store: &dyn Store) {
    let stream = StreamId::Segment(LUNCH, 0);
    let first = append(store, &[batch(stream, &["a", "b"])]);
    append(store, &[vec![record(StreamId::Local, "l"), record(stream, "c")]]);
    store.snapshot(stream, first, b"a and b").expect("a snapshot");
    assert_eq!((image(store, stream), tail(store, stream)), (Some(b"a and b".to_vec()), vec!["c".to_owned()]));
    let far = Lsn(u64::MAX);
    store.snapshot(stream, far, b"a, b and c").expect("a snapshot of all there is");
    append(store, &[batch(stream, &["d"])]);
    assert_eq!((image(store, stream), tail(store, stream)), (Some(b"a, b and c".to_vec()), vec!["d".to_owned()]));
    assert_eq!(tail(store, StreamId::Local), ["l"], "a snapshot concerns its own stream only");
    store.snapshot(StreamId::Control(MUSIC), far, b"").expect("an empty image of a stream without records");
    assert_eq!(image(store, StreamId::Control(MUSIC)), Some(Vec::new()));
}

fn an_older_snapshot_changes_nothing(store: &dyn Store) {
    let first = append(store, &[batch(StreamId::Local, &["a"])]);
    let second = append(store, &[batch(StreamId::Local, &["b"])]);
    store.snapshot(StreamId::Local, second, b"new").expect("a snapshot");
    store.snapshot(StreamId::Local, first, b"old").expect("a snapshot that came late");
    assert_eq!(image(store, StreamId::Local), Some(b"new".to_vec()));
    store.snapshot(StreamId::Local, second, b"newer").expect("a snapshot of the same part");
    assert_eq!(image(store, StreamId::Local), Some(b"newer".to_vec()));
}

fn shows_changes_to_the_index_at_once(store: &dyn Store) {
    store.index(vec![put("a", "1"), put("a", "2"), put("b", "1")], Lsn(0)).expect("a change");
    assert_eq!(store.get(b"a").expect("a get"), Some(b"2".to_vec()));
    store.settle().expect("a settle");
    assert_eq!(store.get(b"a").expect("a get"), Some(b"2".to_vec()));
    store.index(vec![IndexOp::Remove(b"a".to_vec()), put("b", "3")], Lsn(0)).expect("a change");
    for _ in 0..2 {
        assert_eq!(store.get(b"a").expect("a get"), None);
        assert_eq!(store.get(b"b").expect("a get"), Some(b"3".to_vec()));
        assert_eq!(keys(store, "", "z", 9, false), ["b"]);
        store.settle().expect("a settle");
    }
}

/// Compares every scan over a small set of keys with that of a map, while changes are in all stages of being written.
fn scans_as_an_ordered_map_does(store: &dyn Store) {
    let mut map = std::collections::BTreeMap::new();
    for step in 0u32..120 {
        let key = vec![b'k', (step.wrapping_mul(7) % 23) as u8];
        let op = if step % 5 == 3 {
            map.remove(&key);
            IndexOp::Remove(key)
        } else {
            map.insert(key.clone(), step.to_le_bytes().to_vec());
            IndexOp::Put(key, step.to_le_bytes().to_vec())
        };
        store.index(vec![op], Lsn(0)).expect("a change");
        if step % 40 == 20 {
            store.settle().expect("a settle");
        }
        let (from, to) = (vec![b'k', (step % 11) as u8], vec![b'k', (step % 29) as u8]);
        let inside = |key: &[u8]| from.as_slice() <= key && key < to.as_slice();
        let expected: Vec<_> = map.iter().filter(|(k, _)| inside(k)).map(|(k, v)| (k.clone(), v.clone())).collect();
        let limit = (step % 6) as usize;
        let forwards: Vec<_> = expected.iter().take(limit).cloned().collect();
        let backwards: Vec<_> = expected.iter().rev().take(limit).cloned().collect();
        assert_eq!(store.scan(&from, &to, limit, false).expect("a scan"), forwards, "step {step}");
        assert_eq!(store.scan(&from, &to, limit, true).expect("a scan"), backwards, "step {step}, backwards");
    }
}

fn may_be_used_from_many_threads(store: &dyn Store) {
    std::thread::scope(|scope| {
        for writer in 0..4u32 {
            scope.spawn(move || {
                let stream = StreamId::Segment(MUSIC, writer);
                for n in 0..50u32 {
                    let lsn = append(store, &[batch(stream, &[&n.to_string()])]);
                    store.index(vec![put(&format!("{writer}/{n:02}"), "")], lsn).expect("a change");
                    if n % 20 == 19 {
                        store.snapshot(stream, lsn, n.to_string().as_bytes()).expect("a snapshot");
                    }
                    assert_eq!(tail(store, stream).len() as u32, (n + 1) % 20, "writer {writer}");
                }
            });
        }
    });
    assert_eq!(append(store, &[]), Lsn(200));
    assert_eq!(keys(store, "0", "9", 1_000, false).len(), 200);
}

/// Fills a new store with a story that [`check_story`] knows, and settles it.
///
/// # Panics
/// When the store does not do what [`Store`] promises.
pub fn write_story(store: &dyn Store) {
    let segment = StreamId::Segment(LUNCH, 0);
    let first = append(store, &[batch(segment, &["noodles?", "at noon"]), batch(StreamId::Local, &["joined"])]);
    store.snapshot(segment, first, b"image").expect("a snapshot");
    let last = append(store, &[batch(segment, &["or soup"])]);
    store.index(vec![put("row/1", "noodles?"), put("row/2", "at noon"), put("row/3", "or soup")], last).expect("rows");
    store.settle().expect("a settle");
}

/// Checks that a store holds the story, and goes on where it ended.
///
/// # Panics
/// When it does not.
pub fn check_story(store: &dyn Store) {
    let segment = StreamId::Segment(LUNCH, 0);
    assert_eq!((image(store, segment), tail(store, segment)), (Some(b"image".to_vec()), vec!["or soup".to_owned()]));
    assert_eq!(tail(store, StreamId::Local), ["joined"]);
    assert_eq!(store.streams(), [StreamId::Local, segment]);
    assert_eq!(keys(store, "row/", "row0", 2, true), ["row/3", "row/2"]);
    assert!(store.unindexed().is_empty());
    assert_eq!(append(store, &[batch(segment, &["tea"])]), Lsn(4), "positions are never used twice");
}
