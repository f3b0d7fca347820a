//! The thread that keeps: takes all batches that wait, appends them with one fdatasync, and says so.
//!
//! This is where group commit happens: while one fdatasync runs, the next batches gather.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use crate::engine::{Input, Ticket};
use crate::store::{Batch, Lsn, Store};

/// Batches that may be on their way to disk; the loop takes nothing new in while there are more.
pub(super) const MAX_BATCHES: usize = 4096;

/// Bytes of batches that are appended together.
const MAX_GROUP_BYTES: usize = 8 * 1024 * 1024;

/// A batch on its way to disk.
pub(super) type Job = (Ticket, Batch);

/// Starts the thread. Answers come in the order of the batches; the channel for them must hold at least
/// [`MAX_BATCHES`], so that this thread never waits for the loop while the loop waits for it.
pub(super) fn start(
    store: Arc<dyn Store>,
    answers: mpsc::Sender<Input>,
) -> std::io::Result<(SyncSender<Job>, JoinHandle<()>)> {
    let (jobs, queue) = sync_channel(MAX_BATCHES);
    let thread =
        std::thread::Builder::new().name("bayou-writer".into()).spawn(move || write(&*store, &queue, &answers))?;
    Ok((jobs, thread))
}

fn write(store: &dyn Store, queue: &Receiver<Job>, answers: &mpsc::Sender<Input>) {
    let mut generation = 0;
    while let Ok(first) = queue.recv() {
        let (mut tickets, mut batches, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut next = Some(first);
        while let Some((ticket, batch)) = next {
            if ticket.generation < generation {
                // It builds on a batch that was not kept.
                if answers.blocking_send(Input::NotPersisted(ticket, EARLIER.into())).is_err() {
                    return;
                }
            } else {
                bytes += batch.iter().map(|record| record.bytes.len()).sum::<usize>();
                tickets.push(ticket);
                batches.push(batch);
            }
            next = if bytes < MAX_GROUP_BYTES { queue.try_recv().ok() } else { None };
        }
        if tickets.is_empty() {
            continue;
        }
        let sent = match store.append(&batches) {
            Ok(last) => answers.blocking_send(Input::Persisted(positions(tickets, last))),
            Err(error) => {
                generation = tickets.last().map_or(generation, |ticket| ticket.generation + 1);
                tickets
                    .into_iter()
                    .try_for_each(|ticket| answers.blocking_send(Input::NotPersisted(ticket, error.to_string())))
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

const EARLIER: &str = "something before it could not be kept; try again";

/// Batches appended together have positions that follow each other.
fn positions(tickets: Vec<Ticket>, last: Lsn) -> Vec<(Ticket, Lsn)> {
    let first = (last.0 + 1).saturating_sub(tickets.len() as u64);
    tickets.into_iter().zip((first..).map(Lsn)).collect()
}
