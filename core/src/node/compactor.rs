//! The thread that writes snapshots, so that nobody waits for them, and then has forgotten what was erased.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use crate::engine::Input;
use crate::id::StreamId;
use crate::store::{Lsn, Store};

/// Snapshots that may wait; the engine asks for eight a second at most.
pub(super) const MAX_JOBS: usize = 16;

/// A snapshot to be written, and whether something in the stream was erased.
pub(super) type Job = (StreamId, Lsn, Vec<u8>, bool);

/// Starts the thread.
pub(super) fn start(
    store: Arc<dyn Store>,
    answers: mpsc::Sender<Input>,
) -> std::io::Result<(SyncSender<Job>, JoinHandle<()>)> {
    let (jobs, queue) = sync_channel::<Job>(MAX_JOBS);
    let thread = std::thread::Builder::new().name("bayou-compactor".into()).spawn(move || {
        while let Ok((stream, covers, image, erased)) = queue.recv() {
            let written = store.snapshot(stream, covers, &image);
            let forgotten = written.and_then(|()| if erased { store.forget(stream) } else { Ok(()) });
            let result = forgotten.map_err(|error| error.to_string());
            if answers.blocking_send(Input::Snapshotted(stream, result)).is_err() {
                return;
            }
        }
    })?;
    Ok((jobs, thread))
}
