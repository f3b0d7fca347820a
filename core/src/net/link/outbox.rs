//! What waits to be sent to a peer: a queue with two bounds, and who is to hear that it overflowed.

use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::sync::{Notify, watch};

use crate::net::{MAX_QUEUED_BYTES, MAX_QUEUED_FRAMES};

/// Whether the queue takes frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net) enum Flow {
    /// It does.
    Open,
    /// It overflowed, and takes none until it is empty.
    Congested,
    /// The link is to come down.
    Closed,
}

/// The frames that wait for one link. Anyone may push; the link's task takes.
pub(in crate::net) struct Outbox {
    queue: Mutex<Queue>,
    filled: Notify,
    flow: watch::Sender<Flow>,
    /// Whether the link is to go on over another stream.
    moving: watch::Sender<bool>,
    /// Whether it was said that the queue overflowed, and not yet that it is empty again.
    complained: AtomicBool,
}

/// At most [`MAX_QUEUED_FRAMES`] frames of together at most [`MAX_QUEUED_BYTES`].
#[derive(Default)]
struct Queue {
    frames: VecDeque<Bytes>,
    bytes: usize,
}

impl Outbox {
    pub(in crate::net) fn new() -> Outbox {
        Outbox {
            queue: Mutex::default(),
            filled: Notify::new(),
            flow: watch::Sender::new(Flow::Open),
            moving: watch::Sender::new(false),
            complained: AtomicBool::new(false),
        }
    }

    /// Queues a frame, or drops it when the queue does not take it.
    pub(in crate::net) fn push(&self, frame: Bytes) {
        if *self.flow.borrow() != Flow::Open {
            return;
        }
        let mut queue = self.lock();
        let bytes = queue.bytes.saturating_add(frame.len());
        if queue.frames.len() >= MAX_QUEUED_FRAMES || bytes > MAX_QUEUED_BYTES {
            self.change(Flow::Open, Flow::Congested);
            return;
        }
        queue.bytes = bytes;
        queue.frames.push_back(frame);
        drop(queue);
        self.filled.notify_one();
    }

    /// Waits for frames and moves them, each behind its length, to the end of `batch`, until that holds `enough` bytes.
    pub(super) async fn take(&self, batch: &mut BytesMut, enough: usize) {
        loop {
            {
                let mut queue = self.lock();
                while batch.len() < enough
                    && let Some(frame) = queue.frames.pop_front()
                {
                    queue.bytes = queue.bytes.saturating_sub(frame.len());
                    batch.put_u32(frame.len() as u32);
                    batch.put_slice(&frame);
                }
            }
            if !batch.is_empty() {
                return;
            }
            self.filled.notified().await;
        }
    }

    /// Tells whether nothing waits, and if so takes frames again after a congestion.
    pub(super) fn is_drained(&self) -> bool {
        let queue = self.lock();
        if queue.frames.is_empty() {
            self.change(Flow::Congested, Flow::Open);
        }
        queue.frames.is_empty()
    }

    /// Orders the link down.
    pub(in crate::net) fn close(&self) {
        self.flow.send_replace(Flow::Closed);
    }

    /// Tells whether the link was ordered down.
    pub(in crate::net) fn is_closed(&self) -> bool {
        *self.flow.borrow() == Flow::Closed
    }

    /// Has the link go on over another stream, or notes that it does.
    pub(in crate::net) fn set_moving(&self, moving: bool) {
        self.moving.send_replace(moving);
    }

    pub(super) fn is_moving(&self) -> bool {
        *self.moving.borrow()
    }

    /// Waits until the link is to go on over another stream.
    pub(super) async fn until_moving(&self) {
        // As below: the channel cannot end before the wait does.
        self.moving.subscribe().wait_for(|moving| *moving).await.ok();
    }

    /// Whether it was said that the queue overflowed, and not yet that it is empty again.
    pub(super) fn complained(&self) -> &AtomicBool {
        &self.complained
    }

    /// Waits until the queue is in this state.
    pub(in crate::net) async fn until(&self, wanted: Flow) {
        // The sender is part of `self`, so the channel cannot end before the wait does.
        self.flow.subscribe().wait_for(|flow| *flow == wanted).await.ok();
    }

    fn change(&self, from: Flow, to: Flow) {
        self.flow.send_if_modified(|flow| {
            let changes = *flow == from;
            if changes {
                *flow = to;
            }
            changes
        });
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing can panic while the lock is held, and the queue is whole after each statement.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_out_in_order_behind_their_lengths() {
        let outbox = Outbox::new();
        outbox.push(Bytes::from_static(b"ab"));
        outbox.push(Bytes::from_static(b"c"));
        outbox.push(Bytes::from_static(b"d"));
        let mut batch = BytesMut::new();
        outbox.take(&mut batch, 7).await;
        assert_eq!(&batch[..], b"\0\0\0\x02ab\0\0\0\x01c");
        assert!(!outbox.is_drained());
    }

    #[tokio::test]
    async fn an_overflow_drops_until_the_queue_is_empty() {
        let outbox = Outbox::new();
        for _ in 0..=MAX_QUEUED_FRAMES {
            outbox.push(Bytes::from_static(b"x"));
        }
        outbox.until(Flow::Congested).await;
        let mut batch = BytesMut::new();
        outbox.take(&mut batch, 5).await;
        outbox.push(Bytes::from_static(b"dropped though there is room"));
        batch.clear();
        outbox.take(&mut batch, usize::MAX).await;
        assert_eq!(batch.len(), (MAX_QUEUED_FRAMES - 1) * 5);
        assert!(outbox.is_drained());
        outbox.until(Flow::Open).await;
    }

    #[tokio::test]
    async fn large_frames_fill_it_by_their_bytes() {
        let outbox = Outbox::new();
        let frame = Bytes::from(vec![0; MAX_QUEUED_BYTES / 16]);
        for _ in 0..17 {
            outbox.push(frame.clone());
        }
        outbox.until(Flow::Congested).await;
        assert_eq!(outbox.lock().frames.len(), 16);
    }
}
