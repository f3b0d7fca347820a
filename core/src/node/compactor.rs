//! The thread that writes snapshots, so that nobody waits for them.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use crate::engine::Input;
use crate::id::StreamId;
use crate::store::{Lsn, Store};

/// Snapshots that may wait; the engine asks for one a second at most.
pub(super) const MAX_JOBS: usize = 16;

/// A snapshot to be written.
pub(super) type Job = (StreamId, Lsn, Vec<u8>);

/// Starts the thread.
pub(super) fn start(
    store: Arc<dyn Store>,
    answers: mpsc::Sender<Input>,
) -> std::io::Result<(SyncSender<Job>, JoinHandle<()>)> {
    let (jobs, queue) = sync_channel::<Job>(MAX_JOBS);
    let thread = std::thread::Builder::new().name("bayou-compactor".into()).spawn(move || {
        while let Ok((stream, covers, image)) = queue.recv() {
            let result = store.snapshot(stream, covers, &image).map_err(|error| error.to_string());
            if answers.blocking_send(Input::Snapshotted(stream, result)).is_err() {
                return;
            }
        }
    })?;
    Ok((jobs, thread))
}
