//! Writes to a store until it is killed, and acknowledges each batch on stdout once the store has.
//!
//! `store_writer HOME` numbers its batches from where the home ends. Batch `n` holds the one record `n` for stream
//! `n % 3` and puts one row into the index. Now and then a stream is compacted into an image: its numbers in order.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use bayou_core::id::{ConversationId, StreamId};
use bayou_core::store::disk::DiskStore;
use bayou_core::store::{IndexOp, Lsn, Record, Store, Unsealed};

fn main() -> Result<(), Box<dyn Error>> {
    let home = std::env::args().nth(1).ok_or("usage: store_writer HOME")?;
    let (store, _) = DiskStore::open(Path::new(&home), Arc::new(Unsealed))?;
    let Lsn(mut last) = store.append(&[])?;
    loop {
        let group = 1 + last % 7;
        let numbers: Vec<u64> = (last + 1..=last + group).collect();
        let batches: Vec<_> = numbers.iter().map(|n| vec![record(*n)]).collect();
        last = store.append(&batches)?.0;
        if numbers.last() != Some(&last) {
            return Err(format!("the store counts {last} where {numbers:?} were appended").into());
        }
        for n in &numbers {
            println!("{n}");
        }
        let rows = numbers.iter().map(|n| IndexOp::Put(n.to_be_bytes().to_vec(), b"row".to_vec())).collect();
        store.index(rows, Lsn(last))?;
        if last.is_multiple_of(16) {
            compact(&store, stream_of(last / 16), Lsn(last))?;
        }
    }
}

fn stream_of(n: u64) -> StreamId {
    StreamId::Segment(ConversationId([1; 32]), (n % 3) as u32)
}

fn record(n: u64) -> Record {
    Record { stream: stream_of(n), bytes: n.to_le_bytes().to_vec() }
}

fn compact(store: &DiskStore, stream: StreamId, covers: Lsn) -> Result<(), Box<dyn Error>> {
    let kept = store.read(stream)?;
    let image = [kept.image.unwrap_or_default(), kept.tail.concat()].concat();
    store.snapshot(stream, covers, &image)?;
    Ok(())
}
